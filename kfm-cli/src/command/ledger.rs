//! `kfm ledger`: the governance ledger, verified, listed and rendered.

use clap::Subcommand;
use kfm_rollback::Platform;
use kfm_telemetry::ledger::{LedgerReport, StoredEntry, ViewState};
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::{Answer, Screen, Tone, words};
use crate::say;

/// Commands of `kfm ledger`.
#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// Check the chain against the JSON file and the log; exits 1 if anything is wrong
    Verify,
    /// List the newest entries
    List,
    /// Write the JSON file from the chain
    Render,
    /// Enter again what the log recorded and the ledger lacks, as after a copy or an older backup
    Repair,
}

/// Answer of `kfm ledger list`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Entries {
    entries: Vec<StoredEntry>,
}

impl Ledger {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let platform = cx.platform().await?;
        match self {
            Self::Render if !cx.is_rehearsal() => {
                platform.ledger_render().await?;
                verify(cx, &platform).await
            }
            Self::Repair if !cx.is_rehearsal() => {
                cx.platform_to_change().await?.ledger_repair().await?;
                verify(cx, &platform).await
            }
            Self::Verify | Self::Render | Self::Repair => verify(cx, &platform).await,
            Self::List => list(platform.ledger_entries().await?),
        }
    }
}

async fn verify(cx: &Context<'_>, platform: &Platform) -> Result<Answer> {
    let answer = platform.ledger_verify().await?;
    let report = &answer.ledger;
    let mut screen = match report.ok {
        true => {
            Screen::new(Tone::Good, format!("The ledger is whole: {}", words::count(report.entries, "entry")))
        }
        false if answer.checks.iter().all(|check| check.ok) => {
            Screen::new(Tone::Bad, "The ledger is not what was written")
        }
        false => Screen::new(Tone::Bad, "Ledger and log do not agree"),
    };
    screen.fact("chain", report.chain.head.chain).fact("place", platform.ledger_dir().display());
    if let Some(bad) = &report.first_bad {
        screen.fact("first bad entry", format!("{}: {}", bad.lsn, bad.why));
    }
    show_view(&mut screen, report);
    for check in answer.checks.iter().filter(|check| !check.ok) {
        screen.fact("against the log", format!("not {}: {}", check.name, say::sentence(&check.detail)));
    }
    let behind =
        report.view.as_ref().is_some_and(|view| matches!(view.state, ViewState::Missing | ViewState::Behind));
    if behind && report.ok {
        screen.next(&cx.runnable(&["kfm ledger render".to_owned()]));
    }
    let message = match answer.checks.iter().all(|check| check.ok) {
        true => "ledger is not what was written",
        false => "ledger and log do not agree",
    };
    let complaint = (!report.ok).then(|| Failure::findings(message));
    Ok(Answer::new(&answer, screen)?.complain(complaint))
}

fn show_view(screen: &mut Screen, report: &LedgerReport) {
    let Some(view) = &report.view else { return };
    screen.fact(
        "JSON file",
        match view.state {
            ViewState::Missing => "not rendered yet".to_owned(),
            ViewState::Behind => format!("{}, {} rendered so far", view.path.display(), view.entries),
            ViewState::Current => format!("{}, as the chain", view.path.display()),
            ViewState::Differs => format!("{} DIFFERS from the chain", view.path.display()),
        },
    );
    screen.fact_if("difference", view.why.as_ref());
}

fn list(entries: Vec<StoredEntry>) -> Result<Answer> {
    let mut screen = Screen::new(Tone::Plain, words::count(entries.len() as u64, "entry"));
    screen.newest(&entries, row, ["lsn", "at", "what", "status", "by", "about"]);
    Answer::new(&Entries { entries }, screen)
}

fn row(stored: &StoredEntry) -> Vec<String> {
    let entry = &stored.entry;
    let about = [
        entry.ids.rollback_id.as_ref().map(ToString::to_string),
        entry.ids.hotfix_id.as_ref().map(ToString::to_string),
        entry.ids.publish_id.as_ref().map(ToString::to_string),
    ];
    vec![
        stored.lsn.to_string(),
        words::time(stored.time),
        word(&entry.operation_type),
        word(&entry.status),
        entry.actor.to_string(),
        about.into_iter().flatten().next().unwrap_or_else(|| "-".to_owned()),
    ]
}

/// Returns the word under which a value is recorded.
fn word(value: &impl serde::Serialize) -> String {
    let word = serde_json::to_value(value).ok();
    word.as_ref().and_then(|word| word.as_str()).unwrap_or("-").to_owned()
}
