//! Boarding: which members of the line go into the next frame. A repeat is answered from the log, a conflict
//! is refused, all others go along.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Mutex;

use kfm_lineage::Lsn;

use super::calls::Calls;
use super::chain::{self, catch_up};
use super::flight::{Flight, Load, Member};
use super::view::{View, guard};
use crate::error::WalError;
use crate::store::{Appended, NewRecord, StoredRecord, find_repeat};

/// How many bytes of several appends go into one frame; an append that is larger alone goes alone.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// The line: the appends that wait for their answer, in order.
pub(crate) type Line = Mutex<VecDeque<Member>>;

/// The records of the log whose ids a member of the line brings again.
type Stored = HashMap<[u8; 16], StoredRecord>;

/// What was read from the log before the members of the line are judged.
#[derive(Debug)]
pub(crate) struct LookUp {
    /// How many members of the line it was read for, counted from the front.
    judged: usize,
    /// Whether the log was read to its end for them.
    caught_up: bool,
    stored: Stored,
}

/// Reads from the log what the members of the line have to be compared with.
pub(crate) async fn look_up(calls: &Calls, line: &Line, view: &Mutex<View>) -> Result<LookUp, WalError> {
    let (judged, astray) = {
        let (line, view) = (guard(line), guard(view));
        let astray = |member: &Member| !member.is_expected_at(view.position.next);
        (line.len(), line.iter().any(astray))
    };
    if astray {
        // The caller may know of records that this handle has not read yet, or may repeat one of them.
        catch_up(calls, view).await?;
    }
    let known: Vec<Lsn> = {
        let (line, view) = (guard(line), guard(view));
        let ids = line.iter().take(judged).flat_map(|member| &member.records).map(|record| &record.op_id);
        ids.filter_map(|id| view.lsn_of(id)).collect()
    };
    let mut stored = Stored::new();
    for lsn in known {
        let found = chain::records(calls, view, lsn, 1).await?;
        stored.extend(found.into_iter().map(|record| (record.record.op_id, record)));
    }
    Ok(LookUp { judged, caught_up: astray, stored })
}

/// Makes a flight of members from the front of the line, as many as fit into one frame; `None` if no member
/// has records for one. Answers repeats and conflicts.
pub(crate) fn fill(line: &Line, nonce: [u8; 16], view: &View, looked_up: &LookUp) -> Option<Flight> {
    let stored = &looked_up.stored;
    let mut load = Load::new(view.position.last_at);
    let (mut boarded, mut later, mut ids) = (Vec::new(), Vec::new(), HashSet::new());
    let mut line = guard(line);
    // Only the members that the log was read for are judged: later ones wait for the next flight.
    for _ in 0..looked_up.judged {
        let full = |member: &Member| load.bytes() > 0 && load.bytes() + member.bytes() > GROUP_BYTES_MAX;
        if line.front().is_none_or(full) {
            break;
        }
        let Some(member) = line.pop_front() else { break };
        // The caller has dropped the future of this append: nothing of it is appended.
        if member.answer.is_canceled() {
            continue;
        }
        let next = Lsn(view.position.next.0 + load.records());
        // Whether an id is new cannot be said yet: it is in this frame too, which is not durable yet, or
        // another call on this handle has read it from the log since `look_up`.
        let is_undecided = |record: &NewRecord| {
            ids.contains(&record.op_id)
                || view.lsn_of(&record.op_id).is_some() && !stored.contains_key(&record.op_id)
        };
        // An expected position that does not fit is no refusal yet while this frame has records or the log
        // was not read to its end: the member may still be a repeat or come to stand at its position. It is
        // judged with the next flight.
        let astray = !member.is_expected_at(next) && (load.records() > 0 || !looked_up.caught_up);
        let repeats = member.records.iter().any(|record| stored.contains_key(&record.op_id));
        if member.records.iter().any(is_undecided) || astray && !repeats {
            later.push(member);
            continue;
        }
        match judge(&member, stored, next) {
            Ok(None) => {}
            Ok(Some(already)) => {
                member.answer(Ok(already));
                continue;
            }
            Err(error) => {
                member.answer(Err(error));
                continue;
            }
        }
        load.add(&member.records);
        ids.extend(member.records.iter().map(|record| record.op_id));
        let last = Lsn(next.0 + member.records.len() as u64 - 1);
        boarded.push((member, Appended { first: next, last, already: false }));
    }
    later.into_iter().rev().for_each(|member| line.push_front(member));
    let flight = || Flight::of_records(view.next, &view.position, nonce, &load, boarded);
    (load.records() > 0).then(flight)
}

/// Says whether an append repeats what is in the log: its old positions, or `None` if it is new.
///
/// # Errors
/// Why the append is refused: an id has other content, or the log has moved on from the expected position.
fn judge(member: &Member, stored: &Stored, next: Lsn) -> Result<Option<Appended>, WalError> {
    if let Some(already) = find_repeat(&member.records, |id| stored.get(id))? {
        return Ok(Some(already));
    }
    if member.is_expected_at(next) { Ok(None) } else { Err(WalError::Moved { head: Lsn(next.0 - 1) }) }
}
