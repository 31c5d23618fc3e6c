//! What is written down while settings are read: sections, their keys, and faults.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use crate::fault::{Fault, Faults, Position};
use crate::key::Kind;
use crate::shown::{Record, Section};
use crate::source::Source;
use crate::table::FILE_SUFFIX;

/// Where a fault is: the index of its source and a span of that source's text.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) source: usize,
    pub(crate) span: Range<usize>,
}

/// A fault before its line and column are known.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) place: Option<Place>,
    pub(crate) key: String,
    pub(crate) message: String,
    pub(crate) expected: Option<String>,
    /// The line may hold a secret.
    pub(crate) secret: bool,
}

/// The keys that are asked for in one kind of table, all elements of an array of tables together.
pub(crate) type KnownKeys = BTreeMap<&'static str, Member>;

/// What a key of a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    Value,
    Table,
    Tables,
    /// Tables whose keys depend on the value of this one.
    TablesByKind(&'static str),
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Sections in the order in which they were first asked for.
    pub(crate) sections: Vec<Section>,
    section_at: HashMap<String, usize>,
    /// The names of the keys whose values must be shown nowhere.
    secrets: BTreeSet<&'static str>,
    /// By the pattern of the table's path, such as `smtp.listener[]` or `scanner[]<clamd>`.
    pub(crate) known: BTreeMap<String, KnownKeys>,
    findings: Vec<Finding>,
}

impl Ledger {
    /// A section that records are put into by `id`, which is its path but for the templates of kinds.
    pub(crate) fn open_section(&mut self, id: &str, path: &str, doc: &'static str) {
        if !self.section_at.contains_key(id) {
            self.section_at.insert(id.to_owned(), self.sections.len());
            let is_of_kind = id != path;
            self.sections.push(Section { path: path.to_owned(), doc, is_of_kind, records: Vec::new() });
        }
    }

    pub(crate) fn record(&mut self, section: &str, record: Record) {
        if record.key.secret {
            self.secrets.insert(record.key.name);
        }
        if let Kind::SecretFile { .. } = record.kind {
            // Whoever forgets the end of the name writes the secret itself.
            self.secrets.extend(record.key.name.strip_suffix(FILE_SUFFIX));
        }
        self.section(section).records.push(record);
    }

    /// The record of the key of a section that was read last.
    pub(crate) fn last_record(&mut self, section: &str) -> &mut Record {
        self.section(section).records.last_mut().expect("a key was read")
    }

    fn section(&mut self, id: &str) -> &mut Section {
        let at = *self.section_at.get(id).expect("a table opens its section");
        &mut self.sections[at]
    }

    pub(crate) fn know(&mut self, pattern: &str, name: &'static str, member: Member) {
        self.known.entry(pattern.to_owned()).or_default().insert(name, member);
    }

    pub(crate) fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Whether something was found about a key or an element of its list.
    pub(crate) fn has_finding(&self, key: &str) -> bool {
        let is_about = |found: &str| {
            found.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
        };
        self.findings.iter().any(|finding| is_about(&finding.key))
    }

    /// Whether some table has a secret of this name.
    pub(crate) fn is_secret(&self, name: &str) -> bool {
        self.secrets.contains(name)
    }

    /// The faults of the sources' syntax and of what was read from them, if any.
    pub(crate) fn faults(&mut self, sources: &[Source]) -> Option<Faults> {
        let mut findings = damage(sources);
        let damaged: Vec<(usize, usize)> =
            findings.iter().filter_map(|finding| line(finding, sources)).collect();
        // What stands on a line that is not even TOML was guessed by the parser.
        let is_sound = |finding: &Finding| {
            line(finding, sources).is_none_or(|line| damaged.binary_search(&line).is_err())
        };
        findings.extend(std::mem::take(&mut self.findings).into_iter().filter(is_sound));
        findings.sort_by_key(|finding| match &finding.place {
            Some(place) => (place.source, place.span.start),
            None => (usize::MAX, 0),
        });
        let mut locator = Locator { sources, secrets: &self.secrets, last: None };
        let faults: Vec<Fault> = findings.into_iter().map(|finding| locator.locate(finding)).collect();
        if faults.is_empty() { None } else { Some(Faults(faults)) }
    }
}

/// One finding for each line that is damaged: what follows on the same line follows from it.
fn damage(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let mut damage: Vec<_> = source.damage.iter().collect();
        damage.sort_by_key(|damage| damage.span.start);
        damage.dedup_by_key(|damage| source.line(damage.span.start));
        findings.extend(damage.into_iter().map(|damage| Finding {
            place: Some(Place { source: index, span: damage.span.clone() }),
            key: String::new(),
            message: damage.message.clone(),
            expected: None,
            secret: false,
        }));
    }
    findings
}

fn line(finding: &Finding, sources: &[Source]) -> Option<(usize, usize)> {
    let place = finding.place.as_ref()?;
    Some((place.source, sources[place.source].line(place.span.start)))
}

/// Finds line, column and excerpt, for findings in the order of the text.
struct Locator<'a> {
    sources: &'a [Source],
    secrets: &'a BTreeSet<&'static str>,
    last: Option<Located>,
}

/// The finding that was located last: the next one is often on the same line, which may be long.
#[derive(Clone, Copy)]
struct Located {
    source: usize,
    start: usize,
    position: Position,
    holds_secret: bool,
}

impl Locator<'_> {
    fn locate(&mut self, finding: Finding) -> Fault {
        let Finding { place, key, message, expected, secret } = finding;
        let mut fault = Fault { source: None, position: None, key, message, expected, excerpt: None };
        let Some(Place { source: index, span }) = place else { return fault };
        let source = &self.sources[index];
        let last = self.last.filter(|last| last.source == index);
        fault.source = Some(source.shared_name());
        let Some((start, position, excerpt)) =
            source.place(&span, last.map(|last| (last.start, last.position)))
        else {
            return fault;
        };
        let holds_secret = match last.filter(|last| last.position.line == position.line) {
            Some(last) => last.holds_secret,
            None => self.secrets.iter().any(|name| source.line_text(position.line).contains(name)),
        };
        self.last = Some(Located { source: index, start, position, holds_secret });
        fault.position = Some(position);
        // A fault of one key shows its neighbours on the line as well.
        fault.excerpt = (!secret && !holds_secret).then_some(excerpt);
        fault
    }
}
