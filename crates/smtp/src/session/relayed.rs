//! Clients that speak for others: XCLIENT and XFORWARD.
//!
//! ```text
//!  XCLIENT ADDR=...   Idle --Introduced--> Connected --greet--> Idle (220), TurnedAway (554) or Closing (421)
//!  XFORWARD ADDR=...  kept until the next transaction ends, and stored with its message
//! ```
//!
//! XCLIENT makes the session begin anew as that of somebody else: whatever stands behind it in the same
//! piece is that client's, judged by what was decided about that client, and needs EHLO. XFORWARD decides
//! nothing.

use sensor_mail::envelope::{XClient, XForward};

use crate::command::Verb;
use crate::command::attributes::{ClientAttribute, ForwardAttribute};
use crate::reply::table;
use crate::{Event, Reply};

use super::patience::Patience;
use super::state::{Question, State};
use super::{Permits, Session};

impl Session {
    /// Says what the client is trusted with; nothing, unless it is said before the greeting. Speaking for
    /// others does not change it: that is decided by who connected.
    pub fn permit(&mut self, permits: Permits) {
        self.permits = permits;
    }

    /// What all XCLIENT commands of this session together said of the client.
    #[must_use]
    pub fn introduced(&self) -> Option<&XClient> {
        self.introduced.as_deref()
    }

    /// What XFORWARD said of the message that [`Event::Mail`] asks about.
    #[must_use]
    pub fn forwarded(&self) -> Option<&XForward> {
        match &self.state {
            State::Asked(Question::Sender(transaction)) => transaction.forwarded.as_deref(),
            State::Asked(
                Question::Recipient(_) | Question::Data(_) | Question::Chunk(..) | Question::Message,
            )
            | State::Connected
            | State::TurnedAway
            | State::Idle
            | State::Open(_)
            | State::Receiving(_)
            | State::Securing
            | State::Closing(_) => None,
        }
    }

    /// What is refused before its arguments are looked at.
    pub(super) fn relay_refusal(&self, verb: Verb) -> Option<Reply> {
        let permitted = match verb {
            Verb::XClient => self.permits.xclient,
            Verb::XForward => self.permits.xforward,
            Verb::Helo
            | Verb::Ehlo
            | Verb::Mail
            | Verb::Rcpt
            | Verb::Data
            | Verb::Bdat
            | Verb::Rset
            | Verb::Noop
            | Verb::Vrfy
            | Verb::Help
            | Verb::Quit
            | Verb::StartTls
            | Verb::NotImplemented
            | Verb::Unknown => return None,
        };
        if !permitted {
            return Some(table::MAY_NOT_SPEAK_FOR_OTHERS);
        }
        match &self.state {
            State::Open(transaction) => Some(transaction.only_chunks().unwrap_or(table::TRANSACTION_OPEN)),
            State::Connected
            | State::TurnedAway
            | State::Idle
            | State::Asked(_)
            | State::Receiving(_)
            | State::Securing
            | State::Closing(_) => None,
        }
    }

    pub(super) fn introduce(&mut self, attributes: Vec<ClientAttribute>) -> Option<Event> {
        let said = self.introduced.get_or_insert_default();
        attributes.into_iter().for_each(|attribute| attribute.apply(said));
        self.hello = None;
        self.forwarded = None;
        self.patience = Patience::default();
        self.state = State::Connected;
        Some(Event::Introduced)
    }

    pub(super) fn forward(&mut self, attributes: Vec<ForwardAttribute>) -> Option<Event> {
        let said = self.forwarded.get_or_insert_default();
        attributes.into_iter().for_each(|attribute| attribute.apply(said));
        self.told(&table::OK)
    }
}
