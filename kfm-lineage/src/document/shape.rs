//! The shape that STAC demands of a document (VER-schema), as far as members and their types go.
//!
//! It is a part of the core schemas of STAC 1.0 and 1.1, taken from the specification; extension schemas are
//! not checked. A fault names the member and never its value, which may be something that must not be told.

use super::DocumentKind;
use super::reader::{Scalar, Statement};

/// The member of a document, as a JSON pointer.
type Pointer = &'static str;

/// One thing that STAC demands and that the document does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct ShapeFault {
    /// The member, as a JSON pointer.
    #[serde(deserialize_with = "pointer")]
    pub pointer: Pointer,
    /// What is wrong with the member.
    pub fault: Fault,
}

impl std::fmt::Display for ShapeFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = match self.fault {
            Fault::Missing => "is missing",
            Fault::WrongType => "has the wrong type",
        };
        write!(f, "{} {words}", self.pointer)
    }
}

/// What is wrong with a member.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The member is required, and is not there.
    Missing,
    /// The member has a value of another type.
    WrongType,
}

type Accepts = fn(&Scalar<'_>) -> bool;

const TEXT: Accepts = |value| matches!(value, Scalar::Text(_));
const ARRAY: Accepts = |value| matches!(value, Scalar::Array);
const OBJECT: Accepts = |value| matches!(value, Scalar::Object);
const OBJECT_OR_NULL: Accepts = |value| matches!(value, Scalar::Object | Scalar::Null);
const TEXT_OR_NULL: Accepts = |value| matches!(value, Scalar::Text(_) | Scalar::Null);

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

/// What an item requires only in some cases.
const ON_CONDITION: [&str; 4] = [BBOX, START, END, COLLECTION_FIELD];
const BBOX: &str = "/bbox";
const START: &str = "/properties/start_datetime";
const END: &str = "/properties/end_datetime";
const COLLECTION_FIELD: &str = "/collection";

/// Reads a pointer that a fault can have.
fn pointer<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Pointer, D::Error> {
    let read = <String as serde::Deserialize>::deserialize(deserializer)?;
    let required = ITEM.iter().chain(&CATALOG).chain(&COLLECTION).map(|(pointer, _)| *pointer);
    let known = required.chain(ON_CONDITION).find(|known| *known == read);
    known.ok_or_else(|| serde::de::Error::custom("nothing of this name is demanded of a document"))
}

/// Lists what the kind of the document requires and the document lacks; other kinds require nothing.
pub(super) fn faults(kind: DocumentKind, document: Statement<'_>) -> Vec<ShapeFault> {
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
                Some(value) if accepts(value.scalar()) => return None,
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

/// Lists what an item requires only in some cases: a box if it has a geometry, a range if it has no instant,
/// the field if it has the collection link.
fn item_conditions(document: Statement<'_>) -> Vec<ShapeFault> {
    let missing = |pointer| ShapeFault { pointer, fault: Fault::Missing };
    let absent = |pointer| at(document, pointer).is_none();
    let mut faults = Vec::new();
    let is = |pointer, scalar| at(document, pointer).is_some_and(|value| *value.scalar() == scalar);
    if is("/geometry", Scalar::Object) && absent(BBOX) {
        faults.push(missing(BBOX));
    }
    if is("/properties/datetime", Scalar::Null) {
        let range = [START, END];
        faults.extend(range.into_iter().filter(|pointer| absent(pointer)).map(missing));
    }
    let names_its_collection =
        |link: Statement<'_>| link.last("rel").and_then(Statement::text) == Some("collection");
    let mut links = at(document, "/links").into_iter().flat_map(Statement::children);
    if links.any(names_its_collection) && absent(COLLECTION_FIELD) {
        faults.push(missing(COLLECTION_FIELD));
    }
    faults
}

/// Returns the value at a pointer; if several members have the name, the last one.
fn at<'a>(document: Statement<'a>, pointer: &str) -> Option<Statement<'a>> {
    pointer[1..].split('/').try_fold(document, |value, name| value.last(name))
}
