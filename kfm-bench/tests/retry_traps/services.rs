//! Services: requests that are silently not sent again, and time-outs that begin too late.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use kfm_retry::layer::RetryLayer;
use kfm_retry::{Policy, Reason, Retry, Seed};
use tower::{Layer, Service, ServiceExt};

use crate::{Fault, SECOND, SERVER};

/// Tries again after any failure, if the request can be copied.
#[derive(Clone)]
struct Always;

impl tower::retry::Policy<Body, (), Fault> for Always {
    type Future = std::future::Ready<()>;

    fn retry(&mut self, _request: &mut Body, result: &mut Result<(), Fault>) -> Option<Self::Future> {
        result.is_err().then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, request: &Body) -> Option<Body> {
        request.copy()
    }
}

/// A request that may be copied, and that counts its copies.
#[derive(Debug)]
struct Body {
    can_be_copied: bool,
    copies: Arc<AtomicU32>,
}

impl Body {
    fn new(can_be_copied: bool) -> Self {
        Self { can_be_copied, copies: Arc::default() }
    }

    fn copy(&self) -> Option<Self> {
        self.copies.fetch_add(1, Relaxed);
        self.can_be_copied.then(|| Self { can_be_copied: true, copies: Arc::clone(&self.copies) })
    }
}

#[tokio::test(start_paused = true)]
async fn t14_a_request_that_cannot_be_copied_is_given_up_without_a_word_in_tower() {
    let attempts = Arc::new(AtomicU32::new(0));
    let service = || {
        let attempts = Arc::clone(&attempts);
        tower::service_fn(move |_: Body| {
            attempts.fetch_add(1, Relaxed);
            async { Err::<(), Fault>(SERVER) }
        })
    };

    let mut peer = tower::retry::Retry::new(Always, service());
    let refused = peer.ready().await.unwrap().call(Body::new(false)).await.unwrap_err();
    assert_eq!((refused, attempts.swap(0, Relaxed)), (SERVER, 1), "as if the policy had been asked");

    let retry = Arc::new(Retry::new(Policy::kfm()));
    let layer = RetryLayer::new(retry, |body: &Body| Some((body.copy()?, Seed::new(7))));
    let refused = layer.layer(service()).oneshot(Body::new(false)).await.unwrap_err();
    assert_eq!((refused.error, attempts.load(Relaxed)), (Some(SERVER), 1));
    assert_eq!(refused.report.reason, Reason::NotReplayable);
}

/// A service that is never ready.
#[derive(Clone)]
struct Busy;

impl Service<()> for Busy {
    type Response = ();
    type Error = Fault;
    type Future = std::future::Pending<Result<(), Fault>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Pending
    }

    fn call(&mut self, _request: ()) -> Self::Future {
        pending()
    }
}

#[tokio::test(start_paused = true)]
async fn t15_a_service_that_is_never_ready_passes_the_time_out_in_tower() {
    let mut peer = tower::timeout::Timeout::new(Busy, SECOND);
    let mut ready = Box::pin(peer.ready());
    assert!(ready.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    tokio::time::advance(3_600 * SECOND).await;
    assert!(ready.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "an hour of 1 s");

    let retry = Arc::new(Retry::new(Policy::once(SECOND)));
    let layer = RetryLayer::new(retry, |()| Some(((), Seed::new(7))));
    let began = tokio::time::Instant::now();
    let cut_off = layer.layer(Busy).oneshot(()).await.unwrap_err();
    assert_eq!((cut_off.error, began.elapsed()), (None, SECOND));
}
