//! A log that hosts share, and another host that claims it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kfm_retry::clock::Sleep;
use kfm_retry::{Clock, ManualClock};
use kfm_rollback::report::Status;
use kfm_rollback::{Error, OpenOptions, Platform};
use kfm_wal::slots::{SlotLog, SlotOptions, slots_at};

use crate::small::{item, open_stopping_at, open_with_another_hand, put, try_put};
use crate::support::{TestClock, World};

/// How another host describes itself.
const OTHER: &str = r#"{"actor": "olga", "host": "other", "pid": 7, "doing": "publish", "since": "then", "platform": "/other"}"#;

fn url(root: &Path) -> String {
    format!("object+file:{}", root.join("shared-log").display())
}

/// A platform whose log hosts share.
async fn world() -> World {
    let world = World::unlabelled().await;
    let file = world.root().join("kfm.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"file:wal\"", &format!("\"{}\"", url(world.root())))).unwrap();
    std::fs::remove_dir_all(world.root().join("wal")).unwrap();
    world.label("", "public").await;
    world
}

/// Claims the log as another host does that follows a silent one, and never says anything again.
fn claim(root: PathBuf, wall: SystemTime, lease: Duration) {
    let claiming = async move {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(wall));
        let slots = slots_at(&url(&root), &root, &[], Arc::clone(&clock)).unwrap();
        let (log, _) = SlotLog::open(slots, SlotOptions::new(clock)).await.unwrap();
        log.claim_after(OTHER, lease, Duration::ZERO, &|_| true).await.unwrap();
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    std::thread::spawn(move || runtime.block_on(claiming)).join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_followed_before_it_opened_its_operation_is_refused_and_has_done_nothing() {
    let world = world().await;
    let (root, wall) = (world.root().to_owned(), world.clock.wall());
    let follow = move || claim(root.clone(), wall, Duration::from_secs(30));
    let platform = open_with_another_hand(&world, "prepare", follow).await;
    let refused = try_put(&platform, &[("a.json", Some(item("a")))]).await.unwrap_err();
    assert!(matches!(refused, Error::Locked { .. }), "{refused:?}");
    assert_eq!(refused.kind(), "locked", "a lock that another host holds (R101): {refused}");
    assert!(world.documents().is_empty());
    let status = world.open().await.status().await.unwrap();
    assert!(status.open.is_empty(), "{status:?}");
}

/// A publish that was stopped half-way, and a claim of another host, `ahead` of this one's clock, that is silent.
async fn interrupted_and_claimed(ahead: Duration, lease: Duration) -> World {
    let world = world().await;
    put(&world, &[("a.json", Some(item("a1")))]).await;
    let stopping = open_stopping_at(&world, "derive").await;
    try_put(&stopping, &[("a.json", Some(item("a2")))]).await.unwrap_err();
    stopping.leave().await;
    claim(world.root().to_owned(), world.clock.wall() + ahead, lease);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_host_whose_clock_was_ahead_is_not_taken_for_one_at_work() {
    let world = interrupted_and_claimed(Duration::from_secs(7_200), Duration::from_millis(400)).await;
    let status = world.open().await.status().await.unwrap();
    assert!(status.running.is_none(), "{status:?}");
    assert_eq!(status.open[0].status, Status::Interrupted);
    assert!(!status.open[0].next.is_empty(), "{status:?}");
}

/// The clock of a host that looks on: whenever it waits, another host writes.
#[derive(Debug)]
struct Watched {
    clock: Arc<TestClock>,
    root: PathBuf,
    wall: SystemTime,
    lease: Duration,
}

impl Clock for Watched {
    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn wall(&self) -> SystemTime {
        self.clock.wall()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        claim(self.root.clone(), self.wall, self.lease);
        self.clock.sleep(duration)
    }

    fn alarm(&self, duration: Duration) -> Sleep {
        self.clock.alarm(duration)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_clock_is_ahead_and_that_writes_is_one_at_work() {
    let (ahead, lease) = (Duration::from_secs(7_200), Duration::from_secs(4));
    let world = interrupted_and_claimed(ahead, lease).await;
    let (root, wall) = (world.root().to_owned(), world.clock.wall() + ahead);
    let watched = Watched { clock: world.clock.clone(), root, wall, lease };
    let options = OpenOptions::new("operator").with_clock(Arc::new(watched));
    let platform = Platform::open(world.root(), options).await.unwrap();
    let status = platform.status().await.unwrap();
    assert_eq!(status.running.map(|running| running.host), Some("other".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_within_its_lease_is_one_at_work() {
    let world = interrupted_and_claimed(Duration::ZERO, Duration::from_secs(3_600)).await;
    let status = world.open().await.status().await.unwrap();
    assert_eq!(status.running.map(|running| running.host), Some("other".to_owned()));
}
