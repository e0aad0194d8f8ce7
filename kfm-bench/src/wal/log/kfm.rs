//! The toolkit's own local log.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kfm_wal::{LocalLog, LocalOptions, NewRecord, WalStore};

use super::{Log, Replay};
use crate::wal::round::{Round, on_threads};

/// The local log with one task for each appender, all on one thread.
pub struct KfmTasks(Arc<Kfm>);

/// The local log with one thread for each appender.
pub struct KfmThreads(Kfm);

/// A log, and the number of the next record.
struct Kfm {
    log: LocalLog,
    next: AtomicU64,
}

impl Kfm {
    fn create(dir: &Path) -> Self {
        let options = LocalOptions::new(Arc::new(kfm_retry::SystemClock));
        let (log, _) = LocalLog::open(dir, options).expect("a log");
        Self { log, next: AtomicU64::new(0) }
    }

    async fn append(&self) {
        let record = [record(self.next.fetch_add(1, Ordering::Relaxed))];
        self.log.append(&record, None).await.expect("an append");
    }
}

fn record(n: u64) -> NewRecord {
    let mut op_id = [0; 16];
    // The ids are as far apart as digests are.
    op_id[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    op_id[8..].copy_from_slice(&n.to_le_bytes());
    NewRecord { op_id, rtype: 1, schema: 1, at: jiff::Timestamp::UNIX_EPOCH, payload: crate::wal::record(n) }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}

impl KfmTasks {
    /// Makes an empty log.
    pub fn create(dir: &Path) -> Self {
        Self(Arc::new(Kfm::create(dir)))
    }
}

impl KfmThreads {
    /// Makes an empty log.
    pub fn create(dir: &Path) -> Self {
        Self(Kfm::create(dir))
    }
}

impl Log for KfmTasks {
    fn name(&self) -> &'static str {
        "kfm-wal, tasks"
    }

    /// It runs on a thread of its own, as the appenders of every log do: the system may keep the first thread
    /// of a process on the processor that the disk interrupts, and a sync takes another time there.
    fn round(&self, appenders: usize, time: Duration) -> Round {
        let on_tasks = || runtime().block_on(self.on_tasks(appenders, time));
        std::thread::scope(|scope| scope.spawn(on_tasks).join().expect("no panic"))
    }
}

impl KfmTasks {
    async fn on_tasks(&self, appenders: usize, time: Duration) -> Round {
        let mut tasks = tokio::task::JoinSet::new();
        let begun = Instant::now();
        for _ in 0..appenders {
            let kfm = Arc::clone(&self.0);
            tasks.spawn(async move {
                let (mut last, mut latencies) = (begun, Vec::new());
                while last - begun < time {
                    kfm.append().await;
                    let now = Instant::now();
                    latencies.push(u64::try_from((now - last).as_nanos()).expect("a turn is short"));
                    last = now;
                }
                latencies
            });
        }
        let mut latencies = Vec::new();
        while let Some(task) = tasks.join_next().await {
            latencies.extend(task.expect("no panic"));
        }
        Round::of(latencies, begun.elapsed())
    }
}

impl Log for KfmThreads {
    fn name(&self) -> &'static str {
        "kfm-wal, threads"
    }

    fn round(&self, appenders: usize, time: Duration) -> Round {
        on_threads(appenders, time, |_| futures::executor::block_on(self.0.append()))
    }
}

impl Replay for KfmTasks {
    const NAME: &'static str = "kfm-wal";
    const CHECKS: &'static str = "CRC32C and SHA-256 chain";

    fn fill(dir: &Path, records: u64, group: u64) {
        let kfm = Kfm::create(dir);
        for first in (0..records).step_by(usize::try_from(group).expect("small")) {
            let batch: Vec<_> = (first..records.min(first + group)).map(record).collect();
            runtime().block_on(kfm.log.append(&batch, None)).expect("an append");
        }
    }

    fn replay(dir: &Path, take: &mut dyn FnMut(&[u8])) -> u64 {
        let mut records = 0;
        let report = kfm_wal::local::replay(dir, |record| {
            records += 1;
            take(record.payload);
        });
        assert!(report.expect("the log").ok);
        records
    }
}
