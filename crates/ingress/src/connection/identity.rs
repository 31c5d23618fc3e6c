//! Who the client is, where somebody else says so.
//!
//! ```text
//!  socket's address --PROXY--> client --XCLIENT--> client      each is judged; the last one is recorded,
//!                   proxy ----------- introduced_by            the ones before it beside it
//! ```

use std::io;
use std::net::SocketAddr;

use sensor_mail::envelope::{Endpoint, Introduction, Origin, SmtpOrigin};
use sensor_mail::{Admission, Refusal};
use sensor_policy::Decision;
use sensor_smtp::{EndOfMessage, Permits};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Connection, background};
use crate::door::Live;
use crate::proxy::Header;

/// What a connection has to do with somebody else's.
#[derive(Debug, Default)]
pub(super) struct Relation {
    /// Who said by the PROXY protocol who the client is.
    proxy: Option<SocketAddr>,
    /// Who said by XCLIENT who the client is: the client before that.
    introduced_by: Option<SocketAddr>,
    health_check: HealthCheck,
}

/// Whether a proxy only looks whether we are there.
#[derive(Debug, Default)]
enum HealthCheck {
    #[default]
    No,
    Yes,
    /// The proxy itself would not be let in as a client. It is greeted all the same, or it would take us for
    /// dead; its mail is refused by this.
    Unwanted(Decision),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Takes a header of the PROXY protocol for true: it is from a proxy of ours.
    pub(super) fn believe(&mut self, header: Header) {
        let relation = self.relation.get_or_insert_default();
        match header {
            Header::Local => relation.health_check = HealthCheck::Yes,
            Header::Proxied(client) => {
                relation.proxy = Some(self.peer.address);
                self.peer.address = client;
            }
        }
        self.log_behind_proxy();
    }

    /// Who is behind a proxy is judged as any client. The proxy itself is greeted whatever the rules say of
    /// it, unless nobody is: then it is to look elsewhere.
    pub(super) fn admission_of_client(&mut self) -> Admission {
        let decision = self.door.would_connect(self.peer.client(), self.peer.local.ip());
        match self.relation.as_deref_mut() {
            Some(Relation { health_check: check @ HealthCheck::Yes, .. }) if is_about_client(&decision) => {
                *check = HealthCheck::Unwanted(decision);
                Admission::Admit
            }
            Some(_) | None => self.door.counted(decision),
        }
    }

    pub(super) fn admission_of_mail(&self, live: &Live, size: Option<u64>) -> Admission {
        match self.relation.as_deref() {
            Some(Relation { health_check: HealthCheck::Unwanted(refused), .. }) => {
                self.door.counted(refused.clone())
            }
            Some(_) | None => self.door.at_mail(live, size),
        }
    }

    /// What the client is trusted with, by where it is. Asked once: who speaks for another does not get that
    /// one's rights, nor lose its own.
    pub(super) fn permits(&self) -> Permits {
        let (client, reception) = (self.peer.client(), &self.peer.reception);
        Permits { xclient: reception.xclient.contains(client), xforward: reception.xforward.contains(client) }
    }

    /// After XCLIENT: the session goes on as another client's, if that one may come in.
    pub(super) fn introduced(&mut self) -> io::Result<()> {
        let said = self.session.introduced().expect("a session says so only when somebody is introduced");
        let relation = self.relation.get_or_insert_default();
        let by = *relation.introduced_by.get_or_insert(self.peer.address);
        relation.health_check = HealthCheck::No;
        self.peer.address = match said.address {
            Some(address) => SocketAddr::new(address, said.port.unwrap_or(0)),
            // Who vouches for a client it does not know answers for it itself.
            None => by,
        };
        let admission = self.admission()?;
        if admission == Admission::Admit {
            self.log_introduced(by);
        } else {
            self.log_turned_away(&admission);
        }
        self.session.greet(&admission);
        Ok(())
    }

    pub(super) fn origin(&self, end: EndOfMessage) -> Origin {
        let Relation { proxy, introduced_by, .. } = self.relation.as_deref().unwrap_or(&Relation::NONE);
        let introduction = introduced_by.zip(self.session.introduced()).map(|(by, said)| {
            let (by, said) = (endpoint(by), said.clone());
            Box::new(Introduction { by, said })
        });
        Origin::Smtp(SmtpOrigin {
            listener: (&*self.peer.listener).into(),
            connection: self.number,
            client: self.peer.client(),
            port: self.peer.address.port(),
            proxy: proxy.map(endpoint),
            xclient: introduction,
            xforward: end.forwarded,
            helo: self.session.hello().map(Into::into),
            protocol: end.protocol,
            tls: self.session.tls().cloned(),
            transfer: end.transfer,
        })
    }

    /// The most that is stored of who speaks for whom, and of a certificate. Most clients have neither.
    pub(super) fn background_octets_max(&self) -> usize {
        let relation = self.relation.as_deref().unwrap_or(&Relation::NONE);
        let certificate = self.session.tls().and_then(|tls| tls.client.as_ref());
        relation.proxy.map_or(0, |_| background::PROXY_OCTETS_MAX)
            + self.session.introduced().map_or(0, background::introduction_octets_max)
            + self.session.forwarded().map_or(0, background::forwarded_octets_max)
            + certificate.map_or(0, background::certificate_octets_max)
    }

    /// Who the connection really came from, where that is not the client.
    pub(super) fn proxy(&self) -> Option<SocketAddr> {
        self.relation.as_deref()?.proxy
    }
}

impl Relation {
    const NONE: Self = Self { proxy: None, introduced_by: None, health_check: HealthCheck::No };
}

/// Whether it is this client that may not come in, be it only for now as after a change of the rules.
fn is_about_client(decision: &Decision) -> bool {
    match decision.admission {
        Admission::Refuse(_) | Admission::TryLater(Refusal::Client(_)) => true,
        Admission::Admit | Admission::TryLater(_) => false,
    }
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint { address: address.ip().to_canonical(), port: address.port() }
}
