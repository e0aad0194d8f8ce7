//! The log on slots: every law of [`WalStore`], for one writer or for many hosts.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kfm_lineage::{Lsn, Timestamp};
use kfm_retry::{Clock, Seed};

use super::calls::{Calls, Patience};
use super::chain::{self, catch_up, find_gap};
use super::format::{FORMAT_SLOT, Format, unreadable};
use super::hold::Silence;
use super::prove::prove;
use super::turns::Turns;
use super::view::{View, guard};
use super::writer::{Taking, Writer};
use super::{Created, SlotError, Slots};
use crate::entropy::{Entropy, SystemEntropy};
use crate::error::WalError;
use crate::frame::Kind;
use crate::local::RecoveryReport;
use crate::store::{
    Appended, BATCH_BYTES_MAX, Capabilities, Damage, Depth, Head, NewRecord, RECORD_BYTES_MAX, StoredRecord,
    VerifyReport, WalStore, check_limits,
};

/// Who may append to a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// One writer: its first append claims an epoch, and shuts out whoever wrote before.
    #[default]
    Exclusive,
    /// Many writers, on many hosts; only a fence shuts out those who were there before.
    Shared,
}

/// How a log on slots is opened.
#[derive(Debug, Clone)]
pub struct SlotOptions {
    mode: Mode,
    patience: Patience,
    proofs: u32,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// How many races a store has to stand by default before a log is made in it.
const PROOFS: u32 = 8;

impl SlotOptions {
    /// Makes the default options; `clock` bounds the waits for the store, records bring their own time.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (mode, patience) = (Mode::default(), Patience::default());
        Self { mode, patience, proofs: PROOFS, clock, entropy: Arc::new(SystemEntropy) }
    }

    /// Sets who may append.
    #[must_use]
    pub fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets how long the store is waited for.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Sets how many races a store has to stand before a log is made in it; by default 8.
    ///
    /// A store that looks first and writes then loses one race in many: more rounds find it more surely.
    #[must_use]
    pub fn with_proofs(mut self, rounds: u32) -> Self {
        self.proofs = rounds;
        self
    }

    /// Sets where the names of logs and writers come from.
    #[must_use]
    pub fn with_entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Returns a name that no other try of a store's promises has.
    pub(crate) fn proving_name(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.entropy.bytes16()))
    }

    pub(crate) fn calls(&self, slots: Arc<dyn Slots>, seed: Seed) -> Calls {
        Calls { slots, clock: Arc::clone(&self.clock), patience: self.patience, seed }
    }
}

/// A log in the slots of a store.
///
/// # Cancel safety
/// What an append has on its way belongs to the handle: a dropped future leaves it there, and the next one goes
/// on with it. A future that is neither polled nor dropped holds up those who append after it.
#[derive(Debug)]
pub struct SlotLog {
    pub(super) calls: Calls,
    pub(super) view: Mutex<View>,
    pub(super) writer: Option<Writer>,
    /// Since when nothing was heard of whoever holds the log.
    pub(super) silence: Silence,
    /// Whether the log is there; for readers, who may come first.
    there: Mutex<bool>,
    limits: (u64, u64),
    report: RecoveryReport,
}

impl SlotLog {
    /// Opens a log for writing, and makes it if there is none, in a store that stands the races of
    /// [`SlotOptions::with_proofs`]. Claims nothing yet.
    ///
    /// # Errors
    /// - [`WalError::Unfit`]: use another store.
    /// - [`WalError::Corrupt`]: nothing was changed; restore the log.
    /// - [`WalError::Io`]: repair the store, its address or the credentials, and try again.
    pub async fn open(
        slots: Arc<dyn Slots>,
        options: SlotOptions,
    ) -> Result<(Self, RecoveryReport), WalError> {
        let nonce = options.entropy.bytes16();
        let calls = options.calls(slots, Seed::of(nonce));
        let (format, created) = match find_format(&calls, true).await? {
            Some(format) => (format, false),
            None => make_format(&calls, &options, nonce).await?,
        };
        let mode = options.mode;
        let mut log = Self::load(calls, Some(format), created).await?;
        let epoch = log.report.epoch;
        // Who wrote before may be long gone: nobody waits for them.
        let next = guard(&log.view).next;
        guard(&log.view).turns = Turns::begin(next);
        log.writer = Some(Writer::new(nonce, mode, epoch));
        let report = log.report.clone();
        Ok((log, report))
    }

    /// Opens a log for reading, beside writers or without one; writes nothing. Where there is no log yet, it is
    /// an empty one.
    ///
    /// # Errors
    /// - [`WalError::Corrupt`]: the log is damaged; [`WalStore::verify`] says more.
    /// - [`WalError::Io`]: try again.
    pub async fn open_read_only(slots: Arc<dyn Slots>, options: SlotOptions) -> Result<Self, WalError> {
        let nonce = options.entropy.bytes16();
        let calls = options.calls(slots, Seed::of(nonce));
        let format = find_format(&calls, false).await?;
        Self::load(calls, format, false).await
    }

    /// Looks whether a log has begun: whether its first frame is there. Patient as everything here is, and reads no more.
    ///
    /// # Cancel safety
    /// A dropped call has changed nothing.
    ///
    /// # Errors
    /// [`WalError::Io`]: it is not known; repair the store, its address or the credentials, and try again.
    pub async fn has_begun(slots: Arc<dyn Slots>, options: SlotOptions) -> Result<bool, WalError> {
        let calls = options.calls(slots, Seed::of(options.entropy.bytes16()));
        Ok(calls.read(FORMAT_SLOT + 1).await?.is_some())
    }

    async fn load(calls: Calls, format: Option<Format>, created: bool) -> Result<Self, WalError> {
        let log_id = format.as_ref().and_then(Format::log_id);
        let view = Mutex::new(View::new(&log_id.unwrap_or_default(), Depth::Chain));
        if log_id.is_some() {
            catch_up(&calls, &view).await?;
            if let Some(gap) = find_gap(&calls, &view).await? {
                return Err(gap.into());
            }
        }
        let limits = match &format {
            Some(format) => (format.record_bytes_max, format.batch_bytes_max),
            None => (RECORD_BYTES_MAX as u64, BATCH_BYTES_MAX as u64),
        };
        let report = RecoveryReport { created, ..summary(&guard(&view)) };
        let there = Mutex::new(log_id.is_some());
        let silence = Silence::begin(&calls, &guard(&view));
        Ok(Self { calls, view, writer: None, silence, there, limits, report })
    }

    /// Returns what opening this log found and did.
    pub fn report(&self) -> &RecoveryReport {
        &self.report
    }

    /// Returns where the log is.
    pub fn place(&self) -> String {
        self.calls.slots.place()
    }

    /// Takes in what was appended since, by others too.
    pub(super) async fn refresh(&self) -> Result<(), WalError> {
        if !*guard(&self.there) {
            let Some(format) = read_format(&self.calls, false).await? else { return Ok(()) };
            let mut there = guard(&self.there);
            if !*there {
                *guard(&self.view) = View::new(&format.log_id().unwrap_or_default(), Depth::Chain);
                *there = true;
            }
        }
        catch_up(&self.calls, &self.view).await
    }

    pub(super) fn writer(&self) -> Result<&Writer, WalError> {
        self.writer.as_ref().ok_or(WalError::ReadOnly)
    }
}

#[async_trait]
impl WalStore for SlotLog {
    async fn append(&self, records: &[NewRecord], expected: Option<Lsn>) -> Result<Appended, WalError> {
        let writer = self.writer()?;
        check_limits(records, &self.capabilities())?;
        writer.append(&self.calls, &self.view, records, expected).await
    }

    async fn scan(&self, from: Lsn, limit: usize) -> Result<Vec<StoredRecord>, WalError> {
        self.refresh().await?;
        chain::records(&self.calls, &self.view, from, limit).await
    }

    async fn head(&self) -> Result<Head, WalError> {
        self.refresh().await?;
        Ok(guard(&self.view).position.head())
    }

    async fn fence(&self) -> Result<u64, WalError> {
        let taking = Taking { kind: Kind::Fence, body: &[], only_at: None };
        let writer = self.writer()?;
        writer.take(&self.calls, &self.view, taking).await?;
        Ok(writer.epoch())
    }

    async fn verify(&self, depth: Depth) -> Result<VerifyReport, WalError> {
        super::verify::examine(&self.calls, depth, None).await
    }

    fn capabilities(&self) -> Capabilities {
        let (record_bytes_max, batch_bytes_max) = self.limits;
        let durable = self.calls.slots.is_durable();
        Capabilities { durable, many_writers: true, archives: false, record_bytes_max, batch_bytes_max }
    }
}

/// Reads which log this is; none if there is no log.
pub(crate) async fn read_format(calls: &Calls, writes: bool) -> Result<Option<Format>, WalError> {
    let Some(bytes) = calls.read(FORMAT_SLOT).await? else { return Ok(None) };
    let format = Format::decode(&bytes, writes);
    format.map(Some).map_err(|class| unreadable(calls.slots.name(FORMAT_SLOT), class))
}

/// Reads which log this is; none if there is no log, and nothing of one.
async fn find_format(calls: &Calls, writes: bool) -> Result<Option<Format>, WalError> {
    if let Some(format) = read_format(calls, writes).await? {
        return Ok(Some(format));
    }
    if calls.last(FORMAT_SLOT).await?.is_none() {
        return Ok(None);
    }
    // Another may have made the log in this moment; else its first slot is lost, and no other takes its place.
    let lost = || unreadable(calls.slots.name(FORMAT_SLOT), Damage::MissingSegment);
    read_format(calls, writes).await?.ok_or_else(lost).map(Some)
}

/// Makes a log where none is; another may be quicker.
async fn make_format(
    calls: &Calls,
    options: &SlotOptions,
    nonce: [u8; 16],
) -> Result<(Format, bool), WalError> {
    let made_at = Timestamp::try_from(options.clock.wall()).unwrap_or(Timestamp::UNIX_EPOCH);
    let proofs = prove(calls, &options.proving_name(), options.proofs).await?;
    let mine = Format::new(options.entropy.bytes16(), made_at, proofs);
    let bytes = mine.encode(nonce);
    let mut tries = calls.tries();
    loop {
        match calls.create(FORMAT_SLOT, bytes.clone()).await {
            Ok(Created::Made) => return Ok((mine, true)),
            Err(error @ SlotError::Refused { .. }) => return Err(calls.io("create", FORMAT_SLOT, error)),
            answer => {
                // An own success that was lost on its way back counts as well: the slot tells.
                if let Some(format) = read_format(calls, true).await? {
                    return Ok((format.clone(), format == mine));
                }
                if !calls.pause(&mut tries).await {
                    let source = match answer {
                        Err(error) => error,
                        Ok(_) => SlotError::Unknown { source: "the slot is taken and not there".into() },
                    };
                    return Err(calls.io("create", FORMAT_SLOT, source));
                }
            }
        }
    }
}

pub(crate) fn summary(view: &View) -> RecoveryReport {
    RecoveryReport {
        records: view.position.last().0,
        frames: view.next - 1,
        segments: view.next - 1,
        bytes: view.bytes,
        epoch: view.position.epoch,
        ..RecoveryReport::default()
    }
}
