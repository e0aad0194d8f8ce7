//! A file of the policy that cannot be read this time is no verdict (R101).

use std::io;
use std::path::Path;
use std::sync::Arc;

use kfm_rollback::report::Status;
use kfm_rollback::{Error, OpenOptions, Platform};
use kfm_wal::local::disk::{Access, Disk, DiskFile, DiskLock, RealDisk};

use crate::small::{item, open_stopping_at, put, try_put};
use crate::support::World;

/// A disk on which one file cannot be opened, for a reason that passes.
#[derive(Debug)]
struct Unreadable {
    file: &'static str,
    errno: i32,
}

impl Disk for Unreadable {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        match path.ends_with(self.file) && access == Access::Read {
            true => Err(io::Error::from_raw_os_error(self.errno)),
            false => RealDisk.open(path, access),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        RealDisk.lock(path)
    }
}

const EIO: i32 = 5;
const EMFILE: i32 = 24;

async fn open_with(world: &World, file: &'static str, errno: i32) -> Platform {
    let options = OpenOptions::new("operator").with_clock(world.clock.clone());
    Platform::open(world.root(), options.with_disk(Arc::new(Unreadable { file, errno }))).await.unwrap()
}

#[tokio::test]
async fn a_fault_of_the_disk_denies_nothing_and_changes_nothing() {
    let world = World::new().await;
    let publish = put(&world, &[("a.json", Some(item("a")))]).await;
    for file in ["policy/labels.toml", "policy/suppressions.toml", "policy/principals.toml"] {
        for errno in [EIO, EMFILE] {
            let platform = open_with(&world, file, errno).await;
            let published = try_put(&platform, &[("b.json", Some(item("b")))]).await.unwrap_err();
            let planned = platform.plan(kfm_rollback::PlanRequest::new(&publish)).await.unwrap_err();
            for error in [published, planned] {
                assert!(matches!(error, Error::File { .. }), "{error:?}");
                assert_eq!(error.kind(), "file");
            }
        }
    }
    assert_eq!(world.documents().len(), 1);
    put(&world, &[("b.json", Some(item("b")))]).await;
}

#[tokio::test]
async fn an_open_operation_that_meets_a_fault_of_the_disk_waits_as_it_did() {
    let world = World::new().await;
    put(&world, &[("a.json", Some(item("a")))]).await;
    let stopping = open_stopping_at(&world, "derive").await;
    let stopped = try_put(&stopping, &[("b.json", Some(item("b")))]).await.unwrap_err();
    let Error::Unfinished { operation, .. } = &stopped else { panic!("{stopped}") };
    for abort in [false, true] {
        let platform = open_with(&world, "policy/principals.toml", EIO).await;
        let waits = platform.publish_resume(operation.as_str(), abort).await.unwrap_err();
        let Error::Unfinished { status, .. } = &waits else { panic!("{waits:?}") };
        assert_eq!(*status, Status::Interrupted, "it is not held: nothing was denied");
    }
    world.open().await.publish_resume(operation.as_str(), false).await.unwrap();
}

/// R63: which licences are no finding is the platform's to say, in `kfm.toml`.
#[tokio::test]
async fn a_platform_says_which_licences_it_allows() {
    let world = World::new().await;
    let publish = async |path: &str| {
        let mut licensed = item(path);
        licensed["properties"]["license"] = "CC-BY-4.0".into();
        let report = try_put(&world.open().await, &[(path, Some(licensed))]).await.unwrap();
        report.findings.first.iter().filter(|finding| finding.rule == "FAIR-R1.1-licence").count()
    };
    assert_eq!(publish("a.json").await, 0);
    let settings = world.root().join("kfm.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace("[policy]\n", "[policy]\nlicences = [\"MIT\"]\n")).unwrap();
    assert_eq!(publish("b.json").await, 1);
}
