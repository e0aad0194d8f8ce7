//! The answer after an execution, and the answer if there was nothing to do.

use kfm_lineage::integrity::CensusCounts;
use kfm_lineage::{HotfixId, IdKind, OperationId, RollbackId, Status};
use kfm_policy::Remedy;

use crate::around::{Moment, censuses};
use crate::error::{Result, text_of};
use crate::execute::Outcome;
use crate::plan::Wanted;
use crate::remedy;
use crate::report::{CellCount, ExecuteReport, FIRST_MAX, Listing, PlanReport, SkippedLine};
use crate::session::Session;

/// Reports how an operation ended. The cells that it left alone are those of its record, also after a resume.
pub(in crate::verbs) async fn executed(
    session: &Session,
    id: &OperationId,
    outcome: &Outcome,
) -> ExecuteReport {
    let (before, after) = (outcome.integrity.before.counts(), outcome.integrity.after.counts());
    let operation = session.history.operation(id);
    let (skipped, note): (Vec<SkippedLine>, _) =
        match operation.and_then(|operation| operation.frame.as_ref()) {
            None => (Vec::new(), None),
            // The operation has ended, so a list that cannot be read for the answer is said in the note, and is not
            // an error.
            Some(frame) => match session.versions().read_segment(&frame.payload.skipped).await {
                Ok(skipped) => (skipped, None),
                Err(error) => {
                    (Vec::new(), Some(format!("what was left alone cannot be listed, {}", text_of(&error))))
                }
            },
        };
    let status = Status::from(outcome.end);
    let reversible = status == Status::Completed;
    let plan = operation.and_then(|operation| operation.plan_id);
    let approvals_spent =
        plan.filter(|_| !reversible).map_or(0, |plan| session.history.approvals(&plan).count());
    ExecuteReport {
        rollback_id: RollbackId::parse(id.as_str()).ok(),
        hotfix_id: operation.and_then(|operation| HotfixId::parse(operation.target.as_str()).ok()),
        plan_id: plan,
        status,
        applied: outcome.applied.clone(),
        already: outcome.already,
        skipped: Listing::of(skipped),
        protected: outcome.protected(FIRST_MAX),
        broken_links_before: before.broken_links,
        broken_links_after: after.broken_links,
        orphan_count_before: before.orphan_count,
        orphan_count_after: after.orphan_count,
        approvals_spent: approvals_spent as u64,
        manifest: outcome.manifest.clone(),
        duration_ms: outcome.worked_ms,
        phases_ms: session.phases_ms.clone(),
        note,
        next: match id.kind() {
            IdKind::Rollback | IdKind::Hotfix if reversible => {
                vec![Remedy::VerifyOperation { operation: id.clone() }, Remedy::undo(id)]
            }
            _ => Vec::new(),
        },
    }
}

async fn counts_now(session: &Session) -> Result<CensusCounts> {
    let now = censuses(session, &[Moment::now()]).await?.pop();
    Ok(now.unwrap_or_default().counts())
}

/// Reports that there was nothing to do, with the catalog as it stands.
pub(super) async fn executed_nothing(
    session: &Session,
    note: impl Into<String>,
    rollback_id: Option<RollbackId>,
) -> Result<ExecuteReport> {
    let now = counts_now(session).await?;
    Ok(ExecuteReport {
        broken_links_before: now.broken_links,
        broken_links_after: now.broken_links,
        orphan_count_before: now.orphan_count,
        orphan_count_after: now.orphan_count,
        ..ExecuteReport::of_nothing(note, rollback_id)
    })
}

impl ExecuteReport {
    /// Reports that there was nothing to do, and the rollback that had done it before.
    fn of_nothing(note: impl Into<String>, rollback_id: Option<RollbackId>) -> Self {
        Self {
            rollback_id,
            hotfix_id: None,
            plan_id: None,
            status: Status::Completed,
            applied: CellCount::default(),
            already: 0,
            skipped: Listing::default(),
            protected: Listing::default(),
            broken_links_before: 0,
            broken_links_after: 0,
            orphan_count_before: 0,
            orphan_count_after: 0,
            approvals_spent: 0,
            manifest: None,
            duration_ms: 0,
            phases_ms: std::collections::BTreeMap::new(),
            note: Some(note.into()),
            next: Vec::new(),
        }
    }
}

/// Reports a plan without steps, with the cells that are left alone and why.
pub(super) async fn nothing_report(
    session: &Session,
    wanted: &Wanted,
    note: String,
    skipped: Vec<SkippedLine>,
) -> Result<PlanReport> {
    let now = counts_now(session).await?;
    let empty = crate::scope::scope_digest([]);
    let next = remedy::of_owners(&skipped);
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
        foreign: Vec::new(),
        next,
    })
}
