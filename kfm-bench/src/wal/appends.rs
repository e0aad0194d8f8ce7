//! How many records per second become durable, with one appender and with 64; and how long each append waits.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::path::Path;
use std::time::Duration;

use super::log::{Fjall, KfmTasks, KfmThreads, Log, Okaywal, RaftEngine, Raw, Redb, Sqlite};
use super::round::{Round, median};
use crate::report::Row;

const ROUNDS: usize = 15;
const TURN: Duration = Duration::from_millis(250);

/// How long an append may wait while 64 are on their way, in microseconds.
const P99_US_LIMIT: f64 = 1_000.0;

pub(super) fn answer() -> Vec<Row> {
    [question(1), question(64)].concat()
}

fn question(appenders: usize) -> Vec<Row> {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    let ours = KfmTasks::create(&at("kfm"));
    let raw = Raw::create(&at("raw"));
    let peers = peers(dir.path());
    let logs: Vec<&dyn Log> =
        [&ours as &dyn Log, &raw].into_iter().chain(peers.iter().map(AsRef::as_ref)).collect();
    let mut turns = vec![Vec::new(); logs.len()];
    for turn in 0..=ROUNDS {
        for n in order(logs.len(), turn) {
            let round = logs[n].round(appenders, TURN);
            // The first turn is only for warming up.
            if turn > 0 {
                turns[n].push(round);
            }
        }
    }
    let [our_turns, raw_turns, peer_turns @ ..] = &turns[..] else { unreachable!("ours and raw come first") };
    let rate = |turns: &[Round]| median(turns.iter().map(|turn| turn.rate));
    let p99 = |turns: &[Round]| median(turns.iter().map(|turn| turn.p99_us));
    let row = |name: &str, turns: &[Round]| Row {
        name: format!("{appenders} appenders: {name}"),
        ours: rate(our_turns),
        peer: Some(rate(turns)),
        limit: Some(rate(raw_turns)),
        unit: "appends/s, more",
        runs: ROUNDS,
    };
    let mut rows = vec![row("raw write and fdatasync", raw_turns)];
    rows.extend(peers.iter().zip(peer_turns).map(|(peer, turns)| row(peer.name(), turns)));
    let wait = |name: &str, turns: &[Round]| Row {
        name: format!("{appenders} appenders, p99: {name}"),
        ours: p99(our_turns),
        peer: Some(p99(turns)),
        limit: Some(P99_US_LIMIT),
        unit: "us",
        runs: ROUNDS,
    };
    rows.push(wait("raw write and fdatasync", raw_turns));
    rows.extend(peers.iter().zip(peer_turns).map(|(peer, turns)| wait(peer.name(), turns)));
    rows
}

/// Returns the order of the logs in a turn, another one each time: a log pays for the work that the log
/// before it left to the disk.
fn order(logs: usize, turn: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..logs).collect();
    // The order is the same in every run.
    order.sort_by_key(|n| BuildHasherDefault::<DefaultHasher>::default().hash_one((turn, n)));
    order
}

fn peers(dir: &Path) -> Vec<Box<dyn Log>> {
    vec![
        Box::new(KfmThreads::create(&dir.join("kfm-threads"))),
        Box::new(Okaywal::create(&dir.join("okaywal"))),
        Box::new(RaftEngine::create(&dir.join("raft-engine"))),
        Box::new(Fjall::open(&dir.join("fjall"))),
        Box::new(Redb::open(&dir.join("redb"))),
        Box::new(Sqlite::create(&dir.join("sqlite"))),
    ]
}
