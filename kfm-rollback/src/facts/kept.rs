//! Facts that were kept beside the log's snapshots, so that the bytes of a document are read once (ADR 0026).
//!
//! ```text
//! (no bytes)        the digests of the versions that the session which kept these could not read, in postcard
//! prefix digest     the facts of a version, in postcard
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kfm_lineage::document::{DocumentFacts, READERS};
use kfm_lineage::{Digest, Lsn};
use kfm_wal::error::Source;
use kfm_wal::snapshot::Snapshots;
use kfm_wal::table::{Table, taken_over};
use kfm_wal::{Head, WalError, WalStore};
use tokio::sync::OnceCell;

use crate::platform::snapshots::FACTS;

/// The key of what is missing; it is before those of all facts.
const MISSING: &[u8] = b"";

/// The facts that the newest snapshot has, opened when the first are asked for.
///
/// They are no source of truth: what is missing or damaged there is read from the version store.
#[derive(Debug)]
pub(crate) struct KeptFacts {
    snapshots: Snapshots,
    log: Arc<dyn WalStore>,
    head: Lsn,
    table: OnceCell<Option<Arc<KeptAt>>>,
}

/// A table of facts and the position of its snapshot.
#[derive(Debug)]
struct KeptAt {
    at: Lsn,
    table: Table,
}

/// The facts of a snapshot, for the next one to take over.
#[derive(Debug, Default)]
pub(crate) struct Before {
    kept: Option<Arc<KeptAt>>,
    /// The versions that the session which kept them could not read.
    missing: BTreeSet<Digest>,
}

impl KeptFacts {
    /// Takes the facts that this log names up to `head`.
    pub(crate) fn new(snapshots: Snapshots, (log, head): (Arc<dyn WalStore>, Lsn)) -> Self {
        Self { snapshots, log, head, table: OnceCell::new() }
    }

    /// Says whether there are facts that these readers made and the log names.
    pub(super) async fn is_there(&self) -> bool {
        self.table.get_or_init(|| self.open()).await.is_some()
    }

    /// Returns the facts of the snapshot at `at`; `None` if the newest table that can be used is another snapshot's, or does
    /// not say what it lacks.
    pub(super) async fn at(&self, at: Lsn) -> Option<Before> {
        let kept = self.table.get_or_init(|| self.open()).await.clone().filter(|kept| kept.at == at)?;
        let missing = kept.table.get(MISSING).and_then(|missing| {
            // A table of an older form does not say what it lacks.
            missing.map(|missing| Ok(postcard::from_bytes(&missing)?)).transpose()
        });
        match missing {
            Ok(missing) => Some(Before { missing: missing?, kept: Some(kept) }),
            Err(error) => {
                tracing::debug!(%error, "facts that were kept cannot be taken over");
                None
            }
        }
    }

    /// Returns those of the facts that were kept.
    pub(super) async fn of(&self, digests: &[Digest]) -> Vec<(Digest, Arc<DocumentFacts>)> {
        let Some(kept) = self.table.get_or_init(|| self.open()).await.clone() else { return Vec::new() };
        let mut digests: Vec<(Vec<u8>, Digest)> =
            digests.iter().map(|digest| (key(digest), *digest)).collect();
        let found = move || {
            digests.sort_unstable();
            let values = kept.table.read(digests.iter().map(|(key, _)| key.as_slice()))?;
            let decoded = digests.iter().zip(values).filter_map(|((_, digest), value)| {
                Some(decode(digest, &value?).map(|facts| (*digest, Arc::new(facts))))
            });
            decoded.collect::<Result<Vec<_>, Source>>()
        };
        match tokio::task::spawn_blocking(found).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::debug!(%error, "facts that were kept cannot be used, the documents are read instead");
                Vec::new()
            }
            // It ends early only with the runtime.
            Err(_) => Vec::new(),
        }
    }

    async fn open(&self) -> Option<Arc<KeptAt>> {
        match self.snapshots.newest_table(FACTS, READERS, &*self.log, self.head).await {
            Ok(found) => {
                for unused in &found.passed_over {
                    tracing::debug!(%unused, "facts that were kept are not used");
                }
                found.state.map(|(at, table)| Arc::new(KeptAt { at, table }))
            }
            Err(error) => {
                tracing::debug!(%error, "it is not known which facts the log names");
                None
            }
        }
    }
}

impl Before {
    /// Lists the versions that the session which kept them could not read.
    pub(super) fn missing(&self) -> &BTreeSet<Digest> {
        &self.missing
    }

    /// Keeps these facts in a snapshot of `of`: those that have `come` are added, those of versions that are `gone` taken
    /// away; `missing` are versions that this session cannot read. Returns the digest under which the log is to name them.
    ///
    /// # Errors
    /// As [`Snapshots::keep_table`]. A table that is damaged is removed, and the next snapshot reads the documents.
    pub(super) fn keep(
        &self,
        come: impl IntoIterator<Item = Arc<DocumentFacts>>,
        gone: &BTreeSet<Digest>,
        missing: &BTreeSet<Digest>,
        (of, snapshots): (Head, &Snapshots),
    ) -> Result<Digest, WalError> {
        let unwritten = |error: postcard::Error| WalError::Malformed { lsn: of.lsn, source: error.into() };
        let mut changes: BTreeMap<Vec<u8>, Option<Vec<u8>>> =
            gone.iter().map(|digest| (key(digest), None)).collect();
        for facts in come {
            let value = postcard::to_stdvec(&*facts).map_err(unwritten)?;
            changes.insert(key(&facts.digest), Some(value));
        }
        changes.insert(MISSING.to_vec(), Some(postcard::to_stdvec(missing).map_err(unwritten)?));
        let kept = self.kept.as_ref().map(|kept| &kept.table);
        snapshots.keep_table(FACTS, READERS, of, taken_over(kept, changes))
    }
}

fn decode(digest: &Digest, value: &[u8]) -> Result<DocumentFacts, Source> {
    let facts: DocumentFacts = postcard::from_bytes(value)?;
    if facts.digest != *digest { Err("facts of another document".into()) } else { Ok(facts) }
}

fn key(digest: &Digest) -> Vec<u8> {
    [digest.kind().prefix().as_bytes(), digest.bytes().as_slice()].concat()
}
