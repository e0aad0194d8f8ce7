//! Delays: jitter that exceeds the cap, that is missing, or that all clients share; attempts that begin too
//! early.

use std::sync::Mutex;
use std::time::Duration;

use backon::BackoffBuilder as _;
use kfm_retry::{Backoff, Policy, Retry, Seed, idempotent};
use tower::retry::backoff::{Backoff as _, ExponentialBackoffMaker, MakeBackoff as _};
use tower::util::rng::HasherRng;

use crate::{Fault, SECOND, SERVER};

const CAP: Duration = Duration::from_secs(30);

/// Delays of this toolkit, far beyond the point where the curve meets the cap.
fn ours_at_the_cap() -> impl Iterator<Item = Duration> {
    let backoff = Backoff::exponential(SECOND).cap(CAP);
    (0..1_000).map(move |client| backoff.delay(20, Duration::ZERO, Seed::new(client).unit(20)))
}

#[test]
fn t4_jitter_passes_the_cap_in_backon() {
    let delays =
        backon::ExponentialBuilder::default().with_jitter().with_max_delay(CAP).with_max_times(100).build();
    assert!(delays.into_iter().any(|delay| delay > CAP + 10 * SECOND));
    assert!(ours_at_the_cap().all(|delay| delay <= CAP));
}

#[test]
fn t4_jitter_passes_the_cap_in_backoff() {
    use backoff::backoff::Backoff as _;
    let mut delays =
        backoff::ExponentialBackoff { max_interval: CAP, max_elapsed_time: None, ..Default::default() };
    assert!((0..200).filter_map(|_| delays.next_backoff()).any(|delay| delay > CAP + 5 * SECOND));
    assert!(ours_at_the_cap().all(|delay| delay <= CAP));
}

#[test]
fn t4_a_sum_of_delays_overflows_and_panics_in_backon() {
    let peer = std::panic::catch_unwind(|| {
        backon::ExponentialBuilder::default()
            .without_max_delay()
            .with_max_times(200)
            .with_total_delay(Some(Duration::MAX))
            .build()
            .count()
    });
    assert!(peer.is_err());
    let widest = Backoff::exponential(Duration::MAX).cap(Duration::MAX);
    assert!((0..200).all(|n| widest.delay(n, Duration::MAX, u64::MAX) <= widest.ceiling(n)));
}

#[tokio::test(start_paused = true)]
async fn t3_all_sessions_of_one_maker_wait_the_same_in_tower() {
    let mut maker = ExponentialBackoffMaker::new(SECOND, CAP, 0.99, HasherRng::new()).unwrap();
    let mut sessions = Vec::new();
    for _ in 0..20 {
        let mut session = maker.make_backoff();
        let began = tokio::time::Instant::now();
        session.next_backoff().await;
        session.next_backoff().await;
        session.next_backoff().await;
        sessions.push(began.elapsed());
    }
    sessions.dedup();
    assert_eq!(sessions.len(), 1, "one delay for twenty clients");

    let backoff = Backoff::exponential(SECOND);
    let mut ours: Vec<_> = (0..20)
        .map(|client| backoff.delay(0, Duration::ZERO, Seed::of("item").mix(client).unit(0)))
        .collect();
    ours.dedup();
    assert_eq!(ours.len(), 20);
}

#[tokio::test(start_paused = true)]
async fn t3_there_is_no_jitter_at_the_cap_in_tower() {
    let mut maker = ExponentialBackoffMaker::new(SECOND, CAP, 0.99, HasherRng::new()).unwrap();
    let mut session = maker.make_backoff();
    for _ in 0..8 {
        session.next_backoff().await;
    }
    for _ in 0..10 {
        let began = tokio::time::Instant::now();
        session.next_backoff().await;
        assert_eq!(began.elapsed().as_millis(), 30_000);
    }
    let mut ours: Vec<_> = ours_at_the_cap().collect();
    ours.dedup();
    assert_eq!(ours.len(), 1_000);
}

#[test]
fn t3_a_range_of_jitter_is_drawn_once_in_tokio_retry2() {
    let jitter = tokio_retry2::strategy::jitter_range(100..1_000_000);
    let mut delays: Vec<_> = (0..20).map(|_| jitter(Duration::from_millis(1))).collect();
    delays.dedup();
    assert_eq!(delays.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn t2_the_next_attempt_is_begun_before_the_wait_in_backoff() {
    let began_early = Mutex::new(Vec::new());
    let attempts = Mutex::new(0);
    let operation = || {
        let begun = tokio::time::Instant::now();
        let (began_early, attempts) = (&began_early, &attempts);
        async move {
            began_early.lock().unwrap().push(begun.elapsed());
            *attempts.lock().unwrap() += 1;
            if *attempts.lock().unwrap() < 3 { Err(backoff::Error::transient(SERVER)) } else { Ok(()) }
        }
    };
    backoff::future::retry(backoff::ExponentialBackoff::default(), operation).await.unwrap();
    assert!(began_early.lock().unwrap()[1] > Duration::from_millis(100));

    let late = Mutex::new(Vec::new());
    let mut left = 2;
    let retry = Retry::new(Policy::kfm());
    retry
        .run(idempotent("item"), || {
            let begun = tokio::time::Instant::now();
            let late = &late;
            let failing = left > 0;
            left -= i32::from(failing);
            async move {
                late.lock().unwrap().push(begun.elapsed());
                if failing { Err::<(), Fault>(SERVER) } else { Ok(()) }
            }
        })
        .await
        .unwrap();
    assert_eq!(*late.lock().unwrap(), [Duration::ZERO; 3]);
}
