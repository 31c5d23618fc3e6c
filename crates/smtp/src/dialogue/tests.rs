use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::driver::Driver;
use super::fuzz::{check_session, check_starttls};
use super::run::Knife;
use super::{Cuts, Dialogue, Scene};

/// Fewer than this means that the folder was not found, or emptied.
const DIALOGUES_MIN: usize = 60;
const RANDOM_RUNS: u64 = 25;

fn dialogues() -> Vec<(PathBuf, Dialogue)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/dialogues");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "smtp"));
    paths.sort();
    assert!(paths.len() >= DIALOGUES_MIN, "{} dialogues in {folder}", paths.len());
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let dialogue = Dialogue::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        (path, dialogue)
    };
    paths.into_iter().map(read).collect()
}

/// Plays all dialogues with each of `cuts` and shows every failure.
fn check(cuts: impl Iterator<Item = Cuts> + Clone) {
    let mut failures = Vec::new();
    for (path, dialogue) in dialogues() {
        for cuts in cuts.clone() {
            if dialogue.scene.cuts || matches!(cuts, Cuts::Whole) {
                let failure = dialogue.run(cuts).err();
                failures.extend(failure.map(|e| format!("{} {cuts:?}: {e}", path.display())));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn dialogues_go_as_written_in_whole_pieces() {
    check([Cuts::Whole].into_iter());
}

#[test]
fn dialogues_go_as_written_octet_by_octet() {
    check([Cuts::Octets].into_iter());
}

#[test]
fn dialogues_go_as_written_at_random_cuts() {
    check((0..RANDOM_RUNS).map(Cuts::Random));
}

#[test]
fn a_dialogue_that_says_something_else_fails() {
    let good = "S: 220 ...\nC: EHLO a\nC: QUIT\nS* 250\nS: 221 2.0.0 mx.example.com ...\nend: quit\n";
    assert!(Dialogue::parse(good).unwrap().run(Cuts::Whole).is_ok());
    for (right, wrong) in [
        ("S: 220", "S: 221"),
        ("S* 250", "S: 250 ..."),
        ("S* 250", "S* 251"),
        ("S: 221 2.0.0 mx.example.com ...\n", ""),
        ("end: quit", "end: open"),
        ("end: quit", "kept: ESMTP DATA from <> to <a@example.com>\nend: quit"),
        ("end: quit", "S: 250 more\nend: quit"),
    ] {
        let dialogue = Dialogue::parse(&good.replace(right, wrong)).unwrap();
        assert!(dialogue.run(Cuts::Whole).is_err(), "{wrong}");
    }
}

#[test]
fn a_file_that_does_not_follow_the_form_is_refused() {
    for text in ["", "S: 220", "X: what\nend: quit", "set what 1\nend: quit", "C: \\q\nend: quit", "M: early"]
    {
        assert!(Dialogue::parse(text).is_err(), "{text}");
    }
}

/// Octets that a client might send: mostly commands, bodies and the pieces that end them.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let known = proptest::sample::select(vec![
        "EHLO client.example\r\n",
        "HELO client.example\r\n",
        "MAIL FROM:<a@example.com>\r\n",
        "MAIL FROM:<> BODY=BINARYMIME SMTPUTF8\r\n",
        "MAIL FROM:<a@example.com> SIZE=301\r\n",
        "RCPT TO:<b@example.com>\r\n",
        "RCPT TO:<b@refused.example>\r\n",
        "RCPT TO:<bücher@example.com>\r\n",
        "DATA\r\n",
        "BDAT 3\r\n",
        "BDAT 9 LAST\r\n",
        "BDAT 0 LAST\r\n",
        "BDAT 350 LAST\r\n",
        "BDAT 7 WHAT\r\n",
        "RSET\r\n",
        "NOOP\r\n",
        "STARTTLS\r\n",
        "XCLIENT ADDR=192.0.2.7 NAME=[UNAVAILABLE]\r\n",
        "XCLIENT ADDR=192.0.2.9\r\n",
        "XCLIENT ADDR=192.0.2\r\n",
        "XFORWARD NAME=a+2Bb IDENT=7\r\n",
        "Subject: x\r\n\r\nbody\r\n",
        ".\r\n",
        "\r\n.\r\n",
        "..\r\n",
        "\n.\n",
        "\r",
        "\n",
        ".",
        "\0",
    ]);
    prop_oneof![
        12 => known.prop_map(|text| text.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
        1 => (1_usize..2500).prop_map(|octets| b"x".repeat(octets)),
    ]
}

/// A message: lines, dots and line ends of all kinds.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let piece =
        proptest::sample::select(vec!["\r\n", "\r\n.", ".", "\r", "\n", "\0", "text", "Subject: x\r\n"]);
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

/// What a client puts on the wire behind DATA (RFC 5321 section 4.5.2).
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    for line in String::from_utf8_lossy(message).split_inclusive("\r\n") {
        let dot = if line.starts_with('.') { "." } else { "" };
        wire.extend_from_slice(format!("{dot}{line}").as_bytes());
    }
    [&wire, &b".\r\n"[..]].concat()
}

/// What a client puts on the wire in chunks of these sizes (RFC 3030).
fn chunked(message: &[u8], sizes: &[usize]) -> Vec<u8> {
    let (mut wire, mut rest) = (Vec::new(), message);
    for size in sizes {
        let (chunk, behind) = rest.split_at((*size).min(rest.len()));
        wire.extend_from_slice(format!("BDAT {}\r\n", chunk.len()).as_bytes());
        wire.extend_from_slice(chunk);
        rest = behind;
    }
    [&wire, format!("BDAT {} LAST\r\n", rest.len()).as_bytes(), rest].concat()
}

/// Sends the wire form, cut by the seed, and gives back the message that is kept.
fn kept(wire: &[u8], seed: u64) -> Vec<u8> {
    let scene = Scene::default();
    let mut driver = Driver::new(&scene);
    driver.greet();
    for piece in Knife(Cuts::Random(seed)).pieces(&[OPENING, wire].concat()) {
        driver.feed(piece);
    }
    assert_eq!(driver.kept.len(), 1, "{}", String::from_utf8_lossy(&driver.heard()));
    driver.kept.remove(0).octets
}

const OPENING: &[u8] = b"EHLO a\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\n";

proptest! {
    #[test]
    fn a_message_comes_out_of_data_as_it_went_in(mut message in message(), seed in any::<u64>()) {
        if !message.is_empty() && !message.ends_with(b"\r\n") {
            message.extend_from_slice(b"\r\n");
        }
        prop_assert_eq!(kept(&[b"DATA\r\n", &stuffed(&message)[..]].concat(), seed), message);
    }

    #[test]
    fn a_message_comes_out_of_chunks_as_it_went_in(
        message in message(),
        sizes in proptest::collection::vec(0_usize..30, 0..6),
        seed in any::<u64>(),
    ) {
        prop_assert_eq!(kept(&chunked(&message, &sizes), seed), message);
    }

    #[test]
    fn any_cut_of_any_input_gives_the_same(fragments in proptest::collection::vec(fragment(), 0..30)) {
        check_session(&fragments.concat());
        check_session(&[OPENING, &fragments.concat()].concat());
        check_starttls(&[b"STARTTLS\r\n", &fragments.concat()[..]].concat());
        check_starttls(&[OPENING, &fragments.concat()].concat());
    }
}
