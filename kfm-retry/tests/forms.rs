//! The forms of a call: owned closures, borrowed contexts and loops; in spawned tasks, threads, services,
//! streams, hedges and limits. All of them make the same decisions.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what failed by panicking")]

mod common;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use common::{Answer, Fault, Log, Peer, clock, fails, run};
use kfm_retry::breaker::{Opens, Rate};
use kfm_retry::{
    Attempt, Backoff, Breaker, BreakerPolicy, Bulkhead, Clock, Combine, ErrorClass, Failed, Limited,
    ManualClock, Policy, Reason, Retry, Seed, SystemClock, idempotent,
};

/// A cursor whose rows fail now and then.
struct Cursor {
    at: u32,
    fails_next: bool,
}

impl Cursor {
    async fn next_row(&mut self) -> Result<u32, Fault> {
        tokio::task::yield_now().await;
        if std::mem::take(&mut self.fails_next) {
            return Err(Fault::new(ErrorClass::Server, "503"));
        }
        self.at += 1;
        Ok(self.at)
    }
}

fn on_manual_clock() -> Retry<'static> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
    Retry::with_clock(Policy::kfm(), clock)
}

#[tokio::test]
async fn owned_closures_run_in_a_spawned_task() {
    let url = String::from("https://example.org/stac");
    let task = tokio::spawn(async move {
        (|| {
            let url = url.clone();
            async move { Ok::<_, std::io::Error>(url.len()) }
        })
        .idempotent(&url)
        .with_backoff(Backoff::default())
        .retry(5)
        .await
    });
    assert_eq!(task.await.unwrap().unwrap(), 24);
}

#[tokio::test]
async fn a_borrowed_context_runs_in_a_spawned_task() {
    let task = tokio::spawn(async move {
        let (retry, mut cursor) = (on_manual_clock(), Cursor { at: 0, fails_next: true });
        retry
            .run_with(idempotent("rows"), &mut cursor, async |cursor: &mut Cursor, _at: Attempt| {
                cursor.next_row().await
            })
            .await
    });
    assert_eq!(task.await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn the_loop_form_runs_in_a_spawned_task() {
    let task = tokio::spawn(async move {
        let (retry, mut cursor) = (on_manual_clock(), Cursor { at: 0, fails_next: true });
        let mut tries = retry.tries(idempotent("rows"));
        loop {
            match tries.attempt(cursor.next_row()).await {
                Ok(row) => break Ok::<_, Failed<Fault>>((row, cursor.at)),
                Err(fault) => tries.wait(fault).await?,
            }
        }
    });
    assert_eq!(task.await.unwrap().unwrap(), (1, 1));
}

#[test]
fn all_forms_make_the_same_decisions() {
    let script = || {
        let mut script =
            vec![fails(ErrorClass::Server), fails(ErrorClass::StacTimeout), fails(ErrorClass::Io)];
        script.push(fails(ErrorClass::Io));
        Peer::new(script)
    };
    let outcome = |failed: Failed<Fault>, clock: &dyn Clock, log: &Log| {
        (failed.error, failed.report, clock.monotonic(), log.lines())
    };

    let (clock_a, log_a, peer) = (clock(), Log::default(), script());
    let retry = Retry::with_clock(Policy::kfm(), &clock_a).observer(&log_a);
    let by_future =
        outcome(run(retry.run(idempotent("x"), || peer.call()).into_future()).unwrap_err(), &clock_a, &log_a);

    let (clock_b, log_b, peer) = (clock(), Log::default(), script());
    let retry = Retry::with_clock(Policy::kfm(), &clock_b).observer(&log_b);
    let by_thread = retry.blocking(&clock_b).run(idempotent("x"), |_| run(peer.call())).unwrap_err();
    let by_thread = outcome(by_thread, &clock_b, &log_b);

    let (clock_c, log_c, peer) = (clock(), Log::default(), script());
    let retry = Retry::with_clock(Policy::kfm(), &clock_c).observer(&log_c);
    let by_loop = run(async {
        let mut tries = retry.tries(idempotent("x"));
        loop {
            if let Err(fault) = tries.attempt(peer.call()).await
                && let Err(failed) = tries.wait(fault).await
            {
                break failed;
            }
        }
    });
    let by_loop = outcome(by_loop, &clock_c, &log_c);

    assert_eq!(by_future.1.reason, Reason::ClassLimit);
    assert_eq!(by_future, by_thread);
    assert_eq!(by_future, by_loop);
}

#[test]
fn work_that_waits_for_a_thread_is_not_cut_off_by_a_manual_clock() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (clock, retry) = {
        let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
        (Arc::clone(&clock), Retry::with_clock(Policy::kfm(), clock))
    };
    let read = || async { Ok::<_, Fault>(tokio::task::spawn_blocking(|| 7).await.unwrap()) };
    assert_eq!(runtime.block_on(retry.run(idempotent("x"), read).into_future()).unwrap(), 7);
    assert_eq!(clock.monotonic(), Duration::ZERO);
}

#[test]
fn a_manual_clock_that_is_moved_ends_alarms() {
    let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
    let retry = Retry::with_clock(Policy::once(Duration::from_secs(2)), Arc::clone(&clock));
    let mut call =
        std::pin::pin!(retry.run(idempotent("x"), std::future::pending::<Result<(), Fault>>).into_future());
    assert!(common::poll_once(&mut call).is_pending());
    clock.advance(Duration::from_secs(1));
    assert!(common::poll_once(&mut call).is_pending());
    clock.advance(Duration::from_secs(1));
    assert!(common::poll_once(&mut call).is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_paused_runtime_stops_the_system_clock() {
    let began = SystemClock.monotonic();
    let hanging = (|| async {
        std::future::pending::<()>().await;
        Ok::<_, std::io::Error>(())
    })
    .once()
    .timeout(Duration::from_secs(3600));
    hanging.await.unwrap_err();
    assert!(SystemClock.monotonic() - began >= Duration::from_secs(10));
}

#[test]
fn an_operation_is_started_after_the_wait_and_not_before() {
    let clock = clock();
    let retry = Retry::with_clock(Policy::kfm(), &clock);
    let mut started = Vec::new();
    let operation = |_at: Attempt| {
        started.push(clock.monotonic());
        async { Err::<(), _>(Fault::new(ErrorClass::Server, "503")) }
    };
    let failed = run(retry.run(idempotent("x"), operation).into_future()).unwrap_err();
    let mut at = Duration::ZERO;
    for (began, record) in started.iter().zip(&failed.report.history) {
        assert_eq!(*began, at);
        at += record.delay;
    }
}

/// A breaker of each kind.
fn breakers() -> [Breaker; 3] {
    let rate = Rate { calls_min: 10, failed_percent: 50, slow: None };
    [
        Opens::Consecutive { failures: 3 },
        Opens::CountWindow { calls: 100, rate },
        Opens::TimeWindow { window_ms: 10_000, rate },
    ]
    .map(|opens| Breaker::new("peer", BreakerPolicy::kfm().opens(opens)))
}

#[test]
fn a_caller_of_a_breaker_never_waits_for_another() {
    for breaker in breakers() {
        let calls = || {
            let retry = on_manual_clock().circuit_breaker(&breaker);
            (0..1_000).all(|n| {
                let answer = if n % 4 == 0 { Err(Fault::new(ErrorClass::Rejected, "404")) } else { Ok(n) };
                let call = retry.run(idempotent("x"), || std::future::ready(answer.clone()));
                common::poll_once(&mut std::pin::pin!(call.into_future())).is_ready()
            })
        };
        let ready_at_once = std::thread::scope(|scope| {
            let others = [scope.spawn(calls), scope.spawn(calls)];
            calls() && others.into_iter().all(|other| other.join().unwrap())
        });
        assert!(ready_at_once, "{breaker:?}");
    }
}

#[test]
fn an_operation_may_use_its_own_breaker() {
    for breaker in breakers() {
        let retry = on_manual_clock().circuit_breaker(&breaker);
        let call = retry.run(idempotent("outer"), async || {
            let inner = retry.run(idempotent("inner"), || async { Ok::<_, Fault>(1) }).await;
            breaker.isolate();
            breaker.reset();
            inner.map_err(|failed| failed.error.unwrap())
        });
        assert_eq!(run(call.into_future()).unwrap(), 1, "{breaker:?}");
    }
}

#[test]
#[should_panic(expected = "polled again after its answer")]
fn a_call_that_is_polled_after_its_answer_is_not_made_again() {
    let (clock, peer) = (clock(), Peer::new([fails(ErrorClass::Schema), Answer::Ok(1)]));
    let retry = Retry::with_clock(Policy::kfm(), &clock);
    let mut call = std::pin::pin!(retry.run(idempotent("x"), || peer.call()).into_future());
    assert!(common::poll_once(&mut call).is_ready());
    let _second = common::poll_once(&mut call);
}

#[test]
fn a_panicking_operation_gives_a_probe_back() {
    let (clock, breaker) = (clock(), Breaker::new("peer", BreakerPolicy::kfm()));
    let retry = Retry::with_clock(Policy::once(Duration::from_secs(1)), &clock).circuit_breaker(&breaker);
    for _ in 0..3 {
        let failing = || async { Err::<(), _>(Fault::new(ErrorClass::Server, "503")) };
        run(retry.run(idempotent("x"), failing).into_future()).unwrap_err();
    }
    clock.advance(Duration::from_secs(300));
    let call = std::panic::AssertUnwindSafe(|| {
        run(retry
            .run(idempotent("x"), || async {
                if true {
                    panic!("bug")
                }
                Ok::<(), Fault>(())
            })
            .into_future())
    });
    assert!(std::panic::catch_unwind(call).is_err());
    assert!(run(retry.run(idempotent("x"), || async { Ok::<(), Fault>(()) }).into_future()).is_ok());
    assert!(kfm_retry::Deadline::inherited(&clock).is_none(), "the panic left no deadline behind");
}

#[test]
fn a_bulkhead_refuses_and_its_place_is_given_back_when_dropped() {
    let bulkhead = Bulkhead::new(1);
    let place = bulkhead.enter().unwrap();
    let refused = run(bulkhead.run(async { Ok::<_, Fault>(1) }));
    assert_eq!(refused, Err(Limited::Refused));
    drop(place);
    assert_eq!(run(bulkhead.run(async { Ok::<_, Fault>(1) })), Ok(1));
}

#[test]
fn a_refusal_of_the_bulkhead_does_not_count_against_the_service() {
    let (clock, breaker, bulkhead) = (clock(), Breaker::new("peer", BreakerPolicy::kfm()), Bulkhead::new(0));
    let retry = Retry::with_clock(Policy::kfm(), &clock).circuit_breaker(&breaker);
    for _ in 0..5 {
        let call = retry.run(idempotent("x"), || bulkhead.run(async { Ok::<u32, Fault>(1) }));
        assert_eq!(run(call.into_future()).unwrap_err().attempts(), 5);
    }
    assert_eq!(breaker.state(), kfm_retry::breaker::State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_hedge_starts_a_second_attempt_only_when_the_first_is_slow() {
    let mut started = 0;
    let quick = kfm_retry::hedge::hedge(idempotent("x"), &SystemClock, Duration::from_millis(80), |n| {
        started += 1;
        async move { Ok::<_, Fault>(n) }
    });
    assert_eq!(quick.await.unwrap(), 0);
    assert_eq!(started, 1);

    let slow =
        kfm_retry::hedge::hedge(idempotent("x"), &SystemClock, Duration::from_millis(80), |n| async move {
            if n == 0 {
                SystemClock.sleep(Duration::from_secs(60)).await;
            }
            Ok::<_, Fault>(n)
        });
    assert_eq!(slow.await.unwrap(), 1);
}

#[test]
fn keys_and_seeds_name_the_same_item() {
    let plan = |key: kfm_retry::Key<'static>| Policy::kfm().plan(key, ErrorClass::Server);
    assert_eq!(plan("item".into()), plan(Seed::of("item").into()));
}

#[cfg(feature = "futures")]
mod streams {
    use super::*;
    use futures_core::Stream;
    use std::collections::VecDeque;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    /// A stream that follows a script.
    struct Script(VecDeque<Result<(u32, u32), Fault>>);

    impl Stream for Script {
        type Item = Result<(u32, u32), Fault>;

        fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(self.0.pop_front())
        }
    }

    #[test]
    fn a_stream_resumes_at_its_cursor_and_counts_attempts_from_there() {
        let clock = clock();
        let retry = Retry::with_clock(Policy::kfm().attempts(2), &clock);
        let mut opened = Vec::new();
        // The stream breaks off after every second page; a page's cursor is the number of the next page.
        let stream = retry.resume_stream(idempotent("pages"), 0_u32, |cursor, _at| {
            opened.push(cursor);
            let pages = (cursor..7).take(2).map(|page| Ok((page + 1, page)));
            let broken = (cursor < 6).then(|| Err(Fault::new(ErrorClass::Network, "reset")));
            Script(pages.chain(broken).collect())
        });
        let mut items = Vec::new();
        {
            let mut stream = pin!(stream);
            let mut cx = Context::from_waker(Waker::noop());
            while let Poll::Ready(Some(item)) = stream.as_mut().poll_next(&mut cx) {
                items.push(item.unwrap());
            }
        }
        assert_eq!(items, [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(opened, [0, 2, 4, 6]);
    }

    #[test]
    fn a_stream_without_progress_is_given_up() {
        let clock = clock();
        let retry = Retry::with_clock(Policy::kfm(), &clock);
        let mut opened = 0;
        let stream = retry.resume_stream(idempotent("pages"), 0_u32, |_cursor, _at| {
            opened += 1;
            Script([Err(Fault::new(ErrorClass::Network, "reset"))].into())
        });
        {
            let mut stream = pin!(stream);
            let mut cx = Context::from_waker(Waker::noop());
            let Poll::Ready(Some(Err(failed))) = stream.as_mut().poll_next(&mut cx) else {
                panic!("it fails")
            };
            assert_eq!(failed.reason(), Reason::AttemptsExhausted);
            assert!(matches!(stream.as_mut().poll_next(&mut cx), Poll::Ready(None)));
        }
        assert_eq!(opened, 5);
    }
}

#[cfg(feature = "tower")]
mod services {
    use super::*;
    use kfm_retry::layer::RetryLayer;
    use std::collections::VecDeque;
    use std::sync::Mutex;
    use std::task::{Context, Poll};
    use tower_layer::Layer;
    use tower_service::Service;

    /// A service that follows a script.
    #[derive(Clone)]
    struct Scripted(Arc<Mutex<VecDeque<Answer>>>);

    impl Service<String> for Scripted {
        type Response = u32;
        type Error = Fault;
        type Future = std::future::Ready<Result<u32, Fault>>;

        fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _request: String) -> Self::Future {
            std::future::ready(match self.0.lock().unwrap().pop_front().expect("the script is long enough") {
                Answer::Ok(value) => Ok(value),
                Answer::Err(fault) => Err(fault),
                Answer::Hang => unreachable!("not in these scripts"),
            })
        }
    }

    fn call(script: Vec<Answer>, request: &str) -> Result<u32, Failed<Fault>> {
        let layer = RetryLayer::new(Arc::new(on_manual_clock()), |request: &String| {
            (request.starts_with("GET")).then(|| (request.clone(), Seed::of(request)))
        });
        let mut service = layer.layer(Scripted(Arc::new(Mutex::new(script.into()))));
        run(service.call(request.to_owned()))
    }

    #[test]
    fn a_layer_sends_copies_of_the_request() {
        let failing = || fails(ErrorClass::Server);
        let script = vec![failing(), failing(), failing(), failing(), Answer::Ok(1)];
        assert_eq!(call(script, "GET /item").unwrap(), 1);
    }

    #[test]
    fn a_request_that_cannot_be_sent_twice_says_so() {
        let failed = call(vec![fails(ErrorClass::Server)], "POST /item").unwrap_err();
        assert_eq!((failed.reason(), failed.attempts()), (Reason::NotReplayable, 1));
    }
}

#[cfg(feature = "governor")]
#[test]
fn a_rate_limit_refuses_until_time_has_passed() {
    let clock = Arc::new(clock());
    let limit = kfm_retry::rate_limit::RateLimit::per_second(
        std::num::NonZeroU32::new(2).unwrap(),
        Arc::clone(&clock) as Arc<dyn Clock>,
    );
    let call = || run(limit.run(async { Ok::<_, Fault>(1) }));
    assert_eq!((call(), call(), call()), (Ok(1), Ok(1), Err(Limited::Refused)));
    run(limit.until_free());
    assert_eq!(clock.monotonic(), Duration::from_millis(500));
}
