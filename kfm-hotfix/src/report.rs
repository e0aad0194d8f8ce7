//! The engine's reports in a hotfix's words.

use kfm_lineage::HotfixId;
use kfm_rollback::Remedy;
use kfm_rollback::report::{
    CellCount, Conflicts, DryRunReport, ExecuteReport, HotfixReport, Listing, OperationLine, PlanReport,
    Status,
};

/// Reports the result of executing a hotfix, of resuming it, or of taking it back.
pub fn report_of(done: ExecuteReport) -> HotfixReport {
    HotfixReport {
        hotfix_id: done.hotfix_id,
        rollback_id: done.rollback_id,
        plan_id: done.plan_id,
        matches: documents_of(&done.applied) + done.skipped.total,
        changed: done.applied,
        already: done.already,
        skipped: done.skipped.total,
        protected: done.protected,
        approvals_spent: done.approvals_spent,
        manifest: done.manifest,
        note: done.note,
        next: done.next,
        ..empty(done.status)
    }
}

/// Reports where a hotfix stands that is not resumed now.
pub fn report_of_line(line: OperationLine) -> HotfixReport {
    HotfixReport {
        hotfix_id: HotfixId::parse(line.id.as_str()).ok(),
        plan_id: line.plan_id,
        note: line.held_reason,
        next: line.next,
        ..empty(line.status)
    }
}

/// Reports what taking a hotfix back would do.
pub(crate) fn report_of_rehearsal(rehearsal: DryRunReport) -> HotfixReport {
    let plan = &rehearsal.plan;
    let report = HotfixReport {
        hotfix_id: HotfixId::parse(plan.publish_id.as_str()).ok(),
        skipped: plan.skipped.total,
        ready: Some(rehearsal.ready),
        next: next_of_rehearsal(&rehearsal),
        ..empty(Status::DryRun)
    };
    let report = HotfixReport { against: rehearsal.against.clone(), ..judged(report, plan) };
    HotfixReport { matches: documents_of(&report.changed) + report.skipped, ..report }
}

/// Adds what policy said about the plan.
pub(crate) fn judged(report: HotfixReport, plan: &PlanReport) -> HotfixReport {
    HotfixReport {
        content_id: Some(plan.content_id),
        changed: CellCount { total: plan.steps.total, by_domain: plan.steps.by_domain.clone() },
        risk_level: Some(plan.risk_level.clone()),
        approvals_needed: plan.approvals_needed.clone(),
        findings: plan.findings.clone(),
        ..report
    }
}

/// Returns what removes what stands against the hotfix.
pub(crate) fn next_of_rehearsal(rehearsal: &DryRunReport) -> Vec<Remedy> {
    let is_foreign = rehearsal.against.conflicts.iter().any(|conflict| conflict.kind == "foreign");
    match (is_foreign, rehearsal.plan.steps.total) {
        (true, _) => vec![Remedy::ListForeign],
        // It was refused before it could be planned; the refusal says what to do.
        (false, 0) => rehearsal.plan.next.clone(),
        (false, _) => Vec::new(),
    }
}

fn documents_of(cells: &CellCount) -> u64 {
    cells.by_domain.get("stac").copied().unwrap_or_default()
}

/// Makes a report that has only a status.
pub(crate) fn empty(status: Status) -> HotfixReport {
    HotfixReport {
        hotfix_id: None,
        rollback_id: None,
        plan_id: None,
        content_id: None,
        status,
        matches: 0,
        changed: CellCount::default(),
        already: 0,
        skipped: 0,
        others: 0,
        protected: Listing::default(),
        risk_level: None,
        approvals_needed: Vec::new(),
        ready: None,
        against: Conflicts::default(),
        changes: Listing::default(),
        findings: Listing::default(),
        approvals_spent: 0,
        manifest: None,
        note: None,
        next: Vec::new(),
    }
}
