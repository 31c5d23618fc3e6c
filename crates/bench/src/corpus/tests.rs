use mail_parser::{MessageParser, MimeHeaders};
use proptest::prelude::*;

use super::*;

/// Enough for the fixed pieces of every structure.
const ROOM_FOR_ALL: usize = 800;

fn any_structure() -> impl Strategy<Value = Structure> {
    proptest::sample::select(Structure::ALL.to_vec())
}

proptest! {
    #[test]
    fn a_message_is_exact_reproducible_and_fit_for_data(
        seed: u64, octets in ROOM_FOR_ALL..20_000, structure in any_structure(),
    ) {
        let message = message(seed, Shape { octets, structure });
        prop_assert_eq!(message.len(), octets);
        prop_assert_eq!(&message, &super::message(seed, Shape { octets, structure }));
        let text = std::str::from_utf8(&message).unwrap();
        prop_assert!(text.is_ascii() && text.ends_with("\r\n"));
        for line in text.strip_suffix("\r\n").unwrap().split("\r\n") {
            prop_assert!(line.len() <= 78 && !line.contains(['\r', '\n']), "{:?}", line);
        }
    }

    #[test]
    fn no_size_is_too_small_to_generate(octets in 0..ROOM_FOR_ALL, structure in any_structure()) {
        let message = message(1, Shape { octets, structure });
        prop_assert!(message.len() >= octets);
    }
}

#[test]
fn each_structure_has_the_parts_it_promises() {
    for (structure, text_parts, html_parts, attachments) in [
        (Structure::Text, 1, 1, 0),
        (Structure::Base64, 0, 0, 1),
        (Structure::Alternative, 1, 1, 0),
        (Structure::Attachment, 1, 1, 1),
        (Structure::Forwarded, 1, 1, 1),
    ] {
        let message = message(7, Shape { octets: 5_000, structure });
        let parsed = MessageParser::default().parse(&message).unwrap();
        let found = (parsed.text_body_count(), parsed.html_body_count(), parsed.attachment_count());
        assert_eq!(found, (text_parts, html_parts, attachments), "{structure:?}");
    }
}

#[test]
fn an_attachment_decodes_to_three_octets_for_four() {
    let message = message(7, Shape { octets: 5_000, structure: Structure::Attachment });
    let parsed = MessageParser::default().parse(&message).unwrap();
    let attachment = parsed.attachment(0).unwrap();
    assert_eq!(attachment.attachment_name(), Some("data.bin"));
    assert!(attachment.contents().len() > 1_500 && attachment.contents().len() % 3 == 0);
}

#[test]
fn a_message_carries_the_id_of_its_seed() {
    let message = message(0xabc, Shape { octets: 1_000, structure: Structure::Text });
    assert!(message.starts_with(b"Message-ID: <0000000000000abc.00000000@load.example.net>\r\n"));
}

#[test]
fn another_seed_is_another_message_and_some_lines_begin_with_a_dot() {
    let shape = Shape { octets: 64_000, structure: Structure::Text };
    let [one, other] = [1, 2].map(|seed| message(seed, shape));
    assert_ne!(one[100..], other[100..]);
    assert!(memchr::memmem::find(&one, b"\r\n.").is_some());
}

#[test]
fn files_are_written_one_a_message_in_all_structures() {
    let dir = tempfile::tempdir().unwrap();
    let octets = ByteSize::b(2_000);
    run(&Options { dir: dir.path().join("new"), seed: 5, count: 6, octets, structure: None }).unwrap();
    let sixth = fs::read(dir.path().join("new/000005.eml")).unwrap();
    assert_eq!(sixth, message(10, Shape { octets: 2_000, structure: Structure::Text }));
    assert_eq!(fs::read_dir(dir.path().join("new")).unwrap().count(), 6);
}
