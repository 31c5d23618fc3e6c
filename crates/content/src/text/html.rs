//! Web pages: the text that they show, what they link to, and what they carry in themselves.

use bytes::Bytes;
use sensor_mail::part::Role;

use super::charset;
use super::page::Page;
use crate::openers::Trouble;
use crate::yard::{Find, Yard};

/// How much of a page is looked at for its declaration of a charset (WHATWG HTML section 13.2.3.2).
const PRESCAN_OCTETS: usize = 1_024;

/// Opens a page: its text and links are one part, what `data:` URLs hold are others.
pub(crate) fn open(octets: &Bytes, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    let declared = yard.charset().map(str::to_owned).or_else(|| declared_within(octets));
    let source = charset::decode(octets, declared.as_deref());
    let page = Page::read(&source);
    drop(source);
    for data in &page.data {
        if let Some(find) = carried(data) {
            yard.put(find)?;
        }
    }
    let text = Bytes::from(page.into_text());
    if !text.is_empty() {
        yard.words.keep(text.clone());
        yard.put(Find::text("text", text))?;
    }
    Ok(())
}

/// What `<meta charset=...>` says, in any of its forms.
fn declared_within(octets: &[u8]) -> Option<String> {
    let begin = octets[..octets.len().min(PRESCAN_OCTETS)].to_ascii_lowercase();
    let at = memchr::memmem::find(&begin, b"charset=")? + b"charset=".len();
    let label = begin[at..].iter().skip_while(|octet| matches!(octet, b'"' | b'\'' | b' '));
    let label: Vec<u8> =
        label.take_while(|octet| octet.is_ascii_alphanumeric() || b"-_:".contains(octet)).copied().collect();
    String::from_utf8(label).ok()
}

/// What a URL such as `data:image/png;base64,...` holds (RFC 2397): the way in which pages smuggle files.
fn carried(url: &str) -> Option<Find> {
    let (kind, data) = url.get("data:".len()..)?.split_once(',')?;
    let (media, is_base64) = match kind.rsplit_once(';') {
        Some((media, last)) if last.trim().eq_ignore_ascii_case("base64") => (media, true),
        _ => (kind, false),
    };
    let plain = percent_decoded(data.as_bytes());
    let octets = if is_base64 { base64_simd::forgiving_decode_to_vec(&plain).ok()? } else { plain };
    let media = media.split(';').next().unwrap_or_default().trim();
    let declared = if media.is_empty() { "text/plain" } else { media };
    let find = Find::new(Role::Embedded, octets.into());
    Some(Find { segment: Some("data".to_owned()), declared: Some(declared.to_owned()), ..find })
}

fn percent_decoded(data: &[u8]) -> Vec<u8> {
    let digit = |octet: Option<&u8>| octet.and_then(|octet| char::from(*octet).to_digit(16));
    let mut octets = Vec::with_capacity(data.len());
    let mut at = 0;
    while let Some(octet) = data.get(at) {
        match (octet, digit(data.get(at + 1)), digit(data.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                octets.push(u8::try_from(high << 4 | low).expect("two hex digits fit"));
                at += 3;
            }
            _ => {
                octets.push(*octet);
                at += 1;
            }
        }
    }
    octets
}
