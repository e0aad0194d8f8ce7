//! Where operations stand, and what to do about them.

use std::collections::BTreeMap;

use kfm_lineage::{CellId, Digest, OperationId, OperationKind, RollbackId, Timestamp};
use kfm_wal::record::{Direction, PlanRecord};

use crate::error::{Error, Result};
use crate::history::{Kind, Operation, read_moves};
use crate::order::Phase;
use crate::platform::claim::{Claimant, is_alive};
use crate::platform::lock::{Holder, PlatformLock};
use crate::platform::plans::{status_of_record, waiting, why_not};
use crate::report::{ConflictLine, OperationLine, RunningLine, SkippedLine, Status, StatusReport};
use crate::session::Session;

/// The commands that end an open operation.
pub(crate) fn resume_commands(id: &OperationId) -> Vec<String> {
    let command = match id.kind() {
        OperationKind::Publish => format!("kfm publish resume --publish-id {id}"),
        OperationKind::Rollback => format!("kfm rollback resume --rollback-id {id}"),
        OperationKind::Hotfix => format!("kfm hotfix resume --hotfix-id {id}"),
    };
    vec![command.clone(), format!("{command} --abort")]
}

/// The command that undoes a publish or a hotfix.
pub(crate) fn undo_command(id: &OperationId) -> String {
    match id.kind() {
        OperationKind::Hotfix => format!("kfm hotfix revert --hotfix-id {id} --reason '…'"),
        OperationKind::Publish | OperationKind::Rollback => format!("kfm rollback plan --publish-id {id}"),
    }
}

/// The commands that take an operation's id: those that end it while it is open, afterwards those that show and
/// undo it.
pub(crate) fn operation_commands(session: &Session, operation: &Operation) -> Vec<String> {
    let id = &operation.id;
    if operation.closed.is_none() {
        return resume_commands(id);
    }
    let show = match id.kind() {
        OperationKind::Publish => format!("kfm publish show {id}"),
        OperationKind::Rollback => format!("kfm rollback show {id}"),
        OperationKind::Hotfix => return vec![undo_command(id)],
    };
    match id.kind() {
        OperationKind::Rollback if operation.is_completed() => {
            vec![show, format!("kfm rollback revert --rollback-id {id} --reason '…'")]
        }
        OperationKind::Publish if session.history.stands(id) && operation.kind != Kind::Adopt => {
            vec![show, undo_command(id)]
        }
        _ => vec![show],
    }
}

/// The commands that take the id of a plan that was not executed.
pub(crate) fn plan_commands(plan_id: &Digest) -> Vec<String> {
    vec![
        format!("kfm plan show {plan_id}"),
        format!("kfm rollback execute --plan {plan_id} --reason '…'"),
        format!("kfm plan cancel {plan_id} --reason '…'"),
    ]
}

/// The most owners of skipped cells whose undoing is proposed.
const OWNERS_MAX: usize = 100;

/// The commands that undo the owners of skipped cells, in the order of the cells: the newest first.
pub(crate) fn owner_commands(skipped: &[SkippedLine]) -> Vec<String> {
    let mut owners: Vec<&OperationId> = Vec::new();
    for owner in skipped.iter().filter_map(|line| line.by.as_ref()) {
        if owners.len() < OWNERS_MAX && !owners.contains(&owner) {
            owners.push(owner);
        }
    }
    owners.into_iter().map(undo_command).collect()
}

/// The error for an operation that touches a cell which an open operation keeps.
pub(crate) fn kept_by(operation: &OperationId, cell: &CellId) -> Error {
    Error::Conflict {
        message: format!(
            "an operation that has not ended keeps this cell: operation={operation} cell={cell}"
        ),
        conflicts: vec![ConflictLine {
            kind: "open_operation".into(),
            subject: operation.to_string(),
            expected: None,
            observed: None,
            message: format!("{operation} has not ended"),
        }],
        hint: "resume or abort it first".into(),
        next: resume_commands(operation),
    }
}

/// Returns the process that works now: the one that holds this platform's lock or, on a shared log, the one that
/// has claimed the log.
///
/// A process of this platform that holds the lock while another host has the claim is waiting. A claim that was
/// made from this folder, whose lock is free, is that of a process that has died.
pub(crate) async fn running(session: &Session) -> Result<Option<RunningLine>> {
    let own = PlatformLock::holder(&session.platform.lock_path())?;
    let held = match &session.shared {
        Some(log) => log.holder().await?.filter(|held| is_alive(held, session.now())),
        None => None,
    };
    let Some(held) = held else { return Ok(own.map(|holder| running_line(holder, None))) };
    let Some(claimant) = Claimant::parse(&held.holder) else {
        // A claim that the engine did not make has only its own words.
        let newest = session.history.open_operations().last();
        return Ok(Some(RunningLine {
            doing: held.holder,
            requested_by: "unknown".into(),
            host: "unknown".into(),
            pid: 0,
            since: held.since.to_string(),
            operation: newest.map(|open| open.id.clone()),
            platform: None,
        }));
    };
    if claimant.is_of_folder(&session.platform, session.platform.noted_claim()?.as_deref()) {
        return Ok(own.map(|holder| running_line(holder, None)));
    }
    let operation = worked_on(session, &claimant.holder, held.since);
    let holder = Holder { operation, ..claimant.holder };
    Ok(Some(running_line(holder, Some(claimant.platform))))
}

fn running_line(holder: Holder, platform: Option<String>) -> RunningLine {
    RunningLine {
        doing: holder.doing,
        requested_by: holder.actor,
        host: holder.host,
        pid: holder.pid,
        since: holder.since,
        operation: holder.operation,
        platform,
    }
}

/// Returns the operation that a process of another host works on, by the log: one that it has opened, or taken up
/// again, since it claimed the log.
fn worked_on(session: &Session, holder: &Holder, since: Timestamp) -> Option<OperationId> {
    let is_its = |open: &&Operation| {
        let worker = open.journal.worker.as_ref();
        open.opened_at >= since
            || worker.is_some_and(|(host, pid)| (host, *pid) == (&holder.host, holder.pid))
    };
    session.history.open_operations().filter(is_its).last().map(|open| open.id.clone())
}

/// Returns the operation that is worked on now, by a process of this platform or of another host.
pub(crate) async fn at_work(session: &Session) -> Result<Option<OperationId>> {
    Ok(running(session).await?.and_then(|running| running.operation))
}

/// Says where an operation stands.
pub(crate) async fn operation_line(session: &Session, operation: &Operation) -> Result<OperationLine> {
    let at_work = operation.closed.is_none() && at_work(session).await?.as_ref() == Some(&operation.id);
    let status = operation.status(at_work);
    let done = match status {
        Status::Completed => operation.moves.count,
        Status::Aborted | Status::Failed => 0,
        _ => operation.journal.done(),
    };
    let phase = if operation.closed.is_some() {
        "-".to_owned()
    } else {
        let moves = read_moves(&session.versions(), &operation.moves).await?;
        moves.get(done as usize).map_or("verify", |step| Phase::of(step).as_str()).to_owned()
    };
    let next = match (status, operation.kind) {
        (Status::Interrupted | Status::Held, _) => resume_commands(&operation.id),
        (Status::Completed, Kind::Rollback)
            if session.history.undone_by(&operation.target).map(RollbackId::as_str)
                == Some(operation.id.as_str()) =>
        {
            vec![format!("kfm rollback revert --rollback-id {} --reason '…'", operation.id)]
        }
        _ => Vec::new(),
    };
    let held = operation.journal.held.as_ref().filter(|_| status == Status::Held);
    Ok(OperationLine {
        id: operation.id.clone(),
        rollback_id: RollbackId::parse(operation.id.as_str()).ok(),
        kind: operation.kind.as_str().into(),
        target: operation.target.clone(),
        status,
        phase,
        done,
        total: operation.moves.count,
        goes_back: operation.closed.is_none() && operation.journal.direction() == Direction::Backward,
        held_reason: held.map(|(reason, detail)| format!("{reason}: {detail}")),
        requested_by: operation.requested_by.clone(),
        at: operation.opened_at,
        plan_id: operation.plan_id,
        next,
    })
}

/// Says where a plan that was not executed stands; `None` if it was executed.
pub(crate) fn plan_line(session: &Session, plan: &kfm_wal::record::PlanRecord) -> Option<OperationLine> {
    if session.history.operation(&plan.operation).is_some() {
        return None;
    }
    let status = match session.history.cancelled(&plan.plan_id) {
        Some(_) => Status::Cancelled,
        None => status_of_record(plan),
    };
    Some(OperationLine {
        id: plan.operation.clone(),
        rollback_id: RollbackId::parse(plan.operation.as_str()).ok(),
        kind: plan.operation.kind().to_string(),
        target: plan.target.clone(),
        status,
        phase: "-".into(),
        done: 0,
        total: 0,
        goes_back: false,
        held_reason: None,
        requested_by: plan.requested_by.clone(),
        at: plan.created_at,
        plan_id: Some(plan.plan_id),
        next: match status {
            Status::Cancelled => Vec::new(),
            Status::AwaitingApproval => {
                vec![format!("kfm plan show {}", plan.plan_id), format!("kfm approvals {}", plan.plan_id)]
            }
            _ => plan_commands(&plan.plan_id),
        },
    })
}

/// The most documents that stand against protection and are named one by one in `owed`.
const AGAINST_MAX: usize = 20;

/// Lists the documents that stand against today's protection, and says whether the ledger lacks something.
async fn protection_owed(session: &Session) -> Result<Vec<String>> {
    let mut owed = Vec::new();
    if session.owes_ledger()? {
        owed.push(
            "the ledger lacks what came into force; the next command that changes something enters it".into(),
        );
    }
    if session.require_policy("status").is_err() {
        owed.push("policy's files cannot be read, so nothing may be judged; 'kfm doctor' says which".into());
        return Ok(owed);
    }
    let against = crate::coverage::owed(session).await?;
    let lines = against.iter().take(AGAINST_MAX);
    owed.extend(lines.map(|line| format!("{} {}: {}", line.subject, line.message, line.remedy)));
    if against.len() > AGAINST_MAX {
        let more = against.len() - AGAINST_MAX;
        owed.push(format!(
            "and {more} more documents stand against protection; 'kfm catalog check' lists them"
        ));
    }
    Ok(owed)
}

/// Lists the plans that wait for approvals and can still be executed. Of several plans of the same change it lists
/// the one that has approvals, or else the newest.
async fn owed_plans(session: &Session) -> Vec<String> {
    let mut newest: BTreeMap<Digest, &PlanRecord> = BTreeMap::new();
    for plan in waiting(session) {
        let is_approved = |plan: &PlanRecord| session.history.approvals(&plan.plan_id).next().is_some();
        let other = newest.get(&plan.content_id).copied();
        if status_of_record(plan) == Status::AwaitingApproval
            && other.is_none_or(|other| is_approved(plan) || !is_approved(other))
        {
            newest.insert(plan.content_id, plan);
        }
    }
    let mut plans: Vec<&PlanRecord> = newest.into_values().collect();
    plans.sort_by_key(|plan| plan.created_at);
    let mut owed = Vec::new();
    for plan in plans {
        if why_not(session, plan).await.is_none() {
            let (id, plan) = (&plan.operation, plan.plan_id);
            owed.push(format!("{id} waits for approvals of plan {plan}: kfm plan show {plan}"));
        }
    }
    owed
}

/// Lists what is open and what is owed.
pub(crate) async fn status(session: &Session) -> Result<StatusReport> {
    let mut open = Vec::new();
    for operation in session.history.open_operations() {
        open.push(operation_line(session, operation).await?);
    }
    let mut owed = owed_plans(session).await;
    owed.extend(protection_owed(session).await?);
    let running = running(session).await?;
    Ok(StatusReport { open, running, owed })
}
