//! An operation that is killed at any of its writes ends as planned or as before (R5).
//!
//! Every write below the platform is counted. For each of them the operation is run on a copy in which that
//! write is cut in half and nothing after it reaches the disk; then the copy is opened anew, and the operation
//! is resumed in one copy of what was left, and aborted in another.
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "the counts are part of what it shows")]

#[path = "crash/fuse.rs"]
mod fuse;
#[path = "crash/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::path::Path;

use fuse::Fuse;
use kfm_lineage::PublishId;
use kfm_rollback::report::{OperationLine, Status};
use kfm_rollback::{ExecuteRequest, HotfixDone, HotfixRequest, PlanTarget, Platform, PublishFolder, Result};
use kfm_wal::record::Correction;
use world::{Seen, broken_link, copy, dot_files, folder, new_platform, open, seen, write_documents};

const FIRST: &str = "pub_2026_01_01T00_00_00Z_first";
const SECOND: &str = "pub_2026_01_02T00_00_00Z_second";

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Publish,
    Rollback,
    Revert,
    Hotfix,
    HotfixRevert,
    Resume,
    Abort,
}

/// A platform before the deed, and what readers see before it and after it.
struct Scene {
    platform: tempfile::TempDir,
    incoming: tempfile::TempDir,
    prior: Seen,
    planned: Seen,
}

impl Scene {
    /// A platform with one publish, and documents that change, add and retire.
    async fn new() -> Self {
        let (platform, incoming) = (new_platform().await, folder());
        let scene = Self { platform, incoming, prior: Seen::new(), planned: Seen::new() };
        write_documents(&scene.folder_of(FIRST), &[("a", "first"), ("b", "first"), ("c", "first")]);
        write_documents(&scene.folder_of(SECOND), &[("a", "second"), ("b", "first"), ("d", "second")]);
        let published = scene.publish(scene.platform.path(), &Fuse::endless(), FIRST).await.unwrap();
        assert_eq!(published, Status::Completed);
        scene
    }

    fn folder_of(&self, publish: &str) -> std::path::PathBuf {
        self.incoming.path().join(publish)
    }

    async fn publish(&self, root: &Path, fuse: &Fuse, id: &str) -> Result<Status> {
        let request = PublishFolder {
            mirror: true,
            publish_id: Some(PublishId::parse(id).unwrap()),
            ..PublishFolder::new(self.folder_of(id), "ingest".parse().unwrap())
        };
        open(root, fuse).await.publish_folder(request).await.map(|report| report.status)
    }

    /// Does the deed, or takes up what is left of it.
    async fn run(&self, root: &Path, fuse: &Fuse, deed: Deed) -> Result<Status> {
        let platform = open(root, fuse).await;
        match deed {
            Deed::Publish => self.publish(root, fuse, SECOND).await,
            Deed::Rollback => {
                let request = ExecuteRequest::new(PlanTarget::Publish(SECOND.into()), "it is wrong");
                platform.execute(request).await.map(|report| report.status)
            }
            Deed::Revert => platform.revert("latest", "it was right").await.map(|report| report.status),
            Deed::Hotfix => correct_titles(&platform).await,
            Deed::HotfixRevert => {
                platform.revert_hotfix("latest", "it was right").await.map(|report| report.status)
            }
            Deed::Resume => end(&platform, false).await.map(|(_, status)| status),
            Deed::Abort => end(&platform, true).await.map(|(_, status)| status),
        }
    }

    /// Makes the platform one in which a deed was done.
    async fn done(self, deed: Deed) -> Self {
        let status = self.run(self.platform.path(), &Fuse::endless(), deed).await.unwrap();
        assert_eq!(status, Status::Completed);
        self
    }

    /// Makes the platform one in which a deed was killed right after its last write into a store.
    async fn killed_after(self, deed: Deed, store: &str) -> Self {
        let fuse = Fuse::endless();
        let rehearsal = copy(self.platform.path());
        self.run(rehearsal.path(), &fuse, deed).await.unwrap();
        let writes = fuse.seen().iter().rposition(|place| place == store).unwrap() + 1;
        let scene = self.between(deed).await;
        scene.run(scene.platform.path(), &Fuse::of(writes), deed).await.unwrap_err();
        scene
    }

    /// Notes what readers see before a deed and after it.
    async fn between(mut self, deed: Deed) -> Self {
        let rehearsal = copy(self.platform.path());
        self.prior = seen(&open(rehearsal.path(), &Fuse::endless()).await).await;
        self.run(rehearsal.path(), &Fuse::endless(), deed).await.unwrap();
        self.planned = seen(&open(rehearsal.path(), &Fuse::endless()).await).await;
        assert_ne!(self.prior, self.planned);
        assert_eq!((broken_link(&self.prior), broken_link(&self.planned)), (None, None));
        self
    }

    /// Checks that every reader sees, cell by cell, what is planned or what was before, and no broken link.
    async fn assert_readable(&self, platform: &Platform, when: &str) -> Seen {
        let now = seen(platform).await;
        for cell in now.keys().chain(self.prior.keys()).chain(self.planned.keys()) {
            let content = now.get(cell);
            let known = content == self.prior.get(cell) || content == self.planned.get(cell);
            assert!(known, "{when}: a third content at {cell:?}");
        }
        assert_eq!(broken_link(&now), None, "{when}: readers meet a broken link");
        now
    }
}

/// Resumes or aborts what is open.
async fn end(platform: &Platform, abort: bool) -> Result<(OperationLine, Status)> {
    let open = platform.status().await?.open;
    assert_eq!(open.len(), 1, "{open:#?}");
    let id = open[0].id.to_string();
    let status = match id.starts_with("pub_") {
        true => platform.publish_resume(&id, abort).await?.status,
        false if id.starts_with("hf_") => platform.hotfix_resume(&id, abort, Vec::new()).await?.status,
        false => platform.rollback_resume(&id, abort, Vec::new()).await?.status,
    };
    Ok((open[0].clone(), status))
}

/// Corrects the title of every item that has it wrong.
async fn correct_titles(platform: &Platform) -> Result<Status> {
    let values = serde_json::json!({"from": "first", "to": "better"});
    let correction = Correction {
        kind: "stac".into(),
        scope: "things".into(),
        field: "/properties/title".into(),
        values: Some(serde_json::from_value(values).unwrap()),
        texts: None,
    };
    let request = HotfixRequest::new("things".parse().unwrap(), correction, "the source says better");
    let mut hotfix = platform.begin_hotfix(request).await?;
    for document in hotfix.documents_of("things").await? {
        let text = String::from_utf8(hotfix.read(&document).await?.to_vec()).unwrap();
        let corrected = text.replace(r#""title":"first""#, r#""title":"better""#);
        if corrected != text {
            hotfix.replace(&document, corrected)?;
        }
    }
    match hotfix.finish().await? {
        HotfixDone::Executed { report, .. } => Ok(report.status),
        HotfixDone::Rehearsed(_) => panic!("it was to be done"),
    }
}

/// Kills a deed at each of its writes and takes it up in both directions.
async fn kill_at_every_write(scene: &Scene, deed: Deed) {
    let fuse = Fuse::endless();
    let whole = copy(scene.platform.path());
    scene.run(whole.path(), &fuse, deed).await.unwrap();
    let writes = fuse.seen();
    let mut kills: BTreeMap<&str, u32> = BTreeMap::new();
    for (at, place) in writes.iter().enumerate() {
        let when = format!("{deed:?} killed at write {} of {}, in {place}", at + 1, writes.len());
        let left = copy(scene.platform.path());
        let fuse = Fuse::of(at);
        let killed = scene.run(left.path(), &fuse, deed).await;
        assert!(fuse.is_burnt(), "{when}");
        scene.assert_readable(&open(left.path(), &Fuse::endless()).await, &when).await;
        if let Ok(status) = killed {
            // Only the log's mark behind its last record was cut, which takes nothing from the record.
            assert_eq!((at + 1, place.as_str()), (writes.len(), "wal"), "{when}: success was reported");
            assert!(!is_open(left.path()).await, "{when}");
            // What is left of the mark, the next writer sets aside.
            open(left.path(), &Fuse::endless()).await.reconcile(true).await.unwrap();
            assert_ended(scene, left.path(), status, None, &when).await;
            continue;
        }
        for abort in [false, true] {
            let root = copy(left.path());
            take_up(scene, root.path(), deed, abort, &when).await;
        }
        *kills.entry(place).or_default() += 1;
    }
    println!("{deed:?}: {} kills, by the place of the write: {kills:?}", writes.len());
    for place in ["wal", "ledger", "telemetry", "catalog", "graph"] {
        let is_spared = matches!(deed, Deed::Resume) && place == "graph";
        assert!(kills.contains_key(place) || is_spared, "no kill in {place}: {kills:?}");
    }
}

/// Resumes or aborts what a kill left, and checks where it ends.
async fn take_up(scene: &Scene, root: &Path, deed: Deed, abort: bool, when: &str) {
    let when = format!("{when}, then {}", if abort { "aborted" } else { "resumed" });
    if !is_open(root).await {
        // It was killed before it was open: nothing has moved, and it can be done again.
        assert_eq!(seen(&open(root, &Fuse::endless()).await).await, scene.prior, "{when}");
        let again = scene.run(root, &Fuse::endless(), deed).await;
        let status = again.unwrap_or_else(|error| panic!("{when}: {error}"));
        return assert_ended(scene, root, status, None, &when).await;
    }
    let platform = open(root, &Fuse::endless()).await;
    let (open, status) = end(&platform, abort).await.unwrap_or_else(|error| panic!("{when}: {error}"));
    // The log tells whether an abort that was killed had begun, and the answer says so.
    let may_be_either = deed == Deed::Abort && !abort;
    let asked_for = if abort { Status::Aborted } else { Status::Completed };
    assert!(status == asked_for || may_be_either && status == Status::Aborted, "{when}: {status}");
    assert_ended(scene, root, status, Some(&open), &when).await;
}

async fn is_open(root: &Path) -> bool {
    !open(root, &Fuse::endless()).await.status().await.unwrap().open.is_empty()
}

/// Checks that readers see what the status says, that nothing is open, and that all records agree.
async fn assert_ended(
    scene: &Scene,
    root: &Path,
    status: Status,
    taken_up: Option<&OperationLine>,
    when: &str,
) {
    let expected = if status == Status::Completed { &scene.planned } else { &scene.prior };
    let platform = open(root, &Fuse::endless()).await;
    assert_eq!(&scene.assert_readable(&platform, when).await, expected, "{when}: {status}");
    assert!(platform.status().await.unwrap().open.is_empty(), "{when}");
    assert!(platform.wal_verify().await.unwrap().ok, "{when}");
    let report = platform.ledger_verify().await.unwrap();
    assert!(report.ledger.ok, "{when}: {report:#?}");
    let Some(operation) = taken_up else { return };
    assert_eq!(dot_files(&root.join("catalog")), Vec::<std::path::PathBuf>::new(), "{when}");
    if let Some(rollback) = &operation.rollback_id {
        let verified = platform.verify(rollback.as_str()).await.unwrap();
        assert!(verified.ok, "{when}: {verified:#?}");
    }
}

#[tokio::test]
async fn a_publish_killed_at_any_write_ends_as_planned_or_as_before() {
    let scene = Scene::new().await.between(Deed::Publish).await;
    kill_at_every_write(&scene, Deed::Publish).await;
}

#[tokio::test]
async fn a_rollback_killed_at_any_write_ends_as_planned_or_as_before() {
    let scene = Scene::new().await.done(Deed::Publish).await.between(Deed::Rollback).await;
    kill_at_every_write(&scene, Deed::Rollback).await;
}

#[tokio::test]
async fn a_revert_killed_at_any_write_ends_as_planned_or_as_before() {
    let scene = Scene::new().await.done(Deed::Publish).await.done(Deed::Rollback).await;
    kill_at_every_write(&scene.between(Deed::Revert).await, Deed::Revert).await;
}

#[tokio::test]
async fn a_hotfix_killed_at_any_write_ends_as_planned_or_as_before() {
    let scene = Scene::new().await.between(Deed::Hotfix).await;
    kill_at_every_write(&scene, Deed::Hotfix).await;
}

#[tokio::test]
async fn a_revert_of_a_hotfix_killed_at_any_write_ends_as_planned_or_as_before() {
    let scene = Scene::new().await.done(Deed::Hotfix).await.between(Deed::HotfixRevert).await;
    kill_at_every_write(&scene, Deed::HotfixRevert).await;
}

#[tokio::test]
async fn a_resume_killed_at_any_write_can_be_resumed_or_aborted() {
    let scene = Scene::new().await.killed_after(Deed::Publish, "search").await;
    kill_at_every_write(&scene, Deed::Resume).await;
}

#[tokio::test]
async fn an_abort_of_a_publish_killed_at_any_write_goes_on_as_an_abort() {
    let scene = Scene::new().await.killed_after(Deed::Publish, "catalog").await;
    kill_at_every_write(&scene, Deed::Abort).await;
}

#[tokio::test]
async fn an_abort_of_a_rollback_killed_at_any_write_goes_on_as_an_abort() {
    let scene = Scene::new().await.done(Deed::Publish).await.killed_after(Deed::Rollback, "catalog").await;
    kill_at_every_write(&scene, Deed::Abort).await;
}

#[tokio::test]
async fn an_abort_of_a_hotfix_killed_at_any_write_goes_on_as_an_abort() {
    let scene = Scene::new().await.killed_after(Deed::Hotfix, "catalog").await;
    kill_at_every_write(&scene, Deed::Abort).await;
}
