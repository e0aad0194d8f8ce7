//! `kfm slo`: the objectives, computed from the operation records.

use clap::Args;
use kfm_telemetry::slo::{Completeness, Durations, ENOUGH, Failures, Invariant, SloReport, SloState};

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::{Answer, Screen, Tone, words};

/// Arguments of `kfm slo`.
#[derive(Debug, Args)]
pub(crate) struct Slo {
    /// How many days back operations count
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: u16,
    /// Raise the alerts that follow from what is missed
    #[arg(long)]
    alert: bool,
}

impl Slo {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let platform = cx.platform().await?;
        let report = platform.objectives(self.days).await?;
        let alerts = match self.alert && !cx.is_rehearsal() {
            true => platform.raise_objectives(&report).await?,
            false => 0,
        };
        let rows = rows(&report);
        let count = |of: SloState| rows.iter().filter(|row| row.state == of).count() as u64;
        let missed = count(SloState::Missed);
        let mut screen = match (missed, count(SloState::InsufficientData)) {
            (0, 0) => Screen::new(
                Tone::Good,
                format!("All objectives of {} are met", words::count(self.days.into(), "day")),
            ),
            (0, few) => Screen::new(
                Tone::Plain,
                format!("No objective is missed; {few} of {} have too few observations", rows.len()),
            ),
            (missed, _) => {
                Screen::new(Tone::Bad, format!("{missed} of {} objectives are missed", rows.len()))
            }
        };
        screen.fact("days", self.days).fact("enough", words::count(ENOUGH, "observation"));
        screen.fact_if("alerts raised", (alerts > 0).then_some(alerts));
        let table = rows.iter().map(|row| {
            vec![row.name.to_owned(), word(row.state).to_owned(), row.count.to_string(), row.found.clone()]
        });
        screen.table(table, ["objective", "state", "observed", "found"]);
        let complaint =
            (missed > 0).then(|| Failure::findings(format!("objectives are missed: count={missed}")));
        Ok(Answer::new(&report, screen)?.complain(complaint))
    }
}

/// One objective, as the screen shows it.
struct Row {
    name: &'static str,
    state: SloState,
    /// Number of observations.
    count: u64,
    found: String,
}

fn rows(report: &SloReport) -> Vec<Row> {
    let Durations { count: recovered, p50_ms, p95_ms, .. } = report.recovery.observed;
    let Failures { state: failures, count: ended, failed, .. } = report.failures;
    let Durations { state: recheck, count: rechecked, max_ms, .. } = report.policy_recheck;
    let Completeness { state: complete, count: known, missing, invalid_lines } = report.completeness;
    let invariant =
        |name, of: Invariant| Row { name, state: of.state, count: of.count, found: of.found.to_string() };
    vec![
        Row {
            name: "recovery, half within 10 min",
            state: report.recovery.p50,
            count: recovered,
            found: millis(p50_ms),
        },
        Row {
            name: "recovery, 95 of 100 within 30 min",
            state: report.recovery.p95,
            count: recovered,
            found: millis(p95_ms),
        },
        Row { name: "failures, under 1 of 100", state: failures, count: ended, found: failed.to_string() },
        invariant("broken links left or made, none", report.broken_links),
        invariant("orphans left or made, none", report.orphans),
        invariant("CARE violations, none", report.care_violations),
        Row {
            name: "policy asked again within 2 min",
            state: recheck,
            count: rechecked,
            found: millis(max_ms),
        },
        Row {
            name: "records missing or not valid, none",
            state: complete,
            count: known,
            found: (missing + invalid_lines).to_string(),
        },
    ]
}

fn millis(of: Option<u64>) -> String {
    of.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"))
}

fn word(state: SloState) -> &'static str {
    match state {
        SloState::Met => "met",
        SloState::Missed => "missed",
        SloState::InsufficientData => "too few",
    }
}
