//! `kfm labels`: who decided how what is to be treated (R60), outside every rollback.

use clap::{Args, Subcommand};
use kfm_rollback::LabelAssign;
use kfm_rollback::platform::{LabelLine, LabelsReport};

use crate::cli::not_empty;
use crate::context::Context;
use crate::error::Result;
use crate::output::{Answer, Screen, Tone, words};

/// Commands of `kfm labels`.
#[derive(Debug, Subcommand)]
pub(crate) enum Labels {
    /// Assign a label to one entity, or to everything below a path
    Assign(Assign),
    /// List the labels in force
    List,
}

/// Arguments of `kfm labels assign`.
#[derive(Debug, Args)]
pub(crate) struct Assign {
    #[command(flatten)]
    subject: Subject,
    /// The label: public, sensitive or restricted
    #[arg(long, value_name = "LABEL", value_parser = not_empty)]
    care: String,
    /// Who decided
    #[arg(long, value_name = "WHO", value_parser = not_empty)]
    authority: String,
    /// Why
    #[arg(long, value_name = "TEXT", value_parser = not_empty)]
    reason: String,
    /// The day by which it must be looked at again, such as 2027-06-30
    #[arg(long, value_name = "DATE", value_parser = day)]
    review_by: String,
    /// It is heritage: approvals of the council are asked for
    #[arg(long)]
    heritage: bool,
}

/// What a label is assigned to.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Subject {
    /// One entity: its id, or its path in the catalog
    #[arg(long, value_name = "ID|PATH", value_parser = not_empty)]
    entity: Option<String>,
    /// Everything below this path; '' is everything
    #[arg(long, value_name = "PATH")]
    under: Option<String>,
}

impl Labels {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        match self {
            Self::Assign(assign) => {
                let assigned = LabelAssign {
                    entity: assign.subject.entity,
                    under: assign.subject.under,
                    care: assign.care,
                    authority: assign.authority,
                    reason: assign.reason,
                    review_by: assign.review_by,
                    heritage: assign.heritage,
                };
                if cx.is_rehearsal() {
                    return show(&cx.platform().await?.label_rehearse(&assigned).await?, "");
                }
                let report = cx.platform_to_change().await?.label_assign(assigned).await?;
                show(&report, "A label is in force; removing or lowering its entry changes nothing")
            }
            Self::List => show(&cx.platform().await?.labels().await?, ""),
        }
    }
}

fn show(report: &LabelsReport, headline: &str) -> Result<Answer> {
    let count = words::count(report.labels.len() as u64, "label");
    let mut screen = match headline {
        "" => Screen::new(Tone::Plain, count),
        headline => Screen::new(Tone::Good, headline),
    };
    screen.table(
        report.labels.iter().map(row),
        ["on", "label", "authority", "review by", "in force", "reason"],
    );
    Answer::new(report, screen)
}

fn row(line: &LabelLine) -> Vec<String> {
    let text = |key: &str| line.entry[key].as_str().map(str::to_owned);
    let on = match (text("entity"), text("under")) {
        (Some(entity), _) => entity,
        (None, Some(under)) if under.is_empty() => "everything".to_owned(),
        (None, Some(under)) => format!("below {under}"),
        (None, None) => text("content").unwrap_or_default(),
    };
    // A hold or a withdrawal has no label of its own: its kind says what it does.
    let label = text("care").or_else(|| text("kind")).unwrap_or_default();
    let in_force = if line.in_force { "yes" } else { "with the next operation" };
    let or_none = |key| text(key).unwrap_or_else(|| "-".to_owned());
    vec![on, label, or_none("authority"), or_none("review_by"), in_force.to_owned(), or_none("reason")]
}

/// Accepts a day of the calendar.
fn day(text: &str) -> std::result::Result<String, String> {
    match text.parse::<jiff::civil::Date>() {
        Ok(day) => Ok(day.to_string()),
        Err(_) => Err("expected a day such as 2027-06-30".to_owned()),
    }
}
