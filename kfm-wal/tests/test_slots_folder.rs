//! Slots in a folder whose power is cut: a slot that was acknowledged, or that a host has seen, is there
//! afterwards.
#![cfg(feature = "object-store")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use kfm_wal::conformance::run;
use kfm_wal::local::simulated::{Fault, SimulatedDisk};
use kfm_wal::slots::{Created, FolderSlots, SlotError, Slots};

/// How many power cuts each test tries.
const SEEDS: u64 = 64;

/// The first slot of the second folder.
const BORDER: u64 = 4096;

fn slots(disk: &SimulatedDisk) -> FolderSlots {
    FolderSlots::on("/log", Arc::new(disk.clone())).unwrap()
}

fn create(slots: &FolderSlots, n: u64) -> Result<Created, SlotError> {
    run(slots.create(n, n.to_string().into_bytes().into()))
}

fn is_there(slots: &FolderSlots, n: u64) -> bool {
    let held = run(slots.read(n)).unwrap();
    assert!(held.is_none() || held == Some(n.to_string().into_bytes().into()), "slot {n}: {held:?}");
    held.is_some()
}

/// Creates a slot up to its name, which is not durable yet: there its host stops.
fn name(disk: &SimulatedDisk, n: u64) {
    // The changes: make the file, write it, sync it, link it to its name, remove its temporary name, sync the
    // folder.
    disk.fail_at(disk.changes() + 6, Fault::Refuse);
    let created = create(&slots(disk), n);
    assert!(matches!(created, Err(SlotError::Unknown { .. })), "{created:?}");
    disk.forget_faults();
}

#[test]
fn a_slot_that_somebody_has_seen_outlives_a_power_cut_though_its_creator_never_came_to_it() {
    let mut unseen = BTreeSet::new();
    for seed in 0..SEEDS {
        for is_seen in [false, true] {
            let disk = SimulatedDisk::new();
            name(&disk, 1);
            if is_seen {
                assert!(is_there(&slots(&disk), 1));
            }
            disk.reboot(seed);
            let survived = is_there(&slots(&disk), 1);
            if is_seen { assert!(survived, "seed {seed}") } else { _ = unseen.insert(survived) }
        }
    }
    assert_eq!(unseen.len(), 2, "a slot that no host has seen is there or not");
}

#[test]
fn a_slot_never_outlives_the_one_before_it_in_the_folder_before() {
    for reads_the_last_only in [false, true] {
        for seed in 0..SEEDS {
            let disk = SimulatedDisk::new();
            name(&disk, BORDER - 1);
            let next = slots(&disk);
            if reads_the_last_only {
                // Another host went on, and its process ended; this host sees the slot.
                name(&disk, BORDER);
                assert!(is_there(&next, BORDER));
            } else {
                assert!(is_there(&next, BORDER - 1));
                assert_eq!(create(&next, BORDER).unwrap(), Created::Made);
            }
            disk.reboot(seed);
            assert!(is_there(&slots(&disk), BORDER), "seed {seed}");
            assert!(is_there(&slots(&disk), BORDER - 1), "seed {seed}");
        }
    }
}

#[test]
fn what_was_acknowledged_is_there_and_one_creator_of_many_succeeds() {
    for seed in 0..SEEDS {
        let disk = SimulatedDisk::new();
        let (one, other) = (slots(&disk), slots(&disk));
        for n in 0..20 {
            assert_eq!(create(&one, n).unwrap(), Created::Made);
            assert_eq!(create(&other, n).unwrap(), Created::Taken);
        }
        disk.reboot(seed);
        assert!((0..20).all(|n| is_there(&slots(&disk), n)), "seed {seed}");
        assert_eq!(run(slots(&disk).last(0)).unwrap(), Some(19));
    }
}

#[test]
fn a_slot_that_could_not_be_written_is_not_there_and_may_be_created_again() {
    for (step, fault) in [(1, Fault::Refuse), (2, Fault::Half), (3, Fault::Refuse)] {
        let disk = SimulatedDisk::new();
        let slots = slots(&disk);
        assert_eq!(create(&slots, 1).unwrap(), Created::Made);
        disk.fail_at(disk.changes() + step, fault);
        let failed = create(&slots, 2);
        assert!(matches!(failed, Err(SlotError::Busy { .. })), "{fault:?}: {failed:?}");
        assert!(!is_there(&slots, 2));
        assert_eq!(create(&slots, 2).unwrap(), Created::Made);
        assert_eq!(disk.paths().len(), 2, "nothing is left beside them");
    }
}

#[test]
fn after_a_folder_that_could_not_be_synced_a_handle_answers_for_nothing() {
    let disk = SimulatedDisk::new();
    let handle = slots(&disk);
    assert_eq!(create(&handle, 1).unwrap(), Created::Made);
    disk.fail_at(disk.changes() + 6, Fault::Lie);
    assert!(matches!(create(&handle, 2), Err(SlotError::Unknown { .. })));
    assert!(matches!(create(&handle, 3), Err(SlotError::Refused { .. })));
    assert!(matches!(run(handle.read(2)), Err(SlotError::Refused { .. })));
    assert!(disk.paths().iter().all(|path| !path.ends_with(Path::new("00000000000000000003"))));
}

#[test]
fn the_last_slot_is_found_across_folders_and_gaps() {
    let disk = SimulatedDisk::new();
    let handle = slots(&disk);
    assert_eq!(run(handle.last(0)).unwrap(), None);
    create(&handle, 0).unwrap();
    assert_eq!(run(handle.last(0)).unwrap(), Some(0));
    assert_eq!(run(handle.last(1)).unwrap(), None);
    for n in [1, BORDER + 7, 3 * BORDER] {
        create(&handle, n).unwrap();
        assert_eq!(run(handle.last(0)).unwrap(), Some(n));
        assert_eq!(run(handle.last(n)).unwrap(), Some(n));
        assert_eq!(run(handle.last(n + 1)).unwrap(), None);
    }
}
