//! Who opens a platform, and with what: components, apart from the settings, which are data.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kfm_retry::Clock;
use kfm_wal::local::disk::{Disk, RealDisk};

use crate::error::{Error, Result};

/// Who acts, from where, and with which components.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Who asks; becomes `requested_by`.
    pub actor: String,
    /// The host, for whoever meets the lock.
    pub host: String,
    /// The process, likewise.
    pub pid: u32,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The file system below the log, the ledger, the embedded stores, plans and manifests.
    pub disk: Arc<dyn Disk>,
    /// Who is told how far long work is.
    pub progress: Arc<dyn Progress>,
    /// Asks to stop at the next safe point.
    pub interrupt: Interrupt,
    /// How long the lock is waited for; zero refuses at once.
    pub wait: Duration,
    /// Who asks the servers that the settings name.
    pub credentials: Credentials,
}

/// Pairs that say who asks a server and by which proxy, under the products' own names: `AWS_ACCESS_KEY_ID`,
/// `PGPASSWORD`, `HTTPS_PROXY`, ….
///
/// The command takes them from its environment; a library never reads that. They are never shown.
#[derive(Clone, Default)]
pub struct Credentials(Vec<(String, String)>);

impl Credentials {
    /// Beginnings of the names that are taken from an environment.
    const PREFIXES: [&str; 3] = ["AWS_", "AZURE_", "PG"];

    /// Names that are taken from an environment, in capitals or not.
    const PROXIES: [&str; 4] = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"];

    /// Takes those pairs of an environment that say who asks a server, and by which proxy.
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
    /// Options for `actor` on the machine's clock, silent, not waiting for the lock.
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

    /// Takes time from `clock`.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Writes on `disk`, for faults below the platform.
    #[must_use]
    pub fn with_disk(mut self, disk: Arc<dyn Disk>) -> Self {
        self.disk = disk;
        self
    }
}

/// Is told how far long work is. It must return at once.
pub trait Progress: Debug + Send + Sync {
    /// A phase of `total` steps begins; 0 if the number is not known.
    fn phase(&self, phase: &str, total: u64);

    /// `done` steps of the run are made.
    fn advance(&self, done: u64);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn phase(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64) {}
}

/// Asks an operation to stop: at once while nothing is begun, else at the next safe point, from which it can be resumed.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    requested: Arc<AtomicBool>,
    begun: Arc<AtomicBool>,
}

impl Interrupt {
    /// Asks to stop.
    pub fn request(&self) {
        self.requested.store(true, Ordering::SeqCst);
    }

    /// Says whether somebody asked to stop.
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Says whether an operation was opened, or taken up again: what stops then can be resumed or aborted.
    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::SeqCst)
    }

    /// Notes whether an operation is open.
    pub(crate) fn note_begun(&self, begun: bool) {
        self.begun.store(begun, Ordering::SeqCst);
    }

    /// Stops what has not begun yet, if somebody asked for it.
    ///
    /// # Errors
    /// [`Error::Stopped`]: somebody did; nothing is left behind.
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
