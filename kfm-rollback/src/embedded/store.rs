//! The cell store below graph, search and cache: a log of changes, and its fold in memory.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use kfm_lineage::{Digest, DigestKind, Lsn, OperationId, Timestamp};
use kfm_retry::{Clock, ErrorClass};
use kfm_wal::local::disk::{Disk, RealDisk};
use kfm_wal::local::{LocalLog, LocalOptions, SegmentSizes};
use kfm_wal::store::WalStore;
use kfm_wal::{Outlook, WalError};
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use super::append::{self, Payloads};
use super::cells::{Cell, Cells, FoldError};
use super::record::{Content, INLINE_BYTES_MAX, Put};
use super::writers::Writers;
use crate::blob::{LocalBlobs, key};
use crate::context::WriteContext;
use crate::op::{Generation, OpError, Outcomes, Swap, Swapped};
use crate::versions::{VersionError, VersionStore};

/// The longest segment of the log: segments are held in memory while they are read, several at a time.
const SEGMENT_BYTES_MAX: u64 = 8 << 20;

/// Cells whose contents are asked for together.
const READ_CELLS_MAX: usize = 64;

/// Records that are read from the log at once.
const SCAN_RECORDS: usize = 4;

/// Cells in a folder: `log/` holds their changes, `contents/` the contents that are too large for it.
///
/// The log is open for writing only while an operation lasts or, where hosts share the platform, while a batch
/// lasts (see [`Writers`]). Otherwise it is opened for reading, beside any writer, and read on from the last
/// position: reading writes nothing and sees what other processes have written. A missing folder is an error; an
/// empty folder is an empty store.
#[derive(Debug, Clone)]
pub(super) struct CellStore {
    name: Arc<str>,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    disk: Arc<dyn Disk>,
    contents: VersionStore,
    /// Whether hosts share the platform.
    is_shared: bool,
    /// Held by each call until its work on the disk has ended, also if the caller no longer waits for it.
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    reader: Option<LocalLog>,
    /// The log that an operation writes to; while it is open, the store reads from it too.
    writer: Weak<LocalLog>,
    pub(super) cells: Cells,
}

/// A content that a swap brings, and where it will lie.
struct Brought {
    swap: Swap,
    content: Option<Content>,
}

impl CellStore {
    pub(super) fn new(name: &str, folder: PathBuf, clock: Arc<dyn Clock>) -> Self {
        let contents = VersionStore::new(Arc::new(LocalBlobs::new(folder.join("contents"))));
        let (disk, state) = (Arc::new(RealDisk), Arc::default());
        Self { name: name.into(), folder, clock, disk, contents, is_shared: false, state }
    }

    pub(super) fn with_disk(self, disk: Arc<dyn Disk>) -> Self {
        Self { disk, state: Arc::default(), ..self }
    }

    pub(super) fn shared(self) -> Self {
        Self { is_shared: true, ..self }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Makes the store, if it is not there.
    pub(super) async fn create(&self) -> Result<(), OpError> {
        let this = self.clone();
        self.on_disk(move |_| {
            this.disk.create_dir(&this.folder).map_err(|error| this.permanent("-", error))?;
            this.open_for_writing().map(drop)
        })
        .await
    }

    /// Answers from the cells as they are now.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        answer: impl FnOnce(&Cells) -> T + Send + 'static,
    ) -> Result<T, OpError> {
        let this = self.clone();
        self.on_disk(move |state| {
            this.catch_up(state)?;
            Ok(answer(&state.cells))
        })
        .await
    }

    /// Returns the bytes of a content.
    pub(super) async fn bytes(&self, content: Content) -> Result<Bytes, OpError> {
        match content {
            Content::Inline(text) => Ok(text.into()),
            Content::File(digest) => {
                let bytes = self.contents.get(&digest).await;
                bytes.map_err(|error| OpError::of_content(&self.name, &digest, error))
            }
        }
    }

    pub(super) fn check_key(&self, key: &str) -> Result<(), OpError> {
        let refused =
            |why| Err(OpError::InvalidKey { store: self.name.to_string(), key: key::shown(key), why });
        key::fault_of(key).map_or(Ok(()), refused)
    }

    pub(super) async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        let brought = self.bring(cx, batch).await?;
        let (this, operation, writers) =
            (self.clone(), cx.operation().clone(), Writers::of(cx, self.is_shared));
        self.on_disk(move |state| {
            let changed = this.change(state, &operation, &writers, brought);
            if changed.is_err() {
                writers.close(&this.folder);
            }
            changed
        })
        .await
    }

    /// Closes the log that an operation kept open, once no call works with it any more.
    pub(super) async fn end(&self, cx: &WriteContext) -> Result<(), OpError> {
        let (this, writers) = (self.clone(), Writers::of(cx, self.is_shared));
        self.on_disk(move |_| {
            writers.close(&this.folder);
            Ok(())
        })
        .await
    }

    /// Repairs what a crash left in the log, and removes temporary files.
    pub(super) async fn recover(&self) -> Result<(), OpError> {
        let this = self.clone();
        let is_there = self
            .on_disk(move |_| match this.log_folder().is_dir() {
                true => this.open_for_writing().map(|_| true),
                false => Ok(false),
            })
            .await?;
        if is_there && self.folder.join("contents").is_dir() {
            self.contents.sweep().await.map_err(|error| self.contents_failed(error))?;
        }
        Ok(())
    }

    /// Gets the contents that a batch brings, and puts the large ones into their files; for each swap what stands in its
    /// way.
    async fn bring(
        &self,
        cx: &WriteContext,
        batch: &[Swap],
    ) -> Result<Vec<Result<Brought, OpError>>, OpError> {
        batch.iter().try_for_each(|swap| self.check_key(&swap.key))?;
        let keys: BTreeSet<&str> = batch.iter().map(|swap| swap.key.as_str()).collect();
        if keys.len() < batch.len() {
            // The log would have two changes of one generation, and could not be read again.
            return Err(self.permanent("-", Repeated));
        }
        let mut brought = Vec::with_capacity(batch.len());
        for swaps in batch.chunks(READ_CELLS_MAX) {
            for (swap, content) in swaps.iter().zip(cx.contents(&self.name, swaps).await) {
                brought.push(self.brought(swap, content).await);
            }
        }
        Ok(brought)
    }

    async fn brought(
        &self,
        swap: &Swap,
        content: Result<Option<Bytes>, OpError>,
    ) -> Result<Brought, OpError> {
        let content = match swap.to.zip(content?) {
            None => None,
            Some((digest, content)) => Some(self.put_aside(&swap.key, digest, content).await?),
        };
        Ok(Brought { swap: swap.clone(), content })
    }

    /// Puts a large content into its file; a small one lies in the log.
    async fn put_aside(&self, key: &str, digest: Digest, content: Bytes) -> Result<Content, OpError> {
        let not_canonical = || self.permanent(key, NotCanonical { digest });
        if digest.kind() != DigestKind::Canonical {
            return Err(not_canonical());
        }
        if content.len() <= INLINE_BYTES_MAX {
            return String::from_utf8(content.into()).map(Content::Inline).map_err(|_| not_canonical());
        }
        LocalBlobs::create_private(self.folder.join("contents"))
            .map_err(|error| self.permanent("-", error))?;
        self.contents.put(vec![(digest, content)]).await.map_err(|error| self.contents_failed(error))?;
        Ok(Content::File(digest))
    }

    /// Compares and sets a batch under the log's lock.
    fn change(
        &self,
        state: &mut State,
        operation: &OperationId,
        writers: &Writers,
        batch: Vec<Result<Brought, OpError>>,
    ) -> Result<Outcomes, OpError> {
        self.present()?;
        let mut log = match writers.get(&self.folder) {
            Some(log) => log,
            None => self.begin_writing(state, writers)?,
        };
        self.fold(&mut state.cells, &log)?;
        let (outcomes, puts) = judge(&state.cells, batch);
        let appends = append::appends(operation, puts).map_err(|error| self.permanent("-", error))?;
        for payloads in appends {
            log = self.append(state, writers, log, payloads)?;
        }
        Ok(outcomes)
    }

    /// Opens the log for writing until the operation ends.
    fn begin_writing(&self, state: &mut State, writers: &Writers) -> Result<Arc<LocalLog>, OpError> {
        let log = Arc::new(self.open_for_writing()?);
        writers.keep(&self.folder, &log);
        state.writer = Arc::downgrade(&log);
        Ok(log)
    }

    fn append(
        &self,
        state: &mut State,
        writers: &Writers,
        log: Arc<LocalLog>,
        payloads: Payloads,
    ) -> Result<Arc<LocalLog>, OpError> {
        let before = state.cells.folded;
        let at = Timestamp::try_from(self.clock.wall()).unwrap_or(Timestamp::UNIX_EPOCH);
        let records = append::records(payloads, before, at);
        let log = match run(log.append(&records, Some(before))) {
            Ok(_) => log,
            Err(error) if error.outlook() == Outlook::Unknown || matches!(error, WalError::Poisoned) => {
                drop(log);
                return self.find_out(state, writers, before, error);
            }
            Err(error) => return Err(self.log_failed(error)),
        };
        self.fold(&mut state.cells, &log)?;
        Ok(log)
    }

    /// Finds out whether an append whose outcome is unknown was made: opening the log anew repairs its end.
    fn find_out(
        &self,
        state: &mut State,
        writers: &Writers,
        before: Lsn,
        error: WalError,
    ) -> Result<Arc<LocalLog>, OpError> {
        writers.close(&self.folder);
        let Ok(log) = self.begin_writing(state, writers) else { return Err(self.log_failed(error)) };
        self.fold(&mut state.cells, &log)?;
        if state.cells.folded > before {
            return Ok(log);
        }
        Err(OpError::transient(&self.name, ErrorClass::Io, error))
    }

    /// Refuses to work where the folder itself is missing, which must not pass for an empty store.
    fn present(&self) -> Result<(), OpError> {
        match self.disk.list(&self.folder) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(OpError::Missing {
                store: self.name.to_string(),
                place: self.folder.display().to_string(),
                derived: true,
            }),
            Err(error) => Err(OpError::transient(&self.name, ErrorClass::Io, error)),
        }
    }

    fn log_folder(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn open_for_writing(&self) -> Result<LocalLog, OpError> {
        self.present()?;
        let sizes = SegmentSizes { max_bytes: SEGMENT_BYTES_MAX, ..SegmentSizes::default() };
        let options = LocalOptions::new(Arc::clone(&self.clock))
            .with_disk(Arc::clone(&self.disk))
            .with_segment_sizes(sizes);
        let opened = LocalLog::open(self.log_folder(), options);
        opened.map(|(log, _)| log).map_err(|error| self.log_failed(error))
    }

    /// Folds in the records that any writer has appended since the last call.
    fn catch_up(&self, state: &mut State) -> Result<(), OpError> {
        self.present()?;
        if let Some(writer) = state.writer.upgrade() {
            return self.fold(&mut state.cells, &writer);
        }
        let reader = match state.reader.take() {
            Some(reader) => reader,
            None => LocalLog::open_read_only_on(self.log_folder(), Arc::clone(&self.disk))
                .map_err(|error| self.log_failed(error))?,
        };
        let folded = self.fold(&mut state.cells, &reader);
        state.reader = Some(reader);
        folded
    }

    fn fold(&self, cells: &mut Cells, log: &LocalLog) -> Result<(), OpError> {
        loop {
            let records = run(log.scan(cells.folded.next(), SCAN_RECORDS));
            let records = records.map_err(|error| self.log_failed(error))?;
            if records.is_empty() {
                return Ok(());
            }
            for record in records {
                cells.fold(&record).map_err(|error: FoldError| self.permanent("-", error))?;
            }
        }
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut State) -> Result<T, OpError> + Send + 'static,
    ) -> Result<T, OpError> {
        let mut state = Arc::clone(&self.state).lock_owned().await;
        let done = tokio::task::spawn_blocking(move || work(&mut state)).await;
        // A task that panicked, or that never ran because the runtime shuts down, may have done anything.
        done.unwrap_or_else(|error| Err(OpError::unknown(&self.name, ErrorClass::Io, error)))
    }

    fn permanent(&self, key: &str, source: impl std::error::Error + Send + Sync + 'static) -> OpError {
        OpError::Permanent { store: self.name.to_string(), key: key.to_owned(), source: Box::new(source) }
    }

    fn contents_failed(&self, error: VersionError) -> OpError {
        use crate::blob::BlobError;
        match error {
            VersionError::Store(BlobError::Transient { .. } | BlobError::Unknown { .. }) => {
                OpError::transient(&self.name, ErrorClass::Io, error)
            }
            _ => self.permanent("-", error),
        }
    }

    fn log_failed(&self, error: WalError) -> OpError {
        // Another process that writes the store ends soon, or is waited for; this machine's disk is tried again once.
        let class = match error {
            WalError::Locked { holder } => {
                return OpError::transient(&self.name, ErrorClass::Transient, Busy { holder });
            }
            WalError::Moved { .. } => ErrorClass::Transient,
            _ => ErrorClass::Io,
        };
        match error.outlook() {
            Outlook::Transient => OpError::transient(&self.name, class, error),
            Outlook::Unknown => OpError::unknown(&self.name, class, error),
            Outlook::Permanent => self.permanent("-", error),
        }
    }
}

/// Another process writes to the store; one that was stopped keeps it until it goes on or ends.
#[derive(Debug, thiserror::Error)]
#[error(
    "another process writes to it, wait until that one ends; if it was stopped, let it go on or end it, then try again: \
     holder={holder}"
)]
struct Busy {
    holder: String,
}

/// Decides each swap, and says what is to be put. The keys of a batch are distinct.
fn judge(cells: &Cells, batch: Vec<Result<Brought, OpError>>) -> (Vec<Result<Swapped, OpError>>, Vec<Put>) {
    let mut puts = Vec::new();
    let mut judge = |Brought { swap, content }| {
        if let Some(swapped) = swap.without_change(&cells.seen(&swap.key)) {
            return swapped;
        }
        let generation = cells.get(&swap.key).map_or(0, Cell::generation) + 1;
        puts.push(Put { key: swap.key, generation, value: swap.to, content });
        Swapped::Applied { generation: Some(Generation::new(generation.to_string())) }
    };
    let judged = batch.into_iter().map(|brought| brought.map(&mut judge)).collect();
    (judged, puts)
}

/// Waits for the log, on a thread that may block.
fn run<T>(future: impl Future<Output = T>) -> T {
    Handle::current().block_on(future)
}

/// A value of these stores is the digest of canonical JSON; the caller gave another kind of digest.
#[derive(Debug, thiserror::Error)]
#[error("value is not a digest of canonical JSON: digest={digest}")]
struct NotCanonical {
    digest: Digest,
}

/// The keys of a batch are distinct by contract.
#[derive(Debug, thiserror::Error)]
#[error("a batch names a cell twice")]
struct Repeated;
