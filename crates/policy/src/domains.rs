//! Which recipients' domains are covered.
//!
//! ```text
//! example.com  !lab.example.com  public.lab.example.com  [192.0.2.7]
//!
//!        com
//!         '- example        covered      a@example.com, a@www.example.com
//!              '- lab       not covered  a@lab.example.com, a@x.lab.example.com
//!                  '- public covered     a@public.lab.example.com
//! ```
//!
//! An entry covers its domain and the subdomains of that; the most specific entry decides. A name is looked
//! up by its suffixes, longest first, each one hash, never more of them than the longest entry has labels.
//!
//! An IP address literal is covered by an entry that is the same address, and by an empty list. A list of
//! mere exceptions does not cover it: a literal is no domain, and nobody who excludes a domain means one.

mod entry;
mod name;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use sensor_mail::DomainRef;

use crate::entries::{DecidingEntry, Entries, Position};
use crate::fault::{EntryFault, EntryProblem};
use entry::Covers;

/// The one form in which the names of domains are compared; none for a name that is none in any script.
pub(crate) fn canonical(name: &str) -> Option<Box<str>> {
    name::with_canonical(name, |name| name.into())
}

/// The name of the list in the configuration, with which its rules' ids begin.
pub const LIST: &str = "destination_domains";

/// The list `destination_domains`.
#[derive(Clone, Debug, Default)]
pub struct DomainRules {
    entries: Entries,
    names: HashMap<Box<str>, Position>,
    literals: HashMap<IpAddr, Position>,
    /// How many labels the longest name has: no longer suffix is ever looked up.
    labels_max: usize,
    /// The first entry that says what is covered, exceptions from exceptions aside.
    positive: Option<Position>,
}

/// What holds for a domain that no entry covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainDefault {
    /// The list is empty: any recipient is covered, address literals too.
    AcceptAll,
    /// The list holds only exceptions: any other domain is covered.
    AcceptRest,
    /// The list says what is covered: nothing else is.
    Refuse,
}

impl DomainDefault {
    /// Whether a domain that no entry covers is taken.
    #[must_use]
    pub fn accepts(self) -> bool {
        match self {
            Self::AcceptAll | Self::AcceptRest => true,
            Self::Refuse => false,
        }
    }
}

/// What the list says about one domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DomainRuling {
    Entry(Position),
    Default(DomainDefault),
    /// An address literal that no entry is, and the list is not empty.
    Literal,
}

impl DomainRules {
    /// Reads the entries in the order of the file. An entry that repeats another is harmless; the first decides.
    ///
    /// # Errors
    /// Every entry that cannot be used, in the order of the file.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, Vec<EntryFault>> {
        let mut rules = Self { entries: Entries::new(entries), ..Self::default() };
        let mut faults = Vec::new();
        for (index, typed) in entries.iter().enumerate() {
            if let Err(problem) = rules.add(index, typed.as_ref()) {
                faults.push(EntryFault { index, problem });
            }
        }
        rules.positive = rules.first_positive();
        if faults.is_empty() { Ok(rules) } else { Err(faults) }
    }

    fn add(&mut self, index: usize, typed: &str) -> Result<(), EntryProblem> {
        let (covers, negated) = entry::parse(typed)?;
        let position = Position::new(index, negated);
        let held = match covers {
            Covers::Literal(address) => *self.literals.entry(address).or_insert(position),
            Covers::Name(name) => {
                self.labels_max = self.labels_max.max(name::labels(&name));
                *self.names.entry(name).or_insert(position)
            }
        };
        if held.negated == negated {
            Ok(())
        } else {
            Err(EntryProblem::Contradiction { earlier: held.index() })
        }
    }

    /// The first positive entry that lies in no `!` entry: with one, the list says what is covered.
    fn first_positive(&self) -> Option<Position> {
        let literals = self.literals.values().filter(|position| !position.negated);
        let names = self.names.iter().filter(|(name, position)| !position.negated && !self.is_excepted(name));
        literals.chain(names.map(|(_, position)| position)).min_by_key(|position| position.index()).copied()
    }

    fn is_excepted(&self, name: &str) -> bool {
        name::suffixes(name, self.labels_max)
            .any(|suffix| self.names.get(suffix).is_some_and(|at| at.negated))
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

    /// Whether the list is empty, so that every recipient is covered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What holds for a domain that no entry covers.
    #[must_use]
    pub fn default_answer(&self) -> DomainDefault {
        match self.positive {
            _ if self.is_empty() => DomainDefault::AcceptAll,
            Some(_) => DomainDefault::Refuse,
            None => DomainDefault::AcceptRest,
        }
    }

    /// The entry for whose sake the default is [`DomainDefault::Refuse`].
    #[must_use]
    pub fn refusing_entry(&self) -> Option<DecidingEntry<'_>> {
        self.positive.map(|position| self.deciding(position))
    }

    /// Whether an entry covers the domain, or none does and that is enough: what [`crate::Rules::at_rcpt`] admits.
    pub(crate) fn accept(&self, domain: DomainRef<'_>) -> bool {
        match self.rule_on(domain) {
            DomainRuling::Entry(position) => !position.negated,
            DomainRuling::Default(answer) => answer.accepts(),
            DomainRuling::Literal => false,
        }
    }

    pub(crate) fn deciding(&self, position: Position) -> DecidingEntry<'_> {
        self.entries.deciding(LIST, position)
    }

    pub(crate) fn rule_on(&self, domain: DomainRef<'_>) -> DomainRuling {
        let entry = match domain {
            DomainRef::Name(name) => self.most_specific(name),
            DomainRef::Literal(_) => {
                domain.address().and_then(|address| self.literals.get(&address)).copied()
            }
        };
        match (entry, domain) {
            (Some(position), _) => DomainRuling::Entry(position),
            (None, DomainRef::Literal(_)) if !self.is_empty() => DomainRuling::Literal,
            (None, DomainRef::Name(_) | DomainRef::Literal(_)) => {
                DomainRuling::Default(self.default_answer())
            }
        }
    }

    /// The entry with the most labels that covers `name`. A name that is none in any script is covered by none.
    fn most_specific(&self, name: &str) -> Option<Position> {
        if self.names.is_empty() {
            return None;
        }
        name::with_canonical(name, |name| {
            name::suffixes(name, self.labels_max).find_map(|suffix| self.names.get(suffix)).copied()
        })?
    }
}

/// Equal as typed: all else follows from that.
impl PartialEq for DomainRules {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl fmt::Display for DomainDefault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AcceptAll => "accept, because the list is empty",
            Self::AcceptRest => "accept, because the list holds only exceptions",
            Self::Refuse => "refuse, because the list says what is covered",
        })
    }
}

#[cfg(test)]
mod tests;
