//! The document of the API is what is in the tree and what is served.

use std::path::Path;

use crate::raw::Running;

/// Set, the file in the tree is written anew: `UPDATE_GOLDEN=1 cargo nextest run -p sensor-control golden`.
const UPDATE: &str = "UPDATE_GOLDEN";

#[tokio::test]
async fn the_document_in_the_tree_is_the_golden_one_that_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let served = Running::start().send("GET", "/openapi.json", "", "").await;
    assert_eq!(served.json(), serde_json::to_value(sensor_control::openapi()).unwrap());
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &served.body).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert!(golden == served.body, "docs/openapi.json is not what is served: see {UPDATE}");
}

#[test]
fn every_reference_leads_somewhere_and_nothing_comes_from_the_network() {
    let document = serde_json::to_value(sensor_control::openapi()).unwrap();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 10, "{references:?}");
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} is elsewhere"));
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &serde_json::Value, references: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(text) if name == "$ref" => references.push(text.to_owned()),
                    Some(_) | None => collect(member, references),
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
}

#[test]
fn every_operation_says_that_it_may_end_in_a_problem() {
    let document = serde_json::to_value(sensor_control::openapi()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let schema = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"];
            assert_eq!(schema["$ref"], "#/components/schemas/Problem", "{method} {path}");
        }
    }
}

#[test]
fn the_names_in_about_are_texts() {
    let document = serde_json::to_value(sensor_control::openapi()).unwrap();
    let schemas = &document["components"]["schemas"];
    let names = &schemas["Smtp"]["properties"]["about"]["propertyNames"];
    assert_eq!(names["type"], "string", "{names}");
    for patch in ["SmtpPatch", "TlsPatch"] {
        assert_eq!(schemas[patch]["additionalProperties"], false, "unknown names are refused");
    }
}
