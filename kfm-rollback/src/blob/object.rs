//! [`ObjectBlobs`]: blobs on any `object_store`; in memory for tests, in a bucket of S3 and its kin, in a container of Azure.

mod conditions;
mod listing;
mod served;

#[cfg(test)]
mod odd;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use kfm_lineage::{Digest, Value};
use kfm_wal::slots::object::status_of;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion,
};

use self::conditions::Conditions;
use self::served::Served;
use super::{BlobChange, BlobError, BlobStore, BlobSwap, Precondition, Stray, SwapOutcome, key};
use crate::swap::{Generation, Seen, Swapped};

/// Requests that are under way at the same time, unless the settings say another number.
pub(crate) const AT_ONCE: usize = 16;

/// Keeps blobs as the objects of an `object_store`, under a prefix and their exact keys.
///
/// A change is bound to the object that was seen (its ETag), so that the object of another writer is never replaced
/// unseen; what was seen is not read again. A removal is bound where the product can
/// ([`in_bucket`](Self::in_bucket)), and looks first where it cannot.
#[derive(Debug, Clone)]
pub struct ObjectBlobs {
    store: Arc<dyn ObjectStore>,
    /// Where all objects are; empty for the whole store.
    prefix: Path,
    /// The address, for people.
    place: String,
    remover: Option<Arc<dyn Remove>>,
    conditions: Conditions,
    served: Option<Served>,
    at_once: usize,
    /// Whether a whole listing has come in the order of bytes, so that a part of one can be asked for.
    is_ordered: Arc<AtomicBool>,
}

/// Removes an object with a condition, which an `ObjectStore` cannot.
#[async_trait]
pub(crate) trait Remove: Debug + Send + Sync {
    /// Removes the object at a whole path, if it has this ETag.
    async fn remove(&self, path: &Path, e_tag: &str) -> object_store::Result<()>;
}

#[cfg(any(feature = "s3", feature = "azure"))]
#[async_trait]
impl Remove for kfm_wal::slots::cloud::Remover {
    async fn remove(&self, path: &Path, e_tag: &str) -> object_store::Result<()> {
        Self::remove(self, path, e_tag).await
    }
}

impl ObjectBlobs {
    /// Keeps blobs in a store that keeps the conditions of a put; a removal looks first.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        let place = store.to_string();
        Self {
            store,
            prefix: Path::default(),
            place,
            remover: None,
            conditions: Conditions::Kept,
            served: None,
            at_once: AT_ONCE,
            is_ordered: Arc::default(),
        }
    }

    /// Keeps blobs in memory, for as long as this handle and its clones live.
    pub fn in_memory() -> Self {
        Self::new(Arc::new(object_store::memory::InMemory::new()))
    }

    /// Keeps blobs at `s3://bucket/prefix` (feature `s3`) or `az://container/prefix` (feature `azure`). No request is made.
    ///
    /// `environment` is what [`kfm_wal::slots::slots_at`] takes. Whether the product keeps conditions is found out by
    /// [`prove`](BlobStore::prove), before the first change.
    ///
    /// # Errors
    /// [`AddressError`](kfm_wal::slots::AddressError): the address or one of the pairs is not valid; repair it.
    #[cfg(any(feature = "s3", feature = "azure"))]
    pub fn in_bucket(
        url: &str,
        environment: &[(String, String)],
    ) -> Result<Self, kfm_wal::slots::AddressError> {
        let bucket = kfm_wal::slots::cloud::bucket(url, environment)?;
        Ok(Self {
            prefix: bucket.prefix,
            place: url.to_owned(),
            remover: Some(Arc::new(bucket.remover)),
            conditions: Conditions::to_be_proved(&bucket.endpoint),
            ..Self::new(bucket.store)
        })
    }

    /// As with both features.
    ///
    /// # Errors
    /// [`AddressError::NotBuilt`](kfm_wal::slots::AddressError::NotBuilt), always.
    #[cfg(not(any(feature = "s3", feature = "azure")))]
    pub fn in_bucket(url: &str, _: &[(String, String)]) -> Result<Self, kfm_wal::slots::AddressError> {
        Err(kfm_wal::slots::AddressError::NotBuilt { url: url.to_owned(), feature: "s3 or azure" })
    }

    /// Keeps the blobs below a prefix of the store.
    #[must_use]
    pub fn below(mut self, prefix: Path) -> Self {
        self.prefix = prefix;
        self.is_ordered = Arc::default();
        self
    }

    /// Gives each object the headers of a STAC document that is served as it is: its content type, and how long it may be
    /// cached, where that is said.
    #[must_use]
    pub fn serving(mut self, cache_control: Option<String>) -> Self {
        self.served = Some(Served { cache_control });
        self
    }

    /// Asks the store for no conditions: it looks, then changes. Only the platform's lock keeps writers apart.
    #[must_use]
    pub fn under_lock(mut self) -> Self {
        self.conditions = Conditions::UnderLock;
        self
    }

    /// Makes at most so many requests at the same time, from 1.
    #[must_use]
    pub fn at_once(mut self, requests: usize) -> Self {
        self.at_once = requests.max(1);
        self
    }

    /// Returns the whole path of a key.
    fn location(&self, key: &str) -> Result<Path, BlobError> {
        key::check(key)?;
        self.path(key)
    }

    /// Returns the whole path of a name below the prefix, which may be one that no key can have.
    fn path(&self, name: &str) -> Result<Path, BlobError> {
        // Parsed, not converted: conversion would escape `#`, `<` and others, which makes another key.
        let whole = match self.prefix.as_ref() {
            "" => Path::parse(name),
            prefix => Path::parse(format!("{prefix}/{name}")),
        };
        whole.map_err(|error| BlobError::Permanent { key: name.to_owned(), source: Box::new(error) })
    }

    /// Reads an object, with its generation.
    async fn read(&self, key: &str) -> Result<Option<(Bytes, Option<Generation>)>, BlobError> {
        let location = self.location(key)?;
        let found = match self.store.get_opts(&location, GetOptions::default()).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(key, error)),
        };
        let generation = found.meta.e_tag.clone().map(Generation::new);
        let bytes = found.bytes().await.map_err(|error| failed(key, error))?;
        Ok(Some((bytes, generation)))
    }

    /// Looks at a key, by reading it: the value is the digest of its bytes.
    async fn see(&self, key: &str) -> Result<Seen, BlobError> {
        let found = self.read(key).await?;
        Ok(found.map_or_else(Seen::default, |(bytes, generation)| Seen {
            value: Some(Digest::of_bytes(&bytes)),
            generation,
        }))
    }

    /// Changes one key, bound to what was seen there. Where that has no generation, or the change cannot be bound, or there
    /// is nothing to change, it looks first.
    async fn change_one(&self, change: BlobChange) -> Result<Swapped, BlobError> {
        let BlobChange { key, from, to } = change;
        let value = to.as_ref().map(|bytes| Digest::of_bytes(bytes));
        let is_bound = match (&from, &to) {
            _ if from.value == value => false,
            (Seen { value: None, .. }, Some(_)) => self.compares_on_replacement(),
            (Seen { generation, .. }, Some(_)) => generation.is_some() && self.compares_on_replacement(),
            (Seen { generation, .. }, None) => generation.is_some() && self.compares_on_removal(),
        };
        let from = if is_bound {
            from
        } else {
            let now = self.see(&key).await?;
            if let Some(answer) = unchanged(&from, value, &now) {
                return Ok(answer);
            }
            now
        };
        let made = match to {
            Some(bytes) => self.replace(&key, bytes, &from).await,
            None => self.remove(&key, &from).await.map(|()| None),
        };
        match made {
            Ok(generation) => Ok(Swapped::Applied { generation }),
            Err(Error::NotFound { .. }) if value.is_some() && from.value.is_none() => {
                Err(BlobError::Missing { place: self.place.clone() })
            }
            // Another writer was faster, or this change was made by an earlier call whose answer was lost: the object that
            // is there now tells.
            Err(
                error @ (Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotFound { .. }),
            ) => {
                let now = self.see(&key).await?;
                // The store refuses one of two changes at the same moment, also where neither is made.
                let refused = || BlobError::Transient { key, source: Box::new(error) };
                unchanged(&from, value, &now).ok_or_else(refused)
            }
            Err(error) if changed_nothing(&error) => Err(failed(&key, error)),
            Err(error) => Err(BlobError::Unknown { key, source: Box::new(error) }),
        }
    }

    async fn replace(
        &self,
        key: &str,
        bytes: Bytes,
        from: &Seen,
    ) -> Result<Option<Generation>, object_store::Error> {
        let mode = match (&from.value, &from.generation) {
            _ if !self.compares_on_replacement() => PutMode::Overwrite,
            (None, _) => PutMode::Create,
            (Some(_), generation) => PutMode::Update(UpdateVersion {
                e_tag: generation.as_ref().map(|generation| generation.as_str().to_owned()),
                version: None,
            }),
        };
        let attributes = self.served.as_ref().map(|served| served.headers(key, &bytes)).unwrap_or_default();
        let options = PutOptions { mode, attributes, ..PutOptions::default() };
        let location = self.path(key).map_err(not_a_path)?;
        let put = self.store.put_opts(&location, PutPayload::from_bytes(bytes), options).await?;
        Ok(put.e_tag.map(Generation::new))
    }

    async fn remove(&self, key: &str, from: &Seen) -> Result<(), object_store::Error> {
        let location = self.path(key).map_err(not_a_path)?;
        match (&self.remover, &from.generation) {
            (Some(remover), Some(generation)) if self.compares_on_removal() => {
                remover.remove(&location, generation.as_str()).await
            }
            _ => self.store.delete(&location).await,
        }
    }

    /// Puts bytes at a key that is named after them.
    async fn keep_one(&self, key: String, bytes: Bytes) -> Result<(), BlobError> {
        let value = Some(Digest::of_bytes(&bytes));
        let mut from = Seen::default();
        // What stands there is damaged, or another hand writes there too.
        for _ in 0..KEEP_TURNS_MAX {
            let change = BlobChange { key: key.clone(), from, to: Some(bytes.clone()) };
            match self.change_one(change).await? {
                Swapped::Applied { .. } | Swapped::Already { .. } => return Ok(()),
                Swapped::Conflict { observed } if observed.value == value => return Ok(()),
                Swapped::Conflict { observed } => from = observed,
            }
        }
        Err(BlobError::Transient { key, source: "another hand writes there all the time".into() })
    }
}

/// How often a key that another hand changes is put at again.
const KEEP_TURNS_MAX: usize = 3;

/// Says what becomes of a change at a key that is `now` so, if nothing has to be changed.
fn unchanged(from: &Seen, to: Value, now: &Seen) -> Option<Swapped> {
    if now.value == to {
        Some(Swapped::Already { generation: now.generation.clone() })
    } else if !from.is_still(now) {
        Some(Swapped::Conflict { observed: now.clone() })
    } else {
        None
    }
}

#[async_trait]
impl BlobStore for ObjectBlobs {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, BlobError> {
        Ok(self.read(key).await?.map(|(bytes, _)| bytes))
    }

    async fn digests(&self, keys: &[String]) -> Result<Vec<Value>, BlobError> {
        Ok(self.look(keys).await?.into_iter().map(|seen| seen.value).collect())
    }

    async fn look(&self, keys: &[String]) -> Result<Vec<Seen>, BlobError> {
        // Collected first: a stream that borrows from its closure is not `Send`.
        let looks: Vec<_> = keys.iter().map(|key| self.see(key)).collect();
        futures::stream::iter(looks).buffered(self.at_once).try_collect().await
    }

    async fn list(&self, suffixes: &[&str]) -> Result<Vec<String>, BlobError> {
        self.page(suffixes, None, usize::MAX).await
    }

    async fn page(
        &self,
        suffixes: &[&str],
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, BlobError> {
        let is_key = |name: &str| is_selected(name, suffixes) && key::fault_of(name).is_none();
        self.names(after, limit, &is_key).await
    }

    async fn strays(&self, suffixes: &[&str]) -> Result<Vec<Stray>, BlobError> {
        let is_stray = |name: &str| is_selected(name, suffixes) && key::fault_of(name).is_some();
        let names = self.names(None, usize::MAX, &is_stray).await?;
        let stray = |name: String| key::fault_of(&name).map(|why| Stray { path: name, why });
        Ok(names.into_iter().filter_map(stray).collect())
    }

    async fn swap(&self, batch: Vec<BlobSwap>) -> Result<Vec<SwapOutcome>, BlobError> {
        batch.iter().try_for_each(|swap| key::check(&swap.key))?;
        let mut outcomes = Vec::with_capacity(batch.len());
        for BlobSwap { key, precondition, to } in batch {
            let from = match precondition {
                Precondition::Is(value) => Seen::value(value),
                Precondition::Any => self.see(&key).await?,
            };
            let value = to.as_ref().map(|bytes| Digest::of_bytes(bytes));
            outcomes.push(match value == from.value && precondition == Precondition::Any {
                true => SwapOutcome::Already,
                false => self.change_one(BlobChange { key, from, to }).await?.into(),
            });
        }
        Ok(outcomes)
    }

    /// Changes keys side by side.
    async fn change(&self, batch: Vec<BlobChange>) -> Result<Vec<Result<Swapped, BlobError>>, BlobError> {
        batch.iter().try_for_each(|change| key::check(&change.key))?;
        let changes: Vec<_> = batch.into_iter().map(|change| self.change_one(change)).collect();
        Ok(futures::stream::iter(changes).buffered(self.at_once).collect().await)
    }

    /// Creates first and looks only where something stands: a version that is new is one request.
    async fn keep(&self, items: Vec<(String, Bytes)>) -> Result<(), BlobError> {
        items.iter().try_for_each(|(key, _)| key::check(key))?;
        let puts: Vec<_> = items.into_iter().map(|(key, bytes)| self.keep_one(key, bytes)).collect();
        futures::stream::iter(puts).buffer_unordered(self.at_once).try_collect().await
    }

    async fn reach(&self) -> Result<(), BlobError> {
        if self.recall().await? {
            return Ok(());
        }
        // Only a listing tells a bucket that is missing from an object that is.
        let prefix = Some(&self.prefix).filter(|prefix| !prefix.as_ref().is_empty());
        match self.store.list(prefix).next().await {
            None | Some(Ok(_)) => Ok(()),
            Some(Err(error)) if status_of(&error) == Some(404) => {
                Err(BlobError::Missing { place: self.place.clone() })
            }
            Some(Err(error)) => Err(failed("-", error)),
        }
    }

    async fn prove(&self) -> Result<(), BlobError> {
        self.prove_conditions().await
    }

    fn compares_on_replacement(&self) -> bool {
        !matches!(self.conditions, Conditions::UnderLock)
    }

    /// Where the product was proved to bind a removal to what was seen.
    fn compares_on_removal(&self) -> bool {
        self.remover.is_some() && self.conditions.binds_removals()
    }

    /// Does nothing: an object is there whole or not at all.
    async fn sweep(&self) -> Result<(), BlobError> {
        Ok(())
    }
}

/// Says whether a name has one of the suffixes, and no segment of it begins with a dot.
fn is_selected(name: &str, suffixes: &[&str]) -> bool {
    let has_suffix = suffixes.is_empty() || suffixes.iter().any(|suffix| name.ends_with(suffix));
    has_suffix && !name.split('/').any(|segment| segment.starts_with('.'))
}

fn not_a_path(error: BlobError) -> Error {
    Error::NotSupported { source: Box::new(error) }
}

/// Maps the error of a call that changed nothing to what the caller does next.
fn failed(key: &str, error: Error) -> BlobError {
    let key = key.to_owned();
    match error {
        // Time-outs, resets and 5xx, after the client's own attempts.
        Error::Generic { .. } if !is_refusal(&error) => BlobError::Transient { key, source: Box::new(error) },
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
    ) || is_refusal(error)
}

/// Says whether the server found fault with the request: trying again brings the same, and nothing was changed. Where the
/// client has a word of its own for the answer, that word counts.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Generic { .. })
        && status_of(error)
            .is_some_and(|status| (400..500).contains(&status) && ![408, 409, 429].contains(&status))
}
