//! JSON Schemas of the log's records and of its export (R96).

use kfm_lineage::Step;
use kfm_lineage::schema::SchemaFile;

use crate::export::ExportLine;
use crate::record::{Derivative, Record};

/// Returns every schema of this crate, in the order of their files.
pub fn schemas() -> Vec<SchemaFile> {
    vec![
        SchemaFile::of::<Derivative>("wal/derivative-v1.json"),
        SchemaFile::of::<ExportLine>("wal/export-line-v1.json"),
        SchemaFile::of::<Step>("wal/move-v1.json"),
        SchemaFile::of::<Record>("wal/record-v1.json"),
    ]
}
