//! The passwords that encrypted archives are tried with.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, ensure};

/// What people who send samples and files to one another agree on most.
const USUAL: [&str; 6] = ["infected", "virus", "malware", "password", "1234", "123456"];
/// The most passwords: each costs a try of each encrypted member, some of them slow on purpose.
const PASSWORDS_MAX: usize = 1_000;
/// The longest file of them.
const FILE_OCTETS_MAX: u64 = 64 * 1024;

/// The usual ones, and those of the administrator's file, one a line.
pub(crate) fn passwords(file: Option<&Path>) -> anyhow::Result<Vec<Box<str>>> {
    let own = file.map_or(Ok(Vec::new()), |path| {
        read(path).with_context(|| format!("scan.passwords: cannot use {}", path.display()))
    })?;
    Ok(own.into_iter().chain(USUAL.map(Box::from)).collect())
}

fn read(path: &Path) -> anyhow::Result<Vec<Box<str>>> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(FILE_OCTETS_MAX + 1).read_to_string(&mut text)?;
    ensure!(text.len() as u64 <= FILE_OCTETS_MAX, "it has more than {FILE_OCTETS_MAX} octets");
    let passwords: Vec<Box<str>> = text
        .lines()
        .map(|line| line.trim_end_matches('\r'))
        .filter(|line| !line.is_empty())
        .map(Box::from)
        .collect();
    ensure!(passwords.len() <= PASSWORDS_MAX, "it has more than {PASSWORDS_MAX} passwords");
    Ok(passwords)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_comes_first_and_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("passwords.txt");
        std::fs::write(&path, "geheim\r\n\n two words \n").unwrap();
        let found = passwords(Some(&path)).unwrap();
        assert_eq!(found[..3], ["geheim", " two words ", "infected"].map(Box::from));
        for (text, fault) in [("x\n".repeat(1_001), "1000 passwords"), ("x".repeat(70_000), "65536 octets")] {
            std::fs::write(&path, text).unwrap();
            let error = format!("{:#}", passwords(Some(&path)).unwrap_err());
            assert!(error.ends_with(fault) && error.contains("passwords.txt"), "{error}");
        }
        assert!(passwords(Some(&directory.path().join("none"))).is_err());
        assert_eq!(passwords(None).unwrap().len(), USUAL.len());
    }
}
