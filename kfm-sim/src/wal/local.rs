//! Histories of the local log: one machine, one disk, a writer that dies in many ways, readers and rivals.
//!
//! A history is a few lives of a writer on one disk. In each life the log is opened, read whole and compared
//! with what is certain. Then appenders, fencers, verifiers and readers work at the same time until the life
//! ends: the log is closed, its process is killed in the middle of a call, the power is cut, or a call of the
//! disk has failed. A last life without any fault shows that the log still works; then the log is damaged.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use kfm_lineage::Lsn;
use kfm_wal::entropy::SeededEntropy;
use kfm_wal::local::SegmentSizes;
use kfm_wal::local::disk::Disk;
use kfm_wal::local::simulated::{Fault, SimulatedDisk};
use kfm_wal::{Depth, LocalLog, LocalOptions, StoredRecord, WalError, WalStore};

use super::actors::{Cast, Undisturbed};
use super::{History, Witness, damage};
use crate::chance::Chance;
use crate::clock::VirtualClock;
use crate::disk::{Killed, ProcessDisk};
use crate::schedule::{ProcessId, Rest, Schedule};

/// The folder of the log.
pub const DIR: &str = "/wal";

/// In how many calls of a hundred to a disk another process runs first.
const INTERLEAVE_PERCENT: u64 = 15;

/// The salts of the random numbers of actors that were added later.
const ARCHIVIST: u64 = 1 << 40;
const FOLLOWER: u64 = 1 << 41;

/// How many single faults the log of a history gets at its end.
const STRIKES: u64 = 5;

/// Runs the history of a seed; keeps its lines if it is `readable`.
pub fn history(seed: u64, readable: bool) -> History {
    let mut world = World::new(seed, readable);
    for _ in 0..1 + world.chance.below(5) {
        world.life();
        if world.witness.is_broken() {
            return world.end();
        }
    }
    world.last_life();
    if !world.witness.is_broken() {
        world.strike();
    }
    world.end()
}

/// How the life of a writer ends.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// The writer closes the log.
    Close,
    /// The writer is killed in a call that changes the disk.
    Kill(u64, Killed),
    /// The power is cut in such a call.
    PowerCut(u64),
    /// Such a call fails; how the life ends then is drawn at that moment.
    Fault(u64, Fault),
}

#[derive(Debug)]
struct World {
    seed: u64,
    chance: Chance,
    machine: SimulatedDisk,
    clock: VirtualClock,
    schedule: Schedule,
    witness: Witness,
    sizes: SegmentSizes,
    payload_bytes_max: u64,
    processes: u32,
}

/// The possible reasons of an error: the end of the process, and a fault of the disk at a change.
#[derive(Debug)]
struct Reasons {
    machine: SimulatedDisk,
    disk: ProcessDisk,
    fault_at: Option<u64>,
}

impl Undisturbed for Reasons {
    fn undisturbed(&self) -> bool {
        self.machine.has_power()
            && !self.disk.is_dead()
            && !self.disk.takes_refused_sync()
            && self.fault_at.is_none_or(|change| self.machine.changes() < change)
    }
}

/// The handle of a writer; it is dropped when the life of the writer ends.
type Handle = Arc<Mutex<Option<Arc<LocalLog>>>>;

impl World {
    fn new(seed: u64, readable: bool) -> Self {
        let mut chance = Chance::new(seed);
        let clock = VirtualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        let witness = Witness::new(readable);
        let schedule = Schedule::new(chance.fork(), clock.clone(), witness.trace.clone());
        let first_bytes = 8192 + 4096 * chance.below(3);
        let sizes = SegmentSizes { first_bytes, max_bytes: first_bytes * (1 + chance.below(2)) };
        let payload_bytes_max = *chance.pick(&[40, 400, 1500, 6000]);
        let machine = SimulatedDisk::new();
        Self { seed, chance, machine, clock, schedule, witness, sizes, payload_bytes_max, processes: 0 }
    }

    fn end(self) -> History {
        self.witness.history(self.seed)
    }

    /// Returns the random numbers of an actor that was added to these histories later. They are separate, so
    /// that a seed stays the same history without that actor.
    fn late_chance(&self, salt: u64) -> Chance {
        Chance::new(self.seed.wrapping_mul(1009).wrapping_add(u64::from(self.processes)) ^ salt)
    }

    fn process(&mut self) -> (ProcessId, ProcessDisk) {
        self.processes += 1;
        let disk = ProcessDisk::new(self.machine.clone(), self.schedule.clone(), INTERLEAVE_PERCENT);
        (ProcessId(self.processes), disk)
    }

    fn options(&mut self, disk: Arc<dyn Disk>) -> LocalOptions {
        LocalOptions::new(Arc::new(self.clock.clone()))
            .with_segment_sizes(self.sizes)
            .with_holder("a simulated writer")
            .with_entropy(Arc::new(SeededEntropy::new(self.chance.number())))
            .with_disk(disk)
    }

    /// Runs one life of a writer, with the readers and rivals beside it.
    fn life(&mut self) {
        if self.chance.percent(30) {
            let jump = Duration::from_secs(1_600_000_000 + self.chance.below(200_000_000));
            self.clock.set_wall(SystemTime::UNIX_EPOCH + jump);
        }
        let batches = 1 + self.chance.below(12);
        let fate = self.fate(batches);
        self.witness.trace.note(format_args!("life {fate:?}"));
        let (process, disk) = self.process();
        let start = self.machine.changes();
        let fault_at = match fate {
            Fate::Close => None,
            Fate::Kill(call, killed) => {
                disk.kill_at(call, killed);
                None
            }
            Fate::PowerCut(call) => Some((start + call, Fault::PowerCut)),
            Fate::Fault(call, fault) => Some((start + call, fault)),
        };
        if let Some((change, fault)) = fault_at {
            self.machine.fail_at(change, fault);
        }
        let handle = Handle::default();
        self.writer(process, &disk, fault_at.map(|(change, _)| change), &handle, batches);
        if self.chance.percent(60) {
            self.reader();
        }
        let rest = {
            let (disk, machine, witness) = (disk.clone(), self.machine.clone(), self.witness.clone());
            self.schedule.run(move || disk.is_dead() || !machine.has_power() || witness.is_broken())
        };
        match rest {
            Rest::Done | Rest::Stopped => {}
            Rest::Stalled => self.witness.violate("tasks wait, and no task can wake them".to_owned()),
            Rest::Endless => self.witness.violate("the log does not come to rest".to_owned()),
        }
        let failed = fault_at.is_some_and(|(change, _)| self.machine.changes() >= change);
        self.finish(fate, failed, process, &disk, &handle);
    }

    /// Draws how a life ends, and in which call.
    fn fate(&mut self, batches: u64) -> Fate {
        let call = 1 + self.chance.below(10 + batches * 4);
        let killed = *self.chance.pick(&[Killed::Before, Killed::Within, Killed::After]);
        match self.chance.below(100) {
            0..15 => Fate::Close,
            15..40 => Fate::Kill(call, killed),
            40..72 => Fate::PowerCut(call),
            72..79 => Fate::Fault(call, Fault::Refuse),
            79..88 => Fate::Fault(call, Fault::Half),
            _ => Fate::Fault(call, Fault::Lie),
        }
    }

    /// Ends a life: the process of the writer, and perhaps the power.
    fn finish(&mut self, fate: Fate, failed: bool, process: ProcessId, disk: &ProcessDisk, handle: &Handle) {
        let closes = match fate {
            Fate::Close => true,
            Fate::Fault(..) => self.chance.percent(30),
            Fate::Kill(..) | Fate::PowerCut(_) => false,
        };
        if !closes {
            disk.kill();
        }
        self.schedule.kill(process);
        // A rival that comes after the end of this writer would not be a rival.
        self.schedule.kill(ProcessId(process.0 + 1));
        drop(handle.lock().unwrap_or_else(PoisonError::into_inner).take());
        let power_cut = match fate {
            Fate::PowerCut(_) => true,
            Fate::Fault(..) => self.chance.percent(40),
            Fate::Close | Fate::Kill(..) => self.chance.percent(15),
        };
        self.machine.forget_faults();
        self.witness.count(match (fate, power_cut) {
            (_, true) => "power_cut",
            (Fate::Kill(..), _) => "kill",
            (Fate::Close, _) => "close",
            _ => "restart_after_fault",
        });
        if failed {
            self.witness.count(match fate {
                Fate::Fault(_, Fault::Refuse) => "disk_refuses",
                Fate::Fault(_, Fault::Half) => "disk_writes_half",
                Fate::Fault(_, Fault::Lie) => "disk_lies",
                _ => "power_cut_in_a_call",
            });
        }
        if power_cut {
            (1..=self.processes).for_each(|process| self.schedule.kill(ProcessId(process)));
            self.machine.reboot(self.chance.number());
        }
        self.witness.trace.note(format_args!("finished, power cut: {power_cut}"));
    }

    /// Adds the process of a writer: it opens the log, compares it with what is certain, and starts its
    /// actors.
    fn writer(
        &mut self,
        process: ProcessId,
        disk: &ProcessDisk,
        fault_at: Option<u64>,
        handle: &Handle,
        batches: u64,
    ) {
        let options = self.options(Arc::new(disk.clone()));
        let reasons = Reasons { machine: self.machine.clone(), disk: disk.clone(), fault_at };
        let mut chance = self.chance.fork();
        let mut late = self.late_chance(ARCHIVIST);
        let rival = self.process();
        let rival_options = self.options(Arc::new(rival.1.clone()));
        let (witness, schedule, handle) = (self.witness.clone(), self.schedule.clone(), Arc::clone(handle));
        let (clock, payload_bytes_max) = (self.clock.clone(), self.payload_bytes_max);
        self.schedule.spawn(process, async move {
            let undisturbed: Arc<dyn Undisturbed> = Arc::new(reasons);
            let Some(log) = open(options, &witness, undisturbed.as_ref()).await else { return };
            let log = Arc::new(log);
            *handle.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&log));
            let cast = Cast {
                log,
                process: process.0,
                witness,
                clock,
                payload_bytes_max,
                undisturbed,
                beside_a_writer: false,
            };
            let appenders = *chance.pick(&[1, 1, 2, 3, 6]);
            for _ in 0..appenders {
                let cast = cast.clone();
                let chance = chance.fork();
                schedule.spawn(process, cast.append(chance, 1 + batches / appenders));
            }
            if chance.percent(30) {
                let times = 1 + chance.below(2);
                schedule.spawn(process, cast.clone().fence(chance.fork(), times));
            }
            if chance.percent(30) {
                schedule.spawn(process, cast.clone().verify(chance.fork(), 1));
            }
            if chance.percent(40) {
                schedule.spawn(process, cast.clone().read(chance.fork(), 2));
            }
            if chance.percent(15) {
                let (witness, undisturbed) = (cast.witness.clone(), Arc::clone(&cast.undisturbed));
                schedule.spawn(rival.0, rival_opens(rival_options, witness, undisturbed));
            }
            if late.percent(25) {
                let times = 1 + late.below(2);
                schedule.spawn(process, cast.retain(late, times));
            }
        });
    }

    /// Adds the process of a reader, which may live longer than the writer.
    fn reader(&mut self) {
        let (process, disk) = self.process();
        let (witness, schedule, clock) = (self.witness.clone(), self.schedule.clone(), self.clock.clone());
        let reasons = Reasons { machine: self.machine.clone(), disk: disk.clone(), fault_at: None };
        let mut chance = self.chance.fork();
        let mut late = self.late_chance(FOLLOWER);
        self.schedule.spawn(process, async move {
            let undisturbed: Arc<dyn Undisturbed> = Arc::new(reasons);
            let log: Arc<dyn WalStore> = match LocalLog::open_read_only_on(DIR, Arc::new(disk)) {
                Ok(log) => Arc::new(log),
                Err(error) if undisturbed.undisturbed() => {
                    return witness.violate(format!("a reader was refused: {error}"));
                }
                Err(_) => return,
            };
            let cast = Cast {
                log,
                process: process.0,
                witness,
                clock,
                payload_bytes_max: 0,
                undisturbed,
                beside_a_writer: true,
            };
            let (reads, verifies) = (1 + chance.below(5), chance.below(2));
            schedule.spawn(process, cast.clone().read(chance.fork(), reads));
            schedule.spawn(process, cast.clone().verify(chance.fork(), verifies));
            if late.percent(40) {
                let looks = 1 + late.below(12);
                schedule.spawn(process, cast.follow(late, looks));
            }
        });
    }

    /// Runs the life of a writer without any fault.
    fn last_life(&mut self) {
        let (process, disk) = self.process();
        let handle = Handle::default();
        self.writer(process, &disk, None, &handle, 2);
        let witness = self.witness.clone();
        let rest = self.schedule.run(move || witness.is_broken());
        if !matches!(rest, Rest::Done | Rest::Stopped) {
            self.witness.violate(format!("the last life does not end: {rest:?}"));
        }
        self.finish(Fate::Close, false, process, &disk, &handle);
    }

    /// Damages the closed log, and checks what the log does about it.
    fn strike(&mut self) {
        let report = match kfm_wal::local::verify_on(&self.machine, Path::new(DIR), Depth::Chain) {
            Ok(report) => report,
            Err(error) => return self.witness.violate(format!("the closed log is not read: {error}")),
        };
        self.witness.trace.note(format_args!("end {} {}", report.head.lsn, report.head.chain));
        if let Some(bad) = report.first_bad {
            return self.witness.violate(format!("the closed log is damaged: {bad:?}"));
        }
        let options = self.options(Arc::new(self.machine.clone()));
        let Some(target) = damage::Target::of(&self.machine, options, false) else {
            return self.witness.violate("the closed log is not read".to_owned());
        };
        for _ in 0..STRIKES {
            let (fault, verdict) = target.strike(&mut self.chance);
            self.witness.trace.note(format_args!("strike {fault:?} {verdict:?}"));
            self.witness.count(verdict.word());
            if let Some(violation) = verdict.violation() {
                self.witness.violate(format!("after {fault:?}: {violation}"));
            }
        }
    }
}

/// Opens the log for writing, and compares its records with what is certain.
async fn open(options: LocalOptions, witness: &Witness, undisturbed: &dyn Undisturbed) -> Option<LocalLog> {
    let (log, report) = match LocalLog::open(DIR, options) {
        Ok(opened) => opened,
        Err(error) => {
            witness.trace.note(format_args!("not opened: {error}"));
            witness.count("open_refused");
            let damaged = matches!(error, WalError::Corrupt { .. } | WalError::Locked { .. });
            if damaged || undisturbed.undisturbed() {
                witness.violate(format!("the log does not open: {error}"));
            }
            return None;
        }
    };
    witness.trace.note(format_args!("opened {report:?}"));
    witness.count("open");
    if report.repaired {
        witness.count("repair");
    }
    let records: Vec<StoredRecord> = match log.scan(Lsn(1), usize::MAX).await {
        Ok(records) => records,
        Err(error) if undisturbed.undisturbed() => {
            witness.violate(format!("an opened log is not read: {error}"));
            return None;
        }
        Err(_) => return None,
    };
    let mut oracle = witness.oracle();
    oracle.claimed(0, report.epoch);
    if report.records != records.len() as u64 {
        oracle.violate(format!("{} records were recovered, {} are read", report.records, records.len()));
    }
    oracle.recovered(&records);
    drop(oracle);
    Some(log)
}

/// Tries to open the log while another writer has it.
async fn rival_opens(options: LocalOptions, witness: Witness, undisturbed: Arc<dyn Undisturbed>) {
    match LocalLog::open(DIR, options) {
        Err(WalError::Locked { holder }) => witness.trace.note(format_args!("locked by {holder}")),
        Ok(_) => witness.violate("two writers have the log".to_owned()),
        Err(error) if undisturbed.undisturbed() => {
            witness.violate(format!("a rival was refused for another reason: {error}"));
        }
        Err(_) => {}
    }
}
