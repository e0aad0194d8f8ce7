//! `kfm rollback`: plan, rehearse, execute, resume, revert; and where each rollback stands.

mod dry_run;
mod execute;
pub(crate) mod list;
mod plan;
mod resume;
mod revert;
pub(crate) mod show;
mod status;

use clap::{Args, Subcommand};
use kfm_lineage::IdKind;
use kfm_rollback::{PlanTarget, Platform};

use crate::context::Context;
use crate::error::Result;
use crate::ids;
use crate::output::Answer;

pub(crate) use execute::{executed, planned_as_shown, show_and_ask};
#[cfg(test)]
pub(crate) use execute::{heading, question};
pub(crate) use plan::{plan_screen, show_steps, what};
pub(crate) use status::Stands;

/// Commands of `kfm rollback`.
#[derive(Debug, Subcommand)]
pub(crate) enum Rollback {
    /// Make and store a plan; changes nothing that readers see
    Plan(plan::Plan),
    /// Check a plan against the live stores; writes nothing
    DryRun(dry_run::DryRun),
    /// Execute a plan, then verify
    Execute(execute::Execute),
    /// Go on with an unfinished rollback, or back to what was before
    Resume(resume::Resume),
    /// Show where a rollback stands, what it waits for, what to do
    Status(status::Status),
    /// List every rollback, in the log's order
    List,
    /// Show one rollback, its steps and its manifest
    Show(show::Show),
    /// Undo a rollback, as a rollback
    Revert(revert::Revert),
}

impl Rollback {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        match self {
            Self::Plan(command) => command.run(cx).await,
            Self::DryRun(command) => command.run(cx).await,
            Self::Execute(command) => command.run(cx).await,
            Self::Resume(command) => command.run(cx).await,
            Self::Status(command) => command.run(cx).await,
            Self::List => list::run(cx).await,
            Self::Show(command) => command.run(cx).await,
            Self::Revert(command) => command.run(cx).await,
        }
    }
}

/// What to rehearse or execute: a publish, which is planned first, or a plan.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// The publish to undo (its id, a unique prefix of it, or latest), or a plan's id
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// The publish, by its flag
    #[arg(long, value_name = "ID")]
    publish_id: Option<String>,
    /// A plan: its id, a unique prefix of it, or the file it was written to
    #[arg(long, value_name = "ID|FILE")]
    plan: Option<String>,
}

impl Target {
    /// Returns what was asked for, with `latest` resolved.
    async fn resolved(&self, cx: &Context<'_>, platform: &Platform) -> PlanTarget {
        let publish = match (&self.plan, &self.publish_id, &self.id) {
            (Some(plan), ..) => return PlanTarget::Plan(plan.clone()),
            (None, None, Some(id)) if names_plan(id) => return PlanTarget::Plan(id.clone()),
            (None, publish, id) => publish.as_ref().or(id.as_ref()).cloned().unwrap_or_default(),
        };
        PlanTarget::Publish(ids::newest(cx, platform, IdKind::Publish, publish).await)
    }
}

/// Says whether an id without a flag can only be a plan's: its digest, or the id of the operation that it opens.
fn names_plan(id: &str) -> bool {
    ["jcs-sha256:", "rb_", "hf_"].iter().any(|prefix| id.starts_with(prefix))
}

/// Options to go on although the log or the stores lack something (R46).
#[derive(Debug, Clone, Args)]
struct Force {
    /// Go on although artefacts are missing; raises the risk
    #[arg(long, requires = "justification")]
    force: bool,
    /// Why that is right, for the ledger
    #[arg(long, value_name = "TEXT", requires = "force", value_parser = crate::cli::not_empty)]
    justification: Option<String>,
}

/// Cells to leave alone.
#[derive(Debug, Clone, Args)]
struct Skip {
    /// Leave these cells alone, by key
    #[arg(long, value_name = "KEY", num_args = 1..)]
    skip: Vec<String>,
}
