//! What a log must contain, known without the log: a model of every append and of every answer.
//!
//! The oracle is told what is sent, what is answered and what is read. It keeps the records that are certain:
//! an append of them was acknowledged, or a reader was shown them. From then on they must stay where they
//! are, for ever. A record that was sent and not answered may be there or not, until it is seen or a recovery
//! did not find it; from then on it must stay so.

use std::collections::{BTreeMap, BTreeSet};

use kfm_lineage::{Digest, Timestamp};
use kfm_wal::{Appended, Head, NewRecord, Outlook, StoredRecord, WalError};

/// A broken promise, in words.
pub type Violation = String;

/// The number of a batch.
pub type BatchId = usize;

/// An append that was begun.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    batch: BatchId,
    expected: Option<u64>,
    /// Whether the batch was certainly in the log when the append began.
    was_certain: bool,
    /// The last epoch that was claimed when the append began.
    claimed: u64,
}

/// All that is known about the appends to one log.
#[derive(Debug, Default)]
pub struct Oracle {
    batches: Vec<Batch>,
    /// The batch of each id, and which record of the batch has it.
    ids: BTreeMap<[u8; 16], (BatchId, usize)>,
    /// The certain records: the record at each position, and the time that the log gave it, once it was read.
    certain: BTreeMap<u64, (BatchId, usize, Option<Timestamp>)>,
    /// The chain at the end of the log, by position and epoch.
    chains: BTreeMap<(u64, u64), Digest>,
    epoch: u64,
    /// With several hosts: the epoch in which each host writes, as far as it is known.
    hosts: BTreeMap<u32, u64>,
    /// Every epoch that a host has claimed.
    epochs: BTreeSet<u64>,
    violation: Option<Violation>,
}

#[derive(Debug)]
struct Batch {
    records: Vec<NewRecord>,
    /// The position of its first record, if that is certain.
    first: Option<u64>,
    /// How many appends of it began.
    sent: usize,
    /// How many of its appends wait for their answer.
    in_flight: usize,
    /// Whether an append of it ended without an answer, and no recovery has decided since.
    unknown: bool,
    /// Whether an append of it was answered as new.
    answered_new: bool,
}

impl Oracle {
    /// Returns the first promise that was broken; `None` if all were kept.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// Notes a broken promise that another part of the simulator found.
    pub fn violate(&mut self, violation: Violation) {
        self.violation.get_or_insert(violation);
    }

    /// Returns the highest position that is certain.
    pub fn certain(&self) -> u64 {
        self.certain.last_key_value().map_or(0, |(lsn, _)| *lsn)
    }

    /// Returns the number of batches.
    pub fn batches(&self) -> usize {
        self.batches.len()
    }

    /// Returns the records of a batch, and whether they are certainly in the log.
    pub fn batch(&self, batch: BatchId) -> (&[NewRecord], bool) {
        let batch = &self.batches[batch];
        (&batch.records, batch.first.is_some())
    }

    /// Notes a new batch.
    pub fn add(&mut self, records: Vec<NewRecord>) -> BatchId {
        let name = self.batches.len();
        for (n, record) in records.iter().enumerate() {
            self.ids.insert(record.op_id, (name, n));
        }
        let (unknown, answered_new) = (false, false);
        self.batches.push(Batch { records, first: None, sent: 0, in_flight: 0, unknown, answered_new });
        name
    }

    /// Notes that an append of a batch begins; `expected` is its expected position, if it has one.
    pub fn sent(&mut self, batch: BatchId, expected: Option<u64>) -> Sent {
        self.batches[batch].sent += 1;
        self.batches[batch].in_flight += 1;
        let was_certain = self.batches[batch].first.is_some();
        Sent { batch, expected, was_certain, claimed: self.epoch }
    }

    /// Notes that an append of a batch will not be answered.
    pub fn unanswered(&mut self, sent: Sent) {
        self.batches[sent.batch].in_flight -= 1;
        self.batches[sent.batch].unknown = true;
    }

    /// Notes the answer that a process got to an append.
    pub fn answered(&mut self, process: u32, sent: Sent, answer: &Result<Appended, WalError>) {
        let Sent { batch, expected, .. } = sent;
        let fenced = self.hosts.get(&process).is_some_and(|epoch| *epoch < sent.claimed);
        if fenced && matches!(answer, Ok(appended) if !appended.already) {
            self.violate(format!("a fenced writer appended: process={process} batch={batch}"));
        }
        let known = &mut self.batches[batch];
        known.in_flight -= 1;
        match answer {
            Ok(appended) => self.acknowledged(batch, expected, *appended),
            Err(error) if error.outlook() == Outlook::Unknown => known.unknown = true,
            Err(WalError::Moved { head }) => {
                if expected.is_none_or(|expected| expected == head.0) {
                    self.violate(format!("moved though it was expected: head={head} expected={expected:?}"));
                } else if sent.was_certain {
                    self.violate(format!("a batch of the log was not recognised: batch={batch}"));
                }
            }
            Err(error @ (WalError::Conflict { .. } | WalError::Corrupt { .. })) => {
                self.violate(format!("an honest append was refused: batch={batch} error={error}"));
            }
            Err(_) => {}
        }
    }

    fn acknowledged(&mut self, batch: BatchId, expected: Option<u64>, appended: Appended) {
        let known = &mut self.batches[batch];
        let (first, count) = (appended.first.0, known.records.len() as u64);
        if appended.last.0 + 1 != first + count {
            return self.violate(format!("a batch of {count} lies at {appended:?}"));
        }
        if !appended.already {
            if known.answered_new {
                return self.violate(format!("a batch was appended twice: batch={batch} {appended:?}"));
            }
            if expected.is_some_and(|expected| expected + 1 != first) {
                return self.violate(format!("appended at {first}, expected behind {expected:?}"));
            }
            known.answered_new = true;
        } else if known.sent < 2 {
            return self.violate(format!("a first append was taken for a repeat: batch={batch}"));
        }
        self.place(batch, first);
    }

    /// Makes the position of a batch certain.
    fn place(&mut self, batch: BatchId, first: u64) {
        let known = &mut self.batches[batch];
        if let Some(before) = known.first {
            if before != first {
                self.violate(format!("a batch was at {before} and is at {first}: batch={batch}"));
            }
            return;
        }
        known.first = Some(first);
        for n in 0..known.records.len() {
            let lsn = first + n as u64;
            if let Some((other, ..)) = self.certain.insert(lsn, (batch, n, None)) {
                return self.violate(format!("two batches at one position: lsn={lsn} {other} and {batch}"));
            }
        }
    }

    /// Notes records that a reader was shown; `from` is the position of the first.
    pub fn shown(&mut self, from: u64, records: &[StoredRecord]) {
        for (n, stored) in records.iter().enumerate() {
            let lsn = from + n as u64;
            if stored.lsn.0 != lsn {
                return self.violate(format!("shown at {} what is at {lsn}", stored.lsn));
            }
            let Some((batch, n)) = self.ids.get(&stored.record.op_id).copied() else {
                return self.violate(format!("no append explains what is at {lsn}"));
            };
            let known = &self.batches[batch];
            if known.first.is_none() && known.in_flight == 0 && !known.unknown {
                return self.violate(format!("what was not appended is at {lsn}: batch={batch}"));
            }
            let Some(first) = lsn.checked_sub(n as u64) else {
                return self.violate(format!("a part of a batch at {lsn}: batch={batch}"));
            };
            let (sent, there) = (&known.records[n], &stored.record);
            if (sent.rtype, sent.schema, &sent.payload) != (there.rtype, there.schema, &there.payload) {
                return self.violate(format!("other content than was appended at {lsn}: batch={batch}"));
            }
            let early = there.at < sent.at;
            self.place(batch, first);
            let before = lsn.checked_sub(1).and_then(|lsn| self.certain.get(&lsn)?.2);
            if early || before.is_some_and(|before| there.at < before) {
                return self.violate(format!("time goes back at {lsn}"));
            }
            if let Some((.., at)) = self.certain.get_mut(&lsn) {
                if at.is_some_and(|at| at != there.at) {
                    return self.violate(format!("the time at {lsn} has changed"));
                }
                *at = Some(there.at);
            }
        }
    }

    /// Notes the whole log, as a writer found it when it opened the log and before it appended: what is not
    /// there now must never come.
    pub fn recovered(&mut self, records: &[StoredRecord]) {
        if (records.len() as u64) < self.certain() {
            let (found, certain) = (records.len(), self.certain());
            return self.violate(format!("lost: {certain} records are certain, {found} are there"));
        }
        self.shown(1, records);
        if records.len() as u64 != self.certain() {
            self.violate(format!("a batch is there by halves: found={}", records.len()));
        }
        for batch in &mut self.batches {
            batch.unknown = false;
        }
    }

    /// Notes one of several hosts, which has opened the log in an epoch.
    pub fn joined(&mut self, process: u32, epoch: u64) {
        self.hosts.insert(process, epoch);
    }

    /// Notes the whole log, as a host read it while others may still write: all that is certain must be
    /// there.
    pub fn opened(&mut self, process: u32, epoch: u64, records: &[StoredRecord]) {
        self.joined(process, epoch);
        if (records.len() as u64) < self.certain() {
            let (found, certain) = (records.len(), self.certain());
            return self.violate(format!("lost: {certain} records are certain, {found} are there"));
        }
        self.shown(1, records);
    }

    /// Notes that a claim of a host was not answered: from now on the host may write in any epoch.
    pub fn claim_unanswered(&mut self, process: u32) {
        if let Some(epoch) = self.hosts.get_mut(&process) {
            *epoch = u64::MAX;
        }
    }

    /// Returns the last epoch that was claimed.
    pub fn claimed_last(&self) -> u64 {
        self.epoch
    }

    /// Returns the epoch in which a host writes, as far as it is known.
    pub fn epoch_of(&self, process: u32) -> Option<u64> {
        self.hosts.get(&process).copied()
    }

    /// Notes an epoch that a process has claimed; of several hosts each reports its own.
    pub fn claimed(&mut self, process: u32, epoch: u64) {
        let again = match self.hosts.get_mut(&process) {
            Some(own) => {
                *own = epoch.max(*own);
                !self.epochs.insert(epoch)
            }
            None => epoch <= self.epoch,
        };
        if again {
            self.violate(format!("an epoch was claimed twice: epoch={epoch} before={}", self.epoch));
        }
        self.epoch = self.epoch.max(epoch);
    }

    /// Notes an end of the log that a reader was shown.
    ///
    /// A log without any claim may not survive a power cut, and is another log then.
    pub fn head(&mut self, head: &Head) {
        // With several hosts, a holder's renewal moves the chain, but neither position nor epoch.
        if head.epoch == 0 || !self.hosts.is_empty() {
            return;
        }
        let key = (head.lsn.0, head.epoch);
        match self.chains.insert(key, head.chain) {
            Some(before) if before != head.chain => {
                self.violate(format!("two chains for one end of the log: lsn={} epoch={}", key.0, key.1));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use kfm_wal::Lsn;
    use kfm_wal::conformance::record;

    use super::*;

    fn stored(lsn: u64, n: u64) -> StoredRecord {
        StoredRecord::place(Lsn(lsn), 1, None, record(n))
    }

    fn ok(first: u64, last: u64, already: bool) -> Result<Appended, WalError> {
        Ok(Appended { first: Lsn(first), last: Lsn(last), already })
    }

    fn with(batches: &[&[u64]]) -> (Oracle, Vec<Sent>) {
        let mut oracle = Oracle::default();
        let names: Vec<BatchId> =
            batches.iter().map(|batch| oracle.add(batch.iter().map(|n| record(*n)).collect())).collect();
        let sent = names.iter().map(|name| oracle.sent(*name, None)).collect();
        (oracle, sent)
    }

    #[test]
    fn an_honest_log_breaks_no_promise() {
        let (mut oracle, sent) = with(&[&[1, 2], &[3]]);
        oracle.answered(0, sent[0], &ok(1, 2, false));
        oracle.unanswered(sent[1]);
        oracle.shown(1, &[stored(1, 1), stored(2, 2)]);
        oracle.recovered(&[stored(1, 1), stored(2, 2)]);
        let again = oracle.sent(1, Some(2));
        oracle.answered(0, again, &ok(3, 3, false));
        oracle.recovered(&[stored(1, 1), stored(2, 2), stored(3, 3)]);
        assert_eq!(oracle.violation(), None);
    }

    #[test]
    fn what_was_acknowledged_or_shown_must_stay() {
        let (mut acknowledged, sent) = with(&[&[1]]);
        acknowledged.answered(0, sent[0], &ok(1, 1, false));
        let (mut shown, _) = with(&[&[1]]);
        shown.shown(1, &[stored(1, 1)]);
        for mut oracle in [acknowledged, shown] {
            oracle.recovered(&[]);
            assert!(oracle.violation().is_some_and(|text| text.starts_with("lost")));
        }
    }

    #[test]
    fn what_a_recovery_did_not_find_must_not_come_back() {
        let (mut oracle, sent) = with(&[&[1]]);
        oracle.unanswered(sent[0]);
        oracle.recovered(&[]);
        oracle.recovered(&[stored(1, 1)]);
        assert!(oracle.violation().is_some_and(|text| text.starts_with("what was not appended")));
    }

    #[test]
    fn nothing_stands_twice_or_by_halves_or_in_another_order() {
        for log in [
            vec![stored(1, 1), stored(2, 2), stored(3, 1), stored(4, 2)],
            vec![stored(1, 2), stored(2, 1)],
            vec![stored(1, 1), stored(2, 3), stored(3, 2)],
            vec![stored(1, 9)],
        ] {
            let (mut oracle, _) = with(&[&[1, 2], &[3]]);
            oracle.recovered(&log);
            assert!(oracle.violation().is_some(), "{log:?}");
        }
    }

    #[test]
    fn one_batch_is_new_once() {
        let (mut oracle, sent) = with(&[&[1]]);
        let twin = oracle.sent(0, None);
        oracle.answered(0, sent[0], &ok(1, 1, false));
        oracle.answered(0, twin, &ok(1, 1, false));
        assert!(oracle.violation().is_some_and(|text| text.starts_with("a batch was appended twice")));
    }
}
