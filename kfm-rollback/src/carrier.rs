//! Carries many versions into the version store, few of them in memory at a time.

use std::collections::BTreeMap;

use bytes::Bytes;
use kfm_lineage::Digest;

use crate::versions::{VersionError, VersionStore};

/// Bytes of versions that are held at most; the newest version may go beyond.
const CARRIED_BYTES_MAX: usize = 8 << 20;

/// Versions that are held at most.
///
/// Many, since the store syncs each of its folders once for all versions of a call that lie in it.
const CARRIED_MAX: usize = 4_096;

/// Versions on their way into the version store.
///
/// # Cancel safety
/// A dropped carrier may have stored some of the versions that were added. That does no harm: a version is never
/// changed, and nothing names it yet.
pub(crate) struct Carrier<'a> {
    versions: &'a VersionStore,
    carried: BTreeMap<Digest, Bytes>,
    bytes: usize,
}

impl<'a> Carrier<'a> {
    pub(crate) fn new(versions: &'a VersionStore) -> Self {
        Self { versions, carried: BTreeMap::new(), bytes: 0 }
    }

    /// Adds a version; it is durable only once [`finish`](Self::finish) has returned.
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

    /// Stores the versions that are left; on return every version that was added is durable.
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
