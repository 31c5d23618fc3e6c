//! What a part claims to be: by its declared media type, by the extension of its name.

use sensor_mail::part::Role;

use super::table::ROWS;
use super::{Family, Kind, Row, sniff};
use crate::name;

/// What is said of a part by who sent it.
pub(super) struct Claim<'a> {
    declared: Option<&'a str>,
    extension: Option<String>,
}

impl<'a> Claim<'a> {
    pub(super) fn new(declared: Option<&'a str>, name: Option<&str>) -> Self {
        Self { declared, extension: name.and_then(name::extension) }
    }

    /// Whether it cannot be reconciled with what the octets show. Octets that show nothing prove nothing, and
    /// a claim that is not in the table claims nothing.
    pub(super) fn is_false(&self, shown: &[Kind]) -> bool {
        if shown.is_empty() {
            return false;
        }
        let by_type = claimed(|row| self.is_by_type(row));
        let by_name = claimed(|row| self.is_by_name(row));
        [by_type, by_name].iter().any(|claims| contradicts(claims, shown))
    }

    fn is_by_type(&self, row: &Row) -> bool {
        self.declared.is_some_and(|declared| row.media == declared || row.aliases.contains(&declared))
    }

    fn is_by_name(&self, row: &Row) -> bool {
        self.extension.as_deref().is_some_and(|extension| row.extensions.contains(&extension))
    }

    fn says(&self, kind: Kind) -> bool {
        self.is_by_type(kind.row()) || self.is_by_name(kind.row())
    }

    fn is_text(&self) -> bool {
        self.declared.is_some_and(|declared| declared.starts_with("text/"))
    }

    /// The types that a part is to be opened as on its word, since its octets cannot show them: text and mail
    /// have no signature.
    pub(super) fn openable(&self, octets: &[u8], role: Role, shown: &[Kind]) -> Option<Kind> {
        let textual = || shown.iter().all(|kind| kind.row().family == Family::Text);
        // Outlook's formats enclose messages in themselves: those are no mail.
        let is_enclosed = role == Role::Enclosed && !self.says(Kind::Tnef) && !self.says(Kind::Msg);
        let by_word = if is_enclosed || (self.says(Kind::Mail) && textual()) {
            Kind::Mail
        } else if self.says(Kind::Html) && textual() {
            Kind::Html
        } else if shown.iter().any(|kind| matches!(kind, Kind::Html | Kind::Svg | Kind::Mail)) {
            return None;
        } else if !octets.is_empty() && textual() && (self.is_text() || sniff::is_textual(octets)) {
            Kind::Text
        } else {
            return None;
        };
        (!shown.contains(&by_word)).then_some(by_word)
    }
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
