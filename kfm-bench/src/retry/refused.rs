//! What does a call cost that an open breaker refuses? It reads the clock once.

use std::hint::black_box;
use std::time::Duration;

use kfm_retry::{Breaker, BreakerPolicy, Clock, SystemClock};

use crate::measure::{Contender, interleaved};
use crate::report::Row;

const PASSES: usize = 51;
const CALLS: u64 = 100_000;

pub(super) fn answer() -> Vec<Row> {
    use failsafe::CircuitBreaker as _;
    let ours = Breaker::new("open", BreakerPolicy::kfm());
    let now = || SystemClock.monotonic();
    for _ in 0..3 {
        let ticket = ours.admit(now).expect("it is closed");
        ours.failed(ticket, None, now);
    }
    let failsafe = failsafe::Config::new()
        .failure_policy(failsafe::failure_policy::consecutive_failures(
            3,
            failsafe::backoff::constant(Duration::from_secs(300)),
        ))
        .build();
    let recloser = recloser::Recloser::custom()
        .closed_len(2)
        .error_rate(0.5)
        .open_wait(Duration::from_secs(300))
        .build();
    for _ in 0..5 {
        failsafe.call(|| Err::<(), ()>(())).ok();
        recloser.call(|| Err::<(), ()>(())).ok();
    }
    let mut contenders = [
        Contender::new("ours", |count| {
            for _ in 0..count {
                black_box(ours.admit(now).is_err());
            }
        }),
        Contender::new("failsafe", |count| {
            for _ in 0..count {
                black_box(failsafe.call(|| Ok::<(), ()>(())).is_err());
            }
        }),
        Contender::new("recloser", |count| {
            for _ in 0..count {
                black_box(recloser.call(|| Ok::<(), ()>(())).is_err());
            }
        }),
        Contender::new("clock", |count| {
            for _ in 0..count {
                black_box(std::time::Instant::now());
            }
        }),
    ];
    let costs = interleaved(&mut contenders, PASSES, CALLS);
    let peers = contenders.iter().zip(&costs).skip(1);
    peers
        .map(|(contender, cost)| Row {
            name: format!("call refused by an open breaker: {}", contender.name),
            ours: costs[0].ns,
            peer: Some(cost.ns),
            limit: None,
            unit: "ns",
            runs: PASSES,
        })
        .collect()
}
