//! `kfm wal verify`: checks every checksum and the whole chain; damage is an answer, not an error of the command.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use kfm_rollback::Platform;
use kfm_wal::{Damage, Depth, Head, VerifyReport};

use crate::error::{Failure, Result};
use crate::output::{Answer, Screen, Tone, words};
use crate::shell;

/// Arguments of `kfm wal verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// How closely to look; with --against the chain is checked in any case, since a checkpoint is a place in it
    #[arg(long, value_enum, default_value = "chain")]
    depth: Closeness,
    /// A file with the `head` that an earlier `kfm wal verify --json` answered, kept where the log is not: tells
    /// a log that was cut or written anew from a sound one
    #[arg(long, value_name = "CHECKPOINT")]
    against: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Closeness {
    /// Checksums, positions and epochs
    Crc,
    /// Also every hash of the chain
    Chain,
}

impl Verify {
    pub(super) async fn run(self, platform: &Platform) -> Result<Answer> {
        let depth = match self.depth {
            Closeness::Crc => Depth::Crc,
            Closeness::Chain => Depth::Chain,
        };
        let witness = self.against.as_deref().map(checkpoint).transpose()?;
        let report = platform.wal_verify_to(depth, witness.as_ref()).await?;
        answer(platform, &report, witness.as_ref())
    }
}

/// Reads a head: a file that holds nothing else, or the answer of an earlier run.
fn checkpoint(path: &Path) -> Result<Head> {
    let bytes = std::fs::read(path).map_err(|error| Failure::file(path, &error))?;
    let read = serde_json::from_slice::<serde_json::Value>(&bytes).and_then(|value| {
        let head = value.get("head").unwrap_or(&value);
        serde_json::from_value(head.clone())
    });
    Ok(read.map_err(|error| Failure::usage(format!("checkpoint cannot be read: {error}")))?)
}

/// Makes the answer; `witness` is the checkpoint that the log was compared with.
fn answer(platform: &Platform, report: &VerifyReport, witness: Option<&Head>) -> Result<Answer> {
    let older = older_than(report, witness);
    let mut screen = match (&report.first_bad, report.torn_bytes) {
        (Some(_), _) if older.is_some() => {
            let (ends, checkpoint) = (report.head.lsn, older.map_or(report.head.lsn, |head| head.lsn));
            Screen::new(
                Tone::Bad,
                format!(
                    "This log is older than the checkpoint: it ends at record {ends}, the checkpoint is at {checkpoint}"
                ),
            )
        }
        (Some(_), _) => Screen::new(Tone::Bad, "The log is damaged"),
        (None, 1..) => Screen::new(Tone::Warn, "The log ends in an append that never finished"),
        (None, 0) => {
            Screen::new(Tone::Good, format!("The log is whole: {}", words::count(report.records, "record")))
        }
    };
    screen.fact("place", shell::place(platform.wal_place()));
    screen.fact("records", report.records).fact("segments", report.segments);
    screen.fact("chain", report.head.chain);
    let agreed = witness.filter(|_| report.first_bad.is_none());
    screen.fact_if("checkpoint", agreed.map(|head| format!("agrees, at record {}", head.lsn)));
    if report.quarantined > 0 {
        screen.fact("set aside", words::count(report.quarantined, "torn tail"));
    }
    if report.torn_bytes > 0 {
        let torn = words::count(report.torn_bytes, "byte");
        screen.fact("torn", format!("{torn}; the next command that writes sets them aside and records it"));
    }
    if let Some(bad) = report.first_bad.as_ref().filter(|_| older.is_none()) {
        screen.fact("damaged at", format!("{}, byte {}, record {}", bad.segment, bad.offset, bad.lsn));
        screen.fact("damage", bad.class);
    }
    let complaint = older.map(|head| cut(report, head)).or_else(|| complaint(report));
    Ok(Answer::new(report, screen)?.complain(complaint))
}

/// Returns the checkpoint that a log does not reach, though what it holds is sound: it was cut, or is that of an older
/// backup.
fn older_than<'a>(report: &VerifyReport, witness: Option<&'a Head>) -> Option<&'a Head> {
    let is_cut = report.first_bad.as_ref().is_some_and(|bad| bad.class == Damage::LostTail);
    witness.filter(|head| is_cut && report.head.lsn < head.lsn)
}

fn cut(report: &VerifyReport, checkpoint: &Head) -> Failure {
    let (ends, checkpoint) = (report.head.lsn, checkpoint.lsn);
    Failure::findings(format!("log is older than the checkpoint: ends_at={ends} checkpoint={checkpoint}"))
        .with_hint(
            "if a backup was restored on purpose, run kfm reconcile: it says what the stores hold that the log does \
             not know; if not, restore the log that the checkpoint is of",
        )
        .with_next(["kfm reconcile".to_owned()])
}

fn complaint(report: &VerifyReport) -> Option<Failure> {
    damage(report).or_else(|| {
        (report.torn_bytes > 0).then(|| {
            Failure::findings(format!("log has a torn tail: torn_bytes={}", report.torn_bytes))
                .with_hint("nothing must be done: the next command that writes sets it aside and records it")
                .with_next(["kfm wal repair --plan".to_owned()])
        })
    })
}

/// Says where a log is damaged, if it is.
pub(super) fn damage(report: &VerifyReport) -> Option<Failure> {
    let bad = report.first_bad.as_ref()?;
    let (segment, offset, class) = (&bad.segment, bad.offset, bad.class);
    let message = format!("log is damaged: segment={segment} offset={offset} class={class}");
    let hint = match class {
        Damage::LostTail | Damage::Rewritten => "restore the log that the checkpoint is of",
        _ => "restore the log from a backup: nothing is appended to a damaged log",
    };
    Some(Failure::findings(message).with_hint(hint).with_next(["kfm wal inspect".to_owned()]))
}
