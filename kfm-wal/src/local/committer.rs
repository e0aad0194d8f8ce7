//! Group commit without a thread: appends stand in line, and the one that serves writes all of them as one
//! frame.
//!
//! Each caller's task encodes and hashes its append before it joins the line. An append that is alone in the
//! line is a plain write and sync on the caller's thread; 64 appends share one sync. While the disk syncs,
//! only the end of the log is locked, so that other appends can join the line.

use std::sync::Mutex;

use kfm_lineage::{Lsn, Timestamp, hex};

use super::ids::IdSet;
use super::line::{Answer, Line, Waiting};
use super::read_frames;
use super::sync::guard;
use super::tail::{Batch, Failure, Tail};
use super::view::View;
use crate::error::WalError;
use crate::frame::{BODY_BYTES_MAX, Kind, leaf_of};
use crate::raw::{self, RECORD_HEADER_BYTES, raw_records};
use crate::store::{Appended, NewRecord, clamp_time};

/// How many bytes of several appends go into one frame. A single larger append goes alone; the limit of a
/// batch bounds it.
const GROUP_BYTES_MAX: usize = 4 << 20;

const _: () = assert!(GROUP_BYTES_MAX <= BODY_BYTES_MAX, "a group is one that readers take");

type AppendResult = Result<Appended, WalError>;
type Member = Waiting<Request, AppendResult>;

/// Orders the appends and writes them in groups.
#[derive(Debug)]
pub(crate) struct Committer {
    line: Line<Request, AppendResult>,
    end: Mutex<End>,
}

/// The end of the log, and the buffer in which the next frame is built.
#[derive(Debug)]
struct End {
    tail: Tail,
    batch: Batch,
}

/// An append in the form that it will have in a frame, unless the clock went back.
#[derive(Debug)]
struct Request {
    body: Vec<u8>,
    records: Vec<Encoded>,
    expected: Option<Lsn>,
}

/// One record of a request.
#[derive(Debug)]
struct Encoded {
    bytes: usize,
    op_id: [u8; 16],
    at: Timestamp,
    leaf: [u8; 32],
}

impl Answer for AppendResult {
    fn abandoned() -> Self {
        Err(WalError::Poisoned)
    }
}

impl Request {
    fn new(records: &[NewRecord], expected: Option<Lsn>) -> Self {
        let bytes = records.iter().map(|record| RECORD_HEADER_BYTES + record.payload.len()).sum();
        let mut body = Vec::with_capacity(bytes);
        let encode = |record: &NewRecord| {
            let start = body.len();
            raw::write(&mut body, record, record.at, 0);
            let bytes = &body[start..];
            Encoded { bytes: bytes.len(), op_id: record.op_id, at: record.at, leaf: leaf_of(bytes) }
        };
        let records = records.iter().map(encode).collect();
        Self { body, records, expected }
    }

    /// Returns the index of a record whose id is in this request twice.
    fn repeated_id(&self) -> Option<usize> {
        let mut seen = IdSet::default();
        let mut ids = self.records.iter().map(|record| record.op_id);
        if self.records.len() < 2 { None } else { ids.position(|id| !seen.insert(id)) }
    }
}

impl Committer {
    pub(crate) fn new(tail: Tail) -> Self {
        Self { line: Line::default(), end: Mutex::new(End { tail, batch: Batch::new(&[]) }) }
    }

    /// Appends records, each within the limits, and answers once they are durable.
    pub(crate) async fn append(
        &self,
        view: &Mutex<View>,
        records: &[NewRecord],
        expected: Option<Lsn>,
    ) -> Result<Appended, WalError> {
        self.line.wait(Request::new(records, expected), || self.serve(view)).await
    }

    /// Writes one group: the appends at the front of the line that fit into one frame.
    fn serve(&self, view: &Mutex<View>) {
        let mut end = self.end();
        let mut bytes = 0;
        let group = self.line.take(|request| {
            let first = bytes == 0;
            bytes += request.body.len();
            first || bytes <= GROUP_BYTES_MAX
        });
        commit(&mut end, view, group, &|| self.line.is_empty());
    }

    /// Runs `work` at the end of the log, between two groups.
    pub(crate) fn with_tail<T>(&self, work: impl FnOnce(&mut Tail) -> T) -> T {
        work(&mut self.end().tail)
    }

    fn end(&self) -> std::sync::MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(|panicked| {
            // The write panicked, so it is not known what reached the disk.
            let mut end = panicked.into_inner();
            end.tail.poisoned = true;
            end
        })
    }
}

/// Writes a group as one frame and answers each of its appends.
fn commit(end: &mut End, view: &Mutex<View>, group: Vec<Member>, idle: &dyn Fn() -> bool) {
    let End { tail, batch } = end;
    batch.clear();
    let mut in_batch = IdSet::default();
    let mut members: Vec<(Member, Appended)> = Vec::with_capacity(group.len());
    let mut later = Vec::new();
    let (first, mut last_at) = {
        let view = guard(view);
        (view.position.next, view.position.last_at)
    };
    for mut member in group {
        let request = &mut member.request;
        let next = Lsn(first.0 + batch.leaves.len() as u64);
        let head = Lsn(next.0 - 1);
        if request.records.iter().any(|record| in_batch.contains(&record.op_id)) {
            // It repeats an append of this very frame: it is judged once that one is durable.
            later.push(member);
            continue;
        }
        // A repeat is recognised before the expected position is compared: its first try has moved the head.
        let known = match judge(tail, view, request) {
            Ok(None) if request.expected.is_some_and(|expected| expected != head) => {
                Err(WalError::Moved { head })
            }
            known => known,
        };
        if let Some(answer) = known.transpose() {
            member.answer(answer);
            continue;
        }
        clamp(request, &mut last_at);
        in_batch.extend(request.records.iter().map(|record| record.op_id));
        batch.add(&request.body, request.records.iter().map(|record| (record.op_id, record.leaf)));
        let last = Lsn(next.0 + request.records.len() as u64 - 1);
        members.push((member, Appended { first: next, last, already: false }));
    }
    batch.last_at = last_at;
    if !members.is_empty() {
        let written = tail.write(view, Kind::Data, batch);
        // No other append waits, so no next frame will witness this one soon: a mark does.
        if idle() && later.is_empty() {
            tail.mark(view);
        }
        for (member, appended) in members {
            let answer = match &written {
                Ok(()) => Ok(appended),
                Err(failure) => Err(explain(failure, &member.request)),
            };
            member.answer(answer);
        }
    }
    // These repeat what is durable now. Each round answers at least the first of them, so this ends.
    if !later.is_empty() {
        commit(end, view, later, idle);
    } else if idle() {
        // Nothing in this group was new, and the frame before it has no mark yet.
        end.tail.mark(view);
    }
}

/// Says whether an append repeats what is in the log: its old positions, or `None` if it is new.
///
/// # Errors
/// [`WalError::Conflict`]: an id has other content; [`WalError::Poisoned`].
fn judge(tail: &Tail, view: &Mutex<View>, request: &Request) -> Result<Option<Appended>, WalError> {
    if tail.poisoned {
        return Err(WalError::Poisoned);
    }
    let records = &request.records;
    let conflict = |n: usize, lsn| Err(WalError::Conflict { id: hex::encode(records[n].op_id), lsn });
    if let Some(n) = request.repeated_id() {
        return conflict(n, Lsn::ZERO);
    }
    let (first, frames) = {
        let view = guard(view);
        let lsn_of = |n: usize| view.ids.get(&records[n].op_id).copied();
        match ((0..records.len()).find(|n| lsn_of(*n).is_some()), lsn_of(0)) {
            (None, _) => return Ok(None),
            (Some(n), None) => return conflict(n, lsn_of(n).unwrap_or(Lsn::ZERO)),
            (Some(_), Some(first)) => (first, view.frames_from(first, records.len(), view.position.last())),
        }
    };
    let stored = read_frames(tail.disk.as_ref(), &tail.dir, view, &frames, first, records.len())?;
    let count = u32::try_from(records.len()).expect("few records");
    let raw = raw_records(&request.body, count).expect("this process wrote the body");
    for (n, record) in raw.iter().enumerate() {
        let same = stored.get(n).is_some_and(|stored| {
            stored.record.op_id == record.op_id
                && stored.record.rtype == record.rtype()
                && stored.record.schema == record.schema()
                && stored.record.payload == record.payload()
        });
        if !same {
            let lsn = guard(view).ids.get(&record.op_id).copied();
            return conflict(n, lsn.unwrap_or(first));
        }
    }
    Ok(Some(Appended { first, last: Lsn(first.0 + records.len() as u64 - 1), already: true }))
}

/// Gives the records of a request the times that the log takes for them (R20).
fn clamp(request: &mut Request, last_at: &mut Option<Timestamp>) {
    let mut start = 0;
    for record in &mut request.records {
        let (taken, skew_ms) = clamp_time(record.at, *last_at);
        let bytes = &mut request.body[start..start + record.bytes];
        if skew_ms > 0 {
            raw::set_time(bytes, taken, skew_ms);
            record.leaf = leaf_of(bytes);
        }
        start += record.bytes;
        *last_at = Some(taken);
    }
}

/// Makes the error of one append from the failure of its group.
fn explain(failure: &Failure, request: &Request) -> WalError {
    let copy = |source: &crate::error::Source| source.to_string().into();
    match failure {
        Failure::Unknown(source) => {
            let id = request.records.first().map(|record| hex::encode(record.op_id)).unwrap_or_default();
            WalError::Unknown { id, source: copy(source) }
        }
        Failure::NotWritten(WalError::Io { action, path, source }) => {
            WalError::Io { action, path: path.clone(), source: copy(source) }
        }
        Failure::NotWritten(_) => WalError::Poisoned,
    }
}
