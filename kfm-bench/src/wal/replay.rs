//! How many records per second are read back and checked after a restart.
//!
//! The limit is what all processors can hash without a log, one record after another: a log that checks a
//! chain of SHA-256 must hash every record.

use std::path::Path;
use std::time::Instant;

use sha2::{Digest as _, Sha256};

use super::log::{Fjall, KfmTasks, Okaywal, RaftEngine, Redb, Replay, Sqlite};
use super::round::median;
use crate::report::Row;

const RECORDS: u64 = 1_000_000;
/// How many records were appended together.
const GROUP: u64 = 64;
const ROUNDS: usize = 5;

/// Reads a log back, hands over each payload, and returns their number.
type ReadBack = fn(&Path, &mut dyn FnMut(&[u8])) -> u64;

/// A log in this question: its name, what it checks, and how fast each turn was.
struct Contender {
    name: String,
    fill: fn(&Path, u64, u64),
    replay: ReadBack,
    rates: Vec<f64>,
}

fn contender<R: Replay>() -> Contender {
    let name = format!("{}: {}", R::NAME, R::CHECKS);
    Contender { name, fill: R::fill, replay: R::replay, rates: Vec::new() }
}

pub(super) fn answer() -> Vec<Row> {
    let dir = tempfile::tempdir().expect("a folder");
    let mut contenders = [
        contender::<KfmTasks>(),
        contender::<Okaywal>(),
        contender::<RaftEngine>(),
        contender::<Fjall>(),
        contender::<Redb>(),
        contender::<Sqlite>(),
    ];
    let at = |n: usize| dir.path().join(n.to_string());
    for (n, contender) in contenders.iter().enumerate() {
        (contender.fill)(&at(n), RECORDS, GROUP);
    }
    for round in 0..=ROUNDS {
        for (n, contender) in contenders.iter_mut().enumerate() {
            let (begun, mut sum) = (Instant::now(), 0_u64);
            let records = (contender.replay)(&at(n), &mut |payload| {
                sum += u64::from(payload[0]) + payload.len() as u64;
            });
            let taken = begun.elapsed();
            assert_eq!(records, RECORDS, "{}", contender.name);
            assert!(std::hint::black_box(sum) > RECORDS);
            // The first turn is only for warming up.
            if round > 0 {
                contender.rates.push(records as f64 / taken.as_secs_f64());
            }
        }
    }
    let limit = median((0..ROUNDS).map(|_| hashed()));
    let rates: Vec<f64> =
        contenders.iter().map(|contender| median(contender.rates.iter().copied())).collect();
    let row = |n: usize| Row {
        name: format!("replay of 1M, {}", contenders[n].name),
        ours: rates[0],
        peer: Some(rates[n]),
        limit: Some(limit),
        unit: "records/s, more",
        runs: ROUNDS,
    };
    (1..contenders.len()).map(row).collect()
}

/// Returns how many records per second all processors together can hash, from memory and without a log.
fn hashed() -> f64 {
    let record = super::record(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let hash = || {
        for _ in 0..RECORDS / threads {
            std::hint::black_box(Sha256::digest(std::hint::black_box(&record)));
        }
    };
    let begun = Instant::now();
    std::thread::scope(|scope| (0..threads).for_each(|_| _ = scope.spawn(hash)));
    RECORDS as f64 / begun.elapsed().as_secs_f64()
}
