//! Group commit without a thread: whoever finds the log idle writes for all who came meanwhile.
//!
//! An append joins a queue and gives the other tasks one chance to join too. The first to come back leads: it
//! writes all that waits as one frame, on its own thread, and hands the lead on. Alone in the queue that is a
//! plain write and sync; among 64 it is one sync for 64. Nothing is held while the disk syncs but the tail
//! itself, so others queue up meanwhile.

use std::collections::{HashSet, VecDeque};
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use kfm_lineage::Lsn;

use super::tail::{Batch, Failure, Tail};
use super::view::View;
use super::{guard, read_frames};
use crate::error::WalError;
use crate::frame::{Kind, leaf_of};
use crate::planted::{Bug, planted};
use crate::raw::{self, RawRecord, raw_records};
use crate::store::{Appended, NewRecord, clamp_time};

/// How many bytes of several appends go into one frame; a single larger one goes alone.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// Orders appends and writes them in groups.
#[derive(Debug)]
pub(crate) struct Committer {
    queue: Mutex<Queue>,
    tail: Mutex<Tail>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Request>,
    /// Whether somebody writes, or was told to.
    led: bool,
}

/// An append that waits for its turn.
#[derive(Debug)]
struct Request {
    body: Vec<u8>,
    leaves: Vec<[u8; 32]>,
    expected: Option<Lsn>,
    slot: Arc<Slot>,
}

/// Where an append finds its answer.
#[derive(Debug, Default)]
struct Slot(Mutex<Turn>);

#[derive(Debug)]
enum Turn {
    Waiting(Option<Waker>),
    Lead,
    Done(Result<Appended, WalError>),
}

impl Default for Turn {
    fn default() -> Self {
        Self::Waiting(None)
    }
}

impl Slot {
    fn set(&self, turn: Turn) {
        if let Turn::Waiting(Some(waker)) = std::mem::replace(&mut *guard(&self.0), turn) {
            waker.wake();
        }
    }
}

impl Request {
    fn records(&self) -> Vec<RawRecord<'_>> {
        raw_records(&self.body, u32::try_from(self.leaves.len()).expect("few records"))
            .expect("this process wrote the body")
    }
}

impl Drop for Request {
    /// Answers what nobody answered, so that a leader that fails leaves nobody waiting.
    fn drop(&mut self) {
        if matches!(&*guard(&self.slot.0), Turn::Waiting(_)) {
            self.slot.set(Turn::Done(Err(WalError::Poisoned)));
        }
    }
}

/// An append's place in the queue; leaving it takes the append back, unless it is being written.
struct Place<'a> {
    committer: &'a Committer,
    slot: Arc<Slot>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut queue = guard(&self.committer.queue);
        let withdrawn = queue
            .waiting
            .iter()
            .position(|request| Arc::ptr_eq(&request.slot, &self.slot))
            .and_then(|at| queue.waiting.remove(at));
        if matches!(&*guard(&self.slot.0), Turn::Lead) {
            hand_on(&mut queue);
        }
        drop(queue);
        drop(withdrawn);
    }
}

/// Hands the lead to whoever waits longest, or to nobody.
fn hand_on(queue: &mut Queue) {
    queue.led = match queue.waiting.front() {
        Some(request) => {
            if planted(Bug::WakeLost) {
                *guard(&request.slot.0) = Turn::Lead;
            } else {
                request.slot.set(Turn::Lead);
            }
            true
        }
        None => false,
    };
}

/// The lead; given up by dropping it, also when a write panics.
struct Lead<'a>(&'a Committer);

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        hand_on(&mut guard(&self.0.queue));
    }
}

impl Committer {
    pub(crate) fn new(tail: Tail) -> Self {
        Self { queue: Mutex::default(), tail: Mutex::new(tail) }
    }

    /// Appends records, each within the limits, and answers once they are durable.
    pub(crate) async fn append(
        &self,
        view: &Mutex<View>,
        records: &[NewRecord],
        expected: Option<Lsn>,
    ) -> Result<Appended, WalError> {
        let (mut body, mut leaves) = (Vec::new(), Vec::with_capacity(records.len()));
        for record in records {
            let start = body.len();
            raw::write(&mut body, record, record.at, 0);
            leaves.push(leaf_of(&body[start..]));
        }
        let slot = Arc::new(Slot::default());
        guard(&self.queue).waiting.push_back(Request { body, leaves, expected, slot: Arc::clone(&slot) });
        let place = Place { committer: self, slot };
        yield_once().await;
        {
            let mut queue = guard(&self.queue);
            let alone = planted(Bug::LoneAppendWaits) && queue.waiting.len() < 2;
            if !queue.led && !alone {
                // The answer is there already only if a leader came and went during the yield.
                let mut turn = guard(&place.slot.0);
                if matches!(&*turn, Turn::Waiting(_)) {
                    *turn = Turn::Lead;
                    queue.led = true;
                }
            }
        }
        loop {
            let turn = poll_fn(|context| {
                let mut turn = guard(&place.slot.0);
                match std::mem::take(&mut *turn) {
                    Turn::Waiting(_) => {
                        *turn = Turn::Waiting(Some(context.waker().clone()));
                        Poll::Pending
                    }
                    other => Poll::Ready(other),
                }
            })
            .await;
            match turn {
                Turn::Done(answer) => return answer,
                _ => self.lead(view),
            }
        }
    }

    /// Writes one group; the caller is its leader.
    fn lead(&self, view: &Mutex<View>) {
        let lead = Lead(self);
        let mut tail = self.tail();
        let group = take_group(&mut guard(&self.queue).waiting);
        commit(&mut tail, view, group, || guard(&self.queue).waiting.is_empty());
        if planted(Bug::LeaderErrorKeepsLead) && tail.poisoned {
            std::mem::forget(lead);
            return;
        }
        drop(tail);
        drop(lead);
    }

    /// Runs `work` at the end of the log, between two groups.
    pub(crate) fn with_tail<T>(&self, work: impl FnOnce(&mut Tail) -> T) -> T {
        work(&mut self.tail())
    }

    fn tail(&self) -> std::sync::MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(|panicked| {
            // A write that panicked is a write of which nothing is known.
            let mut tail = panicked.into_inner();
            tail.poisoned = true;
            tail
        })
    }
}

/// Takes what goes into one frame off the front of the queue.
fn take_group(waiting: &mut VecDeque<Request>) -> Vec<Request> {
    let (mut group, mut bytes) = (Vec::new(), 0);
    while let Some(request) = waiting.front() {
        bytes += request.body.len();
        if !group.is_empty() && bytes > GROUP_BYTES_MAX {
            break;
        }
        group.extend(waiting.pop_front());
    }
    group
}

/// Writes a group as one frame and answers each of its appends.
fn commit(tail: &mut Tail, view: &Mutex<View>, group: Vec<Request>, idle: impl Fn() -> bool) {
    let mut batch = Batch::default();
    let mut in_batch: HashSet<[u8; 16]> = HashSet::new();
    let mut members: Vec<(Request, Appended)> = Vec::new();
    let mut later = Vec::new();
    let (first, mut last_at) = {
        let view = guard(view);
        (view.position.next, view.position.last_at)
    };
    for mut request in group {
        let next = Lsn(first.0 + batch.leaves.len() as u64);
        let ids: Vec<[u8; 16]> = request.records().iter().map(|record| record.op_id).collect();
        if ids.iter().any(|id| in_batch.contains(id)) {
            // A repeat of what is about to be written: decided once that is durable.
            later.push(request);
            continue;
        }
        let answer = match judge(tail, view, &request, &ids) {
            Ok(Some(already)) => Err(Ok(already)),
            Ok(None)
                if request.expected.is_some_and(|expected| expected.next() != next)
                    && !planted(Bug::ExpectedIgnored) =>
            {
                Err(Err(WalError::Moved { head: Lsn(next.0 - 1) }))
            }
            Ok(None) => Ok(()),
            Err(error) => Err(Err(error)),
        };
        if let Err(answer) = answer {
            request.slot.set(Turn::Done(answer));
            continue;
        }
        clamp(&mut request, &mut last_at);
        let last = Lsn(next.0 + ids.len() as u64 - 1);
        batch.body.extend_from_slice(&request.body);
        batch.leaves.extend_from_slice(&request.leaves);
        in_batch.extend(&ids);
        batch.ids.extend(ids);
        members.push((request, Appended { first: next, last, already: false }));
    }
    batch.last_at = last_at;
    if !members.is_empty() {
        let written = tail.write(view, Kind::Data, &batch);
        if idle() && later.is_empty() {
            tail.mark(view);
        }
        for (request, appended) in members {
            let answer = match &written {
                Ok(()) => Ok(appended),
                Err(failure) => Err(explain(failure, &request)),
            };
            request.slot.set(Turn::Done(answer));
        }
    }
    if !later.is_empty() {
        commit(tail, view, later, idle);
    }
}

/// Says whether an append repeats what is in the log: the old places, none if it is new, or a conflict.
fn judge(
    tail: &Tail,
    view: &Mutex<View>,
    request: &Request,
    ids: &[[u8; 16]],
) -> Result<Option<Appended>, WalError> {
    if tail.poisoned {
        return Err(WalError::Poisoned);
    }
    let (known, frames) = {
        let view = guard(view);
        let known: Vec<Option<Lsn>> = ids.iter().map(|id| view.ids.get(id).copied()).collect();
        let frames = known[0].map(|first| view.frames_from(first, ids.len(), view.position.last()));
        (known, frames)
    };
    let conflict = |n: usize, lsn| Err(WalError::Conflict { id: hex(&ids[n]), lsn });
    let mut seen = HashSet::new();
    if let Some(n) = ids.iter().position(|id| !seen.insert(id)) {
        return conflict(n, Lsn::ZERO);
    }
    let (Some(first), Some(frames)) = (known[0], frames) else {
        return match known.iter().enumerate().find_map(|(n, lsn)| lsn.map(|lsn| (n, lsn))) {
            Some((n, lsn)) => conflict(n, lsn),
            None => Ok(None),
        };
    };
    let stored = read_frames(tail.disk.as_ref(), &tail.dir, view, &frames, first, ids.len())?;
    for (n, record) in request.records().iter().enumerate() {
        let same = stored.get(n).is_some_and(|stored| {
            stored.record.op_id == record.op_id
                && stored.record.rtype == record.rtype()
                && stored.record.schema == record.schema()
                && stored.record.payload == record.payload()
        });
        if !same {
            return conflict(n, known[n].unwrap_or(first));
        }
    }
    if planted(Bug::OwnAppendIsConflict) {
        return conflict(0, first);
    }
    Ok(Some(Appended { first, last: Lsn(first.0 + ids.len() as u64 - 1), already: true }))
}

/// Gives the records of a request the times that the log takes for them (R20).
fn clamp(request: &mut Request, last_at: &mut Option<jiff::Timestamp>) {
    let times: Vec<_> = request.records().iter().map(|record| (record.bytes.len(), record.at)).collect();
    let mut start = 0;
    for (n, (bytes, at)) in times.into_iter().enumerate() {
        let (taken, skew_ms) = clamp_time(at, *last_at);
        let record = &mut request.body[start..start + bytes];
        if skew_ms > 0 {
            raw::set_time(record, taken, skew_ms);
            request.leaves[n] = leaf_of(record);
        }
        start += bytes;
        *last_at = Some(taken);
    }
}

/// Makes the error of one append from the failure of its group.
fn explain(failure: &Failure, request: &Request) -> WalError {
    let copy = |source: &crate::error::Source| source.to_string().into();
    match failure {
        Failure::Unknown(source) => {
            let id = request.records().first().map(|record| hex(&record.op_id)).unwrap_or_default();
            WalError::Unknown { id, source: copy(source) }
        }
        Failure::NotWritten(WalError::Io { action, path, source }) => {
            WalError::Io { action, path: path.clone(), source: copy(source) }
        }
        Failure::NotWritten(_) => WalError::Poisoned,
    }
}

/// Returns an id as text.
pub(crate) fn hex(id: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*id))
}

/// Lets every other task run once.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
