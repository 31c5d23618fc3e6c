//! Decisions in an administrator's words: the parts, which whoever tells of them puts together.
//!
//! ```text
//! question                rule        reason
//! client 10.9.1.1 refused clients[2]  "!10.9.0.0/16"
//! default of clients: refuse, because clients[1] "10.0.0.0/8" says who may connect
//! ```

use std::fmt;
use std::net::IpAddr;

use sensor_mail::{ForwardPath, RuleId};

use crate::clients::{self, ClientDefault};
use crate::decision::Decision;
use crate::domains::{self, DomainDefault};
use crate::entries::DecidingEntry;
use crate::interface::Interface;
use crate::size::SizeLimit;

/// A decision with everything that led to it.
#[derive(Clone, Debug)]
pub struct Explanation<'a> {
    /// What was asked.
    pub question: Question<'a>,
    /// The answer, as the door gives it.
    pub decision: Decision,
    /// Why.
    pub reason: Reason<'a>,
    /// What holds where no entry of the list in question decides; a size limit has no such thing.
    pub default: Option<ListDefault<'a>>,
}

impl Explanation<'_> {
    /// The rule that decided, whichever way.
    #[must_use]
    pub fn rule(&self) -> RuleId {
        self.reason.rule()
    }
}

/// What was asked.
#[derive(Clone, Copy, Debug)]
pub enum Question<'a> {
    /// May this client connect?
    Client {
        /// The client's address.
        peer: IpAddr,
        /// The address it connects to.
        local: IpAddr,
    },
    /// May a message begin?
    Message {
        /// The size that its sender declares.
        octets: Option<u64>,
    },
    /// Is this recipient covered?
    Recipient(&'a ForwardPath),
}

/// What decided.
#[derive(Clone, Copy, Debug)]
pub enum Reason<'a> {
    /// The operator has switched the sensor off.
    Disabled,
    /// An entry of a list.
    Entry(DecidingEntry<'a>),
    /// The default of `clients`, where it does not ask for the subnets.
    ClientDefault(ClientDefault),
    /// Both lists are empty and the client is this host.
    Loopback,
    /// Both lists are empty and the client is in this subnet of the interface it connected to.
    InsideSubnet(&'a Interface),
    /// Both lists are empty and the client is in no subnet of this interface, which it connected to.
    OutsideSubnets(&'a Interface),
    /// Both lists are empty and no interface is known to hold the address that the client connected to.
    NoInterface,
    /// `<postmaster>` without a domain is always taken (RFC 5321 section 4.5.1).
    Postmaster,
    /// An address literal that is no entry of `destination_domains`, which is not empty.
    UnlistedLiteral,
    /// The default of `destination_domains`.
    DomainDefault(DomainDefault),
    /// The size limit. Whether it admits is a matter of the size.
    Size(&'a SizeLimit),
}

impl Reason<'_> {
    /// The id of the rule that decided.
    #[must_use]
    pub fn rule(&self) -> RuleId {
        match self {
            Self::Disabled => RuleId::named("enabled"),
            Self::Entry(entry) => entry.rule(),
            Self::ClientDefault(_) => RuleId::default_of(clients::LIST),
            Self::Loopback | Self::InsideSubnet(_) | Self::OutsideSubnets(_) | Self::NoInterface => {
                RuleId::named("clients.subnet")
            }
            Self::Postmaster => RuleId::named("destination_domains.postmaster"),
            Self::UnlistedLiteral => RuleId::named("destination_domains.literal"),
            Self::DomainDefault(_) => RuleId::default_of(domains::LIST),
            Self::Size(_) => RuleId::named("message_size_limit"),
        }
    }

    /// Whether a client or recipient that this decides about is one of those that the rules mean.
    pub(crate) fn admits(&self) -> bool {
        match self {
            Self::Disabled | Self::OutsideSubnets(_) | Self::NoInterface | Self::UnlistedLiteral => false,
            Self::Loopback | Self::InsideSubnet(_) | Self::Postmaster | Self::Size(_) => true,
            Self::Entry(entry) => !entry.negated,
            Self::ClientDefault(answer) => *answer != ClientDefault::Refuse,
            Self::DomainDefault(answer) => answer.accepts(),
        }
    }
}

/// The default of a list, and the entry that makes it one that refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListDefault<'a> {
    /// Of `clients`.
    Clients {
        /// What holds where no entry decides.
        answer: ClientDefault,
        /// The first entry that says who may connect.
        refusing: Option<DecidingEntry<'a>>,
    },
    /// Of `destination_domains`.
    Domains {
        /// What holds where no entry decides.
        answer: DomainDefault,
        /// The first entry that says what is covered.
        refusing: Option<DecidingEntry<'a>>,
    },
}

impl fmt::Display for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client { peer, .. } => write!(f, "client {peer}"),
            Self::Message { octets: Some(octets) } => write!(f, "message of {octets} octets"),
            Self::Message { octets: None } => f.write_str("message of undeclared size"),
            Self::Recipient(path) => write!(f, "recipient {path:?}"),
        }
    }
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str("the sensor is switched off"),
            Self::Entry(entry) => write!(f, "{:?}", entry.typed),
            Self::ClientDefault(_) | Self::DomainDefault(_) => f.write_str("no entry covers it"),
            Self::Loopback => f.write_str("it is this host"),
            Self::InsideSubnet(interface) => {
                write!(
                    f,
                    "it lies in {} of {}, the interface it connected to",
                    interface.network(),
                    interface.name
                )
            }
            Self::OutsideSubnets(holder) => write!(
                f,
                "it lies in no subnet of {} ({}), the interface it connected to; list it in clients to admit it",
                holder.name,
                holder.network()
            ),
            Self::NoInterface => f.write_str("no interface is known to hold the address it connected to"),
            Self::Postmaster => f.write_str("<postmaster> without a domain is always taken"),
            Self::UnlistedLiteral => {
                f.write_str("an address literal is covered by an entry that is the same literal")
            }
            Self::Size(SizeLimit::Unlimited) => f.write_str("unlimited"),
            Self::Size(SizeLimit::AtMost(octets)) => write!(f, "at most {octets}, {} octets", octets.count()),
        }
    }
}

impl fmt::Display for ListDefault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clients { answer: ClientDefault::Refuse, refusing: Some(entry) } => {
                write!(f, "default of clients: refuse, because {entry} says who may connect")
            }
            Self::Clients { answer, .. } => write!(f, "default of clients: {answer}"),
            Self::Domains { answer: DomainDefault::Refuse, refusing: Some(entry) } => {
                write!(f, "default of destination_domains: refuse, because {entry} says what is covered")
            }
            Self::Domains { answer, .. } => write!(f, "default of destination_domains: {answer}"),
        }
    }
}
