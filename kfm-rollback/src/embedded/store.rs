//! The cell store below graph, search and cache: each call is one transaction on a database in a folder.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use kfm_lineage::{Digest, DigestKind};
use kfm_retry::ErrorClass;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::Mutex;

use super::cells::Cells;
use super::database::{self, DatabaseError};
use crate::blob::key;
use crate::context::WriteContext;
use crate::op::{Generation, Misconfigured, OpError, Outcomes, Swap, Swapped};

/// Cells whose contents are asked for together.
const READ_CELLS_MAX: usize = 64;

/// Cells in a database in a folder.
///
/// Nothing stays open between two calls, so a call sees what other processes have written, and a folder that was
/// replaced. A missing folder is an error; an empty folder is an empty store.
#[derive(Debug, Clone)]
pub(super) struct CellStore {
    name: Arc<str>,
    folder: PathBuf,
    /// Whether hosts share the platform, so that a process may work on that another host has taken over from.
    is_shared: bool,
    /// Held by each call until its work on the disk has ended, also if the caller no longer waits for it.
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// A commit failed. What is in the database now may not be durable, and may not be answered before it is.
    is_unsettled: bool,
}

/// A content that a swap brings.
struct Brought {
    swap: Swap,
    content: Option<String>,
}

impl CellStore {
    pub(super) fn new(name: &str, folder: PathBuf) -> Self {
        Self { name: name.into(), folder, is_shared: false, state: Arc::default() }
    }

    pub(super) fn shared(self) -> Self {
        Self { is_shared: true, ..self }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Finds the log in which earlier versions kept the cells; it is not read, and may be removed.
    pub(super) fn earlier_form(&self) -> Option<Misconfigured> {
        let is_there = self.folder.join("log").is_dir();
        is_there.then(|| Misconfigured {
            what: "it holds the form of an earlier version, which is not read".into(),
            remedy: "project into it, then remove its folders log and contents".into(),
            breaks_promise: false,
        })
    }

    /// Makes the store, if it is not there.
    pub(super) async fn create(&self) -> Result<(), OpError> {
        let this = self.clone();
        self.on_disk(move |state| {
            std::fs::create_dir_all(&this.folder).map_err(|error| this.permanent("-", error))?;
            this.change(state, |_| Ok(()))
        })
        .await
    }

    /// Answers from the cells as they are now.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        answer: impl FnOnce(&Cells<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, OpError> {
        let this = self.clone();
        self.on_disk(move |state| {
            this.present()?;
            if state.is_unsettled {
                this.change(state, |_| Ok(()))?;
            }
            let answered = || {
                let mut connection = database::open_to_read(&this.folder)?;
                let transaction = connection.transaction()?;
                Ok(answer(&Cells(&transaction))?)
            };
            answered().map_err(|error| this.failed(error))
        })
        .await
    }

    pub(super) fn check_key(&self, key: &str) -> Result<(), OpError> {
        let refused =
            |why| Err(OpError::InvalidKey { store: self.name.to_string(), key: key::shown(key), why });
        key::fault_of(key).map_or(Ok(()), refused)
    }

    /// Raises the fence, where hosts share the platform: elsewhere the platform's lock dies with its holder.
    pub(super) async fn fence(&self, cx: &WriteContext) -> Result<(), OpError> {
        let (this, token) = (self.clone(), cx.token());
        if !self.is_shared {
            return Ok(());
        }
        self.on_disk(move |state| {
            this.present()?;
            this.change(state, |cells| {
                this.refuse_fenced(cells, token)?;
                cells.raise_fence(token).map_err(|error| this.failed(error.into()))
            })
        })
        .await
    }

    pub(super) async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        let brought = self.bring(cx, batch).await?;
        let (this, token, operation, now) = (self.clone(), cx.token(), cx.operation().clone(), cx.now());
        self.on_disk(move |state| {
            this.present()?;
            this.change(state, |cells| {
                this.refuse_fenced(cells, token)?;
                let set = |Brought { swap, content }: Brought| -> rusqlite::Result<Swapped> {
                    let seen = cells.seen(&swap.key)?;
                    if let Some(swapped) = swap.without_change(&seen) {
                        return Ok(swapped);
                    }
                    let generation = cells.generation(&swap.key)? + 1;
                    cells.put(&swap.key, generation, swap.to, content.as_deref(), (&operation, now))?;
                    Ok(Swapped::Applied { generation: Some(Generation::new(generation.to_string())) })
                };
                let each = |brought: Result<Brought, OpError>| match brought.map(&set) {
                    Ok(Ok(swapped)) => Ok(Ok(swapped)),
                    Ok(Err(error)) => Err(this.failed(error.into())),
                    Err(in_the_way) => Ok(Err(in_the_way)),
                };
                brought.into_iter().map(each).collect()
            })
        })
        .await
    }

    /// Takes back what a process that died has begun, and makes durable what it committed.
    pub(super) async fn recover(&self) -> Result<(), OpError> {
        let this = self.clone();
        self.on_disk(move |state| {
            match database::is_there(&this.folder).map_err(|error| this.failed(error))? {
                true => this.change(state, |_| Ok(())),
                false => Ok(()),
            }
        })
        .await
    }

    /// Gets the contents that a batch brings; for each swap what stands in its way.
    async fn bring(
        &self,
        cx: &WriteContext,
        batch: &[Swap],
    ) -> Result<Vec<Result<Brought, OpError>>, OpError> {
        batch.iter().try_for_each(|swap| self.check_key(&swap.key))?;
        let keys: BTreeSet<&str> = batch.iter().map(|swap| swap.key.as_str()).collect();
        if keys.len() < batch.len() {
            return Err(self.permanent("-", Repeated));
        }
        let mut brought = Vec::with_capacity(batch.len());
        for swaps in batch.chunks(READ_CELLS_MAX) {
            let contents = cx.contents(&self.name, swaps).await;
            brought.extend(swaps.iter().zip(contents).map(|(swap, content)| self.brought(swap, content)));
        }
        Ok(brought)
    }

    fn brought(&self, swap: &Swap, content: Result<Option<Bytes>, OpError>) -> Result<Brought, OpError> {
        let text = |(digest, content): (Digest, Bytes)| {
            let text = String::from_utf8(content.into()).ok();
            let text = text.filter(|_| digest.kind() == DigestKind::Canonical);
            text.ok_or_else(|| self.permanent(&swap.key, NotCanonical { digest }))
        };
        let content = swap.to.zip(content?).map(text).transpose()?;
        Ok(Brought { swap: swap.clone(), content })
    }

    /// Changes cells in one transaction. An error of `work` leaves all of them as they were.
    fn change<T>(
        &self,
        state: &mut State,
        work: impl FnOnce(&Cells<'_>) -> Result<T, OpError>,
    ) -> Result<T, OpError> {
        let mut connection: Connection =
            database::open_to_write(&self.folder).map_err(|error| self.failed(error))?;
        let change = database::begin(&mut connection, &self.folder).map_err(|error| self.failed(error))?;
        let done = work(&Cells(&change))?;
        match change.commit() {
            Ok(()) => {
                state.is_unsettled = false;
                Ok(done)
            }
            Err(error) if is_busy(&error) => Err(self.failed(error.into())),
            Err(error) => {
                state.is_unsettled = true;
                Err(OpError::unknown(&self.name, ErrorClass::Io, error))
            }
        }
    }

    fn refuse_fenced(&self, cells: &Cells<'_>, token: u64) -> Result<(), OpError> {
        let is_fenced = self.is_shared && token < cells.fence().map_err(|error| self.failed(error.into()))?;
        if is_fenced { Err(OpError::Fenced { store: self.name.to_string(), token }) } else { Ok(()) }
    }

    /// Refuses to work where the folder itself is missing, which must not pass for an empty store.
    fn present(&self) -> Result<(), OpError> {
        match std::fs::metadata(&self.folder) {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err(self.permanent("-", io::Error::from(io::ErrorKind::NotADirectory))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OpError::Missing {
                store: self.name.to_string(),
                place: self.folder.display().to_string(),
                derived: true,
            }),
            Err(error) => Err(OpError::transient(&self.name, ErrorClass::Io, error)),
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
        OpError::permanent(&self.name, key, Box::new(source) as Box<dyn std::error::Error + Send + Sync>)
    }

    /// Says what the caller can do about a call that changed nothing.
    fn failed(&self, error: DatabaseError) -> OpError {
        let DatabaseError::Sqlite(sqlite) = &error else {
            return match error {
                DatabaseError::File { .. } => OpError::transient(&self.name, ErrorClass::Io, error),
                _ => self.permanent("-", error),
            };
        };
        match sqlite.sqlite_error_code() {
            // Another process ends its change soon, or is waited for.
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                OpError::transient(&self.name, ErrorClass::Transient, Busy)
            }
            // This machine's disk is tried again.
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::DiskFull
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
                | ErrorCode::FileLockingProtocolFailed,
            ) => OpError::transient(&self.name, ErrorClass::Io, error),
            _ => self.permanent("-", error),
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Another process is in the middle of a change, or was stopped there.
#[derive(Debug, thiserror::Error)]
#[error(
    "another process is changing it, wait until that one ends; if it was stopped, let it go on or end it, then try again"
)]
struct Busy;

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
