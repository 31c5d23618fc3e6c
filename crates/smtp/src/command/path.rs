//! Reverse and forward paths (RFC 5321 section 4.1.2).
//!
//! ```text
//!  FROM: <@a.example,@b.example:"quoted > local"@example.com> SIZE=1
//!         \----source route---/\--------mailbox------------/ \rest-/
//! ```
//!
//! The addresses themselves are read by [`sensor_mail::address`], once: what is decided on is what is
//! stored.

use sensor_mail::{ForwardPath, Mailbox, ReversePath};

/// The longest path without its brackets, in octets. RFC 5321 section 4.5.3.1.3 asks for 256; senders that
/// rewrite addresses (SRS, VERP) and UTF-8 take more.
const PATH_OCTETS_MAX: usize = 1024;

/// Splits `FROM:<path> rest` into path and rest. A space behind the colon is tolerated: real clients send
/// it (RFC 5321 section 4.1.1.2 forbids it).
pub(super) fn split<'a>(keyword: &str, arguments: &'a str) -> Option<(&'a str, &'a str)> {
    let (word, rest) = arguments.split_at_checked(keyword.len())?;
    if !word.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let bracketed = rest.trim_start_matches(' ').strip_prefix('<')?;
    let (path, rest) = bracketed.split_at_checked(end_of_path(bracketed)?)?;
    let rest = rest.strip_prefix('>')?;
    (rest.is_empty() || rest.starts_with(' ')).then_some((path, rest))
}

/// The place of the `>` that stands in no quoted string.
fn end_of_path(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, octet) in text.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

pub(super) fn reverse(path: &str) -> Option<ReversePath> {
    if path.is_empty() {
        return Some(ReversePath::Null);
    }
    Mailbox::parse(without_route(path)?).ok().map(ReversePath::Mailbox)
}

pub(super) fn forward(path: &str) -> Option<ForwardPath> {
    ForwardPath::parse(without_route(path)?).ok()
}

/// RFC 5321 section 3.3 and appendix C: source routes are read, checked and ignored.
fn without_route(path: &str) -> Option<&str> {
    if path.len() > PATH_OCTETS_MAX {
        return None;
    }
    if !path.starts_with('@') {
        return Some(path);
    }
    let (route, mailbox) = path.split_at_checked(end_of_route(path)?)?;
    let is_hop = |hop: &str| hop.starts_with('@') && Mailbox::parse(&format!("hop{hop}")).is_ok();
    route.split(',').all(is_hop).then(|| mailbox.strip_prefix(':'))?
}

/// The place of the colon that stands in no address literal.
fn end_of_route(path: &str) -> Option<usize> {
    let mut in_literal = false;
    path.bytes().position(|octet| {
        match octet {
            b'[' => in_literal = true,
            b']' => in_literal = false,
            _ => {}
        }
        octet == b':' && !in_literal
    })
}
