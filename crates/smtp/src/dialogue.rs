//! Dialogues: what a client says and what it must hear, as text files that a mail admin can read.
//!
//! The form is described in `tests/dialogues/README.md`. [`Dialogue::parse`] reads it, [`Dialogue::run`]
//! plays it against a [`Session`](crate::Session) with its input cut in any way; a runner over sockets
//! plays the same [`Act`]s. [`fuzz::check_session`] asserts what must hold for any input at all.

use std::time::Duration;

mod account;
mod driver;
mod escape;
pub mod fuzz;
mod parse;
mod run;
mod scene;

pub use account::account;
#[cfg(test)]
pub(crate) use driver::some_instant;
pub use run::Cuts;
pub use scene::Scene;

/// One file.
#[derive(Clone, Debug)]
pub struct Dialogue {
    /// How the server is set up.
    pub scene: Scene,
    /// What happens, in order.
    pub acts: Vec<Act>,
    /// The messages that are accepted, in order.
    pub kept: Vec<Kept>,
    /// How it ends: the name of a close reason, or `open`.
    pub end: String,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// The client sends these octets, in one piece if its network is kind.
    Client(Vec<u8>),
    /// The server has said these lines since the last time, and no more.
    Server(Vec<Expected>),
    /// The client does a TLS handshake.
    Handshake,
    /// Nothing happens for so long.
    Wait(Duration),
    /// The client closes the connection.
    Gone,
    /// The operator shuts the server down.
    ShutDown,
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Where it stands in the file, for reports.
    pub number: usize,
    /// How much it covers.
    pub extent: Extent,
    /// A line without CRLF; if it ends in `...`, any end will do.
    pub line: String,
}

/// How much an [`Expected`] covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// This one line.
    Line,
    /// All lines of a reply, each of which begins with this.
    Reply,
}

impl Expected {
    /// Whether `line` is what was expected.
    #[must_use]
    pub fn matches(&self, line: &str) -> bool {
        match (self.extent, self.line.strip_suffix("...")) {
            (Extent::Line, Some(start)) => line.starts_with(start),
            (Extent::Line, None) => line == self.line,
            (Extent::Reply, _) => line.starts_with(&self.line),
        }
    }

    /// Whether the next line belongs to it too: `line` is one of a reply, and not its last.
    #[must_use]
    pub fn goes_on_behind(&self, line: &str) -> bool {
        self.extent == Extent::Reply && line.as_bytes().get(3) == Some(&b'-')
    }
}

/// A message that is accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Its envelope, as `account` writes it.
    pub account: String,
    /// Its octets.
    pub octets: Vec<u8>,
}

/// Why a dialogue fails.
#[derive(Debug, thiserror::Error)]
pub enum DialogueError {
    /// The file does not follow the form.
    #[error("line {number}: {fault}: {line:?}")]
    Form {
        /// Counted from 1.
        number: usize,
        /// What is wrong.
        fault: &'static str,
        /// The line.
        line: String,
    },
    /// The file says nothing of how the session ends.
    #[error("no line says `end: ...`")]
    NoEnd,
    /// The server does not say what it should.
    #[error("line {number}: expected {expected:?}, heard {heard:?}")]
    Reply {
        /// Counted from 1; 0 where nothing more was expected.
        number: usize,
        /// The line of the file.
        expected: String,
        /// What the server said.
        heard: String,
    },
    /// Other messages were accepted than should be.
    #[error("expected {expected:#?}, kept {kept:#?}")]
    Messages {
        /// Those of the file.
        expected: Vec<Kept>,
        /// Those accepted.
        kept: Vec<Kept>,
    },
    /// The session ends otherwise.
    #[error("expected the end `{expected}`, it is `{end}`")]
    End {
        /// That of the file.
        expected: String,
        /// What it came to.
        end: String,
    },
}

#[cfg(test)]
mod tests;
