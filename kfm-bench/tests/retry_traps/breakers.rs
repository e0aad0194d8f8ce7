//! Breakers: stampedes, stale results, probes that hang, outages that cancellation hides, windows that do not
//! slide, and clocks that cannot be stopped.

use std::future::{Future, pending};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kfm_retry::breaker::{Breaker, BreakerPolicy, Opens, Rate, State};
use kfm_retry::{ManualClock, Policy, Reason, Retry, idempotent};
use tower::{Service, ServiceExt};
use tower_resilience_circuitbreaker::{CircuitBreakerLayer, CircuitState, SlidingWindowType};

use crate::{Fault, SECOND, SERVER};

const COOLDOWN: Duration = Duration::from_millis(20);

type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;

fn poll<T>(future: &mut Boxed<T>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// A breaker of `failsafe` that three failures have opened.
macro_rules! failsafe {
    () => {
        failsafe::Config::new()
            .failure_policy(failsafe::failure_policy::consecutive_failures(
                3,
                failsafe::backoff::constant(COOLDOWN),
            ))
            .build()
    };
}

fn recloser() -> recloser::Recloser {
    recloser::Recloser::custom().closed_len(2).half_open_len(1).error_rate(0.5).open_wait(COOLDOWN).build()
}

fn ours() -> Breaker {
    Breaker::new("ours", BreakerPolicy::kfm().cooldown(COOLDOWN))
}

fn at_ms(ms: u64) -> impl Fn() -> Duration {
    move || Duration::from_millis(ms)
}

fn opened() -> Breaker {
    let breaker = ours();
    for _ in 0..3 {
        let ticket = breaker.admit(at_ms(0)).unwrap();
        breaker.failed(ticket, None, at_ms(0));
    }
    breaker
}

/// In real time: the breakers of the peers read the machine's clock.
fn wait(duration: Duration) {
    std::thread::sleep(duration);
}

#[test]
fn t7_a_hundred_callers_are_probes_in_failsafe() {
    let peer = failsafe!();
    (0..3).for_each(|_| drop(failsafe::CircuitBreaker::call(&peer, || Err::<(), ()>(()))));
    assert!(!failsafe::CircuitBreaker::is_call_permitted(&peer));
    wait(2 * COOLDOWN);
    let mut probes: Vec<_> = (0..100)
        .map(|_| {
            let peer = peer.clone();
            Box::pin(async move {
                failsafe::futures::CircuitBreaker::call(&peer, pending::<Result<(), ()>>()).await
            }) as Boxed<_>
        })
        .collect();
    assert_eq!(probes.iter_mut().filter_map(|probe| poll(probe).is_pending().then_some(())).count(), 100);

    let ours = opened();
    assert_eq!((0..100).filter(|_| ours.admit(at_ms(20)).is_ok()).count(), 1);
}

#[test]
fn t7_a_hundred_callers_are_probes_in_recloser() {
    let peer = std::rc::Rc::new(recloser::AsyncRecloser::from(recloser()));
    let call = |peer: &std::rc::Rc<recloser::AsyncRecloser>, hangs: bool| {
        let peer = std::rc::Rc::clone(peer);
        Box::pin(async move {
            peer.call(async move { if hangs { pending().await } else { Err::<(), ()>(()) } }).await
        }) as Boxed<_>
    };
    for _ in 0..5 {
        assert!(poll(&mut call(&peer, false)).is_ready());
    }
    assert!(poll(&mut call(&peer, true)).is_ready(), "it is open");
    wait(2 * COOLDOWN);
    let mut probes: Vec<_> = (0..100).map(|_| call(&peer, true)).collect();
    assert_eq!(probes.iter_mut().filter_map(|probe| poll(probe).is_pending().then_some(())).count(), 100);
}

#[test]
fn t8_a_success_from_before_the_opening_closes_it_in_failsafe() {
    let peer = failsafe!();
    let (send, receive) = tokio::sync::oneshot::channel::<()>();
    let stale_peer = peer.clone();
    let mut stale: Boxed<_> = Box::pin(async move {
        let call = async { receive.await.map_err(drop) };
        failsafe::futures::CircuitBreaker::call(&stale_peer, call).await
    });
    assert!(poll(&mut stale).is_pending());
    let fail = || drop(failsafe::CircuitBreaker::call(&peer, || Err::<(), ()>(())));
    (0..3).for_each(|_| fail());
    wait(2 * COOLDOWN);
    let probe_peer = peer.clone();
    let mut probe: Boxed<_> = Box::pin(async move {
        failsafe::futures::CircuitBreaker::call(&probe_peer, pending::<Result<(), ()>>()).await
    });
    assert!(poll(&mut probe).is_pending());
    send.send(()).unwrap();
    assert!(poll(&mut stale).is_ready());
    // If it is half open, one failure opens it again; if it is closed, that takes three.
    fail();
    assert!(failsafe::CircuitBreaker::is_call_permitted(&peer));

    let ours = ours();
    let stale = ours.admit(at_ms(0)).unwrap();
    for _ in 0..3 {
        let ticket = ours.admit(at_ms(0)).unwrap();
        ours.failed(ticket, None, at_ms(0));
    }
    ours.admit(at_ms(20)).unwrap();
    ours.succeeded(stale, None, at_ms(21));
    assert_eq!(ours.state(), State::HalfOpen);
}

#[tokio::test]
async fn t8_a_success_from_before_the_opening_closes_it_in_tower_resilience() {
    let layer = CircuitBreakerLayer::builder()
        .consecutive_failures(3)
        .wait_duration_in_open(COOLDOWN)
        .permitted_calls_in_half_open(1)
        .build()
        .unwrap();
    let (send, receive) = tokio::sync::watch::channel(false);
    let mut peer = tower::ServiceBuilder::new().layer(layer).service(tower::service_fn(move |call: Call| {
        let mut receive = receive.clone();
        async move {
            match call {
                Call::Fails => Err::<(), Fault>(SERVER),
                Call::Hangs => pending().await,
                Call::SucceedsLate => {
                    receive.wait_for(|sent| *sent).await.map(drop).map_err(|_closed| SERVER)
                }
            }
        }
    }));
    peer.ready().await.unwrap();
    let mut stale: Boxed<_> = peer.call(Call::SucceedsLate);
    assert!(poll(&mut stale).is_pending());
    for _ in 0..3 {
        peer.ready().await.unwrap().call(Call::Fails).await.unwrap_err();
    }
    assert_eq!(peer.state().await, CircuitState::Open);
    wait(2 * COOLDOWN);
    let mut probe: Boxed<_> = peer.ready().await.unwrap().call(Call::Hangs);
    assert!(poll(&mut probe).is_pending());
    assert_eq!(peer.state().await, CircuitState::HalfOpen);
    send.send(true).unwrap();
    stale.await.unwrap();
    assert_eq!(peer.state().await, CircuitState::Closed, "while its only probe hangs");
}

/// What a service does with a call.
#[derive(Debug, Clone, Copy)]
enum Call {
    Fails,
    Hangs,
    SucceedsLate,
}

#[tokio::test]
async fn t9_a_hung_probe_blocks_for_ever_in_tower_resilience() {
    let layer = CircuitBreakerLayer::builder()
        .consecutive_failures(3)
        .wait_duration_in_open(COOLDOWN)
        .permitted_calls_in_half_open(1)
        .build()
        .unwrap();
    let mut peer =
        tower::ServiceBuilder::new().layer(layer).service(tower::service_fn(|hangs: bool| async move {
            if hangs { pending().await } else { Err::<(), Fault>(SERVER) }
        }));
    for _ in 0..3 {
        assert!(peer.ready().await.unwrap().call(false).await.is_err());
    }
    assert_eq!(peer.state().await, CircuitState::Open);
    wait(2 * COOLDOWN);
    let mut hung: Boxed<_> = peer.call(true);
    assert!(poll(&mut hung).is_pending());
    for _ in 0..25 {
        wait(COOLDOWN);
        let refused = peer.call(false).await;
        assert!(matches!(refused, Err(error) if error.is_circuit_open()));
    }
    assert_eq!(peer.state().await, CircuitState::HalfOpen);

    let ours = Breaker::new("ours", BreakerPolicy::kfm().cooldown(COOLDOWN).probe_lease(2 * COOLDOWN));
    for _ in 0..3 {
        let ticket = ours.admit(at_ms(0)).unwrap();
        ours.failed(ticket, None, at_ms(0));
    }
    ours.admit(at_ms(20)).unwrap();
    assert!(ours.admit(at_ms(40)).is_err());
    assert!(ours.admit(at_ms(60)).is_ok());
}

#[test]
fn t10_calls_that_are_dropped_hide_an_outage_in_failsafe_and_recloser() {
    let failsafe = failsafe!();
    let recloser = recloser::AsyncRecloser::from(recloser());
    for _ in 0..200 {
        let mut call =
            Box::pin(failsafe::futures::CircuitBreaker::call(&failsafe, pending::<Result<(), ()>>()));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "still closed");
        let mut call = Box::pin(recloser.call(pending::<Result<(), ()>>()));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "still closed");
    }

    let (ours, clock) = (ours(), ManualClock::new(std::time::UNIX_EPOCH));
    let retry = Retry::with_clock(Policy::kfm(), &clock).circuit_breaker(&ours);
    for _ in 0..3 {
        let hanging = retry.run(idempotent("item"), pending::<Result<(), Fault>>);
        let mut hanging = Box::pin(hanging.into_future());
        assert!(hanging.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        clock.advance(5 * SECOND);
    }
    assert_eq!(ours.state(), State::Open);
}

#[tokio::test]
async fn t10_calls_that_are_dropped_hide_an_outage_in_tower_resilience() {
    let layer = CircuitBreakerLayer::builder().consecutive_failures(3).build().unwrap();
    let mut peer = tower::ServiceBuilder::new()
        .layer(layer)
        .service(tower::service_fn(|()| pending::<Result<(), Fault>>()));
    for _ in 0..200 {
        let mut call: Boxed<_> = peer.ready().await.unwrap().call(());
        assert!(poll(&mut call).is_pending());
    }
    assert_eq!(peer.state().await, CircuitState::Closed);
}

#[tokio::test]
async fn t11_the_count_window_does_not_slide_in_tower_resilience() {
    let layer = CircuitBreakerLayer::builder()
        .sliding_window_type(SlidingWindowType::CountBased)
        .sliding_window_size(100)
        .failure_rate_threshold(0.5)
        .minimum_number_of_calls(100)
        .build()
        .unwrap();
    let mut peer =
        tower::ServiceBuilder::new().layer(layer).service(tower::service_fn(|fails: bool| async move {
            if fails { Err::<(), Fault>(SERVER) } else { Ok(()) }
        }));
    for _ in 0..2_000 {
        peer.ready().await.unwrap().call(false).await.unwrap();
    }
    let mut failures = 0;
    while peer.state().await == CircuitState::Closed {
        peer.ready().await.unwrap().call(true).await.ok();
        failures += 1;
    }
    assert!(failures >= 1_000, "{failures} failures in a window of 100 calls");

    let rate = Rate { calls_min: 100, failed_percent: 50, slow: None };
    let ours = Breaker::new("ours", BreakerPolicy::kfm().opens(Opens::CountWindow { calls: 100, rate }));
    for _ in 0..2_000 {
        let ticket = ours.admit(at_ms(0)).unwrap();
        ours.succeeded(ticket, None, at_ms(0));
    }
    for _ in 0..50 {
        assert_eq!(ours.state(), State::Closed);
        let ticket = ours.admit(at_ms(0)).unwrap();
        ours.failed(ticket, None, at_ms(0));
    }
    assert_eq!(ours.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn t12_a_stopped_clock_does_not_reach_the_breaker_of_tower_resilience() {
    let layer = CircuitBreakerLayer::builder()
        .consecutive_failures(3)
        .wait_duration_in_open(300 * SECOND)
        .build()
        .unwrap();
    let mut peer = tower::ServiceBuilder::new()
        .layer(layer)
        .service(tower::service_fn(|()| async { Err::<(), Fault>(SERVER) }));
    for _ in 0..3 {
        peer.ready().await.unwrap().call(()).await.unwrap_err();
    }
    tokio::time::advance(3_600 * SECOND).await;
    assert!(matches!(peer.call(()).await, Err(error) if error.is_circuit_open()));

    let ours = Breaker::new("ours", BreakerPolicy::kfm());
    let retry = Retry::new(Policy::once(SECOND)).circuit_breaker(&ours);
    let call = || async { Err::<(), Fault>(SERVER) };
    for _ in 0..3 {
        retry.run(idempotent("item"), call).await.unwrap_err();
    }
    let refused = retry.run(idempotent("item"), call).await.unwrap_err();
    assert!(matches!(refused.reason(), Reason::CircuitOpen { .. }));
    tokio::time::advance(300 * SECOND).await;
    assert_eq!(retry.run(idempotent("item"), call).await.unwrap_err().attempts(), 1);
}
