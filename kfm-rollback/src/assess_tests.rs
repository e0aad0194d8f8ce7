//! Tables of what the ratchet's treatments make of steps (`docs/states.md` section 4), and of what steps say of documents.

use kfm_lineage::EntityId;
use kfm_policy::{CareLabel, Treatment};

use super::*;
use crate::history::given::{Given, told};

fn protection(label: CareLabel) -> Protection {
    let treatment = Treatment::least_for(label);
    Protection { label: Ok(label), treatment, floor: treatment, ..Protection::unlabelled() }
}

fn withdrawn() -> Protection {
    Protection { suppressed: true, ..protection(CareLabel::Public) }
}

fn held() -> Protection {
    Protection { held: true, ..protection(CareLabel::Public) }
}

#[test]
fn the_ratchet_treats_a_step_by_the_document_it_brings_and_what_it_cannot_read_as_public() {
    let public = || protection(CareLabel::Public);
    let restricted = || protection(CareLabel::Restricted);
    let place = r#"{"type": "Feature", "id": "a", "geometry": {"type": "Point", "coordinates": [1.5, 2.5]}}"#;
    let refuse = RatchetMode::Refuse;
    for (rule, step, document, protection, mode, treatment) in [
        ("not higher: it restores the old bytes", "a=1", Some(place), public(), refuse, "keep"),
        (
            "higher, and it cannot be masked: denied",
            "a=1",
            Some(place),
            restricted(),
            refuse,
            "denied CARE-E1-geo",
        ),
        (
            "the same, where the actor hides it",
            "a=1",
            Some(place),
            restricted(),
            RatchetMode::Hide,
            "absent CARE-E1-geo",
        ),
        ("withdrawn: it goes to absent", "a=1", Some(place), withdrawn(), refuse, "absent CARE-A3-resurrect"),
        ("withdrawn, and it goes to absent anyway", "a=1>-", None, withdrawn(), refuse, "keep"),
        ("a hold denies", "a=1", Some(place), held(), refuse, "denied CARE-A2-hold"),
        ("a hold denies a retire, too", "a=1>-", None, held(), refuse, "denied CARE-A2-hold"),
        (
            "an unfinished operation hides what is held",
            "a=1",
            Some(place),
            held(),
            RatchetMode::Unfinished,
            "absent CARE-A2-hold",
        ),
        ("unknown: denied", "a=1", Some(place), Protection::unlabelled(), refuse, "denied CARE-A1-access"),
        ("a retire under higher protection", "a=1>-", None, restricted(), refuse, "keep"),
        ("a node that is not read, public", "graph:x=1", None, public(), refuse, "keep"),
        (
            "a node that is not read, under protection: it counts as public",
            "graph:x=1",
            None,
            restricted(),
            refuse,
            "denied CARE-E1-geo",
        ),
        (
            "a node that is not read, withdrawn",
            "graph:x=1",
            None,
            withdrawn(),
            refuse,
            "absent CARE-A3-resurrect",
        ),
        ("a node that goes to absent", "graph:x=1>-", None, restricted(), refuse, "keep"),
        (
            "a document of a second catalog is read",
            "mirror:a=1",
            Some(place),
            restricted(),
            refuse,
            "denied CARE-E1-geo",
        ),
    ] {
        let document = document.map(|text| DocumentFacts::project(text.as_bytes()));
        let step = Given::log("").step(step);
        let found = match treatment_of(&step, document.as_ref(), &protection, mode) {
            StepTreatment::Keep => "keep".to_owned(),
            StepTreatment::Absent { rule, .. } => format!("absent {rule}"),
            StepTreatment::Denied { rule, .. } => format!("denied {rule}"),
        };
        assert_eq!(found, treatment, "{rule}");
    }
}

fn facts(step: &Step, outcome: StepTreatment) -> StepFacts {
    StepFacts {
        entity: EntityId::parse(&step.cell.key).unwrap(),
        path: step.cell.key.clone(),
        before: None,
        after: None,
        protection: protection(CareLabel::Public),
        outcome,
        validity: None,
    }
}

#[test]
fn what_must_be_absent_goes_to_absent_and_a_step_that_then_changes_nothing_is_dropped() {
    // A letter for each step that is not derived: kept, absent or denied.
    for (rule, steps, outcomes, kept, dropped) in [
        ("all are kept", "a=0>1 b=0>2", "kk", "a=0>1 b=0>2", ""),
        ("what stands goes to absent", "a=0>1 b=0>2", "ka", "a=0>1 b=0>-", ""),
        ("what is absent stays absent: no step", "a=->1 b=0>2", "ak", "b=0>2", "a=->-"),
        ("a retire under a withdrawal stays a retire", "a=0>-", "a", "a=0>-", ""),
        ("a denial changes no step, it stops the plan", "a=0>1", "d", "a=0>1", ""),
        (
            "a derived cell has no treatment, whatever comes before it",
            "*graph:a=0>1 a=0>1",
            "a",
            "graph:a=0>1 a=0>-",
            "",
        ),
        (
            "cells of one key in two stores go by their place",
            "a=0>1 graph:a=0>1 mirror:a=0>1",
            "kak",
            "a=0>1 graph:a=0>- mirror:a=0>1",
            "",
        ),
        ("all are dropped", "a=->1 b=->1", "aa", "", "a=->- b=->-"),
    ] {
        let steps = Given::log("").steps(steps);
        let outcome = |letter| match letter {
            'k' => StepTreatment::Keep,
            'a' => StepTreatment::Absent { rule: "CARE-A3-resurrect".into(), why: "-".into() },
            _ => StepTreatment::Denied { rule: "CARE-A1-access".into(), why: "-".into() },
        };
        let owned = steps.iter().filter(|step| !step.derived);
        let facts: Vec<StepFacts> =
            owned.zip(outcomes.chars()).map(|(step, letter)| facts(step, outcome(letter))).collect();
        let (left, gone) = apply_treatments(steps, &facts);
        assert_eq!(told(&left), kept, "kept: {rule}");
        assert_eq!(told(gone.iter().map(|(step, _)| step)), dropped, "dropped: {rule}");
        assert!(gone.iter().all(|(_, by)| by == "CARE-A3-resurrect"), "the rule is named: {rule}");
    }
}

#[test]
fn a_step_to_absent_names_no_version_and_no_id() {
    let step =
        Step { stac_id: Some("a".into()), collection: Some("c".into()), ..Given::log("").step("a=0>1") };
    let absent = StepTreatment::Absent { rule: "CARE-A3-resurrect".into(), why: "-".into() };
    let facts = facts(&step, absent);
    let (kept, _) = apply_treatments(vec![step], &[facts]);
    assert_eq!((&kept[0].to_version, &kept[0].stac_id, &kept[0].collection), (&None, &None, &None));
    assert!(kept[0].from_version.is_some(), "what readers saw before keeps its version");
}

#[test]
fn only_moved_documents_are_in_the_listings_and_only_links_that_list_lead_to_others() {
    let mut view = CatalogView::default();
    let mut put = |path: &str, text: &str| {
        view.insert(path.to_owned(), Arc::new(DocumentFacts::project(text.as_bytes())));
    };
    put(
        "catalog.json",
        r#"{"type": "Catalog", "id": "root", "links": [
            {"rel": "child", "href": "./c.json"}, {"rel": "item", "href": "./i.json"},
            {"rel": "self", "href": "./catalog.json"}, {"rel": "related", "href": "./r.json"},
            {"rel": "item", "href": "./nowhere.json"}, {"rel": "item", "href": "https://example.org/e.json"}]}"#,
    );
    put(
        "c.json",
        r#"{"type": "Collection", "id": "c", "links": [{"rel": "parent", "href": "./catalog.json"}]}"#,
    );
    put("i.json", r#"{"type": "Feature", "id": "i"}"#);
    put("r.json", r#"{"type": "Feature", "id": "r"}"#);
    for (rule, steps, expected) in [
        ("no document moves", "graph:catalog.json=1", ""),
        ("the root lists its child and its item", "catalog.json=1", "catalog.json: c.json i.json"),
        ("a back link lists nothing", "c.json=1", "c.json: "),
        ("a document that is not in the view has no entry", "gone.json=1 i.json=1", "i.json: "),
        ("a derived catalog has the same documents", "mirror:catalog.json=1", "catalog.json: c.json i.json"),
    ] {
        let found = listings(&view, &Given::log("").steps(steps));
        let found: Vec<String> = found.iter().map(|(path, to)| format!("{path}: {}", to.join(" "))).collect();
        assert_eq!(found.join("; "), expected, "{rule}");
    }
}
