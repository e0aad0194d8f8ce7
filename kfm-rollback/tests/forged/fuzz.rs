//! Durable forms that are mutated by their structure, from a seed: no panic, no act, and every platform lives on.
//!
//! `KFM_FORGED_SEED` and `KFM_FORGED_COUNT` choose another walk and a longer one; `.ci/long` does.

use std::collections::BTreeMap;
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

/// Forgeries in a test run; each form gets its share.
const COUNT: u64 = 100_000;

/// Of a thousand forgeries, how many are shown to a whole platform.
const WHOLE_PER_MILLE: u64 = 2;

/// Numbers from a seed (splitmix64).
pub struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

#[allow(clippy::disallowed_methods, reason = "a test is run with a seed of its own")]
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn chance(form: &str) -> Chance {
    let seed = setting("KFM_FORGED_SEED", 13);
    println!("{form}: KFM_FORGED_SEED={seed}");
    Chance(seed)
}

fn count(share: u64) -> u64 {
    setting("KFM_FORGED_COUNT", COUNT) * share / 100
}

/// Changes a value in one place or a few, so that it is mostly still what it was.
fn mutated(chance: &mut Chance, value: &Value) -> Value {
    let mut value = value.clone();
    for _ in 0..=chance.below(3) {
        let paths = paths_of(&value);
        let (from, to) = (chance.of(&paths).clone(), chance.of(&paths).clone());
        let replacement = match chance.below(12) {
            0 => Value::Null,
            1 => json!(chance.of(&[0, 1, u64::MAX, i64::MAX as u64, 1 << 53, (1 << 53) + 1])),
            2 => json!(chance.of(&[-1, i64::MIN])),
            3 => json!(chance.of(&[0.5, 1e308, -0.0])),
            4 => json!(chance.of(&["", ".", "../a", "a\u{0}b", "\u{202e}", "a\\b", "x/y.json"])),
            5 => json!("x".repeat(*chance.of(&[300, 70_000]))),
            6 => (0..*chance.of(&[3, 120, 130])).fold(json!(1), |value, _| json!([value])),
            7 => json!({}),
            8 => json!([]),
            9 => chance.of(&words()).clone(),
            // A part of it in another place.
            _ => value.pointer(&from).cloned().unwrap_or_default(),
        };
        match to.rsplit_once('/') {
            Some((above, name)) if chance.below(4) == 0 => remove(&mut value, above, name),
            _ => {
                if let Some(place) = value.pointer_mut(&to) {
                    *place = replacement;
                }
            }
        }
    }
    value
}

/// What stands in durable forms, and could stand elsewhere in them.
fn words() -> Vec<Value> {
    let digest = |byte: &str| json!(format!("sha256:{}", byte.repeat(32)));
    vec![
        json!("pub_2027_01_01T00_00_00Z_evil"),
        json!("rb_2027_01_01T00_00_00Z_evil"),
        json!("hf_2027_01_01T00_00_00Z_stac_x"),
        json!("rollback"),
        json!("revert"),
        json!("hotfix"),
        json!("adopt"),
        json!("completed"),
        json!("aborted"),
        json!("backward"),
        json!("9999-12-31T23:59:59Z"),
        json!("-009999-01-02T01:59:59Z"),
        digest("00"),
        digest("ff"),
        json!(true),
    ]
}

fn remove(value: &mut Value, above: &str, name: &str) {
    match value.pointer_mut(above) {
        Some(Value::Object(members)) => {
            members.remove(name);
        }
        Some(Value::Array(items)) => {
            items.pop();
        }
        _ => {}
    }
}

/// The JSON pointers of all parts of a value.
fn paths_of(value: &Value) -> Vec<String> {
    let mut paths = vec![String::new()];
    let mut at = 0;
    while let Some(path) = paths.get(at).cloned() {
        match value.pointer(&path) {
            Some(Value::Object(members)) => {
                let escaped = members.keys().map(|key| key.replace('~', "~0").replace('/', "~1"));
                paths.extend(escaped.map(|key| format!("{path}/{key}")));
            }
            Some(Value::Array(items)) => paths.extend((0..items.len().min(4)).map(|n| format!("{path}/{n}"))),
            _ => {}
        }
        at += 1;
    }
    paths
}

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

#[tokio::test]
async fn forged_records_are_folded_or_refused_and_end_no_process() {
    let mut chance = chance("records");
    let (versions, records) = real_records().await;
    let values: Vec<Value> = records.iter().map(|record| serde_json::to_value(record).unwrap()).collect();
    let (mut read, mut folded) = (0, 0);
    for _ in 0..count(25) {
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
    println!("records: read as records {read}, folded {folded}");
    assert!(read > 100 && folded > 100, "mostly they are still what they were: {read} {folded}");
}

#[tokio::test]
async fn forged_plans_are_no_plans() {
    let mut chance = chance("plans");
    let (world, _, plan) = planned().await;
    let before = world.documents();
    let (mut read, mut refused) = (0, BTreeMap::new());
    for n in 0..count(35) {
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
        assert!([2, 6].contains(&error.exit_code()), "{error}");
        *refused.entry(error.exit_code()).or_insert(0) += 1;
        assert!(world.open().await.status().await.unwrap().open.is_empty());
    }
    assert_eq!(world.documents(), before, "nothing moved");
    put(&world, &[("b.json", item("b", "it lives on"))]).await;
    println!("plans: read as plans {read}, put before a platform and refused {refused:?}");
}

#[tokio::test]
async fn forged_manifests_and_registries_end_no_process() {
    let mut chance = chance("manifests and registries");
    let (world, _, plan) = planned().await;
    let done = world.open().await.execute(execute(plan["plan_id"].as_str().unwrap())).await.unwrap();
    let id = done.rollback_id.unwrap();
    let verified = world.open().await.verify(id.as_str()).await.unwrap();
    assert!(verified.ok, "{verified:?}");
    let manifest = std::fs::read(manifest_of(&world)).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    for _ in 0..count(15) {
        let bytes = serde_json::to_vec(&mutated(&mut chance, &manifest)).unwrap();
        let _ = serde_json::from_slice::<RollbackManifest>(&bytes);
        let _ = serde_json::from_slice::<HotfixManifest>(&bytes);
        let _ = DocumentFacts::project(&bytes);
    }
    let label = json!({"entity": "a.json", "care": "restricted", "authority": "A", "reason": "r",
        "review_by": "2030-01-01", "masking": "no_geometry", "heritage": true});
    let withdrawn = json!({"under": "a/", "authority": "A", "reason": "r"});
    let principal = json!({"name": "ada", "roles": ["reviewer"], "public_key": "00".repeat(32)});
    let mut loaded = 0;
    for _ in 0..count(25) {
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
    println!("registries: loaded {loaded}");
}

fn manifest_of(world: &crate::support::World) -> std::path::PathBuf {
    let folder = world.root().join(".kfm/manifests");
    let entry = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    entry.path()
}
