//! A session: the platform as it stands, for the length of one command.
//!
//! A reading session opens the log read-only and changes nothing; a writing one holds the platform's lock
//! from before it looks until after it has ended, so that what it decided on is what it acts on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kfm_lineage::{CellId, Domain, Lsn, OperationId, Timestamp};
use kfm_policy::{LabelRegistry, Policy, Principals};
use kfm_retry::Clock;
use kfm_wal::Wal;
use kfm_wal::record::{JournalEntry, JournalRecord, Record};
use kfm_wal::slots::SlotLog;

use crate::context::WriteContext;
use crate::embedded::Writers;
use crate::error::{Error, Result, text_of};
use crate::facts::Facts;
use crate::history::History;
use crate::op::{DomainOp, OpError};
use crate::platform::Platform;
use crate::platform::claim::Claimant;
use crate::platform::lock::{Holder, PlatformLock};
use crate::platform::log::Hold;
use crate::platform::policy_files::{PolicyFiles, PolicyTexts};
use crate::platform::snapshots::Folded;
use crate::report::FindingLine;
use crate::versions::VersionStore;

/// How long it takes at most until somebody who asks to stop is heard during a wait.
const ATTENTION: Duration = Duration::from_millis(100);

/// The platform as it stands, for the length of one command.
#[derive(Debug)]
pub(crate) struct Session {
    pub platform: Platform,
    pub wal: Wal,
    pub history: History,
    pub facts: Facts,
    pub registry: LabelRegistry,
    pub principals: Principals,
    pub policy: Policy,
    /// The texts that registry and principals were read from.
    pub policy_texts: PolicyTexts,
    /// Why policy's files say nothing, where they do not: then nothing may be judged.
    policy_fault: Option<Error>,
    /// Wall time of each phase in milliseconds.
    pub phases_ms: BTreeMap<String, u64>,
    phase: Option<(String, Duration)>,
    /// The log as hosts share it, which knows who holds it; none where it is in a folder.
    pub shared: Option<Arc<SlotLog>>,
    /// The claim on a shared log; none where the log is in a folder, or in a session that only reads.
    hold: Option<Hold>,
    /// Held to the end of the session; none in a session that only reads.
    lock: Option<PlatformLock>,
}

impl Session {
    /// Opens a session that changes nothing.
    pub(crate) async fn read(platform: &Platform) -> Result<Self> {
        let (log, shared) = platform.open_to_read().await?;
        let mut session = Self::begin(platform, platform.fold(log).await?, None, None)?;
        session.shared = shared;
        Ok(session)
    }

    /// Opens a session that changes nothing and trusts the log alone, for what verifies: no snapshot is used.
    pub(crate) async fn read_whole(platform: &Platform) -> Result<Self> {
        let (log, shared) = platform.open_to_read().await?;
        let mut session = Self::begin(platform, platform.fold_whole(log).await?, None, None)?;
        session.shared = shared;
        Ok(session)
    }

    /// Opens a session that may change things: takes the lock, and repairs a torn tail of the log or claims it from
    /// other hosts.
    pub(crate) async fn write(platform: &Platform, doing: &str) -> Result<Self> {
        let options = platform.options();
        options.interrupt.note_begun(false);
        let holder = Holder {
            actor: options.actor.clone(),
            host: options.host.clone(),
            pid: options.pid,
            doing: doing.to_owned(),
            since: now(&options.clock)?.to_string(),
            operation: None,
        };
        let lock = PlatformLock::acquire(&platform.lock_path(), holder.clone(), options).await?;
        let (log, hold) = platform.wal_writer(&holder).await?;
        let folded = platform.fold(log).await?;
        let newest = folded.snapshot;
        let mut session = Self::begin(platform, folded, Some(lock), hold)?;
        session.keep_snapshot_if_due(newest).await;
        Ok(session)
    }

    fn begin(
        platform: &Platform,
        folded: Folded,
        lock: Option<PlatformLock>,
        hold: Option<Hold>,
    ) -> Result<Self> {
        now(&platform.options().clock)?;
        let Folded { wal, history, .. } = folded;
        let (files, policy_fault) = match platform.policy_files(&history) {
            Ok(files) => (files, None),
            Err(error) => (PolicyFiles::default(), Some(error)),
        };
        let PolicyFiles { registry, principals, texts } = files;
        Ok(Self {
            platform: platform.clone(),
            wal,
            history,
            facts: Facts::new(platform.versions()).stopped_by(platform.options().interrupt.clone()),
            registry,
            principals,
            policy: platform.policy(),
            policy_texts: texts,
            policy_fault,
            phases_ms: BTreeMap::new(),
            phase: None,
            shared: hold.as_ref().map(Hold::log),
            hold,
            lock,
        })
    }

    /// Returns those of these records that a process of this very platform appended to a shared log, as the claims in
    /// it tell; of a log in a folder, all of them.
    ///
    /// # Errors
    /// [`Error::Log`](crate::Error::Log): a claim cannot be read. [`Error::File`]: the platform's id cannot.
    pub(crate) async fn written_here(&self, records: impl Iterator<Item = Lsn>) -> Result<BTreeSet<Lsn>> {
        let Some(log) = &self.shared else { return Ok(records.collect()) };
        let id = self.platform.id()?;
        let is_own = |held: &kfm_wal::slots::Holder| {
            let claimant = Claimant::parse(&held.holder);
            claimant.is_some_and(|claimant| claimant.is_of(&self.platform, id.as_deref()))
        };
        let held = log.held_at(records).await?;
        Ok(held.into_iter().filter(|(_, held)| is_own(held)).map(|(lsn, _)| lsn).collect())
    }

    /// Returns the clock.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.platform.options().clock)
    }

    /// Returns the time for every judgement and every record: the later of the clock and the newest record of the log.
    ///
    /// So a clock that was set back makes nothing valid again that had expired.
    pub(crate) fn now(&self) -> Timestamp {
        let newest = self.wal.newest_at().unwrap_or(Timestamp::MIN);
        // The clock could be read when the session began.
        now(&self.platform.options().clock).map_or(newest, |now| now.max(newest))
    }

    /// Returns who acts.
    pub(crate) fn actor(&self) -> &str {
        &self.platform.options().actor
    }

    /// Returns the version store.
    pub(crate) fn versions(&self) -> Arc<VersionStore> {
        self.platform.versions()
    }

    /// Returns the catalog.
    pub(crate) fn catalog(&self) -> Arc<dyn DomainOp> {
        self.platform.catalog()
    }

    /// Names a document's cell.
    pub(crate) fn document(&self, path: &str) -> CellId {
        CellId::new(Domain::Stac, self.catalog().name(), path)
    }

    /// Returns the store of a cell.
    pub(crate) fn store(&self, cell: &CellId) -> Result<Arc<dyn DomainOp>, OpError> {
        self.platform
            .store(&cell.store)
            .filter(|store| store.domain() == cell.domain)
            .ok_or_else(|| OpError::Missing { store: cell.store.clone(), place: "the settings".into() })
    }

    /// Makes what stores want to see before they change anything.
    pub(crate) fn write_context(&self, operation: &OperationId) -> WriteContext {
        // Nobody follows a host that has the platform to itself: its lock is held to the end of the session.
        let writers = Writers::new(self.hold.is_none());
        WriteContext::new(operation.clone(), self.versions(), writers)
    }

    /// Keeps the policy's snapshot under its digest, so that what records name resolves for good (R66).
    ///
    /// # Errors
    /// [`Error::Versions`](crate::Error::Versions): it could not be kept; nothing may be recorded under it.
    pub(crate) async fn keep_policy(&self) -> Result<()> {
        let snapshot = self.policy.snapshot();
        let bytes = Bytes::copy_from_slice(snapshot.bytes());
        Ok(self.versions().put(vec![(snapshot.digest(), bytes)]).await?)
    }

    /// Says, to whoever meets the lock, which operation is worked on.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File): the lock's file cannot be written.
    pub(crate) fn works_on(&mut self, operation: &OperationId) -> Result<()> {
        self.lock.as_mut().map_or(Ok(()), |lock| lock.works_on(operation))
    }

    /// Denies everything while policy's files are missing or not right (R3); looking is not denied.
    ///
    /// # Errors
    /// [`Error::Denied`]: says which file it is. [`Error::File`]: a file could not be read this time, which is no
    /// verdict; try again.
    pub(crate) fn require_policy(&self, operation: &str) -> Result<()> {
        let Some(fault) = &self.policy_fault else { return Ok(()) };
        let remedy = match fault {
            Error::File { path, source } => {
                return Err(Error::File { path: path.clone(), source: same(source) });
            }
            Error::Invalid { hint, .. } => hint.clone(),
            _ => "repair the file, under [policy] of kfm.toml".into(),
        };
        let finding = FindingLine {
            rule: "GOV-cover".into(),
            code: None,
            severity: "critical".into(),
            subject: "operation".into(),
            message: text_of(fault),
            remedy,
            denies: true,
        };
        Err(Error::Denied { operation: operation.to_owned(), findings: vec![finding] })
    }

    /// Reads policy's files again, after one of them was written.
    ///
    /// # Errors
    /// [`Error::Invalid`]: a file is missing or not right. [`Error::File`]: one could not be read.
    pub(crate) fn reread_policy(&mut self) -> Result<()> {
        let PolicyFiles { registry, principals, texts } = self.platform.policy_files(&self.history)?;
        (self.registry, self.principals, self.policy_texts, self.policy_fault) =
            (registry, principals, texts, None);
        Ok(())
    }

    /// Says whether this session may change things.
    pub(crate) fn is_writer(&self) -> bool {
        self.lock.is_some()
    }

    /// Refuses if another host has taken the shared log over, or somebody has taken the lock's file away: another
    /// process may act now, and this one acts no more.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked): the lock is not this process's any more.
    /// [`Error::Log`](crate::Error::Log): another host has it, or it is not known whether one has.
    pub(crate) async fn refuse_if_followed(&self) -> Result<()> {
        self.lock.as_ref().map_or(Ok(()), PlatformLock::still_mine)?;
        match &self.hold {
            Some(hold) => hold.still_mine().await.map_err(Error::from),
            None => Ok(()),
        }
    }

    /// Appends a record to the log and takes note of it.
    ///
    /// # Errors
    /// [`Error::Log`](crate::Error::Log): the log failed; whether the record is in it, opening it again tells.
    pub(crate) async fn log(&mut self, record: Record) -> Result<Lsn> {
        self.lock.as_ref().map_or(Ok(()), PlatformLock::still_mine)?;
        let lsn = self.wal.append(record).await?;
        self.take_note(lsn).await?;
        Ok(lsn)
    }

    /// Takes note of what is in the log up to a record that was appended; what fails can be tried again.
    ///
    /// # Errors
    /// [`Error::Log`](crate::Error::Log), [`Error::Versions`](crate::Error::Versions): what records name cannot be
    /// read.
    pub(crate) async fn take_note(&mut self, appended: Lsn) -> Result<()> {
        if self.wal.head().lsn < appended {
            self.wal.refresh().await?;
        }
        let versions = self.platform.versions();
        self.history.catch_up(&self.wal, &versions).await
    }

    /// Appends a line to the journal of an open operation.
    ///
    /// # Errors
    /// As [`log`](Self::log).
    pub(crate) async fn journal(&mut self, operation: &OperationId, entry: JournalEntry) -> Result<()> {
        let lines = self.history.operation(operation).map_or(0, |operation| operation.journal.lines);
        let record = JournalRecord { operation: operation.clone(), n: lines + 1, entry };
        self.log(Record::Journal(record)).await.map(drop)
    }

    /// Refuses if a store does not answer, before anything is made durable for it.
    ///
    /// # Errors
    /// [`Error::Store`]: names the store.
    pub(crate) async fn refuse_missing_stores(&self) -> Result<()> {
        for store in self.platform.stores() {
            store.observe(&[]).await?;
        }
        Ok(())
    }

    /// Refuses if an operation that has not ended keeps one of these cells.
    ///
    /// # Errors
    /// [`Error::Conflict`](crate::Error::Conflict): names the operation and the command that ends it.
    pub(crate) async fn refuse_kept_cells<'a>(
        &self,
        cells: impl IntoIterator<Item = &'a CellId>,
    ) -> Result<()> {
        let mut kept: BTreeMap<CellId, OperationId> = BTreeMap::new();
        for operation in self.history.open_operations() {
            for step in crate::history::read_moves(&self.versions(), &operation.moves).await? {
                kept.insert(step.cell, operation.id.clone());
            }
        }
        for cell in cells {
            if let Some(operation) = kept.get(cell) {
                return Err(crate::status::kept_by(operation, cell));
            }
        }
        Ok(())
    }

    /// Stops what has not begun yet, if somebody asked for it: looked at between documents.
    ///
    /// # Errors
    /// [`Error::Stopped`](crate::Error::Stopped): nothing is left behind.
    pub(crate) fn stop_before_begun(&self) -> Result<()> {
        self.platform.options().interrupt.stop_before_begun()
    }

    /// Notes that an operation is open from here on: who stops it now leaves what can be resumed.
    pub(crate) fn note_begun(&self) {
        self.platform.options().interrupt.note_begun(true);
    }

    /// Says whether somebody asked to stop, or another host has followed this process.
    pub(crate) fn interrupted(&self) -> bool {
        let is_followed = self.hold.as_ref().is_some_and(Hold::is_followed);
        is_followed || self.platform.options().interrupt.is_requested()
    }

    /// Waits for the time that readers get between the switch and the first disappearance, or until somebody
    /// asks to stop.
    pub(crate) async fn grace(&self) {
        let grace = Duration::from_millis(self.platform.settings().limits.grace_ms);
        let clock = self.clock();
        let begun = clock.monotonic();
        while !self.interrupted() {
            let left = grace.saturating_sub(clock.monotonic().saturating_sub(begun));
            if left.is_zero() {
                return;
            }
            clock.sleep(left.min(ATTENTION)).await;
        }
    }

    /// Begins a phase; the time of the one before is noted.
    pub(crate) fn begin_phase(&mut self, phase: &str, total: u64) {
        self.end_phase();
        self.phase = Some((phase.to_owned(), self.clock().monotonic()));
        self.platform.options().progress.phase(phase, total);
    }

    /// Ends the phase that is under way.
    pub(crate) fn end_phase(&mut self) {
        if let Some((phase, begun)) = self.phase.take() {
            let spent = self.clock().monotonic().saturating_sub(begun);
            *self.phases_ms.entry(phase).or_default() += u64::try_from(spent.as_millis()).unwrap_or(u64::MAX);
        }
    }

    /// Tells how many steps are made.
    pub(crate) fn progress(&self, done: u64) {
        self.platform.options().progress.advance(done);
    }
}

/// Makes an error of the system once more, to be passed on.
fn same(error: &std::io::Error) -> std::io::Error {
    error.raw_os_error().map_or_else(
        || std::io::Error::new(error.kind(), error.to_string()),
        std::io::Error::from_raw_os_error,
    )
}

impl Drop for Session {
    /// Leaves with the platform what is open, for the one line that every screen has of it.
    fn drop(&mut self) {
        let open = self.history.open_operations().map(|operation| operation.id.clone()).collect();
        self.platform.note_open(open);
    }
}

/// Returns the civil time of a clock, to the microsecond, which is what records keep.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid): it shows a time that no record can hold; set it.
pub(crate) fn now(clock: &Arc<dyn Clock>) -> Result<Timestamp> {
    let at = Timestamp::try_from(clock.wall()).map_err(|error| Error::Invalid {
        message: "the clock shows a time that no record can hold".into(),
        hint: "set the system's clock".into(),
        source: Some(Box::new(error)),
    })?;
    Ok(at.round(jiff::Unit::Microsecond).unwrap_or(at))
}
