//! `yara`: YARA rules, by YARA-X, over the message, its parts, and the texts that were taken out of them.
//!
//! ```text
//!  rules = [files, directories]  --compile-->  RuleSet  --to_octets-->  worker process: RuleSet::from_octets
//!                                   |             |                                       |
//!                 every error, with its line      +-- look(parts) <-----------------------+
//! ```
//!
//! Each file of rules is a namespace, so that equal names in two files are no conflict. Of a rule's metadata
//! `severity` (a word, or 0 to 4) or else `score` (0 to 100, as many public rules have it) says how grave it is, `tags` (words,
//! with commas between them) are added to its tags, `description`, `author` and `reference` are told. Matching text is
//! not told: it is the message's.
//!
//! Compiling takes a second a thousand rules or so, and is the parent's work. Looking is for worker processes:
//! modules parse hostile files. There [`RuleSet::look`] is called on octets in memory; the scanner made here does
//! the same on a thread, for tries and tests.

mod compile;
mod look;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use sensor_pipeline::{Budget, Dissected, Looking, Octets, Piece, Report, Scanner};

use crate::keys::{Key, Shape, Unset};
use crate::kind::{Built, Installed, Kind, Surroundings};
use crate::octets::{CHUNK_OCTETS_MAX, fits};
use crate::options::{Fault, Given, Options};
use crate::severity::{SEVERITY, severities};
use crate::trial::Sample;
use crate::trouble::Trouble;
pub use compile::{RuleSet, Unusable};

/// `kind = "yara"`
pub(crate) const KIND: Kind =
    Kind { word: "yara", doc: "YARA rules.", keys: &[&RULES, &SIZE_MAX, &SEVERITY], build };

const RULES: Key = Key::new(
    "rules",
    Shape::List("paths of files of rules, and of directories with files named *.yar and *.yara"),
    "The rules. A reload compiles them anew; where there is a fault in one, those of before stay.",
)
.required()
.such_as("[\"/etc/mailsensor/yara\"]");
const SIZE_MAX: Key = Key::new(
    "size_max",
    Shape::Size { min: 1, max: 4 << 30 },
    "Parts that are larger are skipped. They are looked at in memory.",
)
.or(Unset::Number(256 << 20));

fn build(name: &str, given: &Given, _: &Surroundings) -> Built {
    let mut options = Options::new(KIND.keys, given);
    let paths: Vec<PathBuf> = options.list(&RULES).into_iter().map(PathBuf::from).collect();
    let severity = options.word(&SEVERITY, severities());
    let size_max = options.number(&SIZE_MAX);
    let rules = match RuleSet::compile(&paths, severity, size_max) {
        Ok(rules) => Some(rules),
        Err(unusable) => {
            options.fault(RULES.name, format!("rules that compile, but {unusable}"));
            None
        }
    };
    let yara = rules.map(|rules| Yara { name: name.into(), paths, rules: ArcSwap::from_pointee(rules) });
    options.finish(yara).map(|yara| Arc::new(yara) as _)
}

struct Yara {
    name: Box<str>,
    paths: Vec<PathBuf>,
    rules: ArcSwap<RuleSet>,
}

impl Yara {
    async fn look(&self, mail: &Dissected, budget: &Budget, report: &mut Report) -> Result<(), Trouble> {
        if let Some(over) = budget.is_over() {
            return Err(over.into());
        }
        let (rules, mail, until) = (self.rules.load_full(), mail.clone(), budget.clone());
        let mut own = Report::of(&self.name);
        let looking = tokio::task::spawn_blocking(move || {
            look_at_all(&rules, &mail, &until, &mut own);
            own
        });
        // A thread ends by itself: its scanner has the deadline of the budget.
        let looked = budget.run(looking).await?;
        *report = looked.map_err(|_| Trouble::failed("the engine panicked: report this with the message"))?;
        Ok(())
    }
}

fn look_at_all(rules: &RuleSet, mail: &Dissected, budget: &Budget, report: &mut Report) {
    let mut held = Vec::new();
    for piece in mail.parts.iter() {
        match fits(piece, rules.size_max()).and_then(|()| hold(piece)) {
            Ok(octets) => held.push((&piece.part, octets)),
            Err(trouble) => trouble.tell(Some(piece.part.id), report),
        }
    }
    rules.look(held.iter().map(|(part, octets)| (*part, &octets[..])), budget, report);
}

/// The octets of a part in memory.
fn hold(piece: &Piece) -> Result<bytes::Bytes, Trouble> {
    if let Octets::Held(octets) = &piece.octets {
        return Ok(octets.clone());
    }
    let (mut octets, mut buffer) = (Vec::new(), vec![0; CHUNK_OCTETS_MAX]);
    loop {
        let read = piece.octets.read_at(octets.len() as u64, &mut buffer);
        let count = read.map_err(|error| Trouble::at("the part cannot be read", &error))?;
        if count == 0 {
            return Ok(octets.into());
        }
        octets.extend_from_slice(&buffer[..count]);
    }
}

impl Scanner for Yara {
    fn name(&self) -> &str {
        &self.name
    }

    fn ruleset(&self) -> Option<Box<str>> {
        Some(self.rules.load().version().into())
    }

    fn scan<'a>(&'a self, mail: &'a Dissected, budget: &'a Budget, report: &'a mut Report) -> Looking<'a> {
        Box::pin(async move {
            if let Err(trouble) = self.look(mail, budget, report).await {
                trouble.tell(None, report);
            }
        })
    }
}

impl Installed for Yara {
    fn sample(&self) -> Sample {
        Sample::eicar()
    }

    fn advice(&self) -> Box<str> {
        "It knows the EICAR file whatever its rules say: report this as a fault of mailsensor.".into()
    }

    fn reload(&self) -> Result<(), Vec<Fault>> {
        let before = self.rules.load();
        let rules =
            RuleSet::compile(&self.paths, before.severity(), before.size_max()).map_err(|unusable| {
                let expected = format!("rules that compile, but {unusable}").into();
                vec![Fault { key: RULES.name.into(), expected }]
            })?;
        self.rules.store(Arc::new(rules));
        Ok(())
    }

    fn in_worker(&self) -> Option<Vec<u8>> {
        self.rules.load().to_octets().ok()
    }
}
