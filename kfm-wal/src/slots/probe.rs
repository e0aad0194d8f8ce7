//! Whether the store below a log keeps what it promises, as far as somebody who asks it can tell.

use std::sync::Arc;
use std::time::Duration;

use kfm_retry::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Slots;
use super::calls::Calls;
use super::format::FORMAT_SLOT;
use super::log::SlotOptions;
use super::prove::prove;

use crate::error::WalError;

/// How often the store is asked, to see how long it takes.
const READS: u32 = 16;

/// How a store stood the races it was put to.
///
/// Somebody who asks sees whether of many creators one succeeds, and how long answers take. Whether what the store
/// acknowledged outlives a power cut is the store's own word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreReport {
    /// How many races of eight creators there were, on slots of their own; they stay in the store.
    pub rounds: u32,
    /// Half of the reads of one slot took no longer, in nanoseconds.
    pub read_ns_p50: u64,
    /// The longest of them, in nanoseconds.
    pub read_ns_max: u64,
    /// What that says.
    pub verdict: Promise,
    /// The promise that was broken, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
}

/// What a probe of a store can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// One creator of each slot succeeded, and what it brought is there.
    Kept,
    /// The store is built so that only one creator can succeed: there was nothing to try out.
    BeyondDoubt,
    /// Two succeeded, or what was created is not there: a record that was acknowledged can be gone.
    Broken,
}

/// Puts a store to `rounds` races on slots of their own, and measures how long it takes to answer.
///
/// The log itself is only read.
///
/// # Cancel safety
/// A dropped call leaves the slots of its races in the store, and nothing else.
///
/// # Errors
/// [`WalError::Io`]: repair the store, its address or the credentials, and try again; nothing is known.
pub async fn probe(
    slots: Arc<dyn Slots>,
    options: SlotOptions,
    rounds: u32,
) -> Result<StoreReport, WalError> {
    let ground = options.proving_name();
    let calls = options.calls(slots, Seed::new(0));
    let mut reads = Vec::new();
    for _ in 0..READS {
        reads.push(read(&calls).await?);
    }
    reads.sort_unstable();
    let (raced, verdict, broken) = match prove(&calls, &ground, rounds).await {
        Ok(0) => (0, Promise::BeyondDoubt, None),
        Ok(raced) => (raced, Promise::Kept, None),
        Err(WalError::Unfit { promise, .. }) => (rounds, Promise::Broken, Some(promise.to_owned())),
        Err(error) => return Err(error),
    };
    let ns = |at: usize| u64::try_from(reads[at].as_nanos()).unwrap_or(u64::MAX);
    let (read_ns_p50, read_ns_max) = (ns(reads.len() / 2), ns(reads.len() - 1));
    Ok(StoreReport { rounds: raced, read_ns_p50, read_ns_max, verdict, broken })
}

/// Reads the log's first slot, and says how long that took.
async fn read(calls: &Calls) -> Result<Duration, WalError> {
    let begun = calls.clock.monotonic();
    calls.read(FORMAT_SLOT).await?;
    Ok(calls.clock.monotonic().saturating_sub(begun))
}
