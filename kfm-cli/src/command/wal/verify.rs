//! `kfm wal verify`: every checksum and the whole chain; damage is an answer, not a failure to answer.

use kfm_rollback::Platform;
use kfm_wal::VerifyReport;

use crate::error::{Failure, Result};
use crate::output::{Answer, Screen, Tone, words};
use crate::shell;

/// Verifies the log.
pub(super) async fn run(platform: &Platform) -> Result<Answer> {
    let report = platform.wal_verify().await?;
    let mut screen = match (&report.first_bad, report.torn_bytes) {
        (Some(_), _) => Screen::new(Tone::Bad, "The log is damaged"),
        (None, 1..) => Screen::new(Tone::Warn, "The log ends in an append that never finished"),
        (None, 0) => {
            Screen::new(Tone::Good, format!("The log is whole: {}", words::count(report.records, "record")))
        }
    };
    screen.fact("place", shell::place(platform.wal_dir()));
    screen.fact("records", report.records).fact("segments", report.segments);
    screen.fact("chain", report.head.chain);
    if report.quarantined > 0 {
        screen.fact("set aside", words::count(report.quarantined, "torn tail"));
    }
    if report.torn_bytes > 0 {
        let torn = words::count(report.torn_bytes, "byte");
        screen.fact("torn", format!("{torn}; the next command that writes sets them aside and records it"));
    }
    if let Some(bad) = &report.first_bad {
        screen.fact("damaged at", format!("{}, byte {}, record {}", bad.segment, bad.offset, bad.lsn));
        screen.fact("damage", bad.class);
    }
    let complaint = complaint(&report);
    Ok(Answer::new(&report, screen)?.complain(complaint))
}

fn complaint(report: &VerifyReport) -> Option<Failure> {
    if let Some(bad) = &report.first_bad {
        let message = format!("log is damaged: segment={} offset={}", bad.segment, bad.offset);
        let hint = "restore the log from a backup: nothing is appended to a damaged log";
        return Some(Failure::findings(message).with_hint(hint).with_next(["kfm wal inspect".to_owned()]));
    }
    (report.torn_bytes > 0).then(|| {
        Failure::findings(format!("log has a torn tail: torn_bytes={}", report.torn_bytes))
            .with_hint("nothing to do: the next command that writes sets it aside and records it")
    })
}
