//! [`ValidityFault`]: one thing in a document that is not valid.

use std::collections::BTreeSet;
use std::fmt;

/// How many faults of one document are kept; more would not make the document any less valid.
const FAULTS_MAX: usize = 1_000;

/// Names of members from the specification, which are not texts of a document (R66).
const KNOWN: [&str; 40] = [
    "assets",
    "bands",
    "bbox",
    "collection",
    "coordinates",
    "created",
    "datetime",
    "description",
    "end_datetime",
    "expires",
    "extent",
    "geometries",
    "geometry",
    "gsd",
    "href",
    "id",
    "instruments",
    "interval",
    "item_assets",
    "keywords",
    "license",
    "links",
    "mission",
    "name",
    "platform",
    "properties",
    "providers",
    "published",
    "rel",
    "roles",
    "spatial",
    "stac_extensions",
    "stac_version",
    "start_datetime",
    "summaries",
    "temporal",
    "title",
    "type",
    "unpublished",
    "updated",
];

/// One thing in a document that is not valid: its place, and what is wrong.
///
/// Two faults are the same if both are equal. When it is shown, the place contains no text of the document: a
/// member that the specification does not name is shown as `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValidityFault {
    pointer: String,
    fault: String,
}

impl fmt::Display for ValidityFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |step: &str| KNOWN.contains(&step) || step.bytes().all(|byte| byte.is_ascii_digit());
        match self.pointer.is_empty() {
            true => f.write_str("the document")?,
            false => self.pointer[1..]
                .split('/')
                .try_for_each(|step| write!(f, "/{}", if is_plain(step) { step } else { "*" }))?,
        }
        write!(f, " {}", self.fault)
    }
}

/// The faults that are being collected.
#[derive(Debug, Default)]
pub(super) struct Faults(BTreeSet<ValidityFault>);

impl Faults {
    pub(super) fn note(&mut self, pointer: &str, fault: impl Into<String>) {
        if self.0.len() < FAULTS_MAX {
            self.0.insert(ValidityFault { pointer: pointer.to_owned(), fault: fault.into() });
        }
    }

    pub(super) fn into_set(self) -> BTreeSet<ValidityFault> {
        self.0
    }
}
