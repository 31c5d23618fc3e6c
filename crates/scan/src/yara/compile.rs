//! Rules on their way from files to memory, and from one process to another.

use std::fs;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use aws_lc_rs::digest;
use bytes::Bytes;
use sensor_mail::Severity;
use serde::{Deserialize, Serialize};
use yara_x::errors::CompileError;
use yara_x::{Compiler, Rules, SourceCode};

use crate::files::Files;
use crate::ruleset::version_by;
use crate::trial::Sample;

/// The largest file of rules.
const FILE_OCTETS_MAX: u64 = 16 << 20;
/// The most faults that are told.
const FAULTS_MAX: usize = 20;

/// Rules as octets, for this process and others of this program: a line of JSON, and what the engine writes.
pub(super) struct Compiled {
    pub(super) version: Box<str>,
    pub(super) octets: Bytes,
}

/// Rules ready to look.
pub(super) struct RuleSet {
    rules: Rules,
    head: Head,
}

/// What is known about rules beside themselves.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Head {
    version: Box<str>,
    /// Of rules that do not say it.
    severity: Severity,
    size_max: u64,
}

/// Rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// The administrator must act: what was found, each with its file and line.
    #[error("{}", .0.join("; "))]
    Faults(Vec<String>),
    /// The engine cannot write them, or they are not what it wrote: a mistake of this program.
    #[error("compiled rules do not pass from one process to another: {0}")]
    Foreign(String),
}

impl Compiled {
    /// Compiles files.
    ///
    /// # Errors
    /// With every fault: none of the rules is used then.
    pub(super) fn of(files: &Files, severity: Severity, size_max: u64) -> Result<Self, Unusable> {
        let (rules, version) = survived(|| compile(files)).map_err(|mut faults| {
            let more = faults.len().saturating_sub(FAULTS_MAX);
            faults.truncate(FAULTS_MAX);
            faults.extend((more > 0).then(|| format!("and {more} more")));
            Unusable::Faults(faults)
        })?;
        let head = Head { version, severity, size_max };
        let mut octets = serde_json::to_vec(&head).expect("texts and numbers are JSON");
        octets.push(b'\n');
        rules.serialize_into(&mut octets).map_err(|error| Unusable::Foreign(error.to_string()))?;
        Ok(Self { version: head.version, octets: octets.into() })
    }
}

impl RuleSet {
    /// The rules of [`Compiled::octets`]. Never to be given what anybody else wrote: the engine trusts it.
    ///
    /// # Errors
    /// When they are something else.
    pub(super) fn from_octets(octets: &[u8]) -> Result<Self, Unusable> {
        let foreign = |error: &dyn std::fmt::Display| Unusable::Foreign(error.to_string());
        let end = memchr::memchr(b'\n', octets).ok_or_else(|| foreign(&"they have no head"))?;
        let (head, rules) = octets.split_at(end);
        let head = serde_json::from_slice(head).map_err(|error| foreign(&error))?;
        let rules = Rules::deserialize(&rules[1..]).map_err(|error| foreign(&error))?;
        Ok(Self { rules, head })
    }

    /// How many rules there are, and a digest of their text.
    pub(super) fn version(&self) -> &str {
        &self.head.version
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(super) fn severity(&self) -> Severity {
        self.head.severity
    }

    pub(super) fn size_max(&self) -> u64 {
        self.head.size_max
    }
}

/// What the engine does with what anybody wrote. Where it panics over rules, those are unusable, and not the sensor.
fn survived<T>(compile: impl FnOnce() -> Result<T, Vec<String>>) -> Result<T, Vec<String>> {
    // What it panicked in the middle of is dropped with the closure.
    panic::catch_unwind(AssertUnwindSafe(compile))
        .unwrap_or_else(|_| Err(vec!["the engine panicked over them, the log says where".to_owned()]))
}

/// The rules with their version, or every fault.
fn compile(files: &Files) -> Result<(Rules, Box<str>), Vec<String>> {
    let mut compiler = compiler();
    let mut faults = files.faults.clone();
    let mut seen = digest::Context::new(&digest::SHA256);
    for file in &files.found {
        match read(file) {
            Ok(text) => {
                seen.update(text.as_bytes());
                add(&mut compiler, file, &text, &mut faults);
            }
            Err(error) => faults.push(format!("{}: {error}", file.display())),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let rules = compiler.build();
    let version = format!("{} rules, {}", rules.iter().count(), version_by(&seen.finish())).into();
    Ok((rules, version))
}

/// A compiler that knows what every scanner of this kind knows. Files that others include would be neither in the
/// version of the rules nor among those whose change is seen.
fn compiler() -> Compiler<'static> {
    let mut compiler = Compiler::new();
    compiler.enable_includes(false);
    compiler.new_namespace("mailsensor");
    compiler.add_source(eicar().as_str()).expect("the rule of this program compiles");
    compiler
}

/// So that it can be tried. In hex: the program does not hold the text.
fn eicar() -> String {
    let hex: String = Sample::eicar().line.bytes().map(|octet| format!("{octet:02x} ")).collect();
    format!(
        "rule eicar_test_file : test {{ meta: severity = \"critical\" description = \"The EICAR test file\" \
         strings: $eicar = {{ {hex} }} condition: $eicar }}"
    )
}

fn read(file: &Path) -> io::Result<String> {
    match fs::metadata(file)?.len() {
        octets if octets <= FILE_OCTETS_MAX => fs::read_to_string(file),
        _ => Err(io::Error::other(format!("it is larger than {FILE_OCTETS_MAX} octets"))),
    }
}

fn add(compiler: &mut Compiler<'_>, file: &Path, text: &str, faults: &mut Vec<String>) {
    let place = file.display().to_string();
    let before = compiler.errors().len();
    compiler.new_namespace(&place);
    if compiler.add_source(SourceCode::from(text).with_origin(place)).is_err() {
        faults.extend(compiler.errors().iter().skip(before).map(|error| told(file, text, error)));
    }
}

/// `file:line: what is wrong: what of it`
fn told(file: &Path, text: &str, error: &CompileError) -> String {
    let (file, title) = (file.display(), error.title());
    match error.labels().next() {
        Some(label) => {
            let before = text.as_bytes().iter().take(label.span().start());
            let line = 1 + before.filter(|octet| **octet == b'\n').count();
            format!("{file}:{line}: {title}: {}", label.text())
        }
        None => format!("{file}: {title}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_panics_makes_rules_unusable() {
        let compiled: Result<(), _> = survived(|| panic!("of the engine"));
        assert_eq!(compiled, Err(vec!["the engine panicked over them, the log says where".to_owned()]));
        assert_eq!(survived(|| Ok(1)), Ok(1));
    }
}
