//! Daemons that run, asked by the sensor's own adapters: one message at a time, as it came.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use sensor_content::{Alone, Limits, explode};
use sensor_pipeline::{Budget, Dissected, Octets, Piece, Report};
use sensor_scan::{Installed, Outcome, Value, try_out};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::lap::{self, Clock, Looked, Seen};
use super::mail::Corpus;
use super::process::{id, installed, record, reported, runtime};
use super::{Options, PATIENCE, ScanError};

/// It is given the message alone, and takes it apart itself: by default it is given each part too.
pub(super) fn clamd(options: &Options, mail: &Corpus, clock: &Clock) -> Result<Looked, ScanError> {
    let keys = [("address", address(options)), ("look_at", Value::Text("message".to_owned()))];
    measure(&*installed("clamd", keys)?, mail, clock)
}

pub(super) fn rspamd(options: &Options, mail: &Corpus, clock: &Clock) -> Result<Looked, ScanError> {
    measure(&*installed("rspamd", [("url", address(options))])?, mail, clock)
}

fn address(options: &Options) -> Value {
    Value::Text(options.address.clone().unwrap_or_default())
}

fn measure(scanner: &dyn Installed, mail: &Corpus, clock: &Clock) -> Result<Looked, ScanError> {
    let runtime = runtime()?;
    let trial = runtime.block_on(async { try_out(scanner, id(), Timestamp::UNIX_EPOCH, &budget()).await });
    match trial.outcome {
        Outcome::Found(_) => {}
        Outcome::Silent => return Err(ScanError::Blind(scanner.name().into())),
        Outcome::Missed(gaps) => {
            let why = gaps.first().map(|gap| format!("{}: {:?}", scanner.name(), gap.why));
            return Err(ScanError::Scanner(why.unwrap_or_default()));
        }
    }
    let mails: Vec<Dissected> = mail.messages.iter().map(whole).collect();
    lap::measure(mail, clock, |number| {
        let (mut report, mut seen) = (Report::of(scanner.name()), Seen::default());
        runtime.block_on(async { scanner.scan(&mails[number], &budget(), &mut report).await });
        reported(&report, &mut seen);
        seen
    })
}

fn budget() -> Budget {
    Budget::new(Instant::now() + PATIENCE, CancellationToken::new())
}

/// The message by itself, as part 0 of what it consists of.
fn whole(message: &Bytes) -> Dissected {
    let exploded = explode(message.clone(), &Limits::default(), &Alone);
    let parts = exploded.parts.into_iter().take(1);
    let parts = parts.map(|(part, octets)| Piece { part, octets: Octets::Held(octets) });
    Dissected { record: Arc::new(record(message)), parts: parts.collect() }
}
