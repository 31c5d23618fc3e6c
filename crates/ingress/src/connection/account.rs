//! What a connection tells the log: one line for each transaction's outcome.
//!
//! Addresses are text of a stranger: a quoted local part may hold blanks and signs that look like another
//! field, UTF-8 may turn a terminal's line around. So they are logged as strings, which are quoted and
//! escaped in both formats, and never as they are.

use std::io;
use std::net::SocketAddr;

use sensor_mail::envelope::Recipient;
use sensor_mail::{Admission, MailId, ReversePath};
use sensor_smtp::{CloseReason, Reply};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::Level;

use super::Connection;
use crate::intake::Accepted;

/// Sender and recipients as the log shows them; nothing where it would show nothing.
#[derive(Default)]
pub(super) struct People {
    from: String,
    to: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(super) fn people(&self, from: &ReversePath, to: &[Recipient]) -> People {
        if !tracing::enabled!(Level::INFO) {
            return People::default();
        }
        let addresses = self.door.addresses();
        People { from: addresses.reverse_path(from), to: addresses.recipients(to) }
    }

    pub(super) fn log_turned_away(&self, admission: &Admission) {
        let (conn, client, listener) = (self.number, self.peer.client(), &*self.peer.listener);
        let reply = Reply::to_client(admission).map(tracing::field::display);
        tracing::info!(conn, listener, %client, reply, "client refused");
    }

    pub(super) fn log_early_talker(&self) {
        let (conn, client, listener) = (self.number, self.peer.client(), &*self.peer.listener);
        tracing::info!(conn, listener, %client, "client spoke first");
    }

    pub(super) fn log_recipient_refused(&self, recipient: &Recipient, admission: &Admission) {
        let (conn, client) = (self.number, self.peer.client());
        let to = self.door.addresses().recipients(std::slice::from_ref(recipient));
        let reply = Reply::to_admission(admission).map(tracing::field::display);
        tracing::info!(conn, %client, to, reply, "recipient refused");
    }

    pub(super) fn log_body_refused(&self, reply: &Reply) {
        if let Some(open) = self.transaction.as_ref().map(|open| &open.message) {
            let people = self.people(open.reverse_path(), open.recipients());
            self.log_refused("body", reply, &people, Some(open.octets()));
        }
    }

    pub(super) fn log_refused(&self, at: &str, reply: &Reply, people: &People, octets: Option<u64>) {
        let (conn, client) = (self.number, self.peer.client());
        let People { from, to } = people;
        tracing::info!(conn, %client, at, %reply, from, to, octets, "refused");
    }

    pub(super) fn log_accepted(&self, accepted: &Accepted, people: &People) {
        let Accepted { id, sequence, octets } = accepted;
        let (conn, client, tls) = (self.number, self.peer.client(), self.session.tls().is_some());
        let People { from, to } = people;
        let mut buffer = [0; MailId::TEXT_OCTETS];
        let id = id.encode(&mut buffer);
        tracing::info!(id, sequence, octets, from, to, %client, conn, tls, "accepted");
    }

    /// Drops the open transaction, if there is one.
    pub(super) fn abandon(&mut self, why: &str) {
        if let Some(open) = self.transaction.take().map(|open| open.message) {
            let (conn, client, octets) = (self.number, self.peer.client(), open.octets());
            let People { from, to } = self.people(open.reverse_path(), open.recipients());
            tracing::info!(conn, %client, from, to, octets, why, "transaction given up");
        }
    }

    pub(super) fn log_end(&mut self, ended: &io::Result<CloseReason>) {
        let (conn, client) = (self.number, self.peer.client());
        match ended {
            Ok(reason) => {
                self.abandon(&format!("{reason:?}"));
                tracing::debug!(conn, %client, ?reason, "connection closed");
            }
            Err(error) => {
                self.abandon(&error.to_string());
                tracing::debug!(conn, %client, %error, "connection lost");
            }
        }
    }

    /// An operator has to act: what the listener lists as a proxy is none, or does not speak PROXY.
    pub(super) fn log_no_header(&self, error: &io::Error) {
        let (conn, proxy, listener) = (self.number, self.peer.client(), &*self.peer.listener);
        tracing::warn!(conn, listener, %proxy, %error, "connection of a proxy refused");
    }

    pub(super) fn log_behind_proxy(&self) {
        let (conn, client) = (self.number, self.peer.client());
        let proxy = self.proxy().map(tracing::field::display);
        tracing::debug!(conn, %client, proxy, "PROXY header taken");
    }

    pub(super) fn log_introduced(&self, by: SocketAddr) {
        let (conn, client) = (self.number, self.peer.client());
        tracing::debug!(conn, %client, by = %by.ip().to_canonical(), "client introduced by XCLIENT");
    }

    pub(super) fn log_handshake_failed(&self, error: &io::Error) {
        let (conn, client) = (self.number, self.peer.client());
        tracing::info!(conn, %client, %error, "TLS handshake failed");
    }
}
