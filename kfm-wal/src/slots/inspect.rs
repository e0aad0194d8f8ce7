//! Looking into the slots of a log, whether the log opens or not.

use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use kfm_retry::Seed;

use super::Slots;
use super::calls::READS_MAX;
use super::format::FORMAT_SLOT;
use super::log::SlotOptions;
use crate::error::WalError;
use crate::inspect::{Inspection, SegmentInspection, inspect_segment};

/// Lists every whole frame in the slots of a store, whether the log opens or not; a slot that is missing
/// before a later one is listed with no bytes.
///
/// A slot that was created a moment ago may be left out.
///
/// # Cancel safety
/// A dropped call has changed nothing.
///
/// # Errors
/// [`WalError::Io`]: the store could not be read; try again.
pub async fn inspect(slots: Arc<dyn Slots>, options: SlotOptions) -> Result<Inspection, WalError> {
    let calls = &options.calls(slots, Seed::new(0));
    let count = calls.last(FORMAT_SLOT).await?.map_or(0, |last| last + 1);
    let segments = stream::iter(FORMAT_SLOT..count)
        .map(|n| async move {
            let bytes = calls.read(n).await?.unwrap_or_default();
            Ok::<SegmentInspection, WalError>(inspect_segment(calls.slots.name(n), &bytes))
        })
        .buffered(READS_MAX)
        .try_collect()
        .await?;
    Ok(Inspection { segments, quarantined: Vec::new() })
}
