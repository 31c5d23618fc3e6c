//! The bodies of the fuzzers: plain functions that stable tests replay.

use bytes::Bytes;
use sensor_mail::part::{PartId, Role};

use crate::{Alone, Exploded, Limits, explode};

/// Small enough that a budget ends within what a fuzzer writes.
fn limits() -> Limits {
    Limits { octets: 1 << 20, parts: 200, depth: 8, ratio: 20, ratio_floor: 64 << 10 }
}

/// Takes any octets apart as a message.
///
/// # Panics
/// When what [`explode`] promises does not hold.
pub fn check_mail(octets: &[u8]) {
    let message = Bytes::copy_from_slice(octets);
    let exploded = explode(message.clone(), &limits(), &Alone);
    check(&exploded, &limits());
    assert_eq!(exploded.parts[0].1, message, "part 0 is the message");
}

/// Takes any octets apart as an attachment.
///
/// # Panics
/// When what [`explode`] promises does not hold.
pub fn check_attachment(octets: &[u8]) {
    let head = b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n";
    let message = Bytes::from([head, octets].concat());
    check(&explode(message, &limits(), &Alone), &limits());
}

/// Takes any octets apart as a web page.
///
/// # Panics
/// When what [`explode`] promises does not hold.
pub fn check_page(octets: &[u8]) {
    let message = Bytes::from([b"Content-Type: text/html\r\n\r\n", octets].concat());
    check(&explode(message, &limits(), &Alone), &limits());
}

/// What holds of every message.
///
/// # Panics
/// When it does not.
pub fn check(exploded: &Exploded, limits: &Limits) {
    assert!(!exploded.parts.is_empty(), "the message is a part");
    assert!(exploded.parts.len() as u64 <= u64::from(limits.parts.max(1)), "too many parts");
    let decoded: u64 = exploded.parts.iter().skip(1).map(|(part, _)| part.octets).sum();
    assert!(decoded <= limits.octets, "{decoded} octets were decoded");
    let mut paths = std::collections::HashSet::new();
    for (number, (part, octets)) in exploded.parts.iter().enumerate() {
        assert_eq!(part.id.0 as usize, number, "parts are numbered in order");
        assert_eq!(part.parent.is_none(), part.id == PartId::MESSAGE);
        assert!(part.parent.is_none_or(|parent| parent < part.id), "a parent stands before its children");
        assert_eq!(part.role == Role::Message, part.id == PartId::MESSAGE);
        assert_eq!(part.octets, octets.len() as u64);
        assert_eq!(part.blake3.0, *blake3::hash(octets).as_bytes(), "digest of part {number}");
        assert!(part.flags.is_sorted(), "{:?}", part.flags);
        assert!(paths.insert(&part.path), "two parts are at {}", part.path);
    }
}
