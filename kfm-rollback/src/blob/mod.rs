//! [`BlobStore`]: bytes at keys, swapped whole and durably; what a catalog and the version store stand on.

pub mod key;
pub mod local;
pub mod object;

#[cfg(feature = "test-util")]
pub mod fault;

mod platform;

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::Value;
use kfm_retry::{Classify, ErrorClass, Verdict};

pub use local::LocalBlobs;
pub use object::ObjectBlobs;

use crate::swap::{Seen, Swapped};

pub use crate::swap::Stray;

/// Keeps bytes at keys: a folder, or an object store.
///
/// # Laws
/// - **Whole**: a reader of a key, in this process or another, at any moment and after any crash, sees the bytes of
///   one swap, never a part of them.
/// - **Durable**: what an answer says, [`SwapOutcome::Already`] included, survives the loss of power.
/// - **Compare-and-set**: a key whose value is not the precondition's is left alone.
/// - **In order**: readers see the swaps of a batch in its order. After a loss of power only the order between
///   batches is certain.
/// - **Exact names**: a key means the same bytes of name in the store and in [`list`](BlobStore::list);
///   nothing is escaped, folded or normalised.
/// - **Reads write nothing**: `get`, `digests` and `list` change no byte and no time stamp.
///
/// # Cancel safety
/// A dropped `swap` leaves each key either at its old value or at its new one, and the caller does not know which.
/// A later call on the same handle is answered only after the dropped swap has ended.
///
/// # Implementing
/// Do not retry, do not log, do not cache. Check every key with [`key::check`].
#[async_trait]
pub trait BlobStore: Debug + Send + Sync {
    /// Returns the bytes at a key, or none.
    ///
    /// # Errors
    /// As [`BlobError`] says.
    async fn get(&self, key: &str) -> Result<Option<Bytes>, BlobError>;

    /// Returns the `sha256:` digests of the bytes at keys, in the order of `keys`; `None` where a key has no bytes.
    ///
    /// # Errors
    /// As [`BlobError`] says.
    async fn digests(&self, keys: &[String]) -> Result<Vec<Value>, BlobError>;

    /// Lists the keys that end with one of `suffixes`, in ascending order; an empty `suffixes` lists all keys.
    ///
    /// Names that begin with a dot are left out, and so is all that lies below them; what cannot be a key is among the
    /// [`strays`](BlobStore::strays).
    ///
    /// # Errors
    /// As [`BlobError`] says.
    async fn list(&self, suffixes: &[&str]) -> Result<Vec<String>, BlobError>;

    /// Returns what stands at keys, in the order of `keys`; with a generation where the store has them.
    ///
    /// # Errors
    /// As [`BlobError`] says.
    async fn look(&self, keys: &[String]) -> Result<Vec<Seen>, BlobError> {
        Ok(self.digests(keys).await?.into_iter().map(Seen::value).collect())
    }

    /// Lists the first `limit` keys above `after` that [`list`](BlobStore::list) would list.
    ///
    /// # Errors
    /// As [`BlobError`] says.
    async fn page(
        &self,
        suffixes: &[&str],
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, BlobError> {
        let mut keys = self.list(suffixes).await?;
        let first = after.map_or(0, |after| keys.partition_point(|key| key.as_str() <= after));
        Ok(keys.drain(first..).take(limit).collect())
    }

    /// Lists what is named like a key with one of `suffixes` and cannot be a key: links, sockets, and names that no
    /// key can have. The store leaves all of it alone.
    ///
    /// # Errors
    /// As [`BlobError`] says.
    async fn strays(&self, suffixes: &[&str]) -> Result<Vec<Stray>, BlobError> {
        let _ = suffixes;
        Ok(Vec::new())
    }

    /// Swaps keys one by one, in order; one answer per swap.
    ///
    /// # Errors
    /// As [`BlobError`] says. An error says nothing of the other keys of the batch: observe them.
    async fn swap(&self, batch: Vec<BlobSwap>) -> Result<Vec<SwapOutcome>, BlobError>;

    /// Changes distinct keys, each from what was seen there, in any order; one answer per change, in the order of the
    /// batch. What stands in the way of one key does not stop the others.
    ///
    /// # Errors
    /// As [`BlobError`] says. An outer error says nothing of the keys; an inner one is about its key.
    async fn change(&self, batch: Vec<BlobChange>) -> Result<Vec<Result<Swapped, BlobError>>, BlobError> {
        let swap = |change: BlobChange| {
            let precondition = Precondition::Is(change.from.value);
            BlobSwap { key: change.key, precondition, to: change.to }
        };
        let outcomes = self.swap(batch.into_iter().map(swap).collect()).await?;
        Ok(outcomes.into_iter().map(|outcome| Ok(outcome.into())).collect())
    }

    /// Puts bytes at distinct keys that are named after them, in any order; durable on return. Bytes that are there already
    /// are not written again; what is damaged is replaced.
    ///
    /// # Errors
    /// As [`BlobError`] says; some of the bytes may have been put.
    async fn keep(&self, items: Vec<(String, Bytes)>) -> Result<(), BlobError> {
        self.put(items).await
    }

    /// Asks the store whether it is there, and writes nothing.
    ///
    /// # Errors
    /// [`BlobError::Missing`]: it is not; otherwise as [`BlobError`] says.
    async fn reach(&self) -> Result<(), BlobError> {
        self.digests(&[]).await.map(drop)
    }

    /// Finds out whether the store keeps the conditions of a change, where that is not certain; before the first change.
    ///
    /// # Errors
    /// [`BlobError::Unfit`]: it does not; otherwise as [`BlobError`] says.
    async fn prove(&self) -> Result<(), BlobError> {
        Ok(())
    }

    /// Says whether a put compares the key's value in one step with the change. Where it does not, the store looks, then
    /// puts, and what another hand writes in between is lost.
    fn compares_on_replacement(&self) -> bool {
        true
    }

    /// Says whether a removal compares the key's value in one step with the change. Where it does not, the store looks,
    /// then removes, and what another hand writes in between is lost.
    fn compares_on_removal(&self) -> bool;

    /// Removes what crashed processes left unfinished, and nothing that a reader sees.
    ///
    /// A swap that another process is making meanwhile may fail as [`BlobError::Transient`].
    ///
    /// # Errors
    /// As [`BlobError`] says.
    async fn sweep(&self) -> Result<(), BlobError>;
}

const _OBJECT_SAFE: Option<&dyn BlobStore> = None;

/// One change of one key.
#[derive(Debug, Clone)]
pub struct BlobSwap {
    /// The key to change.
    pub key: String,
    /// What must hold right before the change.
    pub precondition: Precondition,
    /// The bytes that the key is to have; `None` removes it.
    pub to: Option<Bytes>,
}

/// One change of one key, from what was seen there.
#[derive(Debug, Clone)]
pub struct BlobChange {
    /// The key to change.
    pub key: String,
    /// What must stand there right before the change, as [`Seen::is_still`] compares it.
    pub from: Seen,
    /// The bytes that the key is to have; `None` removes it.
    pub to: Option<Bytes>,
}

/// What became of one swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwapOutcome {
    /// The key went to its new value.
    Applied,
    /// The key had the new value before.
    Already,
    /// The key has a value that the precondition excludes, and was left alone.
    Conflict {
        /// The value that the key has.
        observed: Value,
    },
}

impl From<SwapOutcome> for Swapped {
    fn from(outcome: SwapOutcome) -> Self {
        match outcome {
            SwapOutcome::Applied => Self::Applied { generation: None },
            SwapOutcome::Already => Self::Already { generation: None },
            SwapOutcome::Conflict { observed } => Self::Conflict { observed: Seen::value(observed) },
        }
    }
}

impl From<Swapped> for SwapOutcome {
    fn from(swapped: Swapped) -> Self {
        match swapped {
            Swapped::Applied { .. } => Self::Applied,
            Swapped::Already { .. } => Self::Already,
            Swapped::Conflict { observed } => Self::Conflict { observed: observed.value },
        }
    }
}

/// What must hold right before a key is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// Anything may stand there: for keys that are named after their content.
    Any,
    /// This value, and no other, stands there.
    Is(Value),
}

/// What callers want of a [`BlobStore`] beyond the contract.
#[async_trait]
pub trait BlobStoreExt: BlobStore {
    /// Puts bytes at keys, whatever stood there; durable on return. Bytes that are there already are not written
    /// again.
    ///
    /// # Errors
    /// As [`BlobStore::swap`].
    async fn put(&self, items: Vec<(String, Bytes)>) -> Result<(), BlobError> {
        let swap = |(key, bytes)| BlobSwap { key, precondition: Precondition::Any, to: Some(bytes) };
        self.swap(items.into_iter().map(swap).collect()).await.map(drop)
    }

    /// Empties keys, whatever stood there; durable on return.
    ///
    /// # Errors
    /// As [`BlobStore::swap`].
    async fn delete(&self, keys: Vec<String>) -> Result<(), BlobError> {
        let swap = |key| BlobSwap { key, precondition: Precondition::Any, to: None };
        self.swap(keys.into_iter().map(swap).collect()).await.map(drop)
    }
}

impl<S: BlobStore + ?Sized> BlobStoreExt for S {}

/// Why a blob store did not do it; named by what the caller does next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// Trying again may help; the key was not changed.
    #[error("blob store does not answer for the moment: key={key}")]
    Transient {
        /// The key it was about.
        key: String,
        /// What the store said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The key may or may not have been changed: observe before acting.
    #[error("outcome of a change of a blob is not known: key={key}")]
    Unknown {
        /// The key it was about, or `-`.
        key: String,
        /// What the store said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Trying again does not help; the key was not changed.
    #[error("blob store cannot do it: key={key}")]
    Permanent {
        /// The key it was about.
        key: String,
        /// What the store said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store's folder does not exist: check the settings, or restore it.
    #[error("folder is missing: place={place}")]
    Missing {
        /// Where it should be.
        place: String,
    },
    /// The store does not keep the conditions of a change, so that two writers could replace each other's bytes: use
    /// another store.
    #[error("store does not keep the conditions of a change, {what}: place={place}")]
    Unfit {
        /// Its address.
        place: String,
        /// What it did.
        what: String,
    },
    /// A symbolic link lies where a key leads: replace it by what it leads to, it is never followed.
    #[error("symbolic link is not followed, replace it by the file: path={path}")]
    Link {
        /// The path of the link.
        path: String,
    },
    /// The key is not one that a blob store can have: repair the caller, or rename the file.
    #[error("key is not allowed, {why}: key={key}")]
    InvalidKey {
        /// The key that was refused.
        key: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl Classify for BlobError {
    fn classify(&self) -> Verdict {
        self.class().into()
    }
}

impl BlobError {
    /// Says whether trying again may help.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Transient { .. } | Self::Unknown { .. })
    }

    /// Returns the kind of failure of an error that may pass: this machine's own disk, or a server.
    pub(crate) fn class(&self) -> ErrorClass {
        let (Self::Transient { source, .. } | Self::Unknown { source, .. }) = self else {
            return ErrorClass::Unknown;
        };
        match source.downcast_ref::<std::io::Error>() {
            Some(_) => ErrorClass::Io,
            None => ErrorClass::Network,
        }
    }
}
