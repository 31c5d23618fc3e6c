//! Networks that are trusted with something.

use std::net::IpAddr;

use crate::clients::ClientRules;
use crate::fault::EntryFault;

/// Addresses and blocks that share a right, such as proxies; `!` excepts. As in `clients` the longest prefix
/// decides and an IPv4-mapped IPv6 address is IPv4; unlike there, what no entry covers is outside, also where
/// there is no entry at all.
#[derive(Clone, Debug, Default)]
pub struct Networks(ClientRules);

impl Networks {
    /// Reads the entries in the order of the file.
    ///
    /// # Errors
    /// Every entry that cannot be used, in the order of the file.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, Vec<EntryFault>> {
        ClientRules::parse(entries).map(Self)
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the address is inside.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let entry = self.0.longest_prefix(address.to_canonical());
        entry.is_some_and(|position| !position.negated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_entry_covers_is_inside() {
        for (entries, address, inside) in [
            (&[][..], "127.0.0.1", false),
            (&["!10.0.0.0/8"], "192.0.2.1", false),
            (&["10.0.0.1"], "10.0.0.1", true),
            (&["10.0.0.1"], "::ffff:10.0.0.1", true),
            (&["10.0.0.1"], "10.0.0.2", false),
            (&["10.0.0.0/8", "!10.0.0.9"], "10.0.0.9", false),
            (&["::/0"], "10.0.0.1", false),
            (&["2001:db8::/32"], "2001:db8::7", true),
        ] {
            let networks = Networks::parse(entries).unwrap();
            assert_eq!(networks.contains(address.parse().unwrap()), inside, "{entries:?} {address}");
        }
        assert!(Networks::parse(&["proxy.example.com"]).is_err());
    }
}
