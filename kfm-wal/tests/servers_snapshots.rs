//! Snapshots of logs on real servers: kept by one host, read by another, and believed only as far as the log names them.
#![cfg(all(feature = "s3", feature = "azure", feature = "postgres"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]
#![allow(clippy::disallowed_methods, reason = "a test that needs servers is told where they are")]

#[path = "common/server.rs"]
mod server;
#[path = "common/typed.rs"]
mod typed;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use kfm_lineage::{Lsn, Timestamp};
use kfm_retry::SystemClock;
use kfm_wal::local::disk::RealDisk;
use kfm_wal::log::{Entry, INDEX, Opened};
use kfm_wal::record::{Record, SnapshotRecord};
use kfm_wal::slots::{Mode, SlotLog};
use kfm_wal::{Snapshots, Wal, WalError, WalStore};
use server::*;
use typed::*;

/// Records enough that a snapshot is due.
const RECORDS: u64 = 1_100;

type Place = (String, Pairs);

fn snapshots(folder: &Path) -> Snapshots {
    Snapshots::new(folder, Arc::new(RealDisk))
}

/// Opens a log as another host does: a new handle, with a folder of its own for snapshots.
async fn open(place: &Place, folder: &Path) -> (Wal, Opened) {
    let log = SlotLog::open_read_only(slots(place), options(Mode::Exclusive)).await.unwrap();
    Wal::open_from(Arc::new(log), Arc::new(SystemClock), &snapshots(folder)).await.unwrap()
}

/// The answers of a log to every kind of question.
///
/// # Errors
/// A snapshot cannot be read.
async fn answers(wal: &Wal) -> Result<(Vec<Arc<Entry>>, String), WalError> {
    let entries = wal.entries_from(Lsn::ZERO).await?;
    let mut told = format!("{:?} {:?}", wal.head(), wal.unknown()?);
    for id in (1..4).map(publish_id) {
        told += &format!("{:?} {:?}", wal.publish(&id).await?, wal.by_operation(&id.into()).await?);
    }
    let by_time = wal.by_time(Timestamp::UNIX_EPOCH, Timestamp::MAX).await?;
    assert_eq!(by_time, entries);
    Ok((entries, told))
}

async fn a_snapshot_serves_another_host(server: &str) {
    let (place, here, elsewhere) =
        (new_place(server), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (log, _) = SlotLog::open(slots(&place), options(Mode::Exclusive)).await.unwrap();
    let wal = Wal::open(Arc::new(log), Arc::new(SystemClock)).await.unwrap();
    wal.append_all((1..=RECORDS).map(|n| refusal(n, &n.to_string())).collect()).await.unwrap();
    wal.append_all(vec![intent(1), journal(1, 1), completion(1), intent(2)]).await.unwrap();
    assert!(Snapshots::is_due(wal.head().lsn.0, 0));
    let (of, index) = wal.keep_index(&snapshots(here.path())).unwrap();
    let states = BTreeMap::from([(INDEX.to_owned(), index)]);
    wal.append(Record::Snapshot(SnapshotRecord { of, states })).await.unwrap();
    wal.append_all(vec![journal(2, 1), completion(2), plan(3)]).await.unwrap();

    // Each host in turn: one with the snapshot, one without it.
    let (with, opened) = open(&place, here.path()).await;
    assert_eq!(opened, Opened { snapshot: of.lsn, passed_over: Vec::new() }, "{server}");
    let (without, opened_whole) = open(&place, elsewhere.path()).await;
    assert_eq!(opened_whole.snapshot, Lsn::ZERO);
    let expected = answers(&without).await.unwrap();
    assert_eq!(expected.0.len() as u64, RECORDS + 8, "{server}");
    assert!(answers(&with).await.unwrap() == expected, "{server}: the snapshot changed an answer");

    // A damaged snapshot is passed over and reported, or ends the question that comes upon the page and is gone; the answers
    // stay the same.
    let file = std::fs::read_dir(here.path()).unwrap().next().unwrap().unwrap().path();
    let sound = std::fs::read(&file).unwrap();
    for at in [0, sound.len() / 3, sound.len() / 2, sound.len() - 2] {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let (damaged, opened) = open(&place, here.path()).await;
        let told = match answers(&damaged).await {
            Err(WalError::Snapshot { .. }) => {
                assert!(opened.snapshot == of.lsn && !file.exists(), "{server}: byte {at}");
                answers(&open(&place, here.path()).await.0).await.unwrap()
            }
            told => {
                let how = (opened.snapshot, opened.passed_over.len());
                assert_eq!(how, (Lsn::ZERO, 1), "{server}: byte {at}");
                told.unwrap()
            }
        };
        assert!(told == expected, "{server}: byte {at}");
    }
    // A snapshot of another log, under a name that fits its bytes, is not named by this log.
    std::fs::write(&file, &sound).unwrap();
    let (other, _) = SlotLog::open(slots(&new_place(server)), options(Mode::Exclusive)).await.unwrap();
    let other = Arc::new(other);
    let wal = Wal::open(Arc::clone(&other) as Arc<dyn WalStore>, Arc::new(SystemClock)).await.unwrap();
    wal.append_all((1..=RECORDS + 8).map(|n| refusal(n, "another")).collect()).await.unwrap();
    let (wal, opened) = Wal::open_from(other, Arc::new(SystemClock), &snapshots(here.path())).await.unwrap();
    assert_eq!((opened.snapshot, opened.passed_over.len()), (Lsn::ZERO, 1), "{server}");
    assert_eq!(wal.publish(&publish_id(1)).await.unwrap(), None);
}

macro_rules! on_each {
    ($($name:ident: $server:literal;)*) => {
        $(
            #[test]
            #[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
            fn $name() {
                runtime().block_on(a_snapshot_serves_another_host($server));
            }
        )*
    };
}

on_each! {
    a_snapshot_serves_another_host_on_ministack: "ministack";
    a_snapshot_serves_another_host_on_seaweedfs: "seaweedfs";
    a_snapshot_serves_another_host_on_azurite: "azurite";
    a_snapshot_serves_another_host_on_postgresql: "postgresql";
}
