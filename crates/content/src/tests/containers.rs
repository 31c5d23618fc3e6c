//! Containers of every kind: what is in them is found, at the right path.

use bytes::Bytes;
use sensor_mail::part::PartFlag::{
    self, Damaged, Decrypted, Encrypted, ExternalReference, Macros, Polyglot, TypeMismatch,
};
use sensor_mail::part::{Part, WhyUnopened};

use super::builders::*;
use crate::{AidError, Aids, Alone, Exploded, Foreign, Limits, Tarred, explode};

/// Where the octets are, of all parts that hold exactly them.
fn paths<'a>(exploded: &'a Exploded, octets: &[u8]) -> Vec<&'a str> {
    exploded.parts.iter().filter(|(_, own)| own == octets).map(|(part, _)| &*part.path.0).collect()
}

fn part<'a>(exploded: &'a Exploded, path: &str) -> &'a Part {
    let found = exploded.parts.iter().find(|(part, _)| &*part.path.0 == path);
    &found.unwrap_or_else(|| panic!("nothing is at {path}: {:?}", all(exploded))).0
}

fn all(exploded: &Exploded) -> Vec<&str> {
    exploded.parts.iter().map(|(part, _)| &*part.path.0).collect()
}

fn take_apart(text: &str, name: &str, file: &[u8]) -> Exploded {
    let exploded = explode(mail(text, name, file), &Limits::default(), &Alone);
    crate::fuzz::check(&exploded, &Limits::default());
    exploded
}

#[test]
fn what_lies_in_containers_is_found_at_its_path() {
    let eicar = eicar();
    let one: Members<'_> = &[("e.com", &eicar)];
    let mut deep = zip(one);
    for depth in 2..=5 {
        deep = zip(&[(&*format!("{depth}.zip"), &deep)]);
    }
    for (name, file, path) in [
        ("e.com", eicar.clone(), "2/e.com"),
        ("a.zip", zip(one), "2/a.zip/e.com"),
        ("a.zip", zip_stored(one), "2/a.zip/e.com"),
        ("a.zip", zip(&[("d/e.com", &eicar)]), "2/a.zip/e.com"),
        ("a.zip", deep, "2/a.zip/5.zip/4.zip/3.zip/2.zip/e.com"),
        ("a.tar", tar(one), "2/a.tar/e.com"),
        ("a.tar.gz", gzip(&tar(one)), "2/a.tar.gz/a.tar/e.com"),
        ("a.tgz", gzip(&tar(one)), "2/a.tgz/a.tar/e.com"),
        ("e.com.bz2", bzip2(&eicar), "2/e.com.bz2/e.com"),
        ("e.com.xz", xz(&eicar), "2/e.com.xz/e.com"),
        ("e.com.zst", zstd(&eicar), "2/e.com.zst/e.com"),
        ("e.com.gz", [gzip(&eicar[..30]), gzip(&eicar[30..])].concat(), "2/e.com.gz/e.com"),
        ("noname", gzip(&eicar), "2/noname/content"),
        ("a.7z", sevenz(one, None), "2/a.7z/e.com"),
        ("a.doc", ole(&[("WordDocument", b"text"), ("ObjectPool/e.com", &eicar)]), "2/a.doc/e.com"),
        (
            "a.docx",
            zip(&[("word/document.xml", b"<w/>"), ("word/embeddings/e.com", &eicar)]),
            "2/a.docx/e.com",
        ),
        (
            "a.docx",
            zip(&[
                ("word/document.xml", b"<w/>"),
                ("word/embeddings/oleObject1.bin", &ole(&[("\u{1}Ole10Native", &package("e.com", &eicar))])),
            ]),
            "2/a.docx/oleObject1.bin/e.com",
        ),
        ("a.eml", mail("see", "b.zip", &zip(one)).to_vec(), "2/a.eml/2/b.zip/e.com"),
    ] {
        let exploded = take_apart("see", name, &file);
        assert_eq!(paths(&exploded, &eicar), [path], "{name}: {:?}", all(&exploded));
        let gaps = exploded.parts.iter().find(|(part, _)| !part.gaps.is_empty());
        assert!(gaps.is_none(), "{name}: {gaps:?}");
    }
}

#[test]
fn a_password_in_the_text_opens_an_archive() {
    let eicar = eicar();
    let one: Members<'_> = &[("e.com", &eicar), ("f.com", &eicar)];
    // A folder is read behind what a wrong password did not open, and proves none right.
    let folder: Members<'_> = &[("d/", b""), ("e.com", &eicar), ("f.com", &eicar)];
    for (name, file) in [
        ("a.zip", zip_crypto(one, "s3cret!")),
        ("a.zip", zip_aes(one, "s3cret!")),
        ("a.7z", sevenz(one, Some(("s3cret!", false)))),
        ("a.7z", sevenz(one, Some(("s3cret!", true)))),
        ("a.7z", sevenz(folder, Some(("s3cret!", false)))),
    ] {
        let exploded = take_apart("Hello,\nthe password is: s3cret!\nBye", name, &file);
        let expected = [format!("2/{name}/e.com"), format!("2/{name}/f.com")];
        assert_eq!(paths(&exploded, &eicar), expected, "{:?}", part(&exploded, &format!("2/{name}")));
        assert!(part(&exploded, &format!("2/{name}")).flags.contains(&Decrypted));

        let closed = take_apart("Hello", name, &file);
        let container = part(&closed, &format!("2/{name}"));
        assert!(container.flags.contains(&Encrypted), "{container:?}");
        assert!(container.gaps.iter().any(|gap| gap.why == WhyUnopened::Encrypted), "{container:?}");
        assert!(paths(&closed, &eicar).is_empty());
    }
}

#[test]
fn a_word_list_opens_an_archive() {
    let file = zip_aes(&[("e.com", &eicar())], "infected");
    let exploded = explode(mail("Hello", "a.zip", &file), &Limits::default(), &Lent::default());
    assert_eq!(paths(&exploded, &eicar()), ["2/a.zip/e.com"]);
}

/// A caller with a list of words and a tool.
#[derive(Default)]
struct Lent {
    tarred: Option<Tarred>,
}

impl Aids for Lent {
    fn is_over(&self) -> bool {
        false
    }

    fn passwords(&self) -> &[Box<str>] {
        static LIST: std::sync::LazyLock<[Box<str>; 2]> =
            std::sync::LazyLock::new(|| ["1234".into(), "infected".into()]);
        &*LIST
    }

    fn to_tar(&self, format: Foreign, _: &Bytes, _: u64) -> Result<Tarred, AidError> {
        assert_eq!(format, Foreign::Rar);
        self.tarred.clone().ok_or(AidError::Damaged("no archive".into()))
    }
}

#[test]
fn archives_without_a_reader_are_opened_by_the_caller() {
    let rar = b"Rar!\x1a\x07\x01\0 and so on";
    let eicar = eicar();
    let tarred = Tarred { octets: tar(&[("e.com", &eicar)]).into(), cut: false, complaint: None };
    let cut = Tarred { cut: true, ..tarred.clone() };
    for (aids, found, gap) in [
        (Lent { tarred: Some(tarred) }, &["2/a.rar/e.com"][..], None),
        (Lent { tarred: Some(cut) }, &["2/a.rar/e.com"], Some(WhyUnopened::RatioMax)),
        (Lent { tarred: None }, &[], Some(WhyUnopened::Damaged)),
    ] {
        let exploded = explode(mail("x", "a.rar", rar), &Limits::default(), &aids);
        assert_eq!(paths(&exploded, &eicar), found);
        assert_eq!(part(&exploded, "2/a.rar").gaps.first().map(|gap| gap.why), gap);
    }
    let exploded = take_apart("x", "a.rar", rar);
    assert_eq!(part(&exploded, "2/a.rar").gaps[0].why, WhyUnopened::Unsupported);
}

#[test]
fn documents_say_what_is_remarkable() {
    let rels = |target: &str| format!("<Relationships><Relationship Id=\"1\" {target}/></Relationships>");
    let link =
        rels("Type=\"http://x.test/hyperlink\" Target=\"https://example.com\" TargetMode=\"External\"");
    let template = rels(
        "Type=\"http://x.test/attachedTemplate\" Target=\"https://example.com\" TargetMode=\"External\"",
    );
    let text: (&str, &[u8]) = ("word/document.xml", b"<w/>");
    let encrypted = ole(&[("EncryptedPackage", b"????"), ("EncryptionInfo", b"????")]);
    for (name, file, flags) in [
        ("a.docm", zip(&[text, ("word/vbaProject.bin", &ole(&[("VBA/dir", b"x")]))]), &[Macros][..]),
        ("a.docx", zip(&[text, ("word/_rels/document.xml.rels", link.as_bytes())]), &[]),
        ("a.docx", zip(&[text, ("word/_rels/document.xml.rels", template.as_bytes())]), &[ExternalReference]),
        ("a.doc", ole(&[("WordDocument", b"x"), ("Macros/VBA/_VBA_PROJECT", b"x")]), &[Macros]),
        ("a.docx", encrypted, &[Encrypted]),
    ] {
        let exploded = take_apart("x", name, &file);
        assert_eq!(part(&exploded, &format!("2/{name}")).flags, flags, "{name}");
    }
    let project = ole(&[("VBA/dir", b"x")]);
    let macros = zip(&[text, ("word/vbaProject.bin", &project)]);
    let exploded = take_apart("x", "invoice.zip", &zip(&[("a.docx", &macros)]));
    assert_eq!(paths(&exploded, &project), ["2/invoice.zip/a.docx/vbaProject.bin"]);
}

#[test]
fn damage_hides_nothing_that_can_be_read() {
    let eicar = eicar();
    let filler = vec![b'x'; 3_000];
    let whole = zip_stored(&[("e.com", &eicar), ("f", &filler)]);
    let without_directory = &whole[..whole.len() - 60];
    let mut hidden = zip_stored(&[("e.com", &eicar)]);
    hidden.truncate(30 + 5 + eicar.len());
    let hidden = [hidden, zip_stored(&[("shown", b"x")])].concat();
    let twice = zip_stored(&[("aaaaa", &eicar), ("bbbbb", &eicar)]);
    let twice: Vec<u8> = replaced(&twice, b"bbbbb", b"aaaaa");
    let mut wrong = whole.clone();
    wrong[40] ^= 1;
    for (name, file, found, flags) in [
        ("a.zip", without_directory.to_vec(), &["2/a.zip/e.com"][..], &[Damaged][..]),
        ("a.zip", hidden, &["2/a.zip/e.com"], &[Damaged]),
        ("a.zip", twice, &["2/a.zip/aaaaa", "2/a.zip/aaaaa#2"], &[Damaged]),
        ("a.zip", wrong, &[], &[Damaged]),
        ("a.zip", [b"junk".to_vec(), zip(&[("e.com", &eicar)])].concat(), &["2/a.zip/e.com"], &[]),
        (
            "a.tar",
            tar(&[("e.com", &eicar), ("f", &filler)])[..2_000].to_vec(),
            &["2/a.tar/e.com"],
            &[Damaged],
        ),
        ("e.gz", [gzip(&eicar), b"trailing junk".to_vec()].concat(), &["2/e.gz/e"], &[Damaged]),
        (
            "a.gif",
            [b"GIF89a......".to_vec(), zip(&[("e.com", &eicar)])].concat(),
            &["2/a.gif/e.com"],
            &[Polyglot],
        ),
        ("a.doc", zip(&[("e.com", &eicar)]), &["2/a.doc/e.com"], &[]),
        ("a.png", zip(&[("e.com", &eicar)]), &["2/a.png/e.com"], &[TypeMismatch]),
    ] {
        let exploded = take_apart("x", name, &file);
        let container = part(&exploded, &format!("2/{name}"));
        assert_eq!(paths(&exploded, &eicar), found, "{container:?}");
        assert_eq!(container.flags.contains(&Damaged), flags.contains(&Damaged), "{container:?}");
        assert!(flags.iter().all(|flag| container.flags.contains(flag)), "{container:?}");
    }
}

fn replaced(octets: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut octets = octets.to_vec();
    while let Some(at) = memchr::memmem::find(&octets, from) {
        octets[at..at + from.len()].copy_from_slice(to);
    }
    octets
}

#[test]
fn names_in_archives_lead_nowhere() {
    let file = zip(&[("../../etc/passwd", b"1"), ("..\\x", b"2"), ("a\u{202e}txt.exe", b"3")]);
    let exploded = take_apart("x", "a.zip", &file);
    assert_eq!(all(&exploded)[3..], ["2/a.zip/passwd", "2/a.zip/x", "2/a.zip/a\\u{202e}txt.exe"]);
    assert_eq!(part(&exploded, "2/a.zip/passwd").name.as_deref(), Some("../../etc/passwd"));
    let flags: Vec<PartFlag> = part(&exploded, "2/a.zip/a\\u{202e}txt.exe").flags.clone();
    assert!(flags.contains(&PartFlag::DeceptiveName), "{flags:?}");
}
