//! JSON Schemas (2020-12) of what this crate writes, generated from the types (R96).
//!
//! The committed files are compared with these in a test. After a change that is meant, write them anew with
//! `cargo run -p kfm-telemetry --example write_schemas` and commit what differs.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::alert::AlertRecord;
use crate::focus::FocusTelemetry;
use crate::ledger::{LedgerEntry, LedgerView};
use crate::record::OperationRecord;
use crate::slo::SloReport;

/// Where schemas are identified; an identifier, nothing is served there.
const NAMESPACE: &str = "https://github.com/bartytime4life/Kansas-Frontier-Matrix/schemas";

/// A schema and the file that holds it, below the folder `schemas/`.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaFile {
    /// The file's path below `schemas/`.
    pub path: &'static str,
    /// The schema.
    pub schema: Schema,
}

impl SchemaFile {
    fn of<T: JsonSchema>(path: &'static str) -> Self {
        let mut schema =
            SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>();
        schema.insert("$id".to_owned(), format!("{NAMESPACE}/{path}").into());
        Self { path, schema }
    }

    /// Returns the file's text.
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(&self.schema).expect("a schema is JSON");
        text.push('\n');
        text
    }
}

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
