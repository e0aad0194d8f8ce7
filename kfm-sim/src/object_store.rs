//! An object store as bad as real ones get: it applies writes late, loses answers, and gives wrong answers.
//!
//! Its content is always right: a creation is atomic, and an object is there as a whole or not at all. Its
//! *answers* are not. A request or its answer gets lost. A write is applied long after its sender gave up.
//! The client's own retry turns a success into 'already exists'. S3's retryable 409 comes as 'already exists'
//! too, although nothing was written. 429 and 503 come at any time. A list does not have an object that was
//! written a moment ago. A call is not answered for minutes, longer than any caller waits, and its write is
//! applied then or never.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt as _};
use kfm_retry::Clock as _;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::chance::Chance;
use crate::clock::VirtualClock;
use crate::counts::Counts;
use crate::met::{Meetings, Met};
use crate::schedule::{ProcessId, Schedule};

/// The process of the store itself, in which late writes are applied.
const STORE: ProcessId = ProcessId(u32::MAX);

/// The answer that says for certain that nothing was done.
const TOO_MANY: &str = "status code: 429 too many requests";

/// How long a stalled call is not answered, at least and at most.
const STALL: Range<Duration> = Duration::from_secs(60)..Duration::from_secs(300);

/// How long a call takes in each direction at most, if it is answered at all.
pub const LATENCY_MAX: Duration = Duration::from_millis(40);

/// What goes wrong, and in how many calls of a hundred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Toxics {
    /// How long a call takes at most, in milliseconds.
    pub latency_ms_max: u64,
    /// A write never arrives, and its sender gets a time-out.
    pub request_lost_percent: u64,
    /// A write is applied, and its sender gets a time-out.
    pub answer_lost_percent: u64,
    /// The sender of a write gets a time-out, and the write is applied later.
    pub late_percent: u64,
    /// How much later at most, in milliseconds.
    pub late_ms_max: u64,
    /// A creation succeeds, and its sender is told that the object exists: the client tried twice.
    pub retried_percent: u64,
    /// A creation is refused with a 409 that means 'try again', and the client takes it for 'exists'.
    pub conflict_percent: u64,
    /// A call is refused with 429 or 503, and nothing happens.
    pub busy_percent: u64,
    /// For how long at most a list does not have a new object, in milliseconds.
    pub stale_list_ms_max: u64,
    /// A call is not answered for minutes, and it is not known whether its write is applied then.
    pub stalled_percent: u64,
}

impl Toxics {
    /// A store that only has delays.
    pub const NONE: Self = Self {
        latency_ms_max: LATENCY_MAX.as_millis() as u64,
        request_lost_percent: 0,
        answer_lost_percent: 0,
        late_percent: 0,
        late_ms_max: 0,
        retried_percent: 0,
        conflict_percent: 0,
        busy_percent: 0,
        stale_list_ms_max: 0,
        stalled_percent: 0,
    };

    /// A store in which everything goes wrong.
    pub const ALL: Self = Self {
        latency_ms_max: LATENCY_MAX.as_millis() as u64,
        request_lost_percent: 6,
        answer_lost_percent: 6,
        late_percent: 6,
        late_ms_max: 400,
        retried_percent: 6,
        conflict_percent: 6,
        busy_percent: 8,
        stale_list_ms_max: 200,
        stalled_percent: 2,
    };
}

/// An object store of a simulated world, as one process sees it; clones share it.
#[derive(Debug, Clone)]
pub struct SimulatedStore {
    process: ProcessId,
    held: Arc<InMemory>,
    toxics: Toxics,
    clock: VirtualClock,
    schedule: Schedule,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    chance: Chance,
    /// When each object was written, and by which process.
    written: BTreeMap<Path, (Duration, ProcessId)>,
    stalls: Counts,
    meetings: Meetings,
}

/// What happens to a write.
enum Fate {
    Applied,
    AppliedAndUnanswered,
    AppliedAndDenied,
    AppliedLate(Duration),
    Stalled { after: Duration, applied: bool },
    Lost,
    Refused(&'static str),
    Conflict,
}

/// A call that is not served; it counts until it ends or its caller drops it.
struct Hindrance(SimulatedStore);

impl Drop for Hindrance {
    fn drop(&mut self) {
        self.0.meet(|met, now| met.hindered = Some(now));
    }
}

impl SimulatedStore {
    /// Makes an empty store in a world, as the store itself sees it.
    pub fn new(toxics: Toxics, chance: Chance, clock: VirtualClock, schedule: Schedule) -> Self {
        let (written, stalls, meetings) = (BTreeMap::new(), Counts::default(), Meetings::default());
        let shared = Arc::new(Mutex::new(Shared { chance, written, stalls, meetings }));
        Self { process: STORE, held: Arc::new(InMemory::new()), toxics, clock, schedule, shared }
    }

    /// Returns the store as a process sees it.
    pub fn of(&self, process: ProcessId) -> Self {
        Self { process, ..self.clone() }
    }

    /// Returns what this process has met.
    pub fn met(&self) -> Met {
        self.meet(|met, _| met.clone())
    }

    fn meet<T>(&self, note: impl FnOnce(&mut Met, Duration) -> T) -> T {
        let now = self.clock.monotonic();
        note(self.shared().meetings.of(self.process, now), now)
    }

    /// Notes an object that this process found.
    fn find(&self, location: &Path) {
        let writer = self.shared().written.get(location).map(|(_, writer)| *writer);
        if writer.is_some_and(|writer| writer != self.process) {
            self.meet(|met, now| met.overtaken = Some(now));
        }
    }

    /// Returns the real content, without delay and without lies.
    pub fn truth(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.held) as Arc<dyn ObjectStore>
    }

    /// Returns how many calls were stalled, by what happened to them.
    pub fn stalls(&self) -> Counts {
        self.shared().stalls.clone()
    }

    async fn travel(&self) {
        let millis = self.shared().chance.below(self.toxics.latency_ms_max + 1);
        self.clock.sleep(Duration::from_millis(millis)).await;
    }

    /// Lets the call of a reader take its time; refuses it, or does not answer it, now and then.
    async fn arrive(&self) -> Result<()> {
        self.travel().await;
        let stall = self.shared().stall(self.toxics);
        if let Some(after) = stall {
            let _hindrance = Hindrance(self.clone());
            self.shared().stalls.add("stalled_read", 1);
            self.clock.sleep(after).await;
            return Err(generic("time-out"));
        }
        let busy = self.shared().chance.percent(self.toxics.busy_percent);
        if busy {
            self.meet(|met, now| met.hindered = Some(now));
            return Err(generic("status code: 503 slow down"));
        }
        Ok(())
    }

    fn fate(&self, creates: bool) -> Fate {
        let toxics = self.toxics;
        let mut shared = self.shared();
        if let Some(after) = shared.stall(toxics) {
            let applied = shared.chance.percent(50);
            shared.stalls.add(if applied { "stalled_write_applied" } else { "stalled_write_lost" }, 1);
            return Fate::Stalled { after, applied };
        }
        let chance = &mut shared.chance;
        if chance.percent(toxics.busy_percent) {
            return Fate::Refused(if chance.percent(50) { TOO_MANY } else { "status code: 503 slow down" });
        }
        if chance.percent(toxics.request_lost_percent) {
            return Fate::Lost;
        }
        if chance.percent(toxics.late_percent) {
            return Fate::AppliedLate(Duration::from_millis(1 + chance.below(toxics.late_ms_max)));
        }
        if creates && chance.percent(toxics.conflict_percent) {
            return Fate::Conflict;
        }
        if chance.percent(toxics.answer_lost_percent) {
            return Fate::AppliedAndUnanswered;
        }
        if creates && chance.percent(toxics.retried_percent) {
            return Fate::AppliedAndDenied;
        }
        Fate::Applied
    }

    async fn apply(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let put = self.held.put_opts(location, payload, options).await;
        match put {
            Ok(_) => {
                let now = self.clock.monotonic();
                self.shared().written.insert(location.clone(), (now, self.process));
            }
            Err(_) => self.find(location),
        }
        put
    }

    /// Applies a write later, whatever happened to its sender.
    fn apply_after(&self, delay: Duration, location: &Path, payload: PutPayload, options: PutOptions) {
        let (store, location) = (self.clone(), location.clone());
        self.schedule.spawn(STORE, async move {
            store.clock.sleep(delay).await;
            // The sender has gone: it does not get this answer.
            let _ = store.apply(&location, payload, options).await;
        });
    }

    /// Says whether a list at this moment does not have an object yet.
    fn is_hidden(&self, location: &Path) -> bool {
        let now = self.clock.monotonic();
        let mut shared = self.shared();
        let window = Duration::from_millis(shared.chance.below(self.toxics.stale_list_ms_max + 1));
        shared.written.get(location).is_some_and(|(written, _)| *written + window > now)
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Says whether a call is stalled, and for how long.
    fn stall(&mut self, toxics: Toxics) -> Option<Duration> {
        let range_ms = (STALL.end - STALL.start).as_millis() as u64;
        let stalls = self.chance.percent(toxics.stalled_percent);
        stalls.then(|| STALL.start + Duration::from_millis(self.chance.below(range_ms)))
    }
}

impl fmt::Display for SimulatedStore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SimulatedStore")
    }
}

#[async_trait]
impl ObjectStore for SimulatedStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let doubted = self.meet(|met, _| met.begin(location));
        self.travel().await;
        let fate = self.fate(matches!(options.mode, PutMode::Create));
        let _hindrance = (!matches!(fate, Fate::Applied)).then(|| Hindrance(self.clone()));
        let is_undone = matches!(fate, Fate::Refused(TOO_MANY));
        let answer = match fate {
            Fate::Applied => self.apply(location, payload, options).await,
            Fate::AppliedAndUnanswered => {
                self.apply(location, payload, options).await.and(Err(generic("time-out")))
            }
            Fate::AppliedAndDenied => self.apply(location, payload, options).await.and(Err(exists(location))),
            Fate::AppliedLate(delay) => {
                self.apply_after(delay, location, payload, options);
                Err(generic("time-out"))
            }
            Fate::Stalled { after, applied } => {
                if applied {
                    self.apply_after(after, location, payload, options);
                }
                self.clock.sleep(after).await;
                Err(generic("time-out"))
            }
            Fate::Lost => Err(generic("time-out")),
            Fate::Refused(status) => Err(generic(status)),
            Fate::Conflict => Err(exists(location)),
        };
        self.travel().await;
        self.meet(|met, now| match &answer {
            Ok(_) => met.done(now),
            Err(_) if is_undone => met.undone(doubted),
            Err(_) => {}
        });
        answer
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(not_implemented("put_multipart_opts"))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.arrive().await?;
        let mut got = self.held.get_opts(location, options).await?;
        self.find(location);
        got.meta = timeless(got.meta);
        Ok(got)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<bytes::Bytes>> {
        self.arrive().await?;
        self.held.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.held.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix) = (self.clone(), prefix.cloned());
        let listed = async move {
            if let Err(error) = store.arrive().await {
                return stream::once(async { Err(error) }).boxed();
            }
            let all: Vec<_> = store.held.list(prefix.as_ref()).collect().await;
            let known = all.into_iter().filter_map(|meta| match meta {
                Ok(meta) if store.is_hidden(&meta.location) => None,
                meta => Some(meta.map(timeless)),
            });
            stream::iter(known.collect::<Vec<_>>()).boxed()
        };
        stream::once(listed).flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.arrive().await?;
        let mut listed = self.held.list_with_delimiter(prefix).await?;
        listed.objects.retain(|meta| !self.is_hidden(&meta.location));
        listed.objects = listed.objects.into_iter().map(timeless).collect();
        Ok(listed)
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(not_implemented("copy_opts"))
    }
}

/// Removes the machine's real time from what is known of an object: it does not follow from the seed.
fn timeless(mut meta: ObjectMeta) -> ObjectMeta {
    meta.last_modified = Default::default();
    meta
}

fn generic(what: &'static str) -> Error {
    Error::Generic { store: "SimulatedStore", source: what.into() }
}

fn exists(location: &Path) -> Error {
    Error::AlreadyExists { path: location.to_string(), source: "the object exists".into() }
}

fn not_implemented(operation: &str) -> Error {
    Error::NotImplemented { operation: operation.to_owned(), implementer: "SimulatedStore".to_owned() }
}
