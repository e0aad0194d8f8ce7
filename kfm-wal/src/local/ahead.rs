//! The next segment, filled with zeros before it is needed, while appends go on.
//!
//! It takes longer to fill a long segment than an append may wait. So once a segment is half full, the next
//! one is filled under a temporary name; rotation then only writes its first frame and gives it its name. An
//! error here is not reported: the same error comes again at the rotation, and is reported there.

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::disk::Disk;
use super::segment::{self, Blank};
use super::sync::guard;

/// Runs work in the background of an append.
pub trait Background: Debug + Send + Sync {
    /// Runs `work` soon or at once, or drops it where it cannot be run: then the append does it when it is
    /// needed.
    fn run(&self, work: Box<dyn FnOnce() + Send>);
}

const _OBJECT_SAFE: Option<&dyn Background> = None;

/// A new thread for each piece of work.
#[derive(Debug, Clone, Copy, Default)]
pub struct Threads;

impl Background for Threads {
    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        // Where no thread can be made the work is dropped; the rotation then fills the segment itself.
        let _ = std::thread::Builder::new().name("kfm-wal-ahead".to_owned()).spawn(work);
    }
}

/// A segment that is being filled; dropping it removes the file.
#[derive(Debug)]
pub(crate) struct Ahead {
    shared: Arc<Shared>,
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    unwanted: AtomicBool,
}

#[derive(Debug)]
enum State {
    Asked,
    Filling,
    Filled(Blank),
    Over,
}

/// The work from its beginning to its end; dropping it tells the waiting writer that it has ended, also when
/// it was never begun.
struct Work(Arc<Shared>);

impl Work {
    fn run(self, fill: impl FnOnce(&dyn Fn() -> bool) -> Option<Blank>) {
        {
            let mut state = guard(&self.0.state);
            if !matches!(*state, State::Asked) {
                return;
            }
            *state = State::Filling;
        }
        if let Some(blank) = fill(&|| !self.0.unwanted.load(Ordering::Relaxed)) {
            *guard(&self.0.state) = State::Filled(blank);
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let mut state = guard(&self.0.state);
        if matches!(*state, State::Asked | State::Filling) {
            *state = State::Over;
        }
        drop(state);
        self.0.changed.notify_all();
    }
}

impl Ahead {
    /// Asks for a segment of `capacity` bytes, filled at `path`.
    pub(crate) fn begin(
        background: &dyn Background,
        disk: &Arc<dyn Disk>,
        path: PathBuf,
        capacity: u64,
    ) -> Self {
        let (state, unwanted) = (Mutex::new(State::Asked), AtomicBool::new(false));
        let shared = Arc::new(Shared { state, changed: Condvar::new(), unwanted });
        let work = Work(Arc::clone(&shared));
        let ahead = Self { shared, disk: Arc::clone(disk), path: path.clone() };
        let disk = Arc::clone(disk);
        background.run(Box::new(move || {
            work.run(|wanted| segment::fill(disk.as_ref(), path, capacity, wanted));
        }));
        ahead
    }

    /// Returns the segment, and waits for one that is being filled; `None` if the work was not begun or has
    /// failed.
    pub(crate) fn finish(self) -> Option<Blank> {
        match self.settle() {
            State::Filled(blank) => Some(blank),
            _ => None,
        }
    }

    /// Waits until the work does not run, and takes its result.
    fn settle(&self) -> State {
        let mut state = guard(&self.shared.state);
        while matches!(*state, State::Filling) {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::replace(&mut *state, State::Over)
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.shared.unwanted.store(true, Ordering::Relaxed);
        if let State::Filled(_) = self.settle() {
            // This only gives the space back. A file that stays behind is removed when the log is next opened
            // for writing.
            let _ = self.disk.remove(&self.path);
        }
    }
}
