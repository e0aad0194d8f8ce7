//! JSON Schemas of the registries' entries, of approvals and of decisions (R96).

use kfm_lineage::schema::SchemaFile;

use crate::approval::Approval;
use crate::decision::Decision;
use crate::registry::RegistryEntry;

/// Returns every schema of this crate, in the order of their files.
pub fn schemas() -> Vec<SchemaFile> {
    vec![
        SchemaFile::of::<Approval>("policy/approval-v1.json"),
        SchemaFile::of::<Decision>("policy/decision-v1.json"),
        SchemaFile::of::<RegistryEntry>("policy/registry-entry-v1.json"),
    ]
}
