//! `rspamd`: the spam filter, by `POST /checkv2` of its worker `normal`.
//!
//! It is given the message as it came and what the envelope says. What it answers becomes a finding for its
//! action, where that is more than `no action`, and one for each symbol that speaks against the message. The
//! options of symbols are left out: they quote the message.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderName, HeaderValue, SERVER};
use sensor_mail::envelope::{Envelope, Origin};
use sensor_mail::{PartId, ReversePath, Severity};
use sensor_pipeline::{Budget, Dissected, Looking, Report, Scanner};
use serde::Deserialize;

use crate::http::{Answer, Endpoint, Post};
use crate::keys::{Key, Shape, Unset};
use crate::kind::{Built, Installed, Kind, Surroundings};
use crate::octets::fits;
use crate::options::{Given, Options};
use crate::ruleset::Known;
use crate::tls::{CA, Tls};
use crate::trial::Sample;
use crate::trouble::Trouble;
use crate::url::Url;
use crate::words::told;

/// `kind = "rspamd"`
pub(crate) const KIND: Kind =
    Kind::new("rspamd", "The spam filter rspamd, over HTTP.", &[&URL, &SIZE_MAX, &SYMBOLS, &CA], build);

const URL: Key = Key::new(
    "url",
    Shape::Text("a URL such as http://127.0.0.1:11333/checkv2, without a name or password"),
    "The address of rspamd's worker normal, or of its proxy.",
)
.or(Unset::Text("http://127.0.0.1:11333/checkv2"));
const SIZE_MAX: Key = Key::new(
    "size_max",
    Shape::Size { min: 1, max: 4 << 30 },
    "Messages that are larger are skipped. Not above max_message in rspamd's options.",
)
.or(Unset::Number(50 << 20));
const SYMBOLS: Key = Key::new(
    "symbols",
    Shape::Words(&["with_action", "always"]),
    "When symbols with a positive score are findings: with an action that is more than no action, or always.\n\
     Always makes nearly every message a hit.",
)
.or(Unset::Text("with_action"));

/// The most octets of an answer. One with every symbol of a default set takes some 100 KiB.
const ANSWER_OCTETS_MAX: usize = 4 << 20;
/// The most recipients that are told: each is a header field.
const RECIPIENTS_MAX: usize = 50;

fn build(name: &str, given: &Given, _: &Surroundings) -> Built {
    let mut options = Options::new(KIND.keys, given);
    let endpoint = options.parsed(&URL, Url::http).and_then(|url| {
        let tls = Tls::of(&url, &mut options)?;
        Some(Endpoint { url, tls, answer_octets_max: ANSWER_OCTETS_MAX })
    });
    let rspamd = endpoint.map(|endpoint| Rspamd {
        name: name.into(),
        endpoint,
        size_max: options.number(&SIZE_MAX),
        always: options.word(&SYMBOLS, &[("with_action", false), ("always", true)]),
        version: Known::default(),
    });
    options.finish(rspamd).map(|rspamd| Arc::new(rspamd) as _)
}

struct Rspamd {
    name: Box<str>,
    endpoint: Endpoint,
    size_max: u64,
    always: bool,
    version: Known,
}

impl Rspamd {
    async fn look(&self, mail: &Dissected, budget: &Budget, report: &mut Report) -> Result<(), Trouble> {
        let Some(message) = mail.parts.first() else {
            return Err(Trouble::unfit("there is no message"));
        };
        fits(message, self.size_max)?;
        let post = Post {
            content_type: HeaderValue::from_static("message/rfc822"),
            headers: told_of(&mail.record.envelope),
            body: vec![message.octets.clone()],
        };
        let answer = self.endpoint.post(&post, budget).await?;
        if let Some(version) = answer.header(&SERVER) {
            self.version.told(&version);
            report.used(version);
        }
        checked(&answer)?.tell(self.always, report);
        Ok(())
    }
}

impl Scanner for Rspamd {
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

impl Installed for Rspamd {
    fn sample(&self) -> Sample {
        Sample::gtube()
    }

    fn advice(&self) -> Box<str> {
        format!(
            "Is rspamd running, does its worker normal listen at {}, and are GTUBE patterns enabled \
             (gtube_patterns in options.inc)?",
            self.endpoint.url
        )
        .into()
    }
}

/// What the envelope says, in the header fields of rspamd's protocol.
fn told_of(envelope: &Envelope) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut tell = |name: &'static str, text: &str| {
        // What cannot stand in a header field cannot be told.
        if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
            headers.append(HeaderName::from_static(name), value);
        }
    };
    match &envelope.reverse_path {
        ReversePath::Null => tell("from", "<>"),
        ReversePath::Mailbox(mailbox) => tell("from", mailbox.as_str()),
    }
    for recipient in envelope.recipients.iter().take(RECIPIENTS_MAX) {
        tell("rcpt", recipient.path.as_str());
    }
    let Origin::Smtp(origin) = &envelope.origin;
    tell("ip", &origin.client.to_string());
    if let Some(helo) = &origin.helo {
        tell("helo", helo);
    }
    tell("queue-id", &envelope.id.to_string());
    headers
}

fn checked(answer: &Answer) -> Result<Checked, Trouble> {
    if !answer.status.is_success() {
        return Err(answer.refusal());
    }
    let checked: Checked = serde_json::from_slice(&answer.body)
        .map_err(|error| Trouble::failed(format!("its answer is none of rspamd: {error}")))?;
    // GTUBE, and what settings decide at once, is skipped too: with an action.
    match checked.is_skipped && severity(&checked.action).is_none() {
        true => Err(Trouble::unfit("rspamd skipped it by its own settings")),
        false => Ok(checked),
    }
}

/// An answer to `/checkv2`: what of it is used.
#[derive(Debug, Deserialize)]
struct Checked {
    score: f64,
    required_score: f64,
    action: String,
    #[serde(default)]
    is_skipped: bool,
    symbols: BTreeMap<String, Symbol>,
}

#[derive(Debug, Deserialize)]
struct Symbol {
    score: f64,
}

impl Checked {
    fn tell(&self, always: bool, report: &mut Report) {
        let severity = severity(&self.action);
        if let Some(severity) = severity
            && let Some(finding) = report.found(PartId::MESSAGE, &told(self.action.as_bytes()), severity)
        {
            finding.tags.push("action".into());
            finding.details.insert("score".into(), self.score.to_string().into());
            finding.details.insert("required_score".into(), self.required_score.to_string().into());
        }
        if severity.is_none() && !always {
            return;
        }
        for (name, symbol) in self.symbols.iter().filter(|(_, symbol)| symbol.score > 0.0) {
            if let Some(finding) = report.found(PartId::MESSAGE, &told(name.as_bytes()), Severity::Info) {
                finding.tags.push("symbol".into());
                finding.details.insert("score".into(), symbol.score.to_string().into());
            }
        }
    }
}

/// How grave an action is; none where there is nothing to do.
fn severity(action: &str) -> Option<Severity> {
    match action {
        "no action" => None,
        // For a sensor, asking the sender to come back is a doubt.
        "greylist" => Some(Severity::Low),
        "reject" => Some(Severity::High),
        // add header, rewrite subject, soft reject, and those that an administrator has added.
        _ => Some(Severity::Medium),
    }
}
