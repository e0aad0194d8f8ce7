//! A session: the platform as it stands, for the length of one command.
//!
//! A session that reads opens the log read-only and changes nothing. A session that writes holds the platform's
//! lock from before its first look until it has ended, so that it acts on what it has seen.

mod claimed;
mod kept;
mod lost;
mod manifests;
mod parts;
mod snapshots;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use kfm_lineage::text::is_hidden;
use kfm_lineage::{CellId, Digest, Domain, Lsn, OperationId, Timestamp};
use kfm_policy::{LabelRegistry, Policy, Principals, Severity};
use kfm_retry::Clock;
use kfm_wal::Wal;
use kfm_wal::record::{JournalEntry, JournalRecord, Record};
use kfm_wal::slots::{self, SlotLog};
use tokio::sync::OnceCell;

pub(crate) use kept::kept_by;
pub(crate) use lost::lost_versions;
pub(crate) use parts::{missing_lines, refuse_missing};

use crate::context::{Stop, WriteContext};
use crate::error::{Error, Result, text_of};
use crate::facts::{Facts, KeptFacts};
use crate::history::History;
use crate::kind::Patience;
use crate::moments::Moments;
use crate::op::{DomainOp, Misconfigured, OpError, Role};
use crate::patience::Patient;
use crate::platform::Platform;
use crate::platform::claim::Claimant;
use crate::platform::lock::{Holder, PlatformLock};
use crate::platform::log::Hold;
use crate::platform::policy_files::{PolicyFiles, PolicyTexts};
use crate::platform::snapshots::Folded;
use crate::report::FindingLine;
use crate::terms::KeptTerms;
use crate::versions::VersionStore;

/// The longest time, during a wait, until a request to stop is noticed.
const ATTENTION: Duration = Duration::from_millis(100);

/// How long a store may take to give back what it keeps for an operation that waits.
const GIVE_UP_MAX: Duration = Duration::from_secs(10);

/// The platform as it stands, for the length of one command.
#[derive(Debug)]
pub(crate) struct Session {
    pub platform: Platform,
    pub wal: Wal,
    pub history: History,
    pub facts: Facts,
    pub moments: Moments,
    /// What documents are found by; `None` if nothing is kept that can be used.
    terms: OnceCell<Option<Arc<KeptTerms>>>,
    /// Whether what the log names beside it may be used.
    is_from_snapshots: bool,
    pub registry: LabelRegistry,
    pub principals: Principals,
    pub policy: Policy,
    /// The texts that registry and principals were read from.
    pub policy_texts: PolicyTexts,
    /// The stores by name; those of a session that writes are waited for while they do not answer.
    stores: Vec<Arc<dyn DomainOp>>,
    /// Why policy's files cannot be used; as long as this is set, nothing may be judged.
    policy_fault: Option<Error>,
    /// Wall time of each phase in milliseconds.
    pub phases_ms: BTreeMap<String, u64>,
    phase: Option<(String, Duration)>,
    /// The log as hosts share it, which knows its holder; `None` for a log in a folder.
    pub shared: Option<Arc<SlotLog>>,
    /// The claim on it whose process is alive, once a command asked.
    claim: OnceCell<Option<slots::Holder>>,
    /// The claim on a shared log; `None` for a log in a folder, and in a session that only reads.
    hold: Option<Hold>,
    /// Held to the end of the session; `None` in a session that only reads.
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

    /// Opens a session for a command that looks and gives a verdict. If policy's files have entries that are not in
    /// force yet, they come into force first (`docs/states.md` section 4): only then it takes the lock. A rehearsal
    /// writes nothing.
    ///
    /// # Errors
    /// As [`write`](Self::write), if there is an entry to bring into force: no verdict is given then.
    pub(crate) async fn judge(platform: &Platform, doing: &str) -> Result<Self> {
        let session = Self::read(platform).await?;
        if platform.options().rehearses || session.registry.new_entries().is_empty() {
            return Ok(session);
        }
        drop(session);
        let mut session = Self::write(platform, doing).await?;
        session.begin_judging(doing).await?;
        Ok(session)
    }

    /// Opens a session that changes nothing and uses no snapshot, for commands that verify: it trusts the log
    /// alone.
    pub(crate) async fn read_whole(platform: &Platform) -> Result<Self> {
        let (log, shared) = platform.open_to_read().await?;
        let mut session = Self::begin(platform, platform.fold_whole(log).await?, None, None)?;
        session.shared = shared;
        Ok(session)
    }

    /// Opens a session for commands that only look at operations: it opens although lists that the log names are lost.
    /// [`History::lost`] names those, and then nothing may be said of the cells. With `whole` no snapshot is used.
    pub(crate) async fn read_without_lost(platform: &Platform, whole: bool) -> Result<Self> {
        let (log, shared) = platform.open_to_read().await?;
        let folded = platform.fold_without_lost(log, whole).await?;
        let mut session = Self::begin(platform, folded, None, None)?;
        session.shared = shared;
        Ok(session)
    }

    /// Opens a session that may change things. It takes the lock, repairs a torn tail of a log in a folder, and
    /// claims a shared log.
    pub(crate) async fn write(platform: &Platform, doing: &str) -> Result<Self> {
        let options = platform.options();
        options.interrupt.note_begun(false);
        refuse_hidden_in(&options.actor)?;
        let holder = Holder {
            actor: options.actor.clone(),
            host: options.host.clone(),
            pid: options.pid,
            doing: doing.to_owned(),
            since: now(&options.clock)?.to_string(),
            operation: None,
            waits_for: None,
        };
        let lock = PlatformLock::acquire(&platform.lock_path(), holder.clone(), options).await?;
        let (log, hold) = platform.wal_writer(&holder).await?;
        let folded = platform.fold(log).await?;
        parts::refuse_missing(platform, &folded.history)?;
        let newest = folded.snapshot;
        let mut session = Self::begin(platform, folded, Some(lock), hold)?;
        session.keep_snapshot_if_due(newest).await;
        session.keep_manifests().await;
        Ok(session)
    }

    fn begin(
        platform: &Platform,
        folded: Folded,
        lock: Option<PlatformLock>,
        hold: Option<Hold>,
    ) -> Result<Self> {
        now(&platform.options().clock)?;
        let Folded { wal, history, is_from_snapshots, .. } = folded;
        let log = || (Arc::clone(wal.store()), wal.head().lsn);
        let kept = is_from_snapshots.then(|| KeptFacts::new(platform.snapshots(), log()));
        let (files, policy_fault) = match platform.policy_files(&history) {
            Ok(files) => (files, None),
            Err(error) => (PolicyFiles::default(), Some(error)),
        };
        let PolicyFiles { registry, principals, texts } = files;
        let stores = match &lock {
            Some(lock) => patient(platform, lock),
            None => platform.stores(),
        };
        Ok(Self {
            platform: platform.clone(),
            stores,
            wal,
            history,
            facts: Facts::new(platform.versions())
                .or_kept(kept)
                .stopped_by(platform.options().interrupt.clone())
                .telling(Arc::clone(&platform.options().progress)),
            moments: Moments::default(),
            terms: OnceCell::new(),
            is_from_snapshots,
            registry,
            principals,
            policy: platform.policy(),
            policy_texts: texts,
            policy_fault,
            phases_ms: BTreeMap::new(),
            phase: None,
            shared: hold.as_ref().map(Hold::log),
            claim: OnceCell::new(),
            hold,
            lock,
        })
    }

    /// Returns those of the records that a process of this very platform appended, as the claims in a shared log
    /// tell; for a log in a folder, all of them.
    ///
    /// # Errors
    /// [`Error::Log`](crate::Error::Log): a claim cannot be read. [`Error::File`]: the platform's id cannot be
    /// read.
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

    /// Returns the time for every judgement and every record: the later one of the clock and the log's newest
    /// record.
    ///
    /// So a clock that was set back does not make an expired approval valid again.
    pub(crate) fn now(&self) -> Timestamp {
        let newest = self.wal.newest_at().unwrap_or(Timestamp::MIN);
        // The clock could be read when the session began.
        now(&self.platform.options().clock).map_or(newest, |now| now.max(newest))
    }

    /// Returns the actor in whose name the session works.
    pub(crate) fn actor(&self) -> &str {
        &self.platform.options().actor
    }

    /// Returns the version store.
    pub(crate) fn versions(&self) -> Arc<VersionStore> {
        self.platform.versions()
    }

    /// Returns the index of what documents are found by; `None` if there is none that can be used.
    ///
    /// # Errors
    /// As [`KeptTerms::holders`].
    pub(crate) async fn terms(&self) -> Result<Option<Arc<KeptTerms>>> {
        let open = async || {
            let Some(at) = self.history.kept_at().filter(|_| self.is_from_snapshots) else { return Ok(None) };
            let kept = KeptTerms::open(&self.platform.snapshots(), self.wal.store(), at).await?;
            Ok(kept.map(Arc::new))
        };
        self.terms.get_or_try_init(open).await.cloned()
    }

    /// Returns the same where it was asked for before, so that it is open.
    pub(crate) fn terms_if_open(&self) -> Option<Arc<KeptTerms>> {
        self.terms.get().cloned().flatten()
    }

    /// Returns the catalog: the target, whose documents every derived store follows.
    pub(crate) fn catalog(&self) -> Arc<dyn DomainOp> {
        let target = self.platform.settings().target();
        let catalog = self.stores.iter().find(|store| store.name() == target);
        Arc::clone(catalog.expect("the settings name a target, and no store is taken away"))
    }

    /// Returns the stores, by name.
    pub(crate) fn stores(&self) -> &[Arc<dyn DomainOp>] {
        &self.stores
    }

    /// Returns the stores that follow the target, by name.
    pub(crate) fn derived_stores(&self) -> impl Iterator<Item = &Arc<dyn DomainOp>> {
        self.stores.iter().filter(|store| self.platform.role(store.name()) == Role::Derived)
    }

    /// Returns the derived stores that documents are projected into, by name.
    pub(crate) fn projected_stores(&self) -> impl Iterator<Item = &Arc<dyn DomainOp>> {
        self.stores.iter().filter(|store| self.platform.is_projected(store.name()))
    }

    /// Names a document's cell.
    pub(crate) fn document(&self, path: &str) -> CellId {
        CellId::new(Domain::Stac, self.platform.settings().target(), path)
    }

    /// Says whether a cell is a document of the target. A derived catalog's cells only show documents.
    pub(crate) fn is_document(&self, cell: &CellId) -> bool {
        cell.domain == Domain::Stac && cell.store == self.platform.settings().target()
    }

    /// Returns a document in the catalog's form, and its value.
    ///
    /// # Errors
    /// [`Error::Store`]: the catalog cannot keep this document.
    pub(crate) fn form(&self, path: &str, document: Bytes) -> Result<(Digest, Bytes)> {
        Ok(self.catalog().form(path, document)?)
    }

    /// Returns the store of a cell.
    pub(crate) fn store(&self, cell: &CellId) -> Result<Arc<dyn DomainOp>, OpError> {
        let is_its = |store: &&Arc<dyn DomainOp>| store.name() == cell.store && store.domain() == cell.domain;
        let store = self.stores.iter().find(is_its).cloned();
        store.ok_or_else(|| OpError::Missing {
            store: cell.store.clone(),
            place: "the settings".into(),
            derived: false,
        })
    }

    /// Makes the proof that stores must be shown before they change anything.
    pub(crate) fn write_context(&self, operation: &OperationId) -> WriteContext {
        let token = self.hold.as_ref().map_or_else(|| self.wal.head().epoch, Hold::epoch);
        let interrupt = self.platform.options().interrupt.clone();
        let followed = self.hold.as_ref().map(Hold::followed);
        let is_followed = move || followed.as_ref().is_some_and(|followed| followed.load(Ordering::SeqCst));
        let stop = Stop::when(move || interrupt.is_requested() || is_followed());
        WriteContext::new(operation.clone(), self.now(), self.versions(), token, stop)
    }

    /// Stores the policy's snapshot under its digest, so that the digest in records can always be resolved (R66).
    ///
    /// # Errors
    /// [`Error::Versions`](crate::Error::Versions): it could not be stored; no record may name it.
    pub(crate) async fn keep_policy(&self) -> Result<()> {
        let snapshot = self.policy.snapshot();
        let bytes = Bytes::copy_from_slice(snapshot.bytes());
        Ok(self.versions().put(vec![(snapshot.digest(), bytes)]).await?)
    }

    /// Writes into the lock's file which operation is worked on, for people that meet the lock.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File): the lock's file cannot be written.
    pub(crate) fn works_on(&mut self, operation: &OperationId) -> Result<()> {
        self.lock.as_mut().map_or(Ok(()), |lock| lock.works_on(operation))
    }

    /// Says whether policy's files can be used, so that a denial is a verdict.
    pub(crate) fn can_judge(&self) -> bool {
        self.policy_fault.is_none()
    }

    /// Denies every judgement while policy's files are missing or not valid (R3); commands that only look go on.
    ///
    /// # Errors
    /// [`Error::Denied`]: names the file. [`Error::File`]: a file could not be read this time, which is no verdict;
    /// try again.
    pub(crate) fn require_policy(&self, operation: &str) -> Result<()> {
        let Some(fault) = &self.policy_fault else { return Ok(()) };
        let remedy = match fault {
            Error::File { path, source } => {
                return Err(Error::File { path: path.clone(), source: same(source) });
            }
            Error::Invalid { hint, .. } => hint.clone(),
            _ => "repair the file, under [policy] of kfm.toml".into(),
        };
        let finding = FindingLine::new("GOV-cover", Severity::Critical, "operation", text_of(fault), remedy);
        let finding = FindingLine { denies: true, ..finding };
        Err(Error::Denied { operation: operation.to_owned(), findings: vec![finding] })
    }

    /// Reads policy's files again after one of them was written.
    ///
    /// # Errors
    /// [`Error::Invalid`]: a file is missing or not valid. [`Error::File`]: a file could not be read this time.
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

    /// Refuses to act if another host has taken the shared log over, or if the lock's file was removed or replaced:
    /// another process may act now.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked): the lock is not this process's any more.
    /// [`Error::Log`](crate::Error::Log): another host has the log, or it is not known whether one has.
    pub(crate) async fn refuse_if_followed(&self) -> Result<()> {
        self.lock.as_ref().map_or(Ok(()), PlatformLock::still_mine)?;
        match &self.hold {
            Some(hold) => hold.still_mine().await.map_err(Error::from),
            None => Ok(()),
        }
    }

    /// Appends a record to the log and folds it.
    ///
    /// # Errors
    /// [`Error::Log`](crate::Error::Log): the log failed; opening it again tells whether the record is in it.
    pub(crate) async fn log(&mut self, record: Record) -> Result<Lsn> {
        self.lock.as_ref().map_or(Ok(()), PlatformLock::still_mine)?;
        let lsn = self.wal.append(record).await?;
        self.take_note(lsn).await?;
        Ok(lsn)
    }

    /// Folds the log up to a record that was appended. After an error the call can be repeated.
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

    /// Refuses to go on if a store does not answer, or its product does not keep a promise of the store, before anything
    /// is made durable for it.
    ///
    /// # Errors
    /// [`Error::Store`]: names the store, and what to do about a misconfigured product.
    pub(crate) async fn refuse_unfit_stores(&self) -> Result<()> {
        for store in self.stores() {
            let broken = store.probe().await?.findings.into_iter().find(|finding| finding.breaks_promise);
            if let Some(Misconfigured { what, remedy, .. }) = broken {
                let store = store.name().to_owned();
                return Err(OpError::Misconfigured { store, what, remedy }.into());
            }
        }
        Ok(())
    }

    /// Raises the fence of every store to this executor's token, before it looks at what it will change.
    ///
    /// # Errors
    /// [`Error::Store`]: a store does not answer, or another executor has taken over.
    pub(crate) async fn fence(&self, operation: &OperationId) -> Result<()> {
        let cx = self.write_context(operation);
        for store in self.stores() {
            store.fence(&cx).await?;
        }
        Ok(())
    }

    /// Lets each store give back what it keeps for an operation that waits for another run. A store is asked once: it may
    /// be the one that the operation waits for.
    pub(crate) async fn give_up(&self, cx: &WriteContext) {
        cx.kept().release_all();
        for store in self.platform.stores() {
            let alarm = self.platform.options().clock.alarm(GIVE_UP_MAX);
            if let Either::Left((Err(error), _)) = select(store.end(cx), alarm).await {
                tracing::debug!(store = store.name(), %error, "it may keep something of the operation");
            }
        }
    }

    /// Refuses to go on if the actor asked to stop and nothing has begun yet; asked between documents.
    ///
    /// # Errors
    /// [`Error::Stopped`](crate::Error::Stopped): nothing is left behind.
    pub(crate) fn stop_before_begun(&self) -> Result<()> {
        self.platform.options().interrupt.stop_before_begun()
    }

    /// Notes that an operation is open from here on: stopping leaves one that can be resumed.
    pub(crate) fn note_begun(&self) {
        self.platform.options().interrupt.note_begun(true);
    }

    /// Says whether the actor asked to stop, or another host has taken the shared log over.
    pub(crate) fn interrupted(&self) -> bool {
        let is_followed = self.hold.as_ref().is_some_and(Hold::is_followed);
        is_followed || self.platform.options().interrupt.is_requested()
    }

    /// Waits for the time that readers get between the switch and the first disappearance, or until the actor asks
    /// to stop.
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

    /// Begins a phase; the time of the phase before it is noted.
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

    /// Reports how many documents are made ready.
    pub(crate) fn prepared(&self, done: u64) {
        self.platform.options().progress.prepared(done);
    }

    /// Reports how many steps are made.
    pub(crate) fn progress(&self, done: u64) {
        self.platform.options().progress.advance(done);
    }
}

/// Copies an error of the system, so that it can be returned more than once.
fn same(error: &std::io::Error) -> std::io::Error {
    error.raw_os_error().map_or_else(
        || std::io::Error::new(error.kind(), error.to_string()),
        std::io::Error::from_raw_os_error,
    )
}

/// Refuses an actor whose name has characters that cannot be seen: a planner under this name would not be known again among
/// the approvers.
///
/// # Errors
/// [`Error::Invalid`]: shows the name.
pub(crate) fn refuse_hidden_in(actor: &str) -> Result<()> {
    if !actor.chars().any(is_hidden) {
        return Ok(());
    }
    let shown = kfm_lineage::text::shown(actor);
    Err(Error::invalid(
        format!("the actor's name has characters that cannot be seen: actor={shown}"),
        "give the name as it is written",
    ))
}

/// Returns the platform's stores, each with the patience that the settings have for it.
fn patient(platform: &Platform, lock: &PlatformLock) -> Vec<Arc<dyn DomainOp>> {
    let options = platform.options();
    let patient = |store: Arc<dyn DomainOp>| -> Arc<dyn DomainOp> {
        let settings = platform.settings().stores.get(store.name());
        let Patience(patience) = settings.map(|store| store.patience).unwrap_or_default();
        let (clock, interrupt) = (Arc::clone(&options.clock), options.interrupt.clone());
        Arc::new(Patient::new(store, patience, clock, interrupt, lock.waiting()))
    };
    platform.stores().into_iter().map(patient).collect()
}

impl Drop for Session {
    /// Tells the platform which operations are open, for the line about them that ends every screen.
    fn drop(&mut self) {
        let open = self.history.open_operations().map(|operation| operation.id.clone()).collect();
        self.platform.note_open(open);
    }
}

/// Returns the time of a clock in UTC, to the microsecond, which is the precision of records.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid): no record can hold the time that the clock shows; set the clock.
pub(crate) fn now(clock: &Arc<dyn Clock>) -> Result<Timestamp> {
    let at = Timestamp::try_from(clock.wall()).map_err(|error| Error::Invalid {
        message: "the clock shows a time that no record can hold".into(),
        hint: "set the system's clock".into(),
        source: Some(Box::new(error)),
    })?;
    Ok(at.round(jiff::Unit::Microsecond).unwrap_or(at))
}
