//! A machine's disk, as one process sees it: until the process ends, perhaps in the middle of a call.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kfm_wal::local::disk::{Access, Disk, DiskFile, DiskLock};
use kfm_wal::local::simulated::SimulatedDisk;

use crate::schedule::Schedule;

/// How much of the call in which a process is killed still happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Killed {
    /// Nothing happens.
    Before,
    /// Half of the bytes are written, if the call is a write; otherwise nothing happens.
    Within,
    /// Everything happens, but the process does not get the answer.
    After,
}

/// A disk, as one process has it; clones belong to the same process.
#[derive(Debug, Clone)]
pub struct ProcessDisk {
    machine: SimulatedDisk,
    life: Arc<Life>,
    schedule: Schedule,
    /// In how many calls of a hundred another process runs first.
    interleave_percent: u64,
}

#[derive(Debug)]
struct Life {
    dead: AtomicBool,
    calls: AtomicU64,
    ends: Mutex<Option<(u64, Killed)>>,
    /// Whether a sync was refused since `takes_refused_sync` was last called.
    sync_refused: AtomicBool,
}

/// What happens to a call.
enum Fate {
    Lives,
    Dies(Killed),
}

impl ProcessDisk {
    /// Gives a new process the machine's disk.
    pub fn new(machine: SimulatedDisk, schedule: Schedule, interleave_percent: u64) -> Self {
        let life = Life {
            dead: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            ends: Mutex::new(None),
            sync_refused: AtomicBool::new(false),
        };
        Self { machine, life: Arc::new(life), schedule, interleave_percent }
    }

    /// Kills the process in its `call`th call that changes the disk, counted from 1.
    pub fn kill_at(&self, call: u64, killed: Killed) {
        *self.life.ends.lock().unwrap_or_else(PoisonError::into_inner) = Some((call, killed));
    }

    /// Kills the process now.
    pub fn kill(&self) {
        self.life.dead.store(true, Ordering::Relaxed);
    }

    /// Says whether the process was killed.
    pub fn is_dead(&self) -> bool {
        self.life.dead.load(Ordering::Relaxed)
    }

    /// Says whether a sync of this process was refused since the last call of this method: a fault belongs to
    /// the machine, and hits the process that calls at that moment.
    pub fn takes_refused_sync(&self) -> bool {
        self.life.sync_refused.swap(false, Ordering::Relaxed)
    }

    /// Lets other processes run first; an error if this process is dead afterwards.
    fn look(&self) -> io::Result<()> {
        if !self.is_dead() {
            self.schedule.interleave(self.interleave_percent);
        }
        if self.is_dead() { Err(dead()) } else { Ok(()) }
    }

    /// As [`look`](Self::look), for a call that changes the disk.
    fn change(&self) -> io::Result<Fate> {
        self.look()?;
        let call = self.life.calls.fetch_add(1, Ordering::Relaxed) + 1;
        match *self.life.ends.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((at, killed)) if at == call => {
                self.kill();
                Ok(Fate::Dies(killed))
            }
            _ => Ok(Fate::Lives),
        }
    }

    /// Makes a call that happens as a whole or not at all.
    fn whole<T>(&self, call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.change()? {
            Fate::Lives => call(),
            Fate::Dies(Killed::After) => call().and_then(|_| Err(dead())),
            Fate::Dies(_) => Err(dead()),
        }
    }
}

impl Disk for ProcessDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.look()?;
        self.machine.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.look()?;
        self.machine.list(dir)
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let inner = match access {
            Access::Create | Access::New => self.whole(|| self.machine.open(path, access))?,
            Access::Read | Access::Write => {
                self.look()?;
                self.machine.open(path, access)?
            }
        };
        Ok(Box::new(ProcessFile { inner, disk: self.clone() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.whole(|| self.machine.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.whole(|| self.machine.remove(path))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.whole(|| self.machine.sync_dir(dir))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        self.look()?;
        self.machine.lock(path)
    }
}

#[derive(Debug)]
struct ProcessFile {
    inner: Box<dyn DiskFile>,
    disk: ProcessDisk,
}

impl DiskFile for ProcessFile {
    fn bytes(&mut self) -> io::Result<u64> {
        self.disk.look()?;
        self.inner.bytes()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.disk.look()?;
        self.inner.read_at(offset, buffer)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match self.disk.change()? {
            Fate::Lives => self.inner.write_at(offset, bytes),
            Fate::Dies(killed) => {
                let written = match killed {
                    Killed::Before => 0,
                    Killed::Within => bytes.len() / 2,
                    Killed::After => bytes.len(),
                };
                self.inner.write_at(offset, &bytes[..written]).and(Err(dead()))
            }
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let disk = self.disk.clone();
        let synced = disk.whole(|| self.inner.sync());
        disk.life.sync_refused.fetch_or(synced.is_err(), Ordering::Relaxed);
        synced
    }
}

fn dead() -> io::Error {
    io::Error::other("the process was killed")
}
