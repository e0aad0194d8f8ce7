//! Real processes that are killed while sixteen threads append: nothing acknowledged is missing, and nothing
//! is there twice.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{all, options};
use kfm_wal::conformance::{record, run};
use kfm_wal::local::SegmentSizes;
use kfm_wal::local::ahead::Threads;
use kfm_wal::local::disk::RealDisk;
use kfm_wal::{Depth, LocalLog, LocalOptions, NewRecord, RecoveryReport, WalStore};

const APPENDERS: u64 = 16;
const KILLS: u64 = 8;
/// How many record numbers one process has; more than it can append before it is killed.
const NUMBERS: u64 = 1_000_000;

fn open(dir: &Path) -> (LocalLog, RecoveryReport) {
    let sizes = SegmentSizes { first_bytes: 1 << 15, max_bytes: 1 << 18 };
    let options: LocalOptions = options(Arc::new(RealDisk), 1);
    let options = options.with_segment_sizes(sizes).with_background(Arc::new(Threads));
    LocalLog::open(dir, options).unwrap()
}

/// A record of a length that lets frames end anywhere.
fn sized(n: u64) -> NewRecord {
    NewRecord { payload: vec![n as u8 | 1; (n as usize * 211) % 1500], ..record(n) }
}

/// Starts the process below; it appends until it is killed.
fn start(dir: &Path, first: u64) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_process_that_is_killed", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{first} {}", dir.display()).unwrap();
    child
}

#[test]
#[ignore = "is started, and killed, by the test below"]
fn the_process_that_is_killed() {
    let mut order = String::new();
    std::io::stdin().read_line(&mut order).unwrap();
    let Some((first, dir)) = order.trim_end().split_once(' ') else { return };
    let (log, _) = open(Path::new(dir));
    let next = AtomicU64::new(first.parse().unwrap());
    std::thread::scope(|scope| {
        for _ in 0..APPENDERS {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    run(log.append(&[sized(n)], None)).unwrap();
                    // One write, short enough that a pipe takes it as a whole.
                    std::io::stdout().write_all(format!("durable {n}\n").as_bytes()).unwrap();
                }
            });
        }
    });
}

#[test]
fn nothing_acknowledged_is_missing_after_a_kill_and_nothing_is_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    let mut unacknowledged = 0;
    for kill in 0..KILLS {
        let mut child = start(dir.path(), kill * NUMBERS);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut left = 20 + kill * 61;
        for line in lines {
            // The other lines are those of the test harness.
            let Some(n) = line.unwrap().strip_prefix("durable ").and_then(|n| n.parse::<u64>().ok()) else {
                continue;
            };
            acknowledged.insert(n);
            left = left.saturating_sub(1);
            if left == 0 {
                // The lines that are still in the pipe were acknowledged too, and are read.
                child.kill().unwrap();
            }
        }
        assert!(
            !child.wait().unwrap().success() && left == 0,
            "killed, and not ended by itself: kill={kill}"
        );

        let (log, _) = open(dir.path());
        assert!(run(log.verify(Depth::Chain)).unwrap().ok, "kill={kill}");
        let found = all(&log);
        let ids: BTreeSet<_> = found.iter().map(|record| record.op_id).collect();
        assert_eq!(ids.len(), found.len(), "nothing is twice: kill={kill}");
        for n in &acknowledged {
            assert!(ids.contains(&record(*n).op_id), "n={n} kill={kill}");
        }
        unacknowledged = found.len() - acknowledged.len();
        // An append that was on its way may be in the log; each thread had at most one append and one line to
        // write.
        assert!(unacknowledged as u64 <= (kill + 1) * 2 * APPENDERS, "unacknowledged={unacknowledged}");
    }
    assert!(acknowledged.len() > 1000, "unacknowledged={unacknowledged}");
}
