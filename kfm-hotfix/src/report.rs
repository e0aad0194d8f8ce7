//! A report of nothing yet.

use kfm_rollback::report::{CellCount, HotfixReport, Listing, Status};

/// Makes a report that says nothing but its status.
pub(crate) fn empty(status: Status) -> HotfixReport {
    HotfixReport {
        hotfix_id: None,
        rollback_id: None,
        plan_id: None,
        content_id: None,
        status,
        matches: 0,
        changed: CellCount::default(),
        skipped: 0,
        others: 0,
        risk_level: None,
        approvals_needed: Vec::new(),
        ready: None,
        conflicts: Vec::new(),
        changes: Listing::default(),
        findings: Listing::default(),
        manifest: None,
        note: None,
        next: Vec::new(),
    }
}
