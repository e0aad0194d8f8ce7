//! Versions: what was published does not change under its readers, and has the shape of STAC.

use std::collections::{BTreeMap, BTreeSet};

use kfm_lineage::DocumentKind;
use kfm_lineage::document::{AssetFact, Fault};
use kfm_lineage::integrity::Place;

use super::fair::{compare, rule};
use super::{Observation, Rule};
use crate::facts::StepFacts;
use crate::finding::Severity;
use crate::table::{Aspect, RuleClass};

/// AST-1: the bytes behind one href are the same in both versions, as far as the documents tell.
pub(crate) const IMMUTABLE: Rule =
    rule("VER-immutable", Severity::Critical, RuleClass::Fair, "AST-1, R2", |view| {
        let look = |step: &StepFacts| {
            let (before, after) = (step.before.as_deref()?, step.visible()?);
            let place = |asset: &AssetFact| Place::of(&step.path, &asset.href);
            let mut earlier: BTreeMap<Place, Vec<&AssetFact>> = BTreeMap::new();
            for asset in &before.assets {
                earlier.entry(place(asset)).or_default().push(asset);
            }
            let differs = |asset: &&AssetFact| {
                earlier
                    .get(&place(asset))
                    .into_iter()
                    .flatten()
                    .any(|was| differ(&was.checksum, &asset.checksum) || differ(&was.size, &asset.size))
            };
            let count = after.assets.iter().filter(differs).count();
            (count > 0).then(|| {
                let message = format!("assets with the same href and another checksum or size: {count}");
                Observation::new(Aspect::Worse, &step.path, message, "give changed bytes a new href")
                    .with_code("AST-1")
            })
        };
        view.facts.steps.iter().filter_map(look).collect()
    });

fn differ<T: PartialEq>(before: &Option<T>, after: &Option<T>) -> bool {
    before.is_some() && after.is_some() && before != after
}

/// Documents are JSON objects of a known type and have what STAC requires of it.
pub(crate) const SCHEMA: Rule =
    rule("VER-schema", Severity::Block, RuleClass::Fair, "STAC 1.0 and 1.1 core", |view| {
        compare(view, "repair the document at its source", |document| match document.kind {
            DocumentKind::NotJson => BTreeSet::from(["it is not a JSON object".to_owned()]),
            DocumentKind::Other => BTreeSet::from(["it is of no type that STAC has".to_owned()]),
            DocumentKind::Item | DocumentKind::Collection | DocumentKind::Catalog => {
                let words = |fault| match fault {
                    Fault::Missing => "is missing",
                    Fault::WrongType => "has the wrong type",
                };
                let faults = document.shape_faults.iter();
                faults.map(|fault| format!("{} {}", fault.pointer, words(fault.fault))).collect()
            }
        })
    });

#[cfg(test)]
mod tests;
