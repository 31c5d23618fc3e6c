//! The forms of string values: how a text becomes a type.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;

use crate::key::Kind;
use crate::unknown::nearest;

/// Turns a text into a type, or says what is wrong with it.
type Parse<T> = dyn Fn(&str) -> Result<T, String>;

/// How the text of a string value becomes a `T`, and what to expect of it in words.
pub struct Form<T> {
    kind: Kind,
    parse: Box<Parse<T>>,
    /// Whether somebody may mean a number where it takes one in quotes: hardly with a path.
    may_be_number: bool,
}

impl<T: 'static> Form<T> {
    /// A form of the caller's own. `expected` reads on from "expected", such as `a size such as 50 MiB`;
    /// `parse` says what is wrong with a text, and what may have been meant.
    #[must_use]
    pub fn new(expected: &str, parse: impl Fn(&str) -> Result<T, String> + 'static) -> Self {
        let kind = Kind::Text { expected: expected.to_owned() };
        Self { kind, parse: Box::new(parse), may_be_number: true }
    }

    /// One of a few words, each with what it stands for.
    #[must_use]
    pub fn words(words: &'static [(&'static str, T)]) -> Self
    where
        T: Copy + Sync,
    {
        let names: Vec<&'static str> = words.iter().map(|(name, _)| *name).collect();
        let parse = move |text: &str| match words.iter().find(|(name, _)| *name == text) {
            Some((_, value)) => Ok(*value),
            None => Err(unknown_word(text, words.iter().map(|(name, _)| *name))),
        };
        Self { kind: Kind::Words(names), parse: Box::new(parse), may_be_number: true }
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.kind
    }

    pub(crate) fn parse(&self, text: &str) -> Result<T, String> {
        (self.parse)(text)
    }

    /// Whether a number that stands without quotes was meant with them.
    pub(crate) fn may_be(&self, number: &str) -> bool {
        self.may_be_number && self.parse(number).is_ok()
    }
}

impl Form<&'static str> {
    /// One of these words, as it is.
    pub(crate) fn one_of(names: Vec<&'static str>) -> Self {
        let kind = Kind::Words(names.clone());
        let parse = move |text: &str| match names.iter().find(|name| **name == text) {
            Some(name) => Ok(*name),
            None => Err(unknown_word(text, names.iter().copied())),
        };
        Self { kind, parse: Box::new(parse), may_be_number: true }
    }
}

impl Form<String> {
    /// Any text but an empty one. `expected` says what it stands for, such as `a name`.
    #[must_use]
    pub fn text(expected: &str) -> Self {
        Self::new(expected, |text| non_empty(text).map(str::to_owned))
    }
}

impl Form<PathBuf> {
    /// A path.
    #[must_use]
    pub fn path() -> Self {
        let path = Self::new("a path", |text| match non_empty(text)?.contains('\0') {
            true => Err("a path holds no NUL".to_owned()),
            false => Ok(text.into()),
        });
        Self { may_be_number: false, ..path }
    }
}

impl Form<SocketAddr> {
    /// An IP address with a port.
    #[must_use]
    pub fn socket_address() -> Self {
        Self::new("an IP address and a port such as 192.0.2.1:25 or [::]:25", |text| {
            text.parse().map_err(|_| "not an IP address with a port".to_owned())
        })
    }
}

impl Form<Duration> {
    /// A span of time within bounds, such as `30s`, `1m 30s` or `24h`.
    #[must_use]
    pub fn duration(range: RangeInclusive<Duration>) -> Self {
        let expected = format!(
            "a duration such as 30s, 5m or 24h, from {} to {}",
            shown_duration(*range.start()),
            shown_duration(*range.end())
        );
        Self::new(&expected, move |text| {
            let duration = parse_duration(text)?;
            if range.contains(&duration) { Ok(duration) } else { Err("out of range".to_owned()) }
        })
    }
}

fn unknown_word<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> String {
    match nearest(text, names) {
        Some(name) => format!("unknown word; did you mean {name:?}?"),
        None => "unknown word".to_owned(),
    }
}

fn non_empty(text: &str) -> Result<&str, String> {
    if text.is_empty() { Err("is empty".to_owned()) } else { Ok(text) }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    if text.bytes().all(|octet| octet.is_ascii_digit()) && !text.is_empty() {
        return Err(format!("the unit is missing; did you mean {text}s?"));
    }
    let signed: SignedDuration = text.parse().map_err(|_| "not a duration".to_owned())?;
    Duration::try_from(signed).map_err(|_| "a duration is not negative".to_owned())
}

fn shown_duration(duration: Duration) -> String {
    SignedDuration::try_from(duration).map_or_else(|_| "forever".to_owned(), |signed| format!("{signed:#}"))
}
