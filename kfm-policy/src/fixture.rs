//! Facts to judge, for tests and for the conformance suite.

use std::sync::Arc;

use kfm_lineage::integrity::{Census, IntegrityChange};
use kfm_lineage::{DocumentFacts, EntityId, Timestamp};
use serde_json::{Value, json};

use crate::facts::{JudgedKind, OperationFacts, StepFacts};
use crate::label::{CareLabel, UnknownLabel};
use crate::protection::Protection;
use crate::ratchet::StepTreatment;
use crate::treatment::Treatment;

/// The moment at which fixtures are judged.
pub(crate) fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("it is a time")
}

/// Projects a document into its facts.
pub(crate) fn document(value: &Value) -> Arc<DocumentFacts> {
    Arc::new(DocumentFacts::project(value.to_string().as_bytes()))
}

/// An item to which no rule objects, with the given members replaced; null removes a member.
pub(crate) fn item(changes: Value) -> Arc<DocumentFacts> {
    let mut item = json!({
        "type": "Feature", "stac_version": "1.1.0", "id": "scene", "collection": "landsat",
        "geometry": {"type": "Point", "coordinates": [-98.5, 38.1]}, "bbox": [-98.5, 38.1, -98.5, 38.1],
        "properties": {"datetime": "2025-11-14T00:00:00Z", "license": "CC0-1.0"},
        "links": [{"rel": "collection", "href": "../collection.json"}],
        "assets": {"red": {"href": "./red.tif", "roles": ["data"], "file:checksum": multihash('a'), "file:size": 9}},
    });
    merge(&mut item, changes);
    document(&item)
}

/// The same item without any coordinate.
#[cfg(test)]
pub(crate) fn placeless(mut changes: Value) -> Arc<DocumentFacts> {
    changes["geometry"] = Value::Null;
    changes["bbox"] = Value::Null;
    item(changes)
}

/// A document of this text; it need not be JSON.
pub(crate) fn not_json(text: &str) -> Arc<DocumentFacts> {
    Arc::new(DocumentFacts::project(text.as_bytes()))
}

/// A well-formed SHA-256 multihash of one repeated digit.
pub(crate) fn multihash(digit: char) -> String {
    format!("1220{}", digit.to_string().repeat(64))
}

fn merge(target: &mut Value, changes: Value) {
    match (target, changes) {
        (Value::Object(target), Value::Object(changes)) => {
            for (key, change) in changes {
                match (target.get_mut(&key), change) {
                    // An item's geometry must be there and may be null; any other member may be removed.
                    (_, Value::Null) if key != "geometry" => {
                        target.remove(&key);
                    }
                    (Some(member @ Value::Object(_)), change @ Value::Object(_)) => merge(member, change),
                    (_, change) => {
                        target.insert(key, change);
                    }
                }
            }
        }
        (target, changes) => *target = changes,
    }
}

/// The protection that an entry with this label gives.
pub(crate) fn labelled(label: CareLabel) -> Protection {
    let treatment = Treatment::least_for(label);
    Protection {
        label: Ok(label),
        treatment,
        floor: treatment,
        authorities: vec!["FAIR+CARE Council".to_owned()],
        review_by: Some(jiff::civil::date(2027, 6, 30)),
        ..Protection::unlabelled()
    }
}

/// The protection of a public entity.
pub(crate) fn public() -> Protection {
    labelled(CareLabel::Public)
}

/// The protection of a withdrawn entity.
pub(crate) fn withdrawn() -> Protection {
    let treatment = Treatment::Withdrawn;
    Protection { suppressed: true, treatment, floor: treatment, ..public() }
}

/// The protection of an entity under a hold.
pub(crate) fn held() -> Protection {
    let treatment = Treatment::Quarantined;
    Protection { held: true, treatment, floor: treatment, ..public() }
}

/// The protection of an entity whose document has a label that cannot be read.
pub(crate) fn unreadable() -> Protection {
    Protection { label: Err(UnknownLabel::Malformed), ..Protection::unlabelled() }
}

/// Makes a step of an operation.
pub(crate) fn step(
    before: Option<Arc<DocumentFacts>>,
    after: Option<Arc<DocumentFacts>>,
    protection: Protection,
) -> StepFacts {
    let path = "items/scene.json";
    StepFacts {
        entity: EntityId::parse(&format!("stac:catalog/{path}")).expect("it is an id"),
        path: path.to_owned(),
        before,
        after,
        protection,
        outcome: StepTreatment::Keep,
        validity: None,
    }
}

/// An operation that owns its facts; `facts` borrows from it.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) kind: JudgedKind,
    pub(crate) actor: String,
    pub(crate) reason: Option<String>,
    pub(crate) tier: u8,
    pub(crate) strict: bool,
    pub(crate) steps: Vec<StepFacts>,
    pub(crate) cells_total: u64,
    pub(crate) skipped: u64,
    pub(crate) integrity: IntegrityChange,
    pub(crate) forced: bool,
}

impl Operation {
    /// Makes an operation of these steps, with default values for all the rest.
    pub(crate) fn new(kind: JudgedKind, steps: Vec<StepFacts>) -> Self {
        let census = Census { documents: 100, links: 420, ..Census::default() };
        Self {
            kind,
            actor: "ada".to_owned(),
            reason: Some("the assets lead to another scene".to_owned()),
            tier: 1,
            strict: false,
            cells_total: 4 * steps.len() as u64,
            steps,
            skipped: 0,
            integrity: IntegrityChange::of_publish(census.clone(), census),
            forced: false,
        }
    }

    pub(crate) fn facts(&self) -> OperationFacts<'_> {
        OperationFacts {
            kind: self.kind,
            actor: &self.actor,
            reason: self.reason.as_deref(),
            now: now(),
            tier: self.tier,
            strict: self.strict,
            steps: &self.steps,
            cells_total: self.cells_total,
            skipped: self.skipped,
            integrity: &self.integrity,
            forced: self.forced,
        }
    }
}

/// A census with one dangling link and one orphan.
#[cfg(test)]
pub(crate) fn broken_census() -> Census {
    let broken = kfm_lineage::integrity::Break {
        class: kfm_lineage::LinkClass::Dangling,
        document: "collection.json".to_owned(),
        rel: "item".to_owned(),
        target: "items/scene.json".to_owned(),
    };
    Census {
        documents: 100,
        links: 420,
        breaks: [broken].into(),
        orphans: ["items/other.json".to_owned()].into(),
        ..Census::default()
    }
}
