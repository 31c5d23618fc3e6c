//! `attachment`: rules on what parts are: their names, types, sizes, and what is remarkable about them.
//!
//! It reads no octets. Rules hold for every part but the message itself and texts that were taken out of other parts, and so
//! for members of archives too. What could not be opened is in the manifest, and no gap of this scanner: it has seen
//! that part as well as it ever does.

use std::sync::Arc;

use sensor_mail::part::{PartFlag, Role};
use sensor_mail::{Part, Severity};
use sensor_pipeline::{Budget, Dissected, Looking, Report, Scanner};

use crate::keys::{Key, Shape, Unset};
use crate::kind::{Built, Installed, Kind, Surroundings};
use crate::options::{Given, Options};
use crate::ruleset::version_of;
use crate::severity::{SEVERITY, severities};
use crate::trial::Sample;

/// `kind = "attachment"`
pub(crate) const KIND: Kind = Kind::new(
    "attachment",
    "Rules on names, types, sizes and properties of attachments.",
    &[&EXTENSIONS, &TYPES, &FLAGS, &SIZE_MAX, &SEVERITY],
    build,
);

const EXTENSIONS: Key = Key::new(
    "extensions",
    Shape::List("a list of extensions such as exe and tar.gz, without the first dot"),
    "Extensions of names that are findings, in any case.",
)
.or(Unset::List(&[
    "bat", "cmd", "com", "cpl", "exe", "hta", "img", "iso", "jar", "js", "jse", "lnk", "msi", "one", "pif",
    "ps1", "scr", "url", "vbe", "vbs", "vhd", "vhdx", "wsf", "xll",
]));
const TYPES: Key = Key::new(
    "types",
    Shape::List("a list of media types such as application/x-msdownload and image/*"),
    "Media types, declared or detected, that are findings.",
)
.or(Unset::List(&[]));
const FLAGS: Key = Key::new(
    "flags",
    Shape::List(
        "a list of encrypted, decrypted, type_mismatch, double_extension, deceptive_name, polyglot, damaged, \
         executable, macros, external_reference, journal_report, bomb",
    ),
    "Properties that are findings.",
)
.or(Unset::List(&[
    "bomb",
    "deceptive_name",
    "double_extension",
    "encrypted",
    "executable",
    "macros",
    "polyglot",
]));
const SIZE_MAX: Key = Key::new(
    "size_max",
    Shape::Size { min: 1, max: 1 << 40 },
    "The size above which a part is a finding. Not set: no size is.",
)
.such_as("\"25 MiB\"");

/// The words for flags: those of the manifest.
const FLAG_WORDS: &[(&str, PartFlag)] = &[
    ("encrypted", PartFlag::Encrypted),
    ("decrypted", PartFlag::Decrypted),
    ("type_mismatch", PartFlag::TypeMismatch),
    ("double_extension", PartFlag::DoubleExtension),
    ("deceptive_name", PartFlag::DeceptiveName),
    ("polyglot", PartFlag::Polyglot),
    ("damaged", PartFlag::Damaged),
    ("executable", PartFlag::Executable),
    ("macros", PartFlag::Macros),
    ("external_reference", PartFlag::ExternalReference),
    ("journal_report", PartFlag::JournalReport),
    ("bomb", PartFlag::Bomb),
];

fn build(name: &str, given: &Given, _: &Surroundings) -> Built {
    let mut options = Options::new(KIND.keys, given);
    let rules = Rules::read(&mut options);
    let attachment = rules.map(|rules| Attachment {
        name: name.into(),
        severity: options.word(&SEVERITY, severities()),
        version: rules.version(),
        rules,
    });
    options.finish(attachment).map(|attachment| Arc::new(attachment) as _)
}

struct Attachment {
    name: Box<str>,
    severity: Severity,
    version: Box<str>,
    rules: Rules,
}

/// What is a finding.
#[derive(Debug)]
struct Rules {
    /// In lower case.
    extensions: Vec<String>,
    types: Vec<String>,
    flags: Vec<(&'static str, PartFlag)>,
    /// 0: no size.
    size_max: u64,
}

impl Rules {
    fn read(options: &mut Options<'_>) -> Option<Self> {
        let lower = |list: Vec<String>| list.iter().map(|entry| entry.to_ascii_lowercase()).collect();
        let extensions: Vec<String> = lower(options.list(&EXTENSIONS));
        if extensions.iter().any(|extension| extension.is_empty() || extension.starts_with('.')) {
            options.fault(EXTENSIONS.name, EXTENSIONS.shape.expected());
        }
        let types: Vec<String> = lower(options.list(&TYPES));
        if !types
            .iter()
            .all(|entry| entry.split_once('/').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty()))
        {
            options.fault(TYPES.name, TYPES.shape.expected());
        }
        let flag = |word: &String| FLAG_WORDS.iter().find(|(name, _)| name == word).copied();
        let flags: Option<Vec<_>> = options.list(&FLAGS).iter().map(flag).collect();
        if flags.is_none() {
            options.fault(FLAGS.name, FLAGS.shape.expected());
        }
        let rules = Self { extensions, types, flags: flags?, size_max: options.number(&SIZE_MAX) };
        if rules.sample().is_none() {
            options.fault(FLAGS.name, "at least one extension, type, flag or size to look for");
        }
        Some(rules)
    }

    /// The rules by which a part is a finding, by their names.
    fn broken_by<'a>(&'a self, part: &'a Part) -> impl Iterator<Item = String> + 'a {
        // Windows drops dots and spaces at the end: `invoice.exe. ` is a program.
        let name = part.name.as_deref().unwrap_or_default().trim_end_matches(['.', ' ']).to_lowercase();
        let has = move |extension: &&String| {
            let stem = name.strip_suffix(extension.as_str());
            stem.is_some_and(|stem| stem.ends_with('.'))
        };
        let extensions = self.extensions.iter().filter(has).map(|extension| format!("extension:{extension}"));
        let types = self.types.iter().filter(|wanted| {
            [&part.declared, &part.detected].into_iter().flatten().any(|media_type| is_of(media_type, wanted))
        });
        let flags = self.flags.iter().filter(|(_, flag)| part.flags.contains(flag));
        let is_large = self.size_max > 0 && part.octets > self.size_max;
        extensions
            .chain(types.map(|wanted| format!("type:{wanted}")))
            .chain(flags.map(|(word, _)| format!("flag:{word}")))
            .chain(is_large.then(|| "size".to_owned()))
    }

    /// A file that breaks one of the rules; none where there is no rule.
    fn sample(&self) -> Option<Sample> {
        let sample = Sample::harmless();
        if let Some((_, flag)) = self.flags.first() {
            return Some(Sample { flags: vec![*flag], ..sample });
        }
        if let Some(extension) = self.extensions.first() {
            return Some(Sample { file: format!("sample.{extension}").into(), ..sample });
        }
        if let Some(wanted) = self.types.first() {
            return Some(Sample { media_type: wanted.replace('*', "example").into(), ..sample });
        }
        // It claims its size: nothing here reads octets.
        (self.size_max > 0)
            .then(|| Sample { claimed_octets: Some(self.size_max.saturating_add(1)), ..sample })
    }

    /// They are their settings.
    fn version(&self) -> Box<str> {
        version_of(format!("{self:?}").as_bytes()).into()
    }
}

/// Whether a type is one that is wanted: `image/*` wants every image.
fn is_of(media_type: &str, wanted: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(family) => media_type.starts_with(family),
        None => media_type == wanted,
    }
}

impl Attachment {
    fn look(&self, mail: &Dissected, budget: &Budget, report: &mut Report) {
        report.used(self.version.clone());
        for piece in mail.parts.iter() {
            if let Some(over) = budget.is_over() {
                return report.over(None, over);
            }
            let is_file = match piece.part.role {
                Role::Message | Role::Text => false,
                Role::Body | Role::Attachment | Role::Enclosed | Role::Member | Role::Embedded => true,
            };
            let broken = is_file.then(|| self.rules.broken_by(&piece.part));
            for rule in broken.into_iter().flatten() {
                report.found(piece.part.id, &rule, self.severity);
            }
        }
    }
}

impl Scanner for Attachment {
    fn name(&self) -> &str {
        &self.name
    }

    fn ruleset(&self) -> Option<Box<str>> {
        Some(self.version.clone())
    }

    fn scan<'a>(&'a self, mail: &'a Dissected, budget: &'a Budget, report: &'a mut Report) -> Looking<'a> {
        Box::pin(async move { self.look(mail, budget, report) })
    }
}

impl Installed for Attachment {
    fn sample(&self) -> Sample {
        self.rules.sample().unwrap_or_else(Sample::harmless)
    }

    fn advice(&self) -> Box<str> {
        "It looks for what its own settings name: report this as a fault of mailsensor.".into()
    }
}
