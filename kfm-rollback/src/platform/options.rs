//! The actor that opens a platform, and the components it is opened with; settings, which are data, are apart.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kfm_retry::Clock;
use kfm_wal::local::disk::{Disk, RealDisk};

use crate::error::{Error, Result};

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
    /// What authenticates this process to the servers that the settings name.
    pub credentials: Credentials,
}

/// Pairs that authenticate this process to a server, or name its proxy, under the products' own names:
/// `AWS_ACCESS_KEY_ID`, `PGPASSWORD`, `HTTPS_PROXY`, ….
///
/// The command takes them from its environment; a library never reads that. They are never shown.
#[derive(Clone, Default)]
pub struct Credentials(Vec<(String, String)>);

impl Credentials {
    /// Beginnings of the names that are taken from an environment.
    const PREFIXES: [&str; 3] = ["AWS_", "AZURE_", "PG"];

    /// Names that are taken from an environment, in upper or lower case.
    const PROXIES: [&str; 4] = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"];

    /// Takes those pairs of an environment that authenticate a process to a server, or name its proxy.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let is_known = |name: &str| {
            Self::PREFIXES.iter().any(|prefix| name.starts_with(prefix))
                || Self::PROXIES.iter().any(|proxy| name.eq_ignore_ascii_case(proxy))
        };
        Self(pairs.into_iter().filter(|(name, _)| is_known(name)).collect())
    }

    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

impl Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl OpenOptions {
    /// Options for `actor` on the machine's clock: no progress is reported, and the lock is not waited for.
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
            credentials: Credentials::default(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_environment_those_pairs_are_taken_that_say_who_asks_and_by_which_proxy() {
        let names = ["AWS_REGION", "PATH", "PGUSER", "https_proxy", "NO_PROXY", "MY_HTTPS_PROXY", "KFM_ROOT"];
        let pairs = names.map(|name| (name.to_owned(), "hush".to_owned()));
        let credentials = Credentials::from_pairs(pairs);
        let shown = format!("{credentials:?}");
        assert_eq!(shown, r#"["AWS_REGION", "PGUSER", "https_proxy", "NO_PROXY"]"#);
    }
}
