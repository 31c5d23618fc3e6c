//! Keys that a crate declares beside what they configure, read as keys of the configuration.
//!
//! Scanners and sinks know no configuration: each kind has a table of its keys. Here a key of such a table is asked
//! for, so that it is described, checked and shown as any other.

use std::time::Duration;

use sensor_settings::{Form, ItemFault, Key, Reload, Table};

use super::size;

/// A key as its crate declares it.
pub(super) struct Declared {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) shape: Shape,
    pub(super) default: Option<Unset>,
    /// As TOML.
    pub(super) example: Option<&'static str>,
    pub(super) required: bool,
    /// It stands in a file of its own, which the key with `_file` at its end names.
    pub(super) secret: bool,
    pub(super) reload: Reload,
}

/// What values it takes.
pub(super) enum Shape {
    Text(&'static str),
    Path,
    Words(&'static [&'static str]),
    List(&'static str),
    Number { min: u64, max: u64 },
    Size { min: u64, max: u64 },
    Milliseconds { min: u64, max: u64 },
}

/// What it is where it is not set.
pub(super) enum Unset {
    Text(&'static str),
    List(&'static [&'static str]),
    Number(u64),
}

/// What it was set to, or is by default.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Given {
    Text(String),
    List(Vec<String>),
    Number(u64),
}

/// The files of secrets, by what the secrets are called.
const SECRET_FILES: &[(&str, &str)] = &[("secret", "secret_file"), ("authorization", "authorization_file")];

impl Declared {
    /// What the configuration says; none where it says nothing and there is no default.
    pub(super) fn read(&self, table: &Table<'_>) -> Option<Given> {
        if self.secret {
            return table.secret(self.key()).map(|secret| Given::Text(secret.expose().to_owned()));
        }
        match &self.shape {
            Shape::Text(expected) => self.text(table, Form::text(expected)).map(Given::Text),
            Shape::Path => {
                self.text(table, Form::path()).map(|path| Given::Text(path.to_string_lossy().into_owned()))
            }
            Shape::Words(words) => self.text(table, one_of(words)).map(Given::Text),
            Shape::List(expected) => self.list(table, expected),
            Shape::Number { min, max } => Some(Given::Number(self.number(table, *min, *max))),
            Shape::Size { min, max } => self.text(table, size_between(*min, *max)).map(Given::Number),
            Shape::Milliseconds { min, max } => {
                let form = Form::duration(Duration::from_millis(*min)..=Duration::from_millis(*max));
                self.text(table, form)
                    .map(|time| Given::Number(u64::try_from(time.as_millis()).unwrap_or(*max)))
            }
        }
    }

    /// The key of the configuration.
    fn key(&self) -> Key {
        let files = || SECRET_FILES.iter().find(|(secret, _)| *secret == self.name);
        let name = match self.secret {
            true => files().expect("each secret has a key for its file").1,
            false => self.name,
        };
        let key = Key::new(name, self.doc, self.reload);
        match self.example {
            Some(_) if self.secret => key.example("\"/etc/mailsensor/secret\""),
            Some(example) => key.example(example),
            None => key,
        }
    }

    fn text<T: 'static>(&self, table: &Table<'_>, form: Form<T>) -> Option<T> {
        match (self.default_text(), self.required) {
            (Some(default), _) => Some(table.read(self.key(), &form, &default)),
            (None, true) => table.required(self.key(), &form),
            (None, false) => table.optional(self.key(), &form),
        }
    }

    /// The default as it would be written.
    fn default_text(&self) -> Option<String> {
        Some(match (self.default.as_ref()?, &self.shape) {
            (Unset::Text(""), _) | (Unset::List(_), _) => return None,
            (Unset::Text(text), _) => (*text).to_owned(),
            (Unset::Number(octets), Shape::Size { .. }) => octets_as_text(*octets),
            (Unset::Number(millis), Shape::Milliseconds { .. }) => milliseconds(*millis),
            (Unset::Number(number), _) => number.to_string(),
        })
    }

    fn list(&self, table: &Table<'_>, expected: &'static str) -> Option<Given> {
        let default: &[&str] = match &self.default {
            Some(Unset::List(list)) => list,
            Some(Unset::Text(_) | Unset::Number(_)) | None => &[],
        };
        let texts = table.list_or(self.key(), expected, default, |texts| {
            let is_empty = |(index, text): (usize, &&str)| {
                text.is_empty().then(|| ItemFault { index, message: "is empty".to_owned() })
            };
            let faults: Vec<_> = texts.iter().enumerate().filter_map(is_empty).collect();
            let texts = texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            if faults.is_empty() { Ok(texts) } else { Err(faults) }
        });
        if self.required && texts.is_empty() && table.is_sound(self.name) {
            table.fault_at(self.name, format!("is missing: expected {expected}"));
        }
        (!texts.is_empty() || !default.is_empty()).then_some(Given::List(texts))
    }

    fn number(&self, table: &Table<'_>, min: u64, max: u64) -> u64 {
        let default = match self.default {
            Some(Unset::Number(number)) => number,
            Some(Unset::Text(_) | Unset::List(_)) | None => min,
        };
        table.integer(self.key(), default, min..=max)
    }
}

fn one_of(words: &'static [&'static str]) -> Form<String> {
    let expected = format!("one of {}", words.join(", "));
    Form::new(&expected, |text| match words.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err("unknown word".to_owned()),
    })
}

fn size_between(min: u64, max: u64) -> Form<u64> {
    let expected = format!("a size from {} to {}", octets_as_text(min), octets_as_text(max));
    Form::new(&expected, move |text| {
        let octets = size(text)?;
        if (min..=max).contains(&octets) { Ok(octets) } else { Err("out of range".to_owned()) }
    })
}

fn milliseconds(millis: u64) -> String {
    if millis.is_multiple_of(1_000) { format!("{}s", millis / 1_000) } else { format!("{millis}ms") }
}

fn octets_as_text(octets: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let fits = |(shift, _): &(u32, &str)| octets >= 1 << shift && octets.is_multiple_of(1 << shift);
    match units.into_iter().find(fits) {
        Some((shift, unit)) => format!("{} {unit}", octets >> shift),
        None => format!("{octets} B"),
    }
}

/// What scanners and sinks are called: in reasons, metrics and names of directories.
pub(super) fn name() -> Form<String> {
    Form::new("a name of 1 to 64 letters, digits, hyphens and underscores", |text| {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet));
        if fits { Ok(text.to_owned()) } else { Err("not a name".to_owned()) }
    })
}
