//! How looks are added.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use sensor_mail::{Look, MailId};
use sensor_pipeline::{KeepError, StoreError, removes_octets};
use sensor_spool::disk::File;

use super::{DirectoryArchive, settle_blame, store};
use crate::kept::{ReadError, read_all};
use crate::layout::{self, LOOKS, MESSAGE};
use crate::looks::Looks;

/// Up to so many files are synced one by one; more by one call, which waits for whatever else was written to the
/// file system.
const SYNC_SINGLY_MAX: usize = 4;

/// A look of which the file is written and has not its name yet.
struct Added {
    id: MailId,
    file: Arc<dyn File>,
}

impl DirectoryArchive {
    /// The looks into a message.
    pub(super) fn looks(&self, id: MailId) -> Result<Looks, ReadError> {
        let path = directory(id).join(layout::name(id, LOOKS));
        let Some(file) = self.open_if_there(&path)? else { return Ok(Looks::default()) };
        let octets = read_all(&*file).map_err(|source| ReadError::File { path: path.clone(), source })?;
        Looks::decode(octets).map_err(|source| ReadError::Record { path, source })
    }

    /// All files of the group are written under names of their own, made durable, given their names, and the
    /// names made durable; only then are octets removed.
    pub(super) fn add_looks(
        &self,
        group: &[(MailId, Arc<Look>)],
    ) -> Result<Vec<Result<(), KeepError>>, StoreError> {
        let mut added = Vec::new();
        let mut removals = Vec::new();
        let mut outcomes = Vec::with_capacity(group.len());
        for (id, look) in group {
            outcomes.push(settle_blame(self.write_look(*id, look, &mut added, &mut removals))?);
        }
        self.sync_all(&added).map_err(store("syncing looks"))?;
        for Added { id, .. } in &added {
            let part = directory(*id).join(layout::part_name(*id, LOOKS));
            let name = directory(*id).join(layout::name(*id, LOOKS));
            self.disk.rename(&part, &name).map_err(store("naming a look"))?;
        }
        self.sync_days(added.iter().map(|added| added.id))?;
        for id in &removals {
            self.remove_octets(*id).map_err(store("removing octets"))?;
        }
        self.sync_days(removals.into_iter())?;
        Ok(outcomes)
    }

    fn write_look(
        &self,
        id: MailId,
        look: &Look,
        added: &mut Vec<Added>,
        removals: &mut Vec<MailId>,
    ) -> Result<(), KeepError> {
        let looks = self.looks(id).map_err(blame)?;
        if removes_octets(looks.last(look)) {
            removals.push(id);
        }
        let octets = looks
            .with(look)
            .map_err(|error| KeepError::Refused(io::Error::new(io::ErrorKind::InvalidData, error)))?;
        // Also where it is there already: the sync of a name may have failed, and then it may be gone tomorrow.
        let file = self.create_anew(&directory(id).join(layout::part_name(id, LOOKS)))?;
        file.write_at(&octets, 0).map_err(KeepError::Refused)?;
        added.push(Added { id, file });
        Ok(())
    }

    fn sync_all(&self, added: &[Added]) -> io::Result<()> {
        if added.len() > SYNC_SINGLY_MAX {
            return self.disk.sync_file_system();
        }
        added.iter().try_for_each(|Added { file, .. }| file.sync_data())
    }

    fn sync_days(&self, ids: impl Iterator<Item = MailId>) -> Result<(), StoreError> {
        let days: BTreeSet<PathBuf> = ids.map(directory).collect();
        days.iter().try_for_each(|day| self.disk.sync_dir(day)).map_err(store("syncing a directory"))
    }

    fn remove_octets(&self, id: MailId) -> io::Result<()> {
        match self.disk.remove(&directory(id).join(layout::name(id, MESSAGE))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

/// A file that cannot be had is the store's fault, one that is none the message's own.
fn blame(error: ReadError) -> KeepError {
    KeepError::Refused(match error {
        ReadError::File { source, .. } => source,
        ReadError::Record { .. } | ReadError::Removed { .. } | ReadError::Altered { .. } => {
            io::Error::new(io::ErrorKind::InvalidData, error)
        }
    })
}

fn directory(id: MailId) -> PathBuf {
    layout::directory_of(layout::day_of(id))
}

#[cfg(test)]
mod tests;
