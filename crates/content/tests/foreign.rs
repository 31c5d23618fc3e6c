//! Archives that nothing here reads, taken apart by the real `bsdtar` where it is installed: bytes written down
//! after the formats' own descriptions, by no program that could share a mistake with the one that reads them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs::File;
use std::io::{self, Seek, Write};
use std::process::{Command, Stdio};

use bytes::Bytes;
use sensor_content::{AidError, Aids, Exploded, Foreign, Limits, Tarred, explode, fuzz};
use sensor_mail::part::PartFlag;

const NAME: &[u8] = b"hello.txt";
const CONTENT: &[u8] = b"what lies in a foreign archive";

/// Lends `bsdtar`, as a worker does.
struct Unpacker;

impl Aids for Unpacker {
    fn is_over(&self) -> bool {
        false
    }

    fn passwords(&self) -> &[Box<str>] {
        &[]
    }

    fn to_tar(&self, _: Foreign, archive: &Bytes, octets_max: u64) -> Result<Tarred, AidError> {
        let run = || -> io::Result<_> {
            let mut input: File = tempfile::tempfile()?;
            input.write_all(archive)?;
            input.rewind()?;
            Command::new("bsdtar").args(["-cf", "-", "@-"]).stdin(input).stderr(Stdio::piped()).output()
        };
        let output = run().map_err(|error| AidError::Failed(error.to_string().into()))?;
        let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        assert!(output.stdout.len() as u64 <= octets_max);
        Ok(Tarred {
            octets: output.stdout.into(),
            cut: false,
            complaint: Some(complaint).filter(|text| !text.is_empty()).map(Into::into),
        })
    }
}

fn crc32(octets: &[u8]) -> [u8; 4] {
    let mut crc = flate2::Crc::new();
    crc.update(octets);
    crc.sum().to_le_bytes()
}

/// RAR 5.0 (its technical note): a signature and blocks, each a checksum, its own size, and fields that are numbers
/// of seven bits an octet; all of these are small enough for one.
fn rar5() -> Vec<u8> {
    let one = |octets: &[u8]| vec![u8::try_from(octets.len()).unwrap()];
    let block = |fields: &[u8]| {
        let sized = [one(fields), fields.to_vec()].concat();
        [crc32(&sized).to_vec(), sized].concat()
    };
    let size = one(CONTENT);
    // Type 2, with data; its size; the file has a checksum; its size, attributes; stored, on Unix.
    let attributes = [0xa4, 0x83, 0x02];
    let file = [&[2, 2][..], &size, &[4], &size, &attributes, &crc32(CONTENT), &[0, 1], &one(NAME), NAME];
    [
        b"Rar!\x1a\x07\x01\x00".to_vec(),
        block(&[1, 0, 0]),
        block(&file.concat()),
        CONTENT.to_vec(),
        block(&[5, 0, 0]),
    ]
    .concat()
}

/// MS-CAB: a header, a folder of one block that is not compressed, its file, the block. A checksum of 0 is none.
fn cab() -> Vec<u8> {
    let number = |octets: usize| u32::try_from(octets).unwrap().to_le_bytes();
    let size = u16::try_from(CONTENT.len()).unwrap().to_le_bytes();
    let file =
        [&number(CONTENT.len())[..], &[0; 4], &[0, 0, 0x21, 0x5a, 0, 0, 0x20, 0], NAME, b"\0"].concat();
    let block = [&[0; 4][..], &size, &size, CONTENT].concat();
    let (files, data) = (36 + 8, 36 + 8 + file.len());
    let sizes = [0, data + block.len(), 0, files, 0].map(number).concat();
    let header = [&b"MSCF"[..], &sizes, &[3, 1, 1, 0, 1, 0, 0, 0, 7, 0, 0, 0]].concat();
    let folder = [&number(data)[..], &[1, 0, 0, 0]].concat();
    [header, folder, file, block].concat()
}

fn take_apart(name: &str, file: &[u8], aids: &dyn Aids) -> Exploded {
    let head = format!(
        "Content-Type: application/octet-stream; name={name}\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    );
    let message = Bytes::from([head.as_bytes(), file].concat());
    let exploded = explode(message, &Limits::default(), aids);
    fuzz::check(&exploded, &Limits::default());
    exploded
}

/// Prints that something was not tested, and counts it where the lead of all tests wants it counted.
fn skip(test: &str, why: &str) {
    eprintln!("skipped: {test}: {why}");
    if let Some(path) = std::env::var_os("SENSOR_TEST_SKIPS") {
        let mut file = File::options().append(true).create(true).open(path).unwrap();
        writeln!(file, "{test}: {why}").unwrap();
    }
}

#[test]
fn rar_and_cab_are_taken_apart_by_bsdtar() {
    if Command::new("bsdtar").arg("--version").stdout(Stdio::null()).status().is_err() {
        return skip("rar_and_cab_are_taken_apart_by_bsdtar", "bsdtar is not installed");
    }
    for (name, archive) in [("a.rar", rar5()), ("a.cab", cab())] {
        let exploded = take_apart(name, &archive, &Unpacker);
        let (member, octets) = exploded.parts.last().unwrap();
        assert_eq!((&*member.path.0, &octets[..]), (&*format!("1/{name}/hello.txt"), CONTENT));
        assert!(exploded.parts.iter().all(|(part, _)| part.gaps.is_empty()), "{:?}", exploded.parts);
        // Cut in the middle of its file.
        let exploded = take_apart(name, &archive[..archive.len() - 20], &Unpacker);
        let archive = &exploded.parts[1].0;
        assert!(archive.flags.contains(&PartFlag::Damaged) && !archive.gaps.is_empty(), "{archive:?}");
    }
}

#[test]
fn without_bsdtar_they_stay_closed_and_say_so() {
    for (name, archive) in [("a.rar", rar5()), ("a.cab", cab())] {
        let exploded = take_apart(name, &archive, &sensor_content::Alone);
        assert_eq!(exploded.parts.len(), 2);
        let gap = &exploded.parts[1].0.gaps[0];
        assert_eq!(gap.why, sensor_mail::part::WhyUnopened::Unsupported, "{name}: {gap:?}");
    }
}
