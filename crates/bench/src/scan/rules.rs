//! Generated rules: the same seed gives the same rules for ever.
//!
//! They have the shape of what is published for YARA: a rule names a family, has a head of metadata, two to eight
//! patterns and a condition. Of the patterns six in ten are texts such as programs hold (paths, calls, commands,
//! addresses; half of them `wide` too, a third `nocase`), three in ten are octets in hex with wildcards and jumps,
//! one in ten is a regular expression with a literal in it. Of the conditions most ask for some of the patterns,
//! half of these also for the first octets of the file and its size. One rule in 100 looks for words that people
//! write, and so finds what it looks for in ordinary mail. What they lack: modules, and anything that is really bad.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{fs, io};

use super::ScanError;
use crate::corpus::Random;

/// What `sensor-bench rules` writes.
#[derive(Clone, Debug, clap::Args)]
pub struct RulesOptions {
    /// Where rules.yar, for YARA, and own.ndb, for ClamAV, go; made if missing.
    #[arg(long)]
    pub dir: PathBuf,
    /// Of what they are made.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many of each.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub count: u32,
}

/// Writes rules for YARA and signatures for ClamAV into a directory.
///
/// # Errors
/// Of the file system.
pub fn write(options: &RulesOptions) -> Result<(), ScanError> {
    let write = |file: &str, text: String| fs::write(options.dir.join(file), text);
    let written: io::Result<()> = fs::create_dir_all(&options.dir)
        .and_then(|()| write("rules.yar", yara(options.seed, options.count)))
        .and_then(|()| write("own.ndb", clamav(options.seed, options.count)));
    written.map_err(ScanError::Rules)
}

/// Rules in one file.
pub(super) fn yara(seed: u64, count: u32) -> String {
    let mut random = Random::new(seed);
    (0..count).map(|number| rule(number, &mut random)).collect()
}

/// Signatures of octets anywhere in any file (the format `ndb`), and the EICAR test file, in hex so that nobody
/// finds it in this program.
pub(super) fn clamav(seed: u64, count: u32) -> String {
    let mut random = Random::new(seed);
    let eicar: String =
        sensor_scan::Sample::eicar().line.bytes().map(|octet| format!("{octet:02x}")).collect();
    let mut text = format!("Own.Eicar:0:*:{eicar}\n");
    for number in 0..count {
        let octets: String = (0..12 + random.below(20)).map(|_| hex(&mut random)).collect();
        writeln!(text, "Own.Generated-{number}:0:*:{octets}").expect(WRITTEN);
    }
    text
}

const WRITTEN: &str = "a String takes everything";

fn rule(number: u32, random: &mut Random) -> String {
    let family = random.pick(&FAMILIES);
    let (name, score) = (format!("{family}_{number}_{:04x}", random.below(0x1_0000)), 40 + random.below(60));
    let mut rule = format!(
        "rule {name} : {} {{\n    meta:\n        description = \"Detects {family}\"\n        author = \"generated\"\n        \
         score = {score}\n    strings:\n",
        family.to_ascii_lowercase()
    );
    let is_of_words = number % 100 == 99;
    let patterns = if is_of_words { 2 } else { 2 + random.below(7) };
    for pattern in 0..patterns {
        let pattern_text = if is_of_words { words(random) } else { any_pattern(random) };
        writeln!(rule, "        $s{pattern} = {pattern_text}").expect(WRITTEN);
    }
    let condition = if is_of_words { "all of them".to_owned() } else { condition(patterns, random) };
    writeln!(rule, "    condition:\n        {condition}\n}}").expect(WRITTEN);
    rule
}

fn any_pattern(random: &mut Random) -> String {
    match random.below(10) {
        0..6 => text(random),
        6..9 => octets(random),
        _ => expression(random),
    }
}

/// A text with something of its own in it.
fn text(random: &mut Random) -> String {
    let modifiers = match random.below(6) {
        0 | 1 => "",
        2 => " nocase",
        3 | 4 => " ascii wide",
        _ => " ascii wide nocase",
    };
    format!("\"{}{}{}\"{modifiers}", random.pick(&BEGINNINGS), letters(random, 6, 18), random.pick(&ENDINGS))
}

/// What people write.
fn words(random: &mut Random) -> String {
    format!("\"{}\" nocase fullword", random.pick(&PLAIN_WORDS))
}

/// Octets with a wildcard here and a jump there, never at the begin or the end.
fn octets(random: &mut Random) -> String {
    let count = 8 + random.below(24);
    let octets = (0..count).map(|at| match random.below(12) {
        0 if (4..count - 2).contains(&at) => "??".to_owned(),
        1 if (4..count - 2).contains(&at) => format!("[{}-{}]", random.below(3), 4 + random.below(8)),
        _ => hex(random),
    });
    format!("{{ {} }}", octets.collect::<Vec<_>>().join(" "))
}

fn expression(random: &mut Random) -> String {
    let (host, most) = (letters(random, 5, 10), 4 + random.below(12));
    format!("/{host}\\.(php|asp|exe)\\?[a-z]{{1,{most}}}=[0-9a-f]{{8,32}}/")
}

fn condition(patterns: u64, random: &mut Random) -> String {
    let of = match random.below(4) {
        0 => "all of them".to_owned(),
        1 => "any of them".to_owned(),
        _ => format!("{} of them", 1 + random.below(patterns)),
    };
    match random.below(6) {
        0 => format!("uint16(0) == 0x5a4d and filesize < {}KB and {of}", 100 + random.below(4_000)),
        1 => format!("uint32(0) == 0x464c457f and {of}"),
        2 => format!("filesize < {}MB and {of}", 1 + random.below(20)),
        _ => of,
    }
}

fn hex(random: &mut Random) -> String {
    format!("{:02X}", random.below(256))
}

fn letters(random: &mut Random, least: u64, most: u64) -> String {
    let count = least + random.below(most - least + 1);
    (0..count).map(|_| char::from(*random.pick(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789_"))).collect()
}

const FAMILIES: [&str; 8] =
    ["Loader", "Stealer", "Ransom", "Backdoor", "Dropper", "Phish", "Macro", "WebShell"];
const BEGINNINGS: [&str; 12] = [
    "C:\\\\Users\\\\Public\\\\",
    "%APPDATA%\\\\",
    "cmd.exe /c ",
    "powershell -enc ",
    "http://",
    "https://",
    "Software\\\\Microsoft\\\\",
    "User-Agent: ",
    "Global\\\\",
    "Shell.",
    "Get",
    "",
];
const ENDINGS: [&str; 8] = [".dll", ".exe", ".example.com/", ".tmp", "ExW", "\\\\", ".vbs", ""];
const PLAIN_WORDS: [&str; 8] =
    ["invoice", "attached", "tomorrow", "order", "price", "contract", "meeting", "account"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_their_seed() {
        for generate in [yara, clamav] {
            assert_eq!(generate(7, 40), generate(7, 40));
            assert_ne!(generate(7, 40), generate(8, 40));
            assert!(generate(7, 40).starts_with(&generate(7, 10)), "more rules are the same rules, and more");
        }
    }

    #[test]
    fn rules_have_every_shape() {
        let rules = yara(1, 500);
        assert_eq!(rules.matches("rule ").count(), 500);
        for shape in ["{ ", "??", "[", " wide", " nocase", "= /", "uint16(0)", "of them", "fullword"] {
            assert!(rules.contains(shape), "none has {shape}");
        }
    }

    #[test]
    fn signatures_are_hex_and_each_has_a_name_of_its_own() {
        let signatures = clamav(1, 20);
        let names: std::collections::BTreeSet<_> =
            signatures.lines().map(|line| line.split(':').next()).collect();
        assert_eq!((signatures.lines().count(), names.len()), (21, 21));
        for line in signatures.lines() {
            let octets = line.rsplit(':').next().unwrap();
            assert!(octets.len() >= 24 && octets.len().is_multiple_of(2), "{line}");
            assert!(octets.bytes().all(|octet| octet.is_ascii_hexdigit()), "{line}");
        }
    }
}
