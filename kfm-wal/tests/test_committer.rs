//! Group commit under contention: no append waits for ever, nothing is lost, nothing is there twice.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod common;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use common::{open, options};
use kfm_wal::conformance::{join_all, record, run};
use kfm_wal::local::SegmentSizes;
use kfm_wal::local::disk::RealDisk;
use kfm_wal::local::simulated::{Fault, SimulatedDisk};
use kfm_wal::{LocalLog, Lsn, WalStore};

const THREADS: u64 = 8;
const TASKS: u64 = 8;
const APPENDS: u64 = 40;

#[test]
fn many_threads_with_many_tasks_append_everything_once() {
    let dir = tempfile::tempdir().unwrap();
    let sizes = SegmentSizes { first_bytes: 1 << 16, max_bytes: 1 << 16 };
    let options = options(Arc::new(RealDisk), 1).with_segment_sizes(sizes);
    let (log, _) = LocalLog::open(dir.path(), options).unwrap();
    let log = &log;
    let placed = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let placed = &placed;
            scope.spawn(move || {
                let tasks = (0..TASKS).map(|task| {
                    Box::pin(async move {
                        for n in 0..APPENDS {
                            let n = (thread * TASKS + task) * APPENDS + n;
                            let batch = [record(n)];
                            if n.is_multiple_of(5) {
                                abandon(log.append(&batch, None), n % 3).await;
                            }
                            let appended = log.append(&batch, None).await.unwrap();
                            placed.lock().unwrap().insert(appended.first, n);
                        }
                    }) as std::pin::Pin<Box<dyn Future<Output = ()> + Send>>
                });
                run(join_all(tasks.collect()));
            });
        }
    });
    let placed = placed.into_inner().unwrap();
    assert_eq!(placed.len() as u64, THREADS * TASKS * APPENDS);
    let stored = run(log.scan(Lsn(1), usize::MAX)).unwrap();
    assert_eq!(stored.len(), placed.len());
    for stored in stored {
        assert_eq!(stored.record.op_id, record(placed[&stored.lsn]).op_id);
    }
    assert!(run(log.verify(kfm_wal::Depth::Chain)).unwrap().frames < THREADS * TASKS * APPENDS, "groups");
}

/// Polls a future a few times and drops it.
async fn abandon<F: Future + Unpin>(mut future: F, polls: u64) {
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 || std::pin::Pin::new(&mut future).poll(context).is_ready() {
            return Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn a_disk_that_fails_under_many_threads_leaves_nobody_waiting() {
    for at in [40, 60, 90] {
        let disk = SimulatedDisk::new();
        let (log, _) = open(Arc::new(disk.clone())).unwrap();
        disk.fail_at(at, Fault::Lie);
        let log = &log;
        let acknowledged = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let acknowledged = &acknowledged;
                scope.spawn(move || {
                    for n in 0..APPENDS {
                        let n = thread * APPENDS + n;
                        if run(log.append(&[record(n)], None)).is_ok() {
                            acknowledged.lock().unwrap().push(record(n));
                        }
                    }
                });
            }
        });
        disk.kill_processes();
        let (log, _) = open(Arc::new(disk)).unwrap();
        let kept: Vec<_> = run(log.scan(Lsn(1), usize::MAX)).unwrap();
        for new in acknowledged.into_inner().unwrap() {
            assert!(kept.iter().any(|stored| stored.record.op_id == new.op_id), "at={at}");
        }
    }
}
