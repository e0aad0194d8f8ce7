//! The log on slots: every law of [`WalStore`], for one writer or for many hosts.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kfm_lineage::{Lsn, Timestamp, hex};
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

/// Whether a log has one writer or many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// One writer: its first append claims an epoch, and shuts out every writer of an earlier epoch.
    #[default]
    Exclusive,
    /// Many writers, on many hosts. Only a fence shuts out the writers of earlier epochs.
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
    /// Makes the default options. `clock` bounds how long the log waits for the store; records bring their
    /// own time.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (mode, patience) = (Mode::default(), Patience::default());
        Self { mode, patience, proofs: PROOFS, clock, entropy: Arc::new(SystemEntropy) }
    }

    /// Sets whether the log has one writer or many; default [`Mode::Exclusive`].
    #[must_use]
    pub fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets how long the log waits for the store.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Sets how many races a store has to stand before a log is made in it; default 8, 0 tries nothing.
    ///
    /// A store that looks first and writes then loses one race in many: more rounds find it more surely.
    #[must_use]
    pub fn with_proofs(mut self, rounds: u32) -> Self {
        self.proofs = rounds;
        self
    }

    /// Sets the source of the random ids of logs and writers; the operating system's by default.
    #[must_use]
    pub fn with_entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Returns a name for the slots of one trial of a store that no other trial has.
    pub(crate) fn proving_name(&self) -> String {
        hex::encode(self.entropy.bytes16())
    }

    pub(crate) fn calls(&self, slots: Arc<dyn Slots>, seed: Seed) -> Calls {
        Calls { slots, clock: Arc::clone(&self.clock), patience: self.patience, seed }
    }
}

/// A log in the slots of a store.
///
/// # Cancel safety
/// The flight of an append belongs to the handle: when a caller drops the future of an append, the flight
/// stays, and the next append goes on with it. A future that is neither polled nor dropped holds up the
/// appends after it.
#[derive(Debug)]
pub struct SlotLog {
    pub(super) calls: Calls,
    pub(super) view: Mutex<View>,
    pub(super) writer: Option<Writer>,
    /// How long the holder of the log has been silent.
    pub(super) silence: Silence,
    /// Whether the log is there; a reader may open it before the first writer has made it.
    there: Mutex<bool>,
    limits: (u64, u64),
    report: RecoveryReport,
}

impl SlotLog {
    /// Opens a log for writing. Makes the log if there is none, after the store has stood the races of
    /// [`SlotOptions::with_proofs`]. No epoch is claimed yet: the first append does that.
    ///
    /// # Cancel safety
    /// A dropped call may have made the log, and nothing else; opening it again goes on from there.
    ///
    /// # Errors
    /// - [`WalError::Unfit`]: the store breaks a promise; use another store.
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
        // The writers of old frames may have ended long ago: no host waits for them.
        let next = guard(&log.view).next;
        guard(&log.view).turns = Turns::begin(next);
        log.writer = Some(Writer::new(nonce, mode, epoch));
        let report = log.report.clone();
        Ok((log, report))
    }

    /// Opens a log for reading, beside writers or without one; writes nothing. A log that is not there reads
    /// as an empty one.
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

    /// Says whether a log has begun, which means that its first frame is there. Reads that one slot and no
    /// more.
    ///
    /// # Cancel safety
    /// A dropped call has changed nothing.
    ///
    /// # Errors
    /// [`WalError::Io`]: it is not known whether the log has begun; repair the store, its address or the
    /// credentials, and try again.
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

    /// Returns the address of the log, without credentials.
    pub fn place(&self) -> String {
        self.calls.slots.place()
    }

    /// Takes in what was appended since the last look, by this writer or by others.
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

/// Reads slot 0; `None` if it is not there.
pub(crate) async fn read_format(calls: &Calls, writes: bool) -> Result<Option<Format>, WalError> {
    let Some(bytes) = calls.read(FORMAT_SLOT).await? else { return Ok(None) };
    let format = Format::decode(&bytes, writes);
    format.map(Some).map_err(|class| unreadable(calls.slots.name(FORMAT_SLOT), class))
}

/// Reads slot 0; `None` if no slot is there at all. A log that has frames and no slot 0 is damaged.
async fn find_format(calls: &Calls, writes: bool) -> Result<Option<Format>, WalError> {
    if let Some(format) = read_format(calls, writes).await? {
        return Ok(Some(format));
    }
    if calls.last(FORMAT_SLOT).await?.is_none() {
        return Ok(None);
    }
    // Another writer may have made the log in this moment. Otherwise its slot 0 is lost, and nothing can take
    // its place.
    let lost = || unreadable(calls.slots.name(FORMAT_SLOT), Damage::MissingSegment);
    read_format(calls, writes).await?.ok_or_else(lost).map(Some)
}

/// Makes slot 0 of a new log; another writer may be quicker, then its slot 0 counts. Says whether this call
/// made it.
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
                // The slot decides: this may be an own success of which the answer was lost.
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
