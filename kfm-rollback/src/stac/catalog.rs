//! [`StaticCatalog`]: a folder or bucket of STAC documents, served as it is.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use kfm_lineage::{Digest, DigestKind, Domain, Value};

use super::{DOCUMENT_SUFFIXES, DocumentPath};
use crate::blob::{BlobChange, BlobError, BlobStore, LocalBlobs, ObjectBlobs, Stray};
use crate::context::WriteContext;
use crate::op::{
    Capabilities, CompareAndSet, Depth, DomainOp, Fence, Listed, Misconfigured, OpError, Outcomes, Probe,
    Role, Seen, Swap, ValueIs, Visible,
};

/// What to do about a product that does not keep conditions.
const UNFIT: &str = "use a product with conditional writes, or take it under the platform's lock alone by \
                     conditions = \"under_lock\" in the store's table, where nothing else writes";

/// Documents that are swapped by one call of the blob store.
const CHUNK_CELLS_MAX: usize = 256;

/// Bytes of documents that are held for one call of the blob store; a larger document goes by itself.
const CHUNK_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Documents whose contents are asked for together, before their bytes are counted.
const READ_CELLS_MAX: usize = 8;

/// Documents of one call that are read at the same time.
const READS_AT_ONCE: usize = 16;

/// A static catalog: the cell is the document at a path, its value the digest of its exact bytes.
///
/// The catalog needs no layout of ours, and nothing of ours is in it. It holds documents (`*.json`, `*.geojson`);
/// assets, which are never looked at; and names that begin with a dot, which are left alone. A retired document is
/// removed from the catalog; its bytes are in the version store, where the engine had put them before.
#[derive(Debug, Clone)]
pub struct StaticCatalog {
    name: String,
    blobs: Arc<dyn BlobStore>,
    durable: bool,
    role: Role,
}

impl StaticCatalog {
    /// Takes a folder as a catalog; it must exist by the time of the first call.
    pub fn local(name: impl Into<String>, root: impl Into<PathBuf>) -> Self {
        Self::new(name, Arc::new(LocalBlobs::new(root)))
    }

    /// Makes an empty catalog in memory, which dies with its last clone.
    pub fn in_memory(name: impl Into<String>) -> Self {
        Self { durable: false, ..Self::new(name, Arc::new(ObjectBlobs::in_memory())) }
    }

    /// Takes any durable blob store as a catalog.
    pub fn new(name: impl Into<String>, blobs: Arc<dyn BlobStore>) -> Self {
        Self { name: name.into(), blobs, durable: true, role: Role::Target }
    }

    /// Sets the catalog's role, which is target without this call: a derived catalog shows the documents of another
    /// one.
    #[must_use]
    pub fn with_role(self, role: Role) -> Self {
        Self { role, ..self }
    }

    async fn write(&self, changes: Vec<BlobChange>) -> Result<Outcomes, OpError> {
        let answers = self.blobs.change(changes).await.map_err(|error| self.error(error))?;
        Ok(answers.into_iter().map(|answer| answer.map_err(|error| self.error(error))).collect())
    }

    fn check_key(&self, key: &str) -> Result<(), OpError> {
        match DocumentPath::parse(key) {
            Ok(_) => Ok(()),
            Err(error) => {
                Err(OpError::InvalidKey { store: self.name.clone(), key: error.path, why: error.why })
            }
        }
    }

    /// Refuses a value that is not a digest of bytes: no document could ever have it.
    fn check_value(&self, key: &str, value: &Value) -> Result<(), OpError> {
        match value {
            Some(digest) if digest.kind() != DigestKind::Bytes => Err(OpError::Permanent {
                store: self.name.clone(),
                key: key.to_owned(),
                source: Box::new(NotOfBytes { digest: *digest }),
            }),
            _ => Ok(()),
        }
    }

    fn error(&self, error: BlobError) -> OpError {
        let store = self.name.clone();
        match error {
            BlobError::Transient { .. } => OpError::transient(&store, error.class(), error),
            BlobError::Unknown { .. } => OpError::unknown(&store, error.class(), error),
            BlobError::Missing { place } => {
                OpError::Missing { store, place, derived: self.role == Role::Derived }
            }
            BlobError::Unfit { place, what } => OpError::Misconfigured {
                store,
                what: format!("{what}, place={place}"),
                remedy: UNFIT.to_owned(),
            },
            BlobError::InvalidKey { key, why } => OpError::InvalidKey { store, key, why },
            BlobError::Permanent { ref key, .. } | BlobError::Link { path: ref key } => {
                OpError::Permanent { store, key: key.clone(), source: Box::new(error) }
            }
        }
    }
}

#[async_trait]
impl DomainOp for StaticCatalog {
    fn name(&self) -> &str {
        &self.name
    }

    fn domain(&self) -> Domain {
        Domain::Stac
    }

    fn role(&self) -> Role {
        self.role
    }

    fn capabilities(&self) -> Capabilities {
        let compares = |compares| if compares { CompareAndSet::Value } else { CompareAndSet::None };
        Capabilities {
            put: compares(self.blobs.compares_on_replacement()),
            retire: compares(self.blobs.compares_on_removal()),
            fence: Fence::Lock,
            durable_ack: self.durable,
            value_is: ValueIs::Content,
            visible: Visible::AtOnce,
            cells_max: u32::MAX,
        }
    }

    async fn probe(&self) -> Result<Probe, OpError> {
        self.blobs.reach().await.map_err(|error| self.error(error))?;
        let mut probe = Probe::healthy("static catalog", "1");
        if !self.blobs.compares_on_replacement() {
            probe.findings.push(Misconfigured {
                what: "it is written without conditions, so that what another hand writes at the same moment is lost"
                    .into(),
                remedy: "let nothing but this platform write there, or use a product with conditional writes".into(),
                breaks_promise: false,
            });
        }
        Ok(probe)
    }

    /// A listing knows names only: a document's value is the digest of its bytes, and would have to be read.
    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, OpError> {
        let page = self.blobs.page(&DOCUMENT_SUFFIXES, after, limit).await;
        let keys = page.map_err(|error| self.error(error))?;
        Ok(keys.into_iter().map(|key| (key, None)).collect())
    }

    async fn strays(&self) -> Result<Vec<Stray>, OpError> {
        self.blobs.strays(&DOCUMENT_SUFFIXES).await.map_err(|error| self.error(error))
    }

    async fn observe(&self, keys: &[String], _: Depth) -> Result<Vec<Seen>, OpError> {
        keys.iter().try_for_each(|key| self.check_key(key))?;
        self.blobs.look(keys).await.map_err(|error| self.error(error))
    }

    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError> {
        keys.iter().try_for_each(|key| self.check_key(key))?;
        // Collected first: a stream that borrows from its closure is not `Send`.
        let reads: Vec<_> = keys.iter().map(|key| self.blobs.get(key)).collect();
        let contents = futures::stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await;
        contents.map_err(|error| self.error(error))
    }

    /// Its fence is the platform's lock. What the catalog promises is made sure here, before the first look: a probe
    /// writes nothing.
    async fn fence(&self, _: &WriteContext) -> Result<(), OpError> {
        self.blobs.prove().await.map_err(|error| self.error(error))
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        for swap in batch {
            self.check_key(&swap.key)?;
            self.check_value(&swap.key, &swap.to)?;
        }
        let (mut answers, mut outcomes) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        let (mut chunk, mut chunk_bytes) = (Vec::new(), 0);
        for swaps in batch.chunks(READ_CELLS_MAX) {
            for (swap, content) in swaps.iter().zip(cx.contents(&self.name, swaps).await) {
                answers.push(content.map(|to| {
                    chunk_bytes += to.as_ref().map_or(0, Bytes::len);
                    chunk.push(BlobChange { key: swap.key.clone(), from: swap.from.clone(), to });
                }));
            }
            if chunk.len() >= CHUNK_CELLS_MAX || chunk_bytes >= CHUNK_BYTES_MAX {
                outcomes.extend(self.write(std::mem::take(&mut chunk)).await?);
                chunk_bytes = 0;
            }
        }
        outcomes.extend(self.write(chunk).await?);
        let mut outcomes = outcomes.into_iter();
        // One outcome for each swap whose content was there.
        let answers = answers.into_iter().map(|answer| match answer {
            Ok(()) => outcomes.next(),
            Err(error) => Some(Err(error)),
        });
        Ok(answers.flatten().collect())
    }

    async fn recover(&self, _: &WriteContext) -> Result<(), OpError> {
        self.blobs.sweep().await.map_err(|error| self.error(error))
    }
}

/// A document's value is the digest of its bytes; the caller gave another kind of digest.
#[derive(Debug, thiserror::Error)]
#[error("value of a document is not a digest of bytes: digest={digest}")]
struct NotOfBytes {
    digest: Digest,
}
