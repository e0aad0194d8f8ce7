//! What a breaker does to other callers while one uses it: callers that are put to sleep, and garbage that
//! cannot be collected as long as a call runs. `kfm-retry/tests/forms.rs` shows that neither happens here.

use std::sync::{Arc, Barrier};
use std::task::{Context, Waker};

use tower::{Service, ServiceExt};
use tower_resilience_circuitbreaker::{CircuitBreakerLayer, CircuitState};

use crate::{Fault, SECOND, SERVER};

#[tokio::test]
async fn t13_a_caller_of_an_open_breaker_waits_for_another_in_tower_resilience() {
    let (inside, leave) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (inside_listener, leave_listener) = (Arc::clone(&inside), Arc::clone(&leave));
    let layer = CircuitBreakerLayer::builder()
        .consecutive_failures(3)
        .wait_duration_in_open(300 * SECOND)
        .on_call_rejected(move || {
            inside_listener.wait();
            leave_listener.wait();
        })
        .build()
        .unwrap();
    let mut peer = tower::ServiceBuilder::new()
        .layer(layer)
        .service(tower::service_fn(|()| async { Err::<(), Fault>(SERVER) }));
    for _ in 0..3 {
        peer.ready().await.unwrap().call(()).await.unwrap_err();
    }
    assert_eq!(peer.state().await, CircuitState::Open);

    // Another caller is being refused: the lock is held while its listener runs.
    let mut other = peer.clone();
    let refused = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { other.call(()).await }).unwrap_err().is_circuit_open()
    });
    inside.wait();
    let ready = peer.poll_ready(&mut Context::from_waker(Waker::noop()));
    leave.wait();
    assert!(ready.is_pending(), "to be refused, a caller sleeps first");
    assert!(refused.join().unwrap());
}

#[test]
fn t16_nothing_can_be_collected_for_the_length_of_a_call_in_recloser() {
    let peer = recloser::Recloser::default();
    assert!(!crossbeam_epoch::is_pinned());
    let pinned = peer.call(|| Ok::<bool, ()>(crossbeam_epoch::is_pinned())).unwrap();
    assert!(pinned, "every other thread's garbage waits for this call");
}
