//! A change as a JSON Merge Patch (RFC 7396) of `/v1/sensors/self/smtp`.
//!
//! ```text
//! {"enabled": false, "tls": {"security": null}}   ->   Enabled = false, TlsSecurity taken back
//! ```
//!
//! `null` takes a value back to what holds without the control plane, for a table each of its values. A name
//! that stands twice is refused: readers disagree on which one counts.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::change::Fault;
use crate::smtp::Key;

/// The names of the document that no patch may hold.
const READ_ONLY: [&str; 2] = ["about", "grace"];

/// The most faults that are told. A body of 1 MiB holds more, and nobody reads them.
const FAULTS_MAX: usize = 100;

/// A patch as it came: its members in their order.
#[derive(Debug)]
pub(crate) struct Patch(Vec<(String, Member)>);

#[derive(Debug)]
enum Member {
    Value(Value),
    Table(Vec<(String, Member)>),
}

impl Patch {
    /// The keys that it changes.
    ///
    /// # Errors
    /// Every member that no key takes.
    pub(crate) fn entries(self) -> Result<Vec<(Key, Option<Value>)>, Vec<Fault>> {
        let mut sorter = Sorter::default();
        sorter.table("", self.0);
        if sorter.faults.is_empty() { Ok(sorter.entries) } else { Err(sorter.faults) }
    }
}

#[derive(Default)]
struct Sorter {
    entries: Vec<(Key, Option<Value>)>,
    faults: Vec<Fault>,
}

impl Sorter {
    /// The depth is bounded by that which the reader of JSON takes.
    fn table(&mut self, prefix: &str, members: Vec<(String, Member)>) {
        let mut seen = HashSet::new();
        for (name, member) in members {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            // A dot within a name is not a way into a table.
            if name.contains('.') {
                self.fault(&path, "there is no such setting");
            } else if seen.insert(name) {
                self.member(&path, member);
            } else {
                self.fault(&path, "stands here twice");
            }
        }
    }

    fn member(&mut self, path: &str, member: Member) {
        let key = Key::ALL.into_iter().find(|key| key.name() == path);
        let inside = format!("{path}.");
        let within = Key::ALL.into_iter().filter(|key| key.name().starts_with(&inside));
        let is_table = within.clone().next().is_some();
        match (key, member) {
            (Some(key), Member::Value(Value::Null)) => self.entries.push((key, None)),
            (Some(key), Member::Value(value)) => match key.kind_missed(&value) {
                None => self.entries.push((key, Some(value))),
                Some(expected) => self.fault(path, format!("takes {expected}, or null")),
            },
            (Some(key), Member::Table(_)) => {
                let expected = key.kind_missed(&Value::Object(serde_json::Map::new()));
                self.fault(path, format!("takes {}, or null", expected.unwrap_or("a value")));
            }
            (None, Member::Table(members)) if is_table => self.table(path, members),
            (None, Member::Value(Value::Null)) if is_table => {
                self.entries.extend(within.map(|key| (key, None)))
            }
            (None, Member::Value(_)) if is_table => self.fault(path, "takes an object, or null"),
            (None, _) if READ_ONLY.contains(&path) => self.fault(path, "is for reading only"),
            (None, Member::Value(_) | Member::Table(_)) => self.fault(path, "there is no such setting"),
        }
    }

    fn fault(&mut self, path: &str, message: impl Into<String>) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(Fault::new(path, message));
        }
    }
}

impl<'de> Deserialize<'de> for Patch {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(PatchVisitor)
    }
}

struct PatchVisitor;

impl<'de> Visitor<'de> for PatchVisitor {
    type Value = Patch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the settings to change")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Patch, A::Error> {
        members(map).map(Patch)
    }
}

fn members<'de, A: MapAccess<'de>>(mut map: A) -> Result<Vec<(String, Member)>, A::Error> {
    let mut members = Vec::new();
    while let Some(member) = map.next_entry()? {
        members.push(member);
    }
    Ok(members)
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(MemberVisitor)
    }
}

struct MemberVisitor;

impl<'de> Visitor<'de> for MemberVisitor {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Member, A::Error> {
        members(map).map(Member::Table)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut sequence: A) -> Result<Member, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Member::Value(Value::Array(items)))
    }

    fn visit_unit<E>(self) -> Result<Member, E> {
        Ok(Member::Value(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Member, E> {
        Ok(Member::Value(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Member, E> {
        Ok(Member::Value(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Member, E> {
        Ok(Member::Value(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Member, E> {
        Ok(Member::Value(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Member, E> {
        Ok(Member::Value(value.into()))
    }
}

#[cfg(test)]
mod tests;
