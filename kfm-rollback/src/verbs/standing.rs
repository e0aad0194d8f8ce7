//! Where operations and plans stand, and which process is at work.

use std::collections::BTreeSet;

use kfm_lineage::{OperationId, OperationKind, RollbackId, Status, Timestamp};
use kfm_policy::Remedy;
use kfm_wal::record::Direction;

use super::plans::status_of_waiting;
use crate::error::{Error, Result};
use crate::history::{Operation, read_steps};
use crate::order::Phase;
use crate::plan::load_plan;
use crate::platform::Platform;
use crate::platform::claim::Claimant;
use crate::platform::lock::{Holder, PlatformLock};
use crate::remedy;
use crate::report::{OperationLine, RunningLine, StoreWait};
use crate::session::Session;

/// Returns the process that works now: the one that holds this platform's lock or, on a shared log, the one that
/// has claimed the log.
///
/// A process of this platform that holds the lock while another host has the claim is waiting. A claim that was
/// made from this folder, whose lock is free, is that of a process that has died.
pub(crate) async fn running(session: &Session) -> Result<Option<RunningLine>> {
    let own = PlatformLock::holder(&session.platform.lock_path())?;
    let Some(held) = session.living_claim().await? else {
        return Ok(own.map(|holder| running_line(holder, None)));
    };
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
            waits_for: None,
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
        waits_for: holder.waits_for.map(|wait| StoreWait { store: wait.store, since: wait.since }),
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

/// A look at where operations stand: the log, and the process that was at work when the log was read.
///
/// Both are read once, together: a process that is asked for again later may have ended by then, and the operation that
/// it worked on, open in the log as it was read, would look as if it had been left.
pub(crate) struct Look {
    pub(crate) session: Session,
    pub(crate) running: Option<RunningLine>,
}

impl Look {
    /// Says whether a process worked on an operation, of this platform or of another host.
    pub(crate) fn is_at_work(&self, operation: &OperationId) -> bool {
        self.running.as_ref().and_then(|running| running.operation.as_ref()) == Some(operation)
    }

    fn left(&self) -> BTreeSet<OperationId> {
        let open = self.session.history.open_operations().map(|open| open.id.clone());
        open.filter(|open| !self.is_at_work(open)).collect()
    }
}

/// Looks at where operations stand.
///
/// The log is read before the lock is looked at, and a process that ends in between looks as if it had died: its operation
/// is open in what was read, and no process holds the lock. So an operation that seems to be left is one only if it is
/// open in a second reading, too: a process that works holds the lock from before an operation is open until after it has
/// ended.
///
/// # Errors
/// As [`Session::read`].
pub(crate) async fn read(platform: &Platform) -> Result<Look> {
    settled(platform, false).await
}

/// The same, although lists that the log names are lost.
pub(crate) async fn read_without_lost(platform: &Platform) -> Result<Look> {
    settled(platform, true).await
}

async fn settled(platform: &Platform, without_lost: bool) -> Result<Look> {
    let mut before: Option<BTreeSet<OperationId>> = None;
    loop {
        let session = match without_lost {
            true => Session::read_without_lost(platform, false).await?,
            false => Session::read(platform).await?,
        };
        let look = Look { running: running(&session).await?, session };
        let left = look.left();
        if before.is_some_and(|before| left.is_subset(&before)) || left.is_empty() {
            return Ok(look);
        }
        before = Some(left);
    }
}

/// Says where an operation stands.
pub(crate) async fn operation_line(look: &Look, operation: &Operation) -> Result<OperationLine> {
    let Look { session, .. } = look;
    let status = operation.status(look.is_at_work(&operation.id));
    let done = match status {
        Status::Completed => operation.steps.count,
        Status::Aborted | Status::Failed => 0,
        _ => operation.journal.done(),
    };
    let phase = if operation.closed.is_some() {
        "-".to_owned()
    } else {
        match read_steps(&session.versions(), &operation.steps).await {
            Ok(steps) => {
                steps.get(done as usize).map_or("verify", |step| Phase::of(step).as_str()).to_owned()
            }
            // The list is lost: the operation is open all the same.
            Err(Error::Versions(error)) if error.lost().is_some() => "-".to_owned(),
            Err(error) => return Err(error),
        }
    };
    let next = match (status, operation.kind) {
        (Status::Interrupted | Status::Held, _) => Remedy::both_ways(&operation.id),
        (Status::Completed, OperationKind::Rollback)
            if session.history.undone_by(&operation.target).map(RollbackId::as_str)
                == Some(operation.id.as_str()) =>
        {
            vec![Remedy::undo(&operation.id)]
        }
        (Status::Completed, OperationKind::Hotfix) if session.history.stands(&operation.id) => {
            vec![Remedy::undo(&operation.id)]
        }
        _ => Vec::new(),
    };
    let held = operation.journal.held.as_ref().filter(|_| status == Status::Held);
    Ok(OperationLine {
        id: operation.id.clone(),
        rollback_id: RollbackId::parse(operation.id.as_str()).ok(),
        kind: operation.kind.as_str().into(),
        target: operation.target.clone(),
        reverts: operation.reverts.clone(),
        undone_by: undone_by(session, operation),
        status,
        phase,
        done,
        total: operation.steps.count,
        goes_back: operation.closed.is_none() && operation.journal.direction() == Direction::Backward,
        held_reason: held.map(|(reason, detail)| format!("{reason}: {detail}")),
        requested_by: operation.requested_by.clone(),
        at: operation.opened_at,
        plan_id: operation.plan_id,
        next,
    })
}

/// Returns what undid an operation, if that stands: the rollback of a publish or a hotfix, the revert of a rollback.
fn undone_by(session: &Session, operation: &Operation) -> Option<RollbackId> {
    match operation.kind {
        OperationKind::Rollback => {
            let is_its = |other: &&Operation| {
                other.kind == OperationKind::Revert
                    && other.reverts.as_ref().map(RollbackId::as_str) == Some(operation.id.as_str())
                    && other.is_completed()
            };
            let revert = session.history.operations().rev().find(is_its)?;
            RollbackId::parse(revert.id.as_str()).ok()
        }
        OperationKind::Revert => None,
        _ => session.history.undone_by(&operation.id).cloned(),
    }
}

/// Says where a plan that was not executed stands; `None` if it was executed.
pub(crate) async fn plan_line(
    session: &Session,
    plan: &kfm_wal::record::PlanRecord,
) -> Option<OperationLine> {
    if session.history.operation(&plan.operation).is_some() {
        return None;
    }
    let status = match session.history.cancelled(&plan.plan_id) {
        Some(_) => Status::Cancelled,
        None => status_of_waiting(session, plan).await,
    };
    // A plan whose file is lost is listed all the same, with what its record says.
    let content = load_plan(session, &plan.plan_id.to_string()).await.ok().map(|stored| stored.content);
    let kind = content.as_ref().map(|content| OperationKind::from(content.kind).as_str());
    Some(OperationLine {
        id: plan.operation.clone(),
        rollback_id: RollbackId::parse(plan.operation.as_str()).ok(),
        kind: kind.unwrap_or_else(|| plan.operation.kind().as_str()).into(),
        target: plan.target.clone(),
        reverts: content.as_ref().and_then(|content| content.reverts.clone()),
        undone_by: None,
        status,
        phase: "-".into(),
        done: 0,
        total: content.map_or(0, |content| content.steps.count + content.derived.count),
        goes_back: false,
        held_reason: None,
        requested_by: plan.requested_by.clone(),
        at: plan.created_at,
        plan_id: Some(plan.plan_id),
        next: match status {
            Status::Cancelled => Vec::new(),
            Status::AwaitingApproval => {
                let plan = plan.plan_id;
                vec![Remedy::ShowPlan { plan, entire: false }, Remedy::ListApprovals { plan }]
            }
            _ => remedy::of_plan(&plan.plan_id),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::given::Given;
    use crate::platform::OpenOptions;

    /// No process holds the lock: an operation is at work if one held it when the look was taken.
    #[tokio::test]
    async fn an_operation_whose_process_ends_after_the_look_was_at_work() {
        let folder = tempfile::tempdir().unwrap();
        Platform::init(folder.path()).await.unwrap();
        let platform = Platform::open(folder.path(), OpenOptions::new("ana")).await.unwrap();
        let given = Given::log("A publish a=1 (open); B publish b=1");
        let mut session = Session::read(&platform).await.unwrap();
        session.history = given.history.clone();
        let holder = Holder {
            actor: "ana".into(),
            host: "here".into(),
            pid: 1,
            doing: "publish".into(),
            since: "2025-11-14T00:00:00Z".into(),
            operation: Some(given.id("A")),
            waits_for: None,
        };
        let mut look = Look { session, running: Some(running_line(holder, None)) };
        let mut statuses = Vec::new();
        for name in ["A", "B"] {
            statuses.push(operation_line(&look, given.operation(name)).await.unwrap().status);
        }
        look.running = None;
        statuses.push(operation_line(&look, given.operation("A")).await.unwrap().status);
        assert_eq!(statuses, [Status::Running, Status::Completed, Status::Interrupted]);
    }
}
