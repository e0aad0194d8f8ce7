//! `kfm approve`: a signature over a plan, a role and an expiry (R64).

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::not_empty;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::{Answer, words};
use crate::prompt::{Question, confirm};

use super::approvals;
use super::plan::shown;
use super::rollback::what;

/// Arguments of `kfm approve`.
#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The plan's id, or a unique prefix of it
    #[arg(value_name = "PLAN_ID")]
    plan: String,
    /// The principal that approves
    #[arg(long = "as", value_name = "NAME", value_parser = not_empty)]
    principal: String,
    /// The role in which the principal approves
    #[arg(long, value_name = "ROLE", value_parser = not_empty)]
    role: String,
    /// The file of the private key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// How long the approval counts, such as 24h or 7d [default: as the policy says]
    #[arg(long, value_name = "TIME", value_parser = time_span)]
    expires_in: Option<Duration>,
    /// Do not ask, on a terminal
    #[arg(long)]
    yes: bool,
}

impl Approve {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let key = std::fs::read_to_string(&self.key).map_err(|error| Failure::file(&self.key, &error))?;
        if cx.is_rehearsal() {
            return approvals::answer(cx, &cx.platform_to_rehearse().await?.approvals(&self.plan).await?, "");
        }
        let platform = cx.platform_to_change().await?;
        if !self.yes && cx.can_ask() {
            let plan = platform.plan_show(&self.plan).await?;
            let text = format!(
                "Sign as {} ({}): {}?",
                self.principal,
                self.role,
                words::cells_by(plan.plan.steps.total, &plan.plan.steps.by_domain)
            );
            let later = format!("kfm plan show {}", plan.plan.plan_id);
            let heading = format!("Approval of a plan. {}", what(&plan.plan));
            confirm(cx, &Question { heading: &heading, screen: &shown(&plan), text: &text, later })?;
        }
        let report = platform.approve(&self.plan, &self.principal, &self.role, &key, self.expires_in).await?;
        approvals::answer(cx, &report, "Signed. ")
    }
}

/// Parses a time span: a number and one of s, m, h, d.
fn time_span(text: &str) -> std::result::Result<Duration, String> {
    let wrong = || "expected a number and one of s, m, h, d, such as 24h".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    match number.checked_mul(seconds) {
        Some(seconds @ 1..) => Ok(Duration::from_secs(seconds)),
        _ => Err("expected a time between 1s and what a clock can hold".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_span_has_a_number_and_a_unit() {
        assert_eq!(time_span("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(time_span("7d"), Ok(Duration::from_secs(604_800)));
        for wrong in ["", "h", "24", "-1h", "1w", "0s", "99999999999999999999h", "1é"] {
            assert!(time_span(wrong).is_err(), "{wrong}");
        }
    }
}
