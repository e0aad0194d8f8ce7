//! What does a healthy call cost when two threads share the breaker? Over one thread with its own.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::Duration;

use kfm_retry::{Breaker, BreakerPolicy, Policy, Retry, idempotent};

use crate::measure::thread_time;
use crate::report::Row;

const ROUNDS: usize = 31;
const CALLS: u64 = 400_000;
/// How much more a call may take at two threads.
const FACTOR_LIMIT: f64 = 1.05;

pub(super) fn answer() -> Vec<Row> {
    static BREAKER: Breaker = Breaker::new("shared", BreakerPolicy::kfm());
    let retry = Retry::new(Policy::kfm()).circuit_breaker(&BREAKER);
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
    let failsafe = factor(&|| async { failsafe.call(operation()).await });
    let recloser = factor(&|| async { recloser.call(operation()).await });
    let row = |name: &str, ours: f64, peer, limit| Row {
        name: name.to_owned(),
        ours,
        peer,
        limit,
        unit: "x of one thread",
        runs: ROUNDS,
    };
    vec![
        row("two threads, nothing around the call", none, None, None),
        row("two threads, stack", ours, Some(none), Some(FACTOR_LIMIT)),
        // What the machine itself adds when both of its threads are busy is in both numbers.
        row("two threads, stack, over the bare call's own factor", ours / none, None, Some(FACTOR_LIMIT)),
        row("two threads, stack: failsafe", ours, Some(failsafe), None),
        row("two threads, stack: recloser", ours, Some(recloser), None),
    ]
}

async fn operation() -> Result<u64, std::io::Error> {
    Ok(black_box(1))
}

/// CPU time a call of two threads at once over that of one alone: the median of the rounds.
fn factor<F, Fut, T, E>(call: &F) -> f64
where
    F: Fn() -> Fut + Sync,
    Fut: Future<Output = Result<T, E>>,
{
    let mut factors: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let alone = together(1, call);
            together(2, call) / alone
        })
        .collect();
    factors.sort_by(f64::total_cmp);
    factors[ROUNDS / 2]
}

fn together<F, Fut, T, E>(threads: usize, call: &F) -> f64
where
    F: Fn() -> Fut + Sync,
    Fut: Future<Output = Result<T, E>>,
{
    let start = Barrier::new(threads);
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        start.wait();
        let before = thread_time();
        runtime.block_on(async {
            for _ in 0..CALLS {
                black_box(call().await.ok().expect("the call succeeds"));
            }
        });
        (thread_time() - before).as_nanos() as f64 / CALLS as f64
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let here = run();
        let sum: f64 = others.into_iter().map(|other| other.join().expect("no panic")).sum();
        (here + sum) / threads as f64
    })
}
