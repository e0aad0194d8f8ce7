//! JSON Schemas (2020-12) of what this crate writes, generated from the types (R96).
//!
//! A test compares the committed files with these. After an intended change, write them again with
//! `kfm schemas --out schemas` and commit the difference.

use kfm_lineage::schema::SchemaFile;

use crate::alert::AlertRecord;
use crate::focus::FocusTelemetry;
use crate::ledger::{LedgerEntry, LedgerView};
use crate::record::OperationRecord;
use crate::slo::SloReport;

/// Returns every schema of this crate, in the order of their files.
pub fn schemas() -> Vec<SchemaFile> {
    vec![
        SchemaFile::of::<LedgerEntry>("ledger/entry-v1.json"),
        SchemaFile::of::<LedgerView>("ledger/ledger-v1.json"),
        SchemaFile::of::<AlertRecord>("telemetry/alerts-v1.json"),
        SchemaFile::of::<FocusTelemetry>("telemetry/focus-telemetry-v1.json"),
        SchemaFile::of::<OperationRecord>("telemetry/pipelines-operations-v1.json"),
        SchemaFile::of::<SloReport>("telemetry/slo-v1.json"),
    ]
}
