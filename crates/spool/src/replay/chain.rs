//! Which segment files belong to the log: from the newest header back over predecessors.

use std::path::Path;
use std::sync::Arc;

use crate::disk::{Access, Disk, read_full};
use crate::error::OpenError;
use crate::segment::{self, Parsed, Segment, SegmentHeader};

/// A segment of the log.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) segment: Arc<Segment>,
    pub(crate) header: SegmentHeader,
}

/// The segments of the log, oldest first, and the files that are none.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    pub(crate) links: Vec<Link>,
    pub(crate) missing: Vec<u32>,
    pub(crate) unused: Vec<String>,
}

impl Chain {
    pub(crate) fn read(disk: &dyn Disk, access: Access) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { doing: "listing the spool", source };
        let names = disk.list(Path::new("")).map_err(io)?;
        let mut links = Vec::new();
        let mut unused = Vec::new();
        for name in names {
            let Some(generation) = segment::generation_of(&name) else { continue };
            match read_link(disk, access, &name, generation)? {
                Some(link) => links.push(link),
                None => unused.push(name),
            }
        }
        Ok(Self::follow(links, unused))
    }

    /// The links are in the order of their generations, as names are.
    fn follow(mut links: Vec<Link>, mut unused: Vec<String>) -> Self {
        let mut chain = Vec::new();
        let mut missing = Vec::new();
        let mut oldest = 0;
        let mut wanted = links.last().map_or(0, |link| link.header.key.generation);
        while wanted > 0 && wanted >= oldest {
            let Some(link) = links.pop() else {
                missing.push(wanted);
                break;
            };
            let generation = link.header.key.generation;
            if generation > wanted {
                unused.push(name_of(generation));
                continue;
            }
            if generation < wanted {
                missing.push(wanted);
                // The octets before a hole are kept: better twice than never.
                wanted = generation;
            }
            oldest = oldest.max(link.header.oldest);
            wanted = if wanted < oldest { 0 } else { link.header.predecessor };
            chain.push(link);
        }
        unused.extend(links.iter().map(|link| name_of(link.header.key.generation)));
        chain.reverse();
        Self { links: chain, missing, unused }
    }
}

/// The name of the segment of a generation, as text.
pub(crate) fn name_of(generation: u32) -> String {
    segment::name(generation).to_string_lossy().into_owned()
}

/// The segment in a file; `None` when it is a spare, or gone.
fn read_link(
    disk: &dyn Disk,
    access: Access,
    name: &str,
    generation: u32,
) -> Result<Option<Link>, OpenError> {
    let io = |source| OpenError::Io { doing: "opening a segment", source };
    let file = match disk.open(Path::new(name), access) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(io)?,
    };
    let mut octets = [0; segment::HEADER];
    let read = read_full(&*file, &mut octets, 0).map_err(io)?;
    match SegmentHeader::parse(&octets[..read]) {
        Parsed::Header(header) if header.key.generation == generation => {
            Ok(Some(Link { segment: Arc::new(Segment { key: header.key, file }), header }))
        }
        Parsed::Header(_) | Parsed::None => Ok(None),
        Parsed::UnknownVersion { version, reader } => {
            Err(OpenError::UnknownVersion { file: name.to_owned(), version, reader, own: segment::VERSION })
        }
    }
}
