//! A disk in memory whose power can be cut: stricter than any real one, and exact.
//!
//! Of what was written and not synced any part survives a power cut, as a seeded coin falls: by sectors, by
//! sectors torn at some byte, or byte by byte, and each as it was after any of the writes since the last sync.
//! A file that grew has any length between. Of what was renamed or removed in a folder that was not synced
//! there survives what came before some moment, as in a journaling file system, or any part. After a sync
//! that failed the written sectors count as clean, as they do in Linux: a later sync that succeeds says
//! nothing about them.

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
    Rename { from: PathBuf, to: PathBuf, inode: usize },
    Remove(PathBuf),
}

/// In which pieces unsynced bytes survive a power cut.
#[derive(Debug, Clone, Copy)]
enum Grain {
    Sectors,
    TornSectors,
    Bytes,
}

#[derive(Debug, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// The sectors written since the last sync, with what each held before its second and later writes.
    unsynced: BTreeMap<usize, Vec<Vec<u8>>>,
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

    /// Takes back all faults that have not happened yet.
    pub fn forget_faults(&self) {
        self.world().faults.clear();
    }

    /// Says whether the disk works: no power cut happened since the last reboot.
    pub fn has_power(&self) -> bool {
        !self.world().without_power
    }

    /// Cuts the power if it is not cut yet, and starts again with what survived, as `seed` throws the coins.
    pub fn reboot(&self, seed: u64) {
        let mut world = self.world();
        let mut coins = Coins(seed);
        let pending = std::mem::take(&mut world.pending);
        let (in_order, moment) = (coins.toss(), coins.below(pending.len() + 1));
        for (n, change) in pending.into_iter().enumerate() {
            if if in_order { n < moment } else { coins.toss() } {
                change.apply(&mut world.durable_names);
            }
        }
        world.names = world.durable_names.clone();
        let grain = match coins.below(4) {
            0 => Grain::Bytes,
            1 => Grain::TornSectors,
            _ => Grain::Sectors,
        };
        for file in &mut world.files {
            file.survive(grain, &mut coins);
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
        let synced = Content { now: bytes.clone(), durable: bytes, unsynced: BTreeMap::new() };
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
            Self::Rename { from, to, inode } => {
                names.remove(&from);
                names.insert(to, inode);
            }
            Self::Remove(path) => {
                names.remove(&path);
            }
        }
    }

    fn dir(&self) -> Option<&Path> {
        match self {
            Self::Add(path, _) | Self::Rename { to: path, .. } | Self::Remove(path) => path.parent(),
        }
    }
}

impl Content {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.now.len() < end {
            self.now.resize(end, 0);
        }
        if !bytes.is_empty() {
            for sector in offset / SECTOR_BYTES..=(end - 1) / SECTOR_BYTES {
                let before = self.sector(sector).to_vec();
                self.unsynced.entry(sector).and_modify(|older| older.push(before)).or_default();
            }
        }
        self.now[offset..end].copy_from_slice(bytes);
    }

    fn sector(&self, sector: usize) -> &[u8] {
        let start = sector * SECTOR_BYTES;
        &self.now[start..self.now.len().min(start + SECTOR_BYTES)]
    }

    /// Puts bytes at the beginning of a sector, as far as the durable length goes.
    fn keep(&mut self, sector: usize, bytes: &[u8]) {
        let start = sector * SECTOR_BYTES;
        let kept = bytes.len().min(self.durable.len().saturating_sub(start));
        if kept > 0 {
            self.durable[start..start + kept].copy_from_slice(&bytes[..kept]);
        }
    }

    fn sync(&mut self) {
        self.durable.resize(self.now.len(), 0);
        for sector in std::mem::take(&mut self.unsynced).into_keys() {
            let bytes = self.sector(sector).to_vec();
            self.keep(sector, &bytes);
        }
    }

    /// Makes of the content what a power cut leaves of it.
    fn survive(&mut self, grain: Grain, coins: &mut Coins) {
        let grown = self.now.len().saturating_sub(self.durable.len());
        if grown > 0 {
            let grows = match coins.below(4) {
                0 | 1 => grown,
                2 => coins.below(grown + 1),
                _ => 0,
            };
            self.durable.resize(self.durable.len() + grows, 0);
        }
        for (sector, mut written) in std::mem::take(&mut self.unsynced) {
            written.push(self.sector(sector).to_vec());
            let chosen = match grain {
                Grain::Sectors => coins.below(written.len() + 1).checked_sub(1).map(|n| written[n].clone()),
                Grain::TornSectors => {
                    let bytes = &written[coins.below(written.len())];
                    Some(bytes[..coins.below(bytes.len() + 1)].to_vec())
                }
                Grain::Bytes => Some(self.mix(sector, &written, coins)),
            };
            if let Some(bytes) = chosen {
                self.keep(sector, &bytes);
            }
        }
        self.now = self.durable.clone();
    }

    /// Returns a sector of which each byte is that of some write, or of none.
    fn mix(&self, sector: usize, written: &[Vec<u8>], coins: &mut Coins) -> Vec<u8> {
        let start = sector * SECTOR_BYTES;
        (0..self.sector(sector).len())
            .map(|at| {
                let before = self.durable.get(start + at).copied().unwrap_or(0);
                let write = coins.below(written.len() + 1).checked_sub(1);
                write.map_or(before, |n| written[n].get(at).copied().unwrap_or(before))
            })
            .collect()
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
        let mut world = self.world();
        let inode = *world.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        world.rename_or(NameChange::Rename { from: from.to_path_buf(), to: to.to_path_buf(), inode })
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
