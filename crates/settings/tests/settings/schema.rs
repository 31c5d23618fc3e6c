//! The schema says what the reader takes.

use serde_json::{Value, json};

use crate::sample::read;

#[test]
fn the_schema_is_what_is_read() {
    let schema = read(Vec::new()).1.unwrap().json_schema("sample");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["title"], "sample");
    for (pointer, expected) in [
        ("/additionalProperties", json!(false)),
        (
            "/properties/state_dir",
            json!({
                "type": "string", "description": "Where state is kept.\nTakes a path.", "default": "/var/lib/sensor",
                "x-reload": "restart", "x-run-time": false,
            }),
        ),
        (
            "/properties/smtp/properties/enabled",
            json!({
                "type": "boolean", "description": "Whether mail is taken.\nTakes true or false.", "default": true,
                "x-reload": "live", "x-run-time": true,
            }),
        ),
        (
            "/properties/smtp/properties/destination_domains",
            json!({
                "type": "array", "items": { "type": "string" }, "default": [], "x-reload": "live", "x-run-time": true,
                "description": "Whose mail is taken.\nEmpty: everybody's.\nTakes a list of domains such as example.com.",
            }),
        ),
        (
            "/properties/smtp/properties/password",
            json!({
                "type": "string", "description": "Opens the door.\nTakes a password.", "writeOnly": true,
                "x-reload": "live", "x-run-time": false,
            }),
        ),
        ("/properties/smtp/properties/limits/properties/recipients/minimum", json!(1)),
        ("/properties/smtp/properties/limits/properties/recipients/maximum", json!(100_000)),
        ("/properties/smtp/properties/limits/additionalProperties", json!(false)),
        ("/properties/smtp/properties/limits/description", json!("How much is too much.")),
        ("/properties/smtp/properties/listener/type", json!("array")),
        ("/properties/smtp/properties/listener/items/required", json!(["name", "address"])),
        ("/properties/smtp/properties/listener/items/additionalProperties", json!(false)),
        (
            "/properties/smtp/properties/listener/items/properties/security/enum",
            json!(["none", "opportunistic", "required"]),
        ),
        (
            "/properties/smtp/properties/listener/items/properties/queue/properties/backlog/default",
            json!(128),
        ),
    ] {
        assert_eq!(schema.pointer(pointer), Some(&expected), "{pointer} of {schema:#}");
    }
}

#[test]
fn the_schema_does_not_depend_on_what_is_set() {
    let schema = |text: &str| -> Value {
        read(vec![sensor_settings::Source::file("main.toml", text)]).1.unwrap().json_schema("sample")
    };
    let text = "smtp.password = 'hunter2'\n[[smtp.listener]]\nname = 'a'\naddress = '[::]:25'";
    assert_eq!(schema("# nothing"), schema(text));
}
