//! What a part claims to be: by its declared media type, by the extension of its name.

use sensor_mail::part::Role;

use super::table::ROWS;
use super::{Family, Kind, Row, sniff};
use crate::name;

/// Whether a claim cannot be reconciled with what the octets show. Octets that show nothing prove nothing,
/// and a claim that is not in the table claims nothing.
pub(super) fn is_false(shown: &[Kind], declared: Option<&str>, name: Option<&str>) -> bool {
    let extension = name.and_then(name::extension);
    let by_type = declared.map(|declared| claimed(|row| is_declared(row, declared))).unwrap_or_default();
    let by_name = extension
        .map(|extension| claimed(|row| row.extensions.contains(&extension.as_str())))
        .unwrap_or_default();
    [by_type, by_name].iter().any(|claims| contradicts(claims, shown))
}

fn is_declared(row: &Row, declared: &str) -> bool {
    row.media == declared || row.aliases.contains(&declared)
}

fn claimed(claims: impl Fn(&Row) -> bool) -> Vec<&'static Row> {
    ROWS.iter().filter(|row| claims(row)).collect()
}

fn contradicts(claims: &[&Row], shown: &[Kind]) -> bool {
    let fits = |claim: &&Row| shown.iter().any(|kind| reconciled(claim, kind.row()));
    !claims.is_empty() && !shown.is_empty() && !claims.iter().any(fits)
}

/// Whether what shows itself as `shown` may be called `claim` in good faith.
fn reconciled(claim: &Row, shown: &Row) -> bool {
    if claim.kind == shown.kind {
        return true;
    }
    match claim.family {
        Family::Image | Family::Media | Family::Text => claim.family == shown.family,
        // Exports of many programs are web pages or XML under the name of a spreadsheet. A zip archive of
        // no known purpose may be one that this table does not know.
        Family::Office => {
            shown.family == Family::Office
                || matches!(shown.kind, Kind::Html | Kind::Xml | Kind::Zip | Kind::Mail)
        }
        // A document or a program library is a zip archive; the other way round it has to be the right one.
        Family::Zip if claim.kind == Kind::Zip => {
            shown.family == Family::Zip || Kind::ZIPS.contains(&shown.kind)
        }
        Family::Zip => shown.kind == Kind::Zip,
        Family::Alone => false,
    }
}

/// The types that a part is to be opened as on its word, since its octets cannot show them: text and mail
/// have no signature.
pub(super) fn openable(
    octets: &[u8],
    role: Role,
    declared: Option<&str>,
    name: Option<&str>,
    shown: &[Kind],
) -> Option<Kind> {
    let says = |kind: Kind| {
        let row = kind.row();
        declared.is_some_and(|declared| is_declared(row, declared))
            || name.and_then(name::extension).is_some_and(|it| row.extensions.contains(&it.as_str()))
    };
    let textual = || shown.iter().all(|kind| kind.row().family == Family::Text);
    // Outlook's formats enclose messages in themselves: those are no mail.
    let is_enclosed = role == Role::Enclosed && !says(Kind::Tnef) && !says(Kind::Msg);
    let by_word = if is_enclosed || (says(Kind::Mail) && textual()) {
        Kind::Mail
    } else if says(Kind::Html) && textual() {
        Kind::Html
    } else if shown.iter().any(|kind| matches!(kind, Kind::Html | Kind::Svg | Kind::Mail)) {
        return None;
    } else if !octets.is_empty() && textual() && (is_text(declared) || sniff::is_textual(octets)) {
        Kind::Text
    } else {
        return None;
    };
    (!shown.contains(&by_word)).then_some(by_word)
}

fn is_text(declared: Option<&str>) -> bool {
    declared.is_some_and(|declared| declared.starts_with("text/"))
}
