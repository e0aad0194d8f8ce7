//! JSON Schemas (2020-12) of durable forms, generated from the types that write them (R96).
//!
//! Each crate with durable forms lists them in a function `schema::schemas()`. `kfm schemas --out schemas`
//! writes them all, and a test compares the committed files with the types.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

/// The beginning of every schema's `$id`. It is an identifier; no schema is served there.
const NAMESPACE: &str = "https://github.com/bartytime4life/Kansas-Frontier-Matrix/schemas";

/// A schema and the file that holds it, below the folder `schemas/`.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaFile {
    /// The file's path below `schemas/`.
    pub path: String,
    /// The schema, as JSON.
    pub schema: Schema,
}

impl SchemaFile {
    /// Makes the schema of what `T` writes.
    pub fn of<T: JsonSchema>(path: impl Into<String>) -> Self {
        let schema =
            SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>();
        Self::named(path.into(), schema)
    }

    /// Makes the schema of what `T` reads: for files that people write, which may leave out defaults.
    pub fn of_input<T: JsonSchema>(path: impl Into<String>) -> Self {
        let schema =
            SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<T>();
        Self::named(path.into(), schema)
    }

    fn named(path: String, mut schema: Schema) -> Self {
        schema.insert("$id".to_owned(), format!("{NAMESPACE}/{path}").into());
        Self { path, schema }
    }

    /// Returns the text of the file.
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(&self.schema).expect("a schema is JSON");
        text.push('\n');
        text
    }
}
