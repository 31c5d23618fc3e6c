//! What a web page shows and links to, in one pass over its tokens (html5gum). There is no tree: depth costs
//! nothing, and work is linear in the page.

use std::collections::HashSet;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

/// The most links that are listed.
const LINKS_MAX: usize = 10_000;
/// The most `data:` URLs that are kept.
const DATA_MAX: usize = 1_000;

/// Elements whose content is not shown.
const SILENT: [&[u8]; 3] = [b"script", b"style", b"template"];

/// Elements that do not end a word; all others begin a new line.
const INLINE: [&[u8]; 24] = [
    b"a", b"abbr", b"acronym", b"b", b"bdi", b"bdo", b"big", b"cite", b"code", b"del", b"em", b"font", b"i",
    b"ins", b"mark", b"o:p", b"q", b"s", b"small", b"span", b"strong", b"sub", b"sup", b"u",
];

/// Attributes that lead elsewhere.
const LEADING: [&[u8]; 11] = [
    b"href",
    b"src",
    b"action",
    b"formaction",
    b"background",
    b"data",
    b"poster",
    b"srcset",
    b"cite",
    b"longdesc",
    b"xlink:href",
];

/// What was read of a page.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// The text that it shows, in lines.
    pub(super) text: String,
    /// Where it leads, each once, in order.
    pub(super) links: Vec<String>,
    /// URLs that hold what they name.
    pub(super) data: Vec<String>,
    seen: HashSet<String>,
    silent: Option<Vec<u8>>,
    tag: Vec<u8>,
    attribute: Vec<u8>,
}

impl Page {
    pub(super) fn read(source: &str) -> Self {
        let mut page = Self::default();
        let on_event = |event: CallbackEvent<'_>, _: Span<()>| -> Option<std::convert::Infallible> {
            page.event(&event);
            None
        };
        let mut emitter = CallbackEmitter::new(on_event);
        emitter.naively_switch_states(true);
        let Ok(()) = Tokenizer::new_with_emitter(source, emitter).finish();
        page
    }

    /// The text, and below it the links, one a line.
    pub(super) fn into_text(self) -> String {
        let mut text = self.text.trim().to_owned();
        if !self.links.is_empty() {
            text.push_str("\n\n");
            text.push_str(&self.links.join("\n"));
        }
        text
    }

    fn event(&mut self, event: &CallbackEvent<'_>) {
        match event {
            CallbackEvent::OpenStartTag { name } => self.open(name),
            CallbackEvent::AttributeName { name } => (*name).clone_into(&mut self.attribute),
            CallbackEvent::AttributeValue { value } => self.attribute(value),
            CallbackEvent::EndTag { name } => self.close(name),
            CallbackEvent::String { value } if self.silent.is_none() => self.show(value),
            CallbackEvent::CloseStartTag { .. }
            | CallbackEvent::String { .. }
            | CallbackEvent::Comment { .. }
            | CallbackEvent::Doctype { .. }
            | CallbackEvent::Error(_) => {}
        }
    }

    fn open(&mut self, name: &[u8]) {
        name.clone_into(&mut self.tag);
        if SILENT.contains(&name) && self.silent.is_none() {
            self.silent = Some(name.to_vec());
        }
        self.break_line(name);
    }

    fn close(&mut self, name: &[u8]) {
        if self.silent.as_deref() == Some(name) {
            self.silent = None;
        }
        self.break_line(name);
    }

    fn break_line(&mut self, name: &[u8]) {
        if !INLINE.contains(&name) && !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// White space is one blank wherever a page has any.
    fn show(&mut self, value: &[u8]) {
        let value = String::from_utf8_lossy(value);
        for c in value.chars() {
            let is_blank = c.is_whitespace();
            if !is_blank {
                self.text.push(c);
            } else if !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
                self.text.push(' ');
            }
        }
    }

    fn attribute(&mut self, value: &[u8]) {
        let value = String::from_utf8_lossy(value);
        let value = value.trim();
        if self.attribute == b"content" && self.tag == b"meta" {
            self.refresh(value);
        } else if LEADING.contains(&self.attribute.as_slice()) {
            self.link(value);
        }
    }

    /// `<meta http-equiv="refresh" content="0; url=https://example.com">`.
    fn refresh(&mut self, value: &str) {
        let lower = value.to_ascii_lowercase();
        if let Some(at) = lower.find("url=") {
            self.link(value[at + "url=".len()..].trim_matches(['\'', '"', ' ']));
        }
    }

    fn link(&mut self, url: &str) {
        // A link within the page leads nowhere.
        if url.is_empty() || url.starts_with('#') {
            return;
        }
        if url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")) {
            if self.data.len() < DATA_MAX {
                self.data.push(url.to_owned());
            }
        } else if self.links.len() < LINKS_MAX && self.seen.insert(url.to_owned()) {
            self.links.push(url.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_text_and_links() {
        for (source, expected) in [
            ("<p>Hello <b>wor</b>ld</p>", "Hello world"),
            ("<p>one</p><p>two<br>three</p>", "one\ntwo\nthree"),
            ("a&amp;b &#x20ac; &nbsp; c", "a&b \u{20ac} c"),
            ("<style>p { color: red }</style>x<script>if (a < b) alert('<p>')</script>y", "x\ny"),
            ("<script>never ended", ""),
            ("<template><p>later</p></template>now", "now"),
            // Hidden from who reads it, and not from a scanner.
            (
                "<p hidden>one</p><p style=\"display:none\">two</p><font size=0 color=white>three",
                "one\ntwo\nthree",
            ),
            ("x<!-- comment -->y", "xy"),
            ("<title>T</title><body>B", "T\nB"),
            ("<a href='https://example.com/'>here</a>", "here\n\nhttps://example.com/"),
            ("<a href=A><img src=B><a href='A'><a href='#top'>", "A\nB"),
            ("<meta http-equiv=refresh content=\"0; URL='https://example.com/x'\">", "https://example.com/x"),
            ("<form action=/send><button formaction=/other>", "/send\n/other"),
            ("< p>a <b", "< p>a"),
            ("", ""),
        ] {
            assert_eq!(Page::read(source).into_text().trim(), expected, "{source}");
        }
    }

    #[test]
    fn depth_costs_nothing() {
        let source = "<div>".repeat(100_000) + "deep";
        assert_eq!(Page::read(&source).into_text(), "deep");
    }
}
