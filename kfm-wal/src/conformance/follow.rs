//! What a follower shows of a log that grows.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, SystemTime};

use kfm_lineage::Lsn;
use kfm_retry::Clock;
use kfm_retry::clock::Sleep;

use super::{Fixture, all, append, join_all, record};
use crate::announce::Announcing;
use crate::follow::Follower;
use crate::store::{StoredRecord, WalStore};

/// A clock whose sleeps end when every other task has run once.
#[derive(Debug)]
struct Turns;

impl Clock for Turns {
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn sleep(&self, _: Duration) -> Sleep {
        let mut turned = false;
        Box::pin(poll_fn(move |context| {
            if turned {
                return Poll::Ready(());
            }
            turned = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }))
    }
}

/// A clock whose sleeps never end; it knows whether one has begun.
#[derive(Debug, Default)]
struct Standing(AtomicBool);

impl Clock for Standing {
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn sleep(&self, _: Duration) -> Sleep {
        self.0.store(true, Ordering::SeqCst);
        Box::pin(std::future::pending())
    }
}

/// A waker that knows whether it was woken.
#[derive(Debug, Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn follower(log: &Arc<dyn WalStore>, from: u64) -> Follower {
    Follower::new(Arc::clone(log), Arc::new(Turns), Lsn(from))
}

laws! {
    /// `Follower`, law *Each once*: records that are there, with any limit.
    fn a_follower_is_shown_each_record_once(fixture) {
        let log = fixture.open().await;
        for n in 1..=10 {
            append(log.as_ref(), n).await;
        }
        let there = all(log.as_ref()).await;
        for (from, limit) in [(0, 0), (1, 1), (1, 3), (4, 100), (10, 2)] {
            let mut follower = follower(&log, from);
            let mut shown: Vec<StoredRecord> = Vec::new();
            while follower.position() <= Lsn(10) {
                let records = follower.next(limit).await.unwrap();
                assert!((1..=limit.max(1)).contains(&records.len()));
                shown.extend(records);
            }
            assert_eq!(shown, there[usize::try_from(from.max(1) - 1).unwrap()..], "from={from} limit={limit}");
            assert_eq!(follower.look(limit).await.unwrap(), []);
        }
    }

    /// `Follower`, law *Each once*: records that several tasks append while it waits.
    fn a_follower_beside_appenders_misses_nothing(fixture) {
        let log = fixture.open().await;
        let mut follower = follower(&log, 1);
        let following = async {
            let mut shown = Vec::new();
            while shown.len() < 40 {
                shown.extend(follower.next(7).await.unwrap());
            }
            shown
        };
        let mut tasks: Vec<Pin<Box<dyn Future<Output = Vec<StoredRecord>> + Send + '_>>> =
            vec![Box::pin(following)];
        for appender in 0..4 {
            let log = &log;
            tasks.push(Box::pin(async move {
                for n in 0..10 {
                    append(log.as_ref(), 100 * appender + n).await;
                }
                Vec::new()
            }));
        }
        let shown = join_all(tasks).await.concat();
        assert_eq!(shown, all(log.as_ref()).await);
    }

    /// `Follower`, law *Each once*: a reader that kept the position goes on from there.
    fn a_follower_goes_on_after_a_reopening(fixture) {
        let mut position = Lsn(1);
        let mut shown = Vec::new();
        for n in 1..=6 {
            let log = fixture.open().await;
            let mut follower = Follower::new(Arc::clone(&log), Arc::new(Turns), position);
            append(log.as_ref(), n).await;
            shown.extend(follower.next(100).await.unwrap());
            position = follower.position();
        }
        assert_eq!(shown, all(fixture.open().await.as_ref()).await);
    }

    /// `Announcing`: an append wakes a waiting follower, however long it meant to wait.
    fn an_announced_append_wakes_a_follower(fixture) {
        let log = Announcing::new(fixture.open().await);
        let clock = Arc::new(Standing::default());
        let standing: Arc<dyn Clock> = Arc::<Standing>::clone(&clock);
        let mut follower = log.follower(standing, Lsn(1));
        let mut waiting = pin!(follower.next(9));
        poll_fn(|context| {
            assert!(waiting.as_mut().poll(context).is_pending(), "there is nothing to show");
            if clock.0.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        append(&log, 1).await;
        assert!(woken.0.load(Ordering::SeqCst), "the follower was not woken");
        assert_eq!(waiting.await.unwrap()[0].record, record(1));
    }

    /// Cancel safety of `Follower::next`.
    fn a_dropped_wait_passes_nothing_over(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1).await;
        let mut follower = follower(&log, 1);
        for _ in 0..3 {
            let mut waiting = pin!(follower.next(9));
            if let Poll::Ready(shown) = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                assert_eq!(shown.unwrap()[0].lsn, Lsn(1));
                return;
            }
        }
        assert_eq!(follower.next(9).await.unwrap()[0].lsn, Lsn(1));
    }
}
