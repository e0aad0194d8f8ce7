//! Where the operations log is: in a folder of this host, in slots that many hosts share, or in a store that the
//! opener gave.
//!
//! A log in a folder is guarded by the platform's lock alone. A shared log needs a second guard, since another host
//! has another lock. So a process that changes something claims the log, says in the claim which process it is,
//! renews the claim while it works, and gives the log back at the end. The claim is a frame of the log with an
//! epoch of its own. If another host takes the log over, a process that wakes up later can append nothing any more;
//! and before every batch of steps it asks whether the log is still its own. A log that the opener gave is guarded by
//! the platform's lock, and is fenced by each process that changes something.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kfm_lineage::Lsn;
use kfm_policy::Remedy;
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

/// How the `url` of a log begins that the opener gives; a name for people follows.
pub(crate) const OWN_LOG: &str = "own:";

/// Time between two tries, while a process waits for the log.
const POLL: Duration = Duration::from_millis(200);

/// Where the operations log is.
#[derive(Debug, Clone)]
pub(crate) enum LogPlace {
    /// In a folder.
    Folder(PathBuf),
    /// In slots, at an address.
    Slots(Arc<dyn Slots>),
    /// In a store that the opener gives; `None` until it has given one.
    Own(Option<Arc<dyn WalStore>>),
}

impl LogPlace {
    /// Finds the log that the settings name; does not connect to it yet.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the address cannot be used, or the credentials are missing.
    pub(crate) fn of(settings: &Settings, root: &Path, options: &OpenOptions) -> Result<Self> {
        let url = &settings.wal.url;
        if let Some(path) = local_path(url) {
            return Ok(Self::Folder(root.join(path)));
        }
        if url.starts_with(OWN_LOG) {
            return Ok(Self::Own(None));
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
            Self::Own(Some(_)) => "a log of the program's own".to_owned(),
            Self::Own(None) => "a log of another program's own".to_owned(),
        }
    }
}

/// Says that a look at frames or slots is not to be had of a log that the opener gave.
pub(crate) fn unsupported(what: &'static str) -> WalError {
    WalError::Unsupported { what }
}

/// A shared log that this process has claimed. The claim is renewed until this is dropped; then the log is given
/// back.
#[derive(Debug)]
pub(crate) struct Hold {
    log: Arc<SlotLog>,
    epoch: u64,
    platform: Platform,
    keeper: JoinHandle<()>,
    /// Whether a renewal has found that another host has taken the log over.
    followed: Arc<AtomicBool>,
}

impl Hold {
    fn keep(log: Arc<SlotLog>, epoch: u64, platform: &Platform) -> Self {
        let followed = Arc::new(AtomicBool::new(false));
        let (kept, clock, lease) =
            (Arc::clone(&log), Arc::clone(&platform.options().clock), platform.lease());
        let told = Arc::clone(&followed);
        let keeper = tokio::spawn(async move {
            renew(&kept, &*clock, lease).await;
            told.store(true, Ordering::SeqCst);
        });
        Self { log, epoch, platform: platform.clone(), keeper, followed }
    }

    /// Returns the log that is held.
    pub(crate) fn log(&self) -> Arc<SlotLog> {
        Arc::clone(&self.log)
    }

    /// Returns the epoch of the claim, which is higher than that of every holder before.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Returns the flag that is set once a renewal finds that another host has taken the log over.
    pub(crate) fn followed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.followed)
    }

    /// Says whether a renewal has found that another host has taken the log over. Only
    /// [`still_mine`](Self::still_mine) looks at the log itself.
    pub(crate) fn is_followed(&self) -> bool {
        self.followed.load(Ordering::SeqCst)
    }

    /// Looks whether this process still holds the log.
    ///
    /// # Errors
    /// [`WalError::Fenced`], [`WalError::Locked`]: another host has taken the log over; this process must act no
    /// more.
    pub(crate) async fn still_mine(&self) -> Result<(), WalError> {
        self.log.still_mine().await
    }
}

impl Drop for Hold {
    /// Begins to give the log back; [`Platform::leave`] waits until that is done.
    fn drop(&mut self) {
        self.keeper.abort();
        let log = Arc::clone(&self.log);
        self.platform.depart(tokio::spawn(async move {
            if let Err(error) = log.release().await {
                tracing::warn!(error = %error, "the log could not be given back, others wait for its lease to pass");
            }
        }));
    }
}

/// Renews the claim again and again, also while nothing is appended; ends when the claim is lost.
async fn renew(log: &SlotLog, clock: &dyn Clock, lease: Duration) {
    loop {
        clock.sleep(lease / 6).await;
        // A renewal that fails now may succeed the next time. If none does, the lease passes and another host may
        // take over.
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

    /// Opens the operations log for reading; its records come as they are stored.
    ///
    /// # Errors
    /// [`Error::Log`]: the log cannot be read. [`Error::Incomplete`]: the log is missing.
    pub async fn wal_reader(&self) -> Result<Arc<dyn WalStore>> {
        Ok(self.open_to_read().await?.0)
    }

    /// The same, with the log as hosts share it, which knows its holder; `None` for a log in a folder.
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
            LogPlace::Own(log) => Ok((self.own_log(log.as_ref()).await?, None)),
        }
    }

    /// Opens the operations log for writing. A shared log is claimed; for a claim this waits as long as the options
    /// say.
    ///
    /// # Errors
    /// [`Error::Locked`]: another host holds the log; wait for it. [`Error::Log`]: the log cannot be used.
    pub(crate) async fn wal_writer(&self, holder: &Holder) -> Result<(Arc<dyn WalStore>, Option<Hold>)> {
        match self.log_place() {
            LogPlace::Folder(folder) => {
                self.refuse_lost_folder(folder)?;
                Ok((Arc::new(LocalLog::open(folder, self.wal_options())?.0), None))
            }
            LogPlace::Slots(slots) => {
                self.refuse_lost_slots(slots).await?;
                let (log, _) = SlotLog::open(Arc::clone(slots), self.slot_options()).await?;
                let epoch = self.claim(&log, holder).await?;
                let log = Arc::new(log);
                let hold = Hold::keep(Arc::clone(&log), epoch, self);
                Ok((log, Some(hold)))
            }
            LogPlace::Own(log) => {
                let log = self.own_log(log.as_ref()).await?;
                log.fence().await?;
                Ok((log, None))
            }
        }
    }

    /// Claims a shared log and returns the epoch of the claim. Waits as long as the options say, or until the actor asks to stop.
    ///
    /// A process of this very folder that had claimed it is gone, since this process holds the folder's lock: its
    /// claim is followed at once.
    async fn claim(&self, log: &SlotLog, holder: &Holder) -> Result<u64> {
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
                Ok(epoch) => return Ok(epoch),
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

    /// Verifies the operations log: every frame and, unless `depth` says less, the chain. With a `witness`, which
    /// is a head of the log that was kept elsewhere, also whether this is the log that the witness has seen.
    ///
    /// # Errors
    /// [`Error::Log`]: the log cannot be read at all; damage is not an error but an answer.
    pub async fn wal_verify_to(&self, depth: Depth, witness: Option<&Head>) -> Result<VerifyReport> {
        Ok(match (self.log_place(), witness) {
            (LogPlace::Folder(folder), None) => kfm_wal::local::verify(folder, depth)?,
            (LogPlace::Folder(folder), Some(witness)) => kfm_wal::local::verify_against(folder, witness)?,
            (LogPlace::Slots(slots), witness) => {
                kfm_wal::slots::verify(Arc::clone(slots), self.slot_options(), depth, witness).await?
            }
            (LogPlace::Own(log), None) => self.own_log(log.as_ref()).await?.verify(depth).await?,
            (LogPlace::Own(_), Some(_)) => return Err(unsupported("verify against a checkpoint").into()),
        })
    }

    /// Lists the frames of the operations log as they lie in its folder or its slots, also if the log does not
    /// open.
    ///
    /// # Errors
    /// [`Error::Log`]: the folder or the store cannot be read.
    pub async fn wal_inspect(&self) -> Result<Inspection> {
        Ok(match self.log_place() {
            LogPlace::Folder(folder) => kfm_wal::local::inspect::inspect(folder)?,
            LogPlace::Slots(slots) => kfm_wal::slots::inspect(Arc::clone(slots), self.slot_options()).await?,
            LogPlace::Own(_) => return Err(unsupported("inspect").into()),
        })
    }

    /// Says what a repair of the operations log would do. A shared log never has a torn end, since a slot is
    /// created whole or not at all, and a log of the program's own repairs itself: there, only damage can be found.
    ///
    /// # Errors
    /// [`Error::Log`]: the log cannot be read at all.
    pub async fn wal_repair_plan(&self) -> Result<RepairPlan> {
        match self.log_place() {
            LogPlace::Folder(folder) => Ok(plan_repair(folder)?),
            LogPlace::Slots(_) | LogPlace::Own(_) => {
                let first_bad = self.wal_verify_to(Depth::Chain, None).await?.first_bad;
                Ok(RepairPlan { torn: None, unsealed: None, first_bad })
            }
        }
    }

    /// Waits until a shared log that was claimed is given back. Call it last, before the process ends.
    ///
    /// Without this call nothing is lost, but other hosts wait for the lease to pass.
    pub async fn leave(&self) {
        for departure in self.departures() {
            // A task that failed has not given the log back; then the lease ends the claim.
            let _ = departure.await;
        }
    }

    pub(crate) fn slot_options(&self) -> SlotOptions {
        SlotOptions::new(Arc::clone(&self.options().clock))
    }

    fn lease(&self) -> Duration {
        Duration::from_millis(self.settings().wal.lease_ms)
    }

    /// Refuses if the log's folder is empty or gone and there was a log: a new one would say that nothing ever
    /// happened.
    ///
    /// # Errors
    /// [`Error::Incomplete`]: the log is missing; restore it.
    pub(crate) fn refuse_lost_folder(&self, folder: &Path) -> Result<()> {
        let is_used = self.disk().list(folder).is_ok_and(|names| !names.is_empty());
        if is_used { Ok(()) } else { self.refuse_lost() }
    }

    /// The same for slots, before the first one is created.
    async fn refuse_lost_slots(&self, slots: &Arc<dyn Slots>) -> Result<()> {
        // The first slot tells, almost always; if it is missing, everything that is there is read.
        match SlotLog::has_begun(Arc::clone(slots), self.slot_options()).await? {
            true => Ok(()),
            false => self.wal_reader().await.map(drop),
        }
    }

    /// Returns the log that the opener gave.
    ///
    /// # Errors
    /// [`Error::Invalid`]: it gave none, or `kfm.toml` names another one, on which other programs would go on.
    /// [`Error::Incomplete`]: the log is empty, and there was one.
    pub(crate) async fn own_log(&self, given: Option<&Arc<dyn WalStore>>) -> Result<Arc<dyn WalStore>> {
        let url = &self.settings().wal.url;
        let Some(log) = given else {
            return Err(Error::invalid(
                format!(
                    "the log of this platform is one that a program gives, and this one gave none: url={url}"
                ),
                "use the program that has it",
            ));
        };
        if !url.starts_with(OWN_LOG) {
            return Err(Error::invalid(
                format!("the program gives a log of its own, and kfm.toml names another one: url={url}"),
                "write url = \"own:\" and a name for the log under [wal] of kfm.toml, so that no other program goes on \
                 without it",
            ));
        }
        if log.head().await?.lsn == Lsn::ZERO {
            self.refuse_lost()?;
        }
        Ok(Arc::clone(log))
    }

    pub(crate) fn refuse_lost(&self) -> Result<()> {
        if !self.disk().list(&self.ledger_dir()).is_ok_and(|names| !names.is_empty()) {
            return Ok(());
        }
        Err(Error::Incomplete {
            message: format!("the log is missing, though the ledger has entries: place={}", self.wal_place()),
            hint: "restore the log from a backup, or mend [wal] url in kfm.toml".into(),
            next: vec![Remedy::Examine { digests: false }],
        })
    }
}
