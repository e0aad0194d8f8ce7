//! `kfm adopt`: what already stands in the stores becomes known to the log.

use clap::Args;
use kfm_rollback::report::{AdoptReport, Status};
use serde::Serialize;

use crate::cli::free_text;
use crate::context::Context;
use crate::error::Result;
use crate::output::findings::finding_list;
use crate::output::{Answer, Screen, Tone, words};

/// Arguments of `kfm adopt`.
#[derive(Debug, Args)]
pub(crate) struct Adopt {
    /// Only this store
    #[arg(long, value_name = "NAME")]
    store: Option<String>,
    /// Leave graph, search and cache to 'kfm project'
    #[arg(long)]
    no_project: bool,
    /// Why; it is recorded in the log
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, value_parser = free_text)]
    reason: Option<String>,
}

impl Adopt {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        if cx.is_rehearsal() {
            return rehearse(&cx.platform_to_rehearse().await?.adopt_rehearse(self.store.as_deref()).await?);
        }
        let platform = cx.platform_to_change().await?;
        let (store, reason) = (self.store.as_deref(), self.reason.as_deref());
        let report = match self.no_project {
            true => platform.adopt_alone(store, reason).await?,
            false => platform.adopt(store, reason).await?,
        };
        let mut screen = match &report.publish_id {
            Some(id) => {
                let mut screen =
                    Screen::new(Tone::Good, "Adopted what stood in the stores; no document was moved");
                screen.fact("publish", id);
                screen
            }
            None => Screen::new(Tone::Good, "Nothing to adopt: the log knows every value"),
        };
        screen.fact("documents", report.documents).fact("cells", words::cells(&report.cells));
        super::project::projected(&mut screen, report.projection.as_ref());
        finding_list(&mut screen, ": none stops the adoption", &report.findings);
        screen.next(&cx.commands(&report.next));
        Answer::with_next(cx, &report, screen)
    }
}

/// Says what would be recorded, without recording it.
fn rehearse(report: &AdoptReport) -> Result<Answer> {
    let cells = words::count(report.cells.total, "value");
    let mut screen = Screen::new(Tone::Plain, format!("Would record {cells}; nothing was written"));
    finding_list(&mut screen, ": none stops the adoption", &report.findings);
    Answer::new(&Rehearsed { report, status: Status::DryRun }, screen)
}

/// Answer of a rehearsal.
#[derive(Serialize)]
struct Rehearsed<'a> {
    #[serde(flatten)]
    report: &'a AdoptReport,
    status: Status,
}
