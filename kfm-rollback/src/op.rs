//! [`DomainOp`]: the narrow trait through which the engine moves the references of one store.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::{Digest, Domain, Value};
use kfm_retry::{Classify, Verdict};
pub use kfm_retry::{ErrorClass, RetryAfter};
use serde::{Deserialize, Serialize};

use crate::blob::BlobError;
pub use crate::capabilities::{Capabilities, CompareAndSet, Fence, Misconfigured, Probe, ValueIs, Visible};
use crate::context::WriteContext;
pub use crate::swap::{Depth, Generation, Seen, Stray, Swap, Swapped};
use crate::versions::VersionError;

/// A cell of a listing: its key, and what the store knows of it without a look at it; `None` where it would have to
/// read the cell.
pub type Listed = (String, Option<Seen>);

/// One outcome for each swap of a batch, in its order.
pub type Outcomes = Vec<Result<Swapped, OpError>>;

/// Moves the references of one store: observes cells, reads what readers see, and swaps values.
///
/// The engine knows nothing of products: a catalog folder, a graph server and a search engine are each a
/// `DomainOp`. It owns order, journal, retry and policy; an adapter owns its product's language.
///
/// # Calls
/// An operation probes each store, raises its fence, and only then looks at cells that it will change. In each phase
/// it stages what readers do not see yet, swaps batch by batch, and settles; then it verifies, and ends. A resume
/// raises the fence and recovers before it looks. Every call may be made again, in the same operation or in a later
/// one that takes it up.
///
/// # Laws
/// - **Compare-and-set**: [`swap`](DomainOp::swap) changes a cell only if it is still as `from` says; otherwise it
///   leaves the cell as it is and returns what it saw. Of several writers at once, one wins.
///   [`Capabilities::put`] and [`Capabilities::retire`] say what is compared.
/// - **Idempotent**: a swap to the value that the cell already has is [`Swapped::Already`], whatever its `from`.
/// - **Inverse**: a swap and the swap with `from` and `to` exchanged leave the store as it was to readers.
/// - **Exact**: after a swap to a value, [`read`](DomainOp::read) returns the content that the engine stored under
///   that value, and [`observe`](DomainOp::observe) returns the value.
/// - **Whole**: no reader sees half a value at any moment, and a crash leaves each cell at `from` or `to`.
/// - **Durable**: an outcome is answered only after it is durable. This holds for [`Swapped::Already`] too,
///   since the process that made the swap may have been killed before its change was durable. Where the product
///   cannot promise it, [`Capabilities::durable_ack`] says so.
/// - **Keeps**: no content that a version names is deleted: a retired cell is absent, and its content can be
///   restored.
/// - **Reads write nothing**: `probe`, `scan`, `observe`, `strays` and `read` change nothing in the store.
///
/// # Cancel safety
/// A dropped `swap` leaves each cell of the batch at `from` or at `to`; the caller does not know which, and
/// observes the cells before it acts. Any other dropped call can be made again.
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

    /// Returns the store's place among the others: of documents, the target; of everything else, derived.
    fn role(&self) -> Role {
        if self.domain() == Domain::Stac { Role::Target } else { Role::Derived }
    }

    /// Returns what the store promises; without a request.
    fn capabilities(&self) -> Capabilities;

    /// Returns the form in which the store keeps a content, and the digest of its bytes, which is the cell's value; the
    /// version store holds these bytes.
    ///
    /// Pure: the same content has the same form for ever, and a form is its own form. The engine gives a document as it
    /// was published, and everything else as canonical JSON; without a function of its own, a store keeps these bytes.
    ///
    /// # Errors
    /// [`OpError::Permanent`]: the store cannot keep this content.
    fn form(&self, key: &str, content: Bytes) -> Result<(Digest, Bytes), OpError> {
        let _ = key;
        Ok((bytes_as_they_are(self.domain(), &content), content))
    }

    /// Asks the product what it is, and looks for what is misconfigured in it.
    ///
    /// # Errors
    /// [`OpError::Missing`]: the store's place does not exist; otherwise as [`OpError`] says.
    async fn probe(&self) -> Result<Probe, OpError>;

    /// Lists cells that are not absent, in ascending order of the bytes of their keys: those above `after`, or from the
    /// first.
    ///
    /// A page has at most `limit` cells, and as few as suits the store; only an empty page is the last. What is
    /// written meanwhile may be on a page or not; every other cell is on exactly one.
    ///
    /// # Errors
    /// As [`OpError`] says.
    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, OpError>;

    /// Returns what cells are, in the order of `keys`; a cell that does not exist is absent.
    ///
    /// # Errors
    /// [`OpError::InvalidKey`]: a key that this store cannot have; otherwise as [`OpError`] says.
    async fn observe(&self, keys: &[String], depth: Depth) -> Result<Vec<Seen>, OpError>;

    /// Returns the contents that readers see, in the order of `keys`: the bytes whose digest is the cell's value;
    /// `None` where a cell is absent.
    ///
    /// # Errors
    /// As [`observe`](DomainOp::observe).
    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError>;

    /// Lists what lies in the store, is not a cell, and could be taken for one; the engine leaves it alone.
    ///
    /// # Errors
    /// As [`observe`](DomainOp::observe).
    async fn strays(&self) -> Result<Vec<Stray>, OpError> {
        Ok(Vec::new())
    }

    /// Raises the fence to [`WriteContext::token`]: from then on a call with a lower token is refused by
    /// [`OpError::Fenced`] and changes nothing, and so is this one if the fence is higher already. A store whose fence
    /// is the platform's lock has nothing to do.
    ///
    /// # Errors
    /// As [`OpError`] says.
    async fn fence(&self, cx: &WriteContext) -> Result<(), OpError> {
        let _ = cx;
        Ok(())
    }

    /// Makes ready what readers do not see yet, such as an index that an alias will lead to, so that the swap itself is
    /// short.
    ///
    /// It may take as long as it must, if it says [`WriteContext::progress`]; once [`WriteContext::interrupted`] it may
    /// return before it is done. The engine stages the batches of a phase before its first swap, and stages them again
    /// after an interruption: begin where it stopped. The value in `from` is what the cell is expected to be.
    ///
    /// # Errors
    /// As [`OpError`] says; readers see no difference.
    async fn stage(&self, cx: &WriteContext, batch: &[Swap]) -> Result<(), OpError> {
        let _ = (cx, batch);
        Ok(())
    }

    /// Swaps a batch of cells, each from one value to another, and says for each what became of it.
    ///
    /// The keys of a batch are distinct, and the cells are swapped in any order, or at the same time; one answer per
    /// swap, in the order of the batch. What stands in the way of one cell does not stop the others. The contents of
    /// `to` values are read from [`WriteContext::contents`].
    ///
    /// # Errors
    /// An outer error says nothing of the cells: the engine looks before it goes on. An inner one is about its cell.
    /// As [`OpError`] says; [`OpError::InvalidKey`] is an outer one, and nothing was swapped.
    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError>;

    /// Returns when readers see what was swapped at these keys, in this process or in an earlier one. The engine
    /// calls it where [`Visible::AfterSettle`] is declared.
    ///
    /// # Errors
    /// As [`OpError`] says.
    async fn settle(&self, cx: &WriteContext, keys: &[String]) -> Result<(), OpError> {
        let _ = (cx, keys);
        Ok(())
    }

    /// Removes what a crashed process left unfinished and what no reader sees, such as temporary files.
    ///
    /// # Errors
    /// As [`OpError`] says.
    async fn recover(&self, cx: &WriteContext) -> Result<(), OpError>;

    /// Gives back what the store keeps for the operation, such as a connection or a lock: it has ended, or waits for a
    /// later one to take it up. What must be given back although nothing can be asked of the store any more, since the
    /// operation's future was dropped, belongs into [`WriteContext::kept`].
    ///
    /// # Errors
    /// As [`OpError`] says.
    async fn end(&self, cx: &WriteContext) -> Result<(), OpError> {
        let _ = cx;
        Ok(())
    }
}

const _OBJECT_SAFE: Option<&dyn DomainOp> = None;

/// Cells that are asked for in one page of a listing; a store may give fewer.
pub(crate) const PAGE_CELLS: usize = 100_000;

/// What callers want of a [`DomainOp`] beyond the contract, where they look at few cells.
#[async_trait]
pub trait DomainOpExt: DomainOp {
    /// Lists the keys of all cells that are not absent, in ascending order.
    ///
    /// # Errors
    /// As [`DomainOp::scan`].
    async fn keys(&self) -> Result<Vec<String>, OpError> {
        let mut keys: Vec<String> = Vec::new();
        loop {
            let page = self.scan(keys.last().map(String::as_str), PAGE_CELLS).await?;
            if page.is_empty() {
                return Ok(keys);
            }
            keys.extend(page.into_iter().map(|(key, _)| key));
        }
    }

    /// Returns the value of one cell, as readers see it.
    ///
    /// # Errors
    /// As [`DomainOp::observe`].
    async fn value(&self, key: &str) -> Result<Value, OpError> {
        let seen = self.observe(&[key.to_owned()], Depth::Content).await?;
        Ok(seen.into_iter().next().and_then(|seen| seen.value))
    }

    /// Returns the content that readers see at one cell.
    ///
    /// # Errors
    /// As [`DomainOp::read`].
    async fn content(&self, key: &str) -> Result<Option<Bytes>, OpError> {
        Ok(self.read(&[key.to_owned()]).await?.into_iter().next().flatten())
    }
}

impl<S: DomainOp + ?Sized> DomainOpExt for S {}

/// Digests bytes that a store keeps as they are: a document as bytes, everything else as canonical JSON.
pub(crate) fn bytes_as_they_are(domain: Domain, content: &[u8]) -> Digest {
    match domain {
        Domain::Stac => Digest::of_bytes(content),
        Domain::Graph | Domain::Search | Domain::Cache => Digest::of_canonical_bytes(content),
    }
}

/// A store's place among the others.
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
    #[error("store is missing{}: store={store} place={place}", if *derived { ", a projection makes and fills it" } else { "" })]
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
    /// An executor with a higher token has taken over: do nothing more.
    #[error("another executor has taken over: store={store} token={token}")]
    Fenced {
        /// The store's name.
        store: String,
        /// The token that the store refused.
        token: u64,
    },
    /// The product is set up so that the store cannot keep a promise: change its configuration.
    #[error("store cannot be relied on, {what}: store={store} remedy={remedy}")]
    Misconfigured {
        /// The store's name.
        store: String,
        /// What the product says or does.
        what: String,
        /// What to do about it.
        remedy: String,
    },
    /// The content of a version is not in the version store: restore it from a backup.
    #[error("content of a version is missing or damaged: store={store} digest={digest}")]
    Content {
        /// The store's name.
        store: String,
        /// The version's digest.
        digest: Digest,
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

    /// Makes the error of a change that trying again does not bring about; for adapters.
    pub fn permanent(store: &str, key: &str, source: impl Into<Source>) -> Self {
        Self::Permanent { store: store.to_owned(), key: key.to_owned(), source: source.into() }
    }

    /// Makes the error of a store that could not get the content of a version.
    ///
    /// An error that may pass stays transient. Every other one means that the content is not available, so the cell
    /// is left as it is.
    pub(crate) fn of_content(store: &str, digest: &Digest, error: VersionError) -> Self {
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
