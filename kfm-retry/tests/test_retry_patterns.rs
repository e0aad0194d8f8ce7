//! The behaviour of retried calls, against scripted peers and a clock that does not wait (R80 to R83, R110).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what failed by panicking")]

mod common;

use std::time::{Duration, SystemTime};

use common::{Answer, Fault, Log, Peer, asks_to_wait, clock, fails, run};
use kfm_retry::{
    Backoff, Beyond, Breaker, BreakerPolicy, Budget, Clock, Combine, Counts, Deadline, ErrorClass, Failed,
    HintRule, Jitter, Metrics, Policy, Reason, Retry, RetryAfter, Verdict, breaker::State, idempotent,
};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_transient_failure_is_tried_again() {
    let (clock, peer) =
        (clock(), Peer::new([fails(ErrorClass::Server), fails(ErrorClass::Network), Answer::Ok(7)]));
    let retry = Retry::with_clock(Policy::kfm(), &clock);

    assert_eq!(run(retry.run(idempotent("item"), || peer.call()).into_future()).unwrap(), 7);
    assert!(peer.is_done());
    assert!(clock.monotonic() < Duration::from_millis(500 + 1_000));
}

#[test]
fn the_fifth_failure_comes_back_as_it_was() {
    let (clock, peer) = (clock(), Peer::new(std::iter::repeat_n(fails(ErrorClass::Server), 5)));
    let retry = Retry::with_clock(Policy::kfm(), &clock);

    let failed: Failed<Fault> = run(retry.run(idempotent("item"), || peer.call()).into_future()).unwrap_err();

    assert_eq!(failed.error, Some(Fault::new(ErrorClass::Server, "scripted")));
    assert_eq!(failed.reason(), Reason::AttemptsExhausted);
    assert_eq!((failed.attempts(), failed.report.history.len()), (5, 5));
    assert_eq!(
        failed.report.waited,
        clock.monotonic(),
        "it waited as planned, and not after the last attempt"
    );
}

#[test]
fn what_is_not_known_to_be_retryable_is_not_retried() {
    for class in ErrorClass::ALL.into_iter().filter(|class| !class.is_retryable()) {
        let (clock, peer) = (clock(), Peer::new([fails(class)]));
        let retry = Retry::with_clock(Policy::kfm(), &clock);

        let failed = run(retry.run(idempotent("item"), || peer.call()).into_future()).unwrap_err();

        assert_eq!((failed.reason(), failed.class()), (Reason::NotRetryable, class));
        assert_eq!(clock.monotonic(), Duration::ZERO);
    }
}

#[test]
fn classes_have_limits_of_their_own() {
    for (class, attempts) in
        [(ErrorClass::StacTimeout, 3), (ErrorClass::Neo4jTransient, 5), (ErrorClass::Io, 2)]
    {
        let (clock, peer) = (clock(), Peer::new(std::iter::repeat_n(fails(class), attempts)));
        let retry = Retry::with_clock(Policy::kfm(), &clock);

        let failed = run(retry.run(idempotent("item"), || peer.call()).into_future()).unwrap_err();

        assert_eq!(usize::from(failed.attempts()), attempts, "{class}");
        assert!(peer.is_done());
    }
}

#[test]
fn an_attempt_that_hangs_is_cut_off_and_tried_again() {
    let (clock, peer) = (clock(), Peer::new([Answer::Hang, Answer::Ok(1)]));
    let retry = Retry::with_clock(Policy::kfm(), &clock);

    assert_eq!(run(retry.run(idempotent("item"), || peer.call()).into_future()).unwrap(), 1);
    assert!(clock.monotonic() >= 10 * SECOND && clock.monotonic() < 10 * SECOND + SECOND / 2);
}

#[test]
fn the_total_cuts_the_running_attempt_off_and_leaves_no_error_to_show() {
    let (clock, peer) = (clock(), Peer::new([Answer::Hang]));
    let retry = Retry::with_clock(Policy::kfm().total(3 * SECOND), &clock);

    let failed = run(retry.run(idempotent("item"), || peer.call()).into_future()).unwrap_err();

    assert_eq!(failed.reason(), Reason::DeadlinePassed);
    assert_eq!(failed.error, None);
    assert_eq!(clock.monotonic(), 3 * SECOND);
}

#[test]
fn no_wait_goes_past_the_deadline() {
    let backoff = Backoff::fixed(2 * SECOND).jitter(Jitter::None);
    let (clock, peer) = (clock(), Peer::new([fails(ErrorClass::Server), fails(ErrorClass::Server)]));
    let retry = Retry::with_clock(Policy::kfm().backoff(backoff).total(3 * SECOND), &clock);

    let failed = run(retry.run(idempotent("item"), || peer.call()).into_future()).unwrap_err();

    assert_eq!(failed.reason(), Reason::DeadlineWouldPass { delay: 2 * SECOND });
    assert_eq!(clock.monotonic(), 2 * SECOND, "it gives up at once instead of sleeping");
}

#[test]
fn a_deadline_that_has_passed_lets_no_attempt_begin() {
    let (clock, peer) = (clock(), Peer::new([]));
    let retry = Retry::with_clock(Policy::kfm(), &clock);
    let deadline = Deadline::after(&clock, SECOND);
    clock.advance(SECOND);

    let failed =
        run(retry.run(idempotent("item"), || peer.call()).deadline(deadline).into_future()).unwrap_err();

    assert_eq!((failed.reason(), failed.attempts()), (Reason::DeadlinePassed, 0));
}

#[test]
fn the_deadline_travels_to_nested_calls_and_they_try_once() {
    let (clock, peer) = (clock(), Peer::new([fails(ErrorClass::Server), Answer::Hang]));
    let outer = Retry::with_clock(Policy::kfm().attempts(2).attempt_timeout(2 * SECOND), &clock);
    let inner = Retry::with_clock(Policy::kfm().attempt_timeout(5 * SECOND), &clock);
    let mut inner_reasons = Vec::new();

    let failed = {
        let (inner, peer, reasons) = (&inner, &peer, std::cell::RefCell::new(&mut inner_reasons));
        run(outer
            .run(idempotent("outer"), || async {
                let result = inner.run(idempotent("inner"), || peer.call()).await;
                reasons.borrow_mut().push(result.as_ref().map_err(Failed::reason).err());
                result
            })
            .into_future())
        .unwrap_err()
    };

    assert_eq!(failed.attempts(), 2, "the outer policy alone retries");
    assert_eq!(inner_reasons[0], Some(Reason::NestedInner));
    assert_eq!(inner_reasons[1], Some(Reason::DeadlinePassed), "5 s of its own are cut to the outer 2 s");
    assert!(clock.monotonic() < 5 * SECOND);
}

#[test]
fn what_an_inner_policy_has_spent_is_not_spent_again_further_out() {
    let (clock, peer) = (clock(), Peer::new(std::iter::repeat_n(fails(ErrorClass::Server), 5)));
    let retry = Retry::with_clock(Policy::kfm(), &clock);

    // Not nested, as if the inner call ran in its own task.
    let inner = run(retry.run(idempotent("item"), || peer.call()).into_future());
    let outer =
        run(retry.run(idempotent("item"), || std::future::ready(inner.clone_for_test())).into_future());

    assert_eq!(outer.unwrap_err().reason(), Reason::SpentFurtherIn);
}

#[test]
fn retry_after_is_honoured_and_spread_over_one_base_delay() {
    let (clock, peer) = (clock(), Peer::new([asks_to_wait(20 * SECOND), Answer::Ok(1)]));
    let retry = Retry::with_clock(Policy::kfm(), &clock);

    run(retry.run(idempotent("item"), || peer.call()).into_future()).unwrap();

    assert!(clock.monotonic() >= 20 * SECOND);
    assert!(clock.monotonic() < 20 * SECOND + SECOND / 2);
}

#[test]
fn retry_after_never_shortens_the_planned_delay() {
    let backoff = Backoff::fixed(2 * SECOND).jitter(Jitter::None);
    let (clock, peer) = (clock(), Peer::new([asks_to_wait(Duration::ZERO), Answer::Ok(1)]));
    let retry = Retry::with_clock(Policy::kfm().backoff(backoff), &clock);

    run(retry.run(idempotent("item"), || peer.call()).into_future()).unwrap();

    assert_eq!(clock.monotonic(), 2 * SECOND);
}

#[test]
fn a_longer_hint_than_allowed_gives_up_or_is_clamped_as_the_policy_says() {
    let hint = 3600 * SECOND;
    let give_up = Policy { total_ms: None, ..Policy::kfm() };
    let clamp = give_up.retry_after(HintRule { max_ms: 1_000, beyond: Beyond::Clamp });

    let (clock, peer) = (clock(), Peer::new([asks_to_wait(hint)]));
    let failed =
        run(Retry::with_clock(give_up, &clock).run(idempotent("item"), || peer.call()).into_future());
    assert_eq!(failed.unwrap_err().reason(), Reason::HintTooLong { hint });
    assert_eq!(clock.monotonic(), Duration::ZERO);

    let peer = Peer::new([asks_to_wait(hint), Answer::Ok(1)]);
    run(Retry::with_clock(clamp, &clock).run(idempotent("item"), || peer.call()).into_future()).unwrap();
    assert!(clock.monotonic() >= SECOND && clock.monotonic() < 2 * SECOND);
}

#[test]
fn a_retry_after_date_is_read_on_the_civil_clock() {
    let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let clock = common::clock_at(noon - 7 * SECOND);
    let mut dates = [RetryAfter::parse("Sun, 06 Nov 1994 08:49:37 GMT")].into_iter();
    let retry = Retry::with_clock(Policy::kfm(), &clock);

    let call = retry.run(idempotent("item"), || {
        let date = dates.next();
        async move { date.map_or(Ok(()), Err) }
    });
    let by_date = |date: &Option<RetryAfter>| Verdict::from(ErrorClass::RateLimited).after(*date);
    run(call.classify(by_date).into_future()).unwrap();

    assert!(clock.monotonic() >= 7 * SECOND && clock.monotonic() < 8 * SECOND);
}

#[test]
fn the_same_key_waits_the_same_and_another_key_differs() {
    let waits = |key: &str| {
        let (clock, peer) = (clock(), Peer::new(std::iter::repeat_n(fails(ErrorClass::Server), 5)));
        let retry = Retry::with_clock(Policy::kfm(), &clock);
        run(retry.run(idempotent(key), || peer.call()).into_future()).unwrap_err().report.history
    };
    assert_eq!(waits("one"), waits("one"));
    assert_ne!(waits("one"), waits("other"));
}

#[test]
fn the_preset_counts_whole_calls_and_the_other_order_attempts() {
    let order = |counts: Counts| {
        let breaker = Breaker::new("peer", BreakerPolicy::kfm());
        let (clock, peer) = (clock(), Peer::new(std::iter::repeat_n(fails(ErrorClass::Server), 5)));
        let retry = Retry::with_clock(Policy::kfm(), &clock).circuit_breaker(&breaker).counts(counts);
        let failed = run(retry.run(idempotent("item"), || peer.call()).into_future()).unwrap_err();
        (failed.attempts(), failed.reason(), breaker.state())
    };
    assert_eq!(order(Counts::Calls), (5, Reason::AttemptsExhausted, State::Closed));
    let (attempts, reason, state) = order(Counts::Attempts);
    assert_eq!((attempts, state), (3, State::Open));
    assert!(matches!(reason, Reason::CircuitOpen { .. }));
}

#[test]
fn three_calls_open_the_breaker_and_one_trial_call_closes_it() {
    let (clock, log) = (clock(), Log::default());
    let breaker = Breaker::new("peer", BreakerPolicy::kfm());
    let retry = Retry::with_clock(Policy::once(SECOND), &clock).circuit_breaker(&breaker).observer(&log);
    let peer = Peer::new([
        fails(ErrorClass::Server),
        fails(ErrorClass::Server),
        fails(ErrorClass::Server),
        Answer::Ok(1),
        Answer::Ok(2),
    ]);
    let call = || run(retry.run(idempotent("item"), || peer.call()).into_future());

    for _ in 0..3 {
        call().unwrap_err();
    }
    let refused = call().unwrap_err();
    assert_eq!(refused.reason(), Reason::CircuitOpen { retry_in: Some(300 * SECOND) });
    assert_eq!((refused.attempts(), refused.class()), (0, ErrorClass::Overloaded));
    clock.advance(300 * SECOND);
    assert_eq!(call().unwrap(), 1);
    assert_eq!(call().unwrap(), 2);
    assert_eq!(
        log.lines(),
        [
            "attempt 0 server attempts_exhausted",
            "attempt 0 server attempts_exhausted",
            "attempt 0 server attempts_exhausted",
            "Closed -> Open",
            "attempt 0 overloaded circuit_open",
            "Open -> HalfOpen",
            "HalfOpen -> Closed",
        ]
    );
}

#[test]
fn a_service_that_says_no_is_well() {
    let breaker = Breaker::new("peer", BreakerPolicy::kfm());
    let (clock, peer) = (clock(), Peer::new(std::iter::repeat_n(fails(ErrorClass::Denied), 10)));
    let retry = Retry::with_clock(Policy::kfm(), &clock).circuit_breaker(&breaker);
    for _ in 0..10 {
        run(retry.run(idempotent("item"), || peer.call()).into_future()).unwrap_err();
    }
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_budget_bounds_the_retries_of_all_calls_together() {
    let (clock, budget) = (clock(), Budget::new(100, 10, 1));
    let retry = Retry::with_clock(Policy::kfm(), &clock).budget(&budget);
    let mut attempts = 0;
    for n in 0..1_000_u32 {
        let failing = || {
            attempts += 1;
            async { Err::<(), _>(Fault::new(ErrorClass::Server, "503")) }
        };
        let key = n.to_string();
        run(Retry::run(&retry, idempotent(kfm_retry::Seed::of(key)), failing).into_future()).unwrap_err();
    }
    assert_eq!(attempts, 1_000 + 10, "one attempt each, and ten retries for all");
}

#[test]
fn a_call_dropped_while_it_waits_gives_its_retry_back() {
    let clock = common::StoppedClock(clock());
    let (budget, peer) = (Budget::new(100, 10, 1), Peer::new([fails(ErrorClass::Server)]));
    let retry = Retry::with_clock(Policy::kfm(), &clock).budget(&budget);
    {
        let mut call = std::pin::pin!(retry.run(idempotent("item"), || peer.call()).into_future());
        assert!(common::poll_once(&mut call).is_pending());
        assert_eq!(budget.tokens(), 90);
    }
    assert_eq!(budget.tokens(), 100);
}

#[test]
fn the_combinators_nest_outside_in() {
    let clock = clock();
    let breaker = Breaker::new("peer", BreakerPolicy::kfm());
    let backoff = Backoff::fixed(SECOND).jitter(Jitter::None);

    // A time-out before `retry` limits the whole call.
    let peer = Peer::new([Answer::Hang]);
    let call =
        (|| peer.call()).idempotent("item").clock(&clock).timeout(3 * SECOND).with_backoff(backoff).retry(5);
    assert_eq!(run(call.into_future()).unwrap_err().reason(), Reason::DeadlinePassed);
    assert_eq!(clock.monotonic(), 3 * SECOND);

    // After `retry` it limits each attempt.
    let peer = Peer::new([Answer::Hang, Answer::Hang, Answer::Ok(1)]);
    let call =
        (|| peer.call()).idempotent("item").clock(&clock).with_backoff(backoff).retry(5).timeout(3 * SECOND);
    assert_eq!(run(call.into_future()).unwrap(), 1);
    assert_eq!(clock.monotonic(), (3 + 3 + 1 + 3 + 1) * SECOND);

    // A breaker before `retry` counts calls; after it, attempts.
    let five = || Peer::new(std::iter::repeat_n(fails(ErrorClass::Server), 5));
    let peer = five();
    let call = (|| peer.call())
        .idempotent("item")
        .clock(&clock)
        .circuit_breaker(&breaker)
        .with_backoff(backoff)
        .retry(5);
    assert_eq!(run(call.into_future()).unwrap_err().attempts(), 5);
    assert_eq!(breaker.state(), State::Closed);
    breaker.reset();
    let peer = five();
    let call = (|| peer.call())
        .idempotent("item")
        .clock(&clock)
        .with_backoff(backoff)
        .retry(5)
        .circuit_breaker(&breaker);
    assert_eq!(run(call.into_future()).unwrap_err().attempts(), 3);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn what_must_not_be_repeated_has_time_outs_and_a_breaker_too() {
    let (clock, breaker, peer) =
        (clock(), Breaker::new("peer", BreakerPolicy::kfm()), Peer::new([Answer::Hang]));
    let call = (|| peer.call()).once().clock(&clock).circuit_breaker(&breaker).timeout(2 * SECOND);
    assert_eq!(run(call.into_future()).unwrap_err().attempts(), 1);
    assert_eq!(clock.monotonic(), 2 * SECOND);
}

#[test]
fn a_fallback_answers_and_the_failure_is_told_all_the_same() {
    let (clock, metrics, peer) = (clock(), Metrics::new(), Peer::new([fails(ErrorClass::Schema)]));
    let retry = Retry::with_clock(Policy::kfm(), &clock).observer(&metrics);
    let answer =
        run(retry.run(idempotent("item"), || peer.call()).fallback(|failed| u32::from(failed.attempts())));
    assert_eq!(answer, 1);
    assert_eq!(metrics.counted().failed, [(ErrorClass::Schema, 1)]);
    assert_eq!(metrics.counted().gave_up, 1);
}

#[test]
fn events_carry_the_fields_of_the_telemetry_and_the_text_only_on_demand() {
    let seen = std::sync::Mutex::new(Vec::new());
    let note = |event: &kfm_retry::Event<'_>| {
        if let kfm_retry::Event::Attempt(failed) = event {
            let text = failed.error_text.map(str::to_owned);
            seen.lock().unwrap().push((failed.retry_attempt, failed.retry_delay_ms, failed.retryable, text));
        }
    };
    let backoff = Backoff::fixed(SECOND).jitter(Jitter::None);
    let clock = clock();
    let retry = Retry::with_clock(Policy::kfm().backoff(backoff), &clock).observer(&note);
    let peer = Peer::new([fails(ErrorClass::Server), fails(ErrorClass::Care), fails(ErrorClass::Care)]);

    run(retry.run(idempotent("item"), || peer.call()).into_future()).unwrap_err();
    run(retry.run(idempotent("item"), || peer.call()).reveal_errors().into_future()).unwrap_err();

    let seen = seen.lock().unwrap().clone();
    assert_eq!(
        seen,
        [(0, 1_000, true, None), (1, 0, false, None), (0, 0, false, Some("scripted".to_owned()))]
    );
}

#[test]
fn a_failure_says_what_happened_in_one_line_without_the_cause() {
    let (clock, peer) = (clock(), Peer::new([fails(ErrorClass::Schema)]));
    let failed =
        run(Retry::with_clock(Policy::kfm(), &clock).run(idempotent("item"), || peer.call()).into_future());
    let failed = failed.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "call given up: reason=`not_retryable` error_class=`schema` attempts=`1` waited_ms=`0`"
    );
    assert_eq!(std::error::Error::source(&failed).unwrap().to_string(), "scripted");
}

/// An owned result for an operation that may be started again.
trait CloneForTest {
    fn clone_for_test(&self) -> Result<u32, Failed<Fault>>;
}

impl CloneForTest for Result<u32, Failed<Fault>> {
    fn clone_for_test(&self) -> Result<u32, Failed<Fault>> {
        match self {
            Ok(value) => Ok(*value),
            Err(failed) => Err(Failed { error: failed.error.clone(), report: failed.report.clone() }),
        }
    }
}
