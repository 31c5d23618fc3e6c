//! How much of an address is told.

use sensor_mail::{DomainRef, Mailbox};

/// How much of each address an event tells. What is left out is not stored in the outbox either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Addresses {
    /// The address.
    #[default]
    Full,
    /// What stands behind its `@`.
    Domain,
    /// Nothing; how many there are is told all the same.
    None,
}

/// The words of the configuration.
pub(crate) const WORDS: &[(&str, Addresses)] =
    &[("full", Addresses::Full), ("domain", Addresses::Domain), ("none", Addresses::None)];

impl Addresses {
    /// What may be told of an address as it stands in a field. Of a text that is no address nobody knows which
    /// part is private: it has no domain.
    pub(super) fn of_text(self, text: &str) -> Option<String> {
        match self {
            Self::Full => Some(text.to_owned()),
            Self::Domain => Mailbox::parse(text).ok().map(|mailbox| domain(&mailbox)),
            Self::None => None,
        }
    }
}

fn domain(mailbox: &Mailbox) -> String {
    match mailbox.domain() {
        DomainRef::Name(name) => name.to_owned(),
        DomainRef::Literal(literal) => format!("[{literal}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_told() {
        for (text, full, domain) in [
            ("bob@example.com", Some("bob@example.com"), Some("example.com")),
            ("\"a@b\"@example.com", Some("\"a@b\"@example.com"), Some("example.com")),
            ("bob@[192.0.2.7]", Some("bob@[192.0.2.7]"), Some("[192.0.2.7]")),
            // The text behind the last @ of what is no address may be anything.
            ("bob@secret project", Some("bob@secret project"), None),
            ("postmaster", Some("postmaster"), None),
            ("", Some(""), None),
        ] {
            assert_eq!(Addresses::Full.of_text(text).as_deref(), full, "{text}");
            assert_eq!(Addresses::Domain.of_text(text).as_deref(), domain, "{text}");
            assert_eq!(Addresses::None.of_text(text), None, "{text}");
        }
    }
}
