//! Which clients may connect.
//!
//! ```text
//! 10.0.0.0/8                  |===================================|
//! !10.9.0.0/16                          |=========|
//! 10.9.7.0/24                               |==|
//!
//! flattened:              no  | yes     | no| y|no| yes           | no (the default)
//! ```
//!
//! The longest prefix that holds an address decides. Prefixes nest or lie apart, so a list flattens into
//! disjoint ranges, each owned by its innermost entry, and a look-up is one binary search. IPv4 and IPv6 are
//! two tables: an IPv4-mapped IPv6 address is IPv4, in a list as well as on a connection, and `::/0` says
//! nothing about IPv4.

mod entry;
mod ranges;

use std::fmt;
use std::net::IpAddr;

use cidr_utils::cidr::IpCidr;

use crate::entries::{DecidingEntry, Entries, Position};
use crate::fault::{EntryFault, EntryProblem};
use ranges::{Block, Contradiction, Ranges};

/// The name of the list in the configuration, with which its rules' ids begin.
pub const LIST: &str = "clients";

/// The list `clients`.
#[derive(Clone, Debug, Default)]
pub struct ClientRules {
    entries: Entries,
    v4: Ranges<u32>,
    v6: Ranges<u128>,
    /// The first entry that says who may, exceptions from exceptions aside.
    positive: Option<Position>,
}

/// What holds for a client that no entry covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientDefault {
    /// The list is empty, and destination domains say what is taken: any client may connect.
    AnyClient,
    /// Both lists are empty: clients near the local address may connect.
    OwnSubnets,
    /// The list holds only exceptions: any other client may connect.
    AcceptRest,
    /// The list says who may connect: nobody else may.
    Refuse,
}

impl ClientRules {
    /// Reads the entries in the order of the file. An entry that repeats another is harmless; the first decides.
    ///
    /// # Errors
    /// Every entry that cannot be used, in the order of the file.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, Vec<EntryFault>> {
        let (mut v4, mut v6, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        for (index, typed) in entries.iter().enumerate() {
            match entry::parse(typed.as_ref()) {
                Ok((IpCidr::V4(cidr), negated)) => {
                    let (first, last) = (cidr.first_address().to_bits(), cidr.last_address().to_bits());
                    v4.push(Block { first, last, owner: Position::new(index, negated) });
                }
                Ok((IpCidr::V6(cidr), negated)) => {
                    let (first, last) = (cidr.first_address().to_bits(), cidr.last_address().to_bits());
                    v6.push(Block { first, last, owner: Position::new(index, negated) });
                }
                Err(problem) => faults.push(EntryFault { index, problem }),
            }
        }
        ranges::sort(&mut v4);
        ranges::sort(&mut v6);
        faults.extend(ranges::contradictions(&v4).chain(ranges::contradictions(&v6)).map(EntryFault::from));
        if !faults.is_empty() {
            faults.sort_by_key(|fault| fault.index);
            return Err(faults);
        }
        let (v4, positive_v4) = Ranges::flatten(&v4);
        let (v6, positive_v6) = Ranges::flatten(&v6);
        let positive = positive_v4.into_iter().chain(positive_v6).min_by_key(|position| position.index());
        Ok(Self { entries: Entries::new(entries), v4, v6, positive })
    }

    /// The entries as typed, in the order of the file.
    pub fn entries(&self) -> impl Iterator<Item = &str> {
        self.entries.iter()
    }

    /// How many entries the list has, repetitions included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the list is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What holds for a client that no entry covers, beside a list of destination domains that is empty or not.
    #[must_use]
    pub fn default_answer(&self, no_domains: bool) -> ClientDefault {
        match self.positive {
            _ if self.is_empty() && no_domains => ClientDefault::OwnSubnets,
            _ if self.is_empty() => ClientDefault::AnyClient,
            Some(_) => ClientDefault::Refuse,
            None => ClientDefault::AcceptRest,
        }
    }

    /// The entry for whose sake the default is [`ClientDefault::Refuse`].
    #[must_use]
    pub fn refusing_entry(&self) -> Option<DecidingEntry<'_>> {
        self.positive.map(|position| self.deciding(position))
    }

    pub(crate) fn deciding(&self, position: Position) -> DecidingEntry<'_> {
        self.entries.deciding(LIST, position)
    }

    /// The entry with the longest prefix that holds the address; the address is canonical.
    pub(crate) fn longest_prefix(&self, client: IpAddr) -> Option<Position> {
        match client {
            IpAddr::V4(client) => self.v4.owner(client.to_bits()),
            IpAddr::V6(client) => self.v6.owner(client.to_bits()),
        }
    }
}

/// Equal as typed: all else follows from that.
impl PartialEq for ClientRules {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl From<Contradiction> for EntryFault {
    fn from(Contradiction { index, earlier }: Contradiction) -> Self {
        Self { index, problem: EntryProblem::Contradiction { earlier } }
    }
}

impl fmt::Display for ClientDefault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AnyClient => "accept any client, because the list is empty and destination_domains is not",
            Self::OwnSubnets => {
                "accept clients in the subnets of the interface they connect to, because this list and \
                 destination_domains are empty"
            }
            Self::AcceptRest => "accept, because the list holds only exceptions",
            Self::Refuse => "refuse, because the list says who may connect",
        })
    }
}

#[cfg(test)]
mod tests;
