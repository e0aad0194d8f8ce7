//! The simulated object store, used as a log would use it: numbered objects, each created once.
//!
//! A client that understands the answers puts each of its items into exactly one slot, whatever the store
//! answers. A client that falls into a known trap is caught within a few seeds, so the store is as bad as it
//! claims to be.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures::executor::block_on;
use futures::stream::StreamExt as _;
use kfm_retry::Clock as _;
use kfm_sim::chance::Chance;
use kfm_sim::clock::VirtualClock;
use kfm_sim::object_store::{SimulatedStore, Toxics};
use kfm_sim::schedule::{ProcessId, Rest, Schedule};
use kfm_sim::trace::Trace;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};

/// How a client understands the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    /// It reads the slot whenever it does not know, and stays with that slot until it knows.
    Careful,
    /// It takes 'exists' for another client's object (trap 1: own success read as conflict).
    ExistsIsAnothers,
    /// After a time-out it goes on to the next slot (trap 5: a put still in flight).
    MovesOnWhenUnknown,
    /// It takes a time-out for a failure, and its item is lost (trap 7: 429 and time-outs as failures).
    UnknownIsFailure,
}

const CLIENTS: u32 = 3;
const ITEMS: u32 = 4;

/// Runs clients that put items into slots; returns what is wrong at the end, and the digest of the trace.
fn history(seed: u64, client: Client, toxics: Toxics) -> (Option<String>, [u8; 32]) {
    let (mut chance, trace) = (Chance::new(seed), Trace::new(false));
    let clock = VirtualClock::new(SystemTime::UNIX_EPOCH);
    let schedule = Schedule::new(chance.fork(), clock.clone(), trace.clone());
    let store = SimulatedStore::new(toxics, chance.fork(), clock.clone(), schedule.clone());
    let won = Arc::new(Mutex::new(BTreeMap::new()));
    for process in 0..CLIENTS {
        let (store, won, clock) = (store.clone(), Arc::clone(&won), clock.clone());
        schedule.spawn(ProcessId(process), async move {
            let mut slot = 0;
            for item in 0..ITEMS {
                let item = format!("{process}/{item}");
                if let Some(taken) = put(&store, &clock, client, &item, &mut slot).await {
                    won.lock().unwrap().insert(item, taken);
                }
            }
        });
    }
    assert_eq!(schedule.run(|| false), Rest::Done, "seed={seed}");

    let mut there: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let truth = store.truth();
    for slot in 0.. {
        let Ok(got) = block_on(truth.get(&path(slot))) else { break };
        let bytes = block_on(got.bytes()).unwrap();
        there.entry(String::from_utf8(bytes.to_vec()).unwrap()).or_default().push(slot);
    }
    let won = won.lock().unwrap();
    let all = (0..CLIENTS).flat_map(|process| (0..ITEMS).map(move |item| format!("{process}/{item}")));
    let wrong = all.clone().find_map(|item| match (won.get(&item), there.get(&item).map(Vec::as_slice)) {
        (Some(taken), Some([slot])) if taken == slot => None,
        (won, there) => Some(format!("{item}: believed in {won:?}, is in {there:?}")),
    });
    (wrong, trace.digest())
}

fn path(slot: u64) -> Path {
    Path::from(format!("chain/{slot:020}"))
}

/// Puts an item into the next free slot; returns the number of the slot.
async fn put(
    store: &SimulatedStore,
    clock: &VirtualClock,
    client: Client,
    item: &str,
    slot: &mut u64,
) -> Option<u64> {
    for _ in 0..500 {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let payload = PutPayload::from(item.to_owned());
        match (store.put_opts(&path(*slot), payload, options).await, client) {
            (Ok(_), _) => {
                *slot += 1;
                return Some(*slot - 1);
            }
            (Err(Error::AlreadyExists { .. }), Client::ExistsIsAnothers) => *slot += 1,
            (Err(Error::AlreadyExists { .. }), _) | (Err(_), Client::Careful | Client::ExistsIsAnothers) => {
                if let Some(mine) = read(store, clock, *slot, item).await {
                    *slot += 1;
                    if mine {
                        return Some(*slot - 1);
                    }
                }
            }
            (Err(_), Client::MovesOnWhenUnknown) => *slot += 1,
            (Err(_), Client::UnknownIsFailure) => return None,
        }
    }
    panic!("no slot was found")
}

/// Says whether a slot has this item or another; `None` if it is free.
async fn read(store: &SimulatedStore, clock: &VirtualClock, slot: u64, item: &str) -> Option<bool> {
    loop {
        match store.get(&path(slot)).await {
            Ok(got) => return Some(got.bytes().await.unwrap() == item.as_bytes()),
            Err(Error::NotFound { .. }) => return None,
            Err(_) => clock.sleep(Duration::from_millis(5)).await,
        }
    }
}

#[test]
fn a_careful_client_puts_every_item_into_one_slot_whatever_the_store_says() {
    for seed in 0..300 {
        for toxics in [Toxics::NONE, Toxics::ALL] {
            assert_eq!(history(seed, Client::Careful, toxics).0, None, "seed={seed}");
        }
    }
}

#[test]
fn a_client_that_falls_into_a_trap_is_caught() {
    for client in [Client::ExistsIsAnothers, Client::MovesOnWhenUnknown, Client::UnknownIsFailure] {
        let caught = (0..100).filter(|seed| history(*seed, client, Toxics::ALL).0.is_some()).count();
        assert!(caught > 40, "{client:?}: {caught} of 100");
        assert_eq!(history(1, client, Toxics::NONE).0, None, "{client:?} is right about an honest store");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..20 {
        let (one, other) =
            (history(seed, Client::Careful, Toxics::ALL), history(seed, Client::Careful, Toxics::ALL));
        assert_eq!(one, other);
    }
}

#[test]
fn a_list_may_not_know_yet_what_a_get_finds() {
    let clock = VirtualClock::new(SystemTime::UNIX_EPOCH);
    let schedule = Schedule::new(Chance::new(1), clock.clone(), Trace::new(false));
    let toxics = Toxics { stale_list_ms_max: 1000, ..Toxics::NONE };
    let store = SimulatedStore::new(toxics, Chance::new(2), clock.clone(), schedule.clone());
    let counts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&counts);
    schedule.spawn(ProcessId(1), async move {
        for slot in 0..20 {
            store.put(&path(slot), PutPayload::from("item")).await.unwrap();
        }
        let listed = store.list(None).count().await;
        assert!(store.get(&path(19)).await.is_ok());
        clock.sleep(Duration::from_secs(2)).await;
        let later = store.list(None).count().await;
        seen.lock().unwrap().extend([listed, later]);
    });
    assert_eq!(schedule.run(|| false), Rest::Done);
    let counts = counts.lock().unwrap().clone();
    assert!(counts[0] < 20 && counts[1] == 20, "{counts:?}");
}
