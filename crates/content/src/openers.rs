//! Which type is opened by what: a format is a file and a line here.

use bytes::Bytes;

use crate::archive::{foreign, outlook, stream, tar, zip};
use crate::budget::End;
use crate::kind::Kind;
use crate::yard::Yard;
use crate::{Foreign, mime, text};

/// Opens the octets of a part and puts what it finds into the yard. What was found before trouble counts.
pub(crate) type Opener = fn(&Bytes, &mut Yard<'_>) -> Result<(), Trouble>;

/// What keeps a part, or the rest of it, from being opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("a budget ended")]
    End(End),
    #[error("{0}")]
    Damaged(Box<str>),
    #[error("encrypted")]
    Encrypted,
    #[error("{0}")]
    Unsupported(Box<str>),
    #[error("{0}")]
    Failed(Box<str>),
}

impl From<End> for Trouble {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}

impl Trouble {
    pub(crate) fn damaged(error: impl ToString) -> Self {
        Self::Damaged(error.to_string().into())
    }
}

/// When a part is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Mail and text: cheap, and they tell passwords.
    First,
    /// What unfolds, and what may need a password.
    Second,
}

/// How a type is opened.
#[derive(Debug)]
pub(crate) struct Format {
    /// Its name in gaps.
    pub(crate) name: &'static str,
    pub(crate) turn: Turn,
    pub(crate) open: Opener,
    kinds: &'static [Kind],
}

const fn format(name: &'static str, turn: Turn, open: Opener, kinds: &'static [Kind]) -> Format {
    Format { name, turn, open, kinds }
}

/// All formats; a type without a line has nothing in it that is looked for.
static FORMATS: &[Format] = &[
    format("mail", Turn::First, mime::open, &[Kind::Mail]),
    format("html", Turn::First, text::html::open, &[Kind::Html, Kind::Svg]),
    format("text", Turn::First, text::open, &[Kind::Text]),
    format("rtf", Turn::First, outlook::rtf, &[Kind::Rtf]),
    format("tnef", Turn::First, outlook::tnef, &[Kind::Tnef]),
    format("msg", Turn::First, outlook::msg, &[Kind::Msg]),
    format("zip", Turn::Second, zip::open, Kind::ZIPS),
    format("tar", Turn::Second, tar::open, &[Kind::Tar]),
    format("gzip", Turn::Second, stream::gzip, &[Kind::Gzip]),
    format("bzip2", Turn::Second, stream::bzip2, &[Kind::Bzip2]),
    format("xz", Turn::Second, stream::xz, &[Kind::Xz]),
    format("zstd", Turn::Second, stream::zstd, &[Kind::Zstd]),
    #[cfg(feature = "7z")]
    format("7z", Turn::Second, crate::archive::sevenz::open, &[Kind::SevenZip]),
    #[cfg(not(feature = "7z"))]
    format("7z", Turn::Second, foreign::compiled_out, &[Kind::SevenZip]),
    #[cfg(feature = "ole")]
    format("ole", Turn::Second, crate::archive::ole::open, Kind::OLES),
    #[cfg(not(feature = "ole"))]
    format("ole", Turn::Second, foreign::compiled_out, Kind::OLES),
    format("rar", Turn::Second, |octets, yard| foreign::open(Foreign::Rar, octets, yard), &[Kind::Rar]),
    format("cab", Turn::Second, |octets, yard| foreign::open(Foreign::Cab, octets, yard), &[Kind::Cab]),
    format("iso", Turn::Second, |octets, yard| foreign::open(Foreign::Iso, octets, yard), &[Kind::Iso]),
    format("lha", Turn::Second, |octets, yard| foreign::open(Foreign::Lha, octets, yard), &[Kind::Lha]),
    format("ar", Turn::Second, |octets, yard| foreign::open(Foreign::Ar, octets, yard), &[Kind::Ar]),
    format("xar", Turn::Second, |octets, yard| foreign::open(Foreign::Xar, octets, yard), &[Kind::Xar]),
    format("cpio", Turn::Second, |octets, yard| foreign::open(Foreign::Cpio, octets, yard), &[Kind::Cpio]),
    format("archive", Turn::Second, foreign::unknown, UNREAD),
];

/// Archives that nothing here reads.
const UNREAD: &[Kind] = &[Kind::Arj, Kind::Ace, Kind::Compress, Kind::Lzip];

/// How a part of these types is opened: each format once.
pub(crate) fn formats(kinds: &[Kind]) -> Vec<&'static Format> {
    FORMATS.iter().filter(|format| format.kinds.iter().any(|kind| kinds.contains(kind))).collect()
}
