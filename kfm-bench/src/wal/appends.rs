//! How many records a second are durable, with one appender and with 64; and how long each waits.

use std::path::Path;
use std::time::Duration;

use super::log::{Fjall, KfmTasks, KfmThreads, Log, Okaywal, RaftEngine, Raw, Redb, Sqlite};
use super::round::{Round, median};
use crate::report::Row;

const ROUNDS: usize = 15;
const TURN: Duration = Duration::from_millis(250);

/// How long an append may wait when 64 are under way.
const P99_US_LIMIT: f64 = 1_000.0;

pub(super) fn answer() -> Vec<Row> {
    [question(1), question(64)].concat()
}

fn question(appenders: usize) -> Vec<Row> {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    let (ours, raw) = (KfmTasks::create(&at("kfm")), Raw::create(&at("raw")));
    let peers = peers(dir.path());
    let (mut our_turns, mut raw_turns) = (Vec::new(), Vec::new());
    let mut peer_turns = vec![Vec::new(); peers.len()];
    for turn in 0..=ROUNDS {
        let (our_turn, raw_turn) = (ours.round(appenders, TURN), raw.round(appenders, TURN));
        let of_peers: Vec<Round> = peers.iter().map(|peer| peer.round(appenders, TURN)).collect();
        // The first turn only warms up.
        if turn > 0 {
            our_turns.push(our_turn);
            raw_turns.push(raw_turn);
            peer_turns.iter_mut().zip(of_peers).for_each(|(turns, turn)| turns.push(turn));
        }
    }
    let rate = |turns: &[Round]| median(turns.iter().map(|turn| turn.rate));
    let p99 = |turns: &[Round]| median(turns.iter().map(|turn| turn.p99_us));
    let row = |name: &str, turns: &[Round]| Row {
        name: format!("{appenders} appenders: {name}"),
        ours: rate(&our_turns),
        peer: Some(rate(turns)),
        limit: Some(rate(&raw_turns)),
        unit: "appends/s, more",
        runs: ROUNDS,
    };
    let mut rows = vec![row("raw write and fdatasync", &raw_turns)];
    rows.extend(peers.iter().zip(&peer_turns).map(|(peer, turns)| row(peer.name(), turns)));
    let wait = |name: &str, turns: &[Round]| Row {
        name: format!("{appenders} appenders, p99: {name}"),
        ours: p99(&our_turns),
        peer: Some(p99(turns)),
        limit: Some(P99_US_LIMIT),
        unit: "us",
        runs: ROUNDS,
    };
    rows.push(wait("raw write and fdatasync", &raw_turns));
    rows.extend(peers.iter().zip(&peer_turns).map(|(peer, turns)| wait(peer.name(), turns)));
    rows
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
