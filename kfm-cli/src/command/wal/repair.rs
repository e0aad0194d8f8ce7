//! `kfm wal repair`: shows what an interrupted append left, or sets it aside; refuses a damaged log.

use clap::Args;
use kfm_rollback::Platform;
use kfm_wal::local::repair::RepairPlan;
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::{Answer, Screen, Tone, words};
use crate::shell;

/// Arguments of `kfm wal repair`.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Repair {
    /// Show what would be set aside, and change nothing
    #[arg(long)]
    plan: bool,
    /// Set it aside and note the repair in the log, as the next command that writes would
    #[arg(long)]
    apply: bool,
}

/// The answer of `kfm wal repair`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Repaired {
    /// What there was to repair.
    plan: RepairPlan,
    /// Whether it was repaired.
    applied: bool,
    /// The file in the log's folder that holds the torn bytes now; left out if the disk was full: then the record
    /// of the repair holds them.
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantined: Option<String>,
}

impl Repair {
    pub(super) async fn run(self, cx: &Context<'_>, platform: &Platform) -> Result<Answer> {
        let plan = platform.wal_repair_plan().await?;
        let apply = self.apply && !cx.is_rehearsal() && !plan.is_empty() && plan.first_bad.is_none();
        let quarantined = if apply { platform.wal_repair().await?.quarantined } else { None };
        let complaint = complaint(&plan);
        let screen = screen(platform, &plan, apply);
        let answer = Repaired { plan, applied: apply, quarantined };
        Ok(Answer::new(&answer, screen)?.complain(complaint))
    }
}

fn screen(platform: &Platform, plan: &RepairPlan, applied: bool) -> Screen {
    let mut screen = match (&plan.first_bad, plan.is_empty(), applied) {
        (Some(_), ..) => Screen::new(Tone::Bad, "The log is damaged, and damage cannot be repaired"),
        (None, true, _) => Screen::new(Tone::Good, "There is nothing to repair"),
        (None, false, true) => Screen::new(Tone::Good, "The end of the log is repaired"),
        (None, false, false) => Screen::new(Tone::Warn, "The log ends in an append that never finished"),
    };
    screen.fact("place", shell::place(platform.wal_place()));
    if let Some(torn) = &plan.torn {
        screen.fact("torn", format!("{} at byte {}", words::count(torn.bytes, "byte"), torn.offset));
        screen.fact("segment", &torn.segment);
        screen.fact(if applied { "set aside" } else { "goes to" }, &torn.quarantine);
    }
    screen.fact_if("not sealed", plan.unsealed.as_ref());
    if let Some(bad) = &plan.first_bad {
        screen.fact("damaged at", format!("{}, byte {}, record {}", bad.segment, bad.offset, bad.lsn));
        screen.fact("damage", bad.class);
    }
    if !applied && !plan.is_empty() && plan.first_bad.is_none() {
        screen.next(&["kfm wal repair --apply".to_owned()]);
    }
    screen
}

fn complaint(plan: &RepairPlan) -> Option<Failure> {
    let bad = plan.first_bad.as_ref()?;
    let (segment, offset, class) = (&bad.segment, bad.offset, bad.class);
    let message = format!("log is damaged: segment={segment} offset={offset} class={class}");
    let hint = "restore the log from a backup: what was durable once is never cut off";
    Some(Failure::findings(message).with_hint(hint).with_next(["kfm wal inspect".to_owned()]))
}
