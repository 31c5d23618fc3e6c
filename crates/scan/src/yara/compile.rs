//! Rules on their way from files to memory, and from one process to another.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use sensor_mail::Severity;
use serde::{Deserialize, Serialize};
use yara_x::{Compiler, Rules, SourceCode};

use crate::trial::Sample;

/// How deep directories of rules may be nested.
const DEPTH_MAX: usize = 8;
/// The most files of rules.
const FILES_MAX: usize = 20_000;
/// The largest file of rules.
const FILE_OCTETS_MAX: u64 = 16 << 20;
/// The most errors that are told.
const ERRORS_MAX: usize = 20;

/// Rules that were compiled.
pub struct RuleSet {
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

/// Rules cannot be used; the administrator must act.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Every fault that was found, with its file and line.
    #[error("{}", .0.join("\n"))]
    Faults(Vec<String>),
    /// They are none of [`RuleSet::to_octets`], or of another version of this program.
    #[error("the compiled rules are not of this program: {0}")]
    Foreign(String),
}

impl RuleSet {
    /// Compiles files, and what lies in directories.
    ///
    /// # Errors
    /// With every fault: none of the rules is used then.
    pub fn compile(paths: &[PathBuf], severity: Severity, size_max: u64) -> Result<Self, Unusable> {
        let (files, mut faults) = files(paths);
        let mut compiler = Compiler::new();
        compiler.colorize_errors(false);
        compiler.new_namespace("mailsensor");
        compiler.add_source(eicar().as_str()).expect("the rule of this program compiles");
        let mut seen = digest::Context::new(&digest::SHA256);
        for file in &files {
            match read(file) {
                Ok(text) => {
                    seen.update(&text);
                    add(&mut compiler, file, &text, &mut faults);
                }
                Err(error) => faults.push(format!("{}: {error}", file.display())),
            }
        }
        if !faults.is_empty() {
            let more = faults.len().saturating_sub(ERRORS_MAX);
            faults.truncate(ERRORS_MAX);
            faults.extend((more > 0).then(|| format!("and {more} more")));
            return Err(Unusable::Faults(faults));
        }
        let rules = compiler.build();
        let seen: String =
            seen.finish().as_ref().iter().take(8).map(|octet| format!("{octet:02x}")).collect();
        let version = format!("{} rules, {seen}", rules.iter().count()).into();
        Ok(Self { rules, head: Head { version, severity, size_max } })
    }

    /// The rules for another process of this program.
    ///
    /// # Errors
    /// When the engine cannot write them.
    pub fn to_octets(&self) -> Result<Vec<u8>, Unusable> {
        let mut octets = serde_json::to_vec(&self.head).expect("texts and numbers are JSON");
        octets.push(b'\n');
        self.rules.serialize_into(&mut octets).map_err(|error| Unusable::Foreign(error.to_string()))?;
        Ok(octets)
    }

    /// The rules of [`to_octets`](Self::to_octets). Never to be given what anybody else wrote: the engine
    /// trusts it.
    ///
    /// # Errors
    /// When they are something else.
    pub fn from_octets(octets: &[u8]) -> Result<Self, Unusable> {
        let foreign = |error: &dyn std::fmt::Display| Unusable::Foreign(error.to_string());
        let end = memchr::memchr(b'\n', octets).ok_or_else(|| foreign(&"they have no head"))?;
        let (head, rules) = octets.split_at(end);
        let head = serde_json::from_slice(head).map_err(|error| foreign(&error))?;
        let rules = Rules::deserialize(&rules[1..]).map_err(|error| foreign(&error))?;
        Ok(Self { rules, head })
    }

    /// How many rules there are, and a digest of their text.
    #[must_use]
    pub fn version(&self) -> &str {
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

/// What every scanner of this kind knows, so that it can be tried. In hex: the program does not hold the text.
fn eicar() -> String {
    let hex: String = Sample::eicar().line.bytes().map(|octet| format!("{octet:02x} ")).collect();
    format!(
        "rule eicar_test_file : test {{ meta: severity = \"critical\" description = \"The EICAR test file\" \
         strings: $eicar = {{ {hex} }} condition: $eicar }}"
    )
}

fn add(compiler: &mut Compiler<'_>, file: &Path, text: &[u8], faults: &mut Vec<String>) {
    let Ok(text) = std::str::from_utf8(text) else {
        return faults.push(format!("{}: it is not UTF-8", file.display()));
    };
    compiler.new_namespace(&file.display().to_string());
    if let Err(error) = compiler.add_source(SourceCode::from(text).with_origin(file.display().to_string())) {
        faults.push(error.to_string());
    }
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    match fs::metadata(file)?.len() {
        octets if octets <= FILE_OCTETS_MAX => fs::read(file),
        _ => Err(io::Error::other(format!("it is larger than {FILE_OCTETS_MAX} octets"))),
    }
}

/// Every file, in the order of their names, with what is wrong with the paths.
fn files(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<String>) {
    let (mut files, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        if let Err(error) = find(path, true, DEPTH_MAX, &mut files) {
            faults.push(format!("{}: {error}", path.display()));
        }
    }
    (files, faults)
}

fn find(path: &Path, is_named: bool, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let is_rules = || path.extension().is_some_and(|extension| extension == "yar" || extension == "yara");
    if !fs::metadata(path)?.is_dir() {
        if is_named || is_rules() {
            found.push(path.to_owned());
        }
    } else if depth == 0 {
        return Err(io::Error::other(format!("its directories are nested deeper than {DEPTH_MAX}")));
    } else {
        let entries = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path()));
        let mut entries = entries.take(FILES_MAX + 1).collect::<io::Result<Vec<_>>>()?;
        entries.sort();
        for entry in entries {
            find(&entry, false, depth - 1, found)?;
        }
    }
    match found.len() > FILES_MAX {
        true => Err(io::Error::other(format!("there are more than {FILES_MAX} files"))),
        false => Ok(()),
    }
}
