//! An envelope in one line.

use std::fmt::Display;

use sensor_mail::envelope::{Parameter, Recipient, XClient, XForward};

use crate::{EndOfMessage, Mail};

/// An envelope in one line: `ESMTP DATA from <a@example.com> SIZE=9 to <b@example.com>`, with ` cr=1 lf=2`
/// behind it where line ends are odd, and ` XCLIENT ADDR=192.0.2.7` or ` XFORWARD ADDR=192.0.2.7` where
/// somebody spoke for another.
#[must_use]
pub fn account(
    mail: &Mail,
    recipients: &[Recipient],
    end: &EndOfMessage,
    introduced: Option<&XClient>,
) -> String {
    let EndOfMessage { transfer, protocol, line_endings, forwarded } = end;
    let mut text = format!("{protocol:?} {transfer:?} from").to_uppercase().replace("FROM", "from");
    text += &format!(" {:?}{}", mail.path, parameters(&mail.parameters));
    for Recipient { path, parameters: list, .. } in recipients {
        text += &format!(" to {path:?}{}", parameters(list));
    }
    if !line_endings.is_canonical() {
        text += &format!(" cr={} lf={}", line_endings.bare_cr, line_endings.bare_lf);
    }
    text + &introduced.map_or_else(String::new, xclient)
        + &forwarded.as_deref().map_or_else(String::new, xforward)
}

fn parameters(parameters: &[Parameter]) -> String {
    let one = |Parameter { keyword, value }: &Parameter| match value {
        Some(value) => format!(" {keyword}={value}"),
        None => format!(" {keyword}"),
    };
    parameters.iter().map(one).collect()
}

fn xclient(said: &XClient) -> String {
    let XClient { name, address, port, protocol, helo, login, destination, destination_port } = said;
    " XCLIENT".to_owned()
        + &one("NAME", name)
        + &one("ADDR", address)
        + &one("PORT", port)
        + &one("PROTO", protocol)
        + &one("HELO", helo)
        + &one("LOGIN", login)
        + &one("DESTADDR", destination)
        + &one("DESTPORT", destination_port)
}

fn xforward(said: &XForward) -> String {
    let XForward { name, address, port, protocol, helo, ident, source } = said;
    let source = source.map(|source| format!("{source:?}").to_uppercase());
    " XFORWARD".to_owned()
        + &one("NAME", name)
        + &one("ADDR", address)
        + &one("PORT", port)
        + &one("PROTO", protocol)
        + &one("HELO", helo)
        + &one("IDENT", ident)
        + &one("SOURCE", &source)
}

fn one<T: Display>(keyword: &str, value: &Option<T>) -> String {
    value.as_ref().map_or_else(String::new, |value| format!(" {keyword}={value}"))
}
