//! The life of a worker process.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use sensor_mail::Part;
use sensor_mail::finding::Missed;
use serde::Serialize;
use tokio::time::Instant;

use super::channel::{Channel, NoLetter};
use super::protocol::{Answer, Entry, Hello, Manifest, Order, Setup, Take};
use super::sandbox::{self, Sandbox};
use super::sealed::sealed;
use crate::dissector::{Dissection, Dissector, Inspector};
use crate::scanner::{Budget, Report};
use crate::taker::budget;

/// What a worker works with.
pub struct Tools {
    /// Takes messages apart.
    pub dissector: Box<dyn Dissector>,
    /// Look into the parts.
    pub inspectors: Vec<Box<dyn Inspector>>,
}

/// Takes apart what the sensor at the other end of standard input sends, until that is closed.
///
/// `make` makes the tools of [`Setup::settings`] and [`Setup::supplies`], while the process may still read files.
/// After that it is confined, before it has any mail.
pub fn serve(make: impl FnOnce(&Setup) -> Result<Tools, String>) -> ExitCode {
    // The first of all: later there are more.
    let inherited = sandbox::inherited();
    std::panic::set_hook(Box::new(note_panic));
    let channel = Channel::of_standard_input().map_err(NoLetter::Io);
    match channel.and_then(|channel| work(&channel, &inherited, make)) {
        Ok(()) | Err(NoLetter::Gone) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("a worker process ends: {error}");
            ExitCode::FAILURE
        }
    }
}

fn work(
    channel: &Channel,
    inherited: &[u32],
    make: impl FnOnce(&Setup) -> Result<Tools, String>,
) -> Result<(), NoLetter> {
    sandbox::end_with_parent().map_err(io::Error::from)?;
    let (Order::Setup(mut setup), supplies) = channel.receive(None)? else { return Err(out_of_turn()) };
    if let Some(file) = supplies {
        setup.supplies = read_all(file)?;
    }
    let tools = match make(&setup) {
        Ok(tools) => tools,
        Err(why) => return Ok(channel.send(&Answer::Unable(why), None)?),
    };
    greet(channel, sandbox::confine(&setup, inherited), &tools)?;
    // Supplies may be large, and the tools have what they need of them.
    drop(setup);
    loop {
        let (Order::Take(take), Some(message)) = channel.receive(None)? else { return Err(out_of_turn()) };
        take_apart(channel, &tools, &take, message)?;
        channel.send(&Answer::Done, None)?;
    }
}

fn out_of_turn() -> NoLetter {
    NoLetter::Malformed("a letter out of turn".to_owned())
}

fn greet(channel: &Channel, sandbox: Sandbox, tools: &Tools) -> io::Result<()> {
    let inspectors = tools.inspectors.iter();
    let inspectors = inspectors.map(|one| (Box::from(one.name()), one.ruleset())).collect();
    let hello = Hello { sandbox, inspectors };
    channel.send(&Answer::Hello(hello), None)
}

fn take_apart(channel: &Channel, tools: &Tools, take: &Take, message: OwnedFd) -> io::Result<()> {
    let patience = take.inspectors.iter().fold(take.millis, |sum, (_, millis)| sum.saturating_add(*millis));
    sandbox::limit_processor_time(patience / 1_000);
    let message = read(&message.into(), take.start, take.octets)?;
    let dissection = tools.dissector.dissect(message, &budget(Duration::from_millis(take.millis)));
    let (file, start, octets) = hand_over(&dissection)?;
    channel.send(&Answer::Parts { start, octets }, Some(file.as_fd()))?;
    drop(file);
    for (name, millis) in &take.inspectors {
        let begun = Instant::now();
        let report = inspect(tools, name, &dissection.parts, &budget(Duration::from_millis(*millis)));
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let file = sealed(|out| write_json(out, &report))?;
        channel.send(&Answer::Said { micros }, Some(file.as_fd()))?;
    }
    Ok(())
}

/// Has the inspector of that name look.
pub(crate) fn inspect(tools: &Tools, name: &str, parts: &[(Part, Bytes)], budget: &Budget) -> Report {
    let mut report = Report::of(name);
    let Some(inspector) = tools.inspectors.iter().find(|inspector| inspector.name() == name) else {
        report.missed(None, Missed::Failed("the worker has no scanner of this name".into()));
        return report;
    };
    if let Some(ruleset) = inspector.ruleset() {
        report.used(ruleset);
    }
    // What it reported before counts: a report is whole between two calls.
    if catch_unwind(AssertUnwindSafe(|| inspector.inspect(parts, budget, &mut report))).is_err() {
        report.missed(None, Missed::Failed(panicked().into()));
    }
    report
}

fn read_all(file: OwnedFd) -> io::Result<Bytes> {
    let file = File::from(file);
    let octets = file.metadata()?.len();
    read(&file, 0, octets)
}

fn read(file: &File, start: u64, octets: u64) -> io::Result<Bytes> {
    let mut all = vec![0; usize::try_from(octets).map_err(io::Error::other)?];
    file.read_exact_at(&mut all, start)?;
    Ok(all.into())
}

/// A sealed file of the parts' octets with the manifest behind them, and where that is.
fn hand_over(dissection: &Dissection) -> io::Result<(File, u64, u64)> {
    let mut at = 0;
    let mut entries = Vec::with_capacity(dissection.parts.len());
    for (number, (part, octets)) in dissection.parts.iter().enumerate() {
        entries.push(Entry { part: part.clone(), start: at });
        // The sensor has the message.
        at += if number == 0 { 0 } else { octets.len() as u64 };
    }
    let manifest = Manifest { parts: entries, recipients: dissection.recipients.clone() };
    let manifest = serde_json::to_vec(&manifest).map_err(io::Error::other)?;
    let file = sealed(|out| {
        for (_, octets) in dissection.parts.iter().skip(1) {
            out.write_all(octets)?;
        }
        out.write_all(&manifest)
    })?;
    Ok((file, at, manifest.len() as u64))
}

fn write_json(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(out, value).map_err(io::Error::other)
}

/// Where the last panic was. What it said may quote the message, and is told to nobody.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

fn note_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(|place| format!("{}:{}", place.file(), place.line()));
    if let Ok(mut noted) = PANIC.lock() {
        *noted = place;
    }
}

fn panicked() -> String {
    let place = PANIC.lock().ok().and_then(|mut noted| noted.take());
    format!("it panicked at {}", place.as_deref().unwrap_or("an unknown place"))
}
