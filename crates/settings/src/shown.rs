//! Settings as they are in force, and as they are without any source.

use std::fmt::Write;

use crate::key::{Key, Kind, Reload};
use crate::secret::Secret;
use crate::source::Origin;

/// What stands for the value of a secret.
const SECRET: &str = "\"***\"";

/// Everything that was read, in the order of reading.
#[derive(Clone, Debug)]
pub struct Shown {
    sections: Vec<Section>,
}

/// A table and the keys that were read from it.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its path: empty for the root, `smtp.listener[2]` for an element of an array of tables,
    /// `smtp.listener[]` for the template of all of them.
    pub path: String,
    /// What it is for.
    pub doc: &'static str,
    /// Whether it is the template of one kind of several that stand in the same array.
    pub(crate) is_of_kind: bool,
    /// Its keys.
    pub records: Vec<Record>,
}

/// A key that was read.
#[derive(Clone, Debug)]
pub struct Record {
    /// The whole path, such as `smtp.limits.recipients`.
    pub path: String,
    /// Name, meaning and reload class.
    pub key: Key,
    /// What values it takes.
    pub kind: Kind,
    /// The default as TOML, if it has one.
    pub default: Option<String>,
    /// Whether it must be set.
    pub required: bool,
    /// The value in force as TOML, if it has one; `"***"` for a secret.
    pub value: Option<String>,
    /// Where the value comes from.
    pub origin: Origin,
    /// What is hidden: kept so that a change of it is seen.
    pub(crate) secret: Option<Secret>,
}

impl Record {
    pub(crate) fn new(
        path: String,
        key: Key,
        kind: Kind,
        (default, required): (Option<String>, bool),
        (value, origin): (Option<String>, Origin),
    ) -> Self {
        let hidden = |text| if key.secret { SECRET.to_owned() } else { text };
        let secret = value.clone().filter(|_| key.secret).map(Secret::new);
        let (default, value) = (default.map(hidden), value.map(hidden));
        Self { path, key, kind, default, required, value, origin, secret }
    }
}

impl Section {
    /// Whether it stands for the elements of an array of tables, existing or not.
    #[must_use]
    pub fn is_template(&self) -> bool {
        self.path.contains("[]")
    }

    pub(crate) fn is_element(&self) -> bool {
        self.path.contains('[') && !self.is_template()
    }

    /// The line that begins the table in a file.
    fn header(&self) -> String {
        let mut name = String::new();
        let mut rest = self.path.as_str();
        while let Some((before, after)) = rest.split_once('[') {
            name.push_str(before);
            rest = after.split_once(']').map_or("", |(_, rest)| rest);
        }
        name.push_str(rest);
        if self.path.ends_with(']') { format!("[[{name}]]") } else { format!("[{name}]") }
    }
}

impl Shown {
    pub(crate) fn new(sections: Vec<Section>) -> Self {
        Self { sections }
    }

    /// All tables with their keys: those in force and the templates of arrays of tables.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The record of a key in force, such as `smtp.limits.recipients`.
    #[must_use]
    pub fn record(&self, path: &str) -> Option<&Record> {
        self.iter().find(|record| record.path == path)
    }

    /// The keys in force.
    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        self.sections.iter().filter(|section| !section.is_template()).flat_map(|section| &section.records)
    }

    /// The settings in force as one TOML file, each value with its origin.
    #[must_use]
    pub fn to_toml_with_origins(&self) -> String {
        let mut out = String::new();
        for section in self.sections.iter().filter(|section| !section.is_template()) {
            begin(&mut out, section, "");
            for record in &section.records {
                let name = record.key.name;
                let when = match record.key.reload {
                    Reload::Live => "",
                    Reload::Restart => "; a change needs a restart",
                };
                match &record.value {
                    Some(value) => {
                        line(&mut out, format_args!("{name} = {value}  # {}{when}", record.origin));
                    }
                    None => line(&mut out, format_args!("# {name} is not set")),
                }
            }
        }
        out
    }

    /// A file of all keys with their meaning and default, or an example where there is none, each commented out:
    /// it changes nothing.
    ///
    /// A line that begins with `#` and no space is a setting.
    #[must_use]
    pub fn commented_defaults(&self) -> String {
        let mut out = String::new();
        for section in self.sections.iter().filter(|section| !section.is_element()) {
            begin(&mut out, section, if section.is_template() { "#" } else { "" });
            for (index, record) in section.records.iter().enumerate() {
                if index > 0 {
                    out.push('\n');
                }
                describe(&mut out, record);
            }
        }
        out
    }
}

/// A table's meaning and header; `comment` goes before the header.
fn begin(out: &mut String, section: &Section, comment: &str) {
    if section.path.is_empty() {
        return;
    }
    if !out.is_empty() {
        out.push('\n');
    }
    comment_lines(out, section.doc);
    line(out, format_args!("{comment}{}", section.header()));
}

fn describe(out: &mut String, record: &Record) {
    comment_lines(out, record.key.doc);
    comment_lines(out, &format!("Takes {}.", record.kind));
    match record.key.reload {
        Reload::Live => {}
        Reload::Restart => comment_lines(out, "A change takes effect with the next start."),
    }
    if record.key.run_time {
        comment_lines(out, "The control plane may set it.");
    }
    let name = record.key.name;
    match (&record.default, record.key.example) {
        (Some(default), Some(example)) if default == "[]" => {
            comment_lines(out, "It is empty by default; for example:");
            line(out, format_args!("#{name} = {example}"));
        }
        (Some(default), _) => line(out, format_args!("#{name} = {default}")),
        (None, Some(example)) => {
            comment_lines(out, "It has no default; for example:");
            line(out, format_args!("#{name} = {example}"));
        }
        (None, None) => line(out, format_args!("# {name} has no default")),
    }
}

fn comment_lines(out: &mut String, text: &str) {
    text.lines().for_each(|text| line(out, format_args!("# {text}")));
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("a String takes whatever is written");
}
