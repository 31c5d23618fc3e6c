//! strace around the sensor: it tells the order of system calls, and has some of them fail.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::sensor::{BINARY, Home, Sensor};
use super::{skip, wait_for};

/// A system call that has returned.
#[derive(Debug)]
pub(crate) struct Call {
    /// Name and arguments as strace prints them.
    pub(crate) text: String,
    pub(crate) result: i64,
    /// Line of the trace in which it began.
    pub(crate) begun: usize,
    /// Line of the trace in which it returned.
    pub(crate) ended: usize,
}

/// A sensor whose system calls are traced.
pub(crate) struct Traced {
    pub(crate) sensor: Sensor,
    output: PathBuf,
}

impl Traced {
    /// Starts the sensor of `home` with these arguments of strace. None where processes may not be traced:
    /// counted as a skip of `test`.
    pub(crate) fn start(test: &str, home: &Home, arguments: &[&str]) -> Option<Self> {
        let probe = Command::new("strace").args(["-D", "-o", "/dev/null", "true"]).output();
        if !probe.is_ok_and(|output| output.status.success()) {
            skip(test, "strace is not installed or may not trace");
            return None;
        }
        let output = home.path().join("trace");
        let mut command = Command::new("strace");
        // The tracer is the grandchild: our child is the sensor, signals reach it.
        command.args(["-D", "-f", "-y", "-o"]).arg(&output).args(arguments).arg(BINARY);
        // Worker processes would be traced, and fail, as the sensor does.
        command.env("MAILSENSOR__SCAN__ENABLED", "false");
        Some(Self { sensor: home.start_under(command), output })
    }

    /// All calls of a sensor that has ended.
    pub(crate) fn calls(output: &Path) -> Vec<Call> {
        let trace = wait_for("the end of the trace", || {
            let trace = fs::read_to_string(output).unwrap();
            trace.lines().last().is_some_and(|line| line.ends_with("+++")).then_some(trace)
        });
        parse(&trace)
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.output.clone()
    }
}

/// Lines are `PID name(arguments) = result`; where another thread's call comes between, a call has two:
/// `PID name(arguments <unfinished ...>` and `PID <... name resumed>more arguments) = result`.
fn parse(trace: &str) -> Vec<Call> {
    let mut open: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut calls = Vec::new();
    for (number, line) in trace.lines().enumerate() {
        let Some((thread, said)) = line.split_once(' ') else { continue };
        let said = said.trim_start();
        if let Some(begun) = said.strip_suffix("<unfinished ...>") {
            open.insert(thread, (number, begun));
            continue;
        }
        let (begun, text) = match said.strip_prefix("<... ").and_then(|said| said.split_once(" resumed>")) {
            Some((_, rest)) => match open.remove(thread) {
                Some((begun, first)) => (begun, format!("{first}{rest}")),
                None => continue,
            },
            None => (number, said.to_owned()),
        };
        let Some((call, result)) = text.rsplit_once(" = ") else { continue };
        let Some(Ok(result)) = result.split_whitespace().next().map(str::parse) else { continue };
        calls.push(Call { text: call.to_owned(), result, begun, ended: number });
    }
    calls
}
