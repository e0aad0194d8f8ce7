//! Carries many versions into the version store, few of them in memory at a time.

use std::collections::BTreeMap;

use bytes::Bytes;
use kfm_lineage::Digest;

use crate::versions::{VersionError, VersionStore};

/// Bytes that are held at most, but for one version more.
const CARRIED_BYTES_MAX: usize = 8 << 20;

/// Versions that are held at most.
///
/// Many, since the store syncs each of its folders once for all versions of a call that lie in it.
const CARRIED_MAX: usize = 4_096;

/// Versions on their way into the version store.
///
/// # Cancel safety
/// Of what was added, some may have been kept, which does no harm.
pub(crate) struct Carrier<'a> {
    versions: &'a VersionStore,
    carried: BTreeMap<Digest, Bytes>,
    bytes: usize,
}

impl<'a> Carrier<'a> {
    pub(crate) fn new(versions: &'a VersionStore) -> Self {
        Self { versions, carried: BTreeMap::new(), bytes: 0 }
    }

    /// Adds a version; it need not be durable before [`finish`](Self::finish).
    ///
    /// # Errors
    /// As [`VersionStore::put`].
    pub(crate) async fn add(&mut self, digest: Digest, bytes: Bytes) -> Result<(), VersionError> {
        self.bytes += bytes.len();
        self.carried.insert(digest, bytes);
        if self.bytes >= CARRIED_BYTES_MAX || self.carried.len() >= CARRIED_MAX {
            self.put().await?;
        }
        Ok(())
    }

    /// Puts what is left; everything is durable on return.
    ///
    /// # Errors
    /// As [`VersionStore::put`].
    pub(crate) async fn finish(mut self) -> Result<(), VersionError> {
        self.put().await
    }

    async fn put(&mut self) -> Result<(), VersionError> {
        self.bytes = 0;
        let carried = std::mem::take(&mut self.carried);
        self.versions.put(carried.into_iter().collect()).await
    }
}
