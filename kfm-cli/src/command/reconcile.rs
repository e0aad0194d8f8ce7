//! `kfm reconcile`: values that changed behind the log's back.

use clap::Args;
use kfm_rollback::Platform;
use kfm_rollback::report::ReconcileReport;

use crate::context::Context;
use crate::error::Result;
use crate::output::findings::finding_list;
use crate::output::{Answer, Screen, Tone, words};

/// Arguments of `kfm reconcile`.
#[derive(Debug, Args)]
pub(crate) struct Reconcile {
    /// Record the foreign values as a publish, and mend what the derived stores show
    #[arg(long)]
    adopt: bool,
}

impl Reconcile {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        if !self.adopt {
            return list(cx, &cx.platform().await?).await;
        }
        if cx.is_rehearsal() {
            return answer(cx, cx.platform_to_rehearse().await?.reconcile_rehearse().await?);
        }
        let report = cx.platform_to_change().await?.reconcile(true).await?;
        answer(cx, report)
    }
}

/// Lists the foreign values and changes nothing.
pub(crate) async fn list(cx: &Context<'_>, platform: &Platform) -> Result<Answer> {
    answer(cx, platform.reconcile(false).await?)
}

fn answer(cx: &Context<'_>, report: ReconcileReport) -> Result<Answer> {
    let foreign = words::count(report.foreign.total, "value");
    let mut screen = match (&report.publish_id, report.foreign.total) {
        (_, 0) if report.projection.is_some() => {
            Screen::new(Tone::Good, "The derived stores show again what the documents say")
        }
        (_, 0) if report.findings.by_rule.contains_key("ORP-3") => Screen::new(
            Tone::Warn,
            "The catalog holds what the log says, and derived stores show something else",
        ),
        (_, 0) => Screen::new(Tone::Good, "The stores hold what the log says"),
        (Some(_), _) => Screen::new(Tone::Good, format!("Recorded {foreign} that the log did not know")),
        (None, _) => Screen::new(Tone::Warn, format!("{foreign} that the log does not know")),
    };
    screen.fact_if("publish", report.publish_id.as_ref());
    super::project::projected(&mut screen, report.projection.as_ref());
    if report.foreign.total > 0 {
        screen.heading("foreign");
    }
    screen.list(&report.foreign, |screen, cell| {
        screen.item(Tone::Warn, format!("{} {}  {}", cell.domain, cell.store, cell.key));
        screen.detail(format!(
            "the log knows {}, the store holds {}",
            words::short_value(&cell.known),
            words::short_value(&cell.observed)
        ));
    });
    finding_list(&mut screen, "", &report.findings);
    screen.next(&cx.commands(&report.next));
    Answer::with_next(cx, &report, screen)
}
