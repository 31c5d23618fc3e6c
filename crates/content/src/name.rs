//! Names of files: how they are shown, and what is remarkable about them.

use std::borrow::Cow;
use std::fmt::Write as _;

use sensor_mail::part::PartFlag;
use sensor_mail::terminal;

use crate::flags::Flags;

/// The name with what cannot be seen of it written out: `\u{202e}`.
pub(crate) fn visible(name: &str) -> Cow<'_, str> {
    if !name.contains(is_hidden) {
        return Cow::Borrowed(name);
    }
    let mut shown = String::with_capacity(name.len() + 8);
    for c in name.chars() {
        if is_hidden(c) {
            write!(shown, "\\u{{{:x}}}", u32::from(c)).expect("a String takes everything");
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Controls, marks of direction, and characters without any width. The two joiners (U+200C, U+200D) are not
/// among them: Persian, the scripts of India and emoji are written with them.
fn is_hidden(c: char) -> bool {
    terminal::acts(c) || matches!(c, '\u{ad}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// Characters that no honest name has. The marks U+200E, U+200F and U+061C are shown but do not deceive by
/// themselves: names in Hebrew and Arabic, and those that some telephones give to pictures, have them.
fn is_deceptive(c: char) -> bool {
    is_hidden(c) && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\t' | '\r' | '\n')
}

/// What a member of an archive is called without its directories.
pub(crate) fn last(name: &str) -> &str {
    name.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or_default()
}

/// Adds a name to a path, as one step of it.
pub(crate) fn add_step(name: &str, path: &mut String) {
    let mut rest = name;
    while let Some((before, behind)) = rest.split_once('/') {
        path.push_str(before);
        path.push('\u{2215}');
        rest = behind;
    }
    path.push_str(rest);
}

/// The extension in lower case. Windows drops dots and blanks at the end of a name, and nobody sees what is
/// hidden in it.
pub(crate) fn extension(name: &str) -> Option<String> {
    let (stem, extension) = name.trim_end_matches(['.', ' ']).rsplit_once('.')?;
    let mut extension = extension.to_owned();
    if !extension.is_ascii() || extension.contains(is_hidden) {
        extension.retain(|c| !is_hidden(c));
    }
    extension.make_ascii_lowercase();
    let is_one = !stem.is_empty() && !extension.is_empty() && extension.len() <= 10;
    (is_one && extension.bytes().all(|octet| octet.is_ascii_alphanumeric())).then_some(extension)
}

/// Extensions that a double click runs, on Windows first of all; in order, to be searched.
const RUN: &[&str] = &[
    "app", "appx", "bat", "chm", "cmd", "com", "command", "cpl", "desktop", "dll", "exe", "gadget", "hta",
    "inf", "jar", "js", "jse", "lnk", "msc", "msi", "msix", "msp", "pif", "ps1", "reg", "run", "scf", "scr",
    "sct", "sh", "url", "vb", "vbe", "vbs", "wsc", "wsf", "wsh", "xll",
];

/// Extensions that people take for harmless.
const SHOWN: &[&str] = &[
    "avi", "bmp", "csv", "doc", "docx", "eml", "gif", "gz", "htm", "html", "jpeg", "jpg", "mov", "mp3",
    "mp4", "odt", "ods", "pdf", "png", "ppt", "pptx", "rar", "rtf", "tif", "tiff", "txt", "wav", "xls",
    "xlsx", "xml", "zip", "7z",
];

/// Whether a double click on a file of this name runs it.
fn is_run(name: &str) -> bool {
    extension(name).is_some_and(|extension| RUN.binary_search(&extension.as_str()).is_ok())
}

/// A harmless extension stands before the last one; blanks between them push the last out of sight.
fn is_double(name: &str) -> bool {
    let trimmed = name.trim_end_matches(['.', ' ']);
    let Some((stem, _)) = trimmed.rsplit_once('.') else { return false };
    let before = stem.rsplit_once('.').map(|(_, before)| before.trim().to_ascii_lowercase());
    before.is_some_and(|before| SHOWN.contains(&before.as_str()))
}

/// As many blanks push an extension out of sight.
const PADDING: &str = "          ";

/// What is remarkable about a name.
pub(crate) fn remarks(name: &str) -> Flags {
    let mut flags = Flags::default();
    let padded = name.len() > PADDING.len() && name.trim().contains(PADDING);
    flags.raise_if(PartFlag::DeceptiveName, padded || name.contains(is_deceptive));
    let is_run = is_run(name);
    flags.raise_if(PartFlag::DoubleExtension, is_run && is_double(name));
    flags.raise_if(PartFlag::Executable, is_run);
    flags
}

#[cfg(test)]
mod tests {
    use super::*;
    use PartFlag::{DeceptiveName, DoubleExtension, Executable};

    #[test]
    fn what_is_remarkable_about_names() {
        for (name, shown, flags) in [
            ("invoice.pdf", "invoice.pdf", &[][..]),
            ("Rechnung M\u{e4}rz.pdf", "Rechnung M\u{e4}rz.pdf", &[]),
            ("a.tar.gz", "a.tar.gz", &[]),
            ("report.v1.2.docx", "report.v1.2.docx", &[]),
            ("archive.zip.001", "archive.zip.001", &[]),
            ("setup.exe", "setup.exe", &[Executable]),
            ("setup.EXE. ", "setup.EXE. ", &[Executable]),
            (".sh", ".sh", &[]),
            ("invoice.pdf.exe", "invoice.pdf.exe", &[DoubleExtension, Executable]),
            ("invoice.PDF .Js", "invoice.PDF .Js", &[DoubleExtension, Executable]),
            (
                "a.pdf                .exe",
                "a.pdf                .exe",
                &[DoubleExtension, DeceptiveName, Executable],
            ),
            ("gpj.\u{202e}exe", "gpj.\\u{202e}exe", &[DeceptiveName, Executable]),
            ("a\0.pdf", "a\\u{0}.pdf", &[DeceptiveName]),
            ("pay\u{200b}pal.pdf", "pay\\u{200b}pal.pdf", &[DeceptiveName]),
            // Said by a telephone, in good faith.
            ("IMG\u{200e}1.jpg", "IMG\\u{200e}1.jpg", &[]),
            ("\u{6a9}\u{200c}\u{6cc}.txt", "\u{6a9}\u{200c}\u{6cc}.txt", &[]),
        ] {
            assert_eq!(visible(name), shown);
            assert_eq!(remarks(name).into_vec(), flags, "{name:?}");
        }
    }

    #[test]
    fn a_member_is_called_by_the_last_of_its_path() {
        for (name, expected) in [
            ("a", "a"),
            ("word/vbaProject.bin", "vbaProject.bin"),
            ("..\\..\\x.dll", "x.dll"),
            ("d/", "d"),
            ("/", ""),
        ] {
            assert_eq!(last(name), expected);
        }
        let mut path = String::from("1/");
        add_step("a/b/", &mut path);
        assert_eq!(path, "1/a\u{2215}b\u{2215}");
    }

    #[test]
    fn what_is_searched_is_in_order() {
        assert!(RUN.is_sorted());
    }
}
