//! Domain names in the one form in which they are compared: A-labels, lower case, no trailing dot.

use std::borrow::Cow;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use sensor_mail::address::DOMAIN_OCTETS_MAX;

/// Calls `look_up` with the canonical form of `name`; `None` if it has none.
///
/// An ASCII name is folded on the stack: this runs once for each recipient.
pub(super) fn with_canonical<T>(name: &str, look_up: impl FnOnce(&str) -> T) -> Option<T> {
    if !name.is_ascii() {
        return to_ascii(name).map(|name| look_up(&name));
    }
    let name = without_root(name);
    let mut buffer = [0; DOMAIN_OCTETS_MAX];
    let folded = buffer.get_mut(..name.len())?;
    folded.copy_from_slice(name.as_bytes());
    folded.make_ascii_lowercase();
    std::str::from_utf8(folded).ok().map(look_up)
}

/// The canonical form of a name in any script, by UTS #46 (non-transitional, as RFC 5891 has it).
pub(super) fn to_ascii(name: &str) -> Option<Box<str>> {
    // The deny list stays empty because a name may hold underscores; what the name may hold beside is checked
    // where it matters, in entries. UTS #46 also maps full-width dots, and some characters to nothing at all.
    let ascii = Uts46::new()
        .to_ascii(name.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Ignore)
        .ok()?;
    let ascii: Cow<'_, str> = ascii;
    let ascii = without_root(&ascii);
    (!ascii.is_empty() && ascii.split('.').all(|label| !label.is_empty())).then(|| ascii.into())
}

fn without_root(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

pub(super) fn labels(name: &str) -> usize {
    name.bytes().filter(|octet| *octet == b'.').count() + 1
}

/// The suffixes of a name that have at most `labels_max` labels, longest first.
pub(super) fn suffixes(name: &str, labels_max: usize) -> impl Iterator<Item = &str> {
    let skipped = labels(name).saturating_sub(labels_max);
    std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, parent)| parent)).skip(skipped)
}
