//! `yara`: YARA rules, by YARA-X, over the message, its parts, and the texts that were taken out of them.
//!
//! ```text
//!  rules = [files, directories] --compile--> RuleSet --serialise--> Compiled  --supplies--> worker process:
//!                                   |                                  |                    Resident (an Inspector)
//!                  every fault, with its file and line                 +-- a trial, a test: on a thread
//! ```
//!
//! Each file of rules is a namespace, so that equal names in two files are no conflict; files include no others.
//! Of a rule's metadata `severity` (a word, or 0 to 4) or else `score` (0 to 100, as many public rules have it) says
//! how grave it is, `tags` (words, with commas between them) are added to its tags, `description`, `author` and
//! `reference` are told. Matching text is not told: it is the message's.
//!
//! Compiling takes a second a thousand rules or so, and is the sensor's work; it keeps the compiled rules as
//! octets, ready for the next worker. Looking is for worker processes: modules parse hostile files. The engine
//! takes minutes to build, and so stands behind a feature; the kind and its keys are there without it.

#[cfg(feature = "yara")]
mod compile;
#[cfg(feature = "yara")]
mod installed;
#[cfg(feature = "yara")]
mod look;
#[cfg(feature = "yara")]
mod resident;

use crate::keys::{Key, Shape, Unset};
use crate::kind::Kind;
use crate::severity::SEVERITY;
#[cfg(not(feature = "yara"))]
use absent::{WHY, build, resident};
#[cfg(feature = "yara")]
use installed::build;
#[cfg(feature = "yara")]
use resident::resident;

/// `kind = "yara"`
pub(crate) const KIND: Kind = Kind {
    #[cfg(not(feature = "yara"))]
    absent: Some(WHY),
    inspector: Some(resident),
    ..Kind::new("yara", "YARA rules.", &[&RULES, &SIZE_MAX, &SEVERITY], build)
};

const RULES: Key = Key::new(
    "rules",
    Shape::List("paths of files of rules, and of directories with files named *.yar and *.yara"),
    "The rules. When they change they are compiled anew; where there is a fault in one, those of before stay.",
)
.required()
.such_as("[\"/etc/mailsensor/yara\"]");
const SIZE_MAX: Key = Key::new(
    "size_max",
    Shape::Size { min: 1, max: 4 << 30 },
    "Parts that are larger are skipped. They are looked at in memory.",
)
.or(Unset::Number(256 << 20));

/// A program without the engine.
#[cfg(not(feature = "yara"))]
mod absent {
    use sensor_pipeline::Inspector;

    use crate::kind::{Built, Surroundings};
    use crate::options::{Fault, Given};

    pub(super) const WHY: &str =
        "this build has no YARA: take a released program, or build it with `--features yara`";

    pub(super) fn build(_: &str, _: &Given, _: &Surroundings) -> Built {
        Err(vec![Fault { key: "kind".into(), expected: format!("another kind, for {WHY}").into() }])
    }

    pub(super) fn resident(_: &str, _: &[u8]) -> Result<Box<dyn Inspector>, String> {
        Err(WHY.to_owned())
    }
}
