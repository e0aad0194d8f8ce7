//! The actors that use a log: appenders, fencers, verifiers and readers. They know the trait and nothing
//! about the store.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use kfm_lineage::Timestamp;
use kfm_retry::Clock;
use kfm_wal::{Depth, Follower, Lsn, NewRecord, Outlook, RetainReason, WalError, WalStore};

use super::Witness;
use crate::chance::Chance;
use crate::clock::VirtualClock;
use crate::oracle::{BatchId, Sent};

/// How many errors an appender survives before it stops.
const ERRORS_MAX: u32 = 3;

/// What every actor of one process has.
#[derive(Debug, Clone)]
pub struct Cast {
    /// The handle of the process on the log.
    pub log: Arc<dyn WalStore>,
    /// The number of the process.
    pub process: u32,
    /// The judge and the trace.
    pub witness: Witness,
    /// The clock of the world.
    pub clock: VirtualClock,
    /// The longest payload, in bytes.
    pub payload_bytes_max: u64,
    /// Whether nothing was done to the process or below it: if so, every error is a broken promise.
    pub undisturbed: Arc<dyn Undisturbed>,
    /// Whether bytes of an unfinished append may be at the end of the log while this process reads.
    pub beside_a_writer: bool,
}

/// Knows whether errors have a reason that is not the log's fault.
pub trait Undisturbed: std::fmt::Debug + Send + Sync {
    /// Returns whether no fault, no kill and no power cut has happened.
    fn undisturbed(&self) -> bool;

    /// Returns whether this error, of a call that began at `begun`, still has such a reason.
    fn explains(&self, error: &WalError, begun: Duration) -> bool {
        let _ = (error, begun);
        false
    }

    /// Returns how long an append may take; `None` if there is no bound.
    fn append_max(&self) -> Option<Duration> {
        None
    }
}

/// An append that waits for its answer; if it is dropped before, it is unanswered.
struct InFlight<'a> {
    witness: &'a Witness,
    sent: Option<Sent>,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(sent) = self.sent {
            self.witness.oracle().unanswered(sent);
        }
    }
}

impl Cast {
    async fn pause(&self, chance: &mut Chance) {
        self.clock.sleep(Duration::from_millis(1 + chance.below(40))).await;
    }

    /// Notes the error of a call that began at `begun`; it is a broken promise unless something explains it.
    pub(super) fn refused(&self, what: &str, begun: Duration, error: &WalError) {
        if self.undisturbed.undisturbed() && !self.undisturbed.explains(error, begun) {
            self.witness.violate(format!("{what} failed without a reason: {error}"));
        }
    }

    /// Notes a broken promise if an append took longer than it may.
    fn answered_in_time(&self, begun: Duration) {
        let took = self.clock.monotonic().saturating_sub(begun);
        if self.undisturbed.append_max().is_some_and(|max| took > max) {
            self.witness.violate(format!("an append was answered after {took:?}"));
        }
    }

    /// Notes a claim whose result is not known.
    pub(super) fn claim_failed(&self, error: &WalError) {
        if error.outlook() == Outlook::Unknown {
            self.witness.oracle().claim_unanswered(self.process);
        }
    }

    /// Appends batch after batch, repeats some, drops the futures of some, and stops when the log takes no
    /// more.
    pub async fn append(self, mut chance: Chance, batches: u64) {
        let mut errors = 0;
        for _ in 0..batches {
            if chance.percent(25) {
                self.pause(&mut chance).await;
            }
            let known = self.witness.oracle().batches();
            let ended = match chance.below(100) {
                0..=13 if known > 0 => self.send(chance.index(known), None, &mut chance).await,
                14..=19 if known > 0 => self.contradict(chance.index(known), &mut chance).await,
                20..=31 => self.send_expecting(&mut chance).await,
                _ => {
                    let batch = self.compose(&mut chance);
                    self.send(batch, None, &mut chance).await
                }
            };
            errors += u32::from(!ended);
            if errors == ERRORS_MAX {
                return;
            }
        }
    }

    /// Makes a new batch.
    fn compose(&self, chance: &mut Chance) -> BatchId {
        let wall = Timestamp::try_from(self.clock.wall()).unwrap_or(Timestamp::UNIX_EPOCH);
        let count = if chance.percent(60) { 1 } else { 1 + chance.below(4) };
        let records = (0..count).map(|_| {
            let mut op_id = [0; 16];
            op_id[..8].copy_from_slice(&chance.number().to_be_bytes());
            op_id[8..].copy_from_slice(&chance.number().to_be_bytes());
            // Payloads are usually short; now and then one crosses pages and fills segments.
            let bytes_max =
                if chance.percent(80) { self.payload_bytes_max / 8 } else { self.payload_bytes_max };
            let payload = payload(chance, bytes_max);
            NewRecord { op_id, rtype: chance.below(4) as u16, schema: 1, at: wall, payload }
        });
        let records = records.collect();
        self.witness.oracle().add(records)
    }

    /// Appends a batch, and perhaps does not wait for the answer; false if the log took the batch neither now
    /// nor before.
    async fn send(&self, batch: BatchId, expected: Option<u64>, chance: &mut Chance) -> bool {
        let records = self.witness.oracle().batch(batch).0.to_vec();
        let sent = self.witness.oracle().sent(batch, expected);
        let mut flight = InFlight { witness: &self.witness, sent: Some(sent) };
        let patience = if chance.percent(6) { 1 + chance.below(3) } else { u64::MAX };
        let begun = self.clock.monotonic();
        let append = self.log.append(&records, expected.map(Lsn));
        let Some(answer) = within(append, patience).await else {
            self.witness.count("append_dropped");
            self.witness.trace.note(format_args!("dropped {batch}"));
            return true;
        };
        flight.sent = None;
        self.answered_in_time(begun);
        self.witness.trace.note(format_args!("append {batch} {answer:?}"));
        self.witness.count(match &answer {
            Ok(appended) if appended.already => "append_already",
            Ok(_) => "append_ok",
            Err(WalError::Unknown { .. }) => "append_unknown",
            Err(WalError::Moved { .. }) => "append_moved",
            Err(WalError::Fenced { .. }) => "append_fenced",
            Err(_) => "append_refused",
        });
        self.witness.oracle().answered(self.process, sent, &answer);
        match answer {
            Ok(_) | Err(WalError::Moved { .. }) => true,
            Err(error) => {
                self.refused("append", begun, &error);
                false
            }
        }
    }

    /// Appends a new batch at an expected position, which may be wrong by then.
    async fn send_expecting(&self, chance: &mut Chance) -> bool {
        let begun = self.clock.monotonic();
        let head = match self.log.head().await {
            Ok(head) => head.lsn.0,
            Err(error) => {
                self.refused("head", begun, &error);
                return false;
            }
        };
        if chance.percent(40) {
            self.pause(chance).await;
        }
        let expected = if chance.percent(20) { head.saturating_sub(chance.below(3)) } else { head };
        let batch = self.compose(chance);
        self.send(batch, Some(expected), chance).await
    }

    /// Appends other content under an id that is in the log; the log must refuse it.
    async fn contradict(&self, batch: BatchId, chance: &mut Chance) -> bool {
        let (mut records, there) = {
            let oracle = self.witness.oracle();
            let (records, there) = oracle.batch(batch);
            (records.to_vec(), there)
        };
        if !there {
            return true;
        }
        let other = chance.index(records.len());
        records[other].payload.push(1);
        self.witness.count("append_contradiction");
        let begun = self.clock.monotonic();
        let answer = self.log.append(&records, None).await;
        self.answered_in_time(begun);
        match answer {
            Err(WalError::Conflict { .. }) => true,
            Ok(appended) => {
                self.witness.violate(format!("other content under an id was taken: {appended:?}"));
                false
            }
            Err(error) => {
                self.refused("append", begun, &error);
                false
            }
        }
    }

    /// Fences the log now and then.
    pub async fn fence(self, mut chance: Chance, times: u64) {
        for _ in 0..times {
            self.pause(&mut chance).await;
            let begun = self.clock.monotonic();
            match self.log.fence().await {
                Ok(epoch) => {
                    self.witness.trace.note(format_args!("fence {epoch}"));
                    self.witness.count("fence");
                    self.witness.oracle().claimed(self.process, epoch);
                }
                Err(error) => {
                    self.claim_failed(&error);
                    return self.refused("fence", begun, &error);
                }
            }
        }
    }

    /// Reads the log now and then, from its beginning or from another position.
    pub async fn read(self, mut chance: Chance, times: u64) {
        for _ in 0..times {
            self.pause(&mut chance).await;
            let from =
                if chance.percent(50) { 1 } else { 1 + chance.below(self.witness.oracle().certain() + 2) };
            let begun = self.clock.monotonic();
            let (head, records) = match (self.log.head().await, self.log.scan(Lsn(from), usize::MAX).await) {
                (Ok(head), Ok(records)) => (head, records),
                (Err(error), _) | (_, Err(error)) => {
                    self.refused("read", begun, &error);
                    continue;
                }
            };
            self.witness.trace.note(format_args!("read {from} {} of {}", records.len(), head.lsn));
            self.witness.count("read");
            let mut oracle = self.witness.oracle();
            oracle.head(&head);
            oracle.shown(from, &records);
        }
    }

    /// Follows the log from some position on, a few records at a time.
    pub async fn follow(self, mut chance: Chance, looks: u64) {
        let from = 1 + chance.below(self.witness.oracle().certain() + 1);
        let mut follower = Follower::new(Arc::clone(&self.log), Arc::new(self.clock.clone()), Lsn(from));
        for _ in 0..looks {
            self.pause(&mut chance).await;
            let position = follower.position().0;
            let begun = self.clock.monotonic();
            match follower.look(1 + chance.index(5)).await {
                Ok(records) => {
                    self.witness.trace.note(format_args!("follow {position} {}", records.len()));
                    self.witness.count("follow");
                    self.witness.oracle().shown(position, &records);
                }
                Err(error) => self.refused("follow", begun, &error),
            }
        }
    }

    /// Sets old segments aside now and then.
    pub async fn retain(self, mut chance: Chance, times: u64) {
        let (policy_ref, requested_by) = ("a policy".to_owned(), "an archivist".to_owned());
        let reason = RetainReason { policy_ref, requested_by };
        for _ in 0..times {
            self.pause(&mut chance).await;
            let upto = Lsn(chance.below(self.witness.oracle().certain() + 3));
            let begun = self.clock.monotonic();
            match self.log.retain(upto, &reason).await {
                Ok(retained) => {
                    self.witness.trace.note(format_args!("retain {upto} {retained:?}"));
                    self.witness.count(if retained.segments > 0 { "archived" } else { "nothing_to_archive" });
                }
                Err(error) => return self.refused("retain", begun, &error),
            }
        }
    }

    /// Verifies the log now and then.
    pub async fn verify(self, mut chance: Chance, times: u64) {
        for _ in 0..times {
            self.pause(&mut chance).await;
            let depth = if chance.percent(50) { Depth::Crc } else { Depth::Chain };
            let begun = self.clock.monotonic();
            match self.log.verify(depth).await {
                Ok(report) => {
                    self.witness.trace.note(format_args!("verify {depth:?} {}", report.records));
                    self.witness.count("verify");
                    if let Some(bad) = report.first_bad {
                        self.witness.violate(format!("verify finds damage where there is none: {bad:?}"));
                    } else if !report.ok && !self.beside_a_writer && self.undisturbed.undisturbed() {
                        self.witness.violate(format!("verify finds {} torn bytes", report.torn_bytes));
                    }
                }
                Err(error) => self.refused("verify", begun, &error),
            }
        }
    }
}

/// Returns a payload: zeros, one byte repeated, or random bytes.
fn payload(chance: &mut Chance, bytes_max: u64) -> Vec<u8> {
    let bytes = chance.below(bytes_max + 1);
    match chance.below(4) {
        0 => vec![0; usize::try_from(bytes).expect("a short payload")],
        1 => vec![chance.number() as u8; usize::try_from(bytes).expect("a short payload")],
        _ => {
            let mut filled: Vec<u8> = Vec::new();
            while (filled.len() as u64) < bytes {
                filled.extend_from_slice(&chance.number().to_le_bytes());
            }
            filled.truncate(usize::try_from(bytes).expect("a short payload"));
            filled
        }
    }
}

/// Polls a future at most `polls` times.
async fn within<T>(future: impl Future<Output = T>, polls: u64) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => {
            left -= 1;
            if left == 0 { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}
