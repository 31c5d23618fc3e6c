//! The control plane of the real binary against its document: schemathesis asks what docs/openapi.json allows and
//! what it does not, and holds each answer against it; another user at the socket gets nothing of any route.
//!
//! `POST /v1/drain` ends the sensor, so it is asked once, at the end.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::api::Api;
use crate::harness::random::Random;
use crate::harness::{is_root, program, skip};
use crate::operate::started;

const DRAIN: &str = "/v1/drain";

/// The user whom Debian calls nobody.
const NOBODY: u32 = 65_534;

fn in_tree(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Method and path of each operation of the document.
fn operations() -> Vec<(String, String)> {
    let document: Value = serde_json::from_slice(&fs::read(in_tree("docs/openapi.json")).unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let of_path = |(path, item): (&String, &Value)| {
        let path = path.replace("{sensor}", "self");
        let methods: Vec<_> = item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        methods.into_iter().map(move |method| (method, path.clone()))
    };
    paths.flat_map(of_path).collect()
}

/// Where scripts/test has put it, or where it is installed.
fn schemathesis() -> Option<PathBuf> {
    let put = std::env::var_os("SENSOR_SCHEMATHESIS").map(PathBuf::from).filter(|path| path.is_file());
    put.or_else(|| program("schemathesis"))
}

/// Asks everything but the drain; what it leaves behind goes into `folder`.
fn ask(schemathesis: &Path, api: &Api, token: &str, folder: &Path, bounds: &[&str]) -> (bool, String) {
    let seed = (Random::seed("SENSOR_API_SEED") & u64::from(u32::MAX)).to_string();
    let mut command = Command::new(schemathesis);
    command.current_dir(folder).env("SENSOR_TOKEN", token);
    command.arg("--config-file").arg(in_tree("tests/schemathesis.toml"));
    command.arg("run").arg(in_tree("docs/openapi.json")).args(["--url", &format!("http://{}", api.address)]);
    command.args(["--exclude-path", DRAIN, "--seed", &seed, "--no-color", "--continue-on-failure"]);
    let output = command.args(bounds).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn schemathesis_finds_nothing_that_the_document_does_not_say() {
    let test = "schemathesis_finds_nothing_that_the_document_does_not_say";
    let Some(program) = schemathesis() else { return skip(test, "schemathesis is not installed") };
    let (home, sensor, api) = started("");
    let (is_good, said) = ask(&program, &api, &api.token, home.path(), &["--max-examples", "50"]);
    assert!(is_good, "{said}");
    let all_but_drain = format!("Tested: {}\n", operations().len() - 1);
    assert!(said.contains(&all_but_drain), "it has not asked all of them: {said}");
    assert!(!home.log().contains("panicked"), "{}", home.log());
    let answer = api.post(DRAIN);
    assert_eq!(answer.status, 202, "{answer:?}");
    let members: BTreeSet<_> = answer.body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["connections", "deadline_seconds"]));
    assert!(sensor.wait_ended().success());
}

/// A run that is refused everything proves nothing: it has to fail.
#[test]
fn schemathesis_without_the_token_does_not_pass() {
    let test = "schemathesis_without_the_token_does_not_pass";
    let Some(program) = schemathesis() else { return skip(test, "schemathesis is not installed") };
    let (home, _sensor, api) = started("");
    let (is_good, said) = ask(&program, &api, "another", home.path(), &["--phases", "examples"]);
    assert!(!is_good && said.contains("401 Unauthorized"), "{said}");
}

#[test]
fn another_user_at_the_socket_gets_nothing_of_any_route() {
    let test = "another_user_at_the_socket_gets_nothing_of_any_route";
    let (Some(curl), true) = (program("curl"), is_root()) else {
        return skip(test, "needs curl and root");
    };
    let (home, _sensor, api) = started("");
    let socket = home.state().join("control.sock");
    // Modes keep others out; what follows is the wall behind that one.
    for path in [home.path(), &home.state(), &socket] {
        fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
    }
    for (method, path) in operations() {
        let mut command = Command::new(&curl);
        command.uid(NOBODY).args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]);
        command.args(["--header", &format!("Authorization: Bearer {}", api.token), "--request", &method]);
        command.arg("--unix-socket").arg(&socket).arg(format!("http://localhost{path}"));
        let status = command.output().unwrap().stdout;
        assert_eq!(String::from_utf8_lossy(&status), "403", "{method} {path}");
    }
    assert_eq!(api.get("/v1/status").body["state"], "enabled");
}
