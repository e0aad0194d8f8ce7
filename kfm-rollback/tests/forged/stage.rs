//! A platform that has lived a little, and what it is put back to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kfm_lineage::Lsn;
use kfm_rollback::op::DomainOpExt;
use kfm_rollback::report::StatusReport;
use kfm_rollback::{Error, PlanRequest, PlanTarget};
use kfm_wal::record::Record;
use serde_json::Value;

use crate::forge::{execute, item, log_of, put};
use crate::support::{World, documents_below};

/// What readers see: the bytes of every cell, by store and key.
pub type Seen = BTreeMap<(String, String), Vec<u8>>;

/// A platform with two publishes of one document and a plan to undo the second, and with what operations leave besides:
/// labels, a principal, an approval, a hidden plan, a rollback, its revert, an abort; and one operation that is open.
pub struct Stage {
    pub world: World,
    /// The plan to undo the second publish.
    pub plan_id: String,
    /// The rollback that has a manifest.
    pub rollback: String,
    /// The operation that is open.
    pub open: String,
    /// All records of its log, as the library has them and as JSON.
    pub records: Vec<Record>,
    pub values: Vec<Value>,
    /// What readers see; once the plan is executed; once the open operation is resumed; once it is aborted.
    pub prior: Seen,
    pub planned: Seen,
    pub resumed: Seen,
    pub aborted: Seen,
    pub status: StatusReport,
    files: BTreeMap<String, Vec<u8>>,
}

impl Stage {
    pub async fn new() -> Self {
        let world = World::fast().await;
        put(&world, &[("a.json", item("a", "first")), ("b.json", item("b", "first"))]).await;
        let second = put(&world, &[("a.json", item("a", "second"))]).await;
        world.label_document("b.json", "restricted").await;
        let third = put(&world, &[("c.json", item("c", "third"))]).await;
        let undo = kfm_rollback::ExecuteRequest::new(PlanTarget::Publish(third), "it was wrong");
        let undone = world.open().await.execute(undo).await.unwrap();
        let rollback = undone.rollback_id.unwrap().to_string();
        world.open().await.revert(&rollback, "it was right").await.unwrap();
        let stopped = interrupted(&world, "d.json").await;
        world.open().await.publish_resume(&stopped, true).await.unwrap();
        let roles = ["reviewer".to_owned(), "council".to_owned()];
        let (_, key) = world.open().await.principal_add("maria", &roles, None).await.unwrap();
        let cancelled = world.open().await.plan(PlanRequest::new(&*second)).await.unwrap().plan_id;
        world.open().await.plan_cancel(&cancelled.to_string(), "not now").await.unwrap();
        let plan_id = world.open().await.plan(PlanRequest::new(&*second)).await.unwrap().plan_id.to_string();
        let maria = world.open_as("maria").await;
        maria.approve(&plan_id, "maria", "reviewer", &key.unwrap(), None).await.unwrap();
        world.open().await.publish_resume("latest", false).await.unwrap_err();
        let open = interrupted(&world, "e.json").await;

        let wal = log_of(&world.open().await).await;
        let entries = wal.entries_from(Lsn(1)).await.unwrap();
        drop(wal);
        let records: Vec<Record> = entries.iter().map(|entry| entry.record.clone()).collect();
        let values = records.iter().map(|record| serde_json::to_value(record).unwrap()).collect();
        let mut stage = Self {
            files: documents_below(world.root()),
            prior: seen(&world).await,
            status: world.open().await.status().await.unwrap(),
            planned: Seen::new(),
            resumed: Seen::new(),
            aborted: Seen::new(),
            world,
            plan_id,
            rollback,
            open,
            records,
            values,
        };
        stage.world.open().await.execute(execute(&stage.plan_id)).await.unwrap();
        stage.planned = seen(&stage.world).await;
        stage.restore(&[""]);
        stage.world.open().await.publish_resume(&stage.open, false).await.unwrap();
        stage.resumed = seen(&stage.world).await;
        stage.restore(&[""]);
        stage.world.open().await.publish_resume(&stage.open, true).await.unwrap();
        stage.aborted = seen(&stage.world).await;
        stage.restore(&[""]);
        assert_eq!(seen(&stage.world).await, stage.prior);
        stage
    }

    /// Puts folders and files below the root back to what they were, as from a backup; the empty name is all of it.
    pub fn restore(&self, what: &[&str]) {
        let is_of_it = |path: &str| {
            what.iter().any(|what| {
                path.strip_prefix(what)
                    .is_some_and(|rest| what.is_empty() || rest.is_empty() || rest.starts_with('/'))
            })
        };
        let now = documents_below(self.world.root());
        for path in now.keys().filter(|path| is_of_it(path) && !self.files.contains_key(*path)) {
            std::fs::remove_file(self.world.root().join(path)).unwrap();
        }
        for (path, bytes) in self.files.iter().filter(|(path, _)| is_of_it(path)) {
            if now.get(path) != Some(bytes) {
                let path = self.world.root().join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, bytes).unwrap();
            }
        }
    }

    /// The file of the rollback's manifest.
    pub fn manifest(&self) -> PathBuf {
        self.world.root().join(".kfm/manifests").join(format!("{}.json", self.rollback))
    }

    /// Asserts that every cell holds what it held, or what the plan or the end of what is open gives it, or nothing
    /// where something may have been hidden.
    pub async fn assert_no_act(&self, may_hide: bool, why: &(dyn Fn() -> String + Sync)) -> Seen {
        let now = seen(&self.world).await;
        let keys = now.keys().chain(self.prior.keys());
        for key in keys {
            let held = now.get(key);
            let known = [&self.prior, &self.planned, &self.resumed, &self.aborted];
            let is_known = known.iter().any(|seen| seen.get(key) == held);
            // What shows documents is made anew from them.
            let is_derived = key.0 != "catalog";
            assert!(is_known || is_derived || (may_hide && held.is_none()), "{key:?} moved: {}", why());
        }
        now
    }
}

/// Begins a publish of one document, and stops it once its first batch of steps is made.
async fn interrupted(world: &World, path: &str) -> String {
    let mut publish = world.open_stopping().await.begin_publish("stopped".parse().unwrap()).await.unwrap();
    let mut document = item(path, "stopped");
    // Of a collection of its own, so that it keeps no other's alias.
    document["collection"] = path.into();
    publish.put(path, document.to_string().into_bytes()).unwrap();
    match publish.complete().await.unwrap_err() {
        Error::Unfinished { operation, .. } => operation.to_string(),
        other => panic!("{other}"),
    }
}

/// Reads every store whole.
pub async fn seen(world: &World) -> Seen {
    let mut seen = Seen::new();
    for store in world.open().await.stores() {
        for key in store.keys().await.unwrap() {
            if let Some(bytes) = store.content(&key).await.unwrap() {
                seen.insert((store.name().to_owned(), key), bytes.to_vec());
            }
        }
    }
    seen
}

/// Lists the folder of a platform's snapshots.
pub fn snapshots(root: &Path) -> PathBuf {
    root.join(".kfm/snapshots")
}
