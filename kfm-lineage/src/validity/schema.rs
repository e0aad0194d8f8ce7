//! The JSON schemas of STAC 1.0 and 1.1, as they were published, with the schemas that they refer to; no
//! network is used.

use std::sync::LazyLock;

use jsonschema::{Registry, Validator};
use serde_json::Value;

use super::fault::Faults;
use crate::digest::Digest;

macro_rules! schemas {
    ($($uri:literal => $file:literal,)*) => {
        /// The schemas by their addresses.
        const SCHEMAS: &[(&str, &str)] = &[
            $(($uri, include_str!(concat!("../../stac-schemas/", $file))),)*
        ];
    };
}

schemas! {
    "http://json-schema.org/draft-07/schema" => "json-schema/draft-07.json",
    "https://geojson.org/schema/Feature.json" => "geojson/Feature.json",
    "https://geojson.org/schema/Geometry.json" => "geojson/Geometry.json",
    "https://schemas.stacspec.org/v1.0.0/catalog-spec/json-schema/catalog.json" => "v1.0.0/catalog.json",
    "https://schemas.stacspec.org/v1.0.0/collection-spec/json-schema/collection.json" => "v1.0.0/collection.json",
    "https://schemas.stacspec.org/v1.0.0/item-spec/json-schema/basics.json" => "v1.0.0/basics.json",
    "https://schemas.stacspec.org/v1.0.0/item-spec/json-schema/datetime.json" => "v1.0.0/datetime.json",
    "https://schemas.stacspec.org/v1.0.0/item-spec/json-schema/instrument.json" => "v1.0.0/instrument.json",
    "https://schemas.stacspec.org/v1.0.0/item-spec/json-schema/item.json" => "v1.0.0/item.json",
    "https://schemas.stacspec.org/v1.0.0/item-spec/json-schema/licensing.json" => "v1.0.0/licensing.json",
    "https://schemas.stacspec.org/v1.0.0/item-spec/json-schema/provider.json" => "v1.0.0/provider.json",
    "https://schemas.stacspec.org/v1.1.0/catalog-spec/json-schema/catalog.json" => "v1.1.0/catalog.json",
    "https://schemas.stacspec.org/v1.1.0/collection-spec/json-schema/collection.json" => "v1.1.0/collection.json",
    "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/bands.json" => "v1.1.0/bands.json",
    "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/basics.json" => "v1.1.0/basics.json",
    "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/common.json" => "v1.1.0/common.json",
    "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/data-values.json" => "v1.1.0/data-values.json",
    "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/datetime.json" => "v1.1.0/datetime.json",
    "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/instrument.json" => "v1.1.0/instrument.json",
    "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json" => "v1.1.0/item.json",
    "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/licensing.json" => "v1.1.0/licensing.json",
    "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/provider.json" => "v1.1.0/provider.json",
}

/// The schemas of one version of STAC.
struct Version {
    item: Validator,
    collection: Validator,
    catalog: Validator,
}

static V1_0: LazyLock<Version> = LazyLock::new(|| Version::of("v1.0.0"));
static V1_1: LazyLock<Version> = LazyLock::new(|| Version::of("v1.1.0"));

impl Version {
    /// # Panics
    /// Never in a build whose tests pass: the schemas are part of this crate, and a test compiles each of
    /// them.
    fn of(version: &str) -> Self {
        let mut builder = Registry::new();
        for (uri, text) in SCHEMAS {
            let schema: Value = serde_json::from_str(text).expect("a schema of ours is JSON");
            builder = builder.add(*uri, schema).expect("a schema of ours has an address");
        }
        let registry = builder.prepare().expect("the schemas refer to each other only");
        let of = |kind: &str| {
            let uri = format!("https://schemas.stacspec.org/{version}/{kind}-spec/json-schema/{kind}.json");
            jsonschema::options()
                .with_registry(&registry)
                .offline()
                .should_validate_formats(true)
                .build(
                    &serde_json::json!({ "$schema": "http://json-schema.org/draft-07/schema#", "$ref": uri }),
                )
                .expect("the schemas are sound")
        };
        Self { item: of("item"), collection: of("collection"), catalog: of("catalog") }
    }
}

/// Checks a document by the schema of its kind and version; versions before 1.0 have no schema here.
pub(super) fn look(document: &Value, kind: &str, faults: &mut Faults) {
    let stated = document.get("stac_version").and_then(Value::as_str).unwrap_or_default();
    let version = match stated {
        _ if stated.starts_with("1.0.") => &V1_0,
        _ if stated.starts_with("1.1.") => &V1_1,
        _ => return,
    };
    let validator = match kind {
        "Feature" => &version.item,
        "Collection" => &version.collection,
        _ => &version.catalog,
    };
    for error in validator.iter_errors(document) {
        faults.note(
            error.instance_path().as_str(),
            format!("is not as its schema says ({})", error.kind().keyword()),
        );
    }
}

/// Returns the digest of all schemas.
pub(super) fn digest() -> Digest {
    let all: Vec<u8> =
        SCHEMAS.iter().flat_map(|(uri, text)| [uri.as_bytes(), text.as_bytes()].concat()).collect();
    Digest::of_bytes(&all)
}
