//! JSON Schemas (2020-12) of durable forms, generated from the types that write them (R96).
//!
//! Each crate that has durable forms lists them in a function `schema::schemas()`; `kfm schemas --out schemas`
//! writes them all, and a test compares the committed files with what the types say.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

/// Where schemas are identified; an identifier, nothing is served there.
const NAMESPACE: &str = "https://github.com/bartytime4life/Kansas-Frontier-Matrix/schemas";

/// A schema and the file that holds it, below the folder `schemas/`.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaFile {
    /// The file's path below `schemas/`.
    pub path: String,
    /// The schema.
    pub schema: Schema,
}

impl SchemaFile {
    /// Makes the schema of what `T` writes.
    pub fn of<T: JsonSchema>(path: impl Into<String>) -> Self {
        let schema =
            SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>();
        Self::named(path.into(), schema)
    }

    /// Makes the schema of what `T` reads: for files that people write, where defaults may be left out.
    pub fn of_input<T: JsonSchema>(path: impl Into<String>) -> Self {
        let schema =
            SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<T>();
        Self::named(path.into(), schema)
    }

    fn named(path: String, mut schema: Schema) -> Self {
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
