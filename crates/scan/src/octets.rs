//! The octets of a part, piece by piece, on their way to a peer.

use std::io;

use bytes::Bytes;
use sensor_pipeline::{Dissected, Octets, Piece};

use crate::keys::{Key, Shape, Unset};
use crate::trouble::Trouble;

/// The most octets in one piece: what a scan needs of memory.
pub(crate) const CHUNK_OCTETS_MAX: usize = 128 * 1024;

/// Octets from their beginning to their end.
pub(crate) struct Chunks {
    octets: Octets,
    offset: u64,
}

impl Chunks {
    pub(crate) fn of(octets: &Octets) -> Self {
        Self { octets: octets.clone(), offset: 0 }
    }

    /// The next piece; none at the end. A file is read on a thread of its own: it may lie on a slow disk.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Trouble> {
        let chunk = match &self.octets {
            Octets::Held(octets) => {
                let start = usize::try_from(self.offset).unwrap_or(usize::MAX).min(octets.len());
                octets.slice(start..octets.len().min(start + CHUNK_OCTETS_MAX))
            }
            Octets::Filed(..) => {
                let (octets, offset) = (self.octets.clone(), self.offset);
                let read = tokio::task::spawn_blocking(move || read(&octets, offset)).await;
                let read = read.map_err(|_| Trouble::failed("the thread that reads the part died"))?;
                read.map_err(|error| Trouble::at("the part cannot be read", &error))?
            }
        };
        self.offset += chunk.len() as u64;
        Ok(if chunk.is_empty() { None } else { Some(chunk) })
    }
}

fn read(octets: &Octets, offset: u64) -> io::Result<Bytes> {
    let mut chunk = vec![0; CHUNK_OCTETS_MAX];
    let count = octets.read_at(offset, &mut chunk)?;
    chunk.truncate(count);
    Ok(chunk.into())
}

/// What of a message a scanner is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Targets {
    Both,
    Message,
    Parts,
}

pub(crate) const TARGETS: &[(&str, Targets)] =
    &[("both", Targets::Both), ("message", Targets::Message), ("parts", Targets::Parts)];

pub(crate) const LOOK_AT: Key = Key::new(
    "look_at",
    Shape::Words(&["both", "message", "parts"]),
    "What it is given: the message as it came (message), each part by itself, decoded (parts), or both.\n\
     By parts a finding names the part, and what lies in archives within archives is seen whatever the\n\
     scanner itself can open.",
)
.or(Unset::Text("both"));

impl Targets {
    /// What of a message is to be looked at. In nothing there is nothing to find.
    pub(crate) fn of(self, mail: &Dissected) -> impl Iterator<Item = &Piece> {
        mail.parts.iter().filter(move |piece| {
            let is_message = piece.part.parent.is_none();
            let is_wanted = match self {
                Self::Both => true,
                Self::Message => is_message,
                Self::Parts => !is_message,
            };
            is_wanted && piece.octets.len() > 0
        })
    }
}

/// Nothing above a scanner's limit is sent to it.
pub(crate) fn fits(piece: &Piece, size_max: u64) -> Result<(), Trouble> {
    match piece.octets.len() {
        octets if octets <= size_max => Ok(()),
        octets => Err(Trouble::unfit(format!("{octets} octets, and size_max is {size_max}"))),
    }
}
