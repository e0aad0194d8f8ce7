//! Facts that were kept beside the log's snapshots, so that the bytes of a document are read once (ADR 0026).

use std::sync::Arc;

use kfm_lineage::document::{DocumentFacts, READERS};
use kfm_lineage::{Digest, Lsn};
use kfm_wal::error::Source;
use kfm_wal::snapshot::Snapshots;
use kfm_wal::table::{Entry, Table};
use kfm_wal::{Head, WalError, WalStore};
use tokio::sync::OnceCell;

use crate::platform::snapshots::FACTS;

/// The facts that the newest snapshot has, opened when the first are asked for.
///
/// They are no source of truth: what is missing or damaged there is read from the version store.
#[derive(Debug)]
pub(crate) struct KeptFacts {
    snapshots: Snapshots,
    log: Arc<dyn WalStore>,
    head: Lsn,
    table: OnceCell<Option<Arc<Table>>>,
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

    /// Returns those of the facts that were kept.
    pub(super) async fn of(&self, digests: &[Digest]) -> Vec<(Digest, Arc<DocumentFacts>)> {
        let Some(table) = self.table.get_or_init(|| self.open()).await.clone() else { return Vec::new() };
        let mut digests: Vec<(Vec<u8>, Digest)> =
            digests.iter().map(|digest| (key(digest), *digest)).collect();
        let found = move || {
            digests.sort_unstable();
            let values = table.read(digests.iter().map(|(key, _)| key.as_slice()))?;
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

    async fn open(&self) -> Option<Arc<Table>> {
        match self.snapshots.newest_table(FACTS, READERS, &*self.log, self.head).await {
            Ok(found) => {
                for unused in &found.passed_over {
                    tracing::debug!(%unused, "facts that were kept are not used");
                }
                found.state.map(|(_, table)| Arc::new(table))
            }
            Err(error) => {
                tracing::debug!(%error, "it is not known which facts the log names");
                None
            }
        }
    }
}

/// Keeps facts in a snapshot of `of`; returns the digest under which the log is to name them.
///
/// # Errors
/// As [`Snapshots::keep_table`].
pub(super) fn keep(
    facts: impl IntoIterator<Item = Arc<DocumentFacts>>,
    of: Head,
    snapshots: &Snapshots,
) -> Result<Digest, WalError> {
    // Facts that have no such form, which there are none of, would be read from the document.
    let entry = |facts: Arc<DocumentFacts>| Some((key(&facts.digest), postcard::to_stdvec(&*facts).ok()?));
    let mut entries: Vec<Entry> = facts.into_iter().filter_map(entry).collect();
    entries.sort_unstable();
    entries.dedup_by(|a, b| a.0 == b.0);
    snapshots.keep_table(FACTS, READERS, of, entries.into_iter().map(Ok))
}

fn decode(digest: &Digest, value: &[u8]) -> Result<DocumentFacts, Source> {
    let facts: DocumentFacts = postcard::from_bytes(value)?;
    if facts.digest != *digest { Err("facts of another document".into()) } else { Ok(facts) }
}

fn key(digest: &Digest) -> Vec<u8> {
    [digest.kind().prefix().as_bytes(), digest.bytes().as_slice()].concat()
}
