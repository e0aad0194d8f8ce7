//! `kfm publish`: documents of a folder into the catalog, and what follows from them; `list`, `show`, `resume`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kfm_lineage::{IdKind, PublishId, Slug};
use kfm_policy::Remedy;
use kfm_rollback::PublishFolder;
use kfm_rollback::report::{PublishLine, PublishReport, PublishShow, Status, SweepLine};

use crate::cli::free_text;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::ids::{self, OpenPublishArg};
use crate::output::findings::{finding_list, protected_list};
use crate::output::{Answer, Screen, Tone, ndjson, words};
use crate::prompt::{Question, confirm};
use crate::{say, shell};

use super::rollback::show_steps;
use super::status::refuse_ended;

/// Arguments of `kfm publish`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Publish {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    folder: Option<Folder>,
}

/// What to publish.
#[derive(Debug, Args)]
struct Folder {
    /// The folder whose documents (*.json, *.geojson) are compared with the catalog
    #[arg(long, value_name = "DIR", required = true)]
    from: PathBuf,
    /// The pipeline's name, part of the publish's id: a-z, 0-9 and _
    #[arg(long, value_name = "NAME", required = true)]
    pipeline: Slug,
    /// Also retire the documents of the catalog that the folder does not have
    #[arg(long)]
    mirror: bool,
    /// Do not ask when --mirror retires more than a tenth of the catalog, or all of a collection
    #[arg(long)]
    yes: bool,
    /// Say what would be published, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Deny a publish with findings that make the catalog worse
    #[arg(long)]
    strict: bool,
    /// Why; it is recorded in the log
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, value_parser = free_text)]
    reason: Option<String>,
    /// The publish's id, for a pipeline that repeats itself safely [default: made from the time]
    #[arg(long, value_name = "ID")]
    publish_id: Option<PublishId>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List every publish, in the log's order
    List,
    /// Show one publish and what it moved
    Show {
        /// Its id, a unique prefix of it, or latest
        #[arg(value_name = "ID")]
        id: String,
        /// Write every cell, one JSON object a line
        #[arg(long)]
        all: bool,
    },
    /// Go on with an unfinished publish, or back to what was before
    Resume {
        #[command(flatten)]
        publish: OpenPublishArg,
        /// Back to what readers saw before
        #[arg(long)]
        abort: bool,
    },
}

impl Publish {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        match (self.action, self.folder) {
            (Some(Action::List), _) => list(cx).await,
            (Some(Action::Show { id, all }), _) => show(cx, &id, all).await,
            (Some(Action::Resume { publish, .. }), _) if cx.is_rehearsal() => {
                let platform = cx.platform_to_rehearse().await?;
                let id = ids::open_rehearsed(cx, &platform, IdKind::Publish, publish.text()).await?;
                let report = platform.publish_show(&id).await?;
                refuse_ended(report.line.publish_id.as_str(), report.line.status)?;
                shown(cx, report)
            }
            (Some(Action::Resume { publish, abort }), _) => {
                let platform = cx.platform_to_change().await?;
                let id = ids::open(cx, &platform, IdKind::Publish, publish.text()).await;
                answer(cx, &platform.publish_resume(&id, abort).await?, false)
            }
            (None, Some(folder)) => publish(cx, folder).await,
            (None, None) => Err(Failure::usage("say what to publish, with --from and --pipeline").into()),
        }
    }
}

async fn publish(cx: &Context<'_>, folder: Folder) -> Result<Answer> {
    let dry_run = folder.dry_run || cx.is_rehearsal();
    let platform = cx.platform_to_change_or_rehearse(dry_run).await?;
    let later = folder.command_line();
    let mut request = PublishFolder {
        from: folder.from,
        pipeline: folder.pipeline,
        mirror: folder.mirror,
        may_sweep: folder.yes,
        dry_run,
        strict: folder.strict.then_some(true),
        reason: folder.reason,
        publish_id: folder.publish_id,
    };
    if request.mirror && !request.may_sweep && !dry_run && cx.can_ask() {
        let rehearsed = platform.publish_folder(PublishFolder { dry_run: true, ..request.clone() }).await?;
        if let Some(sweep) = &rehearsed.sweep {
            let text = format!("{}: publish it?", sweep_words(sweep));
            let heading = format!(
                "Mirror of {}: will publish {}",
                request.from.display(),
                words::cells(&rehearsed.steps)
            );
            let screen = screen(&rehearsed, true);
            confirm(cx, &Question { heading: &heading, screen: &screen, text: &text, later })?;
            request.may_sweep = true;
        }
    }
    answer(cx, &platform.publish_folder(request).await?, dry_run)
}

impl Folder {
    /// Returns the command that publishes this later, without asking.
    fn command_line(&self) -> String {
        let from = self.from.display().to_string();
        let mut words =
            vec!["kfm", "publish", "--from", &from, "--pipeline", self.pipeline.as_str(), "--mirror"];
        words.extend(self.strict.then_some("--strict"));
        words.extend(self.reason.iter().flat_map(|reason| ["--reason", reason]));
        words.extend(self.publish_id.iter().flat_map(|id| ["--publish-id", id.as_str()]));
        words.push("--yes");
        shell::line(words)
    }
}

/// Says how much a mirror retires: `Retires 9 of 10 documents, all of these collections: a, b`.
fn sweep_words(sweep: &SweepLine) -> String {
    let retires = format!("Retires {} of {}", sweep.retires, words::count(sweep.documents, "document"));
    let more = match sweep.emptied_total.saturating_sub(sweep.collections.len() as u64) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match sweep.collections.as_slice() {
        [] => retires,
        named => format!("{retires}, all of these collections: {}{more}", named.join(", ")),
    }
}

fn answer(cx: &Context<'_>, report: &PublishReport, dry_run: bool) -> Result<Answer> {
    let mut screen = screen(report, dry_run);
    if let (Some(id), Status::Completed, false) = (&report.publish_id, report.status, dry_run) {
        let undo = Remedy::undo(&id.clone().into());
        screen.heading("to undo it");
        screen.command(cx.completed(say::command_line(&undo)));
    }
    Answer::with_next(cx, report, screen)
}

fn screen(report: &PublishReport, dry_run: bool) -> Screen {
    let cells = words::cells(&report.steps);
    let nothing = report.steps.total == 0;
    let but = words::but_protected(report.protected.total);
    let tone = if report.protected.total == 0 { Tone::Good } else { Tone::Warn };
    let mut screen = match report.status {
        _ if nothing && report.publish_id.is_none() => {
            Screen::new(Tone::Good, "Nothing differs: nothing was published")
        }
        Status::Completed if nothing => {
            Screen::new(Tone::Good, "Nothing to do: this publish was completed already")
        }
        _ if dry_run => Screen::new(Tone::Plain, format!("Would publish {cells}; nothing was written")),
        Status::Completed if report.already > 0 => {
            let all = words::count(report.steps.total + report.already, "cell");
            Screen::new(tone, format!("Published {all}{}{but}", words::already(report.already)))
        }
        Status::Completed => Screen::new(tone, format!("Published {cells}{but}")),
        Status::Aborted => Screen::new(tone, format!("Aborted: readers see what they saw before{but}")),
        status => Screen::new(Tone::Warn, format!("The publish is {status}")),
    };
    screen.fact_if("publish", report.publish_id.as_ref());
    screen.fact_if("moved", (report.already > 0).then_some(&cells));
    screen.fact(
        "documents",
        format!(
            "{} added, {} changed, {} retired, {} unchanged",
            report.added, report.changed, report.retired, report.unchanged
        ),
    );
    if let Some(sweep) = report.sweep.as_ref().filter(|_| dry_run) {
        screen.fact("asks first", sweep_words(sweep));
    }
    if report.assets > 0 {
        screen.fact("left alone", words::count(report.assets, "other file"));
    }
    if !nothing {
        screen.fact("broken links", words::change(report.broken_links_before, report.broken_links_after));
        screen.fact("orphans", words::change(report.orphan_count_before, report.orphan_count_after));
    }
    screen.fact_if("took", words::took(report.duration_ms));
    protected_list(&mut screen, &report.protected);
    finding_list(
        &mut screen,
        ": none stops the publish (--strict would, where it makes things worse)",
        &report.findings,
    );
    screen
}

async fn list(cx: &Context<'_>) -> Result<Answer> {
    let report = cx.platform().await?.publishes().await?;
    let mut screen = Screen::new(Tone::Plain, words::count(report.publishes.len() as u64, "publish"));
    screen.newest(&report.publishes, row, ["publish", "status", "steps", "at", "rolled back by"]);
    Answer::with_next(cx, &report, screen)
}

fn row(line: &PublishLine) -> Vec<String> {
    vec![
        line.publish_id.to_string(),
        line.status.to_string(),
        line.steps.to_string(),
        words::time(line.started_at),
        line.rolled_back_by.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
    ]
}

async fn show(cx: &Context<'_>, id: &str, all: bool) -> Result<Answer> {
    let platform = cx.platform().await?;
    let id = ids::newest(cx, &platform, IdKind::Publish, id.to_owned()).await;
    if all {
        ndjson::refuse_json(cx)?;
        return ndjson::cells(cx, &platform.publish_show_first(&id, usize::MAX).await?.cells);
    }
    shown(cx, platform.publish_show(&id).await?)
}

fn shown(cx: &Context<'_>, report: PublishShow) -> Result<Answer> {
    let line = &report.line;
    let mut screen = Screen::new(tone(line.status), format!("{}: {}", line.publish_id, line.status));
    screen.fact("kind", &line.kind).fact("pipeline", &line.pipeline).fact("by", &line.requested_by);
    screen.fact("started", words::time(line.started_at));
    screen.fact_if("completed", line.completed_at.map(words::time));
    screen.fact_if("reason", report.reason.as_ref());
    screen.fact_if("undone by", line.rolled_back_by.as_ref());
    let completion = report.completion_lsn.map_or_else(|| "none".to_owned(), |lsn| lsn.to_string());
    screen.fact("in the log", format!("intent {}, completion {completion}", report.intent_lsn));
    show_steps(&mut screen, &report.cells);
    protected_list(&mut screen, &report.protected);
    screen.next(&cx.commands(&report.next));
    Answer::with_next(cx, &report, screen)
}

fn tone(status: Status) -> Tone {
    match status {
        Status::Completed => Tone::Good,
        status if status.is_open() => Tone::Warn,
        _ => Tone::Plain,
    }
}
