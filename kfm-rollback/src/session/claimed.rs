//! Whether the process that has claimed a shared log is alive, as far as another host can tell.

use jiff::SignedDuration;
use kfm_wal::slots::{Holder, SlotLog};

use super::{Session, now};
use crate::error::Result;
use crate::platform::OpenOptions;

impl Session {
    /// Returns the claim on the shared log if the process that made it is alive; it is looked at once a session.
    ///
    /// # Errors
    /// [`Error::Log`](crate::Error::Log): the log cannot be read.
    pub(crate) async fn living_claim(&self) -> Result<Option<Holder>> {
        let look = || async {
            let Some(log) = &self.shared else { return Ok(None) };
            let Some(held) = log.holder().await? else { return Ok(None) };
            Ok(is_alive(log, &held, self.platform.options()).await?.then_some(held))
        };
        self.claim.get_or_try_init(look).await.cloned()
    }
}

/// Says whether the lease of a claim reaches beyond now.
///
/// A claim that was renewed more than a lease ahead of this host's clock tells that one of the two clocks is wrong.
/// Its times say nothing then, and the log is watched instead: a process that is alive writes to it.
async fn is_alive(log: &SlotLog, held: &Holder, options: &OpenOptions) -> Result<bool> {
    let lease = SignedDuration::from_millis_i128(held.lease_ms.into());
    let silent = now(&options.clock)?.duration_since(held.renewed);
    if silent >= -lease { Ok(silent < lease) } else { is_heard(log, held, options).await }
}

/// Watches a log until it moves, or for longer than a process that is alive and holds it leaves it alone.
async fn is_heard(log: &SlotLog, held: &Holder, options: &OpenOptions) -> Result<bool> {
    let lease = held.lease();
    // After a third of its lease without a frame the holder renews its claim; it looks each sixth of the lease.
    let (watched, pause) = (lease / 2 + lease / 8, lease / 24);
    let mut silence = log.silence().await?;
    while silence < watched && !options.interrupt.is_requested() {
        options.clock.sleep(pause).await;
        silence = log.silence().await?;
        if silence < pause {
            // It moved meanwhile.
            return Ok(log.holder().await?.is_some());
        }
    }
    Ok(silence < watched)
}
