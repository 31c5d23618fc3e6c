//! The one place that knows mail-parser: addresses and encoded words of header values.
//!
//! Its reader of whole messages is not used: it has no limit of parts or depth, decodes everything at once
//! and recurses into encoded messages. Multiparts are split here (`boundary`), parameters are read here
//! (`parameters`), and each part is decoded when its turn comes.

use std::panic::catch_unwind;

use mail_parser::parsers::MessageStream;
use mail_parser::{Address, HeaderValue};

/// The longest value that is read, in octets: a block's.
const VALUE_OCTETS_MAX: usize = 1 << 20;

/// The text with its encoded words decoded (RFC 2047).
pub(super) fn encoded_words(text: &str) -> Option<String> {
    match parse(text.as_bytes(), |stream| stream.parse_unstructured().into_owned())? {
        HeaderValue::Text(text) => Some(text.into_owned()),
        HeaderValue::TextList(_)
        | HeaderValue::Address(_)
        | HeaderValue::DateTime(_)
        | HeaderValue::ContentType(_)
        | HeaderValue::Received(_)
        | HeaderValue::Empty => None,
    }
}

/// The addresses of a field such as To, those of groups among them.
pub(super) fn addresses(value: &[u8]) -> Vec<String> {
    let parsed = parse(value, |stream| stream.parse_address().into_owned());
    match parsed.as_ref().and_then(HeaderValue::as_address) {
        Some(Address::List(list)) => list.iter().filter_map(address).collect(),
        Some(Address::Group(groups)) => {
            groups.iter().flat_map(|group| &group.addresses).filter_map(address).collect()
        }
        None => Vec::new(),
    }
}

fn address(it: &mail_parser::Addr<'_>) -> Option<String> {
    it.address.as_deref().map(str::to_owned)
}

/// Reads a value, which ends with a line for the parser.
fn parse<T>(value: &[u8], read: fn(&mut MessageStream<'_>) -> T) -> Option<T> {
    let value = [&value[..value.len().min(VALUE_OCTETS_MAX)], b"\n"].concat();
    // It promises not to panic; a hostile header must not be what disproves it.
    catch_unwind(|| read(&mut MessageStream::new(&value))).ok()
}
