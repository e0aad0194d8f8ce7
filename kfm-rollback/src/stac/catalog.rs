//! [`StaticCatalog`]: a folder or bucket of STAC documents, served as it is.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use kfm_lineage::{Digest, DigestKind, Domain, Value};

use super::{DOCUMENT_SUFFIXES, DocumentPath};
use crate::blob::{BlobError, BlobStore, BlobSwap, LocalBlobs, ObjectBlobs, Precondition, Stray};
use crate::context::WriteContext;
use crate::op::{Capabilities, CompareAndSet, DomainOp, Fence, OpError, Role, Swap, SwapOutcome};

/// Documents that are swapped by one call of the blob store.
const CHUNK_CELLS_MAX: usize = 256;

/// Bytes of documents that are held for one call of the blob store; a larger document goes by itself.
const CHUNK_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Documents that are read from the version store at the same time.
const READS_AT_ONCE: usize = 8;

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

    /// Gets the content that a swap is to write.
    async fn prepare(&self, cx: &WriteContext, swap: &Swap) -> Result<BlobSwap, OpError> {
        let to = match &swap.to {
            None => None,
            Some(digest) => {
                let content = cx.content(digest).await;
                Some(content.map_err(|error| OpError::of_content(&self.name, digest, error))?)
            }
        };
        Ok(BlobSwap { key: swap.key.clone(), precondition: Precondition::Is(swap.from), to })
    }

    async fn write(&self, chunk: Vec<BlobSwap>) -> Result<Vec<SwapOutcome>, OpError> {
        self.blobs.swap(chunk).await.map_err(|error| self.error(error))
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

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            product: "static catalog".to_owned(),
            version: "1".to_owned(),
            compare_and_set: CompareAndSet::Value,
            fence: Fence::Lock,
            atomic_batch_max: 1,
            durable_ack: self.durable,
            role: self.role,
        }
    }

    async fn keys(&self) -> Result<Vec<String>, OpError> {
        self.blobs.list(&DOCUMENT_SUFFIXES).await.map_err(|error| self.error(error))
    }

    async fn strays(&self) -> Result<Vec<Stray>, OpError> {
        self.blobs.strays(&DOCUMENT_SUFFIXES).await.map_err(|error| self.error(error))
    }

    async fn observe(&self, keys: &[String]) -> Result<Vec<Value>, OpError> {
        keys.iter().try_for_each(|key| self.check_key(key))?;
        self.blobs.digests(keys).await.map_err(|error| self.error(error))
    }

    async fn read(&self, key: &str) -> Result<Option<Bytes>, OpError> {
        self.check_key(key)?;
        self.blobs.get(key).await.map_err(|error| self.error(error))
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Vec<SwapOutcome>, OpError> {
        for swap in batch {
            self.check_key(&swap.key)?;
            self.check_value(&swap.key, &swap.to)?;
        }
        let reads: Vec<_> = batch.iter().map(|swap| self.prepare(cx, swap)).collect();
        let mut prepared = futures::stream::iter(reads).buffered(READS_AT_ONCE);
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut chunk = Vec::new();
        let mut chunk_bytes = 0;
        while let Some(swap) = prepared.next().await {
            let swap = swap?;
            chunk_bytes += swap.to.as_ref().map_or(0, Bytes::len);
            chunk.push(swap);
            if chunk.len() == CHUNK_CELLS_MAX || chunk_bytes >= CHUNK_BYTES_MAX {
                outcomes.extend(self.write(std::mem::take(&mut chunk)).await?);
                chunk_bytes = 0;
            }
        }
        outcomes.extend(self.write(chunk).await?);
        Ok(outcomes)
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
