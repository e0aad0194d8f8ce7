//! `kfm labels`: how documents are to be protected, and by whose decision (R60), outside every rollback.

use clap::{Args, Subcommand};
use kfm_rollback::LabelAssign;
use kfm_rollback::{LabelLine, LabelsReport};

use crate::cli::{free_text, not_empty};
use crate::context::Context;
use crate::error::Result;
use crate::output::{Answer, LIST_LINES_MAX, Screen, Tone, words};
use crate::prompt::{Question, confirm};
use crate::say;

/// Commands of `kfm labels`.
#[derive(Debug, Subcommand)]
pub(crate) enum Labels {
    /// Assign a label to one entity, or to everything below a path
    Assign(Assign),
    /// List the labels in force, and how many documents each covers
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
    /// The person or body that decided
    #[arg(long, value_name = "WHO", value_parser = not_empty)]
    authority: String,
    /// Why; it is recorded in log and ledger
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, value_parser = free_text)]
    reason: String,
    /// The day by which it must be looked at again, such as 2027-06-30
    #[arg(long, value_name = "DATE", value_parser = day)]
    review_by: String,
    /// It is heritage: a rollback or hotfix that touches it has high risk and needs a reviewer; if it is restricted
    /// as well, it has critical risk and needs two, one of them from the council
    #[arg(long)]
    heritage: bool,
    /// Say what it would cover and what would stand against it, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask, also where it covers nothing
    #[arg(long)]
    yes: bool,
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
            Self::Assign(assign) => assign.run(cx).await,
            Self::List => {
                let report = cx.platform().await?.labels().await?;
                let mut screen = Screen::new(Tone::Plain, words::count(report.labels_total, "label"));
                list(&mut screen, &report);
                screen.next(&cx.commands(&report.next));
                Answer::with_next(cx, &report, screen)
            }
        }
    }
}

impl Assign {
    async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let mut assigned = LabelAssign {
            entity: self.subject.entity,
            under: self.subject.under,
            care: self.care,
            authority: self.authority,
            reason: self.reason,
            review_by: self.review_by,
            heritage: self.heritage,
            even_if_nothing: self.yes,
        };
        if self.dry_run || cx.is_rehearsal() {
            let report = cx.platform_to_rehearse().await?.label_rehearse(&assigned).await?;
            let mut screen = Screen::new(Tone::Plain, "The label would come into force");
            reach(&mut screen, &report);
            return Answer::with_next(cx, &report, screen);
        }
        let platform = cx.platform_to_change().await?;
        let asked = LabelAssign { even_if_nothing: true, ..assigned.clone() };
        // What cannot be rehearsed is refused below, where the refusal is recorded.
        if !self.yes
            && cx.can_ask()
            && let Ok(report) = platform.label_rehearse(&asked).await
        {
            let care = &assigned.care;
            let heading = format!("Label {} as {care}", about(&assigned));
            let mut screen = Screen::default();
            reach(&mut screen, &report);
            screen.detail(
                "it cannot be lowered afterwards: that is not built yet (docs/states.md, 'Not built yet')",
            );
            let text = format!(
                "Label {} as {care}, for good?",
                words::count(report.covers.unwrap_or_default(), "document")
            );
            let later = "kfm labels assign … --yes".to_owned();
            confirm(cx, &Question { heading: &heading, screen: &screen, text: &text, later })?;
            assigned.even_if_nothing = true;
        }
        let report = platform.label_assign(assigned).await?;
        let mut screen = match report.outdone {
            _ if report.already => Screen::new(Tone::Good, "The label is in force already: nothing changes"),
            Some(outdone) if outdone > 0 && report.covers == Some(outdone) => Screen::new(
                Tone::Warn,
                "A stricter label holds for all that this one covers: no protection changes",
            ),
            _ => Screen::new(
                Tone::Good,
                "The label is in force, and stays so even if its entry is removed or lowered",
            ),
        };
        reach(&mut screen, &report);
        list(&mut screen, &report);
        screen.next(&cx.commands(&report.next));
        Answer::with_next(cx, &report, screen)
    }
}

/// What a label is about, as a person would say it.
fn about(assign: &LabelAssign) -> String {
    match (&assign.entity, &assign.under) {
        (Some(entity), _) => entity.clone(),
        (None, Some(under)) if under.is_empty() => "everything".to_owned(),
        (None, under) => format!("everything below {}", under.as_deref().unwrap_or_default()),
    }
}

/// Says how many documents an entry covers, and what to do about those that stand against it.
fn reach(screen: &mut Screen, report: &LabelsReport) {
    let covers = report.covers.unwrap_or_default();
    match (covers, report.documents) {
        (_, 0) => screen.fact("covers", "nothing yet: there is no document"),
        (0, documents) => screen.fact("covers", format!("0 of {documents} documents: is it spelt right?")),
        (covers, documents) => {
            screen.fact("covers", format!("{covers} of {}", words::count(documents, "document")))
        }
    };
    if let Some(outdone) = report.outdone.filter(|outdone| *outdone > 0) {
        let (documents, hold) = match outdone {
            1 => ("1 document has a stricter label, which holds".to_owned(), "its"),
            many => (format!("{many} documents have a stricter label, which holds"), "their"),
        };
        screen.fact("stricter", format!("{documents}: {hold} protection does not change"));
        screen.fact("", "lowering a label is not built yet (docs/states.md, 'Not built yet')");
    }
    if let Some(cells) = report.to_project.filter(|cells| *cells > 0) {
        screen.fact("to project", format!("{} of graph, search and cache", words::count(cells, "cell")));
    }
    let total = report.stand_against_total.unwrap_or_default();
    if total == 0 {
        return;
    }
    screen.heading("documents that readers see and should not");
    for line in report.stand_against.iter().take(STANDING_MAX) {
        screen.item(Tone::Warn, &line.subject);
        screen.detail(say::sentence(&line.remedy));
    }
    screen.more(total.saturating_sub(STANDING_MAX as u64), None);
}

/// Documents that stand against a label and are shown one by one.
const STANDING_MAX: usize = 5;

fn list(screen: &mut Screen, report: &LabelsReport) {
    let rows = report.labels.iter().take(LIST_LINES_MAX).map(|line| row(line, report.documents));
    screen.table(rows, ["on", "label", "covers", "authority", "review by", "in force", "reason"]);
    screen.more(report.labels_total.saturating_sub(LIST_LINES_MAX as u64), None);
}

fn row(line: &LabelLine, documents: u64) -> Vec<String> {
    let text = |key: &str| line.entry[key].as_str().map(str::to_owned);
    let on = match (text("entity"), text("under")) {
        (Some(entity), _) => entity,
        (None, Some(under)) if under.is_empty() => "everything".to_owned(),
        (None, Some(under)) => format!("below {under}"),
        (None, None) => text("digest").unwrap_or_default(),
    };
    // A hold or a withdrawal has no label; its kind says what it does.
    let label = text("care").or_else(|| text("kind")).unwrap_or_default();
    let heritage = line.entry["heritage"].as_bool().unwrap_or_default().then(|| "heritage".to_owned());
    let label = [Some(label), text("masking"), heritage].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let covers = match line.covers {
        0 if documents > 0 => "nothing".to_owned(),
        covers => covers.to_string(),
    };
    let in_force = if line.in_force { "yes" } else { "not yet: from the next verdict" };
    let or_none = |key| text(key).unwrap_or_else(|| "-".to_owned());
    vec![
        on,
        label,
        covers,
        or_none("authority"),
        match line.review_due {
            true => format!("{}, passed", or_none("review_by")),
            false => or_none("review_by"),
        },
        in_force.to_owned(),
        or_none("reason"),
    ]
}

/// Accepts a day of the calendar.
fn day(text: &str) -> std::result::Result<String, String> {
    match text.parse::<jiff::civil::Date>() {
        Ok(day) => Ok(day.to_string()),
        Err(_) => Err("expected a day such as 2027-06-30".to_owned()),
    }
}
