//! How much of an envelope address the log shows, and nothing in it that acts on a terminal: JSON lets some
//! of that through. Bodies and subjects it never shows.

use std::borrow::Cow;

use sensor_mail::envelope::Recipient;
use sensor_mail::terminal::visible;
use sensor_mail::{ForwardPath, Mailbox, ReversePath};

/// `log.addresses`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressLog {
    /// `ada@example.com`
    #[default]
    Full,
    /// `@example.com`
    Domain,
    /// No address. `<>` and `postmaster`, which name nobody, are shown all the same.
    None,
}

impl AddressLog {
    /// MAIL FROM as the log shows it.
    #[must_use]
    pub fn reverse_path(self, path: &ReversePath) -> String {
        match path {
            ReversePath::Null => "<>".into(),
            ReversePath::Mailbox(mailbox) => {
                self.mailbox(mailbox).map_or_else(|| "-".into(), Cow::into_owned)
            }
        }
    }

    /// Recipients as the log shows them, separated by commas: the first few, and how many more.
    #[must_use]
    pub fn recipients(self, recipients: &[Recipient]) -> String {
        const SHOWN_MAX: usize = 5;
        let mut text = String::new();
        for shown in recipients.iter().take(SHOWN_MAX).filter_map(|shown| self.forward_path(&shown.path)) {
            if !text.is_empty() {
                text.push(',');
            }
            text += &shown;
        }
        if recipients.len() > SHOWN_MAX && self != Self::None {
            text += &format!(",+{}", recipients.len() - SHOWN_MAX);
        }
        if text.is_empty() { "-".to_owned() } else { text }
    }

    fn forward_path(self, path: &ForwardPath) -> Option<Cow<'_, str>> {
        match path {
            ForwardPath::Postmaster => Some("postmaster".into()),
            ForwardPath::Mailbox(mailbox) => self.mailbox(mailbox),
        }
    }

    fn mailbox(self, mailbox: &Mailbox) -> Option<Cow<'_, str>> {
        match self {
            Self::Full => Some(visible(mailbox.as_str())),
            Self::Domain => Some(visible(&mailbox.as_str()[mailbox.local_part().len()..])),
            Self::None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use sensor_mail::envelope::Provenance;

    use super::*;

    #[test]
    fn addresses_are_shown_as_far_as_the_setting_says() {
        let recipient = |address: &str| Recipient {
            path: ForwardPath::parse(address).unwrap(),
            parameters: vec![],
            provenance: Provenance::Envelope,
            unscanned: false,
        };
        let few = [recipient("ada@example.com"), recipient("postmaster")];
        let many: Vec<_> = (0..7).map(|n| recipient(&format!("r{n}@example.com"))).collect();
        for (setting, few_shown, many_shown) in [
            (
                AddressLog::Full,
                "ada@example.com,postmaster",
                "r0@example.com,r1@example.com,r2@example.com,r3@example.com,r4@example.com,+2",
            ),
            (
                AddressLog::Domain,
                "@example.com,postmaster",
                "@example.com,@example.com,@example.com,@example.com,@example.com,+2",
            ),
            (AddressLog::None, "postmaster", "-"),
        ] {
            assert_eq!(setting.recipients(&few), few_shown);
            assert_eq!(setting.recipients(&many), many_shown);
        }
        assert_eq!(AddressLog::None.reverse_path(&ReversePath::Null), "<>");
        let hostile = [recipient("a\u{9b}2J@\u{202e}b.example")];
        assert_eq!(AddressLog::Full.recipients(&hostile), "a\u{fffd}2J@\u{fffd}b.example");
        assert_eq!(AddressLog::Domain.recipients(&hostile), "@\u{fffd}b.example");
    }
}
