//! What does a call cost that succeeds at once? The time above the bare call, and its allocations.

use std::hint::black_box;
use std::time::Duration;

use kfm_retry::{Backoff, Breaker, BreakerPolicy, Combine, Policy, Retry, idempotent};
use tower::{Service, ServiceExt};

use crate::measure::{Contender, interleaved};
use crate::report::Row;

const PASSES: usize = 101;
const CALLS: u64 = 100_000;
/// How many nanoseconds retry, breaker and time-out together may add.
const ADDED_LIMIT_NS: f64 = 6.0;

type Error = std::io::Error;

async fn operation() -> Result<u64, Error> {
    Ok(black_box(1))
}

/// Makes calls in a loop and awaits each. Each contender has a closure of its own, as each call in a program
/// has: two contenders with one closure would share its code, and neither would be inlined.
macro_rules! calls {
    ($runtime:expr, $name:literal, $call:expr) => {
        Contender::new($name, |count| {
            $runtime.block_on(async {
                for _ in 0..count {
                    black_box($call.await.ok().expect("the call succeeds"));
                }
            })
        })
    };
}

#[allow(clippy::redundant_closure, reason = "a closure is a type of its own, the function is not")]
pub(super) fn answer() -> Vec<Row> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    static RETRY: Retry<'static> = Retry::new(Policy::kfm());
    static STACK: Breaker = Breaker::new("stack", BreakerPolicy::kfm());
    static POSTFIX: Breaker = Breaker::new("postfix", BreakerPolicy::kfm());
    let stack = Retry::new(Policy::kfm()).circuit_breaker(&STACK);

    use failsafe::futures::CircuitBreaker as _;
    let backoff = backoff::ExponentialBackoff::default();
    let failsafe = failsafe::Config::new()
        .failure_policy(failsafe::failure_policy::consecutive_failures(
            3,
            failsafe::backoff::constant(Duration::from_secs(300)),
        ))
        .build();
    let recloser = recloser::AsyncRecloser::from(recloser::Recloser::default());
    let mut tower_retry = tower::retry::Retry::new(TwoTries, tower::service_fn(|()| operation()));
    let mut tower_stack = tower::ServiceBuilder::new()
        .layer(tower_breaker())
        .layer(tower::retry::RetryLayer::new(TwoTries))
        .layer(tower::timeout::TimeoutLayer::new(Duration::from_secs(5)))
        .service(tower::service_fn(|()| operation()));
    let mut resilience_breaker =
        tower::ServiceBuilder::new().layer(tower_breaker()).service(tower::service_fn(|()| operation()));
    let mut resilience_retry = tower::ServiceBuilder::new()
        .layer(
            tower_resilience_retry::RetryLayer::<(), u64, Error>::builder()
                .max_attempts(5)
                .exponential_backoff(Duration::from_millis(500))
                .build(),
        )
        .service(tower::service_fn(|()| operation()));

    use backon::Retryable as _;
    let mut contenders = [
        calls!(runtime, "none", operation()),
        calls!(runtime, "kfm retry", RETRY.run(idempotent("item"), || operation())),
        calls!(runtime, "kfm stack", stack.run(idempotent("item"), || operation())),
        calls!(
            runtime,
            "kfm stack, postfix",
            operation
                .idempotent("item")
                .circuit_breaker(&POSTFIX)
                .with_backoff(Backoff::exponential(Duration::from_millis(500)))
                .retry(5)
                .timeout(Duration::from_secs(5))
        ),
        calls!(runtime, "backon", operation.retry(backon::ExponentialBuilder::default().with_jitter())),
        calls!(
            runtime,
            "tokio-retry2",
            tokio_retry2::Retry::spawn(
                tokio_retry2::strategy::ExponentialBackoff::from_millis(500).take(4),
                async || operation().await.map_err(tokio_retry2::RetryError::transient)
            )
        ),
        calls!(
            runtime,
            "backoff",
            backoff::future::retry(backoff.clone(), || async {
                operation().await.map_err(backoff::Error::transient)
            })
        ),
        calls!(runtime, "tower retry", async { tower_retry.ready().await?.call(()).await }),
        calls!(runtime, "tower-resilience retry", async { resilience_retry.ready().await?.call(()).await }),
        calls!(runtime, "failsafe", failsafe.call(operation())),
        calls!(runtime, "recloser", recloser.call(operation())),
        calls!(runtime, "tower-resilience breaker", async {
            resilience_breaker.ready().await?.call(()).await
        }),
        calls!(
            runtime,
            "backon + tokio time-out + failsafe",
            failsafe.call(
                (|| async {
                    tokio::time::timeout(Duration::from_secs(5), operation())
                        .await
                        .unwrap_or_else(|_late| Err(std::io::ErrorKind::TimedOut.into()))
                })
                .retry(backon::ExponentialBuilder::default().with_jitter())
            )
        ),
        calls!(runtime, "tower retry + time-out + tower-resilience breaker", async {
            tower_stack.ready().await.map_err(drop)?.call(()).await.map_err(drop)
        }),
    ];
    let costs = interleaved(&mut contenders, PASSES, CALLS);
    let none = costs[0].ns;
    let added = |n: usize| costs[n].ns - none;
    let (retry, stack, postfix) = (1, 2, 3);

    let mut rows = vec![
        row("healthy call, nothing around it", none, None, None, "ns"),
        row("healthy call, retry", added(retry), None, Some(ADDED_LIMIT_NS), "ns added"),
        row("healthy call, stack", added(stack), None, Some(ADDED_LIMIT_NS), "ns added"),
        row("healthy call, stack, postfix", added(postfix), None, Some(ADDED_LIMIT_NS), "ns added"),
    ];
    for (n, name) in [(retry, "retry"), (stack, "stack"), (postfix, "stack, postfix")] {
        let (min, median) = (costs[n].min_ns - costs[0].min_ns, costs[n].median_ns - costs[0].median_ns);
        let of_passes = |which: &str| format!("healthy call, {name}: {which} of the passes");
        rows.push(row(&of_passes("minimum"), min, None, Some(ADDED_LIMIT_NS), "ns added"));
        rows.push(row(&of_passes("median"), median, None, Some(ADDED_LIMIT_NS), "ns added"));
    }
    for (n, contender) in contenders.iter().enumerate().skip(4) {
        // A peer that only retries, or only has a breaker, is also compared with the toolkit's whole stack.
        let (ours, what) = match contender.name {
            name if name.contains('+') => (stack, "stack"),
            "failsafe" | "recloser" | "tower-resilience breaker" => (stack, "stack"),
            _ => (retry, "retry"),
        };
        let name = format!("healthy call, {what}: {}", contender.name);
        rows.push(row(&name, added(ours), Some(added(n)), None, "ns added"));
    }
    for (n, contender) in contenders.iter().enumerate().skip(4) {
        let name = format!("healthy call: {}", contender.name);
        rows.push(row(&name, costs[stack].allocations, Some(costs[n].allocations), None, "allocations"));
    }
    rows
}

fn row(name: &str, ours: f64, peer: Option<f64>, limit: Option<f64>, unit: &'static str) -> Row {
    Row { name: name.to_owned(), ours, peer, limit, unit, runs: PASSES }
}

fn tower_breaker() -> tower_resilience_circuitbreaker::CircuitBreakerLayer {
    tower_resilience_circuitbreaker::CircuitBreakerLayer::builder()
        .consecutive_failures(3)
        .build()
        .expect("valid")
}

/// The policy that tower asks its user to write.
#[derive(Clone)]
struct TwoTries;

impl<T, E> tower::retry::Policy<(), T, E> for TwoTries {
    type Future = std::future::Ready<()>;

    fn retry(&mut self, _request: &mut (), result: &mut Result<T, E>) -> Option<Self::Future> {
        result.is_err().then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, _request: &()) -> Option<()> {
        Some(())
    }
}
