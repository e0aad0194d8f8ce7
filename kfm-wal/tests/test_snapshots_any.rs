//! Whatever happens to a log and its snapshots: opened from them it answers as if it was read whole (ADR
//! 0012).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

#[path = "common/kept.rs"]
mod kept;
#[path = "common/typed.rs"]
mod typed;

use kept::*;
use kfm_lineage::Lsn;
use kfm_wal::conformance::run;
use kfm_wal::local::simulated::SimulatedDisk;
use kfm_wal::record::Record;
use kfm_wal::{MemoryLog, WalStore};
use proptest::prelude::*;
use typed::*;

/// Something that happens to a log and its snapshots.
#[derive(Debug, Clone)]
enum Event {
    Append(Box<Record>),
    /// A record of a type that need not be known.
    Foreign(u8),
    Keep,
    /// A state is kept, and the process dies before the log names the state.
    KeepUnnamed,
    /// The log is restored from a backup: only this many percent of it are left, from its beginning.
    Restore(u64),
    /// One bit of a file changes, or the file ends there.
    Damage {
        file: usize,
        at: usize,
        cut: bool,
    },
    /// One bit of a file changes, and the file gets the name that fits.
    Lie {
        file: usize,
        at: usize,
    },
    Lose(usize),
}

fn any_event() -> impl Strategy<Value = Event> {
    let n = 1..6_u64;
    let record = prop_oneof![
        n.clone().prop_map(intent),
        n.clone().prop_map(completion),
        (n.clone(), 1..9_u64).prop_map(|(n, line)| journal(n, line)),
        n.clone().prop_map(plan),
        (n.clone(), "[a-z]{1,8}").prop_map(|(n, principal)| approval(n, &principal)),
        (n, "[a-z]{0,8}").prop_map(|(n, message)| refusal(n, &message)),
        (1..9_u64).prop_map(stage),
    ];
    prop_oneof![
        12 => record.prop_map(|record| Event::Append(Box::new(record))),
        1 => (1..200_u8).prop_map(Event::Foreign),
        4 => Just(Event::Keep),
        1 => Just(Event::KeepUnnamed),
        1 => (0..100_u64).prop_map(Event::Restore),
        1 => (any::<usize>(), any::<usize>(), any::<bool>()).prop_map(|(file, at, cut)| Event::Damage { file, at, cut }),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(file, at)| Event::Lie { file, at }),
        1 => any::<usize>().prop_map(Event::Lose),
    ]
}

fn befall(log: &mut MemoryLog, disk: &SimulatedDisk, event: Event) {
    let file = |n: usize| {
        let files = files(disk);
        (!files.is_empty()).then(|| files[n % files.len()].clone())
    };
    match event {
        Event::Append(record) => add(log, [*record]),
        Event::Foreign(n) => drop(run(log.append(&[foreign(n, 0x8000 | 77)], None)).unwrap()),
        Event::Keep => drop(keep(log, disk)),
        Event::KeepUnnamed => drop(whole(log).keep_index(&snapshots(disk)).unwrap()),
        Event::Restore(percent) => {
            let left = run(log.head()).unwrap().lsn.0 * percent / 100;
            let records = run(log.scan(Lsn(1), left as usize)).unwrap();
            *log = MemoryLog::new();
            for stored in records {
                run(log.append(&[stored.record], None)).unwrap();
            }
        }
        Event::Damage { file: n, at, cut } => {
            let Some(path) = file(n) else { return };
            if cut {
                let mut bytes = disk.contents(&path).unwrap();
                bytes.truncate(at % bytes.len().max(1));
                disk.overwrite(&path, bytes);
            } else if !disk.contents(&path).unwrap().is_empty() {
                damage(disk, &path, at);
            }
        }
        Event::Lie { file: n, at } => {
            let Some(path) = file(n) else { return };
            let mut bytes = disk.contents(&path).unwrap();
            if let Some(len) = std::num::NonZeroUsize::new(bytes.len()) {
                bytes[at % len] ^= 1;
                lie(disk, &path, bytes);
            }
        }
        Event::Lose(n) => {
            if let Some(path) = file(n) {
                disk.lose(&path);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn opening_from_snapshots_answers_as_reading_the_whole_log(
        events in prop::collection::vec(any_event(), 1..50),
    ) {
        let (mut log, disk) = (MemoryLog::new(), SimulatedDisk::new());
        for event in events {
            befall(&mut log, &disk, event);
            assert_same_at_last(&log, &disk);
        }
    }
}
