//! A plan as people and programs read it.

use std::collections::BTreeSet;

use kfm_lineage::{EntityId, Move};

use super::Plan;
use super::draft::Draft;
use crate::entity::entity_in;
use crate::report::{
    DecisionLine, FindingLine, Listing, PlanReport, ScopeCounts, SkippedLine, Status, StepLine,
};
use crate::session::Session;

/// Reports a plan with the draft that it was made from.
pub(crate) fn plan_report(session: &Session, plan: &Plan, draft: &Draft, stored: bool) -> PlanReport {
    let moves: Vec<Move> = draft.moves();
    let derived = draft.derived.iter().map(|derived| StepLine {
        domain: derived.cell.domain.to_string(),
        store: derived.cell.store.clone(),
        unit: derived.unit.clone(),
        key: derived.cell.key.clone(),
        action: "project".into(),
        from: None,
        to: None,
    });
    let known = |step: &Move| step.after.is_some() && was_there(session, step);
    let mut steps = Listing::of(moves.iter().map(|step| step_line(step, known(step))).chain(derived));
    let domains =
        moves.iter().map(|step| step.cell.domain).chain(draft.derived.iter().map(|d| d.cell.domain));
    steps.by_domain = crate::report::CellCount::of(domains).by_domain;
    let versions = session.platform.settings().versions.url.clone();
    let steps = steps.with_file(format!("{versions}#{}", draft.content.steps.digest));
    let status = match (stored, plan.summary.approvals_needed.is_empty()) {
        (false, _) => Status::DryRun,
        (true, true) => Status::Planned,
        (true, false) => Status::AwaitingApproval,
    };
    let path = session.platform.plan_path(&plan.plan_id);
    PlanReport {
        plan_id: plan.plan_id,
        content_id: plan.content_id,
        path: stored.then(|| path.display().to_string()),
        rollback_id: plan.rollback_id(),
        correction: plan.content.correction.clone(),
        publish_id: plan.content.target.clone(),
        reverts: plan.content.reverts.clone(),
        status,
        steps,
        skipped: Listing::of(draft.skipped.iter().cloned()),
        scope: scope_counts(draft),
        dependents: draft.scope.dependents.iter().map(|later| later.operation.clone()).collect(),
        risk_level: plan.summary.risk_level.clone(),
        risk_reasons: draft.decision.risk_reasons.iter().map(|reason| reason.why.clone()).collect(),
        tier: plan.summary.tier,
        approvals_needed: plan.summary.approvals_needed.clone(),
        decision: DecisionLine {
            allowed: draft.decision.allowed,
            policy_snapshot_ref: draft.decision.policy_snapshot_ref,
            rules: draft.decision.census.rules,
            entities: draft.decision.census.entities,
            links: draft.decision.census.links,
        },
        findings: Listing::of(draft.decision.findings.iter().map(FindingLine::from)),
        broken_links_before: plan.summary.broken_links_before,
        broken_links_planned: plan.summary.broken_links_planned,
        orphan_count_before: plan.summary.orphan_count_before,
        orphan_count_planned: plan.summary.orphan_count_planned,
        returned: plan.summary.returned,
        next: next(plan, status),
    }
}

/// Counts what lineage resolved, less what is left alone; read models are found by name (`states.md` section 1).
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

fn next(plan: &Plan, status: Status) -> Vec<String> {
    match status {
        Status::AwaitingApproval => vec![
            format!("kfm approve {} --as NAME --role reviewer --key FILE", plan.plan_id),
            format!("kfm rollback execute --plan {} --reason '…'", plan.plan_id),
        ],
        Status::Planned => vec![
            format!("kfm rollback dry-run --plan {}", plan.plan_id),
            format!("kfm rollback execute --plan {} --reason '…'", plan.plan_id),
        ],
        _ => Vec::new(),
    }
}

fn was_there(session: &Session, step: &Move) -> bool {
    let history = session.history.cell(&step.cell);
    history.is_some_and(|history| history.writes.iter().any(|write| write.step.after == step.after))
}

/// Describes a step; `known` says that its value stood there before.
pub(crate) fn step_line(step: &Move, known: bool) -> StepLine {
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
