//! The reasons that explain an error of the log on slots: what its own process met in the store during the
//! call.

use std::time::Duration;

use kfm_retry::Clock as _;
use kfm_wal::WalError;
use kfm_wal::slots::Patience;

use super::actors::Undisturbed;
use crate::clock::VirtualClock;
use crate::met::Met;
use crate::object_store::{LATENCY_MAX, SimulatedStore};

/// With less patience than this a call may end while others take every slot.
const PATIENT: Duration = Duration::from_secs(1);

/// The possible reasons of the errors of one process.
#[derive(Debug, Clone)]
pub struct Reasons {
    /// The store, as the process sees it.
    pub store: SimulatedStore,
    /// How patient the process is.
    pub patience: Patience,
    /// The clock of the world.
    pub clock: VirtualClock,
    /// Whether some calls are stalled for longer than any caller waits.
    pub stalls: bool,
}

impl Undisturbed for Reasons {
    fn undisturbed(&self) -> bool {
        true
    }

    fn explains(&self, error: &WalError, begun: Duration) -> bool {
        match error {
            WalError::Fenced { .. } | WalError::Locked { .. } => true,
            WalError::Io { .. } => self.is_outlasted(&self.store.met(), begun),
            WalError::Unknown { .. } => {
                let met = self.store.met();
                met.doubts && self.is_outlasted(&met, begun)
            }
            _ => false,
        }
    }

    fn append_max(&self) -> Option<Duration> {
        Some(append_max(&self.patience))
    }
}

impl Reasons {
    /// Says whether the process was patient to the end, and met a reason to fail in its last try.
    fn is_outlasted(&self, met: &Met, begun: Duration) -> bool {
        let now = self.clock.monotonic();
        let Patience { call, total, backoff } = self.patience;
        let impatient = total < PATIENT;
        // If every call ends, the store does not outlast the patience of the process.
        if !impatient && !self.stalls {
            return false;
        }
        // An append that is refused behind another one of its process began later than that one. But since
        // that one began, nothing of the process got into the log.
        let patient = now.saturating_sub(begun) >= total || now.saturating_sub(met.landed) >= total;
        let within = |at: Option<Duration>, time| at.is_some_and(|at| at + time >= now);
        // Of several slots that are read at once, the first may be waited for after a later one has failed:
        // one pause, and one answer.
        let last_try = Duration::from_millis(u64::from(backoff.cap_ms)) + 2 * LATENCY_MAX;
        let crowded = within(met.overtaken, last_try) && (impatient || within(met.hindered, total + call));
        patient && (within(met.hindered, last_try) || crowded)
    }
}

/// Returns how long an append may take, from what [`Patience`] promises for calls and frames.
///
/// A frame is tried again for `total`. A try that begins at the end of that time still reads on (a read is
/// tried again for `total`, and its last call takes `call`), creates the slot and reads it, each in `call`.
/// An append waits for the frame that is on its way when it comes, for that of a fence or a claim before it,
/// and for its own.
pub fn append_max(patience: &Patience) -> Duration {
    let Patience { call, total, .. } = *patience;
    let frame = total + (total + call) + call + call;
    3 * frame
}
