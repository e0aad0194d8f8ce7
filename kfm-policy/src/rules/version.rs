//! Versions: published content does not change under its readers, and has the shape of STAC.

use std::collections::{BTreeMap, BTreeSet};

use kfm_lineage::DocumentKind;
use kfm_lineage::document::AssetFact;
use kfm_lineage::integrity::Place;

use super::fair::{compare, rule};
use super::{Observation, Rule, RuleMeta};
use crate::facts::StepFacts;
use crate::finding::Severity;
use crate::table::{Aspect, RuleClass};

/// How many new faults of one document a finding names.
const FAULTS_TOLD_MAX: usize = 5;

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

/// Documents are JSON objects of a known type and have what STAC demands of that type; where validity was
/// looked at, no document is less valid than before.
pub(crate) const SCHEMA: Rule = Rule {
    meta: RuleMeta { version: 2, ..SHAPE.meta },
    look: |view| {
        let mut seen = (SHAPE.look)(view);
        seen.extend(view.facts.steps.iter().filter_map(less_valid));
        seen
    },
};

/// Reports the new faults that a step would bring; old ones are not reported, since real catalogs have many.
fn less_valid(step: &StepFacts) -> Option<Observation> {
    step.visible()?;
    let validity = step.validity.as_ref()?;
    let new: BTreeSet<String> =
        validity.after.difference(&validity.before).map(ToString::to_string).collect();
    if new.is_empty() {
        return None;
    }
    let more = new.len().saturating_sub(FAULTS_TOLD_MAX);
    let mut words: Vec<String> = new.into_iter().take(FAULTS_TOLD_MAX).collect();
    words.extend((more > 0).then(|| format!("and {more} more")));
    let message = format!("it would be less valid than now: {}", words.join("; "));
    Some(Observation::new(
        Aspect::Worse,
        &step.path,
        message,
        "give a value that STAC and GeoJSON take there",
    ))
}

const SHAPE: Rule = rule("VER-schema", Severity::Block, RuleClass::Fair, "STAC 1.0 and 1.1 core", |view| {
    compare(view, "repair the document at its source", |document| match document.kind {
        DocumentKind::NotJson => BTreeSet::from(["it is not a JSON object".to_owned()]),
        DocumentKind::Other => BTreeSet::from(["it is of no type that STAC has".to_owned()]),
        DocumentKind::Item | DocumentKind::Collection | DocumentKind::Catalog => {
            document.shape_faults.iter().map(ToString::to_string).collect()
        }
    })
});

#[cfg(test)]
mod tests;
