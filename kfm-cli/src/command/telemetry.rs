//! `kfm telemetry`: the operation records, validated and aggregated.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use kfm_telemetry::validate::{FileReport, FolderReport};
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::{Answer, LIST_LINES_MAX, Screen, Tone, words};

/// Commands of `kfm telemetry`.
#[derive(Debug, Subcommand)]
pub(crate) enum Telemetry {
    /// Check every record against its form; exits 1 if one is not valid
    Validate(Validate),
    /// Gather all records in one file, each validated first
    Aggregate(Aggregate),
}

/// Arguments of `kfm telemetry validate`.
#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// Files to check [default: all of the platform]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Arguments of `kfm telemetry aggregate`.
#[derive(Debug, Args)]
pub(crate) struct Aggregate {
    /// The file [default: releases/VERSION/focus-telemetry.json in the platform]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Answer of `kfm telemetry aggregate`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Aggregated {
    /// Events in the file.
    events: u64,
    /// Events that were not in the file before.
    added: u64,
    path: PathBuf,
}

impl Telemetry {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        match self {
            Self::Validate(validate) if !validate.files.is_empty() => {
                let files: std::result::Result<Vec<FileReport>, _> =
                    validate.files.iter().map(|file| kfm_telemetry::validate::validate(file)).collect();
                let files = files?;
                let ok = files.iter().all(|file| file.invalid == 0);
                answer(&FolderReport { ok, files, set_aside: Vec::new() })
            }
            Self::Validate(_) => validate_folder(&cx.platform().await?.telemetry_dir()),
            Self::Aggregate(aggregate) => aggregate.run(cx).await,
        }
    }
}

fn validate_folder(dir: &Path) -> Result<Answer> {
    answer(&kfm_telemetry::validate::validate_folder(dir)?)
}

fn answer(report: &FolderReport) -> Result<Answer> {
    let lines: u64 = report.files.iter().map(|file| file.lines).sum();
    let invalid: u64 = report.files.iter().map(|file| file.invalid).sum();
    let mut screen = match invalid {
        0 => Screen::new(Tone::Good, format!("Every record is valid: {}", words::count(lines, "record"))),
        invalid => {
            Screen::new(Tone::Bad, format!("{} of {lines} not valid", words::count(invalid, "record")))
        }
    };
    let rows = report
        .files
        .iter()
        .map(|file| vec![file.path.display().to_string(), file.lines.to_string(), file.invalid.to_string()]);
    screen.table(rows, ["file", "records", "not valid"]);
    let defects = report.files.iter().flat_map(|file| file.first.iter().map(move |defect| (file, defect)));
    for (file, defect) in defects.clone().take(LIST_LINES_MAX) {
        screen.item(Tone::Bad, format!("{}:{}", file.path.display(), defect.line)).detail(&defect.why);
    }
    screen.more(defects.count().saturating_sub(LIST_LINES_MAX) as u64, None);
    let complaint =
        (!report.ok).then(|| Failure::findings(format!("records are not valid: count={invalid}")));
    Ok(Answer::new(report, screen)?.complain(complaint))
}

impl Aggregate {
    async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let platform = cx.platform().await?;
        let dir = platform.telemetry_dir();
        if cx.is_rehearsal() {
            return validate_folder(&dir);
        }
        let version = concat!("releases/v", env!("CARGO_PKG_VERSION"), "/focus-telemetry.json");
        if let Some(out) = &self.out {
            platform.refuse_own_place(out)?;
        }
        let file = self.out.unwrap_or_else(|| platform.root().join(version));
        let aggregated = kfm_telemetry::focus::aggregate(&dir, &file)?;
        let mut screen =
            Screen::new(Tone::Good, format!("Gathered {}", words::count(aggregated.events, "event")));
        screen.fact("new", aggregated.added).fact("file", file.display());
        Answer::new(&Aggregated { events: aggregated.events, added: aggregated.added, path: file }, screen)
    }
}
