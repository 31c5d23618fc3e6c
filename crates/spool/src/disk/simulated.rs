//! A disk in memory that behaves as badly as real ones may, by a seed.
//!
//! ```text
//!   write ---> cache (what reads see) --- sync_data ---> media (what a crash leaves)
//!                |        sync fails: clean but lost, as on Linux: a later sync does not bring it back
//!                +-- crash: each unsynced sector of 512 octets and each unsynced name
//!                    is old or new by the seed (dropped, torn, reordered)
//! ```
//!
//! It promises that one seed and one sequence of calls give one outcome. It lacks permissions, links,
//! times, and octets that rot by themselves: [`SimDisk::corrupt`] does that by hand.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Access, Disk, File, Lock, Space};

mod chance;
mod media;

pub use chance::Chance;
use media::{Names, NodeId, Nodes};

/// What goes wrong by itself. A chance of `n` is one in `n`; 0 is never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// A write that fails after part of it.
    pub write: u32,
    /// A sync of a file, a directory or everything that fails.
    pub sync: u32,
    /// A read that fails.
    pub read: u32,
    /// A read that gives fewer octets than asked for.
    pub short_read: u32,
    /// A create, rename or remove that fails and changes nothing.
    pub name: u32,
}

/// How often the disk was asked for what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Files made.
    pub creates: u64,
    /// Reads.
    pub reads: u64,
    /// Files of which it was said that they are about to be read.
    pub prefetches: u64,
    /// Writes.
    pub writes: u64,
    /// Syncs of a file.
    pub syncs: u64,
    /// Syncs of a directory.
    pub dir_syncs: u64,
    /// Syncs of everything.
    pub file_system_syncs: u64,
}

/// A simulated disk. Clones are the same disk.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

struct State {
    chance: Chance,
    nodes: Nodes,
    names: Names,
    faults: Faults,
    counts: Counts,
    capacity: u64,
    inodes: u64,
    locks: BTreeSet<PathBuf>,
    life: u64,
    power_left: Option<u64>,
}

impl SimDisk {
    /// An empty disk without faults, of 1 TiB.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            chance: Chance(seed),
            nodes: Nodes::default(),
            names: Names::default(),
            faults: Faults::default(),
            counts: Counts::default(),
            capacity: 1 << 40,
            inodes: 1 << 40,
            locks: BTreeSet::new(),
            life: 0,
            power_left: None,
        })))
    }

    /// What goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// How large the disk is from now on, files that are there included.
    pub fn set_capacity(&self, octets: u64) {
        self.state().capacity = octets;
    }

    /// How many files the disk may hold from now on.
    pub fn set_inodes(&self, inodes: u64) {
        self.state().inodes = inodes;
    }

    /// The power goes after `changes` more changes (writes, syncs, names); from then on everything fails
    /// until [`SimDisk::crash`].
    pub fn cut_power_after(&self, changes: u64) {
        self.state().power_left = Some(changes);
    }

    /// Whether the power is gone.
    #[must_use]
    pub fn is_dark(&self) -> bool {
        self.state().power_left == Some(0)
    }

    /// The machine loses power and comes back: what was not synced is lost, kept or torn by the seed.
    /// Files opened and locks taken before are void.
    pub fn crash(&self) {
        let mut state = self.state();
        let State { chance, nodes, names, .. } = &mut *state;
        nodes.crash(chance);
        names.crash(chance);
        let kept = names.nodes();
        nodes.retain(|id| kept.contains(&id));
        state.end_life();
    }

    /// The program is killed and started again: what was written is there, synced or not; files opened
    /// and locks taken before are void.
    pub fn kill(&self) {
        self.state().end_life();
    }

    /// Flips bits of one octet of a file, on the media too; whether the file has that octet.
    pub fn corrupt(&self, path: &Path, offset: u64, bits: u8) -> bool {
        let mut state = self.state();
        state.names.find(path).is_some_and(|node| state.nodes.corrupt(node, offset, bits))
    }

    /// How often it was asked for what.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.state().counts
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, node: NodeId, access: Access, life: u64) -> Arc<dyn File> {
        Arc::new(SimFile { disk: self.clone(), node, access, life })
    }
}

impl std::fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimDisk").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl State {
    fn end_life(&mut self) {
        self.life += 1;
        self.power_left = None;
        self.locks.clear();
    }

    fn lit(&self) -> io::Result<()> {
        if self.power_left == Some(0) { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    /// Uses up one change; the one that uses the last fails.
    fn change(&mut self) -> io::Result<()> {
        self.lit()?;
        if let Some(left) = &mut self.power_left {
            *left -= 1;
        }
        self.lit()
    }

    fn fails(&mut self, one_in: u32) -> io::Result<()> {
        if self.chance.one_in(one_in) { Err(io::Error::other("simulated fault")) } else { Ok(()) }
    }

    fn change_names(&mut self) -> io::Result<()> {
        self.change()?;
        self.fails(self.faults.name)
    }

    fn free(&self) -> u64 {
        self.capacity.saturating_sub(self.nodes.octets())
    }

    /// Makes sure the file may grow to `end`.
    fn allocate(&mut self, node: NodeId, end: u64) -> io::Result<()> {
        let growth = end.saturating_sub(self.nodes.len(node));
        if growth > self.free() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    /// A failed sync leaves some sectors on the media and forgets the rest.
    fn sync_node(&mut self, node: NodeId) -> io::Result<()> {
        if self.chance.one_in(self.faults.sync) {
            self.nodes.lose(node, &mut self.chance);
            return Err(io::Error::other("simulated sync fault"));
        }
        self.nodes.sync(node);
        Ok(())
    }
}

impl Disk for SimDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = self.state();
        state.change_names()?;
        state.counts.creates += 1;
        if state.nodes.count() >= state.inodes {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.names.vacant(path)?;
        let node = state.nodes.create();
        state.names.link(path, node);
        Ok(self.handle(node, Access::ReadWrite, state.life))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn File>> {
        let state = self.state();
        state.lit()?;
        let node = state.names.find(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.handle(node, access, state.life))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        state.lit()?;
        state.names.list(dir)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change_names()?;
        state.names.unlink(path)?;
        // Octets whose name is gone are free for others; the media keeps them until the name is gone there.
        let kept = state.names.nodes();
        state.nodes.retain_space(|id| kept.contains(&id));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change_names()?;
        state.names.rename(from, to)
    }

    fn make_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change_names()?;
        state.names.make_dir_all(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        state.counts.dir_syncs += 1;
        let one_in = state.faults.sync;
        state.fails(one_in)?;
        state.names.sync_dir(dir);
        Ok(())
    }

    fn sync_file_system(&self) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        state.counts.file_system_syncs += 1;
        for node in state.nodes.ids() {
            state.sync_node(node)?;
        }
        state.names.sync_all();
        Ok(())
    }

    fn space(&self) -> io::Result<Space> {
        let state = self.state();
        state.lit()?;
        Ok(Space { octets: state.free(), inodes: state.inodes.saturating_sub(state.nodes.count()) })
    }

    fn lock(&self, path: &Path) -> io::Result<Lock> {
        let mut state = self.state();
        state.lit()?;
        if !state.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Lock::new(SimLock { disk: self.clone(), path: path.to_owned(), life: state.life }))
    }
}

struct SimLock {
    disk: SimDisk,
    path: PathBuf,
    life: u64,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.life == self.life {
            state.locks.remove(&self.path);
        }
    }
}

struct SimFile {
    disk: SimDisk,
    node: NodeId,
    access: Access,
    life: u64,
}

impl SimFile {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        state.lit()?;
        if state.life == self.life { Ok(state) } else { Err(io::Error::other("opened before the crash")) }
    }

    fn state_for_change(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state()?;
        if self.access == Access::Read {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        state.change()?;
        Ok(state)
    }
}

impl File for SimFile {
    fn octets(&self) -> io::Result<u64> {
        Ok(self.state()?.nodes.len(self.node))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.state()?;
        state.counts.reads += 1;
        let one_in = state.faults.read;
        state.fails(one_in)?;
        let mut wanted = buffer.len();
        let one_in = state.faults.short_read;
        if wanted > 1 && state.chance.one_in(one_in) {
            wanted = 1 + state.chance.below(wanted - 1);
        }
        Ok(state.nodes.read(self.node, &mut buffer[..wanted], offset))
    }

    fn prefetch(&self) {
        self.disk.state().counts.prefetches += 1;
    }

    /// What it has written by itself by the next sync is chance, with or without this.
    fn begin_writing(&self, _: u64, _: u64) {}

    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.state_for_change()?;
        state.counts.writes += 1;
        let mut written = octets;
        let one_in = state.faults.write;
        let fault = state.fails(one_in);
        if fault.is_err() {
            written = &octets[..state.chance.below(octets.len() + 1)];
        }
        state.allocate(self.node, offset + written.len() as u64)?;
        state.nodes.write(self.node, written, offset);
        fault
    }

    fn set_octets(&self, octets: u64) -> io::Result<()> {
        let mut state = self.state_for_change()?;
        state.allocate(self.node, octets)?;
        state.nodes.set_len(self.node, octets);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state_for_change()?;
        state.counts.syncs += 1;
        state.sync_node(self.node)
    }
}
