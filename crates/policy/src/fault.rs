//! What is wrong with an entry of a list, in words that say what to type instead.

use std::fmt;

/// One entry that cannot be used.
///
/// The index lets whoever knows the file attach line and column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct EntryFault {
    /// Where the entry stands in its list, counted from 0.
    pub index: usize,
    /// What is wrong with it.
    #[source]
    pub problem: EntryProblem,
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryProblem {
    /// There is nothing between the quotes.
    #[error("the entry is empty")]
    Empty,
    /// A `!` stands alone.
    #[error("`!` has nothing to negate")]
    NothingNegated,
    /// A `!` stands behind a `!`.
    #[error("one `!` is enough")]
    NegatedTwice,
    /// The list says yes and no to the same thing.
    #[error("contradicts entry {} of this list; remove one of them", .earlier + 1)]
    Contradiction {
        /// The other entry, counted from 0.
        earlier: usize,
    },
    /// The entry is neither an address nor a block.
    #[error("{problem}{}", DidYouMean(.meant))]
    Client {
        /// What is wrong with it.
        problem: ClientProblem,
        /// What may have been meant.
        meant: Option<String>,
    },
    /// The entry is neither a domain nor an address literal.
    #[error("{problem}{}", DidYouMean(.meant))]
    Domain {
        /// What is wrong with it.
        problem: DomainProblem,
        /// What may have been meant.
        meant: Option<String>,
    },
}

/// Why a text is neither an address nor a block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientProblem {
    /// `10.1.2.3/8`
    #[error("host bits are set")]
    HostBits,
    /// `010.0.0.1`, which some programs read as octal.
    #[error("a number has leading zeros, which some programs read as octal")]
    LeadingZeros,
    /// `10.0.0.0/33`
    #[error("the prefix is longer than the {max} bits of an address")]
    PrefixTooLong {
        /// 32 or 128.
        max: u8,
    },
    /// `10.0.0.0/x`
    #[error("the prefix is not a number")]
    PrefixNotANumber,
    /// `10.0.0.0/255.0.0.0`
    #[error("a netmask is not taken")]
    Netmask,
    /// `10.0.*`
    #[error("wildcards are not taken")]
    Wildcard,
    /// `192.0.2.7:25`
    #[error("a port has no place here")]
    Port,
    /// `[2001:db8::7]`
    #[error("brackets have no place here")]
    Brackets,
    /// `fe80::1%eth0`
    #[error("an interface has no place here")]
    Zone,
    /// `10.0.0.1-10.0.0.9`
    #[error("ranges are not taken, write addresses and blocks")]
    Range,
    /// Anything else; host names among it.
    #[error("neither an IP address nor a block such as 10.0.0.0/8 (names are not looked up)")]
    NotAnAddress,
}

/// Why a text is neither a domain nor an address literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DomainProblem {
    /// `*.example.com`
    #[error("wildcards are not taken, an entry covers its subdomains")]
    Wildcard,
    /// `.example.com`
    #[error("the leading dot is not taken, an entry covers its subdomains")]
    LeadingDot,
    /// `a@example.com`
    #[error("an address is not taken, only its domain")]
    Address,
    /// `192.0.2.7`
    #[error("an IP address stands in brackets as in mail to it")]
    BareIpAddress,
    /// `[192.0.2]`
    #[error("not an address literal such as [192.0.2.7] or [IPv6:2001:db8::7]")]
    Literal,
    /// `a..example`
    #[error("a label is empty")]
    EmptyLabel,
    /// A label of more than 63 octets or a name of more than 253, as A-labels.
    #[error("the name is longer than DNS allows")]
    TooLong,
    /// `ex ample.com`, `-x.example`
    #[error("not a domain name")]
    NotAName,
    /// Not encodable by UTS #46.
    #[error("not a domain name in any script")]
    NotAnIdn,
}

/// The end of a sentence: a proposal, where there is one.
struct DidYouMean<'a>(&'a Option<String>);

impl fmt::Display for DidYouMean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(meant) => write!(f, "; did you mean {meant}?"),
            None => Ok(()),
        }
    }
}
