//! Old segments of a log are set aside (ADR 0010): they may go to a slower disk, and the log still reads as one.
//!
//! `cargo run -p kfm-examples --example archive_segments`

use std::error::Error;
use std::sync::Arc;

use kfm_retry::SystemClock;
use kfm_wal::local::SegmentSizes;
use kfm_wal::{Depth, LocalLog, LocalOptions, Lsn, NewRecord, RetainReason, WalStore};

const RECORDS: u64 = 200;

fn record(n: u64) -> NewRecord {
    NewRecord {
        op_id: u128::from(n).to_be_bytes(),
        rtype: 1,
        schema: 1,
        at: "2025-11-14T03:15:42Z".parse().expect("a time"),
        payload: vec![b'.'; 1_000],
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    // Small segments, so that a short log has several.
    let sizes = SegmentSizes { first_bytes: 16 << 10, max_bytes: 32 << 10 };
    let options = LocalOptions::new(Arc::new(SystemClock)).with_segment_sizes(sizes);
    let (log, _) = LocalLog::open(folder.path(), options)?;
    for n in 1..=RECORDS {
        log.append(&[record(n)], None).await?;
    }

    let reason =
        RetainReason { policy_ref: "retention/7-years".into(), requested_by: "records office".into() };
    let retained = log.retain(Lsn(RECORDS / 2), &reason).await?;
    // Whole segments only: the one that holds the position stays.
    assert!(retained.segments > 0 && retained.first_kept <= Lsn(RECORDS / 2));
    let archived = std::fs::read_dir(folder.path().join("archive"))?.count() as u64;
    assert_eq!(archived, retained.segments);

    // Nothing is deleted, and the log itself says what was set aside, why and for whom.
    assert_eq!(log.scan(Lsn(1), 1_000).await?.len() as u64, RECORDS);
    assert!(log.verify(Depth::Chain).await?.ok);
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_runs() {
        super::main().expect("it runs");
    }
}
