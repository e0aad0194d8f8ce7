//! Reading the chain: slot after slot, several reads at a time, each frame checked before the next.

use std::sync::Mutex;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use kfm_lineage::Lsn;

use super::calls::{Calls, READS_MAX};
use super::view::{View, guard};
use crate::error::WalError;
use crate::store::{BadPlace, Damage, StoredRecord};

/// Takes in every slot from the first that is not known up to the first that is not there.
///
/// Usually there is nothing new, or one slot. So one slot is read at first, and more at a time while all of
/// them are there.
pub(crate) async fn catch_up(calls: &Calls, view: &Mutex<View>) -> Result<(), WalError> {
    let mut width = 1;
    loop {
        let n = guard(view).next;
        let mut reads = stream::iter(n..n.saturating_add(width as u64))
            .map(|n| async move { (n, calls.read(n).await) })
            .buffered(width);
        while let Some((n, read)) = reads.next().await {
            let Some(bytes) = read? else { return Ok(()) };
            take_in(calls, view, n, &bytes)?;
        }
        width = (2 * width).min(READS_MAX);
    }
}

/// Takes a slot in, unless another call on this handle has done so meanwhile.
pub(crate) fn take_in(calls: &Calls, view: &Mutex<View>, n: u64, bytes: &Bytes) -> Result<(), WalError> {
    let mut view = guard(view);
    if view.next != n {
        return Ok(());
    }
    view.take_in(bytes).map_err(|class| view.bad(n, calls.slots.name(n), class).into())
}

/// Returns the first missing slot, if a later slot is there; `None` if the log has no gap.
pub(crate) async fn find_gap(calls: &Calls, view: &Mutex<View>) -> Result<Option<BadPlace>, WalError> {
    let next = guard(view).next;
    let last = calls.last(next).await?;
    // A slot that was created after the end was read is not a gap.
    if last.is_none() || calls.read(next).await?.is_some() {
        return Ok(None);
    }
    let view = guard(view);
    Ok((view.next == next).then(|| view.bad(next, calls.slots.name(next), Damage::MissingSegment)))
}

/// Returns the records from `from` on, at most `limit`; the checksum of each is compared again.
pub(crate) async fn records(
    calls: &Calls,
    view: &Mutex<View>,
    from: Lsn,
    limit: usize,
) -> Result<Vec<StoredRecord>, WalError> {
    // The first position is 1.
    let end = from.0.max(1).saturating_add(u64::try_from(limit).unwrap_or(u64::MAX));
    let wanted = from.0..end;
    let slots = guard(view).slots_of(&wanted);
    let mut reads =
        stream::iter(slots).map(|n| async move { (n, frame_at(calls, view, n).await) }).buffered(READS_MAX);
    let mut records = Vec::new();
    while let Some((n, bytes)) = reads.next().await {
        let bytes = bytes?;
        let view = guard(view);
        let found = bytes.ok_or(Damage::MissingSegment).and_then(|bytes| view.records(n, &bytes, &wanted));
        records.extend(found.map_err(|class| WalError::from(view.bad(n, calls.slots.name(n), class)))?);
    }
    Ok(records)
}

/// Returns what a slot holds, from this handle's memory or from the store.
pub(crate) async fn frame_at(calls: &Calls, view: &Mutex<View>, n: u64) -> Result<Option<Bytes>, WalError> {
    let kept = guard(view).kept(n);
    match kept {
        Some(bytes) => Ok(Some(bytes)),
        None => calls.read(n).await,
    }
}
