//! Addresses that a rule names, compared as those who administer mail mean them: case does not matter, nor
//! how the domain is written.

use sensor_mail::{AddressError, DomainRef, Mailbox};

use crate::domains::canonical;

/// A whole address. RFC 5321 section 2.4 lets a host tell local parts apart by case; hardly one does, and a
/// rule that is evaded by a capital letter is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    local_part: Box<str>,
    domain: Box<str>,
}

impl Address {
    pub(super) fn parse(typed: &str) -> Result<Self, AddressError> {
        let mailbox = Mailbox::parse(typed)?;
        let domain = domain_of(&mailbox).ok_or(AddressError::Domain)?;
        Ok(Self { local_part: mailbox.local_part().to_lowercase().into(), domain })
    }

    pub(super) fn is(&self, mailbox: &Mailbox) -> bool {
        mailbox.local_part().to_lowercase() == *self.local_part
            && domain_of(mailbox).is_some_and(|domain| domain == self.domain)
    }
}

/// The domain in the form in which domains are compared; none for one that is none in any script.
fn domain_of(mailbox: &Mailbox) -> Option<Box<str>> {
    let domain = mailbox.domain();
    match (domain, domain.address()) {
        (DomainRef::Name(name), _) => canonical(name),
        (DomainRef::Literal(_), Some(address)) => Some(format!("[{address}]").into()),
        (DomainRef::Literal(text), None) => Some(format!("[{}]", text.to_lowercase()).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_however_it_is_written() {
        for (typed, found, same) in [
            ("bob@example.com", "Bob@EXAMPLE.com.", true),
            ("bob@bücher.example", "bob@xn--bcher-kva.example", true),
            ("bob@example.com", "bob@sub.example.com", false),
            ("bob@example.com", "bobby@example.com", false),
            ("bob@[192.0.2.7]", "bob@[IPv6:::ffff:192.0.2.7]", true),
            ("bob@[192.0.2.7]", "bob@[192.0.2.8]", false),
            ("bob@[x-a:Y]", "bob@[X-A:y]", true),
        ] {
            let address = Address::parse(typed).unwrap();
            assert_eq!(address.is(&Mailbox::parse(found).unwrap()), same, "{typed} {found}");
        }
        for bad in ["", "bob", "@example.com", "example.com", "b o b@example.com"] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
    }
}
