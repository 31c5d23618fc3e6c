//! `clamd`: ClamAV's daemon, by INSTREAM.
//!
//! ```text
//!  zIDSESSION\0 zVERSION\0                          1: ClamAV 1.4.6/27824/Sun Nov 22 ...\0
//!  zINSTREAM\0 [length][octets]... [0 0 0 0]        2: stream: OK\0
//!  zINSTREAM\0 ...                                  3: stream: Eicar-Signature FOUND\0
//!                                                   4: INSTREAM size limit exceeded. ERROR\0, and it hangs up
//! ```
//!
//! One connection a message. The client library at hand reads answers without a limit and opens a connection
//! for each stream; so the few lines of the protocol (clamd(8), "COMMANDS") are here.
//!
//! It promises: no answer counts that is not the one to the question, or that comes before everything was
//! sent. What clamd did not look into by its limits is skipped, and not clean. It cannot know of limits that
//! clamd keeps to itself: `AlertExceedsMax yes` in clamd.conf makes it say so.

use std::io;
use std::sync::Arc;

use sensor_mail::Severity;
use sensor_pipeline::{Budget, Dissected, Looking, Octets, Piece, Report, Scanner};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::keys::{Key, Shape, Unset};
use crate::kind::{Built, Installed, Kind, Surroundings};
use crate::octets::{Chunks, LOOK_AT, TARGETS, Targets, fits};
use crate::options::{Given, Options};
use crate::peer::{ADDRESS_EXPECTED, Address, Socket, read_until};
use crate::ruleset::Known;
use crate::trial::Sample;
use crate::trouble::{Sweep, Trouble};
use crate::words::told;

/// `kind = "clamd"`
pub(crate) const KIND: Kind =
    Kind::new("clamd", "ClamAV's daemon, over a socket.", &[&ADDRESS, &SIZE_MAX, &LOOK_AT], build);

const ADDRESS: Key = Key::new("address", Shape::Text(ADDRESS_EXPECTED), "Where clamd listens.")
    .or(Unset::Text("/run/clamav/clamd.ctl"));
const SIZE_MAX: Key = Key::new(
    "size_max",
    Shape::Size { min: 1, max: 4 << 30 },
    "What is larger is skipped. Not above StreamMaxLength, MaxFileSize and MaxScanSize of clamd.conf: clamd\n\
     calls clean what its own limits kept it from, unless AlertExceedsMax is set there.",
)
.or(Unset::Number(25 << 20));

/// The most octets of an answer.
const ANSWER_OCTETS_MAX: usize = 4 * 1024;

fn build(name: &str, given: &Given, _: &Surroundings) -> Built {
    let mut options = Options::new(KIND.keys, given);
    let clamd = options.parsed(&ADDRESS, Address::parse).map(|address| Clamd {
        name: name.into(),
        address,
        size_max: options.number(&SIZE_MAX),
        targets: options.word(&LOOK_AT, TARGETS),
        version: Known::default(),
    });
    options.finish(clamd).map(|clamd| Arc::new(clamd) as _)
}

struct Clamd {
    name: Box<str>,
    address: Address,
    size_max: u64,
    targets: Targets,
    version: Known,
}

impl Clamd {
    async fn look(&self, mail: &Dissected, budget: &Budget, report: &mut Report) {
        let (mut session, mut sweep) = (None, Sweep::default());
        for piece in self.targets.of(mail) {
            let looked = self.look_at(piece, &mut session, budget, report).await;
            if !sweep.goes_on(piece.part.id, looked, report) {
                return;
            }
        }
    }

    /// Leaves a session in `session` while it can be used: after trouble nobody knows where it stands.
    async fn look_at(
        &self,
        piece: &Piece,
        session: &mut Option<Session>,
        budget: &Budget,
        report: &mut Report,
    ) -> Result<(), Trouble> {
        fits(piece, self.size_max)?;
        let mut open = match session.take() {
            Some(open) => open,
            None => self.open(budget, report).await?,
        };
        match open.look(&piece.octets, budget).await? {
            Answer::Clean => {}
            Answer::Found(name) => {
                report.found(piece.part.id, &name, severity(&name));
            }
            Answer::Limit(why) => return Err(Trouble::unfit(why)),
            Answer::Trouble(why) => return Err(Trouble::failed(format!("clamd says: {why}"))),
        }
        *session = Some(open);
        Ok(())
    }

    async fn open(&self, budget: &Budget, report: &mut Report) -> Result<Session, Trouble> {
        let socket = self.address.connect(budget).await?;
        let mut session = Session { socket, buffer: Vec::new(), questions: 0 };
        let version = session.version(budget).await?;
        self.version.told(&version);
        report.used(version);
        Ok(session)
    }
}

impl Scanner for Clamd {
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

impl Installed for Clamd {
    fn sample(&self) -> Sample {
        Sample::eicar()
    }

    fn advice(&self) -> Box<str> {
        format!(
            "Is clamd running, does it listen on {} (LocalSocket or TCPSocket in clamd.conf), may this user \
             connect to it, and has freshclam fetched signatures?",
            self.address
        )
        .into()
    }
}

/// A connection with the number of questions that were asked on it.
struct Session {
    socket: Box<dyn Socket>,
    buffer: Vec<u8>,
    questions: u64,
}

impl Session {
    async fn version(&mut self, budget: &Budget) -> Result<Box<str>, Trouble> {
        let asked = budget.run(self.socket.write_all(b"zIDSESSION\0zVERSION\0")).await?;
        asked.map_err(|error| Trouble::at("clamd took no question", &error))?;
        self.questions = 1;
        let reading = read_until(&mut self.socket, &mut self.buffer, b"\0", ANSWER_OCTETS_MAX);
        let answer = budget.run(reading).await?;
        self.answered(answer).map(|answer| told(&answer))
    }

    /// Sends octets, and gives what clamd says of them.
    ///
    /// It says nothing before it has everything, but where a limit is passed: then it hangs up, so that its
    /// answer has to be read while octets are still sent.
    async fn look(&mut self, octets: &Octets, budget: &Budget) -> Result<Answer, Trouble> {
        self.questions += 1;
        let (mut from, mut to) = tokio::io::split(&mut self.socket);
        let sending = send(&mut to, octets);
        let reading = read_until(&mut from, &mut self.buffer, b"\0", ANSWER_OCTETS_MAX);
        let talk = async {
            tokio::pin!(sending, reading);
            tokio::select! {
                biased;
                sent = &mut sending => Ok::<_, Trouble>(match sent? {
                    Ok(()) => (true, reading.await),
                    // Why it takes no more may be in its answer.
                    Err(broken) => (false, reading.await.map_err(|_| broken)),
                }),
                answer = &mut reading => Ok((false, answer)),
            }
        };
        let (is_sent, answer) = budget.run(talk).await??;
        let answer = Answer::of(&self.answered(answer)?);
        if is_sent { Ok(answer) } else { answer.early() }
    }

    /// What an answer says behind the number of its question.
    fn answered(&self, answer: io::Result<Vec<u8>>) -> Result<Vec<u8>, Trouble> {
        let answer = answer.map_err(|error| Trouble::at("no answer from clamd", &error))?;
        let number = format!("{}: ", self.questions);
        match answer.strip_prefix(number.as_bytes()) {
            Some(rest) => Ok(rest.to_vec()),
            // What it says without a number it says of the connection: COMMAND READ TIMED OUT.
            None => Err(Trouble::failed(format!("clamd says: {}", told(&answer)))),
        }
    }
}

/// Sends INSTREAM. The outer error is about the octets, the inner one about the connection.
async fn send(to: &mut (impl AsyncWrite + Unpin), octets: &Octets) -> Result<io::Result<()>, Trouble> {
    let mut chunks = Chunks::of(octets);
    let mut written = to.write_all(b"zINSTREAM\0").await;
    while let (Ok(()), Some(chunk)) = (&written, chunks.next().await?) {
        let length = u32::try_from(chunk.len()).expect("chunks are small");
        written = to.write_all(&length.to_be_bytes()).await;
        if written.is_ok() {
            written = to.write_all(&chunk).await;
        }
    }
    if written.is_ok() {
        written = to.write_all(&[0; 4]).await;
    }
    Ok(written)
}

/// What clamd says of octets.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Clean,
    Found(Box<str>),
    /// It did not look, or not at everything, by its own limits.
    Limit(Box<str>),
    Trouble(Box<str>),
}

impl Answer {
    /// Reads an answer behind its number: `stream: OK`, `stream: NAME FOUND`, `WHAT ERROR`.
    fn of(answer: &[u8]) -> Self {
        let said = answer.strip_prefix(b"stream: ").unwrap_or(answer);
        if said == b"OK" {
            return Self::Clean;
        }
        match (said.strip_suffix(b" FOUND"), said.strip_suffix(b" ERROR")) {
            // AlertExceedsMax tells of a limit in the form of a signature.
            (Some(name), _) if name.starts_with(b"Heuristics.Limits.Exceeded") => Self::Limit(told(name)),
            (Some(name), _) => Self::Found(told(name)),
            (None, Some(why)) if is_limit(why) => Self::Limit(told(why)),
            (None, _) => Self::Trouble(told(said)),
        }
    }

    /// The answer of one that had not been sent everything: it cannot know that it is clean, or not.
    fn early(self) -> Result<Self, Trouble> {
        match self {
            Self::Clean | Self::Found(_) => Err(Trouble::failed("clamd answered before it had everything")),
            Self::Limit(_) | Self::Trouble(_) => Ok(self),
        }
    }
}

/// `INSTREAM size limit exceeded.`
fn is_limit(why: &[u8]) -> bool {
    memchr::memmem::find(why, b"size limit exceeded").is_some()
}

/// How grave a signature is, by the first words of ClamAV's names.
fn severity(name: &str) -> Severity {
    match name.split('.').next() {
        // Possibly unwanted applications.
        Some("PUA") => Severity::Medium,
        Some("Heuristics") => Severity::High,
        _ => Severity::Critical,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clamd_did_not_look_into_is_not_clean() {
        let found = |name: &str| Answer::Found(name.into());
        let limit = |why: &str| Answer::Limit(why.into());
        let trouble = |why: &str| Answer::Trouble(why.into());
        for (said, expected) in [
            ("stream: OK", Answer::Clean),
            ("stream: Eicar-Signature FOUND", found("Eicar-Signature")),
            ("stream: OK FOUND", found("OK")),
            ("INSTREAM size limit exceeded. ERROR", limit("INSTREAM size limit exceeded.")),
            (
                "stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND",
                limit("Heuristics.Limits.Exceeded.MaxFileSize"),
            ),
            ("stream: Can't allocate memory ERROR", trouble("Can't allocate memory ERROR")),
            ("UNKNOWN COMMAND", trouble("UNKNOWN COMMAND")),
            ("stream: OKAY", trouble("OKAY")),
            ("", trouble("")),
        ] {
            assert_eq!(Answer::of(said.as_bytes()), expected, "{said:?}");
        }
    }

    #[test]
    fn names_of_signatures_say_how_grave_they_are() {
        for (name, expected) in [
            ("Win.Test.EICAR_HDB-1", Severity::Critical),
            ("PUA.Pdf.Trojan.EmbeddedJavaScript-1", Severity::Medium),
            ("Heuristics.Phishing.Email.SpoofedDomain", Severity::High),
        ] {
            assert_eq!(severity(name), expected, "{name}");
        }
    }
}
