//! A JSON Schema of the whole file, for editors and for programs that write one.

use serde_json::{Map, Value, json};

use crate::key::{Kind, Reload};
use crate::shown::{Record, Shown};

impl Shown {
    /// The schema (JSON Schema 2020-12) of a file that `title` names, from the keys that were read.
    ///
    /// A file that the schema refuses is faulty. Not the other way round: that a text is a domain or a size is
    /// said in words only. Two annotations are our own: `x-reload` is `live` or `restart`, `x-run-time` says
    /// whether the control plane may set the key.
    #[must_use]
    pub fn json_schema(&self, title: &str) -> Value {
        let mut root = table("");
        for section in self.sections().iter().filter(|section| !section.is_element()) {
            let table = match section.is_of_kind {
                true => open_kind(&mut root, &section.path, section.doc),
                false => open(&mut root, &section.path, section.doc),
            };
            for record in &section.records {
                insert(table, "properties", record.key.name, property(record));
                if record.required {
                    require(table, record.key.name);
                }
            }
        }
        root.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        root.insert("title".into(), title.into());
        root.into()
    }
}

type Object = Map<String, Value>;

/// A table that takes no keys but those that are put into it.
fn table(doc: &str) -> Object {
    let mut table = Map::from_iter([
        ("type".into(), "object".into()),
        ("properties".into(), json!({})),
        ("additionalProperties".into(), false.into()),
    ]);
    if !doc.is_empty() {
        table.insert("description".into(), doc.into());
    }
    table
}

/// The table at a path such as `smtp.listener[].queue`, made where it is not there.
fn open<'a>(root: &'a mut Object, path: &str, doc: &str) -> &'a mut Object {
    let mut at = root;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let (name, is_array) = part.strip_suffix("[]").map_or((part, false), |name| (name, true));
        let tables = object(at, "properties");
        if !tables.contains_key(name) {
            let table = Value::from(table(doc));
            let array = |items: Value| json!({ "type": "array", "description": doc, "items": items });
            tables.insert(name.to_owned(), if is_array { array(table) } else { table });
        }
        at = object(tables, name);
        if is_array {
            at = object(at, "items");
        }
    }
    at
}

/// A table of one kind among those that stand in the array at a path such as `scanner[]`.
fn open_kind<'a>(root: &'a mut Object, path: &str, doc: &str) -> &'a mut Object {
    let array = path.strip_suffix("[]").expect("kinds are of the elements of an array");
    let (parent, name) = array.rsplit_once('.').unwrap_or(("", array));
    let tables = object(open(root, parent, ""), "properties");
    let array = tables.entry(name).or_insert_with(|| json!({ "type": "array", "items": { "oneOf": [] } }));
    let kinds = array["items"]["oneOf"].as_array_mut().expect("it was made so");
    kinds.push(table(doc).into());
    kinds.last_mut().and_then(Value::as_object_mut).expect("it was pushed")
}

fn object<'a>(of: &'a mut Object, name: &str) -> &'a mut Object {
    of.get_mut(name).and_then(Value::as_object_mut).expect("a schema is made of objects")
}

fn insert(table: &mut Object, group: &str, name: &str, value: Value) {
    object(table, group).insert(name.to_owned(), value);
}

fn require(table: &mut Object, name: &str) {
    let required = table.entry("required").or_insert_with(|| json!([]));
    required.as_array_mut().expect("names stand in an array").push(name.into());
}

fn property(record: &Record) -> Value {
    let mut property = kind(&record.kind);
    let doc = format!("{}\nTakes {}.", record.key.doc, record.kind);
    property["description"] = doc.into();
    property["x-reload"] = match record.key.reload {
        Reload::Live => "live".into(),
        Reload::Restart => "restart".into(),
    };
    property["x-run-time"] = record.key.run_time.into();
    if record.key.secret {
        property["writeOnly"] = true.into();
    } else if let Some(default) = &record.default {
        property["default"] = json_of(default);
    }
    if let (false, Some(example)) = (record.key.secret, record.key.example) {
        property["examples"] = json!([json_of(example)]);
    }
    property
}

fn kind(kind: &Kind) -> Value {
    match kind {
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Text { .. } | Kind::SecretFile { .. } => json!({ "type": "string" }),
        Kind::Words(words) => json!({ "type": "string", "enum": words }),
        Kind::List { .. } => json!({ "type": "array", "items": { "type": "string" } }),
    }
}

/// A value that was written as TOML.
fn json_of(toml: &str) -> Value {
    let document: toml::Table = format!("value = {toml}").parse().expect("a default or an example is TOML");
    serde_json::to_value(&document["value"]).expect("and JSON, too")
}
