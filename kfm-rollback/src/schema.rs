//! JSON Schemas of plans, manifests and `kfm.toml` (R96).
//!
//! The answers of the command are made of the types in [`crate::report`]; the command has their schemas.

use kfm_lineage::schema::SchemaFile;
use serde_json::json;

use crate::kind::{Kinds, StoreKind};
use crate::manifest::{HotfixManifest, RollbackManifest};
use crate::plan::{Plan, PlanStep};
use crate::platform::{Settings, built_in_kinds};
use crate::report::SkippedLine;

/// Returns every schema of this crate, in the order of their files.
pub fn schemas() -> Vec<SchemaFile> {
    vec![
        SchemaFile::of::<HotfixManifest>("manifest/hotfix-v1.json"),
        SchemaFile::of::<RollbackManifest>("manifest/rollback-v1.json"),
        SchemaFile::of::<Plan>("plan/plan-v1.json"),
        SchemaFile::of::<SkippedLine>("plan/skipped-v1.json"),
        SchemaFile::of::<PlanStep>("plan/step-v1.json"),
        kfm_toml(&built_in_kinds()),
    ]
}

/// Returns the schema of a `kfm.toml` whose stores are of these kinds, with the keys that each kind has.
pub(crate) fn kfm_toml(kinds: &Kinds) -> SchemaFile {
    let mut file = SchemaFile::of_input::<Settings>("platform/kfm-toml-v1.json");
    let keys = file.schema.pointer_mut("/$defs/StoreSettings/properties");
    let keys = keys.and_then(serde_json::Value::as_object_mut).expect("a store's table has keys");
    for key in kinds.iter().flat_map(StoreKind::keys) {
        let mut said = json!({ "description": key.about });
        if !key.values.is_empty() {
            said["enum"] = json!(key.values);
        }
        keys.insert(key.name.to_owned(), said);
    }
    file
}
