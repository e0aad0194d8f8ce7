//! `kfm wal export`: the records as lines of JSON, for tools that know nothing of the log's format.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use kfm_lineage::Lsn;
use kfm_rollback::report::Listing;
use kfm_rollback::{Error, Platform};
use kfm_wal::WalStore;
use kfm_wal::export::ExportLine;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::{Answer, Screen, Tone, words};

/// Records that are read at a time.
const PAGE_RECORDS: usize = 1_024;

/// Arguments of `kfm wal export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The file [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Export {
    pub(super) async fn run(self, cx: &Context<'_>, platform: &Platform) -> Result<Answer> {
        let log = platform.wal_reader().await?;
        match self.out {
            Some(path) if !cx.is_rehearsal() => to_file(&*log, &path).await,
            _ if cx.out.is_json() => {
                let mut lines = Vec::new();
                let take = |line| {
                    lines.push(line);
                    Ok(())
                };
                each_line(&*log, take).await?;
                Answer::new(&serde_json::json!({ "records": Listing::of(lines) }), Screen::default())
            }
            _ => {
                let mut text = Vec::new();
                each_line(&*log, |line| write(&mut text, &line)).await?;
                let text = String::from_utf8_lossy(&text).into_owned();
                Answer::new(&serde_json::json!({}), Screen::raw(text))
            }
        }
    }
}

async fn to_file(log: &dyn WalStore, path: &Path) -> Result<Answer> {
    let failed = |error| Failure::file(path, &error);
    let mut file = BufWriter::new(File::create(path).map_err(failed)?);
    let total = each_line(log, |line| write(&mut file, &line)).await?;
    let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    let screen =
        Screen::new(Tone::Good, format!("Wrote {} to {}", words::count(total, "record"), path.display()));
    Answer::new(&serde_json::json!({ "records": { "total": total, "file": path } }), screen)
}

/// Hands every record over, in order, and returns how many there were.
async fn each_line(
    log: &dyn WalStore,
    mut take: impl FnMut(ExportLine) -> std::io::Result<()>,
) -> Result<u64> {
    let mut next = Lsn::ZERO.next();
    loop {
        let page = log.scan(next, PAGE_RECORDS).await.map_err(Error::from)?;
        let Some(last) = page.last() else { return Ok(next.0 - 1) };
        next = last.lsn.next();
        for record in &page {
            take(ExportLine::from(record))
                .map_err(|error| Failure::internal("the export cannot be written", &error))?;
        }
    }
}

fn write(to: &mut impl Write, line: &ExportLine) -> std::io::Result<()> {
    serde_json::to_writer(&mut *to, line)?;
    to.write_all(b"\n")
}
