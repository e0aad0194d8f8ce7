//! Following a log as it grows: what is there, then what is appended, each record once and in order.
//!
//! A follower works on any store, since it needs only `head` and `scan`. It looks; where there is nothing new
//! it waits and looks again, and waits the longer, the longer the log is quiet. It shows what the store
//! shows, so never a record that is not durable. It also remembers what it has shown: if the log no longer
//! has that record, or has another one in its place, the follower returns an error. Appends of the same
//! process wake it at once if they go through [`Announcing`](crate::announce::Announcing).

use std::fmt::{self, Debug};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use kfm_lineage::{Digest, Lsn};
use kfm_retry::Clock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::announce::Subscription;
use crate::error::WalError;
use crate::store::{Damage, StoredRecord, WalStore};

/// How long a follower waits before it looks again: first `first_ms`, each next time twice as long, up to
/// `max_ms`. After it has shown a record, it begins again with `first_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pace {
    /// The first wait, in milliseconds. Default 5.
    pub first_ms: u64,
    /// The longest wait, in milliseconds. Default 1000.
    pub max_ms: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first_ms: 5, max_ms: 1000 }
    }
}

/// Reads a log from a position on, and goes on as it grows.
///
/// # Laws
/// - **Each once**: the records from the first position on, in order, without a gap and without a repeat. It
///   does not matter which writer appends them, or how often a writer ends, starts again or begins a new
///   segment.
/// - **Settled**: only what the store's `scan` shows.
/// - **Faithful to what was shown**: if the log no longer has a record that was shown, the answer is
///   [`WalError::Corrupt`].
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use kfm_wal::{Lsn, WalError, WalStore, follow::Follower};
/// # async fn example(log: Arc<dyn WalStore>, clock: Arc<dyn kfm_retry::Clock>) -> Result<(), WalError> {
/// let mut follower = Follower::new(log, clock, Lsn(1));
/// loop {
///     for stored in follower.next(100).await? {
///         // A reader that keeps `follower.position()` with its own result goes on from there after a restart.
///         let _ = stored.record.payload;
///     }
/// }
/// # }
/// ```
pub struct Follower {
    store: Arc<dyn WalStore>,
    clock: Arc<dyn Clock>,
    pace: Pace,
    next: Lsn,
    /// The last record that was shown, and its leaf.
    shown: Option<(Lsn, Digest)>,
    news: Option<Subscription>,
}

impl Follower {
    /// Makes a follower that begins at `from`; the beginning of the log is position 1.
    pub fn new(store: Arc<dyn WalStore>, clock: Arc<dyn Clock>, from: Lsn) -> Self {
        let next = from.max(Lsn(1));
        Self { store, clock, pace: Pace::default(), next, shown: None, news: None }
    }

    /// Sets how long the follower waits between two looks.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Lets the appends of this process wake the follower.
    #[must_use]
    pub fn with_news(mut self, news: Subscription) -> Self {
        self.news = Some(news);
        self
    }

    /// Returns the position of the next record that will be shown.
    pub fn position(&self) -> Lsn {
        self.next
    }

    /// Waits for records and returns them: at least one, and at most `limit`; one if `limit` is zero.
    ///
    /// # Cancel safety
    /// When the caller drops the future, nothing counts as shown; the next call begins at the same position.
    ///
    /// # Errors
    /// - [`WalError::Corrupt`]: the log is damaged, or is no longer the one that was followed; find out why.
    /// - [`WalError::Io`]: call again; nothing was passed over.
    pub async fn next(&mut self, limit: usize) -> Result<Vec<StoredRecord>, WalError> {
        let mut wait_ms = self.pace.first_ms;
        loop {
            // Taken before the look: an append after the look then ends the wait.
            let heard = self.news.as_ref().map(Subscription::heard);
            let records = self.look(limit).await?;
            if !records.is_empty() {
                return Ok(records);
            }
            let woken = self.wait(wait_ms, heard).await;
            wait_ms =
                if woken { self.pace.first_ms } else { self.pace.max_ms.min(wait_ms.saturating_mul(2)) };
        }
    }

    /// Returns the records that are there, without waiting; an empty list if there is nothing new.
    ///
    /// # Errors
    /// As [`Follower::next`].
    pub async fn look(&mut self, limit: usize) -> Result<Vec<StoredRecord>, WalError> {
        let head = self.store.head().await?.lsn;
        if let Some((lsn, _)) = self.shown.filter(|(lsn, _)| head < *lsn) {
            return Err(lost(lsn, Damage::LostTail));
        }
        if head < self.next {
            return Ok(Vec::new());
        }
        // The last record that was shown is read again, to see that the rest follows it.
        let from = self.shown.map_or(self.next, |(lsn, _)| lsn);
        let limit = limit.max(1).saturating_add(usize::from(self.shown.is_some()));
        let mut records = self.store.scan(from, limit).await?.into_iter();
        if let Some((lsn, leaf)) = self.shown {
            match records.next() {
                Some(again) if (again.lsn, again.leaf) == (lsn, leaf) => {}
                Some(_) => return Err(lost(lsn, Damage::Rewritten)),
                None => return Err(lost(lsn, Damage::LostTail)),
            }
        }
        let records: Vec<StoredRecord> = records.collect();
        for (n, record) in records.iter().enumerate() {
            let expected = Lsn(self.next.0 + n as u64);
            if record.lsn != expected {
                return Err(lost(expected, Damage::ChainBreak));
            }
        }
        if let Some(last) = records.last() {
            self.next = last.lsn.next();
            self.shown = Some((last.lsn, last.leaf));
        }
        Ok(records)
    }

    /// Waits until the time is over or there is news; true if there is news.
    async fn wait(&self, wait_ms: u64, heard: Option<u64>) -> bool {
        let mut sleep = self.clock.sleep(Duration::from_millis(wait_ms));
        poll_fn(|context| {
            if let (Some(news), Some(heard)) = (&self.news, heard)
                && news.poll_after(heard, context).is_ready()
            {
                return Poll::Ready(true);
            }
            sleep.as_mut().poll(context).map(|()| false)
        })
        .await
    }
}

impl Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").field("next", &self.next).field("pace", &self.pace).finish_non_exhaustive()
    }
}

/// Makes the error of a record that was shown and is not there any more.
fn lost(lsn: Lsn, class: Damage) -> WalError {
    WalError::Corrupt { segment: "log".to_owned(), offset: 0, lsn, class }
}
