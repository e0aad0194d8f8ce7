//! A platform whose log has snapshots does and says what one without them does (ADR 0012).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kfm_lineage::Lsn;
use kfm_rollback::history::History;
use kfm_rollback::report::Status;
use kfm_rollback::{Error, OpenOptions, PlanTarget, Platform};
use kfm_wal::local::disk::{Access, Disk, DiskFile, DiskLock, RealDisk};
use kfm_wal::log::INDEX;
use kfm_wal::record::{Record, RefusalRecord, SnapshotRecord};
use kfm_wal::{LocalLog, LocalOptions, Snapshots, Wal};

use crate::acts::roll_back;
use crate::small::{item, path, put, titles, try_put};
use crate::support::World;
use crate::tree::everything;

fn folder(world: &World) -> PathBuf {
    world.root().join(".kfm/snapshots")
}

fn snapshots(world: &World) -> Snapshots {
    Snapshots::new(folder(world), Arc::new(RealDisk))
}

fn files(world: &World) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder(world)) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

async fn writer(world: &World) -> Wal {
    let dir = world.open().await.wal_dir();
    let (log, _) = LocalLog::open(dir, LocalOptions::new(world.clock.clone())).unwrap();
    Wal::open(Arc::new(log), world.clock.clone()).await.unwrap()
}

/// Keeps a snapshot, however little the log has grown, of a history that may have been altered.
async fn keep(world: &World, alter: impl FnOnce(&mut History)) {
    let wal = writer(world).await;
    let mut history = History::fold(&wal, &world.open().await.versions()).await.unwrap();
    alter(&mut history);
    let (of, index) = wal.keep_index(&snapshots(world)).unwrap();
    let mut states = history.keep(of, &snapshots(world)).unwrap();
    states.insert(INDEX.to_owned(), index);
    wal.append(Record::Snapshot(SnapshotRecord { of, states })).await.unwrap();
}

/// Lets the log grow by so many records that change nothing.
async fn grow(world: &World, records: usize) {
    let wal = writer(world).await;
    let refusal = |n: usize| {
        Record::Refusal(RefusalRecord {
            policy_snapshot_ref: None,
            operation: "publish".to_owned(),
            at: "2025-11-15T00:02:00Z".parse().unwrap(),
            requested_by: "ana".to_owned(),
            subject: None,
            plan_id: None,
            status: "denied".to_owned(),
            kind: "policy".to_owned(),
            message: format!("{n} at {}", wal.head().lsn),
        })
    };
    wal.append_all((0..records).map(refusal).collect()).await.unwrap();
}

/// Asserts that the log says the same from its snapshots and whole; returns the position of the snapshot.
async fn assert_same(world: &World) -> Lsn {
    let platform = world.open().await;
    let log = platform.wal_reader().await.unwrap();
    let whole = Wal::open(Arc::clone(&log), world.clock.clone()).await.unwrap();
    let (wal, opened) = Wal::open_from(log, world.clock.clone(), &snapshots(world)).await.unwrap();
    let expected = History::fold(&whole, &platform.versions()).await.unwrap();
    let (history, of, _) = History::fold_from(&wal, &platform.versions(), &snapshots(world)).await.unwrap();
    assert_eq!(history, expected);
    assert_eq!(wal.entries_from(Lsn::ZERO).await.unwrap(), whole.entries_from(Lsn::ZERO).await.unwrap());
    of.min(opened.snapshot)
}

#[tokio::test]
async fn a_platform_goes_on_from_a_snapshot_after_every_act() {
    let world = World::new().await;
    let step = async || {
        keep(&world, |_| {}).await;
        assert_ne!(assert_same(&world).await, Lsn::ZERO);
    };
    step().await;
    put(&world, &[("a", Some(item("a", "first"))), ("b", Some(item("b", "first")))]).await;
    step().await;
    let second = put(&world, &[("a", Some(item("a", "second"))), ("c", Some(item("c", "new")))]).await;
    step().await;
    world.label_document(&path("b"), "restricted").await;
    step().await;
    let stopped =
        try_put(&world.open_stopping().await, &[("a", Some(item("a", "third")))]).await.unwrap_err();
    let Error::Unfinished { operation, .. } = &stopped else { panic!("{stopped}") };
    step().await;
    let aborted = world.open().await.publish_resume(operation.as_str(), true).await.unwrap();
    assert_eq!(aborted.status, Status::Aborted);
    step().await;
    let undone = roll_back(&world, &second).await;
    assert_eq!(titles(&world), crate::small::said(&[("a", "first"), ("b", "first")]));
    step().await;
    let rollback = undone.rollback_id.unwrap().to_string();
    world.open().await.revert(&rollback, "it was right").await.unwrap();
    assert_eq!(titles(&world), crate::small::said(&[("a", "second"), ("b", "first"), ("c", "new")]));
    step().await;
    assert!(world.open().await.verify(&rollback).await.unwrap().ok);
    assert!(world.open().await.wal_verify().await.unwrap().ok);
}

#[tokio::test]
async fn a_session_that_writes_keeps_a_snapshot_once_the_log_has_grown_enough() {
    let world = World::new().await;
    put(&world, &[("a", Some(item("a", "first")))]).await;
    assert_eq!(files(&world), [] as [PathBuf; 0], "a short log is read whole");
    for kept in [5, 10, 10] {
        grow(&world, 1000).await;
        put(&world, &[("a", Some(item("a", &format!("{kept} {}", files(&world).len()))))]).await;
        assert_eq!(files(&world).len(), kept, "two of each state");
        assert!(assert_same(&world).await > Lsn(1000));
    }
    let newest = files(&world);
    put(&world, &[("a", Some(item("a", "soon after")))]).await;
    assert_eq!(files(&world), newest);
}

#[tokio::test]
async fn what_only_looks_keeps_no_snapshot_however_long_the_log() {
    let world = World::new().await;
    let publish = put(&world, &[("a", Some(item("a", "first")))]).await;
    grow(&world, 3000).await;
    let before = everything(world.root());
    let platform = world.open().await;
    platform.status().await.unwrap();
    platform.dry_run(PlanTarget::Publish(publish), Vec::new()).await.unwrap();
    platform.doctor(true).await.unwrap();
    platform.ledger_verify().await.unwrap();
    assert!(before == everything(world.root()), "it wrote something");
}

#[tokio::test]
async fn a_damaged_snapshot_changes_nothing_and_doctor_says_so() {
    let world = World::new().await;
    put(&world, &[("a", Some(item("a", "first")))]).await;
    keep(&world, |_| {}).await;
    assert_eq!(world.open().await.doctor(false).await.unwrap().findings, []);
    for file in files(&world) {
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).unwrap();
    }
    assert_eq!(assert_same(&world).await, Lsn::ZERO);
    let findings = world.open().await.doctor(false).await.unwrap().findings;
    assert_eq!(findings.len(), 3);
    assert!(findings.iter().all(|finding| finding.to_string().contains("damaged: path=")), "{findings:?}");
    put(&world, &[("a", Some(item("a", "second")))]).await;
    assert_eq!(titles(&world), crate::small::said(&[("a", "second")]));
}

/// The index of a table is read when it is opened, a page when a cell of it is asked for: that comes too late to read the
/// log instead.
#[tokio::test]
async fn damaged_cells_end_a_command_and_the_next_one_reads_the_log() {
    let world = World::new().await;
    // So many that the operations, which are read when the table is opened, are in another page.
    let more: Vec<String> = (0..200).map(|n| format!("more{n:03}")).collect();
    let first = ["a", "b"].into_iter().chain(more.iter().map(String::as_str));
    put(&world, &first.clone().map(|id| (id, Some(item(id, "first")))).collect::<Vec<_>>()).await;
    let said = |a: &'static str| {
        let titles = first.clone().map(|id| (id, if id == "a" { a } else { "first" }));
        crate::small::said(&titles.collect::<Vec<_>>())
    };
    keep(&world, |_| {}).await;
    let is_of_cells = |path: &PathBuf| path.to_str().is_some_and(|path| path.contains("/cells-"));
    let table = files(&world).into_iter().find(is_of_cells).unwrap();
    let mut bytes = std::fs::read(&table).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&table, bytes).unwrap();
    let error = try_put(&world.open().await, &[("a", Some(item("a", "second")))]).await.unwrap_err();
    assert_eq!(error.kind(), "file");
    assert!(error.to_string().contains(".kfm/snapshots/cells-"), "{error}");
    assert_eq!(titles(&world), said("first"), "nothing was done");
    assert!(!table.exists());
    assert_eq!(assert_same(&world).await, Lsn::ZERO);
    put(&world, &[("a", Some(item("a", "second")))]).await;
    assert_eq!(titles(&world), said("second"));
}

/// Whichever state is damaged, wherever: the commands that come upon it keep all of them anew.
#[tokio::test]
async fn what_is_damaged_is_not_taken_over() {
    let world = World::keeping().await;
    for n in 0..3 {
        put(&world, &[("a", Some(item("a", &format!("before {n}")))), ("b", Some(item("b", "first")))]).await;
    }
    let states = files(&world).len() / 2;
    assert_eq!(states, 5, "two of each");
    for (round, part) in (0..2 * states).map(|n| (n, n / states)) {
        let newest: Vec<_> = files(&world).into_iter().skip(1).step_by(2).collect();
        let file = &newest[round % states];
        let mut bytes = std::fs::read(file).unwrap();
        let at = bytes.len() * (1 + part) / 4;
        bytes[at] ^= 1;
        std::fs::write(file, bytes).unwrap();
        // One of them may end with an error that names the file; then nothing was done.
        for n in 0..3 {
            let title = format!("round {round} {n}");
            let _ = try_put(&world.open().await, &[("a", Some(item("a", &title)))]).await;
        }
        world.assert_kept_as_made_anew().await;
    }
}

#[tokio::test]
async fn a_snapshot_of_another_platform_or_of_a_log_that_was_restored_is_not_used() {
    let world = World::new().await;
    put(&world, &[("a", Some(item("a", "first")))]).await;
    let backup = tempfile::tempdir().unwrap();
    let copy = |from: &Path, to: &Path| {
        let output = std::process::Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
        assert!(output.success());
    };
    copy(&world.root().join("wal"), backup.path());
    put(&world, &[("a", Some(item("a", "second")))]).await;
    keep(&world, |_| {}).await;
    assert_ne!(assert_same(&world).await, Lsn::ZERO);

    let other = World::new().await;
    for n in 0..4 {
        put(&other, &[("a", Some(item("a", &format!("other {n}"))))]).await;
    }
    std::fs::create_dir_all(folder(&other)).unwrap();
    copy(&folder(&world), &folder(&other));
    assert_eq!(assert_same(&other).await, Lsn::ZERO);
    assert_eq!(other.open().await.doctor(false).await.unwrap().findings.len(), 3);

    std::fs::remove_dir_all(world.root().join("wal")).unwrap();
    std::fs::create_dir(world.root().join("wal")).unwrap();
    copy(backup.path(), &world.root().join("wal"));
    assert_eq!(assert_same(&world).await, Lsn::ZERO);
    assert_eq!(world.open().await.publishes().await.unwrap().publishes.len(), 1);
    grow(&world, 100).await;
    assert_eq!(assert_same(&world).await, Lsn::ZERO);
}

#[tokio::test]
async fn what_verifies_reads_the_log_itself_whatever_a_snapshot_says() {
    let world = World::new().await;
    let publish = put(&world, &[("a", Some(item("a", "first")))]).await;
    let rollback = roll_back(&world, &publish).await.rollback_id.unwrap().to_string();
    // The worst case: a snapshot that lies, and that the log itself names.
    keep(&world, |history| *history = History::default()).await;
    assert!(world.open().await.publishes().await.unwrap().publishes.is_empty(), "it is used");
    assert!(world.open().await.verify(&rollback).await.unwrap().ok);
    let checks = world.open().await.ledger_verify().await.unwrap().checks;
    let (lies, others): (Vec<_>, Vec<_>) =
        checks.into_iter().partition(|check| check.name == "snapshots as the log");
    assert!(others.iter().all(|check| check.ok), "{others:?}");
    // That it lies is found, and what to do about it is said and helps.
    assert!(!lies[0].ok && lies[0].detail.to_string().contains("remove .kfm/snapshots"), "{lies:?}");
    std::fs::remove_dir_all(folder(&world)).unwrap();
    assert!(world.open().await.ledger_verify().await.unwrap().checks.iter().all(|check| check.ok));
    assert_eq!(world.open().await.publishes().await.unwrap().publishes.len(), 1);
}

/// A disk that refuses, or forgets in the middle as a killed process does, from the nth change below a folder on.
#[derive(Debug)]
struct Refusing {
    folder: PathBuf,
    passes: std::sync::atomic::AtomicUsize,
}

impl Refusing {
    fn change(&self, path: &Path) -> io::Result<()> {
        use std::sync::atomic::Ordering::SeqCst;
        let passes = !path.starts_with(&self.folder)
            || self.passes.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
        if passes { Ok(()) } else { Err(io::Error::other("as the test wants it")) }
    }
}

impl Disk for Refusing {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.change(dir).and_then(|()| RealDisk.create_dir(dir))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        if access != Access::Read {
            self.change(path)?;
        }
        RealDisk.open(path, access)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(to).and_then(|()| RealDisk.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(path).and_then(|()| RealDisk.remove(path))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.change(dir).and_then(|()| RealDisk.sync_dir(dir))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        RealDisk.lock(path)
    }
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_kept_fails_no_operation_wherever_it_stops() {
    let world = World::new().await;
    put(&world, &[("a", Some(item("a", "first")))]).await;
    grow(&world, 1000).await;
    // Of each state: folder, what a crash left, file, rename, folder; then what is removed.
    for passes in 0..=25 {
        let _ = std::fs::remove_dir_all(folder(&world));
        let refusing = Refusing { folder: folder(&world), passes: passes.into() };
        let options =
            OpenOptions::new("operator").with_clock(world.clock.clone()).with_disk(Arc::new(refusing));
        let platform = Platform::open(world.root(), options).await.unwrap();
        world.clock.advance(std::time::Duration::from_secs(1));
        let title = format!("{passes} changes pass");
        try_put(&platform, &[("a", Some(item("a", &title)))]).await.unwrap();
        assert_eq!(titles(&world), crate::small::said(&[("a", title.as_str())]));
        let snapshot = assert_same(&world).await;
        assert_eq!(snapshot > Lsn::ZERO, passes == 25, "{passes}: {snapshot}");
    }
}
