//! Stored plans: shown, listed and taken back, on any host that shares the log.

use kfm_lineage::{CellId, OperationKind, Status};
use kfm_policy::Remedy;
use kfm_telemetry::{EventId, Label, OperationRecord, RecordKind, Stage};
use kfm_wal::record::{PlanCancelled, PlanRecord, Record};

use super::Platform;
use super::approve::NOT_KNOWN;
use super::rollbacks::{foreign_remedies, require_reason};
use crate::asked::Asked;
use crate::entries;
use crate::error::{Error, Result, text_of};
use crate::execute::foreign_values;
use crate::history::Operation;
use crate::plan::{Draft, Drafted, Plan, PlanCells, PlanKind, PlanStep, draft_again, load_plan, report_of};
use crate::refusal::recorded;
use crate::report::{ConflictLine, FIRST_MAX, FindingLine, PlanCancel, PlanLine, PlanList, PlanShow};
use crate::resolve::remedies_of;
use crate::session::Session;

impl Platform {
    /// Shows a stored plan as its approver must see it: the steps that it was stored with, and what policy says of
    /// them now.
    ///
    /// # Errors
    /// As [`plan_show_first`](Self::plan_show_first).
    pub async fn plan_show(&self, plan: &str) -> Result<PlanShow> {
        self.plan_show_first(plan, FIRST_MAX).await
    }

    /// Shows a stored plan with at most `first_max` steps and findings; `usize::MAX` shows all.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ambiguous`]: the text names no plan, or more than one. [`Error::Rejected`]:
    /// the plan was changed after it was made.
    pub async fn plan_show_first(&self, plan: &str, first_max: usize) -> Result<PlanShow> {
        let mut session = Session::judge(self, "plan show").await?;
        let plan = load_plan(&session, plan).await?;
        let mut judged = judge_again(&mut session, &plan).await;
        let foreign = judged.look_for_foreign(&session).await;
        let cells = cells_of(&session, &plan, judged.draft.as_deref()).await?;
        let approvals = self.approvals_report(&session, &plan, NOT_KNOWN);
        let status = status_of_plan(&session, &plan, approvals.needed.is_empty());
        let mut report =
            report_of(&session, &plan, cells, judged.draft.as_deref(), judged.findings, status, first_max);
        report.next = next_of(&session, &plan, status, judged.not_fresh_because.is_none());
        if let Some(draft) = judged.draft.as_deref().filter(|_| !foreign.is_empty()) {
            let mut next = foreign_remedies(draft, &foreign);
            next.append(&mut report.next);
            report.next = next;
        }
        report.foreign = foreign;
        report.foreign.truncate(FIRST_MAX);
        Ok(PlanShow {
            plan: report,
            kind: OperationKind::from(plan.content.kind).to_string(),
            operation: plan.operation.clone(),
            requested_by: plan.requested_by.clone(),
            created_at: plan.created_at,
            reason: plan.reason.clone(),
            fresh: judged.not_fresh_because.is_none(),
            not_fresh_because: judged.not_fresh_because,
            approvals: approvals.approvals,
            needed: approvals.needed,
        })
    }

    /// Lists the plans that were neither executed nor cancelled, in the log's order.
    ///
    /// # Errors
    /// [`Error::Log`]: the log cannot be read.
    pub async fn plans(&self) -> Result<PlanList> {
        let session = Session::read(self).await?;
        let mut plans = Vec::new();
        for record in waiting(&session) {
            let not_fresh_because = why_not(&session, record).await;
            plans.push(PlanLine {
                plan_id: record.plan_id,
                operation: record.operation.clone(),
                target: record.target.clone(),
                status: status_of_waiting(&session, record).await,
                requested_by: record.requested_by.clone(),
                created_at: record.created_at,
                fresh: not_fresh_because.is_none(),
                not_fresh_because,
            });
        }
        Ok(PlanList { plans })
    }

    /// Takes a plan back, so that it is never executed. A plan that was taken back before stays as it is.
    ///
    /// # Errors
    /// [`Error::Conflict`]: the plan was executed. [`Error::NotFound`], [`Error::Ambiguous`]: the text names no
    /// plan, or more than one. [`Error::Owed`]: the plan is cancelled, but not yet in the ledger or the telemetry.
    pub async fn plan_cancel(&self, plan: &str, reason: &str) -> Result<PlanCancel> {
        require_reason(reason)?;
        let mut session = Session::write(self, "plan cancel").await?;
        let record = record_of(&session, plan)?;
        let subject = Some(record.operation.clone());
        let cancelled = cancel(&mut session, &record, reason).await;
        recorded(&mut session, Asked::PlanCancel, subject, Some(record.plan_id), cancelled).await
    }
}

/// Takes a plan back in the log, and says so in ledger and telemetry.
pub(in crate::verbs) async fn cancel(
    session: &mut Session,
    plan: &PlanRecord,
    reason: &str,
) -> Result<PlanCancel> {
    if let Some(operation) = session.history.operation(&plan.operation) {
        return Err(Error::Conflict {
            message: format!(
                "the plan was executed, it is {}: operation={}",
                operation.status(false),
                operation.id
            ),
            conflicts: Vec::new(),
            hint: "end or undo the operation instead".into(),
            next: remedies_of(session, operation),
        });
    }
    let before = session.history.cancelled(&plan.plan_id).cloned();
    let already = before.is_some();
    let cancelled = before.unwrap_or_else(|| PlanCancelled {
        plan_id: plan.plan_id,
        operation: plan.operation.clone(),
        requested_by: session.actor().to_owned(),
        at: session.now(),
        reason: reason.to_owned(),
    });
    if !already {
        session.log(Record::PlanCancelled(cancelled.clone())).await?;
    }
    // Also if the log had it as cancelled before: what an earlier run could not write is written now.
    record_cancelled(session, &cancelled).await.map_err(|error| {
        let again = Remedy::CancelPlan { plan: cancelled.plan_id };
        Error::owed("the plan is cancelled, and ledger or telemetry do not have it yet", again, error)
    })?;
    let PlanCancelled { plan_id, operation, requested_by, at, reason } = cancelled;
    Ok(PlanCancel { plan_id, operation, status: Status::Cancelled, requested_by, at, reason, already })
}

/// Says in ledger and telemetry that a plan was taken back.
async fn record_cancelled(session: &Session, cancelled: &PlanCancelled) -> Result<()> {
    let entry = entries::of_cancelled(cancelled);
    session.platform.enter(&entry, cancelled.at).await?;
    let name = EventId::lossy(&Record::PlanCancelled(cancelled.clone()).id());
    let actor = Label::lossy(&cancelled.requested_by);
    let mut line =
        OperationRecord::new(name, cancelled.at, RecordKind::Operation, Stage::RollbackPlan, actor);
    line.ids = entry.ids.clone();
    line.status = kfm_telemetry::EventStatus::Aborted;
    Ok(session.platform.records().append(&line).await?)
}

/// Finds the record of a plan by its id, by a unique prefix of it, or by the operation that it opens.
fn record_of(session: &Session, text: &str) -> Result<PlanRecord> {
    let bare = text.strip_prefix("jcs-sha256:").unwrap_or(text);
    let plans = session.history.plans();
    let named: Vec<&&PlanRecord> = plans
        .iter()
        .filter(|plan| {
            plan.operation.as_str() == text || !bare.is_empty() && plan.plan_id.hex().starts_with(bare)
        })
        .collect();
    match named.as_slice() {
        [plan] => Ok((**plan).clone()),
        [] => Err(Error::NotFound { kind: "plan", text: text.to_owned() }),
        _ => Err(Error::Ambiguous {
            kind: "plan",
            text: text.to_owned(),
            candidates: named.iter().map(|plan| plan.plan_id.to_string()).collect(),
        }),
    }
}

/// Returns the plans that were neither executed nor cancelled, in the log's order.
pub(crate) fn waiting(session: &Session) -> Vec<&PlanRecord> {
    let is_waiting = |plan: &&PlanRecord| {
        session.history.operation(&plan.operation).is_none()
            && session.history.cancelled(&plan.plan_id).is_none()
    };
    session.history.plans().into_iter().filter(is_waiting).collect()
}

/// Says why a waiting plan can no longer be executed, as far as log and rules tell; no store is read.
pub(crate) async fn why_not(session: &Session, record: &PlanRecord) -> Option<String> {
    let plan = match load_plan(session, &record.plan_id.to_string()).await {
        Ok(plan) => plan,
        Err(error) => return Some(format!("it cannot be read: {}", text_of(&error))),
    };
    let target = &plan.content.target;
    match (plan.content.kind, session.history.undone_by(target)) {
        (PlanKind::Rollback, Some(by)) => return Some(format!("{by} undid {target} already")),
        (PlanKind::Revert, None) => return Some(format!("{target} stands again")),
        _ => {}
    }
    if plan.content.policy_snapshot_ref != session.policy.snapshot_ref() {
        return Some("the rules have changed".into());
    }
    let steps: Vec<PlanStep> = match session.versions().read_segment(&plan.content.steps).await {
        Ok(steps) => steps,
        Err(error) => return Some(format!("its steps cannot be read: {}", text_of(&error))),
    };
    for PlanStep { step, basis } in &steps {
        match session.history.generation(&step.cell) {
            Ok(generation) if generation == *basis => {}
            Ok(_) => return Some(format!("{} moved since it was planned", step.cell)),
            Err(error) => return Some(format!("it is not known what moved: {}", text_of(&error))),
        }
    }
    None
}

/// Says why an approval of a plan would be good for nothing, as far as log and rules tell: it was executed, or can no
/// longer be.
pub(in crate::verbs) async fn why_refused(session: &Session, plan: &Plan) -> Option<String> {
    match session.history.operation(&plan.operation) {
        Some(operation) => Some(was_executed(operation)),
        None => why_not(session, session.history.plan(&plan.plan_id)?).await,
    }
}

fn was_executed(operation: &Operation) -> String {
    format!("it was executed: {} is {}", operation.id, operation.status(false))
}

/// A stored plan, judged as if it were executed now.
pub(in crate::verbs) struct Judged {
    draft: Option<Box<Draft>>,
    findings: Vec<FindingLine>,
    pub(in crate::verbs) not_fresh_because: Option<String>,
}

impl Judged {
    /// Looks for cells of the plan that another hand changed, as its execution would: as long as they stand, it is not
    /// fresh. If a store cannot be looked at, it is not known whether it is, and the reason says so.
    async fn look_for_foreign(&mut self, session: &Session) -> Vec<ConflictLine> {
        let Some(draft) = self.draft.as_deref().filter(|_| self.not_fresh_because.is_none()) else {
            return Vec::new();
        };
        let foreign = match foreign_values(session, &draft.bare_steps()).await {
            Ok(foreign) => foreign,
            Err(error) => {
                let why = text_of(&error);
                self.not_fresh_because =
                    Some(format!("whether another hand changed cells of it is not known, {why}"));
                return Vec::new();
            }
        };
        if let Some(first) = foreign.first() {
            let cells = foreign.len();
            self.not_fresh_because =
                Some(format!("another hand changed cells of it: cells={cells} first={}", first.subject));
        }
        foreign
    }
}

pub(in crate::verbs) async fn judge_again(session: &mut Session, plan: &Plan) -> Judged {
    let lost = |why: String| Judged { draft: None, findings: Vec::new(), not_fresh_because: Some(why) };
    if let Some(cancelled) = session.history.cancelled(&plan.plan_id) {
        return lost(format!("{} cancelled it: {}", cancelled.requested_by, cancelled.reason));
    }
    if let Some(operation) = session.history.operation(&plan.operation) {
        return lost(was_executed(operation));
    }
    let reason = plan.reason.clone().unwrap_or_else(|| "plan show".into());
    match draft_again(session, plan, &reason).await {
        Ok(Drafted::Change(draft)) => {
            let findings = draft.decision.findings.iter().map(FindingLine::from).collect();
            let not_fresh_because = match (draft.content_id == plan.content_id, draft.decision.allowed) {
                (true, true) => None,
                (_, false) => Some("policy denies it now".to_owned()),
                (false, true) => Some("what it was planned on has changed: plan again".to_owned()),
            };
            Judged { draft: Some(draft), findings, not_fresh_because }
        }
        Ok(Drafted::Nothing { note, .. }) => lost(note),
        Err(Error::Denied { findings, .. }) => Judged { findings, ..lost("policy denies it now".to_owned()) },
        Err(error) => lost(text_of(&error)),
    }
}

/// Reads the cells that a stored plan names. The units of derived cells are known only if the plan was drafted
/// again.
pub(in crate::verbs) async fn cells_of(
    session: &Session,
    plan: &Plan,
    draft: Option<&Draft>,
) -> Result<PlanCells> {
    let versions = session.versions();
    let steps: Vec<PlanStep> = versions.read_segment(&plan.content.steps).await?;
    let derived: Vec<CellId> = versions.read_segment(&plan.content.derived).await?;
    let unit = |cell: &CellId| {
        let known = draft.and_then(|draft| draft.derived.iter().find(|derived| derived.cell == *cell));
        known.map_or_else(|| "-".to_owned(), |derived| derived.unit.clone())
    };
    Ok(PlanCells {
        steps: steps.into_iter().map(|step| step.step).collect(),
        derived: derived.into_iter().map(|cell| (cell.clone(), unit(&cell))).collect(),
        skipped: versions.read_segment(&plan.content.skipped).await?,
    })
}

fn status_of_plan(session: &Session, plan: &Plan, is_approved: bool) -> Status {
    if session.history.cancelled(&plan.plan_id).is_some() {
        return Status::Cancelled;
    }
    match session.history.operation(&plan.operation) {
        Some(operation) => operation.status(false),
        None if is_approved || plan.summary.approvals_needed.is_empty() => Status::Planned,
        None => Status::AwaitingApproval,
    }
}

/// Returns the status that a plan was stored with.
pub(in crate::verbs) fn status_of_record(record: &PlanRecord) -> Status {
    match record.status == Status::AwaitingApproval.as_str() {
        true => Status::AwaitingApproval,
        false => Status::Planned,
    }
}

/// Returns the status of a plan that was neither executed nor cancelled, with the approvals that it has by now.
pub(crate) async fn status_of_waiting(session: &Session, record: &PlanRecord) -> Status {
    let status = status_of_record(record);
    if status != Status::AwaitingApproval {
        return status;
    }
    match load_plan(session, &record.plan_id.to_string()).await {
        Ok(plan) if session.platform.approvals_report(session, &plan, NOT_KNOWN).needed.is_empty() => {
            Status::Planned
        }
        _ => status,
    }
}

fn next_of(session: &Session, plan: &Plan, status: Status, is_fresh: bool) -> Vec<Remedy> {
    if let Some(operation) = session.history.operation(&plan.operation) {
        return remedies_of(session, operation);
    }
    let plan_id = plan.plan_id;
    let cancel = Remedy::CancelPlan { plan: plan_id };
    match status {
        Status::Cancelled => vec![Remedy::undo(&plan.content.target)],
        _ if !is_fresh => vec![cancel],
        Status::AwaitingApproval => vec![Remedy::ApprovePlan { plan: plan_id }, cancel],
        _ => vec![Remedy::ExecutePlan { plan: plan_id }, cancel],
    }
}
