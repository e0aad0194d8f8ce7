//! Reading every slot again, to say whether the log holds what was written; works also on a log that does not
//! open.

use std::sync::{Arc, Mutex};

use kfm_lineage::Lsn;
use kfm_retry::Seed;

use super::Slots;
use super::calls::Calls;
use super::chain::{catch_up, find_gap, records};
use super::format::FORMAT_SLOT;
use super::log::{SlotOptions, read_format};
use super::view::{View, guard};
use crate::error::WalError;
use crate::store::{BadPlace, Damage, Depth, Head, StoredRecord, VerifyReport};

/// How many records a replay reads at a time.
const PAGE_RECORDS: usize = 256;

/// Reads the log in the slots of a store and says whether it holds what was written. With a `witness`, a head
/// that was kept elsewhere, it also says whether this is the log that the witness has seen.
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

/// Hands each record to the caller, in order and once, and says whether the log is whole. Of a damaged log
/// the caller gets all records before the damage. One page of records is in memory at a time.
///
/// # Errors
/// The records that were handed over are true all the same.
/// - [`WalError::Io`]: the store could not be read.
/// - [`WalError::Corrupt`]: the store lost meanwhile what it had; call again for a report.
pub async fn replay(
    slots: Arc<dyn Slots>,
    options: SlotOptions,
    mut take: impl FnMut(StoredRecord),
) -> Result<VerifyReport, WalError> {
    let calls = options.calls(slots, Seed::new(0));
    let (view, first_bad) = read(&calls, Depth::Chain).await?;
    let (mut next, last) = (Lsn(1), guard(&view).position.last());
    while next <= last {
        let page = records(&calls, &view, next, PAGE_RECORDS).await?;
        // Every record up to the last one is in the view; an empty page must not make this loop endless.
        let Some(end) = page.last().map(|stored| stored.lsn) else { break };
        page.into_iter().for_each(&mut take);
        next = end.next();
    }
    let view = guard(&view);
    Ok(report(&view, first_bad))
}

pub(crate) async fn examine(
    calls: &Calls,
    depth: Depth,
    witness: Option<&Head>,
) -> Result<VerifyReport, WalError> {
    let (view, mut first_bad) = read(calls, depth).await?;
    let view = guard(&view);
    if let (Some(witness), None) = (witness, &first_bad) {
        first_bad = compare(calls, &view, witness);
    }
    Ok(report(&view, first_bad))
}

/// Reads every slot up to the end of the log or up to the first bad place, and says what is wrong there.
async fn read(calls: &Calls, depth: Depth) -> Result<(Mutex<View>, Option<BadPlace>), WalError> {
    let nothing = || View::new(&[0; 16], depth);
    let format = match read_format(calls, false).await {
        Ok(format) => format,
        Err(error) => return Ok((Mutex::new(nothing()), Some(BadPlace::of(error)?))),
    };
    let Some(log_id) = format.as_ref().and_then(|format| format.log_id()) else {
        // There are frames, but not slot 0, which says of which log they are.
        let lost = calls.last(FORMAT_SLOT).await?.map(|_| Damage::MissingSegment);
        let bad = lost.map(|class| nothing().bad(FORMAT_SLOT, calls.slots.name(FORMAT_SLOT), class));
        return Ok((Mutex::new(nothing()), bad));
    };
    let view = Mutex::new(View::new(&log_id, depth));
    let first_bad = match catch_up(calls, &view).await {
        Ok(()) => find_gap(calls, &view).await?,
        Err(error) => Some(BadPlace::of(error)?),
    };
    Ok((view, first_bad))
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

/// Returns where a sound log differs from what a witness has seen of it; `None` if it does not differ.
fn compare(calls: &Calls, view: &View, witness: &Head) -> Option<BadPlace> {
    let (n, class) = view.differs_from(witness)?;
    let lsn = if class == Damage::LostTail { view.position.next } else { witness.lsn };
    Some(BadPlace { segment: calls.slots.name(n), offset: 0, lsn, class })
}
