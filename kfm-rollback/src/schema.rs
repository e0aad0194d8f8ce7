//! JSON Schemas of plans, manifests, `kfm.toml` and the embedded stores' records (R96).
//!
//! The answers of commands with `--json` are made of the types in [`crate::report`]; the command has their schemas.

use kfm_lineage::schema::SchemaFile;

use crate::embedded::record::CellBatch;
use crate::manifest::{HotfixManifest, RollbackManifest};
use crate::plan::{Plan, PlanStep};
use crate::platform::Settings;
use crate::report::SkippedLine;

/// Returns every schema of this crate, in the order of their files.
pub fn schemas() -> Vec<SchemaFile> {
    vec![
        SchemaFile::of::<CellBatch>("embedded/cell-batch-v1.json"),
        SchemaFile::of::<HotfixManifest>("manifest/hotfix-v1.json"),
        SchemaFile::of::<RollbackManifest>("manifest/rollback-v1.json"),
        SchemaFile::of::<Plan>("plan/plan-v1.json"),
        SchemaFile::of::<SkippedLine>("plan/skipped-v1.json"),
        SchemaFile::of::<PlanStep>("plan/step-v1.json"),
        SchemaFile::of_input::<Settings>("platform/kfm-toml-v1.json"),
    ]
}
