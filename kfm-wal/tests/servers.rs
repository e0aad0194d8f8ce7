//! The log on real servers, as `testing/servers/up` starts them: the laws, a kill under load, a liar, a wrong key.
//!
//! Every test is ignored without servers; `.ci/servers` starts them and runs all of them.
#![cfg(all(feature = "s3", feature = "azure", feature = "postgres"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]
#![allow(clippy::print_stdout, reason = "a run on servers prints its figures")]
#![allow(clippy::disallowed_methods, reason = "a test that needs servers is told where they are")]

#[path = "common/server.rs"]
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use kfm_lineage::{Lsn, Timestamp};
use kfm_retry::SystemClock;
use kfm_wal::conformance::{Fixture, Law};
use kfm_wal::slots::{Created, Mode, SlotLog, SlotOptions};
use kfm_wal::{NewRecord, WalError, WalStore};
use server::*;

fn on_tokio(law: Law<'_>) {
    runtime().block_on(law);
}

/// A new log on a server.
struct Server {
    place: (String, Pairs),
    mode: Mode,
}

impl Server {
    fn new(name: &str, mode: Mode) -> Self {
        Self { place: new_place(name), mode }
    }
}

#[async_trait]
impl Fixture for Server {
    async fn open(&self) -> Arc<dyn WalStore> {
        Arc::new(SlotLog::open(slots(&self.place), options(self.mode)).await.unwrap().0)
    }
}

macro_rules! laws_on {
    ($($module:ident: $server:literal, $mode:ident;)*) => {
        $(mod $module {
            use super::*;
            kfm_wal::wal_store_laws!(
                Server::new($server, Mode::$mode),
                on_tokio,
                #[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
            );
        })*
    };
}

laws_on! {
    laws_on_ministack: "ministack", Exclusive;
    laws_on_ministack_shared: "ministack", Shared;
    laws_on_seaweedfs: "seaweedfs", Exclusive;
    laws_on_seaweedfs_shared: "seaweedfs", Shared;
    laws_on_azurite: "azurite", Exclusive;
    laws_on_azurite_shared: "azurite", Shared;
    laws_on_postgresql: "postgresql", Exclusive;
    laws_on_postgresql_shared: "postgresql", Shared;
}

fn record(n: u64) -> NewRecord {
    let mut op_id = [0; 16];
    op_id[..8].copy_from_slice(&n.to_le_bytes());
    NewRecord { op_id, rtype: 1, schema: 1, at: Timestamp::UNIX_EPOCH, payload: n.to_string().into_bytes() }
}

/// How many tasks append while a server is killed.
const APPENDERS: u64 = 16;

/// Starts, ends or kills a server with the scripts beside the tests.
fn script(words: &[&str]) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testing/servers");
    let status = Command::new(folder.join(words[0])).args(&words[1..]).status().unwrap();
    assert!(status.success(), "{words:?}");
}

/// Stops a server under appenders, starts it again on the same data, and checks that the log has all it has
/// acknowledged.
///
/// No other test uses the server at this time: `.ci/servers` runs these tests alone.
async fn survives(how: &[&str], server: &str, times: u32) {
    let place = new_place(server);
    let (log, _) = SlotLog::open(slots(&place), options(Mode::Exclusive)).await.unwrap();
    let log = Arc::new(log);
    let enough = Arc::new(AtomicBool::new(false));
    let mut appenders = Vec::new();
    for appender in 0..APPENDERS {
        let (log, enough) = (Arc::clone(&log), Arc::clone(&enough));
        appenders.push(tokio::spawn(async move {
            let (mut answered, mut refused) = (BTreeMap::new(), BTreeSet::new());
            for n in 0.. {
                let id = n * APPENDERS + appender;
                match log.append(&[record(id)], None).await {
                    Ok(appended) => _ = answered.insert(id, appended.first),
                    Err(WalError::Unknown { .. }) => {}
                    Err(_) => _ = refused.insert(id),
                }
                if enough.load(Ordering::SeqCst) {
                    break;
                }
                tokio::task::yield_now().await;
            }
            (answered, refused)
        }));
    }
    let run = run_dir().display().to_string();
    for _ in 0..times {
        // The appenders need to have something on its way; what exactly, is left to chance.
        kfm_retry::Clock::sleep(&SystemClock, Duration::from_millis(700)).await;
        let down: Vec<String> = [how, &[&run, server]].concat().into_iter().map(str::to_owned).collect();
        let up = ["up", &run, server].map(str::to_owned);
        tokio::task::spawn_blocking(move || {
            script(&down.iter().map(String::as_str).collect::<Vec<_>>());
            script(&up.each_ref().map(String::as_str));
        })
        .await
        .unwrap();
    }
    enough.store(true, Ordering::SeqCst);
    let mut answered = BTreeMap::new();
    let mut refused = BTreeSet::new();
    for appender in appenders {
        let (more, no) = appender.await.unwrap();
        answered.extend(more);
        refused.extend(no);
    }
    assert!(answered.len() as u64 > APPENDERS, "too little happened: {}", answered.len());

    let reader = SlotLog::open_read_only(slots(&place), options(Mode::Exclusive)).await.unwrap();
    let mut there: BTreeMap<u64, Vec<Lsn>> = BTreeMap::new();
    for stored in reader.scan(Lsn(1), usize::MAX).await.unwrap() {
        let id = u64::from_le_bytes(stored.record.op_id[..8].try_into().unwrap());
        there.entry(id).or_default().push(stored.lsn);
    }
    for (id, lsn) in &answered {
        assert_eq!(there.get(id), Some(&vec![*lsn]), "record {id} was answered");
    }
    for (id, lsns) in &there {
        assert!(lsns.len() == 1 && !refused.contains(id), "record {id}: {lsns:?}");
    }
    assert!(reader.verify(kfm_wal::Depth::Chain).await.unwrap().ok);
    let (answered, refused, there) = (answered.len(), refused.len(), there.len());
    println!("{server}: ended {times} times, {answered} answered, {refused} refused, {there} there");
}

const KILLED: &[&str] = &["down", "-9"];
const ENDED: &[&str] = &["down"];

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn killed_postgresql_keeps_what_it_has_answered() {
    on_tokio(Box::pin(survives(KILLED, "postgresql", 5)));
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn killed_gently_azurite_keeps_what_it_has_answered() {
    // Azurite saves its index every few seconds and when it is told to end: a SIGKILL loses what it has
    // acknowledged.
    on_tokio(Box::pin(survives(ENDED, "azurite", 3)));
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn killed_seaweedfs_keeps_what_it_has_answered() {
    on_tokio(Box::pin(survives(KILLED, "seaweedfs", 2)));
}

/// Eight writers at a time create one slot; returns in how many of `rounds` more than one succeeded.
async fn races_with_many_winners(place: &(String, Pairs), rounds: u64) -> u64 {
    let slots = slots(place);
    let mut lost = 0;
    for n in 1..=rounds {
        let tries = (0..8_u8).map(|writer| {
            let slots = Arc::clone(&slots);
            tokio::spawn(async move { slots.create(n, vec![writer; 100].into()).await })
        });
        let mut winners = 0;
        for tried in tries.collect::<Vec<_>>() {
            winners += u64::from(matches!(tried.await.unwrap(), Ok(Created::Made)));
        }
        lost += u64::from(winners != 1);
    }
    lost
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_race_for_a_slot_has_one_winner_on_servers_that_keep_their_word() {
    for (server, rounds) in [("ministack", 40), ("azurite", 40), ("postgresql", 100)] {
        let lost = runtime().block_on(races_with_many_winners(&new_place(server), rounds));
        assert_eq!(lost, 0, "{server}");
    }
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_wrong_key_or_password_is_refused_at_once_and_named() {
    for (server, name) in [
        ("seaweedfs", "AWS_SECRET_ACCESS_KEY"),
        ("azurite", "AZURE_STORAGE_ACCOUNT_KEY"),
        ("postgresql", "PGPASSWORD"),
    ] {
        let (url, mut pairs) = new_place(server);
        for (key, value) in &mut pairs {
            if key == name {
                *value = "d3Jvbmc=".to_owned();
            }
        }
        let opened = runtime().block_on(SlotLog::open(slots(&(url, pairs)), options(Mode::Exclusive)));
        let error = opened.err().unwrap();
        let said = said(&error);
        assert!(matches!(error, WalError::Io { .. }) && said.contains("store refused"), "{server}: {said}");
        assert!(!said.contains("d3Jvbmc="), "{server}: {said}");
        println!("{server}: {said}");
    }
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_store_that_lets_two_creators_in_is_refused_before_a_log_is_made() {
    let place = new_place("moto");
    let as_usual = SlotOptions::new(Arc::new(SystemClock));
    let refused = runtime().block_on(SlotLog::open(slots(&place), as_usual)).err().unwrap();
    assert!(matches!(refused, WalError::Unfit { promise: "create_once_among_many", .. }), "{refused:?}");
    assert!(
        runtime().block_on(slots(&place).read(0)).unwrap().is_none(),
        "nothing stands where the log would be"
    );
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn servers_say_what_they_are_where_they_do() {
    for (server, expected) in [
        ("postgresql", Some("PostgreSQL 15.")),
        ("seaweedfs", Some("SeaweedFS ")),
        ("azurite", Some("Azurite-Blob/")),
        ("ministack", None),
    ] {
        let told = runtime().block_on(slots(&new_place(server)).server()).unwrap();
        let is_so = expected.map_or(told.is_none(), |name| told.iter().any(|told| told.starts_with(name)));
        assert!(is_so, "{server}: {told:?}");
    }
}
