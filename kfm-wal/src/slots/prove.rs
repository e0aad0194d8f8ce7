//! Trying out whether a store keeps its promises, before a log is made in it.
//!
//! Some stores that speak S3's language take the condition of a creation and ignore it, or look first and
//! write then: two writers at the same moment both succeed, and the record of one of them, which was told
//! that it is durable, is gone. A few races on slots of their own find a store that ignores the condition for
//! certain, and one that looks first most likely.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;

use super::calls::Calls;
use super::{Created, SlotError};
use crate::error::WalError;

/// How many creators race for one slot.
const CREATORS: u8 = 8;

/// Makes `rounds` races for slots of their own, after a first try without a race; returns how many rounds
/// were made, zero where the store is built so that only one creator can succeed.
///
/// # Errors
/// - [`WalError::Unfit`]: the store broke a promise; use another store, no log can be kept in this one.
/// - [`WalError::Io`]: repair the store, its address or the credentials, and try again.
pub(crate) async fn prove(calls: &Calls, name: &str, rounds: u32) -> Result<u32, WalError> {
    let ground = match calls.slots.proving_ground(name) {
        Some(ground) if rounds > 0 => Calls { slots: Arc::from(ground), ..calls.clone() },
        _ => return Ok(0),
    };
    // Two creators one after the other: the second one must be refused and change nothing.
    let (one, other) = (Bytes::from_static(b"one"), Bytes::from_static(b"other"));
    insist(&ground, 1, &one).await?;
    if create(&ground, 1, &other).await? == Some(Created::Made) {
        return Err(unfit(&ground, "create_once"));
    }
    if ground.read(1).await?.is_none_or(|held| held != one) {
        return Err(unfit(&ground, "keep_what_was_created"));
    }
    for n in 2..u64::from(rounds) + 2 {
        let frames = (0..CREATORS).map(|creator| Bytes::from(vec![creator; 16]));
        let racing = frames.map(|frame| {
            let ground = &ground;
            async move { (create(ground, n, &frame).await, frame) }
        });
        let mut winners = Vec::new();
        for (created, frame) in join_all(racing).await {
            if created? == Some(Created::Made) {
                winners.push(frame);
            }
        }
        let held = ground.read(n).await?;
        let kept = winners.iter().all(|winner| held.as_ref() == Some(winner));
        if winners.len() > 1 || !kept {
            return Err(unfit(&ground, "create_once_among_many"));
        }
    }
    Ok(rounds)
}

/// Creates a slot, and tries again until the slot is there.
async fn insist(ground: &Calls, n: u64, frame: &Bytes) -> Result<(), WalError> {
    let mut tries = ground.tries();
    while create(ground, n, frame).await? != Some(Created::Made) {
        // The answer was lost. If the slot is there, this call has created it: no other writer uses these
        // slots.
        if ground.read(n).await?.is_some() {
            return Ok(());
        }
        if !ground.pause(&mut tries).await {
            let source = SlotError::Unknown { source: "the slot is not there".into() };
            return Err(ground.io("create", n, source));
        }
    }
    Ok(())
}

/// Creates a slot, with one try; `None` if no answer came.
async fn create(ground: &Calls, n: u64, frame: &Bytes) -> Result<Option<Created>, WalError> {
    match ground.create(n, frame.clone()).await {
        Ok(created) => Ok(Some(created)),
        Err(error @ SlotError::Refused { .. }) => Err(ground.io("create", n, error)),
        Err(_) => Ok(None),
    }
}

fn unfit(ground: &Calls, promise: &'static str) -> WalError {
    WalError::Unfit { path: ground.slots.place(), promise }
}
