//! `exec`: a program of the administrator's.
//!
//! ```text
//!  private directory (0700, its own for each run, removed afterwards)       program DIRECTORY
//!    message.eml      the message                                            stdout: findings as JSON
//!    manifest.json    envelope and parts                                     exit status 0
//!    parts/0002       the octets of part 2, by number: names are the sender's
//! ```
//!
//! The program runs in that directory, with an environment of `PATH`, `LANG`, `HOME` and `TMPDIR` alone, under limits of
//! memory, processor time, file size and open files, in a process group of its own. At the deadline, and when it
//! ends, the group is killed; a child that leaves the group on purpose is not. What it says is bounded; what it
//! says on its standard error is told in part where it fails, and never else. The findings are described in
//! [`answer`](crate::answer).
//!
//! It has the rights of the sensor: it can be trusted with mail, or it should drop rights itself.

mod child;
mod folder;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sensor_pipeline::{Budget, Dissected, Looking, Report, Scanner};

use crate::answer::Findings;
use crate::keys::{Key, Shape, Unset};
use crate::kind::{Built, Installed, Kind, Surroundings};
use crate::options::{Given, Options};
use crate::ruleset::Known;
use crate::trial::Sample;
use crate::trouble::Trouble;
use child::{Ended, Limits};
use folder::Folder;

/// `kind = "exec"`
pub(crate) const KIND: Kind = Kind::new(
    "exec",
    "A program that is given each message in a directory, and prints findings as JSON.",
    &[&COMMAND, &DIRECTORY, &SIZE_MAX, &MEMORY_MAX, &CPU_MAX, &FILE_MAX, &FILES_MAX],
    build,
);

const COMMAND: Key = Key::new(
    "command",
    Shape::List("the absolute path of a program, and its arguments"),
    "The program with its arguments; the directory of the message comes behind them. No shell reads it.",
)
.required()
.such_as("[\"/usr/local/bin/look\", \"--json\"]");
const DIRECTORY: Key =
    Key::new("directory", Shape::Path, "Where the private directories are made. Not set: TMPDIR, or /tmp.")
        .such_as("\"/var/tmp\"");
const SIZE_MAX: Key = Key::new(
    "size_max",
    Shape::Size { min: 1, max: 4 << 30 },
    "Messages whose parts are larger, all together, are skipped: they are written to the disk.",
)
.or(Unset::Number(256 << 20));
const MEMORY_MAX: Key = Key::new(
    "memory_max",
    Shape::Size { min: 16 << 20, max: 1 << 40 },
    "The address space of each of its processes.",
)
.or(Unset::Number(1 << 30));
const CPU_MAX: Key = Key::new(
    "cpu_max",
    Shape::Duration { min: 1_000, max: 3_600_000 },
    "The processor time of each of its processes, in whole seconds.",
)
.or(Unset::Number(60_000));
const FILE_MAX: Key =
    Key::new("file_max", Shape::Size { min: 512, max: 1 << 40 }, "The largest file that it writes.")
        .or(Unset::Number(64 << 20));
const FILES_MAX: Key =
    Key::new("files_max", Shape::Number { min: 8, max: 65_536 }, "The most files that it has open.")
        .or(Unset::Number(256));

fn build(name: &str, given: &Given, _: &Surroundings) -> Built {
    let mut options = Options::new(KIND.keys, given);
    let command = options.list(&COMMAND);
    let exec = program(&command, &mut options).map(|()| Exec {
        name: name.into(),
        command,
        directory: options.path(&DIRECTORY).unwrap_or_else(std::env::temp_dir),
        size_max: options.number(&SIZE_MAX),
        limits: Limits {
            memory: options.number(&MEMORY_MAX),
            cpu: options.duration(&CPU_MAX),
            file: options.number(&FILE_MAX),
            files: options.number(&FILES_MAX),
        },
        version: Known::default(),
    });
    options.finish(exec).map(|exec| Arc::new(exec) as _)
}

fn program(command: &[String], options: &mut Options<'_>) -> Option<()> {
    let is_program = |path: &Path| {
        let metadata = std::fs::metadata(path);
        metadata.is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    let is_good = command.first().is_some_and(|path| path.starts_with('/') && is_program(Path::new(path)))
        && !command.iter().any(|argument| argument.contains('\0'));
    if !is_good {
        options.fault(COMMAND.name, "the absolute path of a program that can be executed, and its arguments");
    }
    is_good.then_some(())
}

struct Exec {
    name: Box<str>,
    command: Vec<String>,
    directory: PathBuf,
    size_max: u64,
    limits: Limits,
    version: Known,
}

impl Exec {
    async fn look(&self, mail: &Dissected, budget: &Budget, report: &mut Report) -> Result<(), Trouble> {
        let octets: u64 = mail.parts.iter().map(|piece| piece.octets.len()).sum();
        if octets > self.size_max {
            return Err(Trouble::unfit(format!("{octets} octets, and size_max is {}", self.size_max)));
        }
        let folder = Folder::write(&self.directory, mail, budget).await?;
        let ended = child::run(&self.command, folder.path(), &self.limits, budget).await;
        folder.remove().await;
        let findings = Findings::parse(&answered(ended?)?, mail.parts.len())?;
        if let Some(ruleset) = &findings.ruleset {
            self.version.told(&crate::words::told(ruleset.as_bytes()));
        }
        findings.tell(report);
        Ok(())
    }
}

fn answered(ended: Ended) -> Result<Vec<u8>, Trouble> {
    if ended.status.success() {
        return Ok(ended.output);
    }
    let errors = crate::words::told(&ended.errors);
    let colon = if errors.is_empty() { "" } else { ": " };
    Err(Trouble::failed(format!("the program ended with {}{colon}{errors}", ended.status)))
}

impl Scanner for Exec {
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

impl Installed for Exec {
    fn sample(&self) -> Sample {
        Sample::eicar()
    }

    fn advice(&self) -> Box<str> {
        let program = self.command.first().map_or("", String::as_str);
        format!(
            "Can this user run {program}, does it print findings as JSON, and are memory_max and cpu_max enough? \
             It need not know the EICAR file."
        )
        .into()
    }
}
