//! A record as a file: one JSON object, version first.

use sensor_mail::{Description, Envelope};
use sensor_pipeline::Record;
use serde::{Deserialize, Serialize};

/// The version that is written.
const VERSION: u16 = 1;

/// A record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is written for newer readers.
    #[error(
        "the record is of version {version} and needs a reader of {oldest_reader}; this one reads {VERSION}"
    )]
    UnknownVersion {
        /// The version it is written in.
        version: u16,
        /// The oldest version of a reader that may read it.
        oldest_reader: u16,
    },
    /// It is not a record.
    #[error("not a record: {0}")]
    Malformed(#[from] serde_json::Error),
}

#[derive(Deserialize)]
struct Versions {
    mailsensor_record: u16,
    oldest_reader: u16,
}

#[derive(Serialize)]
struct Stored<'a> {
    mailsensor_record: u16,
    oldest_reader: u16,
    sequence: Option<u64>,
    envelope: &'a Envelope,
    description: &'a Description,
}

pub(crate) fn encode(record: &Record) -> Vec<u8> {
    let Record { sequence, envelope, description } = record;
    let (sequence, version) = (*sequence, VERSION);
    let stored =
        Stored { mailsensor_record: version, oldest_reader: version, sequence, envelope, description };
    let mut octets = serde_json::to_vec(&stored).expect("a record has text keys only");
    octets.push(b'\n');
    octets
}

pub(crate) fn decode(octets: &[u8]) -> Result<Record, RecordError> {
    let versions: Versions = serde_json::from_slice(octets)?;
    if versions.oldest_reader > VERSION {
        let Versions { mailsensor_record: version, oldest_reader } = versions;
        return Err(RecordError::UnknownVersion { version, oldest_reader });
    }
    Ok(serde_json::from_slice(octets)?)
}
