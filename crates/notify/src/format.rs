//! How an event is written for its receiver: as ECS in JSON, as a syslog message, or as CEF.
//!
//! ```text
//!  file, stdout    ECS "\n"  |  CEF "\n"
//!  syslog, UDP     <PRI>1 TIME HOST mailsensor - look SD MSG         SD: structured data, or "-"
//!  syslog, TCP     LENGTH SP <PRI>1 ...                              MSG: ECS, CEF, or a sentence
//!  webhook         ECS, or with batches [ECS, ECS]
//! ```
//!
//! What a stranger wrote is escaped by the rules of its format, and what acts on a display
//! ([`sensor_mail::terminal::acts`]) never gets out as it is. A message that is larger than its receiver takes
//! is written again with less in it, whole by its grammar, and says so; nothing is cut in the middle.

pub(crate) mod cef;
pub(crate) mod ecs;
pub(crate) mod syslog;

use crate::notice::{Notice, REDUCTIONS};

/// Who reports.
#[derive(Clone, Debug)]
pub struct Reporter {
    /// The name of the host, as the configuration has it.
    pub hostname: Box<str>,
    /// The version of the sensor.
    pub version: Box<str>,
}

/// What a sink writes.
#[derive(Clone, Debug)]
pub(crate) enum Format {
    /// ECS in JSON.
    Ecs,
    /// A line of CEF.
    Cef,
    /// A message of RFC 5424.
    Syslog(syslog::Syslog),
}

impl Format {
    /// The event in this format, without what frames it.
    pub(crate) fn write(&self, notice: &Notice, reporter: &Reporter) -> Vec<u8> {
        match self {
            Self::Ecs => ecs::write(notice, reporter).into_bytes(),
            Self::Cef => cef::write(notice, reporter).into_bytes(),
            Self::Syslog(syslog) => {
                fitting(notice, syslog.octets_max, |notice| syslog.write(notice, reporter).into_bytes())
            }
        }
    }
}

/// What `write` makes of the event, with as much in it as fits `octets_max`. What does not fit at last is given
/// as it is: the bounds of the options leave room for the smallest.
pub(crate) fn fitting(notice: &Notice, octets_max: usize, write: impl Fn(&Notice) -> Vec<u8>) -> Vec<u8> {
    let mut written = write(notice);
    for step in 1..=REDUCTIONS {
        if written.len() <= octets_max {
            break;
        }
        written = write(&notice.reduced(step));
    }
    written
}

#[cfg(test)]
mod tests;
