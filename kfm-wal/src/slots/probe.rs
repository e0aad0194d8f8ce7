//! Whether the store below a log keeps its promises, as far as a client can tell.

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

/// How many times slot 0 is read, to measure how long the store takes.
const READS: u32 = 16;

/// How a store stood the races that a probe made.
///
/// A client sees whether of many creators only one succeeds, and how long answers take. It cannot see whether
/// records that the store has acknowledged outlive a power cut: that is the store's own word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreReport {
    /// How many races of eight creators were made, on slots of their own, which stay in the store.
    pub rounds: u32,
    /// The median time of a read of slot 0, in nanoseconds.
    pub read_ns_p50: u64,
    /// The longest read of slot 0, in nanoseconds.
    pub read_ns_max: u64,
    /// What follows from the races.
    pub verdict: Promise,
    /// The name of the promise that the store broke; none if it kept all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
}

/// The verdict of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// One creator of each slot succeeded, and the slot holds its bytes.
    Kept,
    /// The store is built so that only one creator can succeed: there was nothing to try out.
    BeyondDoubt,
    /// Two creators of one slot succeeded, or a slot does not hold what was created: a record that was
    /// acknowledged can be lost. Do not keep a log there.
    Broken,
}

/// Makes `rounds` races on slots of their own, and measures how long the store takes to answer.
///
/// The log itself is only read. `options` gives the time limits and the clock.
///
/// # Cancel safety
/// A dropped call leaves the slots of its races in the store, and nothing else.
///
/// # Errors
/// [`WalError::Io`]: nothing is known; repair the store, its address or the credentials, and call again.
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
