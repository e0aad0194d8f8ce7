//! The shape that STAC requires of a document (VER-schema), as far as members and their types go.
//!
//! A part of the core schemas of STAC 1.0 and 1.1, read from the specification; extension schemas are not
//! looked at. A fault names the member and never its value, which may be what must not be told.

use serde_json::{Map, Value};

use super::DocumentKind;

/// One thing that STAC requires and the document does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShapeFault {
    /// The member, as a JSON pointer.
    pub pointer: &'static str,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a member.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// It is required and not there.
    Missing,
    /// It is there with a value of another type.
    WrongType,
}

type Accepts = fn(&Value) -> bool;

const TEXT: Accepts = Value::is_string;
const ARRAY: Accepts = Value::is_array;
const OBJECT: Accepts = Value::is_object;
const OBJECT_OR_NULL: Accepts = |value| value.is_object() || value.is_null();
const TEXT_OR_NULL: Accepts = |value| value.is_string() || value.is_null();

const ITEM: [(&str, Accepts); 8] = [
    ("/stac_version", TEXT),
    ("/id", TEXT),
    ("/geometry", OBJECT_OR_NULL),
    ("/properties", OBJECT),
    ("/properties/datetime", TEXT_OR_NULL),
    ("/links", ARRAY),
    ("/assets", OBJECT),
    ("/type", TEXT),
];
const CATALOG: [(&str, Accepts); 4] =
    [("/stac_version", TEXT), ("/id", TEXT), ("/description", TEXT), ("/links", ARRAY)];
const COLLECTION: [(&str, Accepts); 7] = [
    ("/stac_version", TEXT),
    ("/id", TEXT),
    ("/description", TEXT),
    ("/license", TEXT),
    ("/extent/spatial/bbox", ARRAY),
    ("/extent/temporal/interval", ARRAY),
    ("/links", ARRAY),
];

/// Lists what the document's kind requires and it lacks; of other kinds nothing is required.
pub(super) fn faults(kind: DocumentKind, document: &Map<String, Value>) -> Vec<ShapeFault> {
    let required: &[(&'static str, Accepts)] = match kind {
        DocumentKind::Item => &ITEM,
        DocumentKind::Collection => &COLLECTION,
        DocumentKind::Catalog => &CATALOG,
        DocumentKind::Other | DocumentKind::NotJson => return Vec::new(),
    };
    let mut faults: Vec<ShapeFault> = required
        .iter()
        .filter_map(|&(pointer, accepts)| {
            let fault = match at(document, pointer) {
                None => Fault::Missing,
                Some(value) if accepts(value) => return None,
                Some(_) => Fault::WrongType,
            };
            Some(ShapeFault { pointer, fault })
        })
        .collect();
    if kind == DocumentKind::Item {
        faults.extend(item_conditions(document));
    }
    faults.sort_unstable();
    faults
}

/// What an item requires in some cases only: a box with its geometry, a range without its instant, the
/// field with the collection link.
fn item_conditions(document: &Map<String, Value>) -> Vec<ShapeFault> {
    let missing = |pointer| ShapeFault { pointer, fault: Fault::Missing };
    let absent = |pointer| at(document, pointer).is_none();
    let mut faults = Vec::new();
    if at(document, "/geometry").is_some_and(Value::is_object) && absent("/bbox") {
        faults.push(missing("/bbox"));
    }
    if at(document, "/properties/datetime").is_some_and(Value::is_null) {
        let range = ["/properties/start_datetime", "/properties/end_datetime"];
        faults.extend(range.into_iter().filter(|pointer| absent(pointer)).map(missing));
    }
    let names_its_collection = |link: &Value| link.get("rel").and_then(Value::as_str) == Some("collection");
    let links = at(document, "/links").and_then(Value::as_array);
    if links.is_some_and(|links| links.iter().any(names_its_collection)) && absent("/collection") {
        faults.push(missing("/collection"));
    }
    faults
}

fn at<'a>(document: &'a Map<String, Value>, pointer: &str) -> Option<&'a Value> {
    let (first, rest) = pointer[1..].split_once('/').unwrap_or((&pointer[1..], ""));
    let member = document.get(first)?;
    if rest.is_empty() { Some(member) } else { member.pointer(&pointer[1 + first.len()..]) }
}
