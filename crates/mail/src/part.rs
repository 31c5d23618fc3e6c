//! What a message consists of, as it was found when it was taken apart.
//!
//! A part is anything that has octets of its own: the message itself, a MIME part, a member of an archive, a
//! stream of an office document, the text that HTML shows. Parts are numbered in the order they were found;
//! the message is number 0, and every other part lies in one with a smaller number.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Blake3, Sha256};

/// The number of a part within its message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartId(pub u32);

impl PartId {
    /// The whole message.
    pub const MESSAGE: Self = Self(0);
}

/// The way to a part from the message: `2/invoice.zip/a.docx/vbaProject.bin`. MIME parts are numbered from 1
/// within their multipart (`1.2`), and the name follows if there is one; what lies in a container goes by the
/// last step of the name that it has there. Text taken out of a part is `text`. The message itself has the
/// empty path. Names are made visible (see [`Part::name`]) and cut at 128 octets, `/` within a name is U+2215;
/// of two children with one name the second is `name#2`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartPath(pub Box<str>);

impl fmt::Display for PartPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Its number.
    pub id: PartId,
    /// The part that it lies in; none for the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<PartId>,
    /// The way to it.
    pub path: PartPath,
    /// What it is in its parent.
    pub role: Role,
    /// The media type that was declared, in lower case and without parameters: `application/zip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<Box<str>>,
    /// The media type that its octets show; none where they show none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected: Option<Box<str>>,
    /// The file name, decoded (RFC 2231, RFC 2047). Control characters, and those that change the direction
    /// of text, are replaced by their code in the form `\u{202e}`, so that nobody is fooled by a display.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    /// Its size in octets, decoded.
    pub octets: u64,
    /// The digest of its octets.
    pub sha256: Sha256,
    /// Another one, for who looks for it.
    pub blake3: Blake3,
    /// Shannon entropy in thousandths of a bit an octet, 0 to 8000.
    pub entropy: u16,
    /// What is remarkable about it, each once, in a fixed order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<PartFlag>,
    /// What of it could not be looked into, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Unopened>,
}

/// What a part is in its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The message as it came.
    Message,
    /// A part of a multipart, or the body of a message with one part.
    Body,
    /// A part that is shown as, or named like, a file.
    Attachment,
    /// A message within a message (`message/rfc822`, `message/global`).
    Enclosed,
    /// A member of an archive, a compressed stream's content.
    Member,
    /// An object in a document.
    Embedded,
    /// Text taken out of another part: decoded to UTF-8, or what HTML shows, with its links.
    Text,
}

/// Something remarkable about a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartFlag {
    /// Its content, or some of it, is encrypted.
    Encrypted,
    /// It was encrypted, and a password opened it.
    Decrypted,
    /// The octets are of another type than declared, or than the name says.
    TypeMismatch,
    /// A name such as `invoice.pdf.exe`.
    DoubleExtension,
    /// A name with characters that hide what it says.
    DeceptiveName,
    /// It is well formed as two types at once.
    Polyglot,
    /// It is broken: cut, with a wrong checksum, or against its format's grammar.
    Damaged,
    /// A program of any system, or a script.
    Executable,
    /// A document with macros.
    Macros,
    /// A document that loads or calls something from elsewhere.
    ExternalReference,
    /// A journal report (Microsoft Exchange): the message proper lies in it.
    JournalReport,
    /// A budget ended here: it unfolds to far more than it holds.
    Bomb,
}

/// Something that was not looked into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unopened {
    /// Why.
    pub why: WhyUnopened,
    /// What exactly, for a person: `7z: LZMA2 data is cut`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Box<str>>,
}

/// Why something was not looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyUnopened {
    /// No password opened it.
    Encrypted,
    /// Nothing here understands the format.
    Unsupported,
    /// It is broken.
    Damaged,
    /// The budget of octets of the message was used up.
    OctetsMax,
    /// The budget of parts was used up.
    PartsMax,
    /// It lies too deep.
    DepthMax,
    /// It unfolds to more than the ratio allows.
    RatioMax,
    /// The time of the message was used up.
    TimeMax,
    /// What was to open it failed on it.
    Failed,
}
