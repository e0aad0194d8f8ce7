//! Whether a bucket's product keeps the conditions of a change, found out before the first one.
//!
//! Some products that speak S3's language take the condition of a put and ignore it, or look first and write then: two
//! writers at the same moment both succeed, and what one of them wrote is gone. A few races on objects of their own find
//! the first kind for certain, and the second most likely. What was found is noted in the bucket, in an object whose name
//! begins with a dot, so that it is looked for once and not in each operation.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures::future::join_all;
use kfm_lineage::Digest;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt, PutMode, PutPayload, UpdateVersion};
use serde::{Deserialize, Serialize};

use super::{BlobError, ObjectBlobs, failed};

/// Writers that race for one object.
const WRITERS: u8 = 8;

/// Races of each kind.
const ROUNDS: u8 = 4;

/// What is known of the conditions of a store.
#[derive(Debug, Clone)]
pub(super) enum Conditions {
    /// A put keeps them; a removal cannot have one.
    Kept,
    /// To be found out, once for each server.
    Proved {
        /// The name, below the prefix, of the object that notes what was found.
        note: String,
        found: Arc<OnceLock<Found>>,
    },
    /// None is asked for.
    UnderLock,
}

/// What was found of a product that keeps the conditions of a put; another one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Found {
    /// Whether it keeps the condition of a removal too.
    binds_removals: bool,
}

impl Conditions {
    /// To be found out of the product at an endpoint: a bucket that was copied to another product is looked at anew.
    #[cfg_attr(not(any(feature = "s3", feature = "azure")), allow(dead_code, reason = "there is no client"))]
    pub(super) fn to_be_proved(endpoint: &str) -> Self {
        let endpoint = Digest::of_bytes(endpoint.as_bytes()).hex();
        Self::Proved { note: format!(".kfm/conditions-1-{}.json", &endpoint[..16]), found: Arc::default() }
    }

    pub(super) fn binds_removals(&self) -> bool {
        match self {
            Self::Proved { found, .. } => found.get().is_some_and(|found| found.binds_removals),
            Self::Kept | Self::UnderLock => false,
        }
    }
}

impl ObjectBlobs {
    /// Looks for what was found of the product before. Says whether it is known now.
    pub(super) async fn recall(&self) -> Result<bool, BlobError> {
        let Conditions::Proved { note, found } = &self.conditions else { return Ok(false) };
        if found.get().is_some() {
            return Ok(true);
        }
        let noted =
            async { self.store.get(&self.path(note).map_err(super::not_a_path)?).await?.bytes().await };
        match noted.await {
            // What cannot be read was not written by this version: it is found out again.
            Ok(noted) => Ok(serde_json::from_slice(&noted).is_ok_and(|noted| found.set(noted).is_ok())),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed(note, error)),
        }
    }

    /// Finds out whether the product keeps conditions, unless that is known.
    pub(super) async fn prove_conditions(&self) -> Result<(), BlobError> {
        let Conditions::Proved { note, found } = &self.conditions else { return Ok(()) };
        if self.recall().await? {
            return Ok(());
        }
        let ground = Ground::of(self)?;
        let tried = ground.tried().await;
        ground.clean().await;
        let tried = tried?;
        let noted = serde_json::to_vec(&tried).map_err(|error| unreadable(note, error))?;
        self.store
            .put(&self.path(note)?, PutPayload::from(noted))
            .await
            .map_err(|error| failed(note, error))?;
        // Another task may have found the same.
        let _ = found.set(tried);
        Ok(())
    }
}

fn unreadable(key: &str, error: serde_json::Error) -> BlobError {
    BlobError::Permanent { key: key.to_owned(), source: Box::new(error) }
}

/// Objects of one trial.
struct Ground<'a> {
    blobs: &'a ObjectBlobs,
    name: String,
}

impl<'a> Ground<'a> {
    fn of(blobs: &'a ObjectBlobs) -> Result<Self, BlobError> {
        let mut seed = [0; 16];
        getrandom::fill(&mut seed)
            .map_err(|error| BlobError::Permanent { key: "-".into(), source: Box::new(error) })?;
        let name = Digest::of_bytes(&seed).hex();
        Ok(Self { blobs, name: format!(".kfm/proof-{}", &name[..32]) })
    }

    fn path(&self, n: u8) -> Result<Path, BlobError> {
        self.blobs.path(&format!("{}/{n}", self.name))
    }

    /// Puts an object; `None` if the store refused, or no answer came.
    async fn put(&self, n: u8, text: u8, mode: PutMode) -> Result<Option<UpdateVersion>, BlobError> {
        let path = self.path(n)?;
        match self.blobs.store.put_opts(&path, PutPayload::from(vec![text; 16]), mode.into()).await {
            Ok(put) => Ok(Some(put.into())),
            Err(Error::NotFound { .. }) if n == 0 => {
                Err(BlobError::Missing { place: self.blobs.place.clone() })
            }
            Err(error @ (Error::NotImplemented { .. } | Error::NotSupported { .. })) => {
                Err(self.unfit(&format!("it takes no conditions: {error}")))
            }
            Err(error) if super::is_refusal(&error) || is_denial(&error) => Err(failed(path.as_ref(), error)),
            Err(_) => Ok(None),
        }
    }

    async fn read(&self, n: u8) -> Result<Option<Bytes>, BlobError> {
        let path = self.path(n)?;
        let read = async { self.blobs.store.get(&path).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(path.as_ref(), error)),
        }
    }

    async fn holds(&self, n: u8, text: u8) -> Result<bool, BlobError> {
        Ok(self.read(n).await?.is_some_and(|bytes| bytes == vec![text; 16]))
    }

    /// Puts an object that must be taken.
    async fn insist(&self, n: u8, text: u8, mode: PutMode) -> Result<UpdateVersion, BlobError> {
        let put = self.put(n, text, mode).await?;
        put.ok_or_else(|| BlobError::Transient {
            key: self.name.clone(),
            source: "an object of a trial was not taken".into(),
        })
    }

    async fn tried(&self) -> Result<Found, BlobError> {
        // One after the other: the second must be refused and change nothing.
        let first = self.insist(0, 1, PutMode::Create).await?;
        if self.put(0, 2, PutMode::Create).await?.is_some() || !self.holds(0, 1).await? {
            return Err(self.unfit("an object that was to be created replaced the one that stood there"));
        }
        if first.e_tag.is_none() {
            return Err(self.unfit("it gives objects no ETag"));
        }
        self.insist(0, 2, PutMode::Update(first.clone())).await?;
        if self.put(0, 3, PutMode::Update(first.clone())).await?.is_some() || !self.holds(0, 2).await? {
            return Err(self.unfit("a change that was bound to an older object was made"));
        }
        for n in 1..=ROUNDS {
            self.race(n, &PutMode::Create).await?;
            let from = self.insist(n + ROUNDS, 0, PutMode::Create).await?;
            self.race(n + ROUNDS, &PutMode::Update(from)).await?;
        }
        Ok(Found { binds_removals: self.binds_removals(&first).await? })
    }

    /// Lets writers race for one object: one at most may win, and what it wrote stands.
    async fn race(&self, n: u8, mode: &PutMode) -> Result<(), BlobError> {
        let racing: Vec<_> = (1..=WRITERS).map(|text| self.put(n, text, mode.clone())).collect();
        let mut winners = Vec::new();
        for (put, text) in join_all(racing).await.into_iter().zip(1..=WRITERS) {
            if put?.is_some() {
                winners.push(text);
            }
        }
        let is_kept = match winners[..] {
            [] => true,
            [winner] => self.holds(n, winner).await?,
            _ => false,
        };
        if is_kept {
            Ok(())
        } else {
            Err(self.unfit("of several writers at the same moment more than one won"))
        }
    }

    /// Says whether a removal that is bound to another object is refused, and whether of a removal and a change of the same
    /// object one alone is made.
    async fn binds_removals(&self, stale: &UpdateVersion) -> Result<bool, BlobError> {
        match self.remove(0, stale).await {
            Err(Error::Precondition { .. }) => {}
            Ok(()) | Err(Error::NotFound { .. } | Error::NotSupported { .. }) => return Ok(false),
            Err(error) => return Err(failed("-", error)),
        }
        if !self.holds(0, 2).await? {
            return Ok(false);
        }
        for n in 1 + 2 * ROUNDS..=3 * ROUNDS {
            let seen = self.insist(n, 1, PutMode::Create).await?;
            let (put, remove) = (self.put(n, 2, PutMode::Update(seen.clone())), self.remove(n, &seen));
            // Each is the first one in its turn.
            let (put, removed) = if n % 2 == 0 {
                futures::join!(put, remove)
            } else {
                let (removed, put) = futures::join!(remove, put);
                (put, removed)
            };
            let is_one = match (put?.is_some(), removed.is_ok()) {
                (true, true) => false,
                (true, false) => self.holds(n, 2).await?,
                (false, true) => self.read(n).await?.is_none(),
                (false, false) => true,
            };
            if !is_one {
                return Ok(false);
            }
        }
        // It is of use only if a removal that is bound to what stands there is made.
        let seen = self.insist(1 + 3 * ROUNDS, 1, PutMode::Create).await?;
        Ok(self.remove(1 + 3 * ROUNDS, &seen).await.is_ok() && self.read(1 + 3 * ROUNDS).await?.is_none())
    }

    async fn remove(&self, n: u8, seen: &UpdateVersion) -> object_store::Result<()> {
        let path = self.path(n).map_err(super::not_a_path)?;
        match &self.blobs.remover {
            Some(remover) => remover.remove(&path, seen.e_tag.as_deref().unwrap_or_default()).await,
            None => Err(Error::NotSupported { source: "there is no client for it".into() }),
        }
    }

    /// Removes what the trial made. What stays does no harm.
    async fn clean(&self) {
        let paths: Vec<Path> = (0..=1 + 3 * ROUNDS).filter_map(|n| self.path(n).ok()).collect();
        for removed in join_all(paths.iter().map(|path| self.blobs.store.delete(path))).await {
            if let Err(error @ (Error::Generic { .. } | Error::PermissionDenied { .. })) = removed {
                tracing::debug!(name = self.name, %error, "an object of a trial stays");
            }
        }
    }

    fn unfit(&self, what: &str) -> BlobError {
        BlobError::Unfit { place: self.blobs.place.clone(), what: what.to_owned() }
    }
}

fn is_denial(error: &Error) -> bool {
    matches!(
        error,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } | Error::InvalidPath { .. }
    )
}
