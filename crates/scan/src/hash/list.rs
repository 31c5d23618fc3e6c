//! Lists of digests, in as little memory as they need.

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use aws_lc_rs::digest;

use crate::files::Files;
use crate::ruleset::version_by;
use crate::trial::Sample;
use crate::words::told;

/// The most entries of a list: 3 GiB of SHA-256 digests.
const ENTRIES_MAX: usize = 100_000_000;
/// The most octets of a line.
const LINE_OCTETS_MAX: u64 = 4 * 1024;

/// All lists of a scanner.
pub(super) struct Lists {
    lists: Vec<List>,
    version: Box<str>,
}

/// One list: sorted, each digest once.
#[derive(Debug, Default, PartialEq, Eq)]
struct List {
    name: Box<str>,
    sha256: Vec<[u8; 32]>,
    md5: Vec<[u8; 16]>,
}

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Sha256([u8; 32]),
    Md5([u8; 16]),
    Nothing,
}

impl Lists {
    /// Reads every list, or says what is wrong with each that cannot be taken.
    pub(super) fn read(files: &Files) -> Result<Self, String> {
        let mut seen = digest::Context::new(&digest::SHA256);
        let (mut lists, mut faults) = (vec![List::eicar()], files.faults.clone());
        for path in &files.found {
            let name = told(path.file_stem().unwrap_or(path.as_os_str()).as_encoded_bytes());
            let read = File::open(path)
                .map_err(|error| error.to_string())
                .and_then(|file| List::read(name, BufReader::new(file), &mut seen));
            match read {
                Ok(list) => lists.push(list),
                Err(fault) => faults.push(format!("{}: {fault}", path.display())),
            }
        }
        if !faults.is_empty() {
            return Err(format!("lists of digests, but {}", faults.join("; ")));
        }
        let entries: usize = lists.iter().map(|list| list.sha256.len() + list.md5.len()).sum();
        let version = format!("{entries} entries, {}", version_by(&seen.finish())).into();
        Ok(Self { lists, version })
    }

    pub(super) fn version(&self) -> Box<str> {
        self.version.clone()
    }

    /// The lists that have a digest.
    pub(super) fn named_by_sha256(&self, digest: &[u8; 32]) -> impl Iterator<Item = &str> {
        let has = |list: &&List| list.sha256.binary_search(digest).is_ok();
        self.lists.iter().filter(has).map(|list| &*list.name)
    }

    /// Whether there is any reason to take MD5 digests.
    pub(super) fn has_md5(&self) -> bool {
        self.lists.iter().any(|list| !list.md5.is_empty())
    }

    pub(super) fn named_by_md5(&self, digest: &[u8; 16]) -> impl Iterator<Item = &str> {
        let has = |list: &&List| list.md5.binary_search(digest).is_ok();
        self.lists.iter().filter(has).map(|list| &*list.name)
    }
}

#[cfg(test)]
impl Lists {
    pub(super) fn entries(&self) -> usize {
        self.lists.iter().map(|list| list.sha256.len() + list.md5.len()).sum()
    }

    /// What they take of memory: what is allocated, used or not.
    pub(super) fn octets(&self) -> usize {
        let of = |list: &List| {
            let digests = list.sha256.capacity() * 32 + list.md5.capacity() * 16;
            size_of::<List>() + list.name.len() + digests
        };
        self.lists.iter().map(of).sum()
    }
}

impl List {
    /// What every scanner of this kind knows, so that it can be tried.
    fn eicar() -> Self {
        let digest = digest::digest(&digest::SHA256, Sample::eicar().line.as_bytes());
        let sha256 = vec![digest.as_ref().try_into().expect("a SHA-256 digest has 32 octets")];
        Self { name: "eicar".into(), sha256, md5: Vec::new() }
    }

    fn read(name: Box<str>, mut source: impl BufRead, seen: &mut digest::Context) -> Result<Self, String> {
        let mut list = Self { name, ..Self::default() };
        let mut line = Vec::new();
        for number in 1_u64.. {
            line.clear();
            let read = bounded_line(&mut source, &mut line).map_err(|error| error.to_string())?;
            if read == 0 {
                break;
            }
            seen.update(&line);
            match Entry::parse(&line) {
                Some(Entry::Sha256(digest)) => list.sha256.push(digest),
                Some(Entry::Md5(digest)) => list.md5.push(digest),
                Some(Entry::Nothing) => {}
                None => return Err(format!("line {number} is no digest in hex, comment or empty line")),
            }
            if list.sha256.len() + list.md5.len() > ENTRIES_MAX {
                return Err(format!("it has more than {ENTRIES_MAX} entries"));
            }
        }
        list.settle();
        Ok(list)
    }

    fn settle(&mut self) {
        self.sha256.sort_unstable();
        self.sha256.dedup();
        self.sha256.shrink_to_fit();
        self.md5.sort_unstable();
        self.md5.dedup();
        self.md5.shrink_to_fit();
    }
}

/// A line with its end. What is too long comes in pieces, the second of which is no entry.
fn bounded_line(source: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    io::Read::take(source, LINE_OCTETS_MAX).read_until(b'\n', line)
}

impl Entry {
    fn parse(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            return Some(Self::Nothing);
        }
        let is_end = |octet: &u8| octet.is_ascii_whitespace() || b":;,".contains(octet);
        let word = line.split(is_end).next().unwrap_or_default();
        match word.len() {
            64 => unhex(word).map(Self::Sha256),
            32 => unhex(word).map(Self::Md5),
            _ => None,
        }
    }
}

fn unhex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut octets = [0; N];
    for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        let (Some(high), Some(low)) = (digit(*pair.first()?), digit(*pair.get(1)?)) else { return None };
        *octet = u8::try_from(high << 4 | low).ok()?;
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_a_digest_or_a_comment_or_a_fault() {
        let (long, short) = ("ab".repeat(32), "AB".repeat(16));
        let (sha256, md5) = (Some(Entry::Sha256([0xab; 32])), Some(Entry::Md5([0xab; 16])));
        for (line, expected) in [
            (format!("{long}\n"), &sha256),
            (format!("{long}  invoice.exe\r\n"), &sha256),
            (format!("{short}:68:Eicar-Signature\n"), &md5),
            (format!("{short};x"), &md5),
            ("# a comment\n".to_owned(), &Some(Entry::Nothing)),
            ("  \r\n".to_owned(), &Some(Entry::Nothing)),
            (format!("{long}0\n"), &None),
            (long.replacen("ab", "+b", 1), &None),
            (long.replacen("ab", "\u{e9}", 1), &None),
            ("clean\n".to_owned(), &None),
            (format!(":{long}"), &None),
        ] {
            assert_eq!(&Entry::parse(line.as_bytes()), expected, "{line:?}");
        }
    }

    fn read(text: &str) -> Result<List, String> {
        List::read("x".into(), text.as_bytes(), &mut digest::Context::new(&digest::SHA256))
    }

    #[test]
    fn a_bad_line_is_named() {
        let text = format!("# list\n{}\nbad\n", "00".repeat(32));
        assert_eq!(read(&text).unwrap_err(), "line 3 is no digest in hex, comment or empty line");
        let endless = "0".repeat(100_000);
        assert!(read(&endless).unwrap_err().starts_with("line 1 "));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// A list beside a set.
        #[test]
        fn a_list_has_what_it_was_given(digests in proptest::collection::vec(any::<[u8; 16]>(), 0..50), other: [u8; 16]) {
            let line = |digest: &[u8; 16]| digest.iter().map(|octet| format!("{octet:02x}")).collect::<String>() + "\n";
            let list = read(&digests.iter().map(line).collect::<String>()).unwrap();
            let model: BTreeSet<[u8; 16]> = digests.iter().copied().collect();
            let lists = Lists { lists: vec![list], version: "".into() };
            for digest in digests.iter().chain([&other]) {
                prop_assert_eq!(lists.named_by_md5(digest).count() == 1, model.contains(digest));
            }
            prop_assert_eq!(lists.has_md5(), !model.is_empty());
        }
    }
}
