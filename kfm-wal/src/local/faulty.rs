//! A file system that fails on request, in front of another one.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::disk::{Access, Disk, DiskFile, DiskLock};

/// Passes every call on to another disk, except the writes and syncs that are to fail.
///
/// A write that fails has written half of its bytes; a sync that fails has synced nothing.
#[derive(Debug, Clone)]
pub struct FaultyDisk {
    inner: Arc<dyn Disk>,
    plan: Arc<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    bytes_read: AtomicU64,
    writes: AtomicU64,
    syncs: AtomicU64,
    failing: Mutex<Vec<Failing>>,
}

/// The operation that is to fail, counted from 1 since the disk was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failing {
    /// The nth write to a file.
    Write(u64),
    /// The nth sync of a file.
    Sync(u64),
}

impl FaultyDisk {
    /// Puts a disk in front of `inner` that fails only once [`FaultyDisk::fail`] says so.
    pub fn new(inner: Arc<dyn Disk>) -> Self {
        Self { inner, plan: Arc::default() }
    }

    /// Makes one later operation fail.
    pub fn fail(&self, failing: Failing) {
        self.plan.failing.lock().unwrap_or_else(PoisonError::into_inner).push(failing);
    }

    /// Returns how many bytes were read from files so far.
    pub fn bytes_read(&self) -> u64 {
        self.plan.bytes_read.load(Ordering::SeqCst)
    }

    /// Returns the number of writes so far.
    pub fn writes(&self) -> u64 {
        self.plan.writes.load(Ordering::SeqCst)
    }

    /// Returns the number of syncs of files so far.
    pub fn syncs(&self) -> u64 {
        self.plan.syncs.load(Ordering::SeqCst)
    }
}

impl Plan {
    fn fails(&self, failing: Failing) -> bool {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).contains(&failing)
    }
}

impl Disk for FaultyDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.inner.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.inner.list(dir)
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let inner = self.inner.open(path, access)?;
        Ok(Box::new(FaultyFile { inner, plan: Arc::clone(&self.plan) }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.inner.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        self.inner.lock(path)
    }
}

#[derive(Debug)]
struct FaultyFile {
    inner: Box<dyn DiskFile>,
    plan: Arc<Plan>,
}

impl DiskFile for FaultyFile {
    fn bytes(&mut self) -> io::Result<u64> {
        self.inner.bytes()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read_at(offset, buffer)?;
        self.plan.bytes_read.fetch_add(read as u64, Ordering::SeqCst);
        Ok(read)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let nth = self.plan.writes.fetch_add(1, Ordering::SeqCst) + 1;
        if self.plan.fails(Failing::Write(nth)) {
            self.inner.write_at(offset, &bytes[..bytes.len() / 2])?;
            return Err(io::Error::other("the disk stopped halfway through a write"));
        }
        self.inner.write_at(offset, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        let nth = self.plan.syncs.fetch_add(1, Ordering::SeqCst) + 1;
        if self.plan.fails(Failing::Sync(nth)) {
            return Err(io::Error::other("the disk could not sync"));
        }
        self.inner.sync()
    }
}
