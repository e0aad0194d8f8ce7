//! JSON Schemas (2020-12) of policies and stage states, generated from the types (R96).
//!
//! A test compares the committed files with these. After an intended change, write them again with
//! `cargo run -p kfm-retry --all-features --example write_schemas` and commit the difference.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::breaker::BreakerPolicy;
use crate::policy::Policy;

/// The beginning of every schema's `$id`. It is an identifier; no schema is served there.
const NAMESPACE: &str = "https://github.com/bartytime4life/Kansas-Frontier-Matrix/schemas";

/// A schema and the file that holds it, below the folder `schemas/`.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaFile {
    /// The file's path below `schemas/`.
    pub path: &'static str,
    /// The schema, as JSON.
    pub schema: Schema,
}

impl SchemaFile {
    fn of<T: JsonSchema>(path: &'static str) -> Self {
        let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
        schema.insert("$id".to_owned(), format!("{NAMESPACE}/{path}").into());
        Self { path, schema }
    }
}

/// Returns every schema of this crate, in the order of their files.
pub fn schemas() -> Vec<SchemaFile> {
    vec![
        SchemaFile::of::<BreakerPolicy>("retry/breaker-policy-v1.json"),
        SchemaFile::of::<Policy>("retry/policy-v1.json"),
        #[cfg(feature = "stage")]
        SchemaFile::of::<crate::stage::StageState>("retry/stage-state-v1.json"),
    ]
}
