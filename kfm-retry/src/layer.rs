//! The same policy as a layer around a `tower` service.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::call::{Call, Retried};
use crate::classify::{BySelf, Classify};
use crate::course::OnlyOnce;
use crate::failed::Failed;
use crate::future::Run;
use crate::operation::{Attempt, Operation};
use crate::retry::Retry;
use crate::seed::Seed;
use crate::witness::Key;

/// How a request is sent again: makes a copy of it, with the seed of its idempotency key.
pub type Replay<Req> = fn(&Req) -> Option<(Req, Seed)>;

/// Puts a policy around a service.
///
/// `replay` is the witness: for a request that may be sent more than once it returns a copy and the seed of
/// its key. A request for which it returns `None` is sent once; if it fails in a way that would have been
/// retried, the reason is [`Reason::NotReplayable`](crate::Reason::NotReplayable). A service consumes its
/// request, so the copy is made before each attempt: keep copies cheap.
///
/// Each attempt waits within its own time-out for the service to be ready.
///
/// ```
/// use kfm_retry::{Policy, Retry, Seed, layer::RetryLayer};
/// use std::sync::Arc;
///
/// let retry = Arc::new(Retry::new(Policy::kfm()));
/// let layer = RetryLayer::new(retry, |path: &String| Some((path.clone(), Seed::of(path))));
/// # let _ = layer;
/// ```
#[derive(Debug)]
pub struct RetryLayer<Req> {
    retry: Arc<Retry<'static>>,
    replay: Replay<Req>,
}

/// A service behind a policy; made by [`RetryLayer`].
#[derive(Debug)]
pub struct RetryService<S, Req> {
    service: S,
    retry: Arc<Retry<'static>>,
    replay: Replay<Req>,
}

impl<Req> RetryLayer<Req> {
    /// Makes a layer that retries by `retry`, with `replay` as its witness.
    pub fn new(retry: Arc<Retry<'static>>, replay: Replay<Req>) -> Self {
        Self { retry, replay }
    }
}

impl<Req> Clone for RetryLayer<Req> {
    fn clone(&self) -> Self {
        Self { retry: Arc::clone(&self.retry), replay: self.replay }
    }
}

impl<S: Clone, Req> Clone for RetryService<S, Req> {
    fn clone(&self) -> Self {
        Self { service: self.service.clone(), retry: Arc::clone(&self.retry), replay: self.replay }
    }
}

impl<S, Req> Layer<S> for RetryLayer<Req> {
    type Service = RetryService<S, Req>;

    fn layer(&self, service: S) -> Self::Service {
        RetryService { service, retry: Arc::clone(&self.retry), replay: self.replay }
    }
}

impl<S, Req> Service<Req> for RetryService<S, Req>
where
    S: Service<Req> + Clone,
    S::Error: Classify,
{
    type Response = S::Response;
    type Error = Failed<S::Error>;
    type Future = Run<'static, Send<S, Req>, Sent, Arc<Retry<'static>>, BySelf>;

    /// Is always ready: an attempt waits for the service inside, where the time-out and the breaker see the
    /// wait.
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let copy = (self.replay)(&request);
        let seed = copy.as_ref().map(|(_, seed)| *seed);
        let send = Send {
            service: self.service.clone(),
            first: Some(request),
            second: copy.map(|(request, _)| request),
            replay: self.replay,
        };
        let key = Key::from(seed.unwrap_or(Seed::new(0)));
        let call: Call<'static, _, _, _, Retried> = Call::new(Arc::clone(&self.retry), key, send);
        let mut run = call.into_future();
        if seed.is_none() {
            run.only_once(OnlyOnce::NotReplayable);
        }
        run
    }
}

/// The marker type for the operations of a layer.
#[derive(Debug)]
pub enum Sent {}

/// Sends one request, and copies of it, to a service.
#[derive(Debug)]
pub struct Send<S, Req> {
    service: S,
    first: Option<Req>,
    second: Option<Req>,
    replay: Replay<Req>,
}

impl<S, Req> Operation<Sent> for Send<S, Req>
where
    S: Service<Req> + Clone,
{
    type Output = S::Response;
    type Error = S::Error;
    type Future = OnceReady<S, Req>;

    fn start(&mut self, _attempt: Attempt) -> Self::Future {
        let request = self.first.take().or_else(|| self.second.take());
        // Another copy, for the next attempt; a request that cannot be copied is sent once.
        self.second = self.second.take().or_else(|| Some((self.replay)(request.as_ref()?)?.0));
        OnceReady { service: self.service.clone(), request, running: None }
    }
}

pin_project! {
    /// One attempt: waits until the service is ready, then calls it.
    pub struct OnceReady<S, Req>
    where
        S: Service<Req>,
    {
        service: S,
        request: Option<Req>,
        #[pin]
        running: Option<S::Future>,
    }
}

impl<S, Req> Future for OnceReady<S, Req>
where
    S: Service<Req>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            if let Some(running) = this.running.as_mut().as_pin_mut() {
                return running.poll(cx);
            }
            ready!(this.service.poll_ready(cx))?;
            let request =
                this.request.take().expect("an attempt begins only while there is a request for it");
            this.running.set(Some(this.service.call(request)));
        }
    }
}
