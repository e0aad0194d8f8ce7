//! [`DomainOp`]: the narrow trait through which the engine moves the references of one store.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::{Domain, Value};
use kfm_retry::{Classify, Verdict};
pub use kfm_retry::{ErrorClass, RetryAfter};
use serde::{Deserialize, Serialize};

use crate::blob::BlobError;
use crate::context::WriteContext;
pub use crate::swap::{Stray, Swap, SwapOutcome};
use crate::versions::VersionError;

/// Moves the references of one store: observes cells, reads what readers see, and swaps values.
///
/// The engine knows nothing of products: a catalog folder, a graph server and a search engine are each a
/// `DomainOp`. It owns order, journal, retry and policy; an adapter owns its product's language.
///
/// # Laws
/// - **Compare-and-set**: [`swap`](DomainOp::swap) changes a cell only if its value is `from`; otherwise it leaves
///   the cell as it is and returns the value that it saw.
/// - **Idempotent**: a swap to the value that the cell already has is [`SwapOutcome::Already`].
/// - **Inverse**: a swap and the swap with `from` and `to` exchanged leave the store as it was to readers.
/// - **Exact**: after a swap to a value, [`read`](DomainOp::read) returns the content that the engine stored under
///   that value, equal by the rules of the domain, and [`observe`](DomainOp::observe) returns the value.
/// - **Whole**: no reader sees half a value at any moment, and a crash leaves each cell at `from` or `to`.
/// - **Durable**: an outcome is answered only after it is durable. This holds for [`SwapOutcome::Already`] too,
///   since the process that made the swap may have been killed before its change was durable. Where the product
///   cannot promise it, [`Capabilities::durable_ack`] says so.
/// - **Keeps**: no content that a version names is deleted: a retired cell is absent, and its content can be
///   restored.
/// - **Reads write nothing**: `keys`, `observe` and `read` change no byte and no time stamp of the store.
///
/// # Cancel safety
/// A dropped `swap` leaves each cell of the batch at `from` or at `to`; the caller does not know which, and
/// observes the cells before it acts.
///
/// # Implementing
/// Do not retry and do not log: the engine does both, by the error's class and `Retry-After`, for as long as the
/// store's `patience` in the settings. Do not cache what other processes can change. Map the
/// product's errors to [`OpError`] in one function. Run `conformance` (feature `test-util`) against the real
/// product.
#[async_trait]
pub trait DomainOp: Debug + Send + Sync {
    /// Returns the store's name in the settings.
    fn name(&self) -> &str;

    /// Returns the kind of the store.
    fn domain(&self) -> Domain;

    /// Returns what the product can do.
    fn capabilities(&self) -> Capabilities;

    /// Lists the keys of all cells that are not absent, in ascending order.
    ///
    /// # Errors
    /// As [`OpError`] says.
    async fn keys(&self) -> Result<Vec<String>, OpError>;

    /// Returns the values of cells, in the order of `keys`; a cell that does not exist is absent.
    ///
    /// # Errors
    /// [`OpError::InvalidKey`]: a key that this store cannot have; otherwise as [`OpError`] says.
    async fn observe(&self, keys: &[String]) -> Result<Vec<Value>, OpError>;

    /// Lists what lies in the store, is not a cell, and could be taken for one; the engine leaves it alone.
    ///
    /// # Errors
    /// As [`observe`](DomainOp::observe).
    async fn strays(&self) -> Result<Vec<Stray>, OpError> {
        Ok(Vec::new())
    }

    /// Returns the content that readers see at a cell: the bytes whose digest is the cell's value; `None` if it is
    /// absent.
    ///
    /// # Errors
    /// As [`observe`](DomainOp::observe).
    async fn read(&self, key: &str) -> Result<Option<Bytes>, OpError>;

    /// Swaps a batch of cells, each from one value to another, and says for each what happened.
    ///
    /// The content of a `to` value is read from [`WriteContext::content`]. Cells are swapped in the order of
    /// the batch; one answer per swap, in that order.
    ///
    /// # Errors
    /// An error says nothing about the cells of the batch: the engine observes them before it goes on. As
    /// [`OpError`] says.
    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Vec<SwapOutcome>, OpError>;

    /// Removes what a crashed process left unfinished and what no reader sees, such as temporary files.
    ///
    /// # Errors
    /// As [`OpError`] says.
    async fn recover(&self, cx: &WriteContext) -> Result<(), OpError>;
}

const _OBJECT_SAFE: Option<&dyn DomainOp> = None;

/// What a product can do, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Capabilities {
    /// The product's name.
    pub product: String,
    /// The product's version, or the version of the embedded format.
    pub version: String,
    /// What a compare-and-set compares.
    pub compare_and_set: CompareAndSet,
    /// What shuts out a paused executor that wakes up late.
    pub fence: Fence,
    /// Cells that one swap changes all together or not at all; 1 means each by itself.
    pub atomic_batch_max: u32,
    /// Whether an outcome is durable when it is answered.
    pub durable_ack: bool,
    /// The store's place in the order for readers.
    pub role: Role,
}

/// What a compare-and-set compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CompareAndSet {
    /// The product's own generation of the reference.
    Generation,
    /// The value's digest, under the platform's lock.
    Value,
    /// Nothing: only the engine's look right before the swap protects the cell.
    None,
}

/// What shuts out a paused executor that wakes up late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fence {
    /// A token that the store itself checks.
    Token,
    /// The platform's lock, which dies with its holder.
    Lock,
}

/// A store's place in the order for readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Holds the documents that everything else is projected from.
    Target,
    /// Is projected from documents.
    Derived,
}

/// What a product said.
type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a store did not do it; named by what the caller does next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpError {
    /// Trying again may help. Cells of a batch before the one that failed may have been changed: observe them.
    #[error("store does not answer for the moment: store={store}")]
    Transient {
        /// The store's name.
        store: String,
        /// The kind of failure; it decides how the engine tries again.
        class: ErrorClass,
        /// When the product asks to be called again; `None` if it did not say.
        retry_after: Option<RetryAfter>,
        /// What the product said.
        #[source]
        source: Source,
    },
    /// The store may have made the change, or may still make it: observe before acting.
    #[error("outcome of a change is not known: store={store}")]
    Unknown {
        /// The store's name.
        store: String,
        /// The kind of failure; it decides how the engine tries again.
        class: ErrorClass,
        /// What the product said.
        #[source]
        source: Source,
    },
    /// Trying again does not help. Cells of a batch before the one that failed may have been changed: observe them.
    #[error("store cannot do it: store={store} key={key}")]
    Permanent {
        /// The store's name.
        store: String,
        /// The key it was about, or `-`.
        key: String,
        /// What the product said.
        #[source]
        source: Source,
    },
    /// The store's place does not exist: check the settings; then project into it if it is derived, or restore it
    /// from a backup.
    #[error("store is missing{}: store={store} place={place}", if *derived { ", 'kfm project' makes and fills it" } else { "" })]
    Missing {
        /// The store's name.
        store: String,
        /// Where it should be.
        place: String,
        /// Whether what it held is projected from the catalog, so that an empty store can be filled again.
        derived: bool,
    },
    /// The key is not one that this store can have: repair the caller.
    #[error("key is not allowed, {why}: store={store} key={key}")]
    InvalidKey {
        /// The store's name.
        store: String,
        /// The key that was refused.
        key: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The content of a version is not in the version store: restore it from a backup.
    #[error("content of a version is missing or damaged: store={store} digest={digest}")]
    Content {
        /// The store's name.
        store: String,
        /// The version's digest.
        digest: kfm_lineage::Digest,
        /// What the version store said.
        #[source]
        source: Source,
    },
}

impl OpError {
    /// Makes the error of a store that does not answer for the moment; for adapters.
    pub fn transient(store: &str, class: ErrorClass, source: impl Into<Source>) -> Self {
        Self::Transient { store: store.to_owned(), class, retry_after: None, source: source.into() }
    }

    /// Makes the error of a change whose outcome is not known; for adapters.
    pub fn unknown(store: &str, class: ErrorClass, source: impl Into<Source>) -> Self {
        Self::Unknown { store: store.to_owned(), class, source: source.into() }
    }

    /// Adds when the product asks to be called again, as its `Retry-After` says; only a transient error keeps it.
    #[must_use]
    pub fn after(mut self, asked: Option<RetryAfter>) -> Self {
        if let Self::Transient { retry_after, .. } = &mut self {
            *retry_after = asked;
        }
        self
    }

    /// Says whether the cause may pass by itself. If it does not in the store's patience, the operation is
    /// interrupted and can be resumed; nothing is undone for it.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Transient { .. } | Self::Unknown { .. })
    }

    /// Makes the error of a store that could not get the content of a version; for adapters.
    ///
    /// An error that may pass stays transient. Every other one means that the content is not available, so the cell
    /// is left as it is.
    pub fn of_content(store: &str, digest: &kfm_lineage::Digest, error: VersionError) -> Self {
        match error {
            VersionError::Store(ref blob @ (BlobError::Transient { .. } | BlobError::Unknown { .. })) => {
                let class = blob.class();
                Self::transient(store, class, error)
            }
            _ => Self::Content { store: store.to_owned(), digest: *digest, source: Box::new(error) },
        }
    }
}

impl Classify for OpError {
    fn classify(&self) -> Verdict {
        match self {
            Self::Transient { class, retry_after, .. } => Verdict::from(*class).after(*retry_after),
            Self::Unknown { class, .. } => Verdict::from(*class),
            _ => ErrorClass::Unknown.into(),
        }
    }
}
