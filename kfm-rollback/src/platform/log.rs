//! Where the operations log is: in a folder of this host, or in slots that many hosts share.
//!
//! A log in a folder is guarded by the platform's lock alone. A shared one has a second guard, since another host
//! has another lock: whoever changes something claims the log and says who it is, keeps saying so, and gives it
//! back. The claim is a frame of the log with an epoch of its own, so that a host which was followed and wakes up
//! can append nothing; and it is asked, before every batch of steps, whether the log is still its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kfm_retry::Clock;
use kfm_wal::inspect::Inspection;
use kfm_wal::local::repair::{RepairPlan, plan_repair};
use kfm_wal::slots::{SlotLog, SlotOptions, Slots, slots_at};
use kfm_wal::{Depth, Head, LocalLog, VerifyReport, WalError, WalStore};
use tokio::task::JoinHandle;

use super::claim::{Claimant, shown};
use super::lock::Holder;
use super::{Platform, Settings, local_path};
use crate::error::{Error, Result};
use crate::platform::options::OpenOptions;

/// Between two tries of a log that is waited for.
const POLL: Duration = Duration::from_millis(200);

/// Where the operations log is.
#[derive(Debug, Clone)]
pub(crate) enum LogPlace {
    /// In a folder.
    Folder(PathBuf),
    /// In slots, at an address.
    Slots(Arc<dyn Slots>),
}

impl LogPlace {
    /// Finds the log that the settings name; nothing is connected yet.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the address cannot be used, or the credentials are missing.
    pub(crate) fn of(settings: &Settings, root: &Path, options: &OpenOptions) -> Result<Self> {
        let url = &settings.wal.url;
        if let Some(path) = local_path(url) {
            return Ok(Self::Folder(root.join(path)));
        }
        let slots = slots_at(url, root, options.credentials.pairs(), Arc::clone(&options.clock));
        slots.map(Self::Slots).map_err(|source| Error::Invalid {
            message: "the log's address cannot be used".into(),
            hint: "repair url under [wal] of kfm.toml, or set what the cause names in the environment".into(),
            source: Some(Box::new(source)),
        })
    }

    /// Says where the log is, for people.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Folder(folder) => folder.display().to_string(),
            Self::Slots(slots) => slots.place(),
        }
    }
}

/// A shared log that this process holds: it says so until it is dropped, and gives it back then.
#[derive(Debug)]
pub(crate) struct Hold {
    log: Arc<SlotLog>,
    platform: Platform,
    keeper: JoinHandle<()>,
    /// Whether the keeper has heard of another host that took the log over.
    followed: Arc<AtomicBool>,
}

impl Hold {
    fn keep(log: Arc<SlotLog>, platform: &Platform) -> Self {
        let followed = Arc::new(AtomicBool::new(false));
        let (kept, clock, lease) =
            (Arc::clone(&log), Arc::clone(&platform.options().clock), platform.lease());
        let told = Arc::clone(&followed);
        let keeper = tokio::spawn(async move {
            renew(&kept, &*clock, lease).await;
            told.store(true, Ordering::SeqCst);
        });
        Self { log, platform: platform.clone(), keeper, followed }
    }

    /// Returns the log that is held.
    pub(crate) fn log(&self) -> Arc<SlotLog> {
        Arc::clone(&self.log)
    }

    /// Says whether another host was heard to have taken the log over; only [`still_mine`](Self::still_mine) looks.
    pub(crate) fn is_followed(&self) -> bool {
        self.followed.load(Ordering::SeqCst)
    }

    /// Looks whether the log is still this process's own.
    ///
    /// # Errors
    /// [`WalError::Fenced`], [`WalError::Locked`]: another host has taken it over; end.
    pub(crate) async fn still_mine(&self) -> Result<(), WalError> {
        self.log.still_mine().await
    }
}

impl Drop for Hold {
    /// Gives the log back; [`Platform::leave`] waits until that is done.
    fn drop(&mut self) {
        self.keeper.abort();
        let log = Arc::clone(&self.log);
        self.platform.depart(tokio::spawn(async move {
            if let Err(error) = log.release().await {
                tracing::warn!(error = %error, "the log is given back by its lease");
            }
        }));
    }
}

/// Says again and again that the log is held, also while nothing is appended; ends when it no longer is.
async fn renew(log: &SlotLog, clock: &dyn Clock, lease: Duration) {
    loop {
        clock.sleep(lease / 6).await;
        // What a store does not take now it may take the next time; if it does not, others follow.
        if let Err(WalError::Fenced { .. } | WalError::Locked { .. }) = log.renew().await {
            return;
        }
    }
}

impl Platform {
    /// Returns where the operations log is, for people: a folder, or an address without secrets.
    pub fn wal_place(&self) -> String {
        self.log_place().shown()
    }

    /// Says whether the operations log is one that many hosts share.
    pub fn wal_is_shared(&self) -> bool {
        matches!(self.log_place(), LogPlace::Slots(_))
    }

    /// Opens the operations log for reading: its records as they are stored.
    ///
    /// # Errors
    /// [`Error::Log`]: it cannot be read. [`Error::Incomplete`]: it is missing.
    pub async fn wal_reader(&self) -> Result<Arc<dyn WalStore>> {
        Ok(self.open_to_read().await?.0)
    }

    /// The same, and the log as hosts share it, which knows who holds it; none of a log in a folder.
    ///
    /// # Errors
    /// As [`wal_reader`](Self::wal_reader).
    pub(crate) async fn open_to_read(&self) -> Result<(Arc<dyn WalStore>, Option<Arc<SlotLog>>)> {
        match self.log_place() {
            LogPlace::Folder(folder) => {
                self.refuse_lost_folder(folder)?;
                Ok((Arc::new(LocalLog::open_read_only(folder)?), None))
            }
            LogPlace::Slots(slots) => {
                let log = SlotLog::open_read_only(Arc::clone(slots), self.slot_options()).await?;
                if log.report().frames == 0 {
                    self.refuse_lost()?;
                }
                let log = Arc::new(log);
                Ok((Arc::clone(&log) as Arc<dyn WalStore>, Some(log)))
            }
        }
    }

    /// Opens the operations log for writing; a shared one is claimed, and waited for as long as the options say.
    ///
    /// # Errors
    /// [`Error::Locked`]: another host holds the log; wait for it. [`Error::Log`]: it cannot be used.
    pub(crate) async fn wal_writer(&self, holder: &Holder) -> Result<(Arc<dyn WalStore>, Option<Hold>)> {
        match self.log_place() {
            LogPlace::Folder(folder) => {
                self.refuse_lost_folder(folder)?;
                Ok((Arc::new(LocalLog::open(folder, self.wal_options())?.0), None))
            }
            LogPlace::Slots(slots) => {
                self.refuse_lost_slots(slots).await?;
                let (log, _) = SlotLog::open(Arc::clone(slots), self.slot_options()).await?;
                self.claim(&log, holder).await?;
                let log = Arc::new(log);
                let hold = Hold::keep(Arc::clone(&log), self);
                Ok((log, Some(hold)))
            }
        }
    }

    /// Claims a shared log, waiting as long as the options say, or until somebody asks to stop.
    ///
    /// Who held it from this very folder is gone, since its lock is ours: that one is followed at once.
    async fn claim(&self, log: &SlotLog, holder: &Holder) -> Result<()> {
        let options = self.options();
        let (claimant, before) = Claimant::of(holder, self)?;
        let said = claimant.words();
        let is_gone = |other: &kfm_wal::slots::Holder| {
            let other = Claimant::parse(&other.holder);
            other.is_some_and(|other| other.is_of_folder(self, before.as_deref()))
        };
        let begun = options.clock.monotonic();
        loop {
            match log.claim_after(&said, self.lease(), Duration::ZERO, &is_gone).await {
                Ok(_) => return Ok(()),
                Err(WalError::Locked { holder }) => {
                    let waited = options.clock.monotonic().saturating_sub(begun);
                    if waited >= options.wait || options.interrupt.is_requested() {
                        return Err(Error::Locked { holder: shown(&holder) });
                    }
                }
                Err(error) => return Err(error.into()),
            }
            options.clock.sleep(POLL).await;
        }
    }

    /// Verifies the operations log: every frame, the chain unless `depth` says less, and with a `witness`, a head
    /// that was kept elsewhere, whether it is the log that the witness has seen.
    ///
    /// # Errors
    /// [`Error::Log`]: the log cannot be read at all; damage is an answer.
    pub async fn wal_verify_to(&self, depth: Depth, witness: Option<&Head>) -> Result<VerifyReport> {
        Ok(match (self.log_place(), witness) {
            (LogPlace::Folder(folder), None) => kfm_wal::local::verify(folder, depth)?,
            (LogPlace::Folder(folder), Some(witness)) => kfm_wal::local::verify_against(folder, witness)?,
            (LogPlace::Slots(slots), witness) => {
                kfm_wal::slots::verify(Arc::clone(slots), self.slot_options(), depth, witness).await?
            }
        })
    }

    /// Lists the frames of the operations log as they lie in its folder or its slots, whether it opens or not.
    ///
    /// # Errors
    /// [`Error::Log`]: the folder or the store cannot be read.
    pub async fn wal_inspect(&self) -> Result<Inspection> {
        Ok(match self.log_place() {
            LogPlace::Folder(folder) => kfm_wal::local::inspect::inspect(folder)?,
            LogPlace::Slots(slots) => kfm_wal::slots::inspect(Arc::clone(slots), self.slot_options()).await?,
        })
    }

    /// Says what a repair of the operations log would do. Of a shared log there is never a torn end, since a slot is
    /// created whole or not at all: only damage can be found.
    ///
    /// # Errors
    /// [`Error::Log`]: the log cannot be read at all.
    pub async fn wal_repair_plan(&self) -> Result<RepairPlan> {
        match self.log_place() {
            LogPlace::Folder(folder) => Ok(plan_repair(folder)?),
            LogPlace::Slots(_) => {
                let first_bad = self.wal_verify_to(Depth::Chain, None).await?.first_bad;
                Ok(RepairPlan { torn: None, unsealed: None, first_bad })
            }
        }
    }

    /// Waits until a shared log that was held is given back: what to do last before the process ends.
    ///
    /// Without it nothing is lost; others wait for the lease to pass.
    pub async fn leave(&self) {
        for departure in self.departures() {
            // A task that failed has given nothing back, and the lease does.
            let _ = departure.await;
        }
    }

    pub(super) fn slot_options(&self) -> SlotOptions {
        SlotOptions::new(Arc::clone(&self.options().clock))
    }

    fn lease(&self) -> Duration {
        Duration::from_millis(self.settings().wal.lease_ms)
    }

    /// Refuses if there was a log and its folder is gone: a new one would say that nothing ever happened.
    ///
    /// # Errors
    /// [`Error::Incomplete`]: restore the log.
    pub(super) fn refuse_lost_folder(&self, folder: &Path) -> Result<()> {
        let is_used = self.disk().list(folder).is_ok_and(|names| !names.is_empty());
        if is_used { Ok(()) } else { self.refuse_lost() }
    }

    /// The same of slots, before one of them is made.
    async fn refuse_lost_slots(&self, slots: &Arc<dyn Slots>) -> Result<()> {
        // The first slot tells, almost always; where it does not, all that is there is read.
        match SlotLog::has_begun(Arc::clone(slots), self.slot_options()).await? {
            true => Ok(()),
            false => self.wal_reader().await.map(drop),
        }
    }

    pub(super) fn refuse_lost(&self) -> Result<()> {
        if !self.disk().list(&self.ledger_dir()).is_ok_and(|names| !names.is_empty()) {
            return Ok(());
        }
        Err(Error::Incomplete {
            message: format!("the log is missing, though the ledger has entries: place={}", self.wal_place()),
            hint: "restore the log from a backup, or mend [wal] url in kfm.toml".into(),
            next: vec!["kfm doctor".into()],
        })
    }
}
