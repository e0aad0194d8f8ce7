//! Histories of the log on slots: several hosts, and one object store that is as bad as real ones get.
//!
//! Each host lives once or twice. It opens the log and compares it with what is certain. Then appenders,
//! fencers, holders, verifiers and readers work at the same time, until they are done or the host is killed;
//! writes of a killed host may still arrive when it is long dead. At the end the store is read without its
//! lies. Then it gets one fault, which every reader of the log must find.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kfm_lineage::Lsn;
use kfm_retry::Clock as _;
use kfm_wal::conformance::run;
use kfm_wal::entropy::SeededEntropy;
use kfm_wal::slots::{Mode, ObjectSlots, Patience, SlotLog, SlotOptions, verify};
use kfm_wal::{Damage, Depth, Head, WalError, WalStore};
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};

use super::actors::Cast;
use super::reasons::Reasons;
use super::{History, Witness};
use crate::chance::Chance;
use crate::clock::VirtualClock;
use crate::object_store::{SimulatedStore, Toxics};
use crate::schedule::{ProcessId, Rest, Schedule};

/// The folder of the log in the store.
const ROOT: &str = "wal";

/// The process that kills others.
const FATE: ProcessId = ProcessId(u32::MAX - 1);

/// Runs the history of a seed; keeps its lines if it is `readable`.
pub fn history(seed: u64, readable: bool) -> History {
    let mut world = World::new(seed, readable);
    let hosts = 1 + world.chance.below(4);
    for host in 0..hosts {
        world.host(host);
    }
    let witness = world.witness.clone();
    let rest = world.schedule.run(move || witness.is_broken());
    match rest {
        Rest::Done | Rest::Stopped => {}
        Rest::Stalled => world.witness.violate("tasks wait, and no task can wake them".to_owned()),
        Rest::Endless => world.witness.violate("the log does not come to rest".to_owned()),
    }
    if !world.witness.is_broken() {
        run(world.judge());
    }
    world.witness.count_all(&world.store.stalls());
    world.witness.history(seed)
}

#[derive(Debug)]
struct World {
    chance: Chance,
    clock: VirtualClock,
    schedule: Schedule,
    witness: Witness,
    store: SimulatedStore,
    /// Whether some calls are stalled for longer than any caller waits.
    stalls: bool,
    mode: Mode,
    patience: Patience,
    payload_bytes_max: u64,
}

impl World {
    fn new(seed: u64, readable: bool) -> Self {
        let mut chance = Chance::new(seed);
        let clock = VirtualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        let witness = Witness::new(readable);
        let schedule = Schedule::new(chance.fork(), clock.clone(), witness.trace.clone());
        let toxics = toxics(&mut chance);
        let store = SimulatedStore::new(toxics, chance.fork(), clock.clone(), schedule.clone());
        let mode = *chance.pick(&[Mode::Exclusive, Mode::Shared, Mode::Shared]);
        let total =
            *chance.pick(&[Duration::from_secs(60), Duration::from_secs(60), Duration::from_millis(150)]);
        let patience = Patience { total, ..Patience::default() };
        let payload_bytes_max = *chance.pick(&[40, 400, 1500]);
        witness.trace.note(format_args!("world {mode:?} {total:?} {toxics:?}"));
        let stalls = toxics.stalled_percent > 0;
        Self { chance, clock, schedule, witness, store, stalls, mode, patience, payload_bytes_max }
    }

    fn options(&mut self) -> SlotOptions {
        SlotOptions::new(Arc::new(self.clock.clone()))
            .with_mode(self.mode)
            .with_patience(self.patience)
            .with_proofs(u32::from(self.chance.percent(5)))
            .with_entropy(Arc::new(SeededEntropy::new(self.chance.number())))
    }

    /// Adds a host, which lives once or twice and may be killed each time.
    fn host(&mut self, host: u64) {
        for life in 0..1 + self.chance.below(2) {
            let process = ProcessId(u32::try_from(host * 2 + life).expect("few hosts") + 1);
            let begins =
                Duration::from_millis(life * (500 + self.chance.below(3000)) + self.chance.below(50));
            let options = self.options();
            let (store, schedule) = (self.store.of(process), self.schedule.clone());
            let slots = ObjectSlots::new(Arc::new(store.clone()), Path::from(ROOT));
            let (patience, stalls) = (self.patience, self.stalls);
            let reasons = Reasons { store, patience, clock: self.clock.clone(), stalls };
            let cast = Cast {
                // A placeholder until the log is opened.
                log: Arc::new(kfm_wal::MemoryLog::new()),
                process: process.0,
                witness: self.witness.clone(),
                clock: self.clock.clone(),
                payload_bytes_max: self.payload_bytes_max,
                undisturbed: Arc::new(reasons),
                beside_a_writer: true,
            };
            let chance = self.chance.fork();
            let clock = self.clock.clone();
            self.schedule.spawn(process, async move {
                clock.sleep(begins).await;
                let begun = clock.monotonic();
                let opened = SlotLog::open(Arc::new(slots), options).await;
                cast.begin(begun, opened, schedule, chance).await;
            });
            if self.chance.percent(40) {
                let (schedule, clock) = (self.schedule.clone(), self.clock.clone());
                let (dies, witness) =
                    (begins + Duration::from_millis(self.chance.below(2500)), self.witness.clone());
                self.schedule.spawn(FATE, async move {
                    clock.sleep(dies).await;
                    witness.trace.note(format_args!("killed {process:?}"));
                    witness.count("kill");
                    schedule.kill(process);
                });
            }
        }
    }

    /// Reads the log without the store's lies and compares it with what is certain; then damages it.
    async fn judge(&mut self) {
        let slots = Arc::new(ObjectSlots::new(self.store.truth(), Path::from(ROOT)));
        let options = self.options();
        let log = match SlotLog::open_read_only(slots.clone(), options.clone()).await {
            Ok(log) => log,
            Err(error) => return self.witness.violate(format!("the log does not open: {error}")),
        };
        let (records, report) = match (log.scan(Lsn(1), usize::MAX).await, log.verify(Depth::Chain).await) {
            (Ok(records), Ok(report)) => (records, report),
            (Err(error), _) | (_, Err(error)) => {
                return self.witness.violate(format!("the log is not read: {error}"));
            }
        };
        self.witness.trace.note(format_args!(
            "end {} {} {}",
            records.len(),
            report.frames,
            report.head.chain
        ));
        self.witness.oracle().opened(0, report.head.epoch, &records);
        if !report.ok || report.records != records.len() as u64 {
            return self.witness.violate(format!("the log is not sound: {report:?}"));
        }
        if report.frames > 1 {
            self.strike(slots, options, report.frames, &report.head).await;
        }
    }

    /// Damages one slot; every reader of the log must find the damage.
    async fn strike(&mut self, slots: Arc<ObjectSlots>, options: SlotOptions, last: u64, head: &Head) {
        let n = 1 + self.chance.below(last - 1);
        let kind = self.chance.below(5);
        let expected = match strike(&self.store, kind, n, last, &mut self.chance).await {
            Ok(expected) => expected,
            Err(error) => return self.witness.violate(format!("the truth is not written: {error}")),
        };
        let opened = SlotLog::open_read_only(slots.clone(), options.clone()).await.map(|_| ());
        let found = verify(slots, options, Depth::Chain, Some(head)).await;
        self.witness.trace.note(format_args!("strike {kind} at {n} of {last}: {expected:?}"));
        self.witness.count(expected.as_str());
        match found.map(|report| report.first_bad.map(|bad| bad.class)) {
            Ok(Some(class)) if class == expected => {}
            // A last frame without records has no position, so none is missing without it.
            Ok(Some(Damage::Rewritten)) if expected == Damage::LostTail => {}
            other => self.witness.violate(format!("a strike of {expected} is seen as {other:?}")),
        }
        if opened.is_ok() && expected != Damage::LostTail {
            self.witness.violate(format!("a log with a strike of {expected} opens"));
        }
    }
}

/// Draws how bad the store is.
fn toxics(chance: &mut Chance) -> Toxics {
    match chance.below(4) {
        0 => Toxics::NONE,
        1 => Toxics::ALL,
        // Only one kind of fault happens, and it happens often.
        _ => {
            let mut toxics = Toxics::NONE;
            let often = 5 + chance.below(25);
            match chance.below(8) {
                0 => toxics.request_lost_percent = often,
                1 => toxics.answer_lost_percent = often,
                2 => (toxics.late_percent, toxics.late_ms_max) = (often, 1 + chance.below(1500)),
                3 => toxics.retried_percent = often,
                4 => toxics.conflict_percent = often,
                5 => toxics.busy_percent = often,
                6 => toxics.stalled_percent = often,
                _ => toxics.stale_list_ms_max = 2000,
            }
            toxics
        }
    }
}

/// Damages slot `n` in one of several ways; returns the class of damage that a reader must report.
async fn strike(
    store: &SimulatedStore,
    kind: u64,
    n: u64,
    last: u64,
    chance: &mut Chance,
) -> object_store::Result<Damage> {
    let truth = store.truth();
    let path = |n: u64| Path::from(format!("{ROOT}/chain/{:08}/{n:020}", n / 4096));
    let read = async |n: u64| truth.get(&path(n)).await?.bytes().await;
    match kind {
        0 => {
            truth.delete(&path(n)).await?;
            Ok(Damage::MissingSegment)
        }
        1 => {
            truth.delete(&path(last)).await?;
            Ok(Damage::LostTail)
        }
        2 => {
            let mut bytes = read(n).await?.to_vec();
            let bit = chance.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            truth.put(&path(n), PutPayload::from(bytes)).await?;
            Ok(Damage::BitRot)
        }
        3 => {
            let bytes = read(n).await?;
            let kept = 100 + chance.index(bytes.len() - 100);
            truth.put(&path(n), PutPayload::from_bytes(bytes.slice(..kept))).await?;
            Ok(Damage::Truncated)
        }
        _ => {
            let other = read(n + 1).await?;
            truth.put(&path(n), PutPayload::from_bytes(other)).await?;
            Ok(Damage::ChainBreak)
        }
    }
}

impl Cast {
    /// Compares a log that was opened, or refused, with what is certain, and starts its actors.
    async fn begin(
        mut self,
        begun: Duration,
        opened: Result<(SlotLog, kfm_wal::RecoveryReport), WalError>,
        schedule: Schedule,
        mut chance: Chance,
    ) {
        let (log, report) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                self.witness.count("open_refused");
                return self.refused("open", begun, &error);
            }
        };
        self.witness.trace.note(format_args!("opened by {} {report:?}", self.process));
        self.witness.count("open");
        self.witness.oracle().joined(self.process, report.epoch);
        let log = Arc::new(log);
        self.log = Arc::clone(&log) as Arc<dyn WalStore>;
        let certain = self.witness.oracle().certain();
        let begun = self.clock.monotonic();
        match log.scan(Lsn(1), usize::MAX).await {
            Ok(records) if (records.len() as u64) < certain => {
                let found = records.len();
                return self
                    .witness
                    .violate(format!("lost: {certain} records are certain, {found} are there"));
            }
            Ok(records) => self.witness.oracle().shown(1, &records),
            Err(error) => return self.refused("scan", begun, &error),
        }
        let process = ProcessId(self.process);
        let appenders = *chance.pick(&[1, 1, 2, 4]);
        let batches = 1 + chance.below(6);
        for _ in 0..appenders {
            schedule.spawn(process, self.clone().append(chance.fork(), batches));
        }
        if chance.percent(15) {
            schedule.spawn(process, self.clone().fence(chance.fork(), 1));
        }
        if chance.percent(30) {
            schedule.spawn(process, self.clone().hold(log, chance.fork()));
        }
        if chance.percent(20) {
            schedule.spawn(process, self.clone().verify(chance.fork(), 1));
        }
        if chance.percent(40) {
            schedule.spawn(process, self.clone().read(chance.fork(), 2));
        }
    }

    /// Claims the log, appends while it holds the log, and releases it or does not.
    async fn hold(self, log: Arc<SlotLog>, mut chance: Chance) {
        let lease = Duration::from_millis(200 + chance.below(800));
        let patience = lease * u32::try_from(chance.below(3)).expect("below 3");
        let holder = format!("process={}", self.process);
        let begun = self.clock.monotonic();
        match log.claim(&holder, lease, patience).await {
            Ok(epoch) => {
                self.witness.trace.note(format_args!("claim by {} {epoch}", self.process));
                self.witness.count("claim");
                self.witness.oracle().claimed(self.process, epoch);
            }
            Err(error) => {
                self.witness.count("claim_refused");
                self.claim_failed(&error);
                return self.refused("claim", begun, &error);
            }
        }
        for _ in 0..1 + chance.below(5) {
            self.clock.sleep(Duration::from_millis(1 + chance.below(400))).await;
            let claimed = self.witness.oracle().claimed_last();
            let begun = self.clock.monotonic();
            let mine = log.still_mine().await;
            if mine.is_ok()
                && self.witness.oracle().epoch_of(self.process).is_some_and(|epoch| epoch < claimed)
            {
                return self
                    .witness
                    .violate(format!("process {} was followed and is not told", self.process));
            }
            let renewing = self.clock.monotonic();
            for (begun, told) in [(begun, mine), (renewing, log.renew().await)] {
                if let Err(error) = told {
                    self.witness.count("hold_lost");
                    return self.refused("still_mine", begun, &error);
                }
            }
        }
        let begun = self.clock.monotonic();
        if chance.percent(70)
            && let Err(error) = log.release().await
        {
            self.refused("release", begun, &error);
        }
    }
}
