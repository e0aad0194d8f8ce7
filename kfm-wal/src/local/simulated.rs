//! A disk in memory whose power can be cut: stricter than any real one, and exact.
//!
//! What was written and not synced survives a power cut sector by sector, each by the throw of a seeded coin;
//! what was renamed or removed and whose folder was not synced survives up to a point, as in a journaling file
//! system. After a sync that failed the written sectors count as clean, as they do in Linux: a later sync that
//! succeeds says nothing about them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Access, Disk, DiskFile, DiskLock};

/// What survives a power cut survives in pieces of this size.
const SECTOR_BYTES: usize = 512;

/// A file system in memory; clones share it.
#[derive(Debug, Clone, Default)]
pub struct SimulatedDisk(Arc<Mutex<World>>);

/// What happens at an operation that changes the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is done as far as memory goes, and from then on nothing works until [`SimulatedDisk::reboot`].
    PowerCut,
    /// It is refused and nothing happens.
    Refuse,
    /// A write stops halfway and is refused; another operation is refused.
    Half,
    /// It happens and is refused all the same; a sync forgets what it was to make durable.
    Lie,
}

#[derive(Debug, Default)]
struct World {
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    pending: Vec<NameChange>,
    dirs: BTreeSet<PathBuf>,
    files: Vec<Content>,
    locks: BTreeSet<PathBuf>,
    /// Counts reboots: what was opened before one is dead.
    boot: u64,
    changes: u64,
    faults: BTreeMap<u64, Fault>,
    without_power: bool,
}

#[derive(Debug, Clone)]
enum NameChange {
    Add(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

#[derive(Debug, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    unsynced: BTreeSet<usize>,
}

impl SimulatedDisk {
    /// Makes an empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns how many operations changed the disk so far: writes, syncs, new files, renames, removals.
    pub fn changes(&self) -> u64 {
        self.world().changes
    }

    /// Lets a fault happen at the `change`th change from the beginning, counted from 1.
    pub fn fail_at(&self, change: u64, fault: Fault) {
        self.world().faults.insert(change, fault);
    }

    /// Cuts the power if it is not cut yet, and starts again with what survived, as `seed` throws the coins.
    pub fn reboot(&self, seed: u64) {
        let mut world = self.world();
        let mut coins = Coins(seed);
        let survive = coins.below(world.pending.len() + 1);
        let pending = std::mem::take(&mut world.pending);
        for change in pending.into_iter().take(survive) {
            change.apply(&mut world.durable_names);
        }
        world.names = world.durable_names.clone();
        for file in &mut world.files {
            let grown = file.now.len() > file.durable.len() && coins.toss();
            if grown {
                file.durable.resize(file.now.len(), 0);
            }
            for sector in std::mem::take(&mut file.unsynced) {
                if coins.toss() {
                    file.keep(sector);
                }
            }
            file.now = file.durable.clone();
        }
        world.locks.clear();
        world.faults.clear();
        world.boot += 1;
        world.without_power = false;
    }

    /// Ends a process without cutting the power: what it wrote stays, its locks and open files do not.
    pub fn kill_processes(&self) {
        let mut world = self.world();
        world.locks.clear();
        world.faults.clear();
        world.boot += 1;
        world.without_power = false;
    }

    /// Returns the bytes of a file; none if there is none.
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let world = self.world();
        world.names.get(path).map(|inode| world.files[*inode].now.clone())
    }

    /// Sets the bytes of a file, durably: damage from outside.
    pub fn overwrite(&self, path: &Path, bytes: Vec<u8>) {
        let mut world = self.world();
        let inode = match world.names.get(path) {
            Some(inode) => *inode,
            None => world.add(path),
        };
        world.durable_names.insert(path.to_path_buf(), inode);
        let synced = Content { now: bytes.clone(), durable: bytes, unsynced: BTreeSet::new() };
        world.files[inode] = synced;
    }

    /// Removes a file, durably: damage from outside.
    pub fn lose(&self, path: &Path) {
        let mut world = self.world();
        world.names.remove(path);
        world.durable_names.remove(path);
    }

    /// Returns all paths, sorted.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.world().names.keys().cloned().collect()
    }

    /// Returns a disk of its own with the same files, all of them durable.
    #[must_use]
    pub fn copy(&self) -> Self {
        let copy = Self::new();
        let world = self.world();
        copy.world().dirs = world.dirs.clone();
        for (path, inode) in &world.names {
            copy.overwrite(path, world.files[*inode].now.clone());
        }
        copy
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NameChange {
    fn apply(self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Add(path, inode) => {
                names.insert(path, inode);
            }
            Self::Rename(from, to) => {
                if let Some(inode) = names.remove(&from) {
                    names.insert(to, inode);
                }
            }
            Self::Remove(path) => {
                names.remove(&path);
            }
        }
    }

    fn dir(&self) -> Option<&Path> {
        match self {
            Self::Add(path, _) | Self::Rename(_, path) | Self::Remove(path) => path.parent(),
        }
    }
}

impl Content {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.now.len() < end {
            self.now.resize(end, 0);
        }
        self.now[offset..end].copy_from_slice(bytes);
        if !bytes.is_empty() {
            self.unsynced.extend(offset / SECTOR_BYTES..=(end - 1) / SECTOR_BYTES);
        }
    }

    /// Makes a sector durable, as far as the durable length goes.
    fn keep(&mut self, sector: usize) {
        let start = sector * SECTOR_BYTES;
        let end = (start + SECTOR_BYTES).min(self.now.len()).min(self.durable.len());
        if start < end {
            self.durable[start..end].copy_from_slice(&self.now[start..end]);
        }
    }

    fn sync(&mut self) {
        self.durable.resize(self.now.len(), 0);
        for sector in std::mem::take(&mut self.unsynced) {
            self.keep(sector);
        }
    }
}

impl World {
    /// Counts a change and says what is to happen to it.
    fn change(&mut self, boot: u64) -> io::Result<Option<Fault>> {
        self.alive(boot)?;
        self.changes += 1;
        let fault = self.faults.get(&self.changes).copied();
        self.without_power = fault == Some(Fault::PowerCut);
        Ok(fault)
    }

    fn alive(&self, boot: u64) -> io::Result<()> {
        if self.without_power || self.boot != boot { Err(refused()) } else { Ok(()) }
    }

    fn add(&mut self, path: &Path) -> usize {
        self.files.push(Content::default());
        let inode = self.files.len() - 1;
        self.names.insert(path.to_path_buf(), inode);
        inode
    }

    /// Does a change of names, unless a fault keeps it from happening.
    fn rename_or(&mut self, change: NameChange) -> io::Result<()> {
        let fault = self.change(self.boot)?;
        if !matches!(fault, Some(Fault::Refuse | Fault::Half)) {
            change.clone().apply(&mut self.names);
            self.pending.push(change);
        }
        fault.map_or(Ok(()), |_| Err(refused()))
    }
}

impl Disk for SimulatedDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.alive(world.boot)?;
        world.dirs.extend(dir.ancestors().map(Path::to_path_buf));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let world = self.world();
        world.alive(world.boot)?;
        if !world.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = world.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let mut world = self.world();
        world.alive(world.boot)?;
        let inode = world.names.get(path).copied();
        let inode = match (access, inode) {
            (Access::Create, _) => {
                // A new inode, as if the old file were removed first.
                let boot = world.boot;
                if let Some(fault) = world.change(boot)? {
                    return Err(refused_by(fault));
                }
                let inode = world.add(path);
                world.pending.push(NameChange::Add(path.to_path_buf(), inode));
                inode
            }
            (_, Some(inode)) => inode,
            (_, None) => return Err(io::ErrorKind::NotFound.into()),
        };
        let boot = world.boot;
        let writes = access != Access::Read;
        Ok(Box::new(SimulatedFile { disk: self.clone(), inode, boot, writes }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.world().rename_or(NameChange::Rename(from.to_path_buf(), to.to_path_buf()))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.world().rename_or(NameChange::Remove(path.to_path_buf()))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut world = self.world();
        let boot = world.boot;
        let fault = world.change(boot)?;
        if fault.is_none() {
            let (synced, pending) = std::mem::take(&mut world.pending)
                .into_iter()
                .partition::<Vec<_>, _>(|change| change.dir() == Some(dir));
            world.pending = pending;
            for change in synced {
                change.apply(&mut world.durable_names);
            }
        }
        fault.map_or(Ok(()), |fault| Err(refused_by(fault)))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        let mut world = self.world();
        world.alive(world.boot)?;
        if !world.names.contains_key(path) {
            let inode = world.add(path);
            world.pending.push(NameChange::Add(path.to_path_buf(), inode));
        }
        if !world.locks.insert(path.to_path_buf()) {
            return Ok(None);
        }
        let boot = world.boot;
        Ok(Some(Box::new(SimulatedLock { disk: self.clone(), path: path.to_path_buf(), boot })))
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    inode: usize,
    boot: u64,
    writes: bool,
}

impl DiskFile for SimulatedFile {
    fn bytes(&mut self) -> io::Result<u64> {
        let world = self.disk.world();
        world.alive(self.boot)?;
        Ok(world.files[self.inode].now.len() as u64)
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let world = self.disk.world();
        world.alive(self.boot)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = world.files[self.inode].now.get(start..).unwrap_or_default();
        let read = bytes.len().min(buffer.len());
        buffer[..read].copy_from_slice(&bytes[..read]);
        Ok(read)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut world = self.disk.world();
        if !self.writes {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let fault = world.change(self.boot)?;
        let written = match fault {
            Some(Fault::Refuse) => 0,
            Some(Fault::Half) => bytes.len() / 2,
            _ => bytes.len(),
        };
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        world.files[self.inode].write(offset, &bytes[..written]);
        fault.map_or(Ok(()), |fault| Err(refused_by(fault)))
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut world = self.disk.world();
        let fault = world.change(self.boot)?;
        match fault {
            None => world.files[self.inode].sync(),
            Some(Fault::Lie) => world.files[self.inode].unsynced.clear(),
            Some(_) => {}
        }
        fault.map_or(Ok(()), |fault| Err(refused_by(fault)))
    }
}

#[derive(Debug)]
struct SimulatedLock {
    disk: SimulatedDisk,
    path: PathBuf,
    boot: u64,
}

impl DiskLock for SimulatedLock {
    fn note(&mut self, holder: &str) -> io::Result<()> {
        let mut world = self.disk.world();
        world.alive(self.boot)?;
        let inode = world.names[&self.path];
        world.files[inode].now = holder.as_bytes().to_vec();
        Ok(())
    }
}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        let mut world = self.disk.world();
        if world.boot == self.boot {
            world.locks.remove(&self.path);
        }
    }
}

/// A sequence of coins that follows from a seed (SplitMix64, Steele et al. 2014).
#[derive(Debug, Clone)]
struct Coins(u64);

impl Coins {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn toss(&mut self) -> bool {
        self.next() & 1 == 1
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below a usize")
    }
}

fn refused() -> io::Error {
    io::Error::other("the simulated disk is gone")
}

fn refused_by(fault: Fault) -> io::Error {
    io::Error::other(format!("the simulated disk refuses: fault={fault:?}"))
}
