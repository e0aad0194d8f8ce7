//! The real history of a catalog, judged: 58 publishes, each rolled back and made again directly after it.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use kfm_lineage::integrity::{CatalogView, Census, IntegrityChange};
use kfm_lineage::{DocumentFacts, EntityId, RiskLevel};
use kfm_policy::{
    Decision, JudgedKind, LabelRegistry, OperationFacts, Policy, RatchetMode, StepFacts, Subject, treat,
};

type State = BTreeMap<String, Arc<DocumentFacts>>;

const REGISTRY: &str = "
[[label]]
under = ''
care = 'public'
authority = 'FAIR+CARE Council'
reason = 'public data of the state and of federal agencies'
review_by = 2099-12-31
";

/// The states of the catalog, from the empty one on, with the paths that each publish moved.
fn history() -> Vec<(State, BTreeSet<String>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testing/data/kfm-stac-history");
    let lines = std::fs::read_to_string(root.join("publishes.ndjson")).unwrap();
    let mut states = vec![(State::new(), BTreeSet::new())];
    for line in lines.lines() {
        let publish: serde_json::Value = serde_json::from_str(line).unwrap();
        let (mut state, mut moved) = (states.last().unwrap().0.clone(), BTreeSet::new());
        for change in publish["changes"].as_array().unwrap() {
            let path = change["path"].as_str().unwrap().to_owned();
            match change["sha256"].as_str() {
                Some(blob) if change["op"] != "delete" => {
                    let bytes = std::fs::read(root.join("blobs").join(blob)).unwrap();
                    state.insert(path.clone(), Arc::new(DocumentFacts::project(&bytes)));
                }
                _ => {
                    state.remove(&path);
                }
            }
            moved.insert(path);
        }
        states.push((state, moved));
    }
    states
}

fn census(state: &State) -> Census {
    CatalogView::new(state.iter().map(|(path, facts)| (path.clone(), Arc::clone(facts)))).census()
}

fn judge(
    kind: JudgedKind,
    from: &State,
    to: &State,
    moved: &BTreeSet<String>,
    integrity: &IntegrityChange,
) -> Decision {
    let registry = LabelRegistry::load(Some(REGISTRY), None, &[]).unwrap();
    let mode = if kind == JudgedKind::Publish { RatchetMode::Forward } else { RatchetMode::Refuse };
    let step = |path: &String| {
        let (before, after) = (from.get(path).cloned(), to.get(path).cloned());
        let ids = [&before, &after].into_iter().flatten().filter_map(|facts| facts.id.clone()).collect();
        let collections = BTreeSet::new();
        let own: Vec<_> = [&before, &after].into_iter().flatten().map(|facts| facts.care.clone()).collect();
        let content = after.as_deref();
        let subject = Subject { path, ids: &ids, collections: &collections, own: &own, content };
        let protection = registry.protection(&subject);
        StepFacts {
            entity: EntityId::parse(&format!("stac:catalog/{path}")).unwrap(),
            path: path.clone(),
            outcome: treat(content, &protection, mode),
            before,
            after,
            protection,
            validity: None,
        }
    };
    let steps: Vec<_> = moved.iter().map(step).collect();
    Policy::default().judge(&OperationFacts {
        kind,
        actor: "ada",
        reason: Some("the real history"),
        now: "2026-03-01T12:00:00Z".parse().unwrap(),
        tier: 1,
        strict: false,
        cells_total: steps.len() as u64,
        steps: &steps,
        skipped: 0,
        integrity,
        forced: false,
    })
}

/// The decisions on a publish, on its rollback and on the revert of the rollback.
fn there_and_back(before: &State, after: &State, moved: &BTreeSet<String>) -> [Decision; 3] {
    let (old, new) = (census(before), census(after));
    let publish = IntegrityChange::of_publish(old.clone(), new.clone());
    let rollback = IntegrityChange::of_rollback(new.clone(), old.clone(), &old, &new, moved);
    let revert = IntegrityChange::of_rollback(old.clone(), new.clone(), &new, &old, moved);
    [
        judge(JudgedKind::Publish, before, after, moved, &publish),
        judge(JudgedKind::Rollback, after, before, moved, &rollback),
        judge(JudgedKind::Revert, before, after, moved, &revert),
    ]
}

#[test]
fn every_publish_of_the_real_history_is_allowed_and_so_are_its_rollback_and_its_revert() {
    let history = history();
    assert_eq!(history.len(), 59);
    let mut returning = 0;
    for (seq, pair) in history.windows(2).enumerate() {
        let [(before, _), (after, moved)] = pair else { unreachable!("windows of two") };
        let decisions = there_and_back(before, after, moved);
        for decision in &decisions {
            assert!(decision.allowed, "{} {:?}: {:?}", seq + 1, decision.kind, decision.findings);
        }
        returning += u64::from(decisions[1].integrity.returned > 0);
    }
    assert_eq!(returning, 13, "rollbacks after which breaks are back");
}

#[test]
fn making_the_bad_publish_again_loosens_a_licence_and_needs_a_reviewer() {
    let history = history();
    let [(before, _), (after, moved)] = &history[57..59] else { unreachable!("two states") };
    let [_, rollback, revert] = there_and_back(before, after, moved);
    assert_eq!(rollback.approvals_needed.text, "none");
    assert_eq!(revert.risk_level, RiskLevel::High);
    assert_eq!(revert.approvals_needed.text, "1 reviewer");
    assert!(revert.findings.iter().any(|finding| finding.rule == "CARE-C-licence" && !finding.denies));
}

#[test]
fn without_a_label_nothing_of_the_real_history_may_be_published() {
    let history = history();
    let [(before, _), (after, moved)] = &history[0..2] else { unreachable!("two states") };
    let integrity = IntegrityChange::of_publish(census(before), census(after));
    let step = |path: &String| StepFacts {
        entity: EntityId::parse(path).unwrap(),
        path: path.clone(),
        before: None,
        after: after.get(path).cloned(),
        protection: kfm_policy::Protection::unlabelled(),
        outcome: kfm_policy::StepTreatment::Keep,
        validity: None,
    };
    let steps: Vec<_> = moved.iter().map(step).collect();
    let decision = Policy::default().judge(&OperationFacts {
        kind: JudgedKind::Publish,
        actor: "ada",
        reason: None,
        now: "2026-03-01T12:00:00Z".parse().unwrap(),
        tier: 1,
        strict: false,
        steps: &steps,
        cells_total: steps.len() as u64,
        skipped: 0,
        integrity: &integrity,
        forced: false,
    });
    assert!(!decision.allowed);
    assert_eq!(
        decision.denials().filter(|finding| finding.code.as_deref() == Some("C-F01")).count(),
        steps.len()
    );
}
