//! Durable forms mutated by structure, from a seed, in memory: 0 panics; and a plan that was changed is none.

use std::sync::Arc;
use std::time::SystemTime;

use kfm_lineage::{DocumentFacts, canonical_json};
use kfm_policy::{LabelRegistry, Principals};
use kfm_retry::ManualClock;
use kfm_rollback::blob::ObjectBlobs;
use kfm_rollback::history::History;
use kfm_rollback::manifest::{HotfixManifest, RollbackManifest};
use kfm_rollback::plan::Plan;
use kfm_rollback::versions::VersionStore;
use kfm_wal::record::Record;
use kfm_wal::{MemoryLog, Wal};
use serde_json::{Value, json};

use crate::forge::{execute, item, laid, log_of, named, planned, put};
use crate::mutate::{Chance, mutated};
use crate::walk::{Counts, counted};

/// Of a thousand forgeries, how many are shown to a whole platform.
const WHOLE_PER_MILLE: u64 = 2;

/// What a platform with a publish, a rollback and a hotfix's worth of records has in its log.
async fn real_records() -> (VersionStore, Vec<Record>) {
    let (world, _, plan) = planned().await;
    world.open().await.execute(execute(plan["plan_id"].as_str().unwrap())).await.unwrap();
    let platform = world.open().await;
    let wal = log_of(&platform).await;
    let entries = wal.entries_from(kfm_wal::Lsn(1)).await.unwrap();
    let records: Vec<Record> = entries.iter().map(|entry| entry.record.clone()).collect();
    // The segments that they name, in memory.
    let versions = VersionStore::new(Arc::new(ObjectBlobs::in_memory()));
    for (_, bytes) in crate::support::documents_below(&world.root().join(".kfm/versions")) {
        let bytes = bytes::Bytes::from(bytes);
        versions.put(vec![(kfm_lineage::Digest::of_bytes(&bytes), bytes)]).await.unwrap();
    }
    (versions, records)
}

/// Records of a real log, each forged in its place or behind it: folded, or refused.
pub async fn records(seed: u64, count: u64) -> Counts {
    let mut chance = Chance::of_seed(seed);
    let (versions, records) = real_records().await;
    let values: Vec<Value> = records.iter().map(|record| serde_json::to_value(record).unwrap()).collect();
    let (mut read, mut folded) = (0, 0);
    for _ in 0..count {
        let at = chance.below(records.len());
        let Ok(forged) = serde_json::from_value::<Record>(mutated(&mut chance, &values[at])) else {
            continue;
        };
        read += 1;
        // In the place of the real one, or behind it; what comes later matters little.
        let mut log = records[..(at + 3).min(records.len())].to_vec();
        if chance.below(2) == 0 {
            log[at] = forged;
        } else {
            log.insert(at + 1, forged);
        }
        let wal = Wal::open(Arc::new(MemoryLog::new()), Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH)));
        let wal = wal.await.unwrap();
        let mut is_appended = true;
        for record in log {
            is_appended &= wal.append(record).await.is_ok();
        }
        let Ok(history) = History::fold(&wal, &versions).await else { continue };
        folded += u64::from(is_appended);
        for operation in history.operations() {
            let _ = (operation.misfit(), operation.status(false), operation.journal.done());
            let _ = history.stands(&operation.id);
        }
    }
    counted("records", &[("forged", count), ("read", read), ("folded", folded)])
}

/// Plans, read as they are, and some put before the platform that made the real one.
pub async fn plans(seed: u64, count: u64) -> Counts {
    let mut chance = Chance::of_seed(seed);
    let (world, _, plan) = planned().await;
    let before = world.documents();
    let (mut read, mut refused) = (0, 0);
    for n in 0..count {
        let forged = mutated(&mut chance, &plan);
        if forged == plan {
            continue;
        }
        let text = serde_json::to_vec(&forged).unwrap();
        read += u64::from(serde_json::from_slice::<Plan>(&text).is_ok());
        if n * WHOLE_PER_MILLE % 1_000 >= WHOLE_PER_MILLE {
            continue;
        }
        // Named anew, where it has the parts of a plan: then its digests fit.
        let is_plan = forged["content"].is_object() && canonical_json(&forged).is_ok();
        let file = if is_plan {
            let forged = named(forged);
            if forged == plan {
                continue;
            }
            laid(&world, &forged)
        } else {
            std::fs::write(world.root().join("forged.json"), &text).unwrap();
            world.root().join("forged.json").display().to_string()
        };
        let error = world.open_as("executor").await.execute(execute(&file)).await.unwrap_err();
        assert!(["invalid", "conflict"].contains(&error.kind()), "{error:?}");
        refused += 1;
        assert!(world.open().await.status().await.unwrap().open.is_empty());
    }
    assert_eq!(world.documents(), before, "nothing moved");
    put(&world, &[("b.json", item("b", "it lives on"))]).await;
    counted("plans", &[("forged", count), ("read", read), ("put before a platform and refused", refused)])
}

/// The manifest of a rollback, read as any form that it could be taken for.
pub async fn manifests(seed: u64, count: u64) -> Counts {
    let mut chance = Chance::of_seed(seed);
    let (world, _, plan) = planned().await;
    let done = world.open().await.execute(execute(plan["plan_id"].as_str().unwrap())).await.unwrap();
    let id = done.rollback_id.unwrap();
    let verified = world.open().await.verify(id.as_str()).await.unwrap();
    assert!(verified.ok, "{verified:?}");
    let manifest = std::fs::read(manifest_of(&world)).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    for _ in 0..count {
        let bytes = serde_json::to_vec(&mutated(&mut chance, &manifest)).unwrap();
        let _ = serde_json::from_slice::<RollbackManifest>(&bytes);
        let _ = serde_json::from_slice::<HotfixManifest>(&bytes);
        let _ = DocumentFacts::project(&bytes);
    }
    counted("manifests", &[("forged", count)])
}

/// Files of the policy, and entries as the log has them.
pub async fn registries(seed: u64, count: u64) -> Counts {
    let mut chance = Chance::of_seed(seed);
    let label = json!({"entity": "a.json", "care": "restricted", "authority": "A", "reason": "r",
        "review_by": "2030-01-01", "masking": "no_geometry", "heritage": true});
    let withdrawn = json!({"under": "a/", "authority": "A", "reason": "r"});
    let principal = json!({"name": "ada", "roles": ["reviewer"], "public_key": "00".repeat(32)});
    let mut loaded = 0;
    for _ in 0..count {
        let toml = |name: &str, entry: Value| toml::to_string(&json!({ name: [entry] })).ok();
        let labels = toml("label", mutated(&mut chance, &label));
        let suppressions = toml("suppression", mutated(&mut chance, &withdrawn));
        let principals = toml("principal", mutated(&mut chance, &principal));
        let in_force = [mutated(&mut chance, &label)];
        loaded += u64::from(LabelRegistry::load(labels.as_deref(), None, &[]).is_ok());
        let _ = LabelRegistry::load(None, suppressions.as_deref(), &[]);
        let _ = LabelRegistry::load(None, None, &in_force);
        let _ = principals.map(|text| Principals::load(Some(&text)));
    }
    counted("registries", &[("forged", count), ("loaded", loaded)])
}

fn manifest_of(world: &crate::support::World) -> std::path::PathBuf {
    let folder = world.root().join(".kfm/manifests");
    let entry = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    entry.path()
}
