//! How a sink is set up.
//!
//! [`read`] makes [`Options`] of values by the names of [`keys`]: whoever composes the configuration
//! hands them in as text, and turns the faults, all of them at once, into its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;

use crate::format::Format;
use crate::format::syslog::{Body, FACILITIES, Facility, Syslog};
use crate::keys::{self, Key, KindName, Shape};
use crate::notice::{ADDRESSES_WORDS, Addresses};
use crate::outbox::Bounds;
use crate::transport::tls::{Tls, TlsError};
use crate::transport::{Datagram, File, Http, Place, Stream, Target, Transport, Url};

pub use crate::transport::tls::TlsOptions;

/// One sink.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its name, in the log and in the status.
    pub name: Box<str>,
    /// How much of addresses it tells.
    pub addresses: Addresses,
    /// How much may wait.
    pub bounds: Bounds,
    /// How long a try may take, from the connection to the answer.
    pub deadline: Duration,
    /// Where events go, and how they look.
    pub kind: Kind,
}

/// What kinds of sinks there are.
#[derive(Clone, Debug)]
pub enum Kind {
    /// JSON lines with ECS names.
    Jsonl(Place),
    /// Messages of RFC 5424.
    Syslog(SyslogOptions),
    /// CEF, in a file or in syslog messages.
    Cef(CefTo),
    /// HTTP requests.
    Webhook(WebhookOptions),
}

/// Where CEF goes.
#[derive(Clone, Debug)]
pub enum CefTo {
    /// Into a file, a line each.
    File(Place),
    /// In syslog messages.
    Syslog(SyslogOptions),
}

/// Syslog.
#[derive(Clone, Debug)]
pub struct SyslogOptions {
    /// The way to the receiver.
    pub wire: Wire,
    /// The facility of the messages.
    pub facility: Facility,
    /// What a message carries.
    pub body: Body,
    /// The name of the structured data.
    pub sd_id: String,
    /// The most octets of a message.
    pub octets_max: usize,
}

/// How syslog messages travel.
#[derive(Clone, Debug)]
pub enum Wire {
    /// A datagram each (RFC 5426).
    Udp(Target),
    /// Octet counting (RFC 6587).
    Tcp(Target),
    /// TLS (RFC 5425).
    Tls(Target, TlsOptions),
}

/// A webhook.
#[derive(Clone, Debug)]
pub struct WebhookOptions {
    /// Where to.
    pub url: Url,
    /// For `https`.
    pub tls: TlsOptions,
    /// What signs the requests.
    pub secret: Option<Secret>,
    /// The value of `Authorization`.
    pub authorization: Option<HeaderValue>,
    /// The most events of a request.
    pub batch_max: usize,
}

/// Octets that are shown nowhere.
#[derive(Clone)]
pub struct Secret(Box<[u8]>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Kind {
    /// Its name in the configuration.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Jsonl(_) => KindName::Jsonl.word(),
            Self::Syslog(_) => KindName::Syslog.word(),
            Self::Cef(_) => KindName::Cef.word(),
            Self::Webhook(_) => KindName::Webhook.word(),
        }
    }

    pub(crate) fn format(&self) -> Format {
        match self {
            Self::Jsonl(_) | Self::Webhook(_) => Format::Ecs,
            Self::Cef(CefTo::File(_)) => Format::Cef,
            Self::Syslog(options) | Self::Cef(CefTo::Syslog(options)) => Format::Syslog(Syslog {
                facility: options.facility,
                sd_id: options.sd_id.clone(),
                body: options.body,
                octets_max: options.octets_max,
            }),
        }
    }

    pub(crate) fn transport(&self, clock: &sensor_spool::Clock) -> Result<Box<dyn Transport>, TlsError> {
        Ok(match self {
            Self::Jsonl(place) | Self::Cef(CefTo::File(place)) => Box::new(File::new(place.clone())),
            Self::Syslog(options) | Self::Cef(CefTo::Syslog(options)) => options.wire.transport()?,
            Self::Webhook(options) => Box::new(options.transport(clock)?),
        })
    }
}

impl Wire {
    fn transport(&self) -> Result<Box<dyn Transport>, TlsError> {
        Ok(match self {
            Self::Udp(target) => Box::new(Datagram::new(target.clone())),
            Self::Tcp(target) => Box::new(Stream::new(target.clone(), None)),
            Self::Tls(target, options) => {
                let tls = Tls::new(options, &target.host)?;
                Box::new(Stream::new(target.clone(), Some(tls)))
            }
        })
    }
}

impl WebhookOptions {
    fn transport(&self, clock: &sensor_spool::Clock) -> Result<Http, TlsError> {
        let tls = match self.url.is_tls {
            true => Some(Tls::new(&self.tls, &self.url.target.host)?),
            false => None,
        };
        let secret = self.secret.as_ref().map(|Secret(octets)| &octets[..]);
        let (url, authorization) = (self.url.clone(), self.authorization.clone());
        Ok(Http::new(url, tls, secret, authorization, self.batch_max, Arc::clone(clock)))
    }
}

/// A key whose value cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: expected {expected}")]
pub struct Fault {
    /// The key.
    pub key: &'static str,
    /// What is expected there. Never the value: it may be a secret.
    pub expected: String,
}

/// Makes options of `values`, which gives the text that a key was set to. A number, a size in octets and a duration
/// in milliseconds are decimal digits.
///
/// # Errors
/// All faults of all keys.
pub fn read(
    name: &str,
    kind: KindName,
    values: &dyn Fn(&str) -> Option<String>,
) -> Result<Options, Vec<Fault>> {
    let mut reader = Reader { kind, values, faults: Vec::new() };
    let addresses = reader.word(&keys::ADDRESSES, ADDRESSES_WORDS).unwrap_or_default();
    let entries_max = reader.number(&keys::QUEUE_EVENTS_MAX);
    let octets_max = reader.number(&keys::QUEUE_SIZE_MAX);
    let deadline = Duration::from_millis(reader.number(&keys::DEADLINE));
    let kind = reader.kind();
    reader.find_strangers();
    match (kind, reader.faults.is_empty()) {
        (Some(kind), true) => {
            let bounds = Bounds { entries_max, octets_max };
            Ok(Options { name: name.into(), addresses, bounds, deadline, kind })
        }
        _ => Err(reader.faults),
    }
}

struct Reader<'a> {
    kind: KindName,
    values: &'a dyn Fn(&str) -> Option<String>,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn kind(&mut self) -> Option<Kind> {
        match self.kind {
            KindName::Jsonl => Some(Kind::Jsonl(self.place())),
            KindName::Syslog => {
                let body = self.word(&keys::FORMAT, keys::FORMATS)?;
                self.syslog(&keys::TRANSPORT, body).map(Kind::Syslog)
            }
            KindName::Cef if self.text(&keys::CEF_TRANSPORT).as_deref() == Some(keys::FILE) => {
                Some(Kind::Cef(CefTo::File(self.place())))
            }
            KindName::Cef => {
                self.syslog(&keys::CEF_TRANSPORT, Body::Cef).map(|options| Kind::Cef(CefTo::Syslog(options)))
            }
            KindName::Webhook => self.webhook().map(Kind::Webhook),
        }
    }

    fn place(&mut self) -> Place {
        self.text(&keys::PATH).map_or(Place::StandardOutput, |path| Place::Path(path.into()))
    }

    fn syslog(&mut self, transport: &Key, body: Body) -> Option<SyslogOptions> {
        let target = self.required(&keys::ADDRESS, Target::parse);
        let facility = self.word(&keys::FACILITY, FACILITIES);
        let sd_id = match body {
            Body::Json | Body::Structured => self.required(&keys::SD_ID, sd_id),
            Body::Cef => Some(String::new()),
        };
        let word = self.word(transport, keys::TRANSPORTS);
        let default = match word? {
            keys::WireName::Udp => keys::DATAGRAM_OCTETS,
            keys::WireName::Tcp | keys::WireName::Tls => keys::FRAME_OCTETS,
        };
        let octets_max = self.size(&keys::MESSAGE_SIZE_MAX, default);
        let wire = match word? {
            keys::WireName::Udp => Wire::Udp(target?),
            keys::WireName::Tcp => Wire::Tcp(target?),
            keys::WireName::Tls => Wire::Tls(target?, self.tls()),
        };
        Some(SyslogOptions { wire, facility: facility?, body, sd_id: sd_id?, octets_max })
    }

    fn webhook(&mut self) -> Option<WebhookOptions> {
        let url = self.required(&keys::URL, Url::parse);
        let authorization = self.optional(&keys::AUTHORIZATION, |text| {
            let mut value = HeaderValue::from_str(text).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        let secret = self.text(&keys::SECRET).map(|secret| Secret(secret.into_bytes().into()));
        let batch_max = self.size(&keys::BATCH_MAX, 1);
        let tls = self.tls();
        Some(WebhookOptions { url: url?, tls, secret, authorization, batch_max })
    }

    fn tls(&mut self) -> TlsOptions {
        let ca = self.text(&keys::CA).map(PathBuf::from);
        let certificate = self.text(&keys::CERTIFICATE).map(PathBuf::from);
        let key = self.text(&keys::KEY).map(PathBuf::from);
        if certificate.is_some() != key.is_some() {
            let missing = if key.is_none() { &keys::KEY } else { &keys::CERTIFICATE };
            self.fault(missing, "both certificate and key, or neither");
        }
        TlsOptions { ca, identity: certificate.zip(key) }
    }

    /// The value, or its default; an empty one is none.
    fn text(&self, key: &Key) -> Option<String> {
        (self.values)(key.name).or_else(|| key.default.map(str::to_owned)).filter(|text| !text.is_empty())
    }

    fn required<T>(&mut self, key: &Key, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let value = self.text(key).and_then(|text| parse(&text));
        if value.is_none() {
            self.fault(key, key.shape.expected());
        }
        value
    }

    fn optional<T>(&mut self, key: &Key, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.text(key)?;
        self.required(key, parse)
    }

    fn word<T: Copy>(&mut self, key: &Key, words: &[(&str, T)]) -> Option<T> {
        self.required(key, |text| words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value))
    }

    /// A number whose key has a default.
    fn number(&mut self, key: &Key) -> u64 {
        let range = match key.shape {
            Shape::Number { min, max } | Shape::Size { min, max } | Shape::Duration { min, max } => min..=max,
            Shape::Text(_) | Shape::Path | Shape::Words(_) => unreachable!("the key is not a number"),
        };
        let parse = |text: &str| text.parse().ok().filter(|number| range.contains(number));
        self.required(key, parse).unwrap_or_default()
    }

    /// A number that fits a `usize`, with a default of the caller's.
    fn size(&mut self, key: &Key, default: usize) -> usize {
        if self.text(key).is_none() {
            return default;
        }
        usize::try_from(self.number(key)).expect("the ranges of the keys fit")
    }

    /// A key of another kind, or of another transport, was meant for something that does not happen.
    fn find_strangers(&mut self) {
        let own = keys::of(self.kind);
        let strangers = keys::ALL.iter().filter(|key| !own.iter().any(|own| own.name == key.name));
        for key in strangers {
            if (self.values)(key.name).is_some() {
                let word = self.kind.word();
                self.fault(key, format!("nothing: a sink of kind {word} has no such key"));
            }
        }
    }

    fn fault(&mut self, key: &Key, expected: impl AsRef<str>) {
        self.faults.push(Fault { key: key.name, expected: expected.as_ref().to_owned() });
    }
}

/// SD-NAME (RFC 5424 section 6.3.2) with the `@` and enterprise number of what IANA has not registered.
fn sd_id(text: &str) -> Option<String> {
    let (name, number) = text.split_once('@')?;
    let is_name = |o: u8| o.is_ascii_graphic() && !b"=]\"@".contains(&o);
    let good = text.len() <= 32
        && !name.is_empty()
        && name.bytes().all(is_name)
        && !number.is_empty()
        && number.bytes().all(|o| o.is_ascii_digit() || o == b'.');
    good.then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
