//! What is known of the other side beyond its address: the certificate it showed, and what a proxy or a
//! filter in front of it says.
//!
//! Whoever speaks for another is named beside what it says: a record must tell what was seen from what was
//! only heard.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Sha256;

/// What came of asking a client for its certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum ClientCertificate {
    /// It showed none.
    Missing,
    /// It showed one that the listener's certificate authority vouches for, and holds the key to it.
    Verified {
        /// Who it is for, such as `CN=relay.example.com, O=Example`.
        subject: Box<str>,
        /// The digest of the certificate in DER.
        sha256: Sha256,
    },
    /// It showed one that proves nothing.
    Unverified {
        /// Who it says it is for; empty where that cannot be read.
        subject: Box<str>,
        /// The digest of the certificate in DER.
        sha256: Sha256,
        /// Why it proves nothing.
        problem: Box<str>,
    },
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its address; an IPv4-mapped IPv6 address is shown as IPv4.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
}

/// A client that another one spoke for, by XCLIENT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introduction {
    /// Who said it.
    pub by: Endpoint,
    /// What it said.
    pub said: XClient,
}

/// The attributes of XCLIENT (Postfix XCLIENT_README), all commands taken together. Absent is what was not
/// said, or said to be unavailable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct XClient {
    /// NAME: the client's host name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    /// ADDR: the client's address. Without it the client rule and the record have the speaker's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// PORT: the client's port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// PROTO: SMTP or ESMTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Box<str>>,
    /// HELO: what the client said in HELO or EHLO.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helo: Option<Box<str>>,
    /// LOGIN: the name that the client logged in by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<Box<str>>,
    /// DESTADDR: the address that the client connected to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<IpAddr>,
    /// DESTPORT: the port that the client connected to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_port: Option<u16>,
}

/// The attributes of XFORWARD (Postfix XFORWARD_README) for one message: where an upstream server had it
/// from. Absent is what was not said, or said to be unavailable. Nothing is decided by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct XForward {
    /// NAME: the upstream client's host name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    /// ADDR: its address, which need not be one of IP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Box<str>>,
    /// PORT: its port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// PROTO: the protocol it spoke, which need not be SMTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Box<str>>,
    /// HELO: how it called itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helo: Option<Box<str>>,
    /// IDENT: the upstream server's name for the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ident: Option<Box<str>>,
    /// SOURCE: where the upstream server had it from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// SOURCE of XFORWARD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// From its own host.
    Local,
    /// From elsewhere.
    Remote,
}

#[cfg(test)]
mod tests {
    use super::super::{SmtpOrigin, Tls};
    use super::*;

    /// What was stored before there were these fields is read, and written as it was.
    #[test]
    fn an_origin_of_an_earlier_version_is_read_and_kept() {
        let stored = serde_json::json!({
            "listener": "relay", "connection": 1, "client": "192.0.2.1", "port": 4000,
            "protocol": "ESMTPS", "tls": {"version": "TLSv1.3", "cipher": "TLS_AES_128_GCM_SHA256"},
            "transfer": "DATA",
        });
        let origin: SmtpOrigin = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!((origin.proxy, &origin.xclient, &origin.xforward), (None, &None, &None));
        assert_eq!(serde_json::to_value(&origin).unwrap(), stored);
    }

    #[test]
    fn what_is_not_known_takes_no_room() {
        let forwarded = XForward { port: Some(25), source: Some(Source::Local), ..XForward::default() };
        let stored = serde_json::json!({"port": 25, "source": "local"});
        assert_eq!(serde_json::to_value(&forwarded).unwrap(), stored);
        assert_eq!(serde_json::from_value::<XForward>(stored).unwrap(), forwarded);
        assert_eq!(serde_json::to_string(&XClient::default()).unwrap(), "{}");
    }

    #[test]
    fn a_certificate_that_proves_nothing_cannot_be_read_as_one_that_does() {
        let sha256 = Sha256([0xa9; 32]);
        let problem: Box<str> = "expired".into();
        let unverified = ClientCertificate::Unverified { subject: "CN=relay".into(), sha256, problem };
        for (certificate, status) in [
            (ClientCertificate::Missing, "missing"),
            (ClientCertificate::Verified { subject: "CN=relay".into(), sha256 }, "verified"),
            (unverified, "unverified"),
        ] {
            let tls = Tls { client: Some(certificate), ..Tls::default() };
            let stored = serde_json::to_value(&tls).unwrap();
            assert_eq!(stored["client"]["status"], status);
            assert_eq!(serde_json::from_value::<Tls>(stored).unwrap(), tls);
        }
        assert!(serde_json::from_str::<ClientCertificate>("{\"subject\": \"CN=relay\"}").is_err());
    }
}
