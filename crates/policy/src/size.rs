//! Sizes as an administrator types them.
//!
//! `50 MiB` is 52,428,800 octets and `50 MB` is 50,000,000; a number alone is octets. `50M` is refused:
//! Postfix, Exchange and `dd` disagree about it, and a limit that is 5 % off is found out by a lost mail.

use std::fmt;

use bytesize::ByteSize;

/// The units that mean one thing only.
const UNITS: [&str; 15] =
    ["", "B", "kB", "KB", "MB", "GB", "TB", "PB", "EB", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// A number of octets that keeps the text it was typed as.
///
/// `octets = digits *WSP [ "B" / ("k" / "K" / "M" / "G" / "T" / "P" / "E") ["i"] "B" ]`, where `kiB` is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Octets {
    count: u64,
    typed: Box<str>,
}

impl Octets {
    /// Reads a size, ignoring white space around it.
    ///
    /// # Errors
    /// Says what to type instead.
    pub fn parse(text: &str) -> Result<Self, SizeFault> {
        let typed = text.trim();
        let digits = typed.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = typed.split_at(digits);
        let unit = unit.trim_start();
        if number.is_empty() {
            return Err(SizeFault::NotASize);
        }
        if unit.starts_with(['.', ',']) {
            return Err(SizeFault::Fraction);
        }
        let factor = factor(number, unit)?;
        let count =
            number.parse().ok().and_then(|n: u64| n.checked_mul(factor)).ok_or(SizeFault::TooLarge)?;
        Ok(Self { count, typed: typed.into() })
    }

    /// How many octets.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The text as typed, trimmed.
    #[must_use]
    pub fn as_typed(&self) -> &str {
        &self.typed
    }
}

/// How many octets `unit` stands for.
fn factor(number: &str, unit: &str) -> Result<u64, SizeFault> {
    if UNITS.contains(&unit) {
        let one: ByteSize = format!("1{unit}").parse().expect("each unit of the table is one of bytesize's");
        return Ok(one.as_u64());
    }
    let prefix = unit.chars().next().map(|c| c.to_ascii_uppercase());
    match (prefix, unit.to_ascii_lowercase().get(1..)) {
        (Some(prefix @ ('K' | 'M' | 'G' | 'T' | 'P' | 'E')), Some("" | "b" | "i" | "ib")) => {
            Err(SizeFault::Ambiguous { number: number.into(), prefix })
        }
        (Some(_) | None, _) => Err(SizeFault::UnknownUnit),
    }
}

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

/// The largest message that is taken.
///
/// Zero is refused: in the SIZE extension it stands for "no limit" (RFC 1870 section 4), so whoever types it
/// may mean either end of the scale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SizeLimit {
    /// No limit of its own; free space still is one.
    #[default]
    Unlimited,
    /// At most so many octets, this many included.
    AtMost(Octets),
}

impl SizeLimit {
    /// Reads `unlimited` or a size; see [`Octets`].
    ///
    /// # Errors
    /// Says what to type instead.
    pub fn parse(text: &str) -> Result<Self, SizeFault> {
        if text.trim().eq_ignore_ascii_case("unlimited") {
            return Ok(Self::Unlimited);
        }
        let octets = Octets::parse(text)?;
        if octets.count() == 0 { Err(SizeFault::Zero) } else { Ok(Self::AtMost(octets)) }
    }

    /// The limit in octets, where there is one.
    #[must_use]
    pub fn octets(&self) -> Option<u64> {
        match self {
            Self::Unlimited => None,
            Self::AtMost(octets) => Some(octets.count()),
        }
    }

    /// The limit, if `octets` is more than that.
    pub(crate) fn exceeded_by(&self, octets: u64) -> Option<u64> {
        self.octets().filter(|limit| octets > *limit)
    }
}

impl fmt::Display for SizeLimit {
    /// As typed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("unlimited"),
            Self::AtMost(octets) => octets.fmt(f),
        }
    }
}

/// Why a text is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeFault {
    /// It does not begin with a digit.
    #[error("not a size such as 50 MiB, 50 MB or 52428800")]
    NotASize,
    /// `1.5 GiB`
    #[error("fractions are not taken; use the next smaller unit")]
    Fraction,
    /// `50M`, `50 mb`: powers of ten or of two, octets or bits.
    #[error(
        "ambiguous; did you mean {number} {prefix}iB (powers of 1024) or {number} {prefix}B (powers of 1000)?"
    )]
    Ambiguous {
        /// The digits as typed.
        number: Box<str>,
        /// The prefix of the unit in upper case.
        prefix: char,
    },
    /// `50 pounds`
    #[error("unknown unit; use B, KiB, MiB, GiB, TiB (powers of 1024) or KB, MB, GB, TB (powers of 1000)")]
    UnknownUnit,
    /// 2^64 octets and more.
    #[error("more than 18446744073709551615 octets; did you mean unlimited?")]
    TooLarge,
    /// No octet at all.
    #[error(r#"zero is ambiguous; use "unlimited" for no limit, or switch the sensor off to take no mail"#)]
    Zero,
}

#[cfg(test)]
mod tests;
