//! A disk in memory whose power can be cut: stricter than any real disk, and exact.
//!
//! Of what was written and not synced, any part survives a power cut, as a seeded coin falls: by sectors, by
//! sectors torn at some byte, or byte by byte, and each as it was after any of the writes since the last
//! sync. A file that grew has any length in between. Of what was renamed or removed in a folder that was not
//! synced, either everything before some moment survives, as in a journaling file system, or any part. After
//! a failed sync the written sectors count as clean, as they do in Linux: a later sync that succeeds says
//! nothing about them.
//! nothing about them.

mod access;
mod coins;
mod content;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::coins::Coins;
use self::content::{Content, Grain};
use self::names::{NameChange, Names};

/// A file system in memory; clones share it.
#[derive(Debug, Clone, Default)]
pub struct SimulatedDisk(Arc<Mutex<World>>);

/// What goes wrong with one operation that changes the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The operation is done in memory, and from then on every call fails until [`SimulatedDisk::reboot`].
    PowerCut,
    /// The operation fails and has no effect.
    Refuse,
    /// A write stops halfway and fails; any other operation fails without effect.
    Half,
    /// The operation is done and fails all the same; a sync makes nothing durable and forgets that it had to.
    Lie,
}

#[derive(Debug, Default)]
struct World {
    names: Names,
    durable_names: Names,
    pending: Vec<NameChange>,
    dirs: BTreeSet<PathBuf>,
    files: Vec<Content>,
    locks: BTreeSet<PathBuf>,
    /// Number of reboots: files and locks that were opened before the last one do not work any more.
    boot: u64,
    changes: u64,
    faults: BTreeMap<u64, Fault>,
    without_power: bool,
}

impl SimulatedDisk {
    /// Makes an empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns how many operations have changed the disk so far: writes, syncs, new files, renames, removals.
    pub fn changes(&self) -> u64 {
        self.world().changes
    }

    /// Makes the `change`th change of the disk go wrong, counted from 1 since the disk was made.
    pub fn fail_at(&self, change: u64, fault: Fault) {
        self.world().faults.insert(change, fault);
    }

    /// Takes back all faults that have not happened yet.
    pub fn forget_faults(&self) {
        self.world().faults.clear();
    }

    /// Says whether the disk has power: no power cut since the last reboot.
    pub fn has_power(&self) -> bool {
        !self.world().without_power
    }

    /// Cuts the power if it is not cut yet, and starts again with what survived; `seed` decides the coins.
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

    /// Ends all processes without cutting the power: what they wrote stays, their locks and open files do
    /// not.
    pub fn kill_processes(&self) {
        let mut world = self.world();
        world.locks.clear();
        world.faults.clear();
        world.boot += 1;
        world.without_power = false;
    }

    /// Returns the bytes of a file; `None` if the file is not there.
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let world = self.world();
        world.names.get(path).map(|inode| world.files[*inode].now.clone())
    }

    /// Sets the bytes of a file, durably: damage from outside the log.
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

    /// Removes a file, durably: damage from outside the log.
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

impl World {
    /// Counts a change of the disk, and says what is to go wrong with it.
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

    /// Makes a change of names, unless a fault prevents it.
    fn rename_or(&mut self, change: NameChange) -> io::Result<()> {
        let fault = self.change(self.boot)?;
        if !matches!(fault, Some(Fault::Refuse | Fault::Half)) {
            change.clone().apply(&mut self.names);
            self.pending.push(change);
        }
        fault.map_or(Ok(()), |_| Err(refused()))
    }
}

fn refused() -> io::Error {
    io::Error::other("the simulated disk is gone")
}

fn refused_by(fault: Fault) -> io::Error {
    io::Error::other(format!("the simulated disk refuses: fault={fault:?}"))
}
