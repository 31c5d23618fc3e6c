//! `icap`: any filter that speaks ICAP (RFC 3507), such as c-icap and most appliances.
//!
//! Each part goes as the body of an HTTP response (RESPMOD) or request (REQMOD) that is made up around it:
//!
//! ```text
//!  OPTIONS  ->                      <- 200  Methods, Preview, ISTag, Options-TTL
//!  RESPMOD, Preview: 1024 ->        <- 204: it has seen enough                         clean
//!    1024 octets "0 CRLF CRLF"      <- 100: it wants the rest
//!  the rest "0 CRLF CRLF" ->        <- 204                                             clean
//!                                   <- 200, X-Infection-Found, X-Virus-ID              found, by that name
//!                                   <- 200, another status, or another body            found: blocked, modified
//!                                   <- 200, the same body                              clean
//! ```
//!
//! It promises: an answer that comes before everything was sent, and finds nothing, counts as a failure,
//! but for one to a preview: there it is the filter's right (section 4.5). It cannot know of limits that the filter
//! keeps to itself, such as `virus_scan.MaxObjectSize` of c-icap: `size_max` has to fit them.

mod exchange;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sensor_mail::Severity;
use sensor_pipeline::{Budget, Dissected, Looking, Piece, Report, Scanner};
use tokio::time::Instant;

use crate::keys::{Key, Shape, Unset};
use crate::kind::{Built, Installed, Kind, Surroundings};
use crate::octets::{LOOK_AT, TARGETS, Targets, fits};
use crate::options::{Given, Options};
use crate::ruleset::Known;
use crate::trial::Sample;
use crate::trouble::{Sweep, Trouble};
use crate::url::Url;
use exchange::{Exchange, Verdict};
use wire::{Head, Line};

/// `kind = "icap"`
pub(crate) const KIND: Kind =
    Kind::new("icap", "A filter that speaks ICAP.", &[&URL, &METHOD, &SIZE_MAX, &LOOK_AT], build);

const URL: Key =
    Key::new("url", Shape::Text("a URL such as icap://127.0.0.1:1344/avscan"), "The service of the filter.")
        .required()
        .such_as("\"icap://127.0.0.1:1344/avscan\"");
const METHOD: Key = Key::new(
    "method",
    Shape::Words(&["respmod", "reqmod"]),
    "Whether parts are shown as something that is downloaded (respmod) or uploaded (reqmod).",
)
.or(Unset::Text("respmod"));
const SIZE_MAX: Key = Key::new(
    "size_max",
    Shape::Size { min: 1, max: 4 << 30 },
    "What is larger is skipped. Not above the limits of the filter: most let pass what is too large for them.",
)
.or(Unset::Number(5 << 20));

/// For how long options are believed that come without a time (section 4.10.2), and at most.
const OPTIONS_TTL: Duration = Duration::from_secs(60);
const OPTIONS_TTL_MAX: Duration = Duration::from_secs(3_600);

/// How a part is shown to the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Respmod,
    Reqmod,
}

impl Method {
    fn word(self) -> &'static str {
        match self {
            Self::Respmod => "RESPMOD",
            Self::Reqmod => "REQMOD",
        }
    }
}

fn build(name: &str, given: &Given, _: &Surroundings) -> Built {
    let mut options = Options::new(KIND.keys, given);
    let url = options.parsed(&URL, |text| Url::parse(text, &[("icap", 1344, false)]));
    let icap = url.map(|url| Icap {
        name: name.into(),
        url,
        method: options.word(&METHOD, &[("respmod", Method::Respmod), ("reqmod", Method::Reqmod)]),
        size_max: options.number(&SIZE_MAX),
        targets: options.word(&LOOK_AT, TARGETS),
        service: Mutex::default(),
        version: Known::default(),
    });
    options.finish(icap).map(|icap| Arc::new(icap) as _)
}

struct Icap {
    name: Box<str>,
    url: Url,
    method: Method,
    size_max: u64,
    targets: Targets,
    service: Mutex<Option<Service>>,
    version: Known,
}

/// What a service said of itself.
#[derive(Clone, Copy, Debug)]
struct Service {
    /// How many octets it wants to see before the others.
    preview: Option<usize>,
    /// Until when that holds.
    until: Instant,
}

impl Icap {
    async fn look(&self, mail: &Dissected, budget: &Budget, report: &mut Report) {
        let (mut line, mut sweep) = (None, Sweep::default());
        for piece in self.targets.of(mail) {
            let looked = match fits(piece, self.size_max) {
                Ok(()) => self.look_at(piece, &mut line, budget, report).await,
                Err(trouble) => Err(trouble),
            };
            if !sweep.goes_on(piece.part.id, looked, report) {
                return;
            }
        }
    }

    async fn look_at(
        &self,
        piece: &Piece,
        line: &mut Option<Line>,
        budget: &Budget,
        report: &mut Report,
    ) -> Result<(), Trouble> {
        let reused = line.take();
        let was_reused = reused.is_some();
        let verdict = match self.ask(piece, reused, line, budget, report).await {
            // A filter may hang up between two questions: the one to a connection of before is asked again.
            Err(Trouble::Failed(_)) if was_reused => self.ask(piece, None, line, budget, report).await?,
            verdict => verdict?,
        };
        match verdict {
            Verdict::Clean => {}
            Verdict::Found(name) => {
                report.found(piece.part.id, &name, Severity::Critical);
            }
            Verdict::Blocked(status) => {
                if let Some(finding) = report.found(piece.part.id, "blocked", Severity::High) {
                    finding.details.insert("status".into(), status);
                }
            }
            Verdict::Modified => drop(report.found(piece.part.id, "modified", Severity::Medium)),
        }
        Ok(())
    }

    /// Leaves the connection in `line` if it can be used again.
    async fn ask(
        &self,
        piece: &Piece,
        reused: Option<Line>,
        line: &mut Option<Line>,
        budget: &Budget,
        report: &mut Report,
    ) -> Result<Verdict, Trouble> {
        let mut open = match reused {
            Some(open) => open,
            None => Line::new(self.url.address.connect(budget).await?),
        };
        let service = match self.known() {
            Some(service) => service,
            None => {
                let head = budget.run(self.options(&mut open)).await??;
                if head.closes() {
                    open = Line::new(self.url.address.connect(budget).await?);
                }
                self.service(&head, report)?
            }
        };
        let exchange = Exchange { url: &self.url, method: self.method, preview: service.preview, piece };
        let answered = budget.run(exchange.run(&mut open)).await??;
        self.note_tag(&answered.head, report);
        if answered.is_open {
            *line = Some(open);
        }
        Ok(answered.verdict)
    }

    fn known(&self) -> Option<Service> {
        let service = self.service.lock().unwrap_or_else(PoisonError::into_inner);
        service.filter(|service| service.until > Instant::now())
    }

    async fn options(&self, line: &mut Line) -> Result<Head, Trouble> {
        let (url, host) = (self.url.whole(), &self.url.authority);
        let question = format!(
            "OPTIONS {url} ICAP/1.0\r\nHost: {host}\r\nUser-Agent: mailsensor\r\nEncapsulated: null-body=0\r\n\r\n"
        );
        line.write(question.as_bytes()).await?;
        line.head().await
    }

    /// Reads what a service says of itself, and remembers it.
    fn service(&self, head: &Head, report: &mut Report) -> Result<Service, Trouble> {
        if head.status != 200 {
            return Err(Trouble::failed(format!("{} answers OPTIONS with {}", self.url, head.status)));
        }
        let methods = head.text("methods").unwrap_or_default();
        let word = self.method.word();
        if !methods.split(',').any(|method| method.trim().eq_ignore_ascii_case(word)) {
            return Err(Trouble::failed(format!("{} does {methods:?}, and not {word}", self.url)));
        }
        self.note_tag(head, report);
        let ttl = head.number("options-ttl").map_or(OPTIONS_TTL, Duration::from_secs);
        let preview = head.number("preview").map(|preview| preview.min(exchange::PREVIEW_OCTETS_MAX));
        let service = Service {
            preview: preview.map(|preview| usize::try_from(preview).expect("it is small")),
            until: Instant::now() + ttl.min(OPTIONS_TTL_MAX),
        };
        *self.service.lock().unwrap_or_else(PoisonError::into_inner) = Some(service);
        Ok(service)
    }

    /// Rules have changed where the tag has (section 4.7).
    fn note_tag(&self, head: &Head, report: &mut Report) {
        if let Some(tag) = head.text("istag") {
            let tag = tag.trim_matches('"');
            self.version.told(tag);
            report.used(tag);
        }
    }
}

impl Scanner for Icap {
    fn name(&self) -> &str {
        &self.name
    }

    fn ruleset(&self) -> Option<Box<str>> {
        self.version.version()
    }

    fn scan<'a>(&'a self, mail: &'a Dissected, budget: &'a Budget, report: &'a mut Report) -> Looking<'a> {
        Box::pin(self.look(mail, budget, report))
    }
}

impl Installed for Icap {
    fn sample(&self) -> Sample {
        Sample::eicar()
    }

    fn advice(&self) -> Box<str> {
        format!(
            "Is the filter running, does {} name one of its services, does that do {} (try c-icap-client), and \
             does it look into text?",
            self.url,
            self.method.word()
        )
        .into()
    }
}
