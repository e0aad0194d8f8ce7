//! [`VersionStore`]: the bytes of every version of every document, by digest (R15).
//!
//! No operation ever changes or removes anything here: this is what makes every step reversible. Lists that grow
//! with an operation (steps, scope, assets) are here too, as *segments*, so that the log's records stay small
//! (R21).

use std::sync::Arc;

use bytes::Bytes;
use kfm_lineage::{Digest, canonical::canonical_of};
use kfm_wal::record::SegmentRef;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::blob::{BlobError, BlobStore};

/// Versions that one call of the blob store looks for.
const LOOKED_AT_MAX: usize = 4_096;

/// Keeps bytes under their digest, in any [`BlobStore`] outside the folders that are served.
///
/// # Laws
/// - **Checked**: bytes that do not match their digest are neither stored nor returned.
/// - **Durable**: bytes are durable when `put` returns, also if they were there before.
#[derive(Debug, Clone)]
pub struct VersionStore {
    blobs: Arc<dyn BlobStore>,
}

impl VersionStore {
    /// Keeps versions in a blob store.
    pub fn new(blobs: Arc<dyn BlobStore>) -> Self {
        Self { blobs }
    }

    /// Returns the bytes under a digest.
    ///
    /// # Errors
    /// [`VersionError::Missing`], [`VersionError::Damaged`]: restore the bytes from a backup.
    /// [`VersionError::Store`]: as its source says.
    pub async fn get(&self, digest: &Digest) -> Result<Bytes, VersionError> {
        let bytes =
            self.blobs.get(&key_of(digest)).await?.ok_or(VersionError::Missing { digest: *digest })?;
        if digest.matches(&bytes) { Ok(bytes) } else { Err(VersionError::Damaged { digest: *digest }) }
    }

    /// Puts bytes under their digests; durable on return. Bytes that are there already are not written again;
    /// damaged bytes are replaced.
    ///
    /// # Errors
    /// [`VersionError::Mismatch`]: repair the caller; nothing was put. [`VersionError::Store`]: as its source says;
    /// some of the bytes may have been put, which does no harm.
    pub async fn put(&self, items: Vec<(Digest, Bytes)>) -> Result<(), VersionError> {
        if let Some((digest, _)) = items.iter().find(|(digest, bytes)| !digest.matches(bytes)) {
            return Err(VersionError::Mismatch { digest: *digest });
        }
        let items = items.into_iter().map(|(digest, bytes)| (key_of(&digest), bytes)).collect();
        Ok(self.blobs.keep(items).await?)
    }

    /// Says whether the bytes under a digest are there, unharmed.
    ///
    /// # Errors
    /// [`VersionError::Store`]: as its source says.
    pub async fn contains(&self, digest: &Digest) -> Result<bool, VersionError> {
        Ok(self.lacking(std::slice::from_ref(digest)).await?.is_empty())
    }

    /// Returns those digests whose bytes are missing or damaged.
    ///
    /// # Errors
    /// [`VersionError::Store`]: as its source says.
    pub async fn lacking(&self, digests: &[Digest]) -> Result<Vec<Digest>, VersionError> {
        let mut lacking = Vec::new();
        for digests in digests.chunks(LOOKED_AT_MAX) {
            let keys: Vec<String> = digests.iter().map(key_of).collect();
            let found = self.blobs.digests(&keys).await?;
            let is_unharmed = |digest: &Digest, found: &Option<Digest>| {
                found.is_some_and(|found| found.bytes() == digest.bytes())
            };
            let harmed = digests.iter().zip(&found).filter(|(digest, found)| !is_unharmed(digest, found));
            lacking.extend(harmed.map(|(digest, _)| *digest));
        }
        Ok(lacking)
    }

    /// Puts a list as a segment; durable on return.
    ///
    /// # Errors
    /// [`VersionError::NotCanonical`]: a line has no canonical form. [`VersionError::Store`]: as its source says.
    pub async fn put_segment<'a, T: Serialize + 'a>(
        &self,
        lines: impl IntoIterator<Item = &'a T>,
    ) -> Result<SegmentRef, VersionError> {
        let (segment, bytes) = segment_of(lines)?;
        self.put(vec![(segment.digest, bytes)]).await?;
        Ok(segment)
    }

    /// Reads a segment back.
    ///
    /// # Errors
    /// As [`get`](Self::get); [`VersionError::BadLine`], [`VersionError::Count`]: the segment is not what its
    /// record says; do not use any part of it, and verify the version store.
    pub async fn read_segment<T: DeserializeOwned>(
        &self,
        segment: &SegmentRef,
    ) -> Result<Vec<T>, VersionError> {
        let digest = segment.digest;
        let bytes = self.get(&digest).await?;
        let mut lines = Vec::new();
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            let number = lines.len() as u64 + 1;
            let read = serde_json::from_slice(line);
            lines.push(read.map_err(|source| VersionError::BadLine {
                digest,
                line: number,
                source: Box::new(source),
            })?);
        }
        if lines.len() as u64 != segment.count || bytes.len() as u64 != segment.bytes {
            return Err(VersionError::Count { digest, expected: segment.count, found: lines.len() as u64 });
        }
        Ok(lines)
    }

    /// Asks the store whether it is there, and writes nothing.
    ///
    /// # Errors
    /// [`VersionError::Store`]: as its source says.
    pub async fn reach(&self) -> Result<(), VersionError> {
        Ok(self.blobs.reach().await?)
    }

    /// Removes what crashed processes left unfinished, and no version.
    ///
    /// # Errors
    /// [`VersionError::Store`]: as its source says.
    pub async fn sweep(&self) -> Result<(), VersionError> {
        Ok(self.blobs.sweep().await?)
    }
}

/// Writes a list in the form of a segment and names it. Nothing is stored, as a dry-run needs it.
///
/// A segment is NDJSON: one line of canonical JSON for each entry, ended by a line feed.
///
/// # Errors
/// [`VersionError::NotCanonical`]: a line has no canonical form.
pub fn segment_of<'a, T: Serialize + 'a>(
    lines: impl IntoIterator<Item = &'a T>,
) -> Result<(SegmentRef, Bytes), VersionError> {
    let mut bytes = Vec::new();
    let mut count = 0;
    for line in lines {
        count += 1;
        let canonical = canonical_of(line)
            .map_err(|source| VersionError::NotCanonical { line: count, source: Box::new(source) })?;
        bytes.extend_from_slice(&canonical);
        bytes.push(b'\n');
    }
    let segment = SegmentRef { digest: Digest::of_bytes(&bytes), count, bytes: bytes.len() as u64 };
    Ok((segment, bytes.into()))
}

impl VersionError {
    /// Returns the digest of what is not there any more, or is not what it was: restoring a backup helps, and trying
    /// again does not.
    pub(crate) fn lost(&self) -> Option<Digest> {
        match self {
            Self::Missing { digest }
            | Self::Damaged { digest }
            | Self::BadLine { digest, .. }
            | Self::Count { digest, .. } => Some(*digest),
            Self::Mismatch { .. } | Self::NotCanonical { .. } | Self::Store(_) => None,
        }
    }
}

/// Returns the key of a digest's bytes: kind, first two digits, all digits.
///
/// The two digits keep folders small: at most 256 of them for each kind.
fn key_of(digest: &Digest) -> String {
    let hex = digest.hex();
    format!("{}/{}/{hex}", digest.kind().prefix(), &hex[..2])
}

/// Why the version store did not do it; named by what the caller does next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VersionError {
    /// The bytes are missing: restore them from a backup; nothing may be written in their place.
    #[error("version is missing: digest={digest}")]
    Missing {
        /// The version's digest.
        digest: Digest,
    },
    /// The bytes do not match the digest: restore them from a backup.
    #[error("version is damaged: digest={digest}")]
    Damaged {
        /// The version's digest.
        digest: Digest,
    },
    /// The bytes to put do not match the digest, or this kind of digest cannot be checked: repair the caller.
    #[error("bytes are not those of the digest: digest={digest}")]
    Mismatch {
        /// The digest that they were put under.
        digest: Digest,
    },
    /// A line of a segment has no canonical form: repair the value.
    #[error("line of a segment has no canonical form: line={line}")]
    NotCanonical {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A line of a segment cannot be read: another version of kfm wrote it, or it is damaged; do not use the
    /// segment.
    #[error("line of a segment cannot be read: digest={digest} line={line}")]
    BadLine {
        /// The digest of the segment.
        digest: Digest,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A segment does not have as many lines as its record says.
    #[error("segment has another size than recorded: digest={digest} expected={expected} found={found}")]
    Count {
        /// The digest of the segment.
        digest: Digest,
        /// How many lines the record says.
        expected: u64,
        /// How many lines were found.
        found: u64,
    },
    /// The blob store below failed: act as its error says.
    #[error("version store failed")]
    Store(#[from] BlobError),
}
