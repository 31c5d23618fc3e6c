//! The token and the socket as files.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use sensor_control::{Token, TokenError};

fn put(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_token_is_made_once_and_only_its_owner_reads_it() {
    let directory = tempfile::tempdir().unwrap();
    // What a crash left behind is in nobody's way.
    put(&directory.path().join("control.token.new"), "half", 0o644);
    let token = Token::load_or_create(directory.path()).unwrap();
    let text = fs::read_to_string(token.path()).unwrap();
    assert_eq!(fs::metadata(token.path()).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(text.len(), 65, "32 octets in hex and a newline");
    assert!(!format!("{token:?}").contains(text.trim()));
    let again = Token::load_or_create(directory.path()).unwrap();
    assert_eq!(fs::read_to_string(again.path()).unwrap(), text);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    let other = tempfile::tempdir().unwrap();
    let different = Token::load_or_create(other.path()).unwrap();
    assert_ne!(fs::read_to_string(different.path()).unwrap(), text);
}

#[test]
fn a_token_that_is_none_is_refused_and_left_alone() {
    const GOOD: &str = "0123456789abcdef0123456789abcdef\n";
    type Fits = fn(&TokenError) -> bool;
    let open: Fits = |error| matches!(error, TokenError::Open { .. });
    let unusable: Fits = |error| matches!(error, TokenError::Unusable { .. });
    let long = "x".repeat(5_000);
    let cases: &[(&str, u32, Option<Fits>)] = &[
        (GOOD, 0o600, None),
        (GOOD, 0o400, None),
        (GOOD, 0o640, Some(open)),
        (GOOD, 0o604, Some(open)),
        (GOOD, 0o620, Some(open)),
        (GOOD, 0o601, Some(open)),
        ("", 0o600, Some(unusable)),
        ("\n", 0o600, Some(unusable)),
        ("short\n", 0o600, Some(unusable)),
        ("================================\n", 0o600, Some(unusable)),
        ("0123456789abcdef 0123456789abcdef\n", 0o600, Some(unusable)),
        ("0123456789abcdef0123456789abcdef\nx\n", 0o600, Some(unusable)),
        ("0123456789abcdef0123456789abcd\u{e9}\n", 0o600, Some(unusable)),
        (&long, 0o600, Some(unusable)),
    ];
    for (text, mode, expected) in cases {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.token");
        put(&path, text, *mode);
        let inspected = Token::inspect(directory.path());
        let outcome = Token::load_or_create(directory.path());
        assert_eq!(inspected.is_ok(), outcome.is_ok(), "{text:?} {mode:o}: {inspected:?}");
        match (outcome, expected) {
            (Ok(_), None) => {}
            (Err(error), Some(fits)) => {
                assert!(fits(&error), "{text:?} {mode:o}: {error}");
                assert!(text.trim().is_empty() || !error.to_string().contains(text.trim()));
            }
            (outcome, _) => panic!("{text:?} {mode:o}: {outcome:?}"),
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), *text);
    }
}

#[test]
fn a_token_is_a_file_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let elsewhere = directory.path().join("elsewhere");
    put(&elsewhere, "0123456789abcdef0123456789abcdef\n", 0o600);
    symlink(&elsewhere, directory.path().join("control.token")).unwrap();
    let error = Token::load_or_create(directory.path()).unwrap_err();
    assert!(matches!(error, TokenError::Io { .. }), "{error}");
    fs::remove_file(directory.path().join("control.token")).unwrap();
    fs::create_dir(directory.path().join("control.token")).unwrap();
    let error = Token::load_or_create(directory.path()).unwrap_err();
    assert!(matches!(error, TokenError::Unusable { .. }), "{error}");
    assert!(Token::inspect(directory.path()).is_err());
    assert!(Token::inspect(&directory.path().join("missing")).is_ok(), "one will be made");
    assert!(Token::inspect(&elsewhere).is_ok(), "where that cannot be is not about the token");
    let missing = Token::load_or_create(&directory.path().join("missing")).unwrap_err();
    assert!(matches!(missing, TokenError::Io { .. }), "{missing}");
}
