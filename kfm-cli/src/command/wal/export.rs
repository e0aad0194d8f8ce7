//! `kfm wal export`: the records as lines of JSON, for tools that do not know the log's format.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use kfm_rollback::Platform;
use kfm_rollback::report::Listing;
use kfm_wal::VerifyReport;
use kfm_wal::export::ExportLine;
use kfm_wal::local::disk::RealDisk;
use kfm_wal::local::whole;

use super::verify::damage;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::{Answer, Screen, Tone, words};

/// Arguments of `kfm wal export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The file [default: standard output]; it is there as a whole or not at all
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Export {
    pub(super) async fn run(self, cx: &Context<'_>, platform: &Platform) -> Result<Answer> {
        match self.out {
            Some(path) if !cx.is_rehearsal() => to_file(platform, &path).await,
            _ if cx.out.is_json() => {
                let mut records = Listing::default();
                let report = platform.wal_export(|line| records.push(line)).await?;
                let answer = serde_json::json!({ "records": records });
                Ok(Answer::new(&answer, Screen::default())?.complain(damage(&report)))
            }
            _ => {
                let (report, _) = write_to(platform, &mut cx.out.lines())
                    .await?
                    .map_err(|error| Failure::internal("the export cannot be written", &error))?;
                // Standard output is for the records; a fault is written to standard error.
                damage(&report).map_or_else(|| Ok(Answer::default()), |failure| Err(failure.into()))
            }
        }
    }
}

/// Writes the file, as a whole or not at all.
async fn to_file(platform: &Platform, path: &Path) -> Result<Answer> {
    let written = match path.metadata() {
        // No file can be renamed into the place of a pipe or a device, so it is written to directly.
        Ok(there) if !there.is_file() && !there.is_dir() => write_file(platform, path, path).await,
        // The file that a link leads to is replaced, not the link.
        _ => replace(platform, &path.canonicalize().unwrap_or_else(|_| path.to_owned())).await,
    };
    let (report, total) = written?;
    let wrote = format!("Wrote {} to {}", words::count(total, "record"), path.display());
    let mut screen = Screen::new(if report.first_bad.is_some() { Tone::Bad } else { Tone::Good }, wrote);
    if let Some(bad) = &report.first_bad {
        screen.fact("damaged at", format!("{}, byte {}, record {}", bad.segment, bad.offset, bad.lsn));
        screen.fact("damage", bad.class);
    }
    let answer = serde_json::json!({ "records": { "total": total, "file": path } });
    Ok(Answer::new(&answer, screen)?.complain(damage(&report)))
}

/// Writes beside the file, and puts it in its place once it is durable.
async fn replace(platform: &Platform, path: &Path) -> Result<(VerifyReport, u64)> {
    let failed = |error: io::Error| Failure::file(path, &error);
    let name = path.file_name().ok_or_else(|| failed(io::ErrorKind::IsADirectory.into()))?;
    let beside = path.with_file_name(format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id()));
    match write_file(platform, path, &beside).await {
        Ok(written) => {
            whole::place(&RealDisk, &beside, path).map_err(failed)?;
            Ok(written)
        }
        Err(failure) => {
            // The unfinished file is of no use; if it cannot be removed either, the error says why the disk failed.
            let _ = std::fs::remove_file(&beside);
            Err(failure)
        }
    }
}

/// Writes the lines of `path` into the file `to`, durably if the file can be synced.
async fn write_file(platform: &Platform, path: &Path, to: &Path) -> Result<(VerifyReport, u64)> {
    let failed = |error: io::Error| Failure::file(path, &error);
    let mut file = BufWriter::new(File::create(to).map_err(failed)?);
    let written = write_to(platform, &mut file).await?.map_err(failed)?;
    let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
    if file.metadata().map_err(failed)?.is_file() {
        file.sync_all().map_err(failed)?;
    }
    Ok(written)
}

/// Writes every record as a line; returns how the log is, and how many records were written.
async fn write_to(platform: &Platform, to: &mut impl Write) -> Result<io::Result<(VerifyReport, u64)>> {
    let mut written = Ok(0);
    let take = |line: ExportLine| {
        if let Ok(total) = &written {
            written = write_line(to, &line).map(|()| total + 1);
        }
    };
    let report = platform.wal_export(take).await?;
    Ok(written.and_then(|total| to.flush().map(|()| (report, total))))
}

fn write_line(to: &mut impl Write, line: &ExportLine) -> io::Result<()> {
    serde_json::to_writer(&mut *to, line)?;
    to.write_all(b"\n")
}
