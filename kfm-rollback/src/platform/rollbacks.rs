//! Rollbacks and reverts, as methods of a platform.

use std::path::PathBuf;

use kfm_lineage::{HotfixId, OperationId, OperationKind, RollbackId};
use kfm_wal::record::PlanRecord;

use super::Platform;
use super::files::write_durably;
use super::publishes::Cascade;
use crate::assess::denied;
use crate::error::{Error, Result};
use crate::execute::{Outcome, Resume, foreign_values, resume, status_of};
use crate::history::{Kind, read_moves};
use crate::plan::{
    Draft, Drafted, Executed, Plan, PlanKind, Wanted, bytes_of, draft, draft_again, execute_plan, load_plan,
    plan_of, plan_report, step_line, store_plan,
};
use crate::refusal::recorded;
use crate::report::{
    CellCount, ConflictLine, DryRunReport, ExecuteReport, Listing, OperationLine, PlanReport, RollbackList,
    RollbackShow, SkippedLine, Status, StatusReport,
};
use crate::session::Session;
use crate::{resolve, status};

/// What is to be planned.
#[derive(Debug, Clone, Default)]
pub struct PlanRequest {
    /// The publish that is to be undone: an id, a unique prefix, or `latest`.
    pub publish: String,
    /// Where a copy of the plan is to be put.
    pub out: Option<PathBuf>,
    /// Hide what protection outgrew and nothing can mask.
    pub hide_unmaskable: bool,
    /// What happens to later work that was derived from it; none refuses.
    pub cascade: Option<Cascade>,
    /// Cells that are left alone, by key.
    pub skip: Vec<String>,
    /// The justification with which missing artefacts are gone over (R46).
    pub force: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl PlanRequest {
    /// Plans to undo a publish.
    pub fn new(publish: impl Into<String>) -> Self {
        Self { publish: publish.into(), ..Self::default() }
    }
}

/// What is rehearsed or executed.
#[derive(Debug, Clone)]
pub enum PlanTarget {
    /// The rollback of this publish, planned anew if need be.
    Publish(String),
    /// The revert of this rollback: an id, a unique prefix, or `latest`.
    Revert(String),
    /// The revert of this hotfix: an id, or a unique prefix.
    Hotfix(String),
    /// This plan: its id, a unique prefix, the id of its operation, or its file.
    Plan(String),
}

/// What is to be executed.
#[derive(Debug, Clone)]
pub struct ExecuteRequest {
    /// The plan, or what is to be planned.
    pub target: PlanTarget,
    /// Why.
    pub reason: String,
    /// Cells that are left alone, by key; only where it is planned anew.
    pub skip: Vec<String>,
    /// The justification with which missing artefacts are gone over (R46).
    pub force: Option<String>,
}

impl ExecuteRequest {
    /// Executes `target` for `reason`.
    pub fn new(target: PlanTarget, reason: impl Into<String>) -> Self {
        Self { target, reason: reason.into(), skip: Vec::new(), force: None }
    }
}

impl Platform {
    /// Plans the rollback of a publish, and stores the plan.
    ///
    /// # Errors
    /// [`Error::Denied`]: a rule denies it. [`Error::Conflict`]: something stands against it.
    /// [`Error::Incomplete`]: the log cannot carry it.
    pub async fn plan(&self, request: PlanRequest) -> Result<PlanReport> {
        let mut session = Session::write(self, "rollback plan").await?;
        let publish = resolve::publish(&session, &request.publish)?;
        let mut wanted = Wanted::rollback(publish.id.clone());
        wanted.hide_unmaskable = request.hide_unmaskable;
        wanted.skip = request.skip;
        wanted.forced = request.force;
        wanted.reason = request.reason;
        self.plan_wanted(&mut session, wanted, request.cascade, request.out).await
    }

    /// Plans to take a rollback back, and stores the plan.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub async fn plan_revert(&self, id: &str, reason: Option<String>) -> Result<PlanReport> {
        let mut session = Session::write(self, "rollback revert").await?;
        let wanted = revert_of(&session, id, reason)?;
        self.plan_wanted(&mut session, wanted, None, None).await
    }

    pub(super) async fn plan_wanted(
        &self,
        session: &mut Session,
        wanted: Wanted,
        cascade: Option<Cascade>,
        out: Option<PathBuf>,
    ) -> Result<PlanReport> {
        let target = wanted.target.clone();
        let result = self.plan_in(session, wanted, cascade, out).await;
        recorded(session, "rollback_plan", Some(target), None, result).await
    }

    async fn plan_in(
        &self,
        session: &mut Session,
        wanted: Wanted,
        cascade: Option<Cascade>,
        out: Option<PathBuf>,
    ) -> Result<PlanReport> {
        if cascade.is_some() {
            return Err(Error::invalid(
                "this kfm only refuses where later work was derived, it does not take it along yet",
                "roll back what was derived first, the newest first",
            ));
        }
        let drafted = draft(session, wanted.clone()).await?;
        let Drafted::Change(draft) = drafted else {
            return self.report_of_nothing(session, wanted, drafted).await;
        };
        if !draft.decision.allowed {
            return Err(denied("rollback_plan", &draft.decision));
        }
        let operation = fresh_id(session, &draft);
        let plan = store_plan(session, &draft, operation).await?;
        if let Some(out) = out {
            write_durably(session.platform.disk(), &out, &bytes_of(&plan))?;
        }
        Ok(plan_report(session, &plan, &draft, true))
    }

    /// Reports a plan without steps: what is left alone, and why. Nothing is stored.
    async fn report_of_nothing(
        &self,
        session: &Session,
        wanted: Wanted,
        drafted: Drafted,
    ) -> Result<PlanReport> {
        let Drafted::Nothing { note, skipped } = drafted else {
            return Err(Error::invalid("there is something to do", "report this as a defect"));
        };
        nothing_report(session, &wanted, note, skipped).await
    }

    /// Checks everything that executing would check, against the live stores, and writes nothing (R4).
    ///
    /// # Errors
    /// As [`plan`](Self::plan); what only stands against executing it now is in the report.
    pub async fn dry_run(&self, target: PlanTarget, skip: Vec<String>) -> Result<DryRunReport> {
        let mut session = Session::read(self).await?;
        let mut conflicts = Vec::new();
        let (plan, draft) = match &target {
            PlanTarget::Publish(_) | PlanTarget::Revert(_) | PlanTarget::Hotfix(_) => {
                let wanted = match &target {
                    PlanTarget::Revert(text) => revert_of(&session, text, None)?,
                    PlanTarget::Hotfix(text) => Wanted::rollback(resolve::hotfix(&session, text)?.id),
                    PlanTarget::Publish(text) | PlanTarget::Plan(text) => {
                        Wanted::rollback(resolve::publish(&session, text)?.id)
                    }
                };
                let wanted = Wanted { skip, ..wanted };
                match draft(&mut session, wanted.clone()).await? {
                    Drafted::Change(draft) => (None, draft),
                    Drafted::Nothing { note, skipped } => {
                        let plan = nothing_report(&session, &wanted, note, skipped).await?;
                        return Ok(DryRunReport { plan, ready: true, conflicts });
                    }
                }
            }
            PlanTarget::Plan(text) => {
                let plan = load_plan(&session, text)?;
                match draft_again(&mut session, &plan, "dry-run").await? {
                    Drafted::Change(draft) => {
                        if draft.content_id != plan.content_id {
                            conflicts.push(conflict(
                                "stale",
                                &plan.plan_id.to_string(),
                                "the plan is stale: plan again",
                            ));
                        }
                        (Some(plan), draft)
                    }
                    Drafted::Nothing { note, skipped } => {
                        let wanted = Wanted::rollback(plan.content.target.clone());
                        conflicts.push(conflict("stale", &plan.plan_id.to_string(), &note));
                        let plan = nothing_report(&session, &wanted, note, skipped).await?;
                        return Ok(DryRunReport { plan, ready: false, conflicts });
                    }
                }
            }
        };
        if !draft.decision.allowed {
            return Err(denied("rollback_dry_run", &draft.decision));
        }
        let operation = fresh_id(&session, &draft);
        rehearsed(&session, &draft, plan, operation, conflicts).await
    }

    /// Executes a plan exactly, or a rollback that is planned if need be.
    ///
    /// # Cancel safety
    /// A dropped future leaves nothing, or an interrupted rollback that can be resumed or aborted.
    ///
    /// # Errors
    /// As [`Error`] says; after all but [`Error::Unfinished`] nothing is half done.
    pub async fn execute(&self, request: ExecuteRequest) -> Result<ExecuteReport> {
        let mut session = Session::write(self, "rollback execute").await?;
        require_reason(&request.reason)?;
        match &request.target {
            PlanTarget::Plan(text) => {
                if !request.skip.is_empty() || request.force.is_some() {
                    return Err(Error::invalid(
                        "a plan is executed exactly as it was made, without --skip or --force",
                        "plan again with what is to be left alone",
                    ));
                }
                let plan = load_plan(&session, text)?;
                self.execute_in(&mut session, plan, &request.reason).await
            }
            PlanTarget::Publish(text) => {
                let publish = resolve::publish(&session, text)?;
                let wanted = Wanted {
                    skip: request.skip,
                    forced: request.force,
                    reason: Some(request.reason.clone()),
                    ..Wanted::rollback(publish.id)
                };
                self.execute_wanted(&mut session, wanted, &request.reason).await
            }
            PlanTarget::Hotfix(text) => {
                let wanted = Wanted {
                    skip: request.skip,
                    reason: Some(request.reason.clone()),
                    ..Wanted::rollback(resolve::hotfix(&session, text)?.id)
                };
                self.execute_wanted(&mut session, wanted, &request.reason).await
            }
            PlanTarget::Revert(text) => {
                let wanted =
                    Wanted { skip: request.skip, ..revert_of(&session, text, Some(request.reason.clone()))? };
                self.execute_wanted(&mut session, wanted, &request.reason).await
            }
        }
    }

    /// Takes a rollback back, as a rollback (R45).
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn revert(&self, id: &str, reason: &str) -> Result<ExecuteReport> {
        require_reason(reason)?;
        let mut session = Session::write(self, "rollback revert").await?;
        let wanted = revert_of(&session, id, Some(reason.to_owned()))?;
        self.execute_wanted(&mut session, wanted, reason).await
    }

    pub(super) async fn execute_wanted(
        &self,
        session: &mut Session,
        wanted: Wanted,
        reason: &str,
    ) -> Result<ExecuteReport> {
        let target = wanted.target.clone();
        let result = self.plan_for(session, wanted).await;
        match recorded(session, "rollback_execute", Some(target), None, result).await? {
            Planned::Plan(plan) => self.execute_in(session, *plan, reason).await,
            Planned::Nothing { note, skipped, last } => {
                let next = status::owner_commands(&skipped);
                let mut report = executed_nothing(session, note, last).await?;
                report.skipped = Listing::of(skipped);
                report.next = next;
                Ok(report)
            }
        }
    }

    /// Plans anew, or takes the stored plan of the same content: its approvals count.
    async fn plan_for(&self, session: &mut Session, wanted: Wanted) -> Result<Planned> {
        let target = wanted.target.clone();
        match draft(session, wanted).await? {
            Drafted::Nothing { note, skipped } => {
                let last = session.history.last_turn(&target);
                let last = last.and_then(|last| RollbackId::parse(last.id.as_str()).ok());
                Ok(Planned::Nothing { note, skipped, last })
            }
            Drafted::Change(draft) if !draft.decision.allowed => Err(denied("rollback", &draft.decision)),
            Drafted::Change(draft) => {
                if let Some(plan) = stored_plan(session, &draft) {
                    return Ok(Planned::Plan(Box::new(plan)));
                }
                let operation = fresh_id(session, &draft);
                Ok(Planned::Plan(Box::new(store_plan(session, &draft, operation).await?)))
            }
        }
    }

    pub(super) async fn execute_in(
        &self,
        session: &mut Session,
        plan: Plan,
        reason: &str,
    ) -> Result<ExecuteReport> {
        let result = execute_plan(session, &plan, reason).await;
        let name = match plan.content.kind {
            PlanKind::Rollback => "rollback_execute",
            PlanKind::Revert => "revert",
            PlanKind::Hotfix => "hotfix",
        };
        let result =
            recorded(session, name, Some(plan.operation.clone()), Some(plan.plan_id), result).await?;
        Ok(match result {
            Executed::Before => {
                let note = "nothing to do: this plan was executed already";
                let mut report = executed_nothing(session, note, plan.rollback_id()).await?;
                report.hotfix_id = plan.hotfix_id();
                report.plan_id = Some(plan.plan_id);
                report
            }
            Executed::Done(outcome) => executed(session, &plan.operation, &outcome).await?,
        })
    }

    /// Takes an unfinished rollback (or hotfix) up again, or takes it back.
    ///
    /// # Errors
    /// [`Error::Conflict`]: it has ended. [`Error::Unfinished`]: it waits still.
    pub async fn rollback_resume(&self, id: &str, abort: bool, skip: Vec<String>) -> Result<ExecuteReport> {
        let mut session = Session::write(self, "rollback resume").await?;
        let operation = match id.starts_with("hf_") {
            true => resolve::hotfix(&session, id)?,
            false => resolve::rollback(&session, id)?,
        };
        let outcome = resume(&mut session, &operation.id, Resume { abort, skip }).await?;
        executed(&session, &operation.id, &outcome).await
    }

    /// Lists rollbacks and reverts, planned ones too, in the log's order.
    ///
    /// # Errors
    /// [`Error::Log`]: the log cannot be read.
    pub async fn rollbacks(&self) -> Result<RollbackList> {
        let session = Session::read(self).await?;
        let mut rollbacks = Vec::new();
        for operation in session.history.operations() {
            if matches!(operation.kind, Kind::Rollback | Kind::Revert) {
                rollbacks.push(status::operation_line(&session, operation).await?);
            }
        }
        let planned =
            session.history.plans().into_iter().filter_map(|plan| status::plan_line(&session, plan));
        rollbacks.extend(planned.filter(|line| line.rollback_id.is_some()));
        Ok(RollbackList { rollbacks })
    }

    /// Says where a rollback stands.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ambiguous`].
    pub async fn rollback_status(&self, id: &str) -> Result<OperationLine> {
        let session = Session::read(self).await?;
        match resolve::rollback(&session, id) {
            Ok(rollback) => status::operation_line(&session, &rollback).await,
            Err(error) => {
                let mut plans =
                    session.history.plans().into_iter().filter(|plan| plan.operation.as_str() == id);
                plans.next_back().and_then(|plan| status::plan_line(&session, plan)).ok_or(error)
            }
        }
    }

    /// Shows a rollback with its steps and its manifest.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ambiguous`].
    pub async fn rollback_show(&self, id: &str) -> Result<RollbackShow> {
        let session = Session::read(self).await?;
        let rollback = resolve::rollback(&session, id)?;
        let moves = read_moves(&session.versions(), &rollback.moves).await?;
        let mut cells = Listing::of(moves.iter().map(|step| step_line(step, false)));
        cells.by_domain = CellCount::of(moves.iter().map(|step| step.cell.domain)).by_domain;
        let manifest = match rollback.closed.as_ref().and_then(|closed| closed.close.manifest) {
            Some(digest) => serde_json::from_slice(&session.versions().get(&digest).await?).ok(),
            None => None,
        };
        Ok(RollbackShow { line: status::operation_line(&session, &rollback).await?, manifest, cells })
    }

    /// Lists what is open and what is owed.
    ///
    /// # Errors
    /// [`Error::Log`]: the log cannot be read.
    pub async fn status(&self) -> Result<StatusReport> {
        status::status(&Session::read(self).await?).await
    }
}

/// Finds the stored plan of the same change that was not executed; its approvals count.
pub(super) fn stored_plan(session: &Session, draft: &Draft) -> Option<Plan> {
    let of_the_same_change = |plan: &&PlanRecord| {
        plan.content_id == draft.content_id && session.history.operation(&plan.operation).is_none()
    };
    let plan_id = session.history.plans().into_iter().rev().find(of_the_same_change)?.plan_id;
    load_plan(session, &plan_id.to_string()).ok()
}

/// Reports what stands against executing a draft now; nothing is written.
pub(super) async fn rehearsed(
    session: &Session,
    draft: &Draft,
    plan: Option<Plan>,
    operation: OperationId,
    mut conflicts: Vec<ConflictLine>,
) -> Result<DryRunReport> {
    conflicts.extend(foreign_values(session, &draft.moves()).await?);
    let plan = plan.unwrap_or_else(|| plan_of(session, draft, operation));
    if !plan.summary.approvals_needed.is_empty() {
        for needed in session.platform.approvals_report(session, &plan)?.needed {
            conflicts.push(conflict("approvals", &plan.plan_id.to_string(), &needed));
        }
    }
    let ready = conflicts.is_empty();
    Ok(DryRunReport { plan: plan_report(session, &plan, draft, false), ready, conflicts })
}

/// A plan that is to be executed, or why there is none.
enum Planned {
    Plan(Box<Plan>),
    Nothing { note: String, skipped: Vec<SkippedLine>, last: Option<RollbackId> },
}

pub(super) fn require_reason(reason: &str) -> Result<()> {
    if reason.trim().is_empty() {
        return Err(Error::invalid("a reason is needed, and this one is empty", "say why in --reason"));
    }
    Ok(())
}

/// Takes the other turn of a rollback: what it undid stands again, what it made again is undone.
fn revert_of(session: &Session, id: &str, reason: Option<String>) -> Result<Wanted> {
    let rollback = resolve::rollback(session, id)?;
    if !rollback.is_completed() {
        let status = rollback.status(false);
        return Err(match status.is_open() {
            true => Error::Incomplete {
                message: format!("it has not ended: rollback_id={} status={status}", rollback.id),
                hint: "resume or abort it first".into(),
                next: status::resume_commands(&rollback.id),
            },
            false => Error::invalid(
                format!("nothing of it stands, it went back by itself: rollback_id={}", rollback.id),
                "there is nothing to revert",
            ),
        });
    }
    let last = session.history.last_turn(&rollback.target);
    if let Some(last) = last.filter(|last| last.opened > rollback.opened)
        && last.kind == rollback.kind
    {
        return Err(Error::Conflict {
            message: format!("a later one did the same again: rollback_id={} later={}", rollback.id, last.id),
            conflicts: Vec::new(),
            hint: "revert the later one".into(),
            next: vec![format!("kfm rollback revert --rollback-id {} --reason '…'", last.id)],
        });
    }
    let kind = match rollback.kind {
        Kind::Revert => PlanKind::Rollback,
        _ => PlanKind::Revert,
    };
    Ok(Wanted {
        kind,
        reverts: RollbackId::parse(rollback.id.as_str()).ok(),
        reason,
        ..Wanted::rollback(rollback.target)
    })
}

/// The id of the operation that a plan opens; the second of a second gets a suffix (R11).
fn fresh_id(session: &Session, draft: &Draft) -> OperationId {
    let at = session.now();
    let taken = session.history.taken_ids();
    let mut candidates = (1..).map(|nth| RollbackId::new(at, &draft.content.target, nth));
    let id = candidates.find(|id| !taken.contains(id.as_str())).expect("a log does not have every number");
    id.into()
}

fn conflict(kind: &str, subject: &str, message: &str) -> ConflictLine {
    ConflictLine {
        kind: kind.into(),
        subject: subject.into(),
        expected: None,
        observed: None,
        message: message.into(),
    }
}

/// Reports how an operation ended; what it left alone is what its record says, also after a resume.
pub(super) async fn executed(
    session: &Session,
    id: &OperationId,
    outcome: &Outcome,
) -> Result<ExecuteReport> {
    let (before, after) = (outcome.integrity.before.counts(), outcome.integrity.after.counts());
    let operation = session.history.operation(id);
    let skipped: Vec<SkippedLine> = match operation.and_then(|operation| operation.frame.as_ref()) {
        Some(frame) => session.versions().read_segment(&frame.payload.skipped).await?,
        None => Vec::new(),
    };
    let status = status_of(outcome.end);
    let reversible = status == Status::Completed;
    Ok(ExecuteReport {
        rollback_id: RollbackId::parse(id.as_str()).ok(),
        hotfix_id: operation.and_then(|operation| HotfixId::parse(operation.target.as_str()).ok()),
        plan_id: operation.and_then(|operation| operation.plan_id),
        status,
        applied: outcome.applied.clone(),
        already: outcome.already,
        skipped: Listing::of(skipped),
        broken_links_before: before.broken_links,
        broken_links_after: after.broken_links,
        orphan_count_before: before.orphan_count,
        orphan_count_after: after.orphan_count,
        manifest: outcome.manifest.clone(),
        duration_ms: outcome.worked_ms,
        phases_ms: session.phases_ms.clone(),
        note: None,
        next: match id.kind() {
            OperationKind::Rollback if reversible => vec![
                format!("kfm verify --rollback-id {id}"),
                format!("kfm rollback revert --rollback-id {id} --reason '…'"),
            ],
            OperationKind::Hotfix if reversible => {
                vec![format!("kfm hotfix revert --hotfix-id {id} --reason '…'")]
            }
            _ => Vec::new(),
        },
    })
}

/// Reports that there was nothing to do, with the catalog as it stands.
async fn executed_nothing(
    session: &Session,
    note: impl Into<String>,
    rollback_id: Option<RollbackId>,
) -> Result<ExecuteReport> {
    let now = crate::assess::catalog_now(session).await?.census().counts();
    Ok(ExecuteReport {
        broken_links_before: now.broken_links,
        broken_links_after: now.broken_links,
        orphan_count_before: now.orphan_count,
        orphan_count_after: now.orphan_count,
        ..ExecuteReport::of_nothing(note, rollback_id)
    })
}

impl ExecuteReport {
    /// Reports that there was nothing to do, and which rollback did it before.
    fn of_nothing(note: impl Into<String>, rollback_id: Option<RollbackId>) -> Self {
        Self {
            rollback_id,
            hotfix_id: None,
            plan_id: None,
            status: Status::Completed,
            applied: CellCount::default(),
            already: 0,
            skipped: Listing::default(),
            broken_links_before: 0,
            broken_links_after: 0,
            orphan_count_before: 0,
            orphan_count_after: 0,
            manifest: None,
            duration_ms: 0,
            phases_ms: std::collections::BTreeMap::new(),
            note: Some(note.into()),
            next: Vec::new(),
        }
    }
}

/// Reports a plan without steps: what is left alone, and why.
async fn nothing_report(
    session: &Session,
    wanted: &Wanted,
    note: String,
    skipped: Vec<SkippedLine>,
) -> Result<PlanReport> {
    let now = crate::assess::catalog_now(session).await?.census().counts();
    let empty = crate::scope::scope_digest([]);
    let next = status::owner_commands(&skipped);
    Ok(PlanReport {
        plan_id: empty,
        content_id: empty,
        path: None,
        rollback_id: None,
        correction: None,
        publish_id: wanted.target.clone(),
        reverts: wanted.reverts.clone(),
        status: Status::Planned,
        steps: Listing::default(),
        skipped: Listing::of(skipped),
        scope: Default::default(),
        dependents: Vec::new(),
        risk_level: "low".into(),
        risk_reasons: vec![note],
        tier: crate::assess::DOCUMENT_TIER,
        approvals_needed: Vec::new(),
        decision: crate::report::DecisionLine {
            allowed: true,
            policy_snapshot_ref: session.policy.snapshot_ref(),
            rules: 0,
            entities: 0,
            links: 0,
        },
        findings: Listing::default(),
        broken_links_before: now.broken_links,
        broken_links_planned: now.broken_links,
        orphan_count_before: now.orphan_count,
        orphan_count_planned: now.orphan_count,
        returned: 0,
        next,
    })
}
