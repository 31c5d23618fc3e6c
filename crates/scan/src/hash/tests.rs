//! A list of millions.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use sensor_mail::{MailIds, NodeId};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::*;

const LINES: u64 = 2_000_000;
const SEED: u64 = 5;

/// Digests that nobody chose, always the same ones, as many as are asked for.
fn digests() -> impl Iterator<Item = [u8; 32]> {
    println!("seed {SEED}");
    let mut digests = blake3::Hasher::new().update(&SEED.to_le_bytes()).finalize_xof();
    std::iter::repeat_with(move || {
        let mut digest = [0; 32];
        digests.fill(&mut digest);
        digest
    })
}

fn write_line(to: &mut impl Write, digest: &[u8; 32]) {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    let mut line = [b'\n'; 65];
    for (digits, octet) in line.chunks_exact_mut(2).zip(digest) {
        digits.copy_from_slice(&[HEX[usize::from(octet >> 4)], HEX[usize::from(octet & 15)]]);
    }
    to.write_all(&line).unwrap();
}

/// Writes a list that has the digests of `known` in its first line, in the middle, and in its last line.
fn write_list(path: &Path, known: &[[u8; 32]; 3]) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    for (number, drawn) in (0..LINES).zip(digests()) {
        let place = [0, LINES / 2, LINES - 1].iter().position(|place| *place == number);
        write_line(&mut file, place.map_or(&drawn, |place| &known[place]));
    }
    file.flush().unwrap();
}

fn sample(text: &str) -> Sample {
    Sample { line: text.to_owned(), ..Sample::harmless() }
}

fn mail(sample: &Sample) -> Dissected {
    sample.mail(MailIds::new(NodeId::default(), SEED).next(0), jiff::Timestamp::UNIX_EPOCH)
}

/// The digest of the file, which is part 2.
fn digest_of(sample: &Sample) -> [u8; 32] {
    mail(sample).parts[2].part.sha256.0
}

async fn found(hash: &Hash, sample: &Sample) -> Vec<(String, PartId)> {
    let budget = Budget::new(Instant::now() + Duration::from_secs(60), CancellationToken::new());
    let mut report = Report::of("known");
    hash.scan(&mail(sample), &budget, &mut report).await;
    assert_eq!(report.gaps(), []);
    report.findings().iter().map(|finding| (finding.rule.to_string(), finding.part)).collect()
}

#[tokio::test]
async fn millions_of_lines_are_read_found_and_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("millions.txt");
    let known = ["the first", "one in the middle", "the last"].map(sample);
    let (added, another) = (sample("one that comes later"), sample("one that is on no list"));
    let begun = Instant::now();
    write_list(&path, &known.each_ref().map(digest_of));
    println!("{LINES} lines were written in {:?}", begun.elapsed());

    let begun = Instant::now();
    let hash = Hash::of("known", vec![path.clone()], Severity::High).unwrap();
    println!("and read in {:?}", begun.elapsed());
    costs_what_the_manual_says(&hash, LINES);
    let finding = || vec![("millions".to_owned(), PartId(2))];
    for (sample, expected) in
        known.iter().map(|known| (known, finding())).chain([(&added, vec![]), (&another, vec![])])
    {
        assert_eq!(found(&hash, sample).await, expected, "{}", sample.line);
    }

    write_line(&mut OpenOptions::new().append(true).open(&path).unwrap(), &digest_of(&added));
    let (before, begun) = (hash.ruleset(), Instant::now());
    assert_eq!(hash.reload(), Ok(Reloaded::Changed));
    println!("and read again in {:?}", begun.elapsed());
    assert_ne!(hash.ruleset(), before);
    costs_what_the_manual_says(&hash, LINES + 1);
    for (sample, expected) in
        known.iter().chain([&added]).map(|known| (known, finding())).chain([(&another, vec![])])
    {
        assert_eq!(found(&hash, sample).await, expected, "{}", sample.line);
    }
    assert_eq!(hash.reload(), Ok(Reloaded::Unchanged));
}

/// 32 octets an entry, and next to nothing for the list.
fn costs_what_the_manual_says(hash: &Hash, lines: u64) {
    let lists = hash.lists.load();
    // And the EICAR file, which every scanner knows.
    let (entries, octets) = (lists.entries(), lists.octets());
    assert_eq!(entries as u64, lines + 1);
    println!("{octets} octets: {:.3} an entry", octets as f64 / entries as f64);
    assert!((entries * 32..entries * 32 + 1024).contains(&octets), "{octets} octets for {entries} entries");
}
