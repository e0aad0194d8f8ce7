//! Many cells of one store, by calls of a size that suits it.

use std::collections::BTreeMap;

use bytes::Bytes;
use kfm_lineage::Value;

use crate::context::WriteContext;
use crate::error::Result;
use crate::op::{Depth, DomainOp, OpError, Outcomes, PAGE_CELLS, Seen, Swap, ValueIs};
use crate::order::BATCH_STEPS_MAX;

/// Contents that are held at a time, for callers that need each of them only once.
pub(crate) const READ_CELLS: usize = 64;

/// Returns how many cells one call of a store takes at most.
pub(crate) fn call_cells(store: &dyn DomainOp) -> usize {
    usize::try_from(store.capabilities().cells_max).unwrap_or(usize::MAX).clamp(1, BATCH_STEPS_MAX)
}

/// Returns what cells are, in the order of `keys`.
pub(crate) async fn observe(
    store: &dyn DomainOp,
    keys: &[String],
    depth: Depth,
) -> Result<Vec<Seen>, OpError> {
    let mut seen = Vec::with_capacity(keys.len());
    for keys in keys.chunks(call_cells(store)) {
        seen.extend(one_each(store, keys.len(), store.observe(keys, depth).await?)?);
    }
    Ok(seen)
}

/// Returns the values of cells, in the order of `keys`.
pub(crate) async fn values(
    store: &dyn DomainOp,
    keys: &[String],
    depth: Depth,
) -> Result<Vec<Value>, OpError> {
    Ok(observe(store, keys, depth).await?.into_iter().map(|seen| seen.value).collect())
}

/// Returns the contents of cells, in the order of `keys`; a caller gives at most [`READ_CELLS`] where they may be many.
pub(crate) async fn read(store: &dyn DomainOp, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError> {
    let mut contents = Vec::with_capacity(keys.len());
    for keys in keys.chunks(call_cells(store).min(READ_CELLS)) {
        contents.extend(one_each(store, keys.len(), store.read(keys).await?)?);
    }
    Ok(contents)
}

/// Swaps cells by one call; at most [`call_cells`] of them.
pub(crate) async fn swap(
    store: &dyn DomainOp,
    cx: &WriteContext,
    swaps: &[Swap],
) -> Result<Outcomes, OpError> {
    one_each(store, swaps.len(), store.swap(cx, swaps).await?)
}

/// Refuses the answers of an adapter that has left some out: it would not be known which.
fn one_each<T>(store: &dyn DomainOp, asked: usize, answers: Vec<T>) -> Result<Vec<T>, OpError> {
    match answers.len() {
        answered if answered == asked => Ok(answers),
        answered => Err(OpError::permanent(store.name(), "-", LeftOut { asked, answered })),
    }
}

/// An adapter that does not keep the contract.
#[derive(Debug, thiserror::Error)]
#[error("its adapter does not answer for each cell: cells={asked} answers={answered}")]
struct LeftOut {
    asked: usize,
    answered: usize,
}

/// Returns the value of every cell that is not absent, as readers see it. `between` is asked between two calls, and its
/// error ends the look.
pub(crate) async fn standing(
    store: &dyn DomainOp,
    between: impl Fn() -> Result<()>,
) -> Result<BTreeMap<String, Value>> {
    let is_content = store.capabilities().value_is == ValueIs::Content;
    let mut standing = BTreeMap::new();
    let mut after: Option<String> = None;
    loop {
        between()?;
        let page = store.scan(after.as_deref(), PAGE_CELLS).await?;
        let Some((last, _)) = page.last() else { return Ok(standing) };
        after = Some(last.clone());
        let mut unknown = Vec::new();
        for (key, seen) in page {
            match seen.filter(|_| is_content) {
                Some(seen) => drop(standing.insert(key, seen.value)),
                None => unknown.push(key),
            }
        }
        for keys in unknown.chunks(call_cells(store)) {
            between()?;
            let values = values(store, keys, Depth::Content).await?;
            standing.extend(keys.iter().cloned().zip(values));
        }
    }
}
