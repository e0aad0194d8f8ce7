//! Facts of document versions, each projected once.

mod kept;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use kfm_lineage::document::DocumentFacts;
use kfm_lineage::validity::{self, ValidityFault};
use kfm_lineage::{Digest, Lsn};
use kfm_wal::snapshot::Snapshots;
use kfm_wal::{Head, WalError};

pub(crate) use kept::{Before, KeptFacts};

use crate::error::{Error, Result};
use crate::platform::{Interrupt, NoProgress, Progress};
use crate::versions::VersionStore;

/// Versions that are read one after the other, and projected together.
const CHUNK_VERSIONS: usize = 16;

/// Such chunks that are read at the same time. So at most 256 versions are in memory.
const CHUNKS_AT_ONCE: usize = 16;

/// Versions whose reading is a phase of its own to the person that waits.
const LONG_READ_MIN: usize = 1_000;

/// Facts of document versions by digest.
///
/// A version never changes, so neither do its facts. Facts of versions that are about to be published are put here
/// before their bytes are in the version store, so that a rehearsal writes nothing.
#[derive(Debug)]
pub(crate) struct Facts {
    versions: Arc<VersionStore>,
    /// Those of earlier commands; `None` in a session that trusts the log alone.
    kept: Option<KeptFacts>,
    known: Mutex<HashMap<Digest, Arc<DocumentFacts>>>,
    validity: Mutex<HashMap<Digest, Arc<BTreeSet<ValidityFault>>>>,
    interrupt: Interrupt,
    progress: Arc<dyn Progress>,
}

impl Facts {
    pub(crate) fn new(versions: Arc<VersionStore>) -> Self {
        Self {
            versions,
            kept: None,
            known: Mutex::default(),
            validity: Mutex::default(),
            interrupt: Interrupt::default(),
            progress: Arc::new(NoProgress),
        }
    }

    /// Makes a request to stop end the reading of facts, as long as no operation is open: every loop over documents
    /// reads facts.
    pub(crate) fn stopped_by(self, interrupt: Interrupt) -> Self {
        Self { interrupt, ..self }
    }

    /// Tells how many of the documents are read.
    pub(crate) fn telling(self, progress: Arc<dyn Progress>) -> Self {
        Self { progress, ..self }
    }

    /// Makes facts that were kept serve instead of the versions that they are of.
    pub(crate) fn or_kept(self, kept: Option<KeptFacts>) -> Self {
        Self { kept, ..self }
    }

    /// Says whether there are facts that were kept and can be used.
    pub(crate) async fn are_kept(&self) -> bool {
        match &self.kept {
            Some(kept) => kept.is_there().await,
            None => false,
        }
    }

    /// Returns the facts that the snapshot at `at` kept, for the next one to take over; `None` if this session has none of
    /// that snapshot that it can use.
    pub(crate) async fn kept_at(&self, at: Option<Lsn>) -> Option<Before> {
        self.kept.as_ref()?.at(at?).await
    }

    /// Keeps facts in a snapshot of `of`: those of the one before, without the versions that are `gone`, and with those that
    /// have `come`. Returns the digest under which the log is to name them. A version that cannot be read is left out, and
    /// tried again for the next snapshot.
    ///
    /// # Errors
    /// As [`Snapshots::keep_table`].
    pub(crate) async fn keep(
        &self,
        before: &Before,
        mut come: BTreeSet<Digest>,
        gone: &BTreeSet<Digest>,
        kept_by: (Head, &Snapshots),
    ) -> std::result::Result<Digest, WalError> {
        come.extend(before.missing().difference(gone));
        if self.read_ahead(come.iter().copied()).await.is_err() {
            for digest in &come {
                if let Err(error) = self.of(digest).await {
                    tracing::debug!(error = %crate::error::text_of(&error), "a document cannot be read");
                }
            }
        }
        let facts: Vec<_> = {
            let known = self.lock();
            come.iter().filter_map(|digest| known.get(digest).cloned()).collect()
        };
        for facts in &facts {
            come.remove(&facts.digest);
        }
        before.keep(facts, gone, &come, kept_by)
    }

    /// Projects the bytes of a version; the digest is the one that the catalog's form has.
    pub(crate) fn project(&self, digest: Digest, bytes: &[u8]) -> Arc<DocumentFacts> {
        let facts = Arc::new(DocumentFacts::project_as(digest, bytes));
        self.lock().entry(digest).or_insert(facts).clone()
    }

    /// Takes a version whose bytes are gone for a document that says nothing. The caller makes sure that policy reads no
    /// protection in it.
    pub(crate) fn stand_in_for(&self, lost: &Digest) {
        self.project(*lost, b"");
    }

    /// Reads the facts of those versions that are not known yet: many at a time, and projected on threads of their own.
    ///
    /// # Errors
    /// As [`of`](Self::of), of the first version in the order of `digests` that cannot be read.
    pub(crate) async fn read_ahead(&self, digests: impl IntoIterator<Item = Digest>) -> Result<()> {
        let mut unknown: Vec<Digest> = digests.into_iter().collect();
        self.leave_known_out(&mut unknown);
        self.take_kept(&unknown).await;
        self.leave_known_out(&mut unknown);
        let read = |digests: &[Digest]| {
            let (digests, versions) = (digests.to_vec(), Arc::clone(&self.versions));
            async move {
                let mut found = Vec::with_capacity(digests.len());
                for digest in digests {
                    found.push((digest, versions.get(&digest).await?));
                }
                let project = move || {
                    let facts = |(digest, bytes): (Digest, Bytes)| {
                        (digest, Arc::new(DocumentFacts::project_as(digest, &bytes)))
                    };
                    found.into_iter().map(facts).collect::<Vec<_>>()
                };
                // A projection takes any bytes and does not panic; it ends early only with the runtime.
                Ok::<_, Error>(tokio::task::spawn_blocking(project).await.unwrap_or_default())
            }
        };
        // Collected first: a stream that borrows from its closure is not `Send`.
        let reads: Vec<_> = unknown.chunks(CHUNK_VERSIONS).map(read).collect();
        let mut reads = futures::stream::iter(reads).buffered(CHUNKS_AT_ONCE);
        let (is_long, mut done) = (unknown.len() >= LONG_READ_MIN, 0);
        if is_long {
            self.progress.phase("read", unknown.len() as u64);
        }
        while let Some(facts) = reads.try_next().await? {
            self.interrupt.stop_before_begun()?;
            done += facts.len() as u64;
            if is_long {
                self.progress.prepared(done);
            }
            self.lock().extend(facts);
        }
        Ok(())
    }

    /// Returns the facts of a version, read from the version store if they are not known yet.
    ///
    /// # Errors
    /// [`Error::Versions`](crate::Error::Versions): the version is missing or damaged.
    /// [`Error::Stopped`](crate::Error::Stopped): the actor asked to stop before anything was begun.
    pub(crate) async fn of(&self, digest: &Digest) -> Result<Arc<DocumentFacts>> {
        self.interrupt.stop_before_begun()?;
        if let Some(facts) = self.lock().get(digest) {
            return Ok(Arc::clone(facts));
        }
        self.take_kept(std::slice::from_ref(digest)).await;
        if let Some(facts) = self.lock().get(digest) {
            return Ok(Arc::clone(facts));
        }
        let bytes = self.versions.get(digest).await?;
        Ok(self.project(*digest, &bytes))
    }

    async fn take_kept(&self, digests: &[Digest]) {
        if let Some(kept) = self.kept.as_ref().filter(|_| !digests.is_empty()) {
            let found = kept.of(digests).await;
            self.lock().extend(found);
        }
    }

    fn leave_known_out(&self, digests: &mut Vec<Digest>) {
        let known = self.lock();
        digests.retain(|digest| !known.contains_key(digest));
    }

    /// Returns the facts of a value; `None` if the value is absent.
    pub(crate) async fn of_value(&self, value: kfm_lineage::Value) -> Result<Option<Arc<DocumentFacts>>> {
        match value {
            Some(digest) => self.of(&digest).await.map(Some),
            None => Ok(None),
        }
    }

    /// Notes what is not valid in a version whose bytes are not in the version store yet.
    pub(crate) fn note_validity(&self, digest: Digest, bytes: &[u8]) -> Arc<BTreeSet<ValidityFault>> {
        let faults = Arc::new(validity::faults(bytes));
        let mut known = self.validity.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(digest).or_insert(faults).clone()
    }

    /// Returns what is not valid in a value; empty where the value is absent.
    ///
    /// # Errors
    /// [`Error::Versions`](crate::Error::Versions): the version is missing or damaged.
    pub(crate) async fn validity_of(
        &self,
        value: kfm_lineage::Value,
    ) -> Result<Arc<BTreeSet<ValidityFault>>> {
        let Some(digest) = value else { return Ok(Arc::default()) };
        let known = self.validity.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned();
        match known {
            Some(faults) => Ok(faults),
            None => Ok(self.note_validity(digest, &self.versions.get(&digest).await?)),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Arc<DocumentFacts>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
