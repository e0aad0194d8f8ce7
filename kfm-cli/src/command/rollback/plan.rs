//! `kfm rollback plan`, and the screen of a plan.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kfm_lineage::IdKind;
use kfm_rollback::report::{Listing, PlanReport, SkippedLine, StepLine};
use kfm_rollback::{DryRunRequest, PlanRequest, PlanTarget};

use crate::cli::free_text;
use crate::context::Context;
use crate::error::Result;
use crate::ids::{self, PublishArg};
use crate::output::findings::finding_list;
use crate::output::{Answer, LIST_LINES_MAX, Screen, Tone, words};
use crate::{say, shell};

use super::{Force, Skip};

/// Arguments of `kfm rollback plan`.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    publish: PublishArg,
    /// Also write the plan to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// hide each document that must be masked and cannot be; otherwise the plan is denied
    #[arg(long, value_enum, value_name = "WHAT", hide_possible_values = true)]
    on_unmaskable: Option<OnUnmaskable>,
    #[command(flatten)]
    skip: Skip,
    #[command(flatten)]
    force: Force,
    /// Why, for the plan's record
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, value_parser = free_text)]
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OnUnmaskable {
    Hide,
}

impl Plan {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let rehearses = cx.is_rehearsal();
        let platform = cx.platform_to_change_or_rehearse(rehearses).await?;
        let publish = ids::newest(cx, &platform, IdKind::Publish, self.publish.text()).await;
        if rehearses {
            if let Some(out) = &self.out {
                platform.refuse_plan_file(out)?;
            }
            let request = DryRunRequest {
                skip: self.skip.skip,
                force: self.force.justification,
                hide_unmaskable: matches!(self.on_unmaskable, Some(OnUnmaskable::Hide)),
                ..DryRunRequest::new(PlanTarget::Publish(publish))
            };
            return super::dry_run::planned(cx, platform.rehearse(request).await?);
        }
        let request = PlanRequest {
            publish,
            out: self.out,
            hide_unmaskable: matches!(self.on_unmaskable, Some(OnUnmaskable::Hide)),
            skip: self.skip.skip,
            force: self.force.justification,
            reason: self.reason,
        };
        let report = platform.plan(request).await?;
        let mut screen = plan_screen(&report);
        screen.next(&cx.commands(&report.next));
        Answer::with_next(cx, &report, screen)
    }
}

/// Shows a plan: what would move, what would stay, what policy says; without the commands to run next.
pub(crate) fn plan_screen(plan: &PlanReport) -> Screen {
    let mut screen = Screen::new(headline_tone(plan), headline(plan));
    // The id of a plan that is not stored cannot be used later.
    if plan.path.is_some() {
        screen.fact("plan", plan.plan_id).fact_if("rollback", plan.rollback_id.as_ref());
    }
    screen
        .fact_if("reverts", plan.reverts.as_ref())
        .fact_if("stored at", plan.path.as_ref().map(shell::place));
    if let Some(correction) = &plan.correction {
        let change = correction.written().map_or_else(
            || "values not shown, they are protected".to_owned(),
            |(from, to)| words::from_to(&from, &to),
        );
        screen.fact("corrects", format!("{}: {change}", correction.field));
    }
    let scope = &plan.scope;
    screen.fact(
        "scope",
        [
            words::count(scope.items, "item"),
            words::count(scope.collections, "collection"),
            words::count(scope.derivatives, "derivative"),
            words::count(scope.read_models, "read model"),
        ]
        .join(", "),
    );
    let why = plan.risk_reasons.join("; ");
    let why = if why.is_empty() { why } else { format!(": {why}") };
    screen.fact("risk", format!("{}, tier {}{why}", plan.risk_level, plan.tier));
    let approvals = plan.approvals_needed.join("; ");
    screen.fact("approvals", if approvals.is_empty() { "none needed" } else { &approvals });
    screen.fact("broken links", words::change(plan.broken_links_before, plan.broken_links_planned));
    screen.fact("orphans", words::change(plan.orphan_count_before, plan.orphan_count_planned));
    if plan.returned > 0 {
        screen.fact(
            "coming back",
            format!("{}, there before the publish", words::count(plan.returned, "break or orphan")),
        );
    }
    show_steps(&mut screen, &plan.steps);
    show_skipped(&mut screen, &plan.skipped);
    if !plan.dependents.is_empty() {
        screen.heading("later operations derived from it");
    }
    for dependent in plan.dependents.iter().take(LIST_LINES_MAX) {
        screen.item(Tone::Warn, dependent.as_str());
    }
    screen.more(plan.dependents.len().saturating_sub(LIST_LINES_MAX) as u64, None);
    if !plan.foreign.is_empty() {
        screen.heading("changed by another hand: it cannot be executed as long as these stand");
        for line in plan.foreign.iter().take(LIST_LINES_MAX) {
            screen.item(Tone::Warn, &line.subject);
        }
        screen.more(plan.foreign.len().saturating_sub(LIST_LINES_MAX) as u64, None);
        screen.detail(
            "look at them, and record them by 'kfm reconcile --adopt'; or leave them alone by '--skip KEY'",
        );
    }
    let denying = plan.findings.groups.iter().filter(|group| group.of.denies == Some(true));
    let denying: u64 = denying.map(|group| group.total).sum();
    let heading = if denying == 0 { ", none denies".to_owned() } else { format!(", {denying} deny") };
    finding_list(&mut screen, &heading, &plan.findings);
    screen
}

/// Names what a plan does: a rollback, a revert or a hotfix, and of what.
pub(crate) fn what(plan: &PlanReport) -> String {
    match (&plan.correction, &plan.reverts) {
        (Some(correction), _) => format!("Hotfix of {}", correction.scope),
        (None, Some(rollback)) => format!("Revert of {rollback}"),
        (None, None) => format!("Rollback of {}", plan.publish_id),
    }
}

fn headline(plan: &PlanReport) -> String {
    let what = what(plan);
    match plan.steps.total {
        0 => format!("{what}: nothing to do"),
        total => format!(
            "{what}: {} to move, {}",
            words::count(total, "cell"),
            plan.status.as_str().replace('_', " ")
        ),
    }
}

fn headline_tone(plan: &PlanReport) -> Tone {
    use kfm_rollback::report::Status;
    match plan.status {
        Status::Denied => Tone::Bad,
        Status::AwaitingApproval => Tone::Warn,
        _ if plan.findings.total > 0 || plan.skipped.total > 0 || !plan.foreign.is_empty() => Tone::Warn,
        _ => Tone::Good,
    }
}

/// Shows steps by store and action, with samples of each group; the counts are of all steps.
pub(crate) fn show_steps(screen: &mut Screen, steps: &Listing<StepLine>) {
    for group in steps.groups.iter().take(LIST_LINES_MAX) {
        let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let (action, store, domain) = (word(&group.of.action), word(&group.of.store), word(&group.of.domain));
        let number = words::count(group.total, "cell");
        screen.heading(format!("{action} {number} in {store} ({domain})"));
        for step in &group.first {
            let values = match action.as_str() {
                "project" => "projected from the documents when it is executed".to_owned(),
                _ => format!("{} -> {}", words::short_value(&step.from), words::short_value(&step.to)),
            };
            screen.row([step.key.as_str(), &values]);
        }
        let more = group.total.saturating_sub(group.first.len() as u64);
        if more > 0 {
            screen.item(Tone::Dim, format!("and {} more like these", words::number(more)));
        }
    }
    screen.more(steps.groups.len().saturating_sub(LIST_LINES_MAX) as u64, None);
    if let Some(all) = &steps.all
        && steps.total > steps.first.len() as u64
    {
        screen.item(Tone::Dim, format!("every one, a line each: {}", say::command_line(all)));
    }
}

/// Shows the cells that are left alone, by reason and owner.
pub(crate) fn show_skipped(screen: &mut Screen, skipped: &Listing<SkippedLine>) {
    if skipped.total == 0 {
        return;
    }
    screen.heading(format!("left alone: {}", words::count(skipped.total, "cell")));
    for group in skipped.groups.iter().take(LIST_LINES_MAX) {
        let why = group.of.why.as_deref().unwrap_or("-");
        let owner = group.of.by.as_ref().map(|owner| format!(" by {owner}")).unwrap_or_default();
        match group.first.as_slice() {
            [only] if group.total == 1 => {
                screen.item(Tone::Warn, format!("{}  {why}{owner}", only.key));
            }
            samples => {
                let store = group.of.store.as_deref().unwrap_or("-");
                let cells = words::count(group.total, "cell");
                screen.item(Tone::Warn, format!("{cells} of {store}  {why}{owner}"));
                for sample in samples {
                    screen.detail(&sample.key);
                }
                let more = group.total.saturating_sub(samples.len() as u64);
                if more > 0 {
                    screen.detail(format!("and {} more", words::number(more)));
                }
            }
        }
    }
    screen.more(skipped.groups.len().saturating_sub(LIST_LINES_MAX) as u64, skipped.all.as_ref());
}
