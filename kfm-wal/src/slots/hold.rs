//! Holding a log: one host claims it for itself, with a lease.
//!
//! A claim is a fence that carries the holder's name. The holder renews it at least three times a lease: any
//! frame of the holder counts. When another host has seen no frame of the holder for a whole lease, by its
//! own clock, it may claim the log itself. What keeps the two apart is the epoch that the claim takes, never
//! a clock: a holder that was paused and wakes up is fenced, and [`SlotLog::still_mine`] tells it so before
//! it acts on anything else.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use kfm_lineage::{Lsn, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::calls::{Calls, READS_MAX};
use super::chain::frame_at;
use super::format::damage_of;
use super::log::SlotLog;
use super::view::{View, guard};
use super::writer::Taking;
use crate::error::WalError;
use crate::frame::{self, Header, Kind};
use crate::store::Damage;

/// The most that a holder's description of itself may hold, in bytes; the rest is cut off.
pub const HOLDER_BYTES_MAX: usize = 1024;

/// The shortest and the longest time between two looks at a log that another holder has.
const LOOK: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// The holder of a log, as the log tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    /// The holder's description of itself, set when it claimed the log: host, process, user,
    /// command.
    pub holder: String,
    /// The epoch that the holder claimed.
    pub epoch: u64,
    /// After how many milliseconds without a frame of the holder another host may claim the log.
    pub lease_ms: u64,
    /// When the holder claimed the log, by the holder's clock.
    pub since: Timestamp,
    /// When the holder last renewed its claim, by the holder's clock; a hint, no decision depends on it.
    pub renewed: Timestamp,
}

impl Holder {
    /// Returns after how much silence another host may claim the log.
    pub fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }
}

/// What a frame says about the holder of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hold", rename_all = "snake_case")]
pub(crate) enum Statement {
    Claimed { holder: String, lease_ms: u64, at: Timestamp },
    Renewed { at: Timestamp },
    Released { at: Timestamp },
}

impl Statement {
    fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers have a form in JSON")
    }
}

/// A holder, and the nonce of the handle that claimed the log for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) nonce: [u8; 16],
    pub(crate) holder: Holder,
}

impl Hold {
    /// Reads the claim in a slot again.
    ///
    /// # Errors
    /// The damage, if the slot no longer holds a claim.
    fn claimed(bytes: &[u8]) -> Result<Holder, Damage> {
        let frame = frame::decode(bytes).map_err(damage_of)?;
        let Header { kind, epoch, nonce, .. } = frame.header;
        let hold = Self::after(None, kind, epoch, nonce, frame.body)?;
        hold.map(|hold| hold.holder).ok_or(Damage::Malformed)
    }

    /// Returns the hold after a frame, given the hold before it; `None` if the log is not held then.
    ///
    /// # Errors
    /// [`Damage::Malformed`]: the frame is not a statement that its writer could make here.
    pub(crate) fn after(
        before: Option<Self>,
        kind: Kind,
        epoch: u64,
        nonce: [u8; 16],
        body: &[u8],
    ) -> Result<Option<Self>, Damage> {
        if kind == Kind::Fence && body.is_empty() {
            return Ok(None);
        }
        let statement: Statement = serde_json::from_slice(body).map_err(|_| Damage::Malformed)?;
        match (kind, statement, before) {
            (Kind::Fence, Statement::Claimed { holder, lease_ms, at }, _) => {
                let holder = Holder { holder, epoch, lease_ms, since: at, renewed: at };
                Ok(Some(Self { nonce, holder }))
            }
            (Kind::Hold, Statement::Renewed { at }, Some(mut hold)) if hold.nonce == nonce => {
                hold.holder.renewed = at;
                Ok(Some(hold))
            }
            (Kind::Hold, Statement::Released { .. }, Some(hold)) if hold.nonce == nonce => Ok(None),
            _ => Err(Damage::Malformed),
        }
    }
}

/// How long a log has not moved, as far as this handle has seen.
#[derive(Debug)]
pub(crate) struct Silence(Mutex<(u64, Duration)>);

impl Silence {
    pub(crate) fn begin(calls: &Calls, view: &View) -> Self {
        Self(Mutex::new((view.next, calls.clock.monotonic())))
    }

    /// Returns for how long the log has not moved.
    fn lasts(&self, calls: &Calls, next: u64) -> Duration {
        let now = calls.clock.monotonic();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.0 != next {
            *seen = (next, now);
        }
        now.saturating_sub(seen.1)
    }
}

impl SlotLog {
    /// Takes the log for one holder alone, and returns the epoch that it claimed.
    ///
    /// While another holder has the log, this call waits until that one releases it or has been silent for
    /// its lease, but no longer than `patience`, which may be zero. `holder` describes the caller to others,
    /// one line of at most [`HOLDER_BYTES_MAX`] bytes. `lease` is how long others have to wait once they hear
    /// nothing more of this holder.
    ///
    /// # Cancel safety
    /// When the caller drops the future, the log may be claimed; another `claim` finds out.
    ///
    /// # Errors
    /// - [`WalError::Locked`]: another holder has the log; wait, or stop that one.
    /// - [`WalError::Unknown`]: the claim may be in the log; claim again.
    /// - [`WalError::ReadOnly`]: open the log for writing.
    /// - [`WalError::Io`]: nothing was claimed; try again.
    pub async fn claim(&self, holder: &str, lease: Duration, patience: Duration) -> Result<u64, WalError> {
        self.claim_after(holder, lease, patience, &|_| false).await
    }

    /// Claims the log as [`claim`](Self::claim) does, but does not wait for a holder of which `is_gone` says
    /// that it has ended.
    ///
    /// `is_gone` must be certain: true for a process of this machine that has died, never for one that is
    /// merely silent.
    ///
    /// # Cancel safety
    /// As [`claim`](Self::claim).
    ///
    /// # Errors
    /// As [`claim`](Self::claim).
    pub async fn claim_after(
        &self,
        holder: &str,
        lease: Duration,
        patience: Duration,
        is_gone: &(dyn Fn(&Holder) -> bool + Sync),
    ) -> Result<u64, WalError> {
        let writer = self.writer()?;
        let begun = self.calls.clock.monotonic();
        loop {
            self.refresh().await?;
            let (next, hold) = {
                let view = guard(&self.view);
                (view.next, view.hold.clone())
            };
            let silence = self.silence.lasts(&self.calls, next);
            let lives = |hold: &Hold| silence < hold.holder.lease() && !is_gone(&hold.holder);
            let other = hold.filter(|hold| hold.nonce != writer.nonce && lives(hold));
            let Some(other) = other else {
                let body = Statement::Claimed {
                    holder: shorten(holder),
                    lease_ms: u64::try_from(lease.as_millis()).unwrap_or(u64::MAX),
                    at: self.now(),
                };
                let taking = Taking { kind: Kind::Fence, body: &body.encode(), only_at: Some(next) };
                match writer.take(&self.calls, &self.view, taking).await? {
                    true => return Ok(writer.epoch()),
                    // Another writer appended in this moment: look again at the log.
                    false => continue,
                }
            };
            let waited = self.calls.clock.monotonic().saturating_sub(begun);
            if waited >= patience {
                return Err(WalError::Locked { holder: other.holder.holder });
            }
            let pause = (other.holder.lease() / 8).clamp(LOOK.0, LOOK.1).min(patience - waited);
            self.calls.clock.sleep(pause).await;
        }
    }

    /// Renews the claim of this handle, if the handle has written nothing for a third of its lease.
    ///
    /// # Errors
    /// - [`WalError::Fenced`], [`WalError::Locked`]: stop; another holder has the log.
    /// - others as [`WalStore::append`](crate::WalStore::append).
    pub async fn renew(&self) -> Result<(), WalError> {
        let writer = self.writer()?;
        let Some(hold) = self.own_hold() else { return writer.may_write(&self.view).map_err(|f| f.error()) };
        let silent = self.calls.clock.monotonic().saturating_sub(writer.written());
        if silent < hold.holder.lease() / 3 {
            return Ok(());
        }
        self.state(&Statement::Renewed { at: self.now() }).await
    }

    /// Gives the log back, if this handle holds it; does nothing if it does not.
    ///
    /// # Errors
    /// As [`SlotLog::renew`].
    pub async fn release(&self) -> Result<(), WalError> {
        match self.own_hold() {
            Some(_) => self.state(&Statement::Released { at: self.now() }).await,
            None => Ok(()),
        }
    }

    /// Reads the log to its end and says whether this handle may still append: no other writer has taken the
    /// log over up to this moment.
    ///
    /// # Errors
    /// - [`WalError::Fenced`], [`WalError::Locked`]: stop; another writer has the log and acts on it.
    /// - [`WalError::Io`]: it is not known whether this handle still has the log; do not act.
    pub async fn still_mine(&self) -> Result<(), WalError> {
        let writer = self.writer()?;
        self.refresh().await?;
        writer.may_write(&self.view).map_err(|failure| failure.error())
    }

    /// Returns the holder of the log, alive or dead; `None` if the log is not held.
    ///
    /// # Errors
    /// As [`WalStore::scan`](crate::WalStore::scan).
    pub async fn holder(&self) -> Result<Option<Holder>, WalError> {
        self.refresh().await?;
        Ok(guard(&self.view).hold.clone().map(|hold| hold.holder))
    }

    /// Reads the log to its end and returns for how long the log has not moved, as far as this handle has seen.
    ///
    /// # Errors
    /// As [`WalStore::scan`](crate::WalStore::scan).
    pub async fn silence(&self) -> Result<Duration, WalError> {
        self.refresh().await?;
        let next = guard(&self.view).next;
        Ok(self.silence.lasts(&self.calls, next))
    }

    /// Returns the holder that had the log when each of these records was appended; records that were
    /// appended under no claim are left out.
    ///
    /// # Cancel safety
    /// A dropped call has changed nothing.
    ///
    /// # Errors
    /// As [`WalStore::scan`](crate::WalStore::scan).
    pub async fn held_at(
        &self,
        records: impl IntoIterator<Item = Lsn>,
    ) -> Result<BTreeMap<Lsn, Holder>, WalError> {
        let mut claims: BTreeMap<u64, Vec<Lsn>> = BTreeMap::new();
        for lsn in records {
            if let Some(claim) = guard(&self.view).claim_of(lsn) {
                claims.entry(claim).or_default().push(lsn);
            }
        }
        let mut held = BTreeMap::new();
        let reads = claims.into_iter().map(|(n, lsns)| async move {
            let frame = frame_at(&self.calls, &self.view, n).await;
            (n, lsns, frame)
        });
        let mut reads = stream::iter(reads).buffered(READS_MAX);
        while let Some((n, lsns, bytes)) = reads.next().await {
            let claimed = bytes?.ok_or(Damage::MissingSegment).and_then(|bytes| Hold::claimed(&bytes));
            let holder =
                claimed.map_err(|class| guard(&self.view).bad(n, self.calls.slots.name(n), class))?;
            held.extend(lsns.into_iter().map(|lsn| (lsn, holder.clone())));
        }
        Ok(held)
    }

    fn own_hold(&self) -> Option<Hold> {
        let mine = self.writer.as_ref()?.nonce;
        guard(&self.view).hold.clone().filter(|hold| hold.nonce == mine)
    }

    /// Appends a statement of this holder; leaves it out if this handle's hold has ended.
    async fn state(&self, statement: &Statement) -> Result<(), WalError> {
        let writer = self.writer()?;
        let body = statement.encode();
        let taking = Taking { kind: Kind::Hold, body: &body, only_at: None };
        writer.take(&self.calls, &self.view, taking).await.map(|_| ())
    }

    fn now(&self) -> Timestamp {
        Timestamp::try_from(self.calls.clock.wall()).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// Returns a holder's description of itself as one line of at most [`HOLDER_BYTES_MAX`] bytes.
fn shorten(holder: &str) -> String {
    let mut line: String = holder.chars().filter(|char| !char.is_control()).collect();
    while line.len() > HOLDER_BYTES_MAX {
        line.pop();
    }
    line
}
