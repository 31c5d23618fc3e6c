//! The name a message gets at acceptance and keeps for ever.
//!
//! ```text
//!  0                48  52          64 66              80                        128
//!  | unix millis     | 7 | sub-tick  |10| node (14)      | salt (48)               |
//! ```
//!
//! The layout is that of a version 7 UUID (RFC 9562 section 5.7), so ids sort by time of acceptance and
//! the day a message is filed under follows from its id alone. Time and sub-tick together never go back
//! within one source: a new id is `max(clock, last + 1)`.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const SUB_TICK_BITS: u32 = 12;
const VERSION: u128 = 7 << 76;
const VARIANT: u128 = 0b10 << 62;
const VERSION_MASK: u128 = 0xf << 76;
const VARIANT_MASK: u128 = 0b11 << 62;
const SALT_MASK: u64 = (1 << 48) - 1;

/// The identity of one accepted message: 128 bits in the layout of a version 7 UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailId(u128);

impl MailId {
    /// Milliseconds since the Unix epoch at which the id was given.
    #[must_use]
    pub fn unix_millis(self) -> u64 {
        u64::try_from(self.0 >> 80).expect("48 bits fit")
    }

    /// Which node of a cluster gave the id.
    #[must_use]
    pub fn node(self) -> NodeId {
        NodeId(u16::try_from((self.0 >> 48) & u128::from(NodeId::MAX)).expect("14 bits fit"))
    }

    /// The 16 octets, most significant first; they sort as the ids do.
    #[must_use]
    pub fn to_octets(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The id with these octets, if they have the layout of one.
    ///
    /// # Errors
    /// When version or variant bits are not those of a version 7 UUID.
    pub fn from_octets(octets: [u8; 16]) -> Result<Self, ParseMailIdError> {
        let value = u128::from_be_bytes(octets);
        if value & VERSION_MASK == VERSION && value & VARIANT_MASK == VARIANT {
            Ok(Self(value))
        } else {
            Err(ParseMailIdError)
        }
    }
}

impl MailId {
    /// How long the text is.
    pub const TEXT_OCTETS: usize = 36;

    /// The canonical text of a UUID, written to `buffer`: lower case, four hyphens.
    #[must_use]
    pub fn encode(self, buffer: &mut [u8; Self::TEXT_OCTETS]) -> &str {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        *buffer = [b'-'; Self::TEXT_OCTETS];
        for (octet, at) in self.to_octets().into_iter().zip(PLACES) {
            buffer[at] = DIGITS[usize::from(octet >> 4)];
            buffer[at + 1] = DIGITS[usize::from(octet & 0xf)];
        }
        std::str::from_utf8(buffer).expect("hex digits and hyphens")
    }
}

/// Where the two digits of each octet stand in the text.
const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

impl fmt::Display for MailId {
    /// As [`MailId::encode`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.encode(&mut [0; Self::TEXT_OCTETS]))
    }
}

impl fmt::Debug for MailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a [`MailId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a mail id: expected a version 7 UUID such as 0192d3f0-5a1c-7000-8001-3f2a9c4be1d0")]
pub struct ParseMailIdError;

impl FromStr for MailId {
    type Err = ParseMailIdError;

    /// Takes the 36 characters of [`fmt::Display`], or the 32 digits without hyphens.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hyphened = text.len() == 36 && [8, 13, 18, 23].iter().all(|&at| text.as_bytes()[at] == b'-');
        if !hyphened && text.len() != 32 {
            return Err(ParseMailIdError);
        }
        let mut value: u128 = 0;
        let mut digits = 0;
        for character in text.chars().filter(|&c| !(hyphened && c == '-')) {
            value = (value << 4) | u128::from(character.to_digit(16).ok_or(ParseMailIdError)?);
            digits += 1;
        }
        if digits == 32 { Self::from_octets(value.to_be_bytes()) } else { Err(ParseMailIdError) }
    }
}

impl Serialize for MailId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.encode(&mut [0; Self::TEXT_OCTETS]))
    }
}

impl<'de> Deserialize<'de> for MailId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The number of a node among its peers: 0 to 16,383.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct NodeId(u16);

impl NodeId {
    /// The largest node number: 14 bits.
    pub const MAX: u16 = (1 << 14) - 1;
}

/// The number does not fit the 14 bits of a [`NodeId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a node number is at most 16383")]
pub struct NodeIdError;

impl TryFrom<u16> for NodeId {
    type Error = NodeIdError;

    fn try_from(number: u16) -> Result<Self, Self::Error> {
        if number <= Self::MAX { Ok(Self(number)) } else { Err(NodeIdError) }
    }
}

impl From<NodeId> for u16 {
    fn from(node: NodeId) -> Self {
        node.0
    }
}

/// The source of a node's mail ids. One for each process; shared by reference.
#[derive(Debug)]
pub struct MailIds {
    last_tick: AtomicU64,
    node: NodeId,
    salt: u64,
}

impl MailIds {
    /// A source for `node`. `salt` (48 bits are used) is drawn at random once for each start, so that two
    /// lives of a node with a clock that was set back still give different ids.
    #[must_use]
    pub fn new(node: NodeId, salt: u64) -> Self {
        Self { last_tick: AtomicU64::new(0), node, salt: salt & SALT_MASK }
    }

    /// The next id, at `unix_millis` on the caller's clock.
    pub fn next(&self, unix_millis: u64) -> MailId {
        let now = unix_millis << SUB_TICK_BITS;
        let last = self
            .last_tick
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last + 1)))
            .expect("the update is never refused");
        self.at_tick(now.max(last + 1))
    }

    fn at_tick(&self, tick: u64) -> MailId {
        let millis = u128::from(tick >> SUB_TICK_BITS) << 80;
        let sub_tick = u128::from(tick & ((1 << SUB_TICK_BITS) - 1)) << 64;
        let node = u128::from(self.node.0) << 48;
        MailId(millis | VERSION | sub_tick | VARIANT | node | u128::from(self.salt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> MailIds {
        MailIds::new(NodeId::try_from(3).unwrap(), 0xffff_1234_5678_9abc)
    }

    #[test]
    fn text_and_octets_lead_back_to_the_id() {
        let id = ids().next(1_700_000_000_123);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().replace('-', "").to_uppercase().parse(), Ok(id));
        assert_eq!(MailId::from_octets(id.to_octets()), Ok(id));
        assert_eq!(serde_json::from_str::<MailId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
    }

    #[test]
    fn parts_are_where_a_version_7_uuid_has_them() {
        let id = ids().next(0x0123_4567_89ab);
        assert_eq!(id.to_string(), "01234567-89ab-7000-8003-123456789abc");
        assert_eq!((id.unix_millis(), u16::from(id.node())), (0x0123_4567_89ab, 3));
    }

    #[test]
    fn ids_grow_when_the_clock_stands_still_or_goes_back() {
        let ids = ids();
        let mut last = ids.next(5_000);
        for now in [5_000, 5_000, 4_000, 0, 5_000] {
            let next = ids.next(now);
            assert!(next > last, "{next} after {last}");
            last = next;
        }
    }

    #[test]
    fn more_than_4096_ids_in_a_millisecond_run_ahead_of_the_clock() {
        let ids = ids();
        let all: std::collections::BTreeSet<_> = (0..10_000).map(|_| ids.next(7)).collect();
        assert_eq!(all.len(), 10_000);
        assert_eq!(all.last().unwrap().unix_millis(), 7 + 10_000 / 4_096);
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "0192d3f0",
            "0192d3f0-5a1c-4000-8001-3f2a9c4be1d0",
            "0192d3f0-5a1c-7000-c001-3f2a9c4be1d0",
            "0192d3f05-a1c-7000-8001-3f2a9c4be1d0",
            "0192d3f0-5a1c-7000-8001-3f2a9c4be1dg",
            "0192d3f0-5a1c-7000-8001-3f2a9c4be1d00",
            "é192d3f0-5a1c-7000-8001-3f2a9c4be1d",
        ] {
            assert_eq!(text.parse::<MailId>(), Err(ParseMailIdError), "{text:?}");
        }
    }
}
