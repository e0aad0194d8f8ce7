//! The peers' side of `docs/guides/retry.md`, and the way from one of them: both are compiled here, and the guide
//! shows them word for word.
#![allow(missing_docs, clippy::unwrap_used)]

use std::error::Error;
use std::io::ErrorKind;
use std::num::NonZeroU8;
use std::time::Duration;

use backoff::ExponentialBackoff;
use backon::{ExponentialBuilder, Retryable as _};
use kfm_retry::{Retry, idempotent};
use tower::retry::RetryLayer;
use tower::timeout::TimeoutLayer;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

async fn fetch() -> Result<u32, std::io::Error> {
    Ok(7)
}

async fn send(_path: String) -> Result<u32, std::io::Error> {
    Ok(7)
}

#[tokio::test]
async fn a_call_under_backon() -> Result<(), Box<dyn Error>> {
    let page = fetch
        .retry(ExponentialBuilder::default().with_jitter())
        .when(|error| error.kind() == ErrorKind::ConnectionReset)
        .notify(|error, delay| println!("{error} {delay:?}"))
        .await?;
    assert_eq!(page, 7);
    Ok(())
}

#[tokio::test]
async fn a_call_under_backoff() -> Result<(), Box<dyn Error>> {
    let page = backoff::future::retry(ExponentialBackoff::default(), || async {
        fetch().await.map_err(backoff::Error::transient)
    })
    .await?;
    assert_eq!(page, 7);
    Ok(())
}

async fn fetch_as_before() -> Result<u32, backoff::Error<std::io::Error>> {
    fetch().await.map_err(backoff::Error::transient)
}

#[tokio::test]
async fn a_call_on_its_way_from_backoff() -> Result<(), Box<dyn Error>> {
    let settings = ExponentialBackoff::default();
    let attempts = NonZeroU8::new(5).expect("5 is not 0");
    let retry = Retry::new(kfm_retry_backoff::policy(&settings, attempts));
    let page = retry.run(idempotent("page/7"), fetch_as_before).classify(kfm_retry_backoff::verdict).await?;
    assert_eq!(page, 7);
    Ok(())
}

/// The policy that tower asks its user to write, here without a backoff.
#[derive(Clone)]
struct FiveTries(u8);

impl<E> tower::retry::Policy<String, u32, E> for FiveTries {
    type Future = std::future::Ready<()>;

    fn retry(&mut self, _path: &mut String, result: &mut Result<u32, E>) -> Option<Self::Future> {
        self.0 = self.0.checked_sub(1)?;
        result.is_err().then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, path: &String) -> Option<String> {
        Some(path.clone())
    }
}

#[tokio::test]
async fn a_service_under_tower() -> Result<(), Box<dyn Error>> {
    let mut service = ServiceBuilder::new()
        .layer(CircuitBreakerLayer::builder().consecutive_failures(3).build()?)
        .layer(RetryLayer::new(FiveTries(4)))
        .layer(TimeoutLayer::new(Duration::from_secs(10)))
        .service(service_fn(send));
    let answer = service.ready().await.map_err(|error| error.to_string())?.call("page/7".to_owned()).await;
    assert_eq!(answer.map_err(|error| error.to_string())?, 7);
    Ok(())
}

#[test]
fn the_guide_shows_the_peers_as_they_are_compiled_here() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let here = words(include_str!("guide.rs"));
    let guide = include_str!("../../docs/guides/retry.md");
    let shown: Vec<String> = guide
        .split("```rust,ignore\n")
        .skip(1)
        .map(|rest| words(rest.split("```").next().unwrap()))
        .collect();
    assert_eq!(shown.len(), 4, "backon, backoff, the way from backoff, tower");
    for block in shown {
        assert!(here.contains(&block), "not compiled as it is shown:\n{block}");
    }
}
