//! The private directory of one run.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sensor_pipeline::{Budget, Dissected, Octets};
use tempfile::TempDir;

use crate::manifest::manifest;
use crate::octets::CHUNK_OCTETS_MAX;
use crate::trouble::Trouble;

/// A directory that only this user may enter; removed when dropped.
pub(super) struct Folder(TempDir);

impl Folder {
    /// Writes a message and its parts.
    pub(super) async fn write(under: &Path, mail: &Dissected, budget: &Budget) -> Result<Self, Trouble> {
        let (under, mail, until) = (under.to_owned(), mail.clone(), budget.clone());
        let writing = tokio::task::spawn_blocking(move || write(&under, &mail, &until));
        // Where the budget ends the wait, the thread ends at its next file, and removes what it wrote.
        let written = budget.run(writing).await?;
        written.map_err(|_| Trouble::failed("the thread that writes the message died"))?
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Removes it, on a thread of its own.
    pub(super) async fn remove(self) {
        // What cannot be removed is the temporary directory's keeper's.
        drop(tokio::task::spawn_blocking(move || drop(self)).await);
    }
}

fn write(under: &Path, mail: &Dissected, budget: &Budget) -> Result<Folder, Trouble> {
    let failed = |error: io::Error| Trouble::at("the message cannot be written for the program", &error);
    let folder = tempfile::Builder::new()
        .prefix("mailsensor-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(under)
        .map_err(failed)?;
    let path = folder.path();
    std::fs::create_dir(path.join("parts")).map_err(failed)?;
    std::fs::write(path.join("manifest.json"), manifest(mail)).map_err(failed)?;
    for piece in mail.parts.iter() {
        if let Some(over) = budget.is_over() {
            return Err(over.into());
        }
        let file = match piece.part.parent {
            None => path.join("message.eml"),
            Some(_) => path.join(format!("parts/{:04}", piece.part.id.0)),
        };
        copy(&piece.octets, &file).map_err(failed)?;
    }
    Ok(Folder(folder))
}

fn copy(octets: &Octets, to: &Path) -> io::Result<()> {
    let mut file = File::create_new(to)?;
    if let Some(octets) = octets.as_slice() {
        return file.write_all(octets);
    }
    let (mut buffer, mut offset) = (vec![0; CHUNK_OCTETS_MAX], 0);
    loop {
        let count = octets.read_at(offset, &mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        file.write_all(&buffer[..count])?;
        offset += count as u64;
    }
}
