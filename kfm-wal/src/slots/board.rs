//! Who goes into a frame: repeats are answered from the log, conflicts refused, the rest goes along.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Mutex;

use kfm_lineage::Lsn;

use super::calls::Calls;
use super::chain::{self, catch_up};
use super::flight::{Flight, Load, Member};
use super::view::{View, guard};
use crate::error::WalError;
use crate::planted::{Bug, planted};
use crate::store::{Appended, NewRecord, StoredRecord, find_repeat};

/// How many bytes of several appends go into one frame; a single larger one goes alone.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// Those who wait to append, in order.
pub(crate) type Line = Mutex<VecDeque<Member>>;

/// What the records of an id in the log are, for those who bring the id again.
type Stored = HashMap<[u8; 16], StoredRecord>;

/// What was read for those in line, before they are judged.
#[derive(Debug)]
pub(crate) struct LookUp {
    /// How many of them it was read for.
    judged: usize,
    /// Whether the log was read to its end for them.
    caught_up: bool,
    stored: Stored,
}

/// Reads what the first in line have to be compared with.
pub(crate) async fn look_up(calls: &Calls, line: &Line, view: &Mutex<View>) -> Result<LookUp, WalError> {
    if planted(Bug::RebaseForgetsIds) {
        return Ok(LookUp { judged: guard(line).len(), caught_up: true, stored: Stored::new() });
    }
    let (judged, astray) = {
        let (line, view) = (guard(line), guard(view));
        let astray = |member: &Member| !member.is_expected_at(view.position.next);
        (line.len(), line.iter().any(astray))
    };
    if astray {
        // The caller may know of records that this handle has not seen, or repeat one of them.
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

/// Makes a frame of the first in line, as many as fit.
pub(crate) fn fill(line: &Line, nonce: [u8; 16], view: &View, looked_up: &LookUp) -> Option<Flight> {
    let stored = &looked_up.stored;
    let mut load = Load::new(view.position.last_at);
    let (mut boarded, mut later, mut ids) = (Vec::new(), Vec::new(), HashSet::new());
    let mut line = guard(line);
    for _ in 0..looked_up.judged {
        let full = |member: &Member| load.bytes() > 0 && load.bytes() + member.bytes() > GROUP_BYTES_MAX;
        if line.front().is_none_or(full) {
            break;
        }
        let Some(member) = line.pop_front() else { break };
        if member.answer.is_canceled() {
            continue;
        }
        let next = Lsn(view.position.next.0 + load.records());
        let is_undecided = |record: &NewRecord| {
            if planted(Bug::RebaseForgetsIds) {
                return false;
            }
            ids.contains(&record.op_id)
                || view.lsn_of(&record.op_id).is_some() && !stored.contains_key(&record.op_id)
        };
        // What hangs on a frame that is not durable yet, or on what was read on meanwhile, is decided later.
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

/// Says whether an append repeats what is in the log: its old places, none if it is new, or why it is refused.
fn judge(member: &Member, stored: &Stored, next: Lsn) -> Result<Option<Appended>, WalError> {
    if let Some(already) = find_repeat(&member.records, |id| stored.get(id))? {
        return Ok(Some(already));
    }
    if member.is_expected_at(next) { Ok(None) } else { Err(WalError::Moved { head: Lsn(next.0 - 1) }) }
}
