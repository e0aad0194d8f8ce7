//! Takes a hotfix back by rolling it back; the answer is that of a hotfix.

use kfm_rollback::report::HotfixReport;
use kfm_rollback::{PlanTarget, Platform, Result};

use crate::report::{report_of, report_of_rehearsal};

/// Takes a hotfix back by rolling it back; `hotfix` is its id, a unique prefix of it, or `latest`.
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
/// As [`Platform::dry_run`]. A conflict that only stands against it now is not an error; it is in the report.
pub async fn rehearse_revert(platform: &Platform, hotfix: &str) -> Result<HotfixReport> {
    let target = PlanTarget::Hotfix(hotfix.to_owned());
    Ok(report_of_rehearsal(platform.dry_run(target, Vec::new()).await?))
}
