//! What the simulated disk remembers: octets and names, each as they are and as a crash would leave them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::Chance;

const SECTOR: usize = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeId(u64);

/// The octets of all files.
#[derive(Default)]
pub(super) struct Nodes {
    nodes: BTreeMap<NodeId, Node>,
    last: u64,
}

#[derive(Default)]
struct Node {
    cache: Vec<u8>,
    media: Vec<u8>,
    dirty: BTreeSet<usize>,
    /// Its last name is gone: it takes no space, but whoever has it open reads on.
    nameless: bool,
}

impl Nodes {
    pub(super) fn create(&mut self) -> NodeId {
        self.last += 1;
        self.nodes.insert(NodeId(self.last), Node::default());
        NodeId(self.last)
    }

    pub(super) fn ids(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    pub(super) fn count(&self) -> u64 {
        self.nodes.values().filter(|node| !node.nameless).count() as u64
    }

    pub(super) fn octets(&self) -> u64 {
        self.nodes.values().filter(|node| !node.nameless).map(|node| node.cache.len() as u64).sum()
    }

    pub(super) fn retain(&mut self, keep: impl Fn(NodeId) -> bool) {
        self.nodes.retain(|&id, _| keep(id));
    }

    pub(super) fn retain_space(&mut self, named: impl Fn(NodeId) -> bool) {
        for (&id, node) in &mut self.nodes {
            node.nameless = !named(id);
        }
    }

    pub(super) fn len(&self, id: NodeId) -> u64 {
        self.nodes.get(&id).map_or(0, |node| node.cache.len() as u64)
    }

    pub(super) fn read(&self, id: NodeId, buffer: &mut [u8], offset: u64) -> usize {
        let cache = self.nodes.get(&id).map_or(&[][..], |node| &node.cache);
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(cache.len());
        let octets = buffer.len().min(cache.len() - from);
        buffer[..octets].copy_from_slice(&cache[from..from + octets]);
        octets
    }

    pub(super) fn write(&mut self, id: NodeId, octets: &[u8], offset: u64) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let from = usize::try_from(offset).expect("simulated files are small");
        let end = from + octets.len();
        if node.cache.len() < end {
            node.cache.resize(end, 0);
        }
        node.cache[from..end].copy_from_slice(octets);
        node.dirty.extend(from / SECTOR..end.div_ceil(SECTOR));
    }

    pub(super) fn set_len(&mut self, id: NodeId, octets: u64) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let octets = usize::try_from(octets).expect("simulated files are small");
        node.cache.resize(octets, 0);
        node.dirty.insert(octets / SECTOR);
    }

    pub(super) fn sync(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let dirty = std::mem::take(&mut node.dirty);
        node.media.resize(node.cache.len(), 0);
        for sector in dirty {
            node.put_on_media(sector);
        }
    }

    /// The sync fails: some sectors reach the media, the others are forgotten though reads still show them.
    pub(super) fn lose(&mut self, id: NodeId, chance: &mut Chance) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        for sector in std::mem::take(&mut node.dirty) {
            if chance.one_in(2) {
                node.put_on_media(sector);
            }
        }
    }

    pub(super) fn crash(&mut self, chance: &mut Chance) {
        for node in self.nodes.values_mut() {
            // Now and then all or nothing of what is unsynced survives, else each sector by itself.
            let survive = [0, 1, 2, 2, 4][chance.below(5)];
            for sector in std::mem::take(&mut node.dirty) {
                if chance.one_in(survive) {
                    node.put_on_media(sector);
                }
            }
            node.cache.clone_from(&node.media);
            node.nameless = false;
        }
    }

    pub(super) fn corrupt(&mut self, id: NodeId, offset: u64, bits: u8) -> bool {
        let Some(node) = self.nodes.get_mut(&id) else { return false };
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let Some(octet) = node.cache.get_mut(offset) else { return false };
        *octet ^= bits;
        if let Some(octet) = node.media.get_mut(offset) {
            *octet ^= bits;
        }
        true
    }
}

impl Node {
    fn put_on_media(&mut self, sector: usize) {
        let from = (sector * SECTOR).min(self.cache.len());
        let end = (from + SECTOR).min(self.cache.len());
        if self.media.len() < end {
            self.media.resize(end, 0);
        }
        self.media[from..end].copy_from_slice(&self.cache[from..end]);
    }
}

/// The names of all files and directories.
#[derive(Default)]
pub(super) struct Names {
    now: Tree,
    media: Tree,
    pending: Vec<Change>,
}

/// `None` is a directory.
type Tree = BTreeMap<PathBuf, Option<NodeId>>;

#[derive(Clone)]
enum Change {
    Put { path: PathBuf, entry: Option<NodeId> },
    Unlink { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf, entry: Option<NodeId> },
}

impl Change {
    fn touches(&self, dir: &Path) -> bool {
        match self {
            Self::Put { path, .. } | Self::Unlink { path } => path.parent() == Some(dir),
            Self::Rename { from, to, .. } => from.parent() == Some(dir) || to.parent() == Some(dir),
        }
    }

    fn apply(self, tree: &mut Tree) {
        match self {
            Self::Put { path, entry } => {
                tree.insert(path, entry);
            }
            Self::Unlink { path } => {
                tree.remove(&path);
            }
            Self::Rename { from, to, entry } => {
                tree.remove(&from);
                tree.insert(to, entry);
            }
        }
    }
}

impl Names {
    pub(super) fn find(&self, path: &Path) -> Option<NodeId> {
        self.now.get(path).copied().flatten()
    }

    pub(super) fn nodes(&self) -> BTreeSet<NodeId> {
        self.now.values().copied().flatten().collect()
    }

    pub(super) fn vacant(&self, path: &Path) -> io::Result<()> {
        if self.now.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.is_dir(path.parent().unwrap_or(Path::new("")))
    }

    pub(super) fn link(&mut self, path: &Path, node: NodeId) {
        self.change(Change::Put { path: path.to_owned(), entry: Some(node) });
    }

    pub(super) fn unlink(&mut self, path: &Path) -> io::Result<()> {
        self.find(path).ok_or(io::ErrorKind::NotFound)?;
        self.change(Change::Unlink { path: path.to_owned() });
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let entry = Some(self.find(from).ok_or(io::ErrorKind::NotFound)?);
        self.is_dir(to.parent().unwrap_or(Path::new("")))?;
        self.change(Change::Rename { from: from.to_owned(), to: to.to_owned(), entry });
        Ok(())
    }

    pub(super) fn make_dir_all(&mut self, dir: &Path) -> io::Result<()> {
        let mut dirs: Vec<_> = dir.ancestors().filter(|dir| *dir != Path::new("")).collect();
        dirs.reverse();
        for dir in dirs {
            match self.now.get(dir) {
                None => self.change(Change::Put { path: dir.to_owned(), entry: None }),
                Some(None) => {}
                Some(Some(_)) => return Err(io::ErrorKind::NotADirectory.into()),
            }
        }
        Ok(())
    }

    pub(super) fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.is_dir(dir)?;
        let inside = self.now.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) {
        let (synced, pending) = std::mem::take(&mut self.pending).into_iter().partition(|c| c.touches(dir));
        self.pending = pending;
        let synced: Vec<Change> = synced;
        for change in synced {
            if let Change::Rename { from, .. } = &change {
                // The file moved before its old name was durable: that name does not come back.
                self.pending.retain(|other| !matches!(other, Change::Put { path, .. } if path == from));
            }
            change.apply(&mut self.media);
        }
    }

    pub(super) fn sync_all(&mut self) {
        self.pending.clear();
        self.media.clone_from(&self.now);
    }

    /// Unsynced changes happened or did not, each by itself; what lies in a directory that did not is gone.
    pub(super) fn crash(&mut self, chance: &mut Chance) {
        for change in std::mem::take(&mut self.pending) {
            if chance.one_in(2) {
                change.apply(&mut self.media);
            }
        }
        let tree = self.media.clone();
        self.media.retain(|path, _| {
            path.ancestors().skip(1).all(|dir| dir == Path::new("") || tree.get(dir) == Some(&None))
        });
        self.now.clone_from(&self.media);
    }

    fn is_dir(&self, dir: &Path) -> io::Result<()> {
        if dir == Path::new("") || self.now.get(dir) == Some(&None) {
            Ok(())
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    fn change(&mut self, change: Change) {
        self.pending.push(change.clone());
        change.apply(&mut self.now);
    }
}
