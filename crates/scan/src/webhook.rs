//! `webhook`: a service of the administrator's, by HTTP.
//!
//! ```text
//!  POST /path
//!  X-Mailsensor-Message: <mail id>
//!  X-Mailsensor-Timestamp: 1795341600
//!  X-Mailsensor-Signature: v1=hex(HMAC-SHA256(secret, timestamp "." body))
//!
//!  send = "metadata"   application/json: the manifest
//!  send = "message"    multipart/form-data: metadata (the manifest), message (message/rfc822, the octets)
//!
//!  200 and findings as JSON       looked at            413            skipped: too large for it
//!  429, 5xx, no answer            tried again          all else       failed
//! ```
//!
//! Whoever knows the secret proves by the signature that the body is ours, and by the time that it is not an old
//! one. Tries end with the budget. The findings are described in [`answer`](crate::answer).

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use sensor_pipeline::{Budget, Dissected, Looking, Octets, Report, Scanner};

use crate::answer::{ANSWER_OCTETS_MAX, Findings};
use crate::http::{Endpoint, Post};
use crate::keys::{Key, Shape, Unset};
use crate::kind::{Built, Clock, Installed, Kind, Surroundings};
use crate::manifest::manifest;
use crate::octets::{Chunks, fits};
use crate::options::{Given, Options};
use crate::ruleset::Known;
use crate::tls::{CA, Tls};
use crate::trial::Sample;
use crate::trouble::Trouble;
use crate::url::Url;
use crate::words::told;

/// `kind = "webhook"`
pub(crate) const KIND: Kind = Kind::new(
    "webhook",
    "A service that is posted each message, and answers with findings as JSON.",
    &[&URL, &SEND, &SECRET, &AUTH, &TRIES, &SIZE_MAX, &CA],
    build,
);

const URL: Key = Key::new(
    "url",
    Shape::Text("a URL such as https://scan.example.com/mail, without a name or password"),
    "Where messages are posted to.",
)
.required()
.such_as("\"https://scan.example.com/mail\"");
const SEND: Key = Key::new(
    "send",
    Shape::Words(&["metadata", "message"]),
    "What is sent: the envelope with the names, types and digests of parts (metadata), or that and the\n\
     octets of the message (message).",
)
.or(Unset::Text("metadata"));
const SECRET: Key = Key::new(
    "secret",
    Shape::Text("a secret"),
    "The key of the signature in X-Mailsensor-Signature. Not set: requests are not signed.",
)
.such_as("\"a long random text\"")
.secret();
const AUTH: Key = Key::new(
    "authorization",
    Shape::Text("the value of a header field"),
    "The header field Authorization, where the service wants one.",
)
.such_as("\"Bearer 0123456789\"")
.secret();
const TRIES: Key = Key::new(
    "tries",
    Shape::Number { min: 1, max: 10 },
    "How often a message is posted at most, as long as the deadline lasts.",
)
.or(Unset::Number(3));
const SIZE_MAX: Key =
    Key::new("size_max", Shape::Size { min: 1, max: 4 << 30 }, "Messages that are larger are skipped.")
        .or(Unset::Number(50 << 20));

/// The first pause between two tries; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);

fn build(name: &str, given: &Given, surroundings: &Surroundings) -> Built {
    let mut options = Options::new(KIND.keys, given);
    let endpoint = options.parsed(&URL, Url::http).and_then(|url| {
        let tls = Tls::of(&url, &mut options)?;
        Some(Endpoint { url, tls, answer_octets_max: ANSWER_OCTETS_MAX })
    });
    let authorization = options.parsed(&AUTH, |text| {
        let mut value = HeaderValue::from_str(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    });
    let webhook = endpoint.map(|endpoint| Webhook {
        name: name.into(),
        endpoint,
        sends_message: options.word(&SEND, &[("metadata", false), ("message", true)]),
        key: options.text(&SECRET).map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())),
        authorization,
        tries: options.number(&TRIES),
        size_max: options.number(&SIZE_MAX),
        clock: Arc::clone(&surroundings.clock),
        version: Known::default(),
    });
    options.finish(webhook).map(|webhook| Arc::new(webhook) as _)
}

struct Webhook {
    name: Box<str>,
    endpoint: Endpoint,
    sends_message: bool,
    key: Option<hmac::Key>,
    authorization: Option<HeaderValue>,
    tries: u64,
    size_max: u64,
    clock: Clock,
    version: Known,
}

/// Why a try gave no findings.
enum Failure {
    /// Another one may.
    Passing(Trouble),
    /// Another one gives none either.
    Lasting(Trouble),
}

impl Webhook {
    async fn look(&self, mail: &Dissected, budget: &Budget, report: &mut Report) -> Result<(), Trouble> {
        let Some(message) = mail.parts.first() else {
            return Err(Trouble::unfit("there is no message"));
        };
        fits(message, self.size_max)?;
        let mut post = self.post(mail);
        let mut pause = PAUSE;
        for left in (0..self.tries).rev() {
            match self.ask(&mut post, mail, budget).await {
                Ok(findings) => {
                    self.tell(findings, report);
                    return Ok(());
                }
                Err(Failure::Passing(trouble @ Trouble::Failed(_))) if left > 0 => {
                    // Why it failed says more than that time ran out while it was to be tried again.
                    if budget.run(tokio::time::sleep(pause)).await.is_err() {
                        return Err(trouble);
                    }
                    pause *= 2;
                }
                Err(Failure::Passing(trouble) | Failure::Lasting(trouble)) => return Err(trouble),
            }
        }
        unreachable!("the last try returns")
    }

    async fn ask(&self, post: &mut Post, mail: &Dissected, budget: &Budget) -> Result<Findings, Failure> {
        self.sign(post, budget).await.map_err(Failure::Lasting)?;
        let answer = self.endpoint.post(post, budget).await.map_err(Failure::Passing)?;
        match answer.status {
            StatusCode::OK => Findings::parse(&answer.body, mail.parts.len()).map_err(Failure::Lasting),
            StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Failure::Lasting(Trouble::unfit("it is too large for the service")))
            }
            StatusCode::TOO_MANY_REQUESTS => Err(Failure::Passing(answer.refusal())),
            status if status.is_server_error() => Err(Failure::Passing(answer.refusal())),
            _ => Err(Failure::Lasting(answer.refusal())),
        }
    }

    fn tell(&self, findings: Findings, report: &mut Report) {
        if let Some(ruleset) = &findings.ruleset {
            self.version.told(&told(ruleset.as_bytes()));
        }
        findings.tell(report);
    }

    fn post(&self, mail: &Dissected) -> Post {
        let id = mail.record.envelope.id.to_string();
        let mut headers = HeaderMap::new();
        headers.insert("x-mailsensor-message", HeaderValue::from_str(&id).expect("letters and digits"));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let manifest = Octets::Held(manifest(mail).into());
        match mail.parts.first() {
            Some(message) if self.sends_message => {
                let (content_type, body) =
                    form(boundary(&message.part.sha256), manifest, message.octets.clone());
                Post { content_type, headers, body }
            }
            Some(_) | None => Post {
                content_type: HeaderValue::from_static("application/json"),
                headers,
                body: vec![manifest],
            },
        }
    }

    async fn sign(&self, post: &mut Post, budget: &Budget) -> Result<(), Trouble> {
        let Some(key) = &self.key else { return Ok(()) };
        let seconds = (self.clock)().as_second().to_string();
        let mut context = hmac::Context::with_key(key);
        context.update(seconds.as_bytes());
        context.update(b".");
        for octets in &post.body {
            let mut chunks = Chunks::of(octets);
            while let Some(chunk) = budget.run(chunks.next()).await?? {
                context.update(&chunk);
            }
        }
        let signature: String = context.sign().as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
        let header = |text: &str| HeaderValue::from_str(text).expect("letters and digits");
        post.headers.insert("x-mailsensor-timestamp", header(&seconds));
        post.headers.insert("x-mailsensor-signature", header(&format!("v1={signature}")));
        Ok(())
    }
}

/// A boundary of which nobody can know that it will be one before the message is written: it is the digest of
/// the message.
fn boundary(sha256: &sensor_mail::Sha256) -> String {
    sha256.to_string()
}

/// RFC 7578: the manifest and the message.
fn form(boundary: String, manifest: Octets, message: Octets) -> (HeaderValue, Vec<Octets>) {
    let held = |text: String| Octets::Held(Bytes::from(text));
    let field = |name: &str, file: &str, kind: &str| {
        format!("Content-Disposition: form-data; name=\"{name}\"{file}\r\nContent-Type: {kind}\r\n\r\n")
    };
    let metadata = field("metadata", "", "application/json");
    let octets = field("message", "; filename=\"message.eml\"", "message/rfc822");
    let body = vec![
        held(format!("--{boundary}\r\n{metadata}")),
        manifest,
        held(format!("\r\n--{boundary}\r\n{octets}")),
        message,
        held(format!("\r\n--{boundary}--\r\n")),
    ];
    let content_type = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"));
    (content_type.expect("hex digits"), body)
}

impl Scanner for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn ruleset(&self) -> Option<Box<str>> {
        self.version.version()
    }

    fn scan<'a>(&'a self, mail: &'a Dissected, budget: &'a Budget, report: &'a mut Report) -> Looking<'a> {
        Box::pin(async move {
            if let Err(trouble) = self.look(mail, budget, report).await {
                trouble.tell(None, report);
            }
        })
    }
}

impl Installed for Webhook {
    fn sample(&self) -> Sample {
        Sample::eicar()
    }

    fn advice(&self) -> Box<str> {
        format!(
            "Does the service answer at {}, does it take our secret and authorization, and does it answer 200 \
             with findings as JSON? It need not know the EICAR file.",
            self.endpoint.url
        )
        .into()
    }
}
