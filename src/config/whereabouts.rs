//! Where a sensor keeps its things: what its commands need to find it, also while its configuration is faulty.

use std::path::{Path, PathBuf};

use anyhow::Context;
use sensor_settings::{Form, Reader, Told};

use super::{ARCHIVE_DIRECTORY, DEFAULT_STATE_DIR, STATE_DIR, shown_path};

/// The places of a sensor.
#[derive(Debug)]
pub(crate) struct Whereabouts {
    state_dir: PathBuf,
    /// None where the configuration is faulty and does not tell.
    archive_dir: Option<PathBuf>,
}

impl Whereabouts {
    pub(super) fn new(state_dir: PathBuf, archive_dir: PathBuf) -> Self {
        Self { state_dir, archive_dir: Some(archive_dir) }
    }

    /// What can be told of them by layers that are faulty; none where even `state_dir` cannot.
    pub(super) fn told(reader: &Reader) -> Option<Self> {
        let archive = reader.table("archive", "");
        let archive_dir = archive.told(ARCHIVE_DIRECTORY, &Form::path());
        let state_dir = match reader.root().told(STATE_DIR, &Form::path()) {
            Told::Set(directory) => directory,
            Told::Unset => DEFAULT_STATE_DIR.into(),
            Told::Hidden | Told::Faulty => return None,
        };
        let archive_dir = match archive_dir {
            Told::Set(directory) => Some(directory),
            // A file that is broken off is no reason to look nowhere: who looks is told where.
            Told::Unset | Told::Hidden => Some(archive_of(&state_dir)),
            Told::Faulty => None,
        };
        Some(Self { state_dir, archive_dir })
    }

    pub(crate) fn spool_dir(&self) -> PathBuf {
        spool_of(&self.state_dir)
    }

    /// Where jobs wait.
    pub(crate) fn jobs_dir(&self) -> PathBuf {
        jobs_of(&self.state_dir)
    }

    /// Where the command line finds the control plane.
    pub(crate) fn control_socket(&self) -> PathBuf {
        socket_of(&self.state_dir)
    }

    /// Where mail is kept.
    ///
    /// # Errors
    /// When the faulty configuration does not tell.
    pub(crate) fn archive_dir(&self) -> anyhow::Result<&Path> {
        let known = self.archive_dir.as_deref();
        known.context("where mail is kept cannot be told from this configuration: mend it first")
    }

    /// For a person.
    pub(crate) fn shown(&self) -> String {
        shown_path(&self.state_dir)
    }
}

pub(super) fn spool_of(state_dir: &Path) -> PathBuf {
    state_dir.join("spool")
}

pub(super) fn archive_of(state_dir: &Path) -> PathBuf {
    state_dir.join("archive")
}

pub(super) fn socket_of(state_dir: &Path) -> PathBuf {
    state_dir.join("control.sock")
}

pub(super) fn jobs_of(state_dir: &Path) -> PathBuf {
    state_dir.join("jobs")
}
