//! Digests of octets, as they are stored and shown.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A SHA-256 digest (FIPS 180-4); 64 lower-case hex digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(pub [u8; 32]);

/// A BLAKE3 digest of 32 octets; 64 lower-case hex digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blake3(pub [u8; 32]);

/// Writes 64 lower-case hex digits to `buffer`.
fn encode<'a>(digest: &[u8; 32], buffer: &'a mut [u8; 64]) -> &'a str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, octet) in buffer.chunks_exact_mut(2).zip(digest) {
        pair.copy_from_slice(&[DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 0xf)]]);
    }
    std::str::from_utf8(buffer).expect("hex digits")
}

fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    let mut digest = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return Err(de::Error::custom("a digest has 64 hex digits"));
    }
    let mut digits = text.chars().map(|digit| digit.to_digit(16));
    for octet in &mut digest {
        let (Some(Some(high)), Some(Some(low))) = (digits.next(), digits.next()) else {
            return Err(de::Error::custom("a digest has 64 hex digits"));
        };
        *octet = u8::try_from(high << 4 | low).expect("two hex digits fit");
    }
    Ok(digest)
}

macro_rules! digest_as_hex {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(encode(&self.0, &mut [0; 64]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(encode(&self.0, &mut [0; 64]))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                decode(deserializer).map(Self)
            }
        }
    };
}

digest_as_hex!(Sha256);
digest_as_hex!(Blake3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_64_hex_digits() {
        let digest = Sha256([0xa9; 32]);
        let text = digest.to_string();
        assert_eq!(serde_json::from_value::<Sha256>(text.clone().into()).unwrap(), digest);
        for bad in [
            "",
            &text[1..],
            &text.replace("a9", "+9"),
            &text.replacen("a9", "\u{e9}", 1),
            &(text.clone() + "a9"),
        ] {
            assert!(serde_json::from_value::<Sha256>(bad.into()).is_err(), "{bad:?}");
        }
    }
}
