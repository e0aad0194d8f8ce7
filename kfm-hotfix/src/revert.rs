//! A hotfix taken back: a rollback of it, answered in a hotfix's words.

use kfm_rollback::report::HotfixReport;
use kfm_rollback::{PlanTarget, Platform, Result};

use crate::report::{report_of, report_of_rehearsal};

/// Takes a hotfix back, as a rollback of it; `hotfix` is its id, a unique prefix, or `latest`.
///
/// # Cancel safety
/// As [`Platform::execute`].
///
/// # Errors
/// As [`Platform::revert_hotfix`].
pub async fn revert(platform: &Platform, hotfix: &str, reason: &str) -> Result<HotfixReport> {
    Ok(report_of(platform.revert_hotfix(hotfix, reason).await?))
}

/// Says what taking a hotfix back would do, and writes nothing.
///
/// # Errors
/// As [`Platform::dry_run`]; what only stands against it now is in the report.
pub async fn rehearse_revert(platform: &Platform, hotfix: &str) -> Result<HotfixReport> {
    let target = PlanTarget::Hotfix(hotfix.to_owned());
    Ok(report_of_rehearsal(platform.dry_run(target, Vec::new()).await?))
}
