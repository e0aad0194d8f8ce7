//! A hotfix taken back: a rollback of it, answered in a hotfix's words.

use kfm_rollback::report::{ExecuteReport, HotfixReport};
use kfm_rollback::{Platform, Result};

use crate::report::empty;

/// Takes a hotfix back, as a rollback of it; `hotfix` is its id, a unique prefix, or `latest`.
///
/// # Cancel safety
/// As [`Platform::execute`].
///
/// # Errors
/// As [`Platform::revert_hotfix`].
pub async fn revert(platform: &Platform, hotfix: &str, reason: &str) -> Result<HotfixReport> {
    Ok(reverted(platform.revert_hotfix(hotfix, reason).await?))
}

/// Says in a hotfix's words what the rollback of one came to.
pub fn reverted(done: ExecuteReport) -> HotfixReport {
    let documents = done.applied.by_domain.get("stac").copied().unwrap_or_default();
    HotfixReport {
        hotfix_id: done.hotfix_id,
        rollback_id: done.rollback_id,
        plan_id: done.plan_id,
        matches: documents + done.skipped.total,
        changed: done.applied,
        skipped: done.skipped.total,
        manifest: done.manifest,
        note: done.note,
        next: done.next,
        ..empty(done.status)
    }
}
