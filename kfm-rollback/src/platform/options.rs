//! The actor that opens a platform, and the components it is opened with; settings, which are data, are apart.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kfm_policy::Remedy;
use kfm_retry::Clock;
use kfm_wal::local::disk::{Disk, RealDisk};

use crate::embedded::EmbeddedKind;
use crate::error::{Error, Result};
use crate::kind::{Credentials, Kinds, StoreKind};
use crate::stac::StaticKind;

/// The actor, its host and process, and the components of a platform.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// The actor in whose name everything is done; recorded as `requested_by`.
    pub actor: String,
    /// The name of this host, for the text in the lock's file.
    pub host: String,
    /// The number of this process, for the text in the lock's file.
    pub pid: u32,
    /// The clock for every time stamp, wait and lease.
    pub clock: Arc<dyn Clock>,
    /// The file system below the log, the ledger, the embedded stores, plans and manifests.
    pub disk: Arc<dyn Disk>,
    /// Is told how far long work is.
    pub progress: Arc<dyn Progress>,
    /// Lets the caller ask to stop: at once before anything is begun, else at the next safe point.
    pub interrupt: Interrupt,
    /// How long to wait for the lock, and for the claim of a shared log; zero refuses at once.
    pub wait: Duration,
    /// The kinds of stores that `kfm.toml` can name.
    pub kinds: Kinds,
    /// What authenticates this process to the servers that the settings name.
    pub credentials: Credentials,
    /// Whether nothing may be written: then a verdict brings no entry into force.
    pub rehearses: bool,
    /// Whether every session that writes keeps a snapshot of the log beside it (ADR 0012), however little the log has
    /// grown: for tests, and for logs of few operations over many documents.
    pub keeps_every_snapshot: bool,
    /// How a remedy is said in records, where a person reads it without this program: what takes an operation back, in
    /// its record and its manifest, and what goes on with one, in an alert. By default in the libraries' words.
    pub say: fn(&Remedy) -> String,
}

/// Returns the kinds of this crate: `static` and `embedded`.
pub fn built_in_kinds() -> Kinds {
    Kinds::default().with(Arc::new(StaticKind)).with(Arc::new(EmbeddedKind))
}

impl OpenOptions {
    /// Options for `actor` on the machine's clock, with the kinds of this crate: no progress is reported, and the
    /// lock is not waited for.
    pub fn new(actor: impl Into<String>) -> Self {
        Self {
            actor: actor.into(),
            host: "localhost".into(),
            pid: std::process::id(),
            clock: Arc::new(kfm_retry::SystemClock),
            disk: Arc::new(RealDisk),
            progress: Arc::new(NoProgress),
            interrupt: Interrupt::default(),
            wait: Duration::ZERO,
            kinds: built_in_kinds(),
            credentials: Credentials::default(),
            rehearses: false,
            keeps_every_snapshot: false,
            say: ToString::to_string,
        }
    }

    /// Registers a kind of stores, or replaces the one of this name, so that `kfm.toml` can name it.
    #[must_use]
    pub fn with_kind(mut self, kind: Arc<dyn StoreKind>) -> Self {
        self.kinds = self.kinds.with(kind);
        self
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Writes on `disk`; a test gives one that fails.
    #[must_use]
    pub fn with_disk(mut self, disk: Arc<dyn Disk>) -> Self {
        self.disk = disk;
        self
    }
}

/// Is told how far long work is. Each call must return at once.
pub trait Progress: Debug + Send + Sync {
    /// A phase of `total` steps begins; 0 if the number is not known.
    fn phase(&self, phase: &str, total: u64);

    /// `done` steps of the run are made.
    fn advance(&self, done: u64);

    /// `done` documents of the phase are read, compared or stored; no step is made yet.
    fn prepared(&self, done: u64) {
        let _ = done;
    }
}

/// Reports no progress.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn phase(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64) {}
}

/// Asks an operation to stop: at once while nothing is begun, else at the next safe point, from which the operation
/// can be resumed.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    requested: Arc<AtomicBool>,
    begun: Arc<AtomicBool>,
}

impl Interrupt {
    /// Asks to stop; may be called again, from any thread.
    pub fn request(&self) {
        self.requested.store(true, Ordering::SeqCst);
    }

    /// Says whether the caller asked to stop.
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Says whether an operation was opened or taken up again: stopping from then on leaves one that can be resumed
    /// or aborted.
    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::SeqCst)
    }

    /// Notes whether an operation is open.
    pub(crate) fn note_begun(&self, begun: bool) {
        self.begun.store(begun, Ordering::SeqCst);
    }

    /// Refuses to go on if the caller asked to stop and nothing has begun yet.
    ///
    /// # Errors
    /// [`Error::Stopped`]: the caller asked to stop; nothing is left behind.
    pub(crate) fn stop_before_begun(&self) -> Result<()> {
        if self.is_requested() && !self.has_begun() { Err(Error::Stopped) } else { Ok(()) }
    }
}
