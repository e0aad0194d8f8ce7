//! Logs that earlier versions wrote, read for ever: one folder for each version of the format.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{all, append, options};
use kfm_wal::conformance::{record, run};
use kfm_wal::local::disk::RealDisk;
use kfm_wal::{Depth, LocalLog, Lsn, NewRecord, WalStore};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The records of the golden logs.
fn content() -> Vec<NewRecord> {
    let sized = |n: u64| NewRecord { payload: vec![n as u8; n as usize * 50], ..record(n) };
    (1..=20).map(sized).collect()
}

/// Copies a log, so that a writer can open the copy.
fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
    }
    to
}

#[test]
fn a_log_of_format_1_reads_as_it_was_written() {
    let log = LocalLog::open_read_only(golden("v1/closed")).unwrap();
    assert_eq!(all(&log), content());
    let report = run(log.verify(Depth::Chain)).unwrap();
    assert!(report.ok && report.segments == 4, "{report:?}");
    assert_eq!(
        report.head.chain.to_string(),
        "sha256:350e937e6c167cd8f639dd565edd873f4e3bbf3de25039056b2742a9ed6f2d3d"
    );
    let epochs: Vec<u64> = run(log.scan(Lsn(1), 99)).unwrap().iter().map(|stored| stored.epoch).collect();
    assert_eq!((epochs[0], epochs[19]), (1, 2));
}

#[test]
fn a_log_of_format_1_goes_on() {
    let dir = copy(&golden("v1/closed"));
    let (log, report) = LocalLog::open(dir.path(), options(Arc::new(RealDisk), 5)).unwrap();
    assert!(!report.repaired && report.epoch == 3);
    assert!(run(log.append(&content()[..3], None)).unwrap().already);
    assert_eq!(append(&log, 21).unwrap().first, Lsn(21));
}

#[test]
fn an_interrupted_log_of_format_1_is_repaired() {
    let dir = copy(&golden("v1/torn"));
    let (log, report) = LocalLog::open(dir.path(), options(Arc::new(RealDisk), 5)).unwrap();
    assert!(report.repaired && report.torn_bytes > 0);
    assert_eq!(all(&log), content()[..19]);
    assert!(run(log.verify(Depth::Chain)).unwrap().ok);
}

#[test]
#[ignore = "writes the golden folder of the current format; run it once for each new version"]
fn write_the_golden_folder() {
    for (name, torn) in [("v1/closed", false), ("v1/torn", true)] {
        let dir = golden(name);
        let _ = std::fs::remove_dir_all(&dir);
        for (turn, range) in [(1, 0..10), (2, 10..20)] {
            let (log, _) = LocalLog::open(&dir, options(Arc::new(RealDisk), turn)).unwrap();
            for new in &content()[range] {
                run(log.append(std::slice::from_ref(new), None)).unwrap();
            }
        }
        if torn {
            cut_the_last_frame_short(&dir);
        }
    }
}

/// Makes the log look as if the power had failed during the last append.
fn cut_the_last_frame_short(dir: &Path) {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "kfw"))
        .collect();
    paths.sort();
    let path = paths.pop().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    // The payload of the last record is a thousand times its number; the mark behind it is removed too.
    let payload = bytes.windows(1000).position(|window| window == [20; 1000]).unwrap();
    bytes[payload + 500..].fill(0);
    std::fs::write(&path, bytes).unwrap();
}
