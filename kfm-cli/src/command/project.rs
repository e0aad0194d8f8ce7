//! `kfm project`: makes graph, search and cache what the documents say.

use clap::Args;
use kfm_rollback::Project as Request;
use kfm_rollback::report::{ProjectionLine, PublishReport, Status};

use crate::cli::{free_text, not_empty};
use crate::context::Context;
use crate::error::Result;
use crate::output::findings::finding_list;
use crate::output::{Answer, Screen, Tone, words};

/// Arguments of `kfm project`.
#[derive(Debug, Args)]
pub(crate) struct Project {
    /// Only this derived store
    #[arg(long, value_name = "NAME", value_parser = not_empty)]
    store: Option<String>,
    /// Only the documents of this collection
    #[arg(long, value_name = "ID", value_parser = not_empty)]
    collection: Option<String>,
    /// Why; it is recorded in the log
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, value_parser = free_text)]
    reason: Option<String>,
    /// Say what would be moved, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Project {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let dry_run = self.dry_run || cx.is_rehearsal();
        let platform = cx.platform_to_change_or_rehearse(dry_run).await?;
        let request =
            Request { store: self.store, collection: self.collection, reason: self.reason, dry_run };
        let report = platform.project(request).await?;
        let mut screen = screen(&report);
        if report.status == Status::Completed && report.publish_id.is_some() {
            screen.next(&cx.runnable(&["kfm catalog check".to_owned()]));
        }
        Answer::with_next(cx, &report, screen)
    }
}

fn screen(report: &PublishReport) -> Screen {
    let cells = words::cells(&report.steps);
    let mut screen = match report.status {
        _ if report.steps.total == 0 => {
            Screen::new(Tone::Good, "Nothing differs: the derived stores show what the documents say")
        }
        Status::DryRun => Screen::new(Tone::Plain, format!("Would project {cells}; nothing was written")),
        Status::Completed => Screen::new(Tone::Good, format!("Projected {cells}; no document moved")),
        status => Screen::new(Tone::Warn, format!("The projection is {status}")),
    };
    screen.fact_if("publish", report.publish_id.as_ref());
    if report.steps.total > 0 {
        screen.fact_if("took", words::took(report.duration_ms));
    }
    finding_list(&mut screen, ": none stops the projection", &report.findings);
    screen
}

/// Says what an adoption or a reconcile projected.
pub(super) fn projected(screen: &mut Screen, projection: Option<&ProjectionLine>) {
    screen.fact_if("projected", projection.map(|projection| words::cells(&projection.cells)));
}
