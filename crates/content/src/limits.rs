//! What taking one message apart may cost.

/// The budget of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of all parts together, the message itself aside. What is decoded is in memory at once.
    pub octets: u64,
    /// Parts, the message among them. One costs some 500 octets and the digesting of its own.
    pub parts: u32,
    /// How deep a part may lie: each multipart, enclosed message, archive and document is a step.
    pub depth: u16,
    /// How many times its own size a container may unfold to.
    pub ratio: u32,
    /// What a container may unfold to whatever its size, in octets: small ones have large ratios honestly.
    pub ratio_floor: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { octets: 512 << 20, parts: 5_000, depth: 32, ratio: 250, ratio_floor: 4 << 20 }
    }
}
