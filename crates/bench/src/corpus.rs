//! Generated mail: the same seed and shape give the same octets for ever.
//!
//! A message is made of lines that end in CRLF, none longer than 78 octets, some beginning with a dot, so
//! that it can travel by DATA. Its length is exact to the octet where the shape leaves room for its structure.
//! Names and words are invented; the text compresses about as real text does, Base64 as attachments do.

use std::path::PathBuf;
use std::{fs, io};

use bytesize::ByteSize;

mod fill;
mod random;

pub(crate) use random::Random;

/// What a generated message is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Structure {
    /// One part of plain text.
    Text,
    /// One part, an application/octet-stream in Base64.
    Base64,
    /// Plain text beside HTML.
    Alternative,
    /// Plain text and a file in Base64.
    Attachment,
    /// Plain text and a forwarded message.
    Forwarded,
}

impl Structure {
    /// Each of them once.
    pub const ALL: [Self; 5] =
        [Self::Text, Self::Base64, Self::Alternative, Self::Attachment, Self::Forwarded];
}

/// How large a message is and what it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The length, headers included.
    pub octets: usize,
    /// The parts.
    pub structure: Structure,
}

/// What `sensor-bench corpus` writes.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Where the files NUMBER.eml go; made if missing.
    #[arg(long)]
    pub dir: PathBuf,
    /// The seed of the first message; each next one adds 1.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many messages.
    #[arg(long, default_value_t = 100)]
    pub count: u32,
    /// The length of each.
    #[arg(long, default_value = "4KiB")]
    pub octets: ByteSize,
    /// What each is made of; without it they take turns.
    #[arg(long)]
    pub structure: Option<Structure>,
}

/// Writes messages into a directory.
///
/// # Errors
/// Of the file system.
pub fn run(options: &Options) -> io::Result<()> {
    fs::create_dir_all(&options.dir)?;
    let octets = usize::try_from(options.octets.as_u64()).map_err(io::Error::other)?;
    for (number, in_turn) in (0..options.count).zip(Structure::ALL.into_iter().cycle()) {
        let shape = Shape { octets, structure: options.structure.unwrap_or(in_turn) };
        let message = message(options.seed.wrapping_add(number.into()), shape);
        fs::write(options.dir.join(format!("{number:06}.eml")), message)?;
    }
    Ok(())
}

/// The message of a seed. It begins with its [`message_id_line`], whose number is the seed.
#[must_use]
pub fn message(seed: u64, shape: Shape) -> Vec<u8> {
    let mut message = message_id_line(seed, 0).into_bytes();
    let rest = shape.octets.saturating_sub(message.len());
    message.extend_from_slice(&fill::message(&mut Random::new(seed), rest, shape.structure));
    message
}

/// A Message-ID field of fixed length, so that a sender can give each copy of a message its own.
#[must_use]
pub fn message_id_line(number: u64, run: u32) -> String {
    format!("Message-ID: <{number:016x}.{run:08x}@load.example.net>\r\n")
}

#[cfg(test)]
mod tests;
