//! How fast messages are taken apart, beside mail-parser alone on the same octets.
//!
//! `cargo run --release -p sensor-content --example explode_rate [SECONDS [NAME]]` prints MiB of message a second
//! for a generated corpus, a small mail, a large attachment in base64, and one of many parts. Each number is the best of all
//! rounds within the seconds: what the machine can do when nobody else wants it.

#![expect(clippy::disallowed_methods, reason = "a driver reads the clock")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use mail_parser::MessageParser;
use sensor_content::{Alone, Limits, Message, explode, yardstick};
use sensor_mail::Sha256;

/// Makes a mail when its turn comes.
type Make = fn() -> Bytes;

fn main() {
    let seconds = std::env::args().nth(1).and_then(|it| it.parse().ok()).unwrap_or(3);
    let limit = Duration::from_secs(seconds);
    let wanted = std::env::args().nth(2).unwrap_or_default();
    println!("{:<24} {:>12} {:>12} {:>7}", "MiB/s", "explode", "mail-parser", "ratio");
    if "corpus".contains(&wanted) {
        row("corpus", &yardstick::corpus(1, 400), limit);
    }
    let mails: [(&str, Make); 5] = [
        ("text, 4 KiB", || text(4 << 10)),
        ("base64, 100 KiB", || attachment(100 << 10)),
        ("base64, 64 MiB", || attachment(64 << 20)),
        ("quoted-printable, 1 MiB", || quoted(1 << 20)),
        ("1,000 parts", || many(1_000)),
    ];
    for (name, mail) in mails.into_iter().filter(|(name, _)| name.contains(&wanted)) {
        row(name, &[mail()], limit);
    }
}

fn row(name: &str, mails: &[Bytes], limit: Duration) {
    // As a receiver has it: the digest of the whole was taken as the message came in.
    let known: Vec<Message> = mails.iter().map(known).collect();
    let own =
        rate(mails, limit, |at| drop(black_box(explode(known[at].clone(), &Limits::default(), &Alone))));
    let peer = rate(mails, limit, |at| drop(black_box(MessageParser::default().parse(&mails[at][..]))));
    println!("{name:<24} {own:>12.0} {peer:>12.0} {:>7.2}", own / peer);
}

fn known(mail: &Bytes) -> Message {
    let sha256 = Sha256(digest(&SHA256, mail).as_ref().try_into().expect("32 octets"));
    Message { octets: mail.clone(), sha256: Some(sha256) }
}

/// MiB a second of the fastest round.
fn rate(mails: &[Bytes], limit: Duration, work: impl Fn(usize)) -> f64 {
    let (begun, mut best) = (Instant::now(), Duration::MAX);
    while begun.elapsed() < limit {
        let round = Instant::now();
        (0..mails.len()).for_each(&work);
        best = best.min(round.elapsed());
    }
    let octets: usize = mails.iter().map(Bytes::len).sum();
    octets as f64 / f64::from(1 << 20) / best.as_secs_f64()
}

const HEAD: &str = "From: Alice <alice@example.com>\r\nTo: Bob <bob@example.com>\r\nSubject: A measurement\r\n\
                    Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n";

/// Octets that do not repeat, the same in each run.
fn noise(octets: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..octets).map(|_| next()).collect()
}

fn text(octets: usize) -> Bytes {
    let line = "The quick brown fox jumps over the lazy dog, and writes about it.\r\n";
    format!("{HEAD}Content-Type: text/plain; charset=utf-8\r\n\r\n{}", line.repeat(octets / line.len()))
        .into()
}

fn attachment(octets: usize) -> Bytes {
    let file = noise(octets / 78 * 57);
    let lines: Vec<String> =
        file.chunks(57).map(|line| base64_simd::STANDARD.encode_to_string(line)).collect();
    format!(
        "{HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n\
         --b\r\nContent-Type: application/octet-stream; name=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
        lines.join("\r\n")
    )
    .into()
}

fn quoted(octets: usize) -> Bytes {
    let line = "Gr=C3=BC=C3=9Fe aus M=C3=BCnchen, wo alles sch=C3=B6n ist, und noch etwas =\r\n";
    let head = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n";
    format!("{HEAD}{head}\r\n{}", line.repeat(octets / line.len())).into()
}

fn many(parts: usize) -> Bytes {
    let part = "--b\r\nContent-Type: text/plain; name=\"a.txt\"\r\nContent-Disposition: attachment\r\n\r\nA small file.\r\n";
    format!("{HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n", part.repeat(parts)).into()
}
