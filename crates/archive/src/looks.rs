//! The looks into a message as a file: JSON lines, of which the first tells the version.
//!
//! ```text
//!  {"mailsensor_looks":1,"oldest_reader":1}
//!  {"revision":1,"begun":"...","parts":[...],"coverage":[...],"judgement":{...}}
//!  {"revision":2,...}
//! ```
//!
//! A look is added by writing the file anew beside the old one, which then gets its name: messages have one look,
//! seldom a few, and a file that has its name is whole, whenever the power goes.

use sensor_mail::Look;
use serde::{Deserialize, Serialize};

use crate::record::RecordError;

/// The version that is written.
const VERSION: u16 = 1;

/// The most looks into one message. Only rescans by hand make many.
const LOOKS_MAX: usize = 10_000;

#[derive(Serialize, Deserialize)]
struct Versions {
    mailsensor_looks: u16,
    oldest_reader: u16,
}

/// The looks of a file, and its octets, to which others are added.
#[derive(Default)]
pub(crate) struct Looks {
    pub(crate) decoded: Vec<Look>,
    octets: Vec<u8>,
}

impl Looks {
    pub(crate) fn decode(octets: Vec<u8>) -> Result<Self, RecordError> {
        let mut lines = octets.split_inclusive(|&octet| octet == b'\n');
        let Versions { mailsensor_looks: version, oldest_reader } =
            serde_json::from_slice(lines.next().unwrap_or_default())?;
        if oldest_reader > VERSION {
            return Err(RecordError::UnknownVersion { version, oldest_reader });
        }
        let decoded = lines.map(serde_json::from_slice).collect::<Result<_, _>>()?;
        Ok(Self { decoded, octets })
    }

    /// The file with this look too. One whose revision, or a later one, is there is not added again.
    ///
    /// # Errors
    /// When there are as many as there may be.
    pub(crate) fn with(&self, look: &Look) -> Result<Vec<u8>, TooMany> {
        let mut octets = self.octets.clone();
        if self.decoded.last().is_some_and(|last| last.revision >= look.revision) {
            return Ok(octets);
        }
        if self.decoded.len() >= LOOKS_MAX {
            return Err(TooMany);
        }
        if octets.is_empty() {
            push_line(&mut octets, &Versions { mailsensor_looks: VERSION, oldest_reader: VERSION });
        }
        push_line(&mut octets, look);
        Ok(octets)
    }

    /// The last look when this one is added.
    pub(crate) fn last<'a>(&'a self, added: &'a Look) -> &'a Look {
        match self.decoded.last() {
            Some(last) if last.revision >= added.revision => last,
            Some(_) | None => added,
        }
    }
}

/// A message has all the looks that it may have.
#[derive(Debug, thiserror::Error)]
#[error("the message has {LOOKS_MAX} looks, and may have no more")]
pub(crate) struct TooMany;

fn push_line(octets: &mut Vec<u8>, line: &impl Serialize) {
    serde_json::to_writer(&mut *octets, line)
        .expect("it has text keys only, and memory takes what it is given");
    octets.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_of_a_later_version_are_refused() {
        let file =
            |oldest: u16| format!("{{\"mailsensor_looks\":2,\"oldest_reader\":{oldest},\"more\":1}}\n");
        assert!(Looks::decode(file(1).into_bytes()).unwrap().decoded.is_empty());
        let error = Looks::decode(file(2).into_bytes()).map(|looks| looks.decoded).unwrap_err();
        assert!(matches!(error, RecordError::UnknownVersion { version: 2, oldest_reader: 2 }), "{error}");
        for bad in ["", "{}", "[]\n", "{\"mailsensor_looks\":1,\"oldest_reader\":1}\n{}\n"] {
            let decoded = Looks::decode(bad.as_bytes().to_vec()).map(|looks| looks.decoded);
            assert!(matches!(decoded, Err(RecordError::Malformed(_))), "{bad:?}");
        }
    }
}
