//! Mail to measure with: generated from a seed, the same on every machine; and the peer that is measured
//! beside [`explode`](crate::explode()).
//!
//! What it promises: every message is well formed, and what is in it is like what is in mailboxes: plain text,
//! newsletters in two forms, files in base64 under names of all spellings, messages within messages. What it
//! lacks: broken mail, archives, and anybody who exists.

use std::fmt::Write as _;

use base64_simd::STANDARD;
use bytes::Bytes;
use mail_parser::MessageParser;

/// So many messages of a seed.
#[must_use]
pub fn corpus(seed: u64, messages: usize) -> Vec<Bytes> {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    (0..messages).map(|number| message(number, &mut dice).replace('\n', "\r\n").into()).collect()
}

/// What mail-parser makes of a message by itself: how many parts it finds. It decodes, and digests nothing.
#[must_use]
pub fn peer(message: &[u8]) -> usize {
    MessageParser::default().parse(message).map_or(0, |message| message.parts.len())
}

/// A generator of numbers (xorshift64*): fast, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from((self.next() >> 33) % limit as u64).expect("less than the limit")
    }

    /// Small ones as often as large ones ten times their size.
    fn size(&mut self, least: usize, most: usize) -> usize {
        let octaves = most.ilog2() - least.ilog2();
        let size = least << self.below(octaves as usize + 1);
        size / 2 + self.below(size)
    }

    fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

fn message(number: usize, dice: &mut Dice) -> String {
    let mut mail = head(number, dice);
    mail.push_str(&match dice.below(20) {
        0..7 => text(dice),
        7..14 => newsletter(dice),
        14..19 => files(dice),
        _ => forwarded(number, dice),
    });
    mail
}

fn head(number: usize, dice: &mut Dice) -> String {
    let (from, to) = (dice.of(PEOPLE), dice.of(PEOPLE));
    let mut head = String::new();
    for hop in 0..1 + dice.below(4) {
        writeln!(
            head,
            "Received: from mx{hop}.example.com (mx{hop}.example.com [192.0.2.{hop}])\n\tby mx.example.net with ESMTPS \
             id {:x};\n\tSun, 22 Nov 2026 12:00:0{hop} +0000",
            dice.next()
        )
        .expect(WRITTEN);
    }
    writeln!(
        head,
        "From: {from} <{from}@example.com>\nTo: {to} <{to}@example.com>\nSubject: About =?utf-8?B?{}?=\n\
         Date: Sun, 22 Nov 2026 12:00:00 +0000\nMessage-ID: <{number}.{:x}@example.com>\nMIME-Version: 1.0",
        STANDARD.encode_to_string(dice.of(WORDS)),
        dice.next()
    )
    .expect(WRITTEN);
    head
}

const WRITTEN: &str = "a String takes everything";

fn text(dice: &mut Dice) -> String {
    let octets = dice.size(512, 8 << 10);
    if dice.below(3) == 0 {
        let body = quoted(&prose(octets, dice));
        return format!(
            "Content-Type: text/plain; charset=\"utf-8\"\nContent-Transfer-Encoding: quoted-printable\n\n{body}"
        );
    }
    format!(
        "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{}",
        prose(octets, dice)
    )
}

/// The same in text and as a page.
fn newsletter(dice: &mut Dice) -> String {
    let octets = dice.size(1 << 10, 32 << 10);
    let text = prose(octets / 2, dice);
    let mut page = String::from("<!DOCTYPE html>\n<html><head><style>p { margin: 0 }</style></head><body>\n");
    while page.len() < octets {
        writeln!(
            page,
            "<table width=\"600\"><tr><td style=\"color:#333\"><p>{}</p><a href=\"https://news.example.com/{:x}\">{}</a></td></tr></table>",
            sentence(dice), dice.next(), dice.of(WORDS)
        )
        .expect(WRITTEN);
    }
    page.push_str("</body></html>\n");
    let encoding = "Content-Transfer-Encoding: quoted-printable\n";
    format!(
        "Content-Type: multipart/alternative; boundary=\"=_alternative\"\n\n--=_alternative\nContent-Type: text/plain; charset=utf-8\n\
         {encoding}\n{}\n--=_alternative\nContent-Type: text/html; charset=utf-8\n{encoding}\n{}\n--=_alternative--\n",
        quoted(&text),
        quoted(&page)
    )
}

fn files(dice: &mut Dice) -> String {
    let mut body = String::from("Content-Type: multipart/mixed; boundary=\"=_mixed\"\n\n");
    write!(body, "--=_mixed\nContent-Type: text/plain; charset=utf-8\n\n{}\n", prose(400, dice))
        .expect(WRITTEN);
    for _ in 0..1 + dice.below(3) {
        let (kind, sign) = dice.of(KINDS);
        let mut file = sign.to_vec();
        let octets = dice.size(4 << 10, 512 << 10);
        file.extend(std::iter::repeat_with(|| dice.next().to_le_bytes()).take(octets / 8).flatten());
        write!(
            body,
            "--=_mixed\nContent-Type: {kind}\nContent-Disposition: attachment;\n {}\nContent-Transfer-Encoding: base64\n\n",
            dice.of(NAMES)
        )
        .expect(WRITTEN);
        for line in file.chunks(57) {
            STANDARD.encode_append(line, &mut body);
            body.push('\n');
        }
    }
    body.push_str("--=_mixed--\n");
    body
}

fn forwarded(number: usize, dice: &mut Dice) -> String {
    let inner = head(number, dice) + &if dice.below(2) == 0 { text(dice) } else { files(dice) };
    format!(
        "Content-Type: multipart/mixed; boundary=\"=_forwarded\"\n\n--=_forwarded\nContent-Type: text/plain; charset=utf-8\n\n{}\n\
         --=_forwarded\nContent-Type: message/rfc822\n\n{inner}\n--=_forwarded--\n",
        sentence(dice)
    )
}

fn prose(octets: usize, dice: &mut Dice) -> String {
    let mut prose = String::with_capacity(octets + 100);
    while prose.len() < octets {
        prose.push_str(&sentence(dice));
        prose.push_str(if dice.below(4) == 0 { ".\n\n" } else { ".\n" });
    }
    prose
}

fn sentence(dice: &mut Dice) -> String {
    let words: Vec<&str> = (0..6 + dice.below(4)).map(|_| dice.of(WORDS)).collect();
    words.join(" ")
}

/// RFC 2045 section 6.7, with lines of 76 characters.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() * 2);
    let mut column = 0;
    for octet in text.bytes() {
        let (is_end, is_plain) = (octet == b'\n', matches!(octet, b' '..=b'<' | b'>'..=b'~'));
        if !is_end && column > 72 {
            quoted.push_str("=\n");
            column = 0;
        }
        if is_end || is_plain {
            quoted.push(char::from(octet));
        } else {
            write!(quoted, "={octet:02X}").expect(WRITTEN);
        }
        column = if is_end { 0 } else { column + if is_plain { 1 } else { 3 } };
    }
    quoted
}

const PEOPLE: &[&str] = &["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];

const WORDS: &[&str] = &[
    "the",
    "report",
    "of",
    "last",
    "week",
    "shows",
    "an",
    "order",
    "for",
    "twelve",
    "crates",
    "and",
    "we",
    "will",
    "send",
    "invoice",
    "tomorrow",
    "please",
    "find",
    "attached",
    "meeting",
    "moved",
    "to",
    "Tuesday",
    "because",
    "warehouse",
    "closes",
    "early",
    "M\u{fc}nchen",
    "caf\u{e9}",
    "price",
    "remains",
    "as",
    "agreed",
    "in",
    "contract",
];

/// A type of file and how it begins.
type Begin = (&'static str, &'static [u8]);

const KINDS: &[&Begin] = &[
    &("application/pdf", b"%PDF-1.7\n"),
    &("image/png", b"\x89PNG\r\n\x1a\n"),
    &("image/jpeg", b"\xff\xd8\xff\xe0"),
    &("application/octet-stream", b"\x00\x01"),
];

/// One name in each of its spellings: RFC 2045, RFC 2231 with a charset, continued, and RFC 2047.
const NAMES: &[&str] = &[
    "filename=report.bin",
    "filename=\"annual report.bin\"",
    "filename*=utf-8''caf%C3%A9%20prices.bin",
    "filename*0*=utf-8''a%20rather%20long%20n;\n filename*1*=%C3%A4me.bin",
    "filename*0=\"in two \"; filename*1=\"pieces.bin\"",
    "filename=\"=?utf-8?B?w7xiZXJzaWNodC5iaW4=?=\"",
    "filename=\"=?iso-8859-1?Q?caf=E9.bin?=\"",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Alone, Limits, explode, fuzz};

    #[test]
    fn a_corpus_is_its_seed_and_sound() {
        let corpus = super::corpus(7, 60);
        assert_eq!(corpus, super::corpus(7, 60));
        assert_ne!(corpus, super::corpus(8, 60));
        for message in corpus {
            let exploded = explode(message.clone(), &Limits::default(), &Alone);
            fuzz::check(&exploded, &Limits::default());
            let gaps: Vec<_> = exploded.parts.iter().flat_map(|(part, _)| &part.gaps).collect();
            assert!(gaps.is_empty(), "{gaps:?}");
            assert!(peer(&message) > 0);
        }
    }
}
