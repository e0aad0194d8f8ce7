//! What does a healthy call cost when two threads share the breaker? Compared with one thread that has its
//! own.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use kfm_retry::breaker::{Opens, Rate};
use kfm_retry::{Breaker, BreakerPolicy, Policy, Retry, idempotent};

use crate::measure::thread_time;
use crate::report::Row;

const ROUNDS: usize = 31;
/// How many rounds are tried at most until enough were clean.
const TRIES_MAX: usize = 300;
const CALLS: u64 = 200_000;
/// A round is clean if no thread was interrupted: its wall time is not much longer than its CPU time.
const WALL_OVER_CPU_MAX: f64 = 1.2;
/// By which factor a call may take longer with two threads.
const FACTOR_LIMIT: f64 = 1.05;

pub(super) fn answer() -> Vec<Row> {
    static BREAKER: Breaker = Breaker::new("shared", BreakerPolicy::kfm());
    static COUNT: Breaker = Breaker::new("count window", window(COUNT_WINDOW));
    static TIME: Breaker = Breaker::new("time window", window(TIME_WINDOW));
    let retry = Retry::new(Policy::kfm()).circuit_breaker(&BREAKER);
    let by_count = Retry::new(Policy::kfm()).circuit_breaker(&COUNT);
    let by_time = Retry::new(Policy::kfm()).circuit_breaker(&TIME);
    let failsafe = failsafe::Config::new()
        .failure_policy(failsafe::failure_policy::consecutive_failures(
            3,
            failsafe::backoff::constant(Duration::from_secs(300)),
        ))
        .build();
    let recloser = recloser::AsyncRecloser::from(recloser::Recloser::default());

    use failsafe::futures::CircuitBreaker as _;
    let none = factor(&|| async { Ok::<u64, std::io::Error>(black_box(1)) });
    let ours = factor(&|| async { retry.run(idempotent("item"), operation).await });
    let by_count = factor(&|| async { by_count.run(idempotent("item"), operation).await });
    let by_time = factor(&|| async { by_time.run(idempotent("item"), operation).await });
    let failsafe = factor(&|| async { failsafe.call(operation()).await });
    let recloser = factor(&|| async { recloser.call(operation()).await });
    let row = |name: &str, ours: f64, peer: Option<(f64, usize)>, limit| Row {
        name: name.to_owned(),
        ours,
        peer: peer.map(|(factor, _rounds)| factor),
        limit,
        unit: "x of one thread",
        runs: peer.map_or(ROUNDS, |(_factor, rounds)| rounds),
    };
    vec![
        row("two threads, stack: nothing around the call", ours.0, Some(none), Some(FACTOR_LIMIT)),
        // What the machine itself adds when both of its threads are busy is in both numbers.
        row(
            "two threads, stack, over the bare call's own factor",
            ours.0 / none.0,
            Some((1.0, ours.1)),
            Some(FACTOR_LIMIT),
        ),
        row("two threads, stack with a count window", by_count.0, Some(none), None),
        row("two threads, stack with a time window", by_time.0, Some(none), None),
        row("two threads, stack: failsafe", ours.0, Some(failsafe), None),
        row("two threads, stack: recloser", ours.0, Some(recloser), None),
    ]
}

const RATE: Rate = Rate { calls_min: 10, failed_percent: 50, slow: None };
const COUNT_WINDOW: Opens = Opens::CountWindow { calls: 100, rate: RATE };
const TIME_WINDOW: Opens = Opens::TimeWindow { window_ms: 10_000, rate: RATE };

const fn window(opens: Opens) -> BreakerPolicy {
    BreakerPolicy::kfm().opens(opens)
}

async fn operation() -> Result<u64, std::io::Error> {
    Ok(black_box(1))
}

/// Returns the CPU time of a call with two threads at once, divided by that of one thread alone: the median
/// of the clean rounds, and the number of those rounds.
fn factor<F, Fut, T, E>(call: &F) -> (f64, usize)
where
    F: Fn() -> Fut + Sync,
    Fut: Future<Output = Result<T, E>>,
{
    let round = |_| Some(together(2, call)? / together(1, call)?);
    let mut factors: Vec<f64> = (0..TRIES_MAX).filter_map(round).take(ROUNDS).collect();
    factors.sort_by(f64::total_cmp);
    (factors.get(factors.len() / 2).copied().unwrap_or(f64::NAN), factors.len())
}

/// Returns the CPU time of a call with `threads` threads at once; `None` if one of them was interrupted.
fn together<F, Fut, T, E>(threads: usize, call: &F) -> Option<f64>
where
    F: Fn() -> Fut + Sync,
    Fut: Future<Output = Result<T, E>>,
{
    let start = Barrier::new(threads);
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        start.wait();
        let (wall, cpu) = (Instant::now(), thread_time());
        runtime.block_on(async {
            for _ in 0..CALLS {
                black_box(call().await.ok().expect("the call succeeds"));
            }
        });
        let cpu = (thread_time() - cpu).as_secs_f64();
        (wall.elapsed().as_secs_f64() <= cpu * WALL_OVER_CPU_MAX).then_some(cpu * 1e9 / CALLS as f64)
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut sum = run();
        for other in others {
            sum = sum.zip(other.join().expect("no panic")).map(|(sum, ns)| sum + ns);
        }
        Some(sum? / threads as f64)
    })
}
