//! Many hosts on one log: how many records per second they append together, how fairly, and how long each
//! append waits.
//!
//! Eight hosts with 64 appenders each, records of 400 bytes, on a store that takes 20 ms to create a slot and
//! 10 ms to read one. All of them run in this process, in real time; the machine is hardly busy.

use std::sync::Arc;
use std::time::Duration;

use kfm_retry::{Clock, SystemClock};
use kfm_wal::slots::memory::SlowSlots;
use kfm_wal::slots::{Mode, SlotLog, SlotOptions};
use kfm_wal::{NewRecord, WalStore};

use crate::report::Row;

const HOSTS: u64 = 8;
const APPENDERS: u64 = 64;
const CREATE: Duration = Duration::from_millis(20);
const READ: Duration = Duration::from_millis(10);
const ROUND: Duration = Duration::from_secs(5);
const ROUNDS: usize = 3;

/// The limits: records per second, the smallest share divided by the largest, and the longest wait in
/// milliseconds.
const LIMITS: (f64, f64, f64) = (1_500.0, 1.0 / 3.0, 5_000.0);

/// The result of one appender.
struct Got {
    host: u64,
    records: u64,
    longest: Duration,
}

/// Answers the question.
pub fn answers() -> Vec<Row> {
    let rounds: Vec<[f64; 3]> = (0..ROUNDS).map(|_| round()).collect();
    let median = |n: usize| {
        let mut all: Vec<f64> = rounds.iter().map(|round| round[n]).collect();
        all.sort_by(f64::total_cmp);
        all[ROUNDS / 2]
    };
    let row = |name: &str, n: usize, limit: f64, unit: &'static str| Row {
        name: format!("8 hosts of 64 appenders, puts of 20 ms: {name}"),
        ours: median(n),
        peer: None,
        limit: Some(limit),
        unit,
        runs: ROUNDS,
    };
    vec![
        row("together", 0, LIMITS.0, "records/s, more"),
        row("the least share", 1, LIMITS.1, "of the best, more"),
        row("longest wait", 2, LIMITS.2, "ms"),
    ]
}

/// Returns the rate, the smallest share divided by the largest, and the longest wait in milliseconds.
fn round() -> [f64; 3] {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let got = runtime.block_on(async {
        let slots = Arc::new(SlowSlots::new(Arc::new(SystemClock), CREATE, READ));
        let mut appenders = Vec::new();
        for host in 0..HOSTS {
            let options = SlotOptions::new(Arc::new(SystemClock)).with_mode(Mode::Shared);
            let opened = SlotLog::open(Arc::clone(&slots) as Arc<_>, options).await;
            let log = Arc::new(opened.expect("a log in memory opens").0);
            for appender in 0..APPENDERS {
                appenders.push(tokio::spawn(append(Arc::clone(&log), host, appender)));
            }
        }
        let mut got = Vec::new();
        for appender in appenders {
            got.push(appender.await.expect("an appender ends"));
        }
        got
    });
    let share = |host| got.iter().filter(|got| got.host == host).map(|got| got.records).sum::<u64>() as f64;
    let shares: Vec<f64> = (0..HOSTS).map(share).collect();
    let (least, best) =
        shares.iter().fold((f64::MAX, 0.0_f64), |(a, b), share| (a.min(*share), b.max(*share)));
    let longest = got.iter().map(|got| got.longest).max().unwrap_or_default();
    [shares.iter().sum::<f64>() / ROUND.as_secs_f64(), least / best, longest.as_secs_f64() * 1e3]
}

async fn append(log: Arc<SlotLog>, host: u64, appender: u64) -> Got {
    let clock = SystemClock;
    let begun = clock.monotonic();
    let mut got = Got { host, records: 0, longest: Duration::ZERO };
    for n in 0_u64.. {
        let at = clock.monotonic();
        if at.saturating_sub(begun) >= ROUND {
            break;
        }
        let mut op_id = [0; 16];
        op_id[..8].copy_from_slice(&((host << 48) | (appender << 32) | n).to_be_bytes());
        let time = "2025-11-14T03:15:42Z".parse().expect("a time");
        let record = NewRecord { op_id, rtype: 1, schema: 1, at: time, payload: vec![0x5a; 400] };
        log.append(&[record], None).await.expect("memory appends");
        got.records += 1;
        got.longest = got.longest.max(clock.monotonic().saturating_sub(at));
    }
    got
}
