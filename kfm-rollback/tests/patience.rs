//! A store that does not answer is waited for, and nothing is undone for it (`docs/states.md` section 3, 'A store is
//! away').
//!
//! Every call of every operation to every store fails once, in each way in which a call over a network fails; then a
//! store is away for a time shorter and longer than its patience.
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "crash/fuse.rs"]
#[allow(dead_code, reason = "another test uses it")]
mod fuse;
#[path = "crash/world.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod world;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::Domain;
use kfm_retry::clock::Sleep;
use kfm_retry::{Clock, ErrorClass, RetryAfter};
use kfm_rollback::context::WriteContext;
use kfm_rollback::op::{
    Capabilities, Depth, DomainOp, Listed, OpError, Outcomes, Probe, Role, Seen as SeenAt, Swap,
};
use kfm_rollback::report::Status;
use kfm_rollback::{Error, ExecuteRequest, OpenOptions, PlanTarget, Platform, PublishFolder};
use world::{Seen, copy, folder, new_platform, seen, write_documents};

/// A clock on which waiting takes no time, and time-outs do not come.
#[derive(Debug)]
struct LeapingClock {
    start: SystemTime,
    waited: Mutex<Duration>,
}

impl LeapingClock {
    fn new() -> Arc<Self> {
        static OPENINGS: AtomicU64 = AtomicU64::new(1_763_089_200);
        let second = OPENINGS.fetch_add(10_000, Ordering::SeqCst);
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        Arc::new(Self { start, waited: Mutex::default() })
    }
}

impl Clock for LeapingClock {
    fn monotonic(&self) -> Duration {
        *self.waited.lock().unwrap()
    }

    fn wall(&self) -> SystemTime {
        self.start + self.monotonic()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        *self.waited.lock().unwrap() += duration;
        Box::pin(std::future::ready(()))
    }

    fn alarm(&self, _: Duration) -> Sleep {
        Box::pin(std::future::pending())
    }
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The server answers 503 and says when to come back.
    Unavailable,
    /// The connection is reset before the request arrives.
    Reset,
    /// The server does what it is asked, and the answer is lost.
    LostAnswer,
}

/// When calls fail, over all stores of a platform.
#[derive(Debug)]
struct Faults {
    clock: Arc<LeapingClock>,
    calls: AtomicU64,
    /// The first call that fails, how, and for how long all calls after it fail too.
    from: Option<(u64, Fault, Duration)>,
    away_since: Mutex<Option<Duration>>,
}

impl Faults {
    fn next(&self) -> Option<Fault> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let (first, fault, away) = self.from?;
        let now = self.clock.monotonic();
        let mut away_since = self.away_since.lock().unwrap();
        if call == first {
            *away_since = Some(now);
            return Some(fault);
        }
        away_since.filter(|since| now < *since + away).map(|_| fault)
    }
}

/// A store whose calls fail as planned.
#[derive(Debug)]
struct Flaky {
    store: Arc<dyn DomainOp>,
    faults: Arc<Faults>,
}

impl Flaky {
    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, OpError>>,
        changes: bool,
    ) -> Result<T, OpError> {
        let fault = self.faults.next();
        if !matches!(fault, None | Some(Fault::LostAnswer)) {
            drop(call);
            return Err(self.failed(fault.unwrap(), false));
        }
        let answer = call.await?;
        fault.map_or(Ok(answer), |fault| Err(self.failed(fault, changes)))
    }

    fn failed(&self, fault: Fault, changes: bool) -> OpError {
        let name = self.store.name();
        match fault {
            Fault::Unavailable => OpError::transient(name, ErrorClass::Server, "503 Service Unavailable")
                .after(Some(RetryAfter::Delay(Duration::from_secs(2)))),
            Fault::Reset => OpError::transient(name, ErrorClass::Network, "connection reset by peer"),
            Fault::LostAnswer if changes => OpError::unknown(name, ErrorClass::Network, "no answer"),
            Fault::LostAnswer => OpError::transient(name, ErrorClass::Network, "no answer"),
        }
    }
}

#[async_trait]
impl DomainOp for Flaky {
    fn name(&self) -> &str {
        self.store.name()
    }

    fn domain(&self) -> Domain {
        self.store.domain()
    }

    fn role(&self) -> Role {
        self.store.role()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn probe(&self) -> Result<Probe, OpError> {
        self.call(self.store.probe(), false).await
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, OpError> {
        self.call(self.store.scan(after, limit), false).await
    }

    async fn observe(&self, keys: &[String], depth: Depth) -> Result<Vec<SeenAt>, OpError> {
        self.call(self.store.observe(keys, depth), false).await
    }

    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError> {
        self.call(self.store.read(keys), false).await
    }

    async fn fence(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.call(self.store.fence(cx), true).await
    }

    async fn stage(&self, cx: &WriteContext, batch: &[Swap]) -> Result<(), OpError> {
        self.call(self.store.stage(cx, batch), true).await
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        self.call(self.store.swap(cx, batch), true).await
    }

    async fn settle(&self, cx: &WriteContext, keys: &[String]) -> Result<(), OpError> {
        self.call(self.store.settle(cx, keys), true).await
    }

    async fn recover(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.call(self.store.recover(cx), true).await
    }

    async fn end(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.call(self.store.end(cx), true).await
    }
}

/// A platform whose stores fail as planned, as one process opens it.
async fn open(root: &Path, from: Option<(u64, Fault, Duration)>) -> (Platform, Arc<Faults>) {
    let clock = LeapingClock::new();
    let faults = Arc::new(Faults {
        clock: Arc::clone(&clock),
        calls: AtomicU64::new(0),
        from,
        away_since: Mutex::default(),
    });
    let mut platform = Platform::open(root, OpenOptions::new("operator").with_clock(clock)).await.unwrap();
    for store in platform.stores() {
        platform = platform.with_store(Arc::new(Flaky { store, faults: Arc::clone(&faults) }));
    }
    (platform, faults)
}

async fn seen_in(root: &Path) -> Seen {
    seen(&open(root, None).await.0).await
}

/// What an operator asks for.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Publish,
    Rollback,
    Revert,
    Resume,
    Abort,
}

const V1: &[(&str, &str)] = &[("a", "one"), ("b", "one"), ("c", "one")];
const V2: &[(&str, &str)] = &[("a", "two"), ("b", "one"), ("d", "two")];

impl Deed {
    const ALL: [Self; 5] = [Self::Publish, Self::Rollback, Self::Revert, Self::Resume, Self::Abort];

    /// A platform on which the deed can be done.
    async fn prepared(self) -> tempfile::TempDir {
        let root = new_platform().await;
        publish(&open(root.path(), None).await.0, V1).await.unwrap();
        match self {
            Self::Publish => {}
            Self::Rollback => publish(&open(root.path(), None).await.0, V2).await.unwrap(),
            Self::Revert => {
                let (platform, _) = open(root.path(), None).await;
                publish(&platform, V2).await.unwrap();
                Self::Rollback.on(&platform).await.unwrap();
            }
            // The second swap of all meets a store that stays away for an hour.
            Self::Resume | Self::Abort => {
                let calls = swaps_of_publish().await;
                let away = Some((calls, Fault::Reset, Duration::from_secs(3_600)));
                let ended = publish(&open(root.path(), away).await.0, V2).await;
                assert!(matches!(ended, Err(Error::Unfinished { .. })), "{ended:?}");
            }
        }
        root
    }

    async fn on(self, platform: &Platform) -> kfm_rollback::Result<()> {
        match self {
            Self::Publish => publish(platform, V2).await,
            Self::Rollback => {
                let target = PlanTarget::Publish("latest".into());
                platform.execute(ExecuteRequest::new(target, "a bad publish")).await.map(drop)
            }
            Self::Revert => {
                let rollback = platform.rollbacks().await?.rollbacks[0].id.to_string();
                platform.revert(&rollback, "it was right").await.map(drop)
            }
            Self::Resume => platform.publish_resume("latest", false).await.map(drop),
            Self::Abort => platform.publish_resume("latest", true).await.map(drop),
        }
    }
}

/// A call in the middle of a publish of the second version: the one after three quarters of them.
async fn swaps_of_publish() -> u64 {
    let root = new_platform().await;
    publish(&open(root.path(), None).await.0, V1).await.unwrap();
    let (platform, faults) = open(root.path(), None).await;
    publish(&platform, V2).await.unwrap();
    faults.calls.load(Ordering::SeqCst) * 3 / 4
}

async fn publish(platform: &Platform, items: &[(&str, &str)]) -> kfm_rollback::Result<()> {
    let incoming = folder();
    write_documents(incoming.path(), items);
    let request =
        PublishFolder { mirror: true, ..PublishFolder::new(incoming.path(), "ingest".parse().unwrap()) };
    platform.publish_folder(request).await.map(|report| assert_eq!(report.status, Status::Completed))
}

#[tokio::test]
async fn every_call_that_fails_once_is_made_again_and_every_operation_completes() {
    for deed in Deed::ALL {
        let prepared = deed.prepared().await;
        let healthy = copy(prepared.path());
        let (platform, faults) = open(healthy.path(), None).await;
        deed.on(&platform).await.unwrap();
        let calls = faults.calls.load(Ordering::SeqCst);
        let planned = seen_in(healthy.path()).await;
        assert!(calls > 10, "{deed:?} makes {calls} calls, so it has not done much");
        for n in 1..=calls {
            for fault in [Fault::Unavailable, Fault::Reset, Fault::LostAnswer] {
                let root = copy(prepared.path());
                let (platform, faults) = open(root.path(), Some((n, fault, Duration::ZERO))).await;
                let ended = deed.on(&platform).await;
                assert!(ended.is_ok(), "{deed:?}, call {n} of {calls}, {fault:?}: {ended:?}");
                assert!(faults.away_since.lock().unwrap().is_some(), "{deed:?}: call {n} was not made");
                assert_eq!(seen_in(root.path()).await, planned, "{deed:?}, call {n}, {fault:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_store_that_is_away_for_a_minute_is_waited_for() {
    for deed in Deed::ALL {
        let prepared = deed.prepared().await;
        let healthy = copy(prepared.path());
        let (platform, faults) = open(healthy.path(), None).await;
        deed.on(&platform).await.unwrap();
        let calls = faults.calls.load(Ordering::SeqCst);
        for n in [1, calls / 2, calls] {
            for fault in [Fault::Unavailable, Fault::LostAnswer] {
                let root = copy(prepared.path());
                let (platform, faults) = open(root.path(), Some((n, fault, Duration::from_secs(60)))).await;
                deed.on(&platform).await.unwrap();
                let waited = faults.clock.monotonic();
                assert!(waited >= Duration::from_secs(60), "{deed:?}, call {n}, {fault:?}: {waited:?}");
                assert!(waited < Duration::from_secs(80), "{deed:?}, call {n}, {fault:?}: {waited:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_store_that_is_away_for_longer_interrupts_the_operation_and_a_resume_goes_on() {
    for deed in [Deed::Publish, Deed::Rollback, Deed::Revert] {
        let prepared = deed.prepared().await;
        let healthy = copy(prepared.path());
        let (platform, faults) = open(healthy.path(), None).await;
        deed.on(&platform).await.unwrap();
        let (calls, planned) = (faults.calls.load(Ordering::SeqCst), seen_in(healthy.path()).await);
        let (mut interrupted, mut unopened) = (0, 0);
        for n in 1..=calls {
            let root = copy(prepared.path());
            let (platform, faults) =
                open(root.path(), Some((n, Fault::Reset, Duration::from_secs(3_600)))).await;
            let ended = deed.on(&platform).await;
            let waited = faults.clock.monotonic();
            assert!(waited >= Duration::from_secs(300), "{deed:?}, call {n}: gave up after {waited:?}");
            assert!(waited < Duration::from_secs(330), "{deed:?}, call {n}: gave up after {waited:?}");
            let (platform, _) = open(root.path(), None).await;
            match ended {
                Err(Error::Unfinished { status, operation, .. }) => {
                    interrupted += 1;
                    assert_eq!(status, Status::Interrupted, "{deed:?}, call {n}");
                    let id = operation.to_string();
                    match deed {
                        Deed::Publish => platform.publish_resume(&id, false).await.map(drop).unwrap(),
                        _ => platform.rollback_resume(&id, false, Vec::new()).await.map(drop).unwrap(),
                    }
                }
                // Nothing was opened: the operator asks again.
                Err(Error::Store(_)) => {
                    unopened += 1;
                    assert!(platform.status().await.unwrap().open.is_empty(), "{deed:?}, call {n}");
                    deed.on(&platform).await.unwrap();
                }
                ended => panic!("{deed:?}, call {n}: {ended:?}"),
            }
            assert_eq!(seen_in(root.path()).await, planned, "{deed:?}, call {n}");
        }
        assert!(
            interrupted > 5 && unopened > 0,
            "{deed:?}: {interrupted} interrupted, {unopened} not opened"
        );
    }
}
