//! Reading every slot again to say whether the log is what was written, also one that does not open.

use std::sync::{Arc, Mutex};

use kfm_retry::Seed;

use super::Slots;
use super::calls::Calls;
use super::chain::{catch_up, find_gap};
use super::format::FORMAT_SLOT;
use super::log::{SlotOptions, read_format};
use super::view::{View, guard};
use crate::error::WalError;
use crate::store::{BadPlace, Damage, Depth, Head, VerifyReport};

/// Reads the log in the slots of a store and says whether it is what was written; with a `witness`, a head that
/// was kept elsewhere, also whether it is the log that the witness has seen.
///
/// # Errors
/// [`WalError::Io`]: the store could not be read; try again.
pub async fn verify(
    slots: Arc<dyn Slots>,
    options: SlotOptions,
    depth: Depth,
    witness: Option<&Head>,
) -> Result<VerifyReport, WalError> {
    let depth = if witness.is_some() { Depth::Chain } else { depth };
    examine(&options.calls(slots, Seed::new(0)), depth, witness).await
}

pub(crate) async fn examine(
    calls: &Calls,
    depth: Depth,
    witness: Option<&Head>,
) -> Result<VerifyReport, WalError> {
    let format = match read_format(calls, false).await {
        Ok(format) => format,
        Err(error) => return Ok(damaged(BadPlace::of(error)?)),
    };
    let Some(log_id) = format.as_ref().and_then(|format| format.log_id()) else {
        let view = View::new(&[0; 16], depth);
        // Frames without the slot that says whose they are.
        let lost = calls.last(FORMAT_SLOT).await?.map(|_| Damage::MissingSegment);
        let bad = lost.map(|class| view.bad(FORMAT_SLOT, calls.slots.name(FORMAT_SLOT), class));
        return Ok(bad.map_or_else(|| report(&view, None), damaged));
    };
    let view = Mutex::new(View::new(&log_id, depth));
    let mut first_bad = match catch_up(calls, &view).await {
        Ok(()) => find_gap(calls, &view).await?,
        Err(error) => Some(BadPlace::of(error)?),
    };
    if let (Some(witness), None) = (witness, &first_bad) {
        first_bad = compare(calls, &guard(&view), witness);
    }
    let view = guard(&view);
    Ok(report(&view, first_bad))
}

fn damaged(bad: BadPlace) -> VerifyReport {
    report(&View::new(&[0; 16], Depth::Crc), Some(bad))
}

fn report(view: &View, first_bad: Option<BadPlace>) -> VerifyReport {
    VerifyReport {
        ok: first_bad.is_none(),
        records: view.position.last().0,
        segments: view.next - 1,
        frames: view.next - 1,
        bytes: view.bytes,
        quarantined: 0,
        torn_bytes: 0,
        head: view.head(),
        first_bad,
    }
}

/// Says where a sound log differs from what a witness has seen of it, if it does.
fn compare(calls: &Calls, view: &View, witness: &Head) -> Option<BadPlace> {
    let (n, class) = view.differs_from(witness)?;
    let lsn = if class == Damage::LostTail { view.position.next } else { witness.lsn };
    Some(BadPlace { segment: calls.slots.name(n), offset: 0, lsn, class })
}
