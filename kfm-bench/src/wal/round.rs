//! One turn of one log: a number of appenders, each with one record at a time, for a while.

use std::sync::Barrier;
use std::time::{Duration, Instant};

/// The result of a turn.
#[derive(Debug, Clone)]
pub struct Round {
    /// Number of appends per second.
    pub rate: f64,
    /// The 99th percentile of the time of an append, in microseconds.
    pub p99_us: f64,
}

impl Round {
    /// Computes the result of a turn from the time of each append, in nanoseconds.
    pub fn of(mut latencies_ns: Vec<u64>, taken: Duration) -> Self {
        latencies_ns.sort_unstable();
        let p99 = latencies_ns.get(latencies_ns.len() * 99 / 100).copied().unwrap_or(0);
        Self { rate: latencies_ns.len() as f64 / taken.as_secs_f64(), p99_us: p99 as f64 / 1e3 }
    }
}

/// Lets `appenders` threads append for `time`, each calling `append` with its number.
pub fn on_threads(appenders: usize, time: Duration, append: impl Fn(usize) + Sync) -> Round {
    let start = Barrier::new(appenders);
    let run = |appender| {
        start.wait();
        let (begun, mut latencies) = (Instant::now(), Vec::new());
        let mut last = begun;
        while last - begun < time {
            append(appender);
            let now = Instant::now();
            latencies.push(u64::try_from((now - last).as_nanos()).expect("a turn is short"));
            last = now;
        }
        (latencies, last - begun)
    };
    let turns: Vec<_> = std::thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> = (0..appenders).map(|appender| scope.spawn(move || run(appender))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let taken = turns.iter().map(|(_, taken)| *taken).max().unwrap_or(time);
    Round::of(turns.into_iter().flat_map(|(latencies, _)| latencies).collect(), taken)
}

/// Returns the median of the values.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
