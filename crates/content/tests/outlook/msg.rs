//! What is found in `.msg`.

use sensor_content::mapi::{Damage, Kind};
use sensor_content::msg::{is_message, read};

use crate::build_compound::*;
use crate::build_rtf::packed;
use crate::{Thing, all, check, utf16};

/// Octets that lie in sectors of their own, not in the mini stream.
fn large(octet: u8) -> Vec<u8> {
    (0..5_000_u32).map(|at| at.to_le_bytes()[0].wrapping_mul(octet)).collect()
}

fn file_of(number: u32, name: &str, data: &[u8]) -> Node {
    attachment(number, vec![value(0x3707_001F, &utf16(name)), value(0x3701_0102, data)])
}

/// A message that holds `depth` messages, each in the one before.
fn nested(depth: u32) -> Vec<Node> {
    let name = format!("level {depth}.bin");
    let mut children = vec![
        file_of(0, &name, &large(3)),
        value(0x1000_001F, &utf16(&name)),
        value(0x001A_001F, &utf16("IPM.Note")),
    ];
    if depth > 0 {
        let enclosed =
            storage("__substg1.0_3701000D", [nested(depth - 1), vec![numbers(24, &[])]].concat_nodes());
        children.push(attachment(1, vec![value(0x3001_001F, &utf16("enclosed")), enclosed]));
    }
    children
}

trait ConcatNodes {
    fn concat_nodes(self) -> Vec<Node>;
}

impl<const N: usize> ConcatNodes for [Vec<Node>; N] {
    fn concat_nodes(self) -> Vec<Node> {
        self.into_iter().flatten().collect()
    }
}

fn message(children: Vec<Node>) -> Vec<u8> {
    file([children, vec![numbers(32, &[])]].concat_nodes())
}

/// Two bodies, a small file, a large one, an OLE object and a message within.
pub(crate) fn sample() -> Vec<u8> {
    let object =
        storage("__substg1.0_3701000D", vec![stream("\u{1}Ole", b"ole"), stream("Macros", &large(5))]);
    let enclosed = storage("__substg1.0_3701000D", [nested(1), vec![numbers(24, &[])]].concat_nodes());
    file(vec![
        numbers(32, &[(0x3FFD_0003, 1251), (0x3FDE_0003, 65001)]),
        storage(
            "__nameid_version1.0",
            ["00020102", "00030102", "00040102"].map(|it| stream(&format!("__substg1.0_{it}"), b"")).into(),
        ),
        storage("__recip_version1.0_#00000000", vec![value(0x3001_001F, &utf16("Ann Example"))]),
        value(0x001A_001F, &utf16("IPM.Note")),
        value(0x0037_001F, &utf16("subject")),
        value(0x1000_001E, b"\xF4\xE0"),
        value(0x1013_0102, b"<p>hello"),
        value(0x1009_0102, &packed(br"{\rtf1\ansi\fromtext hello}")),
        attachment(
            0,
            vec![
                value(0x3704_001E, b"\xF4.txt"),
                value(0x370E_001F, &utf16("text/plain")),
                value(0x3701_0102, b"small"),
            ],
        ),
        file_of(1, "large one.bin", &large(7)),
        attachment(2, vec![object]),
        attachment(3, vec![enclosed]),
    ])
}

fn thing(kind: Kind, name: &str, octets: &[u8]) -> Thing {
    Thing { kind, ..crate::attachment(name, "", octets) }
}

#[test]
fn each_body_and_each_file_is_found() {
    assert!(is_message(&sample()));
    let (mut found, damages) = all(read, &sample());
    assert_eq!(damages, []);
    // The builder writes siblings last to first.
    found.reverse();
    let kinds: Vec<_> = found.iter().map(|thing| thing.kind).collect();
    let files = [Kind::Attachment, Kind::Attachment, Kind::Object, Kind::Message];
    let bodies = [Kind::Text, Kind::Html, Kind::Text, Kind::Rtf];
    assert_eq!(kinds.len(), 8, "{kinds:?}");
    assert!(files.iter().chain(&bodies).all(|kind| kinds.contains(kind)), "{kinds:?}");
    let small =
        Thing { media_type: Some("text/plain".to_owned()), ..thing(Kind::Attachment, "ф.txt", b"small") };
    assert!(found.contains(&small));
    assert!(found.contains(&thing(Kind::Attachment, "large one.bin", &large(7))));
    assert!(found.contains(&crate::body(Kind::Text, "windows-1251", b"\xF4\xE0")));
    assert!(found.contains(&crate::body(Kind::Html, "UTF-8", b"<p>hello")));
    assert!(found.contains(&crate::body(Kind::Text, "UTF-8", b"hello")));
}

/// What was a storage is a whole file, of the version that this reader did not read before.
#[test]
fn messages_within_are_files_of_their_own() {
    let mut octets = message(nested(3));
    for depth in (0..=3).rev() {
        assert!(is_message(&octets), "level {depth}");
        let (found, damages) = all(read, &octets);
        assert_eq!(damages, [], "level {depth}");
        let name = format!("level {depth}.bin");
        assert!(found.contains(&thing(Kind::Attachment, &name, &large(3))), "level {depth}");
        assert!(found.contains(&crate::body(Kind::Text, "UTF-16LE", &utf16(&name))), "level {depth}");
        let inner = found.into_iter().find(|thing| thing.kind == Kind::Message);
        assert_eq!(inner.is_some(), depth > 0);
        let Some(inner) = inner else { break };
        assert_eq!(inner.name.as_deref(), Some("enclosed"));
        octets = inner.octets;
    }
}

/// The head lists the FAT of 7 MB; from there on it is listed in sectors of its own.
#[test]
fn a_file_with_more_fat_than_its_head_lists_is_read() {
    let data: Vec<u8> = (0..8_000_000_u32).map(|at| (at >> 9).to_le_bytes()[0]).collect();
    let inner = vec![file_of(0, "inner.bin", &data), numbers(24, &[])];
    let octets = message(vec![attachment(0, vec![storage("__substg1.0_3701000D", inner)])]);
    let (found, damages) = all(read, &octets);
    assert_eq!(damages, []);
    check("within", read, &found[0].octets, &[thing(Kind::Attachment, "inner.bin", &data)], &[]);
}

#[test]
fn an_object_keeps_its_streams() {
    let (found, _) = all(read, &sample());
    let object = found.into_iter().find(|thing| thing.kind == Kind::Object).unwrap();
    assert!(!is_message(&object.octets));
    let macros = large(5);
    assert!(object.octets.windows(macros.len()).any(|window| window == macros));
    assert!(object.octets.windows(3).any(|window| window == b"ole"));
    let name = utf16("\u{1}Ole");
    assert!(object.octets.windows(name.len()).any(|window| window == name));
}

fn one_file() -> Vec<u8> {
    message(vec![attachment(0, vec![value(0x3701_0102, &large(9))])])
}

fn put(mut file: Vec<u8>, at: usize, number: u32) -> Vec<u8> {
    file[at..at + 4].copy_from_slice(&number.to_le_bytes());
    file
}

/// What is wrong, the file, what is found, what is noted.
type Case<'a> = (&'a str, Vec<u8>, Vec<Thing>, &'a [Damage]);

#[test]
fn broken_ones_give_what_there_is() {
    let sound = one_file();
    let data = entry_at(&sound, "__substg1.0_37010102");
    let start = u32::from_le_bytes(sound[data + 116..data + 120].try_into().unwrap());
    let link = |sector: u32, next: u32| put(sound.clone(), link_at(&sound, sector), next);
    let given = |octets: &[u8]| vec![thing(Kind::Attachment, "", octets)];
    let circle = [large(9)[..1024].repeat(5), Vec::new()].concat()[..5_000].to_vec();
    let cases: &[Case<'_>] = &[
        ("nothing", vec![], vec![], &[Damage::Signature]),
        ("a head that is cut", sound[..511].to_vec(), vec![], &[Damage::Signature]),
        ("a head only", sound[..512].to_vec(), vec![], &[Damage::Cut, Damage::Signature]),
        ("sound", sound.clone(), given(&large(9)), &[]),
        ("an odd size of sectors", put(sound.clone(), 30, 0x0006_0007), given(&large(9)), &[Damage::Field]),
        ("a chain that ends early", link(start + 1, 0xFFFF_FFFE), given(&large(9)[..1024]), &[Damage::Cut]),
        (
            "a chain that leaves the file",
            link(start + 1, 0x00FF_0000),
            given(&large(9)[..1024]),
            &[Damage::Cut],
        ),
        ("a chain in a circle", link(start + 1, start), given(&circle), &[Damage::Crossed]),
        (
            "a size past all that there is",
            put(sound.clone(), data + 120, 0x7FFF_FFFF),
            given(&large_and_padding(&sound, start)),
            &[Damage::Cut],
        ),
        ("a sibling of itself", put(sound.clone(), data + 72, 4), given(&large(9)), &[Damage::Crossed]),
        (
            "a sibling that there is not",
            put(sound.clone(), data + 68, 999),
            given(&large(9)),
            &[Damage::Field],
        ),
    ];
    for (case, octets, things, damages) in cases {
        check(case, read, octets, things, damages);
    }
}

/// The sectors of the chain, to their end.
fn large_and_padding(file: &[u8], start: u32) -> Vec<u8> {
    let at = (start as usize + 1) * 512;
    file[at..at + 5_120].to_vec()
}

/// A thousand names for one stream: each sector is given a few times at most, and that is said.
#[test]
fn shared_sectors_unfold_to_little() {
    let files = (0..1_000).map(|number| attachment(number, vec![value(0x3701_0102, b"")]));
    let mut octets = message(files.chain([file_of(1_000, "real", &vec![1; 100_000])]).collect());
    let sizes: Vec<_> = (512..octets.len())
        .step_by(128)
        .filter(|at| octets[*at..].starts_with(&utf16("__substg1.0_37010102")))
        .collect();
    let real = sizes.iter().find(|at| octets[**at + 121] != 0).copied().unwrap();
    let place = octets[real + 116..real + 124].to_vec();
    sizes.iter().for_each(|at| octets[at + 116..at + 124].copy_from_slice(&place));
    let (found, damages) = all(read, &octets);
    let total: usize = found.iter().map(|thing| thing.octets.len()).sum();
    assert!(total <= 2 * octets.len(), "{total} octets of {}", octets.len());
    assert!(total >= 100_000);
    assert!(damages.contains(&Damage::Crossed), "{damages:?}");
}

#[test]
fn a_directory_in_a_circle_ends() {
    let sound = one_file();
    let directory = u32::from_le_bytes(sound[48..52].try_into().unwrap());
    let circle = put(sound.clone(), link_at(&sound, directory), directory);
    let (_, damages) = all(read, &circle);
    assert!(damages.contains(&Damage::Crossed), "{damages:?}");
}

/// Wherever it is cut, what lies before is found if the directory and the FAT are.
#[test]
fn a_cut_harms_nothing_else() {
    let sound = sample();
    let (whole, _) = all(read, &sound);
    for cut in (0..sound.len()).step_by(61) {
        let (found, damages) = all(read, &sound[..cut]);
        // The last octets of the FAT speak of no sector.
        assert!(!damages.is_empty() || found == whole, "cut at {cut}");
        assert!(found.len() <= whole.len(), "cut at {cut}");
    }
}
