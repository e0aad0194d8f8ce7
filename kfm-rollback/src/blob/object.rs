//! [`ObjectBlobs`]: blobs on any `object_store`; in memory for tests, on S3 and its kin later.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use kfm_lineage::{Digest, Value};
use object_store::path::Path;
use object_store::{
    Error, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion,
};

use super::{BlobError, BlobStore, BlobSwap, Precondition, Stray, SwapOutcome, key};

/// Objects that are read at the same time.
const READS_AT_ONCE: usize = 16;

/// Keeps blobs as the objects of an `object_store`, under their exact keys.
///
/// A replacement is bound to the object that was compared (its ETag), so that the object of another writer is never
/// replaced unseen. A removal is not bound, since object stores have no conditional delete.
#[derive(Debug, Clone)]
pub struct ObjectBlobs {
    store: Arc<dyn ObjectStore>,
}

impl ObjectBlobs {
    /// Keeps blobs in a store; a `PrefixStore` gives them a place of their own in a bucket.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// Keeps blobs in memory, for as long as this handle and its clones live.
    pub fn in_memory() -> Self {
        Self::new(Arc::new(object_store::memory::InMemory::new()))
    }

    /// Reads an object, with its ETag, to which a replacement of this object is bound.
    async fn read(&self, key: &str) -> Result<Option<(Bytes, UpdateVersion)>, BlobError> {
        let location = location(key)?;
        let found = match self.store.get_opts(&location, GetOptions::default()).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(key, error)),
        };
        let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
        let bytes = found.bytes().await.map_err(|error| failed(key, error))?;
        Ok(Some((bytes, version)))
    }

    async fn swap_one(&self, swap: BlobSwap) -> Result<SwapOutcome, BlobError> {
        let to = swap.to.as_ref().map(|bytes| Digest::of_bytes(bytes));
        let (observed, version) = match self.read(&swap.key).await? {
            Some((bytes, version)) => (Some(Digest::of_bytes(&bytes)), Some(version)),
            None => (None, None),
        };
        if observed == to {
            return Ok(SwapOutcome::Already);
        }
        match swap.precondition {
            Precondition::Is(from) if from != observed => return Ok(SwapOutcome::Conflict { observed }),
            _ => {}
        }
        let answer = match swap.to {
            Some(bytes) => self.replace(&swap.key, bytes, version).await,
            None => self.store.delete(&location(&swap.key)?).await,
        };
        match answer {
            Ok(()) => Ok(SwapOutcome::Applied),
            Err(Error::NotFound { .. }) if to.is_none() => Ok(SwapOutcome::Applied),
            // Another writer was faster, or the client tried again after a success whose answer was lost: the
            // object that is there now tells.
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                let observed = self.read(&swap.key).await?.map(|(bytes, _)| Digest::of_bytes(&bytes));
                if observed == to { Ok(SwapOutcome::Applied) } else { Ok(SwapOutcome::Conflict { observed }) }
            }
            Err(error) if changed_nothing(&error) => Err(failed(&swap.key, error)),
            Err(error) => Err(BlobError::Unknown { key: swap.key, source: Box::new(error) }),
        }
    }

    async fn replace(
        &self,
        key: &str,
        bytes: Bytes,
        version: Option<UpdateVersion>,
    ) -> Result<(), object_store::Error> {
        let options = PutOptions::from(version.map_or(PutMode::Create, PutMode::Update));
        let location = Path::parse(key)?;
        self.store.put_opts(&location, PutPayload::from_bytes(bytes), options).await.map(drop)
    }
}

#[async_trait]
impl BlobStore for ObjectBlobs {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, BlobError> {
        Ok(self.read(key).await?.map(|(bytes, _)| bytes))
    }

    async fn digests(&self, keys: &[String]) -> Result<Vec<Value>, BlobError> {
        let reads = keys.iter().map(|key| async {
            let found = self.read(key).await?;
            Ok(found.map(|(bytes, _)| Digest::of_bytes(&bytes)))
        });
        futures::stream::iter(reads.collect::<Vec<_>>()).buffered(READS_AT_ONCE).try_collect().await
    }

    async fn list(&self, suffixes: &[&str]) -> Result<Vec<String>, BlobError> {
        let objects: Vec<_> =
            self.store.list(None).try_collect().await.map_err(|error| failed("-", error))?;
        let mut keys = Vec::new();
        for object in objects {
            let name = object.location.as_ref();
            let hidden = name.split('/').any(|segment| segment.starts_with('.'));
            let selected = suffixes.is_empty() || suffixes.iter().any(|suffix| name.ends_with(suffix));
            if selected && !hidden && key::fault_of(name).is_none() {
                keys.push(name.to_owned());
            }
        }
        keys.sort_unstable();
        Ok(keys)
    }

    async fn strays(&self, suffixes: &[&str]) -> Result<Vec<Stray>, BlobError> {
        let objects: Vec<_> =
            self.store.list(None).try_collect().await.map_err(|error| failed("-", error))?;
        let stray = |name: &str| {
            let is_selected = suffixes.is_empty() || suffixes.iter().any(|suffix| name.ends_with(suffix));
            let is_hidden = name.split('/').any(|segment| segment.starts_with('.'));
            let why = key::fault_of(name).filter(|_| is_selected && !is_hidden)?;
            Some(Stray { path: name.to_owned(), why })
        };
        Ok(objects.iter().filter_map(|object| stray(object.location.as_ref())).collect())
    }

    async fn swap(&self, batch: Vec<BlobSwap>) -> Result<Vec<SwapOutcome>, BlobError> {
        batch.iter().try_for_each(|swap| key::check(&swap.key))?;
        let mut outcomes = Vec::with_capacity(batch.len());
        for swap in batch {
            outcomes.push(self.swap_one(swap).await?);
        }
        Ok(outcomes)
    }

    /// No: `object_store` has no delete with a condition, although the products have.
    fn compares_on_removal(&self) -> bool {
        false
    }

    /// Does nothing: an object is there whole or not at all.
    async fn sweep(&self) -> Result<(), BlobError> {
        Ok(())
    }
}

fn location(key: &str) -> Result<Path, BlobError> {
    key::check(key)?;
    // Parsed, not converted: conversion would escape `#`, `<` and others, which makes another key.
    Path::parse(key).map_err(|error| BlobError::Permanent { key: key.to_owned(), source: Box::new(error) })
}

/// Maps the error of a call that changed nothing to what the caller does next.
fn failed(key: &str, error: Error) -> BlobError {
    let key = key.to_owned();
    match error {
        // Time-outs, resets and 5xx, after the client's own attempts.
        Error::Generic { .. } => BlobError::Transient { key, source: Box::new(error) },
        _ => BlobError::Permanent { key, source: Box::new(error) },
    }
}

/// Says whether the error is the store's refusal, and not an answer that was lost on the way.
fn changed_nothing(error: &Error) -> bool {
    matches!(
        error,
        Error::PermissionDenied { .. }
            | Error::Unauthenticated { .. }
            | Error::NotSupported { .. }
            | Error::NotImplemented { .. }
            | Error::InvalidPath { .. }
            | Error::NotFound { .. }
    )
}
