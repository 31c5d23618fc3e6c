//! An entry read back: its header, and where its body is.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::body::{Body, Piece};
use crate::error::BodyError;
use crate::frame::Kind;
use crate::record::{Commit, Extent, cut_reason};
use crate::segment::Segment;

/// The layout of the header octets: JSON behind this octet.
const HEADER_VERSION: u8 = 1;
pub(crate) const HEADER_VERSION_OCTETS: usize = 1;
/// As much as is read at once where the size of a Commit frame is not known.
const READ_OCTETS_MAX: u64 = 256 << 10;

/// A Commit frame with its body ready to be read.
pub(crate) struct Stored {
    payload: Vec<u8>,
    header: std::ops::Range<usize>,
    pub(crate) reason: String,
    pub(crate) body: Body,
}

impl Stored {
    /// Reads the Commit frame at `offset` of the last of `segments`, which hold the body too. `octets` is
    /// what the entry needs of the log.
    pub(crate) fn read(segments: &[Arc<Segment>], offset: u32, octets: u64) -> Result<Self, BodyError> {
        let Some(last) = segments.last() else { return Err(BodyError::Damaged { generation: 0, offset }) };
        let damaged = || BodyError::Damaged { generation: last.generation(), offset };
        let expected = usize::try_from(octets.min(READ_OCTETS_MAX)).expect("it is bounded");
        let frame =
            last.read(offset, expected)?.filter(|frame| frame.kind == Kind::Commit).ok_or_else(damaged)?;
        let commit = Commit::parse(&frame.payload).ok_or_else(damaged)?;
        let header_end = frame.payload.len() - commit.tail.len();
        let header = header_end - commit.header.len()..header_end;
        let reason = String::from_utf8_lossy(commit.reason).into_owned();
        let body = Body::new(pieces(&commit.extents, segments)?, commit.tail.into());
        Ok(Self { header, reason, body, payload: frame.payload })
    }

    /// The header, when it is of a layout and type that is known.
    pub(crate) fn header<H: DeserializeOwned>(&self) -> Result<H, String> {
        match self.payload[self.header.clone()].split_first() {
            Some((&HEADER_VERSION, json)) => serde_json::from_slice(json).map_err(|error| error.to_string()),
            Some((version, _)) => Err(format!("header of unknown version {version}")),
            None => Err("no header".to_owned()),
        }
    }
}

fn pieces(extents: &[Extent], segments: &[Arc<Segment>]) -> Result<Vec<Piece>, BodyError> {
    let mut start = 0;
    let mut pieces = Vec::with_capacity(extents.len());
    for &Extent { place, octets } in extents {
        let segment = segments.iter().find(|segment| segment.generation() == place.generation);
        // A piece that was found damaged has no segment: the body says so when it is read.
        pieces.push(Piece { start, octets, offset: place.offset, segment: segment.cloned() });
        start += u64::from(octets);
    }
    Ok(pieces)
}

/// The octets that a header is stored as.
pub(crate) fn encode_header<H: Serialize>(header: &H, octets_max: usize) -> Result<Vec<u8>, String> {
    let mut octets = Vec::with_capacity(512);
    octets.push(HEADER_VERSION);
    serde_json::to_writer(&mut octets, header).map_err(|error| cut_reason(&error.to_string()).to_owned())?;
    if octets.len() > octets_max {
        return Err(format!("{} octets, more than {octets_max}", octets.len()));
    }
    Ok(octets)
}
