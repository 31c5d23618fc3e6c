//! Pieces of a message: what stands fixed, and what is filled up to the octet.

use super::Structure;
use super::random::Random;

const LINE_OCTETS: usize = 76;
const CRLF: &[u8] = b"\r\n";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const WORDS: [&str; 16] = [
    "the ",
    "invoice ",
    "please ",
    "account ",
    "of ",
    "and ",
    "review ",
    "meeting ",
    "price ",
    "report ",
    "to ",
    "we ",
    "you ",
    "offer ",
    "http://example.com/a ",
    "Monday ",
];

const HEADER: &str = "Date: Sun, 22 Nov 2026 09:00:00 +0000\r\n\
    From: Load Generator <load@example.net>\r\n\
    To: Sink <sink@example.org>\r\n\
    Subject: generated message\r\n\
    MIME-Version: 1.0\r\n";
const TEXT: &str = "Content-Type: text/plain; charset=us-ascii\r\n\r\n";
const HTML: &str = "Content-Type: text/html; charset=us-ascii\r\n\r\n<html><body><p>\r\n";
const HTML_END: &str = "</p></body></html>\r\n";
const FILE: &str = "Content-Type: application/octet-stream\r\n\
    Content-Transfer-Encoding: base64\r\n\
    Content-Disposition: attachment; filename=\"data.bin\"\r\n\r\n";
const FORWARDED: &str = "Content-Type: message/rfc822\r\n\r\n\
    From: Somebody <somebody@example.com>\r\n\
    Subject: forwarded message\r\n\r\n";
const ALTERNATIVE: &str = "Content-Type: multipart/alternative; boundary=\"b1\"\r\n\r\n";
const MIXED: &str = "Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n";
/// The CRLF before a delimiter belongs to the delimiter (RFC 2046 section 5.1.1).
const DELIMITER: &str = "\r\n--b1\r\n";
const LAST_DELIMITER: &str = "\r\n--b1--\r\n";

enum Piece {
    Fixed(&'static str),
    Words,
    Base64,
}

/// Everything behind the Message-ID field, `octets` long if the fixed pieces leave room for that.
pub(super) fn message(random: &mut Random, octets: usize, structure: Structure) -> Vec<u8> {
    let pieces = pieces(structure);
    let room = octets.saturating_sub(HEADER.len() + padding(0).len() + fixed_octets(&pieces));
    let (body, unused) = fill(random, &pieces, room);
    [HEADER.as_bytes(), padding(unused).as_bytes(), &body].concat()
}

fn pieces(structure: Structure) -> Vec<Piece> {
    use Piece::{Base64, Fixed, Words};
    match structure {
        Structure::Text => vec![Fixed(TEXT), Words],
        Structure::Base64 => vec![Fixed(FILE), Base64],
        Structure::Alternative => {
            let [html, html_end] = [Fixed(HTML), Fixed(HTML_END)];
            let plain = [Fixed(ALTERNATIVE), Fixed(DELIMITER), Fixed(TEXT), Words, Fixed(DELIMITER)];
            plain.into_iter().chain([html, Words, html_end, Fixed(LAST_DELIMITER)]).collect()
        }
        Structure::Attachment => mixed_with([Fixed(FILE), Base64]),
        Structure::Forwarded => mixed_with([Fixed(FORWARDED), Words]),
    }
}

fn mixed_with(second: [Piece; 2]) -> Vec<Piece> {
    use Piece::{Fixed, Words};
    let first = [Fixed(MIXED), Fixed(DELIMITER), Fixed(TEXT), Words, Fixed(DELIMITER)];
    first.into_iter().chain(second).chain([Fixed(LAST_DELIMITER)]).collect()
}

fn fixed_octets(pieces: &[Piece]) -> usize {
    pieces.iter().map(|piece| if let Piece::Fixed(text) = piece { text.len() } else { 0 }).sum()
}

/// Takes up what whole lines of Base64 could not use.
fn padding(octets: usize) -> String {
    format!("X-Fill: x{}\r\n", "x".repeat(octets))
}

/// Shares `room` among the pieces that are not fixed; returns what stayed unused too.
fn fill(random: &mut Random, pieces: &[Piece], room: usize) -> (Vec<u8>, usize) {
    let mut body = Vec::new();
    let mut to_fill = pieces.iter().filter(|piece| !matches!(piece, Piece::Fixed(_))).count();
    let mut left = room;
    for piece in pieces {
        let share = left.checked_div(to_fill).unwrap_or(0);
        let filled = match piece {
            Piece::Fixed(text) => {
                body.extend_from_slice(text.as_bytes());
                continue;
            }
            Piece::Words => words(random, share),
            Piece::Base64 => base64(random, share),
        };
        left -= filled.len();
        to_fill -= 1;
        body.extend_from_slice(&filled);
    }
    (body, left)
}

/// Lines of words; uses all octets unless there is but one.
fn words(random: &mut Random, octets: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(octets);
    while octets - text.len() >= CRLF.len() {
        let left = octets - text.len();
        let line = left.min(LINE_OCTETS + CRLF.len());
        // A single octet left over could not hold a line.
        let line = if left - line == 1 { line - 1 } else { line };
        let end = text.len() + line - CRLF.len();
        line_of_words(random, &mut text, end);
        text.extend_from_slice(CRLF);
    }
    text
}

/// Grows `text` to `end`. One line in some five hundred begins with a dot, which DATA has to double: more than
/// in mail that people write, where it is one in fifteen hundred.
fn line_of_words(random: &mut Random, text: &mut Vec<u8>, end: usize) {
    if random.next().is_multiple_of(512) {
        text.push(b'.');
    }
    while text.len() < end {
        text.extend_from_slice(random.pick(&WORDS).as_bytes());
        if random.next().is_multiple_of(8) {
            text.extend((0..6).map(|_| *random.pick(BASE64)));
        }
    }
    text.truncate(end);
}

/// Whole lines and one shorter line of whole groups of four.
fn base64(random: &mut Random, octets: usize) -> Vec<u8> {
    let whole = octets / (LINE_OCTETS + CRLF.len());
    let last = (octets % (LINE_OCTETS + CRLF.len())).saturating_sub(CRLF.len()) / 4 * 4;
    let lines = std::iter::repeat_n(LINE_OCTETS, whole).chain((last > 0).then_some(last));
    let mut text = Vec::with_capacity(octets);
    for line in lines {
        text.extend((0..line).map(|_| *random.pick(BASE64)));
        text.extend_from_slice(CRLF);
    }
    text
}
