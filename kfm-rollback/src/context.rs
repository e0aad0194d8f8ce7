//! [`WriteContext`]: the proof that a write was planned, allowed and locked.

use std::sync::Arc;

use bytes::Bytes;
use kfm_lineage::{Digest, OperationId};

use crate::embedded::Writers;
use crate::versions::{VersionError, VersionStore};

/// The proof that a store must be shown before it changes anything.
///
/// Only the executor makes one, and only while it holds the platform's lock and a permit of the policy. A dry-run
/// cannot get one, so a dry-run that writes does not compile.
#[derive(Debug)]
pub struct WriteContext {
    operation: OperationId,
    versions: Arc<VersionStore>,
    writers: Writers,
}

impl WriteContext {
    /// Made by the executor, while it holds the lock and a permit.
    pub(crate) fn new(operation: OperationId, versions: Arc<VersionStore>, writers: Writers) -> Self {
        Self { operation, versions, writers }
    }

    /// Makes a context for the conformance suite of an adapter; never in a product.
    #[cfg(feature = "test-util")]
    pub fn for_conformance(versions: Arc<VersionStore>) -> Self {
        let operation = OperationId::parse("pub_2025_11_14T03_15_42Z_conformance").expect("a well-formed id");
        Self::new(operation, versions, Writers::new(true))
    }

    /// Returns the operation that writes.
    pub fn operation(&self) -> &OperationId {
        &self.operation
    }

    /// Returns the logs that embedded stores keep open while they are written.
    pub(crate) fn writers(&self) -> Writers {
        self.writers.clone()
    }

    /// Returns the content whose digest is given, checked against that digest.
    ///
    /// # Errors
    /// [`VersionError`]: the content is missing or damaged; the store must not write anything in its place.
    pub async fn content(&self, digest: &Digest) -> Result<Bytes, VersionError> {
        self.versions.get(digest).await
    }
}
