//! The rules of one listener's door, asked in the order of a session.

use std::net::IpAddr;

use sensor_mail::{ForwardPath, Refusal};

use crate::clients::{ClientDefault, ClientRules};
use crate::decision::Decision;
use crate::domains::{DomainDefault, DomainRules, DomainRuling};
use crate::explanation::{Explanation, ListDefault, Question, Reason};
use crate::interface::{Interface, Nearness, nearness};
use crate::size::SizeLimit;

/// What a sensor takes: its state, its two lists and its size limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Whether mail is taken at all.
    pub enabled: bool,
    /// Which recipients' domains are covered.
    pub domains: DomainRules,
    /// What happens to a recipient that is not.
    pub uncovered: Uncovered,
    /// Which clients may connect.
    pub clients: ClientRules,
    /// The largest message.
    pub size: SizeLimit,
}

/// What happens to a recipient whom `destination_domains` does not cover, by an exception or by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Uncovered {
    /// 550 for this recipient; the mail goes on for the others.
    #[default]
    Refuse,
    /// It is taken and not looked into, so that a mail server that cannot choose what it copies gets no error.
    Accept,
}

impl Default for Rules {
    /// Enabled, both lists empty, no size limit.
    fn default() -> Self {
        Self {
            enabled: true,
            domains: DomainRules::default(),
            uncovered: Uncovered::default(),
            clients: ClientRules::default(),
            size: SizeLimit::default(),
        }
    }
}

impl Rules {
    /// Whether `peer` may connect to `local`, an address of one of `interfaces`.
    ///
    /// `interfaces` matters only while both lists are empty. With PROXY or XCLIENT, `peer` is the real client.
    #[must_use]
    pub fn at_connect(&self, peer: IpAddr, local: IpAddr, interfaces: &[Interface]) -> Decision {
        self.connection(&self.client_reason(peer, local, interfaces))
    }

    /// Whether a message may begin, `declared` being the value of the SIZE parameter (RFC 1870).
    #[must_use]
    pub fn at_mail(&self, declared: Option<u64>) -> Decision {
        match self.enabled {
            true => self.at_body(declared.unwrap_or(0)),
            false => Decision::try_later(Refusal::Disabled),
        }
    }

    /// Whether the recipient is covered.
    #[must_use]
    pub fn at_rcpt(&self, recipient: &ForwardPath) -> Decision {
        self.recipient(&self.recipient_reason(recipient))
    }

    /// Whether a message may have so many octets; asked while it arrives.
    #[must_use]
    pub fn at_body(&self, octets: u64) -> Decision {
        match self.size.exceeded_by(octets) {
            None => Decision::ADMIT,
            Some(limit) => Decision::refuse(Refusal::MessageSize { limit }),
        }
    }

    /// [`Rules::at_connect`] with its reasons.
    #[must_use]
    pub fn explain_connect<'a>(
        &'a self,
        peer: IpAddr,
        local: IpAddr,
        interfaces: &'a [Interface],
    ) -> Explanation<'a> {
        let reason = self.client_reason(peer, local, interfaces);
        Explanation {
            question: Question::Client { peer: peer.to_canonical(), local: local.to_canonical() },
            decision: self.connection(&reason),
            reason,
            default: Some(self.default_of_clients()),
        }
    }

    /// [`Rules::at_mail`] with its reasons.
    #[must_use]
    pub fn explain_mail(&self, declared: Option<u64>) -> Explanation<'_> {
        let reason = if self.enabled { Reason::Size(&self.size) } else { Reason::Disabled };
        Explanation {
            question: Question::Message { octets: declared },
            decision: self.at_mail(declared),
            reason,
            default: None,
        }
    }

    /// [`Rules::at_rcpt`] with its reasons.
    #[must_use]
    pub fn explain_rcpt<'a>(&'a self, recipient: &'a ForwardPath) -> Explanation<'a> {
        let reason = self.recipient_reason(recipient);
        Explanation {
            question: Question::Recipient(recipient),
            decision: self.recipient(&reason),
            reason,
            default: Some(self.default_of_domains()),
        }
    }

    /// What holds for a client that no entry covers, and why.
    #[must_use]
    pub fn default_of_clients(&self) -> ListDefault<'_> {
        ListDefault::Clients { answer: self.client_default(), refusing: self.clients.refusing_entry() }
    }

    /// What holds for a recipient that no entry covers, and why.
    #[must_use]
    pub fn default_of_domains(&self) -> ListDefault<'_> {
        ListDefault::Domains { answer: self.domain_default(), refusing: self.domains.refusing_entry() }
    }

    /// What holds for a client that no entry covers.
    #[must_use]
    pub fn client_default(&self) -> ClientDefault {
        self.clients.default_answer(self.domains.is_empty())
    }

    /// What holds for a domain that no entry covers.
    #[must_use]
    pub fn domain_default(&self) -> DomainDefault {
        self.domains.default_answer()
    }

    fn connection(&self, reason: &Reason<'_>) -> Decision {
        if reason.admits() {
            Decision::ADMIT
        } else if self.enabled {
            Decision::refuse(Refusal::Client(reason.rule()))
        } else {
            Decision::try_later(Refusal::Disabled)
        }
    }

    fn recipient(&self, reason: &Reason<'_>) -> Decision {
        match self.uncovered {
            _ if reason.admits() => Decision::ADMIT,
            Uncovered::Accept => Decision::UNSCANNED,
            Uncovered::Refuse => Decision::refuse(Refusal::RecipientDomain(reason.rule())),
        }
    }

    fn client_reason<'a>(&'a self, peer: IpAddr, local: IpAddr, interfaces: &'a [Interface]) -> Reason<'a> {
        let (peer, local) = (peer.to_canonical(), local.to_canonical());
        if !self.enabled {
            return Reason::Disabled;
        }
        if let Some(position) = self.clients.longest_prefix(peer) {
            return Reason::Entry(self.clients.deciding(position));
        }
        match self.client_default() {
            ClientDefault::OwnSubnets => subnet_reason(peer, local, interfaces),
            answer @ (ClientDefault::AnyClient | ClientDefault::AcceptRest | ClientDefault::Refuse) => {
                Reason::ClientDefault(answer)
            }
        }
    }

    fn recipient_reason(&self, recipient: &ForwardPath) -> Reason<'_> {
        let ForwardPath::Mailbox(mailbox) = recipient else { return Reason::Postmaster };
        match self.domains.rule_on(mailbox.domain()) {
            DomainRuling::Entry(position) => Reason::Entry(self.domains.deciding(position)),
            DomainRuling::Default(answer) => Reason::DomainDefault(answer),
            DomainRuling::Literal => Reason::UnlistedLiteral,
        }
    }
}

fn subnet_reason(peer: IpAddr, local: IpAddr, interfaces: &[Interface]) -> Reason<'_> {
    match nearness(peer, local, interfaces) {
        Nearness::Loopback => Reason::Loopback,
        Nearness::Inside(interface) => Reason::InsideSubnet(interface),
        Nearness::Outside(holder) => Reason::OutsideSubnets(holder),
        Nearness::Nowhere => Reason::NoInterface,
    }
}

#[cfg(test)]
mod tests;
