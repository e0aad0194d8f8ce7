//! `kfm wal`: the write-ahead log, verified and read; offline, and never repaired by a command that reads.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use kfm_lineage::{Lsn, Timestamp};
use kfm_retry::SystemClock;
use kfm_rollback::Platform;
use kfm_wal::{Depth, Entry, LocalLog, VerifyReport, Wal as Log};
use serde::Serialize;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::{Answer, Screen, Tone, words};

/// Entries that `kfm wal inspect` shows unless it is asked for more or fewer.
const INSPECT_DEFAULT: usize = 20;

/// Commands of `kfm wal`.
#[derive(Debug, Subcommand)]
pub(crate) enum Wal {
    /// Check every checksum and the whole hash chain; exits 1 if anything is wrong
    Verify,
    /// Show the newest records, or those from a position on
    Inspect(Inspect),
    /// Write every record as one line of JSON
    Export(Export),
}

/// Arguments of `kfm wal inspect`.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The first position to show [default: so that the newest are shown]
    #[arg(long, value_name = "LSN")]
    from: Option<u64>,
    /// How many records to show
    #[arg(long, value_name = "N", default_value_t = INSPECT_DEFAULT)]
    limit: usize,
}

/// Arguments of `kfm wal export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The file [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A record as it is shown and exported.
#[derive(Debug, Serialize)]
struct Line<'a> {
    lsn: Lsn,
    at: Timestamp,
    leaf: kfm_lineage::Digest,
    id: String,
    record: &'a kfm_wal::Record,
}

impl Wal {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let platform = cx.platform().await?;
        match self {
            Self::Verify => verify(&platform.wal_dir()),
            Self::Inspect(inspect) => inspect.run(&platform).await,
            Self::Export(export) => export.run(cx, &platform).await,
        }
    }
}

fn verify(dir: &Path) -> Result<Answer> {
    let report = kfm_wal::local::verify(dir, Depth::Chain).map_err(kfm_rollback::Error::from)?;
    let mut screen = match (&report.first_bad, report.torn_bytes) {
        (Some(_), _) => Screen::new(Tone::Bad, "The log is damaged"),
        (None, 1..) => Screen::new(Tone::Warn, "The log ends in an append that never finished"),
        (None, 0) => {
            Screen::new(Tone::Good, format!("The log is whole: {}", words::count(report.records, "record")))
        }
    };
    screen.fact("place", dir.display());
    screen.fact("records", report.records).fact("segments", report.segments);
    screen.fact("chain", report.head.chain);
    if report.quarantined > 0 {
        screen.fact("set aside", words::count(report.quarantined, "torn tail"));
    }
    if report.torn_bytes > 0 {
        screen.fact(
            "torn",
            format!("{}; the next writer sets them aside", words::count(report.torn_bytes, "byte")),
        );
    }
    if let Some(bad) = &report.first_bad {
        screen.fact("damaged at", format!("{}, byte {}, record {}", bad.segment, bad.offset, bad.lsn));
        screen.fact("damage", bad.class);
    }
    let complaint = complaint(&report);
    Ok(Answer::new(&report, screen)?.complain(complaint))
}

fn complaint(report: &VerifyReport) -> Option<Failure> {
    match &report.first_bad {
        Some(bad) => Some(
            Failure::findings(format!("log is damaged: segment={} offset={}", bad.segment, bad.offset))
                .with_hint("restore the log from a backup; nothing is appended to a damaged log"),
        ),
        None if report.torn_bytes > 0 => {
            Some(Failure::findings(format!("log has a torn tail: torn_bytes={}", report.torn_bytes)))
        }
        None => None,
    }
}

/// Opens the log for reading.
async fn open(platform: &Platform) -> Result<Log> {
    let log = LocalLog::open_read_only(platform.wal_dir()).map_err(kfm_rollback::Error::from)?;
    Ok(Log::open(Arc::new(log), Arc::new(SystemClock)).await.map_err(kfm_rollback::Error::from)?)
}

impl Inspect {
    async fn run(self, platform: &Platform) -> Result<Answer> {
        let log = open(platform).await?;
        let head = log.head();
        let newest = (head.lsn.0 + 1).saturating_sub(self.limit as u64);
        let from = Lsn(self.from.unwrap_or(newest));
        let entries: Vec<_> = log.entries_from(from).into_iter().take(self.limit).collect();
        let lines: Vec<_> = entries.iter().map(|entry| line(entry)).collect();
        let mut screen = Screen::new(Tone::Plain, format!("The log ends at record {}", head.lsn));
        let rows = lines.iter().map(|line| {
            vec![
                line.lsn.to_string(),
                words::time(line.at),
                words::short(&line.leaf.to_string()),
                line.id.clone(),
            ]
        });
        screen.table(rows, ["lsn", "at", "leaf", "record"]);
        Answer::new(&serde_json::json!({ "head": head, "records": lines }), screen)
    }
}

impl Export {
    async fn run(self, cx: &Context<'_>, platform: &Platform) -> Result<Answer> {
        let log = open(platform).await?;
        let entries = log.entries_from(Lsn::ZERO);
        let total = words::count(entries.len() as u64, "record");
        let mut keys = serde_json::json!({ "records": entries.len(), "head": log.head() });
        let Some(path) = self.out else {
            if cx.out.is_json() {
                keys["entries"] = entries.iter().map(|entry| serde_json::json!(line(entry))).collect();
            }
            return Answer::new(&keys, Screen::raw(ndjson(&entries)?));
        };
        if !cx.is_rehearsal() {
            let text = ndjson(&entries)?;
            let write = std::fs::File::create(&path)
                .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
            write.map_err(|error| Failure::file(&path, &error))?;
        }
        keys["path"] = serde_json::json!(path);
        Answer::new(&keys, Screen::new(Tone::Good, format!("Wrote {total} to {}", path.display())))
    }
}

fn line(entry: &Entry) -> Line<'_> {
    Line { lsn: entry.lsn, at: entry.at, leaf: entry.leaf, id: entry.record.id(), record: &entry.record }
}

fn ndjson(entries: &[Arc<Entry>]) -> Result<String> {
    let mut text = String::new();
    for entry in entries {
        text += &serde_json::to_string(&line(entry))
            .map_err(|error| Failure::internal("a record cannot be written as JSON", &error))?;
        text.push('\n');
    }
    Ok(text)
}
