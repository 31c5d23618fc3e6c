//! Plays a dialogue against a session.

use super::driver::Driver;
use super::{Act, Dialogue, DialogueError, Expected};

/// How the client's octets are cut into pieces.
#[derive(Clone, Copy, Debug)]
pub enum Cuts {
    /// What the file sends in one piece comes in one piece.
    Whole,
    /// Octet by octet.
    Octets,
    /// At places that follow from this seed.
    Random(u64),
}

impl Dialogue {
    /// Plays it.
    ///
    /// # Errors
    /// The first thing that goes otherwise.
    pub fn run(&self, cuts: Cuts) -> Result<(), DialogueError> {
        let mut driver = Driver::new(&self.scene);
        let mut knife = Knife(cuts);
        if matches!(self.acts.first(), Some(Act::Client(_))) {
            driver.early_talker();
        } else {
            driver.greet();
        }
        for act in &self.acts {
            if let Act::Server(expected) = act {
                compare(expected, &driver.heard())?;
                continue;
            }
            // An early talker hears 421 before it is listened to.
            if driver.end.is_none() {
                compare(&[], &driver.heard())?;
            }
            perform(act, &mut driver, &mut knife);
        }
        compare(&[], &driver.heard())?;
        self.compare_outcome(driver)
    }

    fn compare_outcome(&self, driver: Driver<'_>) -> Result<(), DialogueError> {
        if driver.kept != self.kept {
            return Err(DialogueError::Messages { expected: self.kept.clone(), kept: driver.kept });
        }
        let end = driver.end.map_or_else(|| "open".to_owned(), |reason| kebab(&format!("{reason:?}")));
        if end != self.end {
            return Err(DialogueError::End { expected: self.end.clone(), end });
        }
        Ok(())
    }
}

fn perform(act: &Act, driver: &mut Driver<'_>, knife: &mut Knife) {
    match act {
        Act::Client(octets) => knife.pieces(octets).for_each(|piece| driver.feed(piece)),
        Act::Server(_) => {}
        Act::Handshake => driver.handshake(),
        Act::Wait(time) => driver.wait(*time),
        Act::Gone => driver.gone(),
        Act::ShutDown => driver.shut_down(),
    }
}

fn compare(expected: &[Expected], heard: &[u8]) -> Result<(), DialogueError> {
    let heard = String::from_utf8_lossy(heard);
    let mut lines = heard.split_inclusive('\n').map(|line| line.strip_suffix("\r\n").unwrap_or(line));
    for expected in expected {
        let mut line = lines.next().unwrap_or("");
        while expected.matches(line) && expected.goes_on_behind(line) {
            line = lines.next().unwrap_or("");
        }
        if !expected.matches(line) {
            let Expected { number, line: expected, .. } = expected.clone();
            return Err(DialogueError::Reply { number, expected, heard: line.to_owned() });
        }
    }
    match lines.next() {
        None => Ok(()),
        Some(line) => {
            let number = expected.last().map_or(0, |last| last.number);
            Err(DialogueError::Reply { number, expected: "nothing more".into(), heard: line.to_owned() })
        }
    }
}

/// Cuts octets into pieces.
pub(super) struct Knife(pub(super) Cuts);

impl Knife {
    /// The pieces; at least one, none empty unless the octets are.
    pub(super) fn pieces<'o>(&mut self, octets: &'o [u8]) -> std::vec::IntoIter<&'o [u8]> {
        let mut pieces = Vec::new();
        let mut rest = octets;
        while rest.len() > 1 {
            let (piece, behind) = rest.split_at(self.piece_octets(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        if !rest.is_empty() || pieces.is_empty() {
            pieces.push(rest);
        }
        pieces.into_iter()
    }

    fn piece_octets(&mut self, most: usize) -> usize {
        match &mut self.0 {
            Cuts::Whole => most,
            Cuts::Octets => 1,
            Cuts::Random(state) => {
                // SplitMix64; small pieces are as likely as large ones.
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                let scale = 1_u64 << (mixed % 12);
                1 + usize::try_from((mixed >> 32) % scale).expect("below 2,048").min(most - 1)
            }
        }
    }
}

/// `TooManyErrors` as `too-many-errors`.
fn kebab(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}
