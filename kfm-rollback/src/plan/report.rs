//! A plan as a report, for people and programs.

use std::collections::BTreeSet;

use kfm_lineage::{CellId, EntityId, IdKind, Step};
use kfm_policy::Remedy;

use super::draft::Draft;
use super::{Plan, PlanKind};
use crate::entity::entity_in;
use crate::report::{
    DecisionLine, FIRST_MAX, FindingLine, Listing, PlanReport, ScopeCounts, SkippedLine, Status, StepLine,
};
use crate::session::Session;

/// Reports a plan with the draft that it was made from.
pub(crate) fn plan_report(session: &Session, plan: &Plan, draft: &Draft, stored: bool) -> PlanReport {
    plan_report_first(session, plan, draft, stored, FIRST_MAX)
}

/// The same, with at most `first_max` entries of each list.
pub(crate) fn plan_report_first(
    session: &Session,
    plan: &Plan,
    draft: &Draft,
    stored: bool,
    first_max: usize,
) -> PlanReport {
    let cells = PlanCells {
        steps: draft.bare_steps(),
        derived: draft.derived.iter().map(|derived| (derived.cell.clone(), derived.unit.clone())).collect(),
        skipped: draft.skipped.clone(),
    };
    let status = match (stored, plan.summary.approvals_needed.is_empty()) {
        (false, _) => Status::DryRun,
        (true, true) => Status::Planned,
        (true, false) => Status::AwaitingApproval,
    };
    let findings: Vec<_> = draft.decision.findings.iter().map(FindingLine::from).collect();
    report_of(session, plan, cells, Some(draft), findings, status, first_max)
}

/// What a plan moves, feeds and leaves alone.
#[derive(Debug)]
pub(crate) struct PlanCells {
    /// The steps on cells that have owners.
    pub steps: Vec<Step>,
    /// The derived cells that they feed, and the unit of each.
    pub derived: Vec<(CellId, String)>,
    /// The cells that are left alone.
    pub skipped: Vec<SkippedLine>,
}

/// Reports a plan with the cells that it names. A draft of the same change adds what only a draft knows.
pub(crate) fn report_of(
    session: &Session,
    plan: &Plan,
    cells: PlanCells,
    draft: Option<&Draft>,
    findings: Vec<FindingLine>,
    status: Status,
    first_max: usize,
) -> PlanReport {
    let known = |step: &Step| step.after.is_some() && was_there(session, step);
    let own = cells.steps.iter().map(|step| step_line(step, known(step)));
    let derived = cells.derived.into_iter().map(|(cell, unit)| StepLine {
        domain: cell.domain.to_string(),
        store: cell.store.clone(),
        unit,
        key: cell.key.clone(),
        action: "project".into(),
        from: None,
        to: None,
    });
    let mut steps = Listing::of_first(own.chain(derived), first_max);
    let mut skipped = Listing::of_first(cells.skipped, first_max);
    let mut findings = Listing::of_first(findings, first_max);
    let is_stored = status != Status::DryRun;
    let all = all_of(plan, is_stored);
    steps.all = all.clone().filter(|_| steps.total > 0);
    skipped.all = all.clone().filter(|_| skipped.total > 0);
    findings.all = all.filter(|_| findings.total > 0);
    let path = session.platform.plan_path(&plan.plan_id);
    PlanReport {
        plan_id: plan.plan_id,
        content_id: plan.content_id,
        path: (is_stored && path.is_file()).then(|| path.display().to_string()),
        rollback_id: plan.rollback_id(),
        correction: plan.content.correction.clone(),
        publish_id: plan.content.target.clone(),
        reverts: plan.content.reverts.clone(),
        status,
        steps,
        skipped,
        scope: draft.map(scope_counts).unwrap_or_default(),
        dependents: draft
            .map(|draft| draft.scope.dependents.iter().map(|later| later.operation.clone()).collect())
            .unwrap_or_default(),
        risk_level: plan.summary.risk_level.clone(),
        risk_reasons: draft
            .map(|draft| draft.decision.risk_reasons.iter().map(|reason| reason.why.clone()).collect())
            .unwrap_or_default(),
        tier: plan.summary.tier,
        approvals_needed: plan.summary.approvals_needed.clone(),
        decision: DecisionLine {
            allowed: draft.is_none_or(|draft| draft.decision.allowed),
            policy_snapshot_ref: draft
                .map_or(plan.content.policy_snapshot_ref, |draft| draft.decision.policy_snapshot_ref),
            rules: draft.map_or(0, |draft| draft.decision.census.rules),
            entities: draft.map_or(0, |draft| draft.decision.census.entities),
            links: draft.map_or(0, |draft| draft.decision.census.links),
        },
        findings,
        broken_links_before: plan.summary.broken_links_before,
        broken_links_planned: plan.summary.broken_links_planned,
        orphan_count_before: plan.summary.orphan_count_before,
        orphan_count_planned: plan.summary.orphan_count_planned,
        returned: plan.summary.returned,
        foreign: Vec::new(),
        next: next(plan, status),
    }
}

/// What writes every entry. Only a stored plan and the rehearsal of a publish's rollback have one;
/// other rehearsals keep nothing.
fn all_of(plan: &Plan, is_stored: bool) -> Option<Remedy> {
    let target = &plan.content.target;
    match (is_stored, plan.content.kind, target.kind()) {
        (true, ..) => Some(Remedy::ShowPlan { plan: plan.plan_id, entire: true }),
        (false, PlanKind::Rollback, IdKind::Publish) => {
            Some(Remedy::RehearseRollback { operation: target.clone() })
        }
        _ => None,
    }
}

/// Counts what lineage resolved, without the cells that are left alone; read models are found by name
/// (`docs/states.md` section 1).
fn scope_counts(draft: &Draft) -> ScopeCounts {
    let entity = |line: &SkippedLine| entity_in(&line.domain, &line.store, &line.key);
    let skipped: BTreeSet<EntityId> = draft.skipped.iter().map(entity).collect();
    let count = |entities: &BTreeSet<EntityId>| entities.difference(&skipped).count() as u64;
    ScopeCounts {
        items: count(&draft.scope.stac_items),
        collections: count(&draft.scope.collections),
        derivatives: count(&draft.scope.derivatives),
        read_models: count(&draft.scope.read_models) + draft.derived.len() as u64,
    }
}

fn next(plan: &Plan, status: Status) -> Vec<Remedy> {
    let plan = plan.plan_id;
    match status {
        Status::AwaitingApproval => vec![
            Remedy::ShowPlan { plan, entire: false },
            Remedy::ApprovePlan { plan },
            Remedy::ExecutePlan { plan },
        ],
        Status::Planned => vec![Remedy::RehearsePlan { plan }, Remedy::ExecutePlan { plan }],
        _ => Vec::new(),
    }
}

fn was_there(session: &Session, step: &Step) -> bool {
    // A word on a screen: where it is not known, the document is called added.
    let history = session.history.cell(&step.cell).ok().flatten();
    history.is_some_and(|history| history.writes.iter().any(|write| write.step.after == step.after))
}

/// Describes a step; `known` says that its value stood there before.
pub(crate) fn step_line(step: &Step, known: bool) -> StepLine {
    let action = match (step.before, step.after) {
        (None, Some(_)) if known => "restore",
        (None, _) => "add",
        (Some(_), Some(_)) => "replace",
        (Some(_), None) => "retire",
    };
    StepLine {
        domain: step.cell.domain.to_string(),
        store: step.cell.store.clone(),
        unit: step.unit.clone(),
        key: step.cell.key.clone(),
        action: action.into(),
        from: step.before,
        to: step.after,
    }
}
