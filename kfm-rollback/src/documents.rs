//! Every document of a store: read many at a time, looked at on threads of their own, and handed over in order.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use kfm_lineage::Digest;

use crate::bulk;
use crate::error::{Error, Result};
use crate::op::{DomainOp, OpError};
use crate::platform::Progress;

/// Documents of one call of the store; a thread looks at them together.
const CHUNK_DOCUMENTS: usize = 16;

/// Calls that are made at the same time. So at most 256 documents are in memory.
const CHUNKS_AT_ONCE: usize = 16;

/// Reads the documents at these paths and has a look at each, given its path, the digest of its form and the bytes of that;
/// then hands over what came of it, in the order of `paths`. A document that vanished meanwhile is left out.
///
/// # Errors
/// [`Error::Store`]: the store cannot be read, or cannot keep a document that it has.
pub(crate) async fn each<T: Send + 'static>(
    store: &Arc<dyn DomainOp>,
    paths: &[String],
    progress: &dyn Progress,
    look: fn(&str, Digest, &[u8]) -> T,
    mut take: impl FnMut(String, T),
) -> Result<()> {
    let looked_at = paths.chunks(CHUNK_DOCUMENTS).map(|paths| async move {
        let found: Vec<(String, Bytes)> = paths
            .iter()
            .zip(bulk::read(&**store, paths).await?)
            .filter_map(|(path, bytes)| Some((path.clone(), bytes?)))
            .collect();
        let form = Arc::clone(store);
        let looks = tokio::task::spawn_blocking(move || -> Result<Vec<(String, T)>, OpError> {
            let look = |(path, bytes): (String, Bytes)| {
                let (digest, bytes) = form.form(&path, bytes)?;
                let looked = look(&path, digest, &bytes);
                Ok((path, looked))
            };
            found.into_iter().map(look).collect()
        });
        let looked = looks.await.map_err(|died| OpError::permanent(store.name(), "-", died))??;
        Ok::<_, Error>((paths.len(), looked))
    });
    // Collected first: a stream that borrows from its closure is not `Send`.
    let looked_at: Vec<_> = looked_at.collect();
    let mut looked_at = futures::stream::iter(looked_at).buffered(CHUNKS_AT_ONCE);
    let mut done = 0;
    while let Some((asked, looked)) = looked_at.try_next().await? {
        looked.into_iter().for_each(|(path, looked)| take(path, looked));
        done += asked as u64;
        progress.prepared(done);
    }
    Ok(())
}
