//! What a hotfix may not change (R73): it corrects the content of a document, and nothing that other
//! documents rest on.
//!
//! No field is forbidden or allowed by its name; the rule compares what the document says before and after.
//! So no list of field names has to be complete, and every caller of the engine is judged in the same way.
//! CARE-A1-access denies a looser CARE label, GOV-tier an operation of tier 4, and FAIR-F1-id a changed id or
//! collection.

use std::collections::BTreeSet;

use kfm_lineage::DocumentFacts;
use kfm_lineage::document::{Mention, Relation};
use kfm_lineage::integrity::leads_below;

use super::{Observation, Rule, RuleMeta};
use crate::facts::{JudgedKind, StepFacts};
use crate::finding::Severity;
use crate::table::RuleClass;

/// The relations of links that say where a document comes from or what it follows: its history.
const HISTORY: [&str; 6] = [
    "derived-from",
    "predecessor-version",
    "successor-version",
    "latest-version",
    "version-history",
    "version",
];

/// A hotfix may not touch raw data, a schema, the types of relationships, or history (R73).
pub(crate) const LIMITS: Rule = Rule {
    meta: RuleMeta {
        id: "GOV-hotfix",
        version: 1,
        severity: Severity::Block,
        class: RuleClass::Protection,
        code: None,
        basis: "R73",
    },
    look: |view| {
        if view.facts.kind != JudgedKind::Hotfix {
            return Vec::new();
        }
        let remedy = "publish it, so that the run that made it is recorded with it";
        let forbidden = |step: &StepFacts| {
            forbidden(step)
                .map(move |message| Observation::of_step(step, message, remedy))
                .collect::<Vec<_>>()
        };
        view.facts.steps.iter().flat_map(forbidden).collect()
    },
};

fn forbidden(step: &StepFacts) -> impl Iterator<Item = &'static str> {
    let path = is_raw("", &step.path).then_some("it is raw data, which a hotfix must not change");
    // The engine's hotfix only replaces what stands: it neither adds nor retires a document.
    let change = match (step.before.as_deref(), step.after.as_deref()) {
        (Some(before), Some(after)) => changes(&step.path, before, after),
        _ => Vec::new(),
    };
    path.into_iter().chain(change)
}

fn changes(path: &str, before: &DocumentFacts, after: &DocumentFacts) -> Vec<&'static str> {
    let schema = |document: &DocumentFacts| {
        (document.kind, document.stac_version.clone(), document.stac_extensions.clone())
    };
    let relations =
        |document: &DocumentFacts| document.links.iter().map(|link| link.rel.clone()).collect::<Vec<_>>();
    let history = |document: &DocumentFacts| {
        let is_history =
            |rel: &str| HISTORY.contains(&rel.trim().to_ascii_lowercase().replace('_', "-").as_str());
        let links = document.links.iter().filter(|link| is_history(&link.rel));
        links.map(|link| (link.rel.clone(), link.href.clone())).collect::<Vec<_>>()
    };
    let sources = |document: &DocumentFacts| {
        let derived = document.related().filter(|(relation, _)| *relation == Relation::DerivedFrom);
        derived.map(|(_, source)| source.to_owned()).collect::<BTreeSet<_>>()
    };
    let told = [
        (
            schema(before) != schema(after),
            "its type, STAC version or extensions would be others: a schema change",
        ),
        (
            relations(before) != relations(after),
            "the types of its links would be others: a relationship change",
        ),
        (
            history(before) != history(after) || sources(before) != sources(after),
            "links to its sources or earlier versions would be others",
        ),
        (before.version != after.version, "its version would be another: a hotfix gets a version of its own"),
        (raw(path, before) != raw(path, after), "references to raw data would change"),
    ];
    told.into_iter().filter(|(is_so, _)| *is_so).map(|(_, message)| message).collect()
}

/// Returns the references of a document that lead to raw data, each with its place: one more asset that leads
/// there is a change, even if another asset leads there already.
fn raw<'d>(path: &str, document: &'d DocumentFacts) -> Vec<&'d Mention> {
    let mentions = document.raw_mentions.iter().filter(|mention| !is_prose(mention));
    let mut raw: Vec<_> = mentions.filter(|mention| is_raw(path, &mention.text)).collect();
    raw.sort_unstable();
    raw
}

/// Says whether a text is a sentence for people, which no program follows: at least three words under a key that
/// STAC keeps for prose. A sentence may name a folder of raw data.
fn is_prose(mention: &Mention) -> bool {
    const KEYS: [&str; 3] = ["title", "description", "summary"];
    let key = mention.pointer.rsplit('/').next().unwrap_or_default();
    KEYS.contains(&key) && mention.text.split_whitespace().nth(2).is_some()
}

/// Says whether a reference of a document leads into a folder `data/raw`, however it is spelt.
fn is_raw(document: &str, reference: &str) -> bool {
    leads_below(document, reference, &["data", "raw"])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::View;
    use super::*;
    use crate::fixture::{Operation, item, public, step};
    use crate::licence::AllowedLicences;

    fn look(kind: JudgedKind, step: StepFacts) -> Vec<String> {
        let operation = Operation::new(kind, vec![step]);
        let seen = (LIMITS.look)(&View { facts: &operation.facts(), licences: &AllowedLicences::default() });
        seen.into_iter().map(|observation| observation.message).collect()
    }

    fn before() -> Value {
        json!({"stac_extensions": ["https://x/v1"], "links": [
            {"rel": "collection", "href": "../collection.json"},
            {"rel": "derived_from", "href": "./source.json"},
        ]})
    }

    fn told(changes: Value) -> Vec<String> {
        let mut after = before();
        for (key, value) in changes.as_object().cloned().unwrap_or_default() {
            after[key] = value;
        }
        look(JudgedKind::Hotfix, step(Some(item(before())), Some(item(after)), public()))
    }

    #[test]
    fn what_a_document_says_of_its_data_may_be_corrected() {
        for change in [
            json!({"properties": {"license": "CC-BY-4.0"}}),
            json!({"properties": {"title": "a"}, "geometry": null}),
            json!({"assets": {"red": {"href": "./other.tif", "file:size": 10}}}),
        ] {
            assert_eq!(told(change.clone()), [""; 0], "{change}");
        }
    }

    #[test]
    fn schemas_relationships_history_and_versions_are_not_for_hotfixes() {
        let link = |rel: &str, href: &str| json!({"rel": rel, "href": href});
        let collection = || link("collection", "../collection.json");
        for (change, word) in [
            (json!({"type": "Catalog"}), "schema"),
            (json!({"stac_version": "1.0.0"}), "schema"),
            (json!({"stac_extensions": []}), "schema"),
            (json!({"links": [collection(), link("made_from", "./source.json")]}), "relationship"),
            (json!({"links": [collection(), link("derived_from", "./other.json")]}), "sources"),
            (json!({"properties": {"version": "2"}}), "version"),
            (json!({"assets": {"red": {"href": "../data/raw/red.tif"}}}), "raw data"),
        ] {
            let told = told(change.clone());
            assert!(told.iter().any(|message| message.contains(word)), "{change}: {told:?}");
        }
    }

    #[test]
    fn raw_data_is_not_for_hotfixes() {
        let raw = StepFacts {
            path: "data/raw/scene.json".to_owned(),
            ..step(Some(item(json!({}))), Some(item(json!({"properties": {"title": "a"}}))), public())
        };
        assert_eq!(look(JudgedKind::Hotfix, raw.clone()), ["it is raw data, which a hotfix must not change"]);
        assert_eq!(look(JudgedKind::Rollback, raw), [""; 0], "a rollback restores what was");
    }

    #[test]
    fn references_to_raw_data_are_found_in_every_spelling_and_at_every_place() {
        let already = || {
            json!({"assets": {"a": {"href": "./a.tif"}, "raw": {"href": "../data/raw/a.tif"}},
                "properties": {"title": "a", "notes": "a", "raw_source": "data/raw/b.tif", "sources": ["x/b.tif"]}})
        };
        let told = |path: &str, pointer: &str, to: &str| {
            let mut after = already();
            *after.pointer_mut(pointer).unwrap() = json!(to);
            let step = step(Some(item(already())), Some(item(after)), public());
            look(JudgedKind::Hotfix, StepFacts { path: path.to_owned(), ..step })
        };
        for (path, pointer, to) in [
            ("i.json", "/assets/a/href", "../data/raw/a.tif"),
            ("i.json", "/assets/a/href", "../data/r%61w/a.tif"),
            ("i.json", "/assets/a/href", "../data//raw/a.tif"),
            ("i.json", "/assets/a/href", "../data/x/../raw/a.tif"),
            ("i.json", "/assets/a/href", "s3://b/Data/RAW/a.tif"),
            ("data/items/i.json", "/assets/a/href", "../raw/a.tif"),
            ("i.json", "/assets/a/href", "s3://data/raw/a.tif"),
            ("i.json", "/assets/a/href", "../data/raw%00/a.tif"),
            ("i.json", "/assets/a/href", "../data;v=1/raw;v=1/a.tif"),
            ("i.json", "/assets/a/href", "../data/r\u{200b}aw/a.tif"),
            ("i.json", "/properties/notes", "da\u{ad}ta/ra\u{2060}w/b.tif"),
            ("i.json", "/assets/raw/href", "./a.tif"),
            ("i.json", "/assets/raw/href", "../data/raw/b.tif"),
            ("i.json", "/properties/raw_source", "data/b.tif"),
            ("i.json", "/properties/sources/0", "data%2Fraw%2Fb.tif"),
            ("i.json", "/properties/notes", "data\\raw\\b.tif"),
            ("i.json", "/properties/title", "data/raw/b.tif"),
            ("i.json", "/assets/a/href", "../ｄａｔａ／ｒａｗ/a.tif"),
            ("i.json", "/assets/a/href", "../d\u{430}ta/r\u{430}w/a.tif"),
            ("i.json", "/assets/a/href", "../data\u{2215}raw\u{2044}a.tif"),
            ("i.json", "/assets/a/href", "../data&#47;raw&#x2F;a.tif"),
            ("i.json", "/assets/a/href", "../data&sol;r&#97;w&sol;a.tif"),
            ("i.json", "/assets/a/href", "../data&amp;#47;raw/a.tif"),
            ("i.json", "/assets/a/href", "../d%D0%B0ta/raw/a.tif"),
            ("i.json", "/assets/a/href", "../d％61ta/raw/a.tif"),
        ] {
            assert_eq!(
                told(path, pointer, to),
                ["references to raw data would change"],
                "{path} {pointer} {to}"
            );
        }
        for (path, pointer, to) in [
            ("i.json", "/assets/a/href", "rawdata/a.tif"),
            ("i.json", "/assets/a/href", "mydata/raw_notes.txt"),
            ("i.json", "/assets/a/href", "data/rawish/x"),
            ("i.json", "/assets/a/href", "https://data/raw.tif"),
            ("i.json", "/assets/a/href", "./a.tif?v=1.25&w=0.75"),
            ("i.json", "/assets/a/href", "./a.tif;v=1"),
            ("i.json", "/assets/a/href", "s3://mydata/raw/a.tif"),
            ("items/i.json", "/assets/a/href", "../raw/a.tif"),
            ("i.json", "/properties/notes", "made from raw data"),
            ("i.json", "/properties/title", "See data/raw/README for how"),
            ("i.json", "/assets/a/href", "./données/rawette.tif"),
            ("i.json", "/assets/a/href", "./a.tif?x=1&raw=2&data=3"),
        ] {
            assert_eq!(told(path, pointer, to), [""; 0], "{path} {pointer} {to}");
        }
    }
}
