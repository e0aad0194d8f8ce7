//! JSON Schemas of plans, manifests and `kfm.toml` (R96).
//!
//! The answers of the command are made of the types in [`crate::report`]; the command has their schemas.

use kfm_lineage::schema::SchemaFile;
use serde_json::json;

use crate::kind::{Key, Kinds, StoreKind};
use crate::manifest::{HotfixManifest, RollbackManifest};
use crate::plan::{Plan, PlanStep};
use crate::platform::Settings;
use crate::report::SkippedLine;

/// Returns every schema of this crate, in the order of their files; that of `kfm.toml` for stores of these kinds.
pub fn schemas(kinds: &Kinds) -> Vec<SchemaFile> {
    vec![
        SchemaFile::of::<HotfixManifest>("manifest/hotfix-v1.json"),
        SchemaFile::of::<RollbackManifest>("manifest/rollback-v1.json"),
        SchemaFile::of::<Plan>("plan/plan-v1.json"),
        SchemaFile::of::<SkippedLine>("plan/skipped-v1.json"),
        SchemaFile::of::<PlanStep>("plan/step-v1.json"),
        kfm_toml(kinds),
    ]
}

/// Returns the schema of a `kfm.toml` whose stores are of these kinds, with the keys that each kind has. A key that
/// several kinds have is described by each of them, and may have what one of them takes.
fn kfm_toml(kinds: &Kinds) -> SchemaFile {
    let mut file = SchemaFile::of_input::<Settings>("platform/kfm-toml-v1.json");
    let keys = file.schema.pointer_mut("/$defs/StoreSettings/properties");
    let keys = keys.and_then(serde_json::Value::as_object_mut).expect("a store's table has keys");
    // Kinds of one adapter have the same keys.
    let mut described: Vec<&Key> = Vec::new();
    for key in kinds.iter().flat_map(StoreKind::keys) {
        if described.contains(&key) {
            continue;
        }
        described.push(key);
        let said = keys.entry(key.name).or_insert_with(|| json!({ "description": "", "enum": [] }));
        let about = match said["description"].as_str() {
            Some(before) if !before.is_empty() => format!("{before}\n{}", key.about),
            _ => key.about.to_owned(),
        };
        said["description"] = json!(about);
        match said["enum"].as_array_mut() {
            Some(values) if !key.values.is_empty() => {
                for value in key.values.iter().map(|value| json!(value)) {
                    if !values.contains(&value) {
                        values.push(value);
                    }
                }
            }
            _ => drop(said.as_object_mut().and_then(|said| said.remove("enum"))),
        }
    }
    file
}
