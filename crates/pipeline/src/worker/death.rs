//! How a worker process ended that should not have.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use serde::{Deserialize, Serialize};

/// Why a worker came to its end over a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Death {
    /// It was not done in time, and was killed.
    OutOfTime,
    /// It asked for more memory than it may have, or the system killed it for want of memory.
    OutOfMemory,
    /// It recursed too deep.
    StackOverflow,
    /// It wrote more than it may.
    OutputLimit,
    /// It gave itself up.
    Aborted,
    /// A signal ended it: this one.
    Signal(i32),
    /// It ended by itself: with this status.
    Exited(i32),
    /// What it said cannot be true, and it was killed: this is wrong with it.
    Lied(String),
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfTime => f.write_str("the worker process was not done in time"),
            Self::OutOfMemory => f.write_str("the worker process ran out of memory"),
            Self::StackOverflow => f.write_str("the worker process overflowed its stack"),
            Self::OutputLimit => f.write_str("the worker process had more to say than it may"),
            Self::Aborted => f.write_str("the worker process aborted"),
            Self::Signal(number) => write!(f, "signal {number} ended the worker process"),
            Self::Exited(status) => write!(f, "the worker process exited with status {status}"),
            Self::Lied(what) => write!(f, "the worker process said what cannot be: {what}"),
        }
    }
}

impl Death {
    /// A word for counts.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::OutOfTime => "out_of_time",
            Self::OutOfMemory => "out_of_memory",
            Self::StackOverflow => "stack_overflow",
            Self::OutputLimit => "output_limit",
            Self::Aborted => "aborted",
            Self::Signal(_) => "signal",
            Self::Exited(_) => "exited",
            Self::Lied(_) => "lied",
        }
    }

    /// Of a process that ended by itself, with the end of what it wrote to standard error. Rust's runtime says
    /// there why it aborts; the words are only compared, for they may quote the message.
    pub(crate) fn of(status: ExitStatus, last_words: &str) -> Self {
        match (status.signal(), status.code()) {
            (Some(libc::SIGABRT), _) if last_words.contains("has overflowed its stack") => {
                Self::StackOverflow
            }
            (Some(libc::SIGABRT), _) if last_words.contains("memory allocation of") => Self::OutOfMemory,
            (Some(libc::SIGABRT), _) => Self::Aborted,
            (Some(libc::SIGXCPU), _) => Self::OutOfTime,
            (Some(libc::SIGXFSZ), _) => Self::OutputLimit,
            // Nobody else but the system, for want of memory, or an operator, kills it.
            (Some(libc::SIGKILL), _) => Self::OutOfMemory,
            (Some(signal), _) => Self::Signal(signal),
            (None, code) => Self::Exited(code.unwrap_or(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_of_death_is_told() {
        let overflow = "\nthread 'main' has overflowed its stack\nfatal runtime error: stack overflow";
        for (status, words, expected) in [
            (libc::SIGABRT, "", Death::Aborted),
            (libc::SIGABRT, overflow, Death::StackOverflow),
            (libc::SIGABRT, "memory allocation of 9 bytes failed\n", Death::OutOfMemory),
            (libc::SIGSEGV, overflow, Death::Signal(libc::SIGSEGV)),
            (libc::SIGKILL, "", Death::OutOfMemory),
            (libc::SIGXCPU, "", Death::OutOfTime),
            (libc::SIGXFSZ, "", Death::OutputLimit),
            (101 << 8, "panicked at", Death::Exited(101)),
            (0, "", Death::Exited(0)),
        ] {
            assert_eq!(Death::of(ExitStatus::from_raw(status), words), expected);
        }
    }
}
