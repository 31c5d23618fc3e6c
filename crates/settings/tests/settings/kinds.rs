//! Arrays of tables whose keys depend on what kind each is of.

use sensor_settings::{Faults, Form, Key, Reader, Reload, Shown, Source, TableKind};
use serde_json::json;

const KINDS: &[TableKind] = &[
    TableKind { word: "clamd", doc: "A daemon." },
    TableKind { word: "attachment", doc: "Rules about attachments." },
];
const KIND: Key = Key::new("kind", "What it is.", Reload::Live);

/// Each table as its kind and what it says, in short.
fn read(text: &str) -> (Vec<String>, Result<Shown, Faults>) {
    let reader = Reader::new(vec![Source::file("mailsensor.toml", text)]);
    let tables = reader.root().tables_by_kind("scanner", KIND, KINDS, |word, table| {
        let name = table.required(Key::new("name", "Its name.", Reload::Live), &Form::text("a name"));
        let own = match word {
            "clamd" => {
                table.read(Key::new("address", "Where.", Reload::Live), &Form::text("an address"), "a:1")
            }
            _ => {
                let key = Key::new("types", "Which.", Reload::Live);
                table.list_or(key, "a list of types", &["exe", "scr"], |types| Ok(types.join("+")))
            }
        };
        Some(format!("{word} {} {own}", name?))
    });
    (tables, reader.finish())
}

fn faults(text: &str) -> Vec<String> {
    let faults = read(text).1.unwrap_err();
    faults.iter().map(|fault| format!("{}: {}", fault.key, fault.message)).collect()
}

#[test]
fn each_kind_has_its_own_keys() {
    let text = "[[scanner]]\nkind = 'attachment'\nname = 'a'\n\
                [[scanner]]\nkind = 'clamd'\nname = 'b'\naddress = 'c:2'\n\
                [[scanner]]\nkind = 'attachment'\nname = 'd'\ntypes = []\n";
    let (tables, shown) = read(text);
    assert_eq!(tables, ["attachment a exe+scr", "clamd b c:2", "attachment d "]);
    let shown = shown.unwrap();
    assert_eq!(shown.record("scanner[2].address").unwrap().value.as_deref(), Some("\"c:2\""));
    assert_eq!(shown.record("scanner[1].kind").unwrap().origin.to_string(), "mailsensor.toml:2");
    assert!(shown.record("scanner[1].address").is_none(), "a key of the other kind");
}

#[test]
fn what_is_of_no_kind_or_of_another_is_told() {
    for (text, expected) in [
        ("[[scanner]]\nname = 'a'", vec!["scanner[1].kind: is missing"]),
        ("[[scanner]]\nkind = 'clam'\nx = 1", vec!["scanner[1].kind: unknown word; did you mean \"clamd\"?"]),
        ("[[scanner]]\nkind = 3", vec!["scanner[1].kind: is a number"]),
        ("[scanner]\nkind = 'clamd'", vec!["scanner: is a table"]),
        (
            "[[scanner]]\nkind = 'clamd'\nname = 'a'\ntypes = []",
            vec!["scanner[1].types: unknown key; did you mean scanner[].types?"],
        ),
        ("[[scanner]]\nkind = 'clamd'", vec!["scanner[1].name: is missing"]),
    ] {
        assert_eq!(faults(text), expected, "{text}");
    }
}

#[test]
fn each_kind_is_described() {
    let shown = read("").1.unwrap();
    let file = shown.commented_defaults();
    let parts: Vec<_> = file.split("#[[scanner]]\n").collect();
    assert_eq!(parts.len(), 3, "{file}");
    for (part, has, has_not) in
        [(parts[1], "#kind = \"clamd\"", "#types"), (parts[2], "#types = [\"exe\", \"scr\"]", "#address")]
    {
        assert!(part.contains(has) && !part.contains(has_not), "{file}");
    }
    let uncommented: String = file
        .lines()
        .filter_map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')))
        .fold(String::new(), |all, line| {
            all + line + "\n" + if line.starts_with("kind") { "name = \"x\"\n" } else { "" }
        });
    assert_eq!(read(&uncommented).0, ["clamd x a:1", "attachment x exe+scr"], "{uncommented}");
    let schema = shown.json_schema("sample");
    let kinds = &schema["properties"]["scanner"]["items"]["oneOf"];
    assert_eq!(kinds.as_array().map(Vec::len), Some(2), "{schema:#}");
    assert_eq!(kinds[0]["required"], json!(["kind", "name"]));
    assert_eq!(kinds[0]["properties"]["kind"]["enum"], json!(["clamd"]));
    assert_eq!(kinds[1]["additionalProperties"], false);
    assert!(kinds[1]["properties"].get("address").is_none());
}

#[test]
fn a_fault_that_others_find_has_the_place_of_what_is_to_blame() {
    let text = "[[rule]]\nname = 'a'\npart.name = ['x', 'y']\n\n[[rule]]\n[rule.part]\nname = [\n  'z',\n]\n";
    let reader = Reader::new(vec![Source::file("mailsensor.toml", text)]);
    let rules = reader.root().tables("rule", "A rule.", |rule| {
        let _ = rule.optional(Key::new("name", "Its name.", Reload::Live), &Form::text("a name"));
        let part = rule.table("part", "A part.");
        let _: Vec<String> =
            part.list(Key::new("name", "Names.", Reload::Live), "a list of names", |names| {
                Ok(names.iter().map(|name| (*name).to_owned()).collect())
            });
        Some(rule.clone())
    });
    rules[0].fault_at_item("part.name", 1, "one");
    rules[1].fault_at_item("part.name", 0, "two");
    rules[0].fault_at("", "three");
    rules[1].fault_at("name", "four");
    let faults = reader.finish().unwrap_err();
    let told: Vec<_> = faults
        .iter()
        .map(|fault| (fault.position.map_or(0, |at| at.line), fault.key.as_str(), fault.message.as_str()))
        .collect();
    let expected = [
        (1, "rule[1]", "three"),
        (3, "rule[1].part.name[2]", "one"),
        (5, "rule[2].name", "four"),
        (8, "rule[2].part.name[1]", "two"),
    ];
    assert_eq!(told, expected);
}
