//! The integrity of a real catalog through its history: 58 publishes, with the faults that they had (R48).
//!
//! The numbers come from an oracle. They hold for one reading of the rules, and a change of any rule moves
//! them.
#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kfm_lineage::integrity::IntegrityFinding;
use kfm_lineage::{CatalogView, Census, DocumentFacts, DocumentKind, IntegrityChange};
use serde::Deserialize;

#[derive(Deserialize)]
struct Publish {
    seq: usize,
    changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    path: String,
    op: String,
    #[serde(default)]
    sha256: Option<String>,
}

type Values = BTreeMap<String, Option<String>>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testing/data/kfm-stac-history")
}

/// Reads a history as the values that each publish puts at each path; `None` where it deletes.
fn history(file: &str) -> Vec<Values> {
    let text = std::fs::read_to_string(folder().join(file)).unwrap();
    let publishes: Vec<Publish> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let value = |change: Change| match change.op.as_str() {
        "delete" => (change.path, None),
        _ => (change.path, Some(change.sha256.unwrap())),
    };
    let numbered = |(n, publish): (usize, Publish)| {
        assert_eq!(publish.seq, n + 1);
        publish.changes.into_iter().map(value).collect()
    };
    publishes.into_iter().enumerate().map(numbered).collect()
}

fn blob(sha256: &str) -> Arc<DocumentFacts> {
    let bytes = std::fs::read(folder().join("blobs").join(sha256)).unwrap();
    let facts = DocumentFacts::project(&bytes);
    assert_eq!(facts.digest.hex(), sha256);
    Arc::new(facts)
}

fn apply(view: &mut CatalogView, values: &Values) {
    for (path, value) in values {
        match value {
            Some(sha256) => drop(view.insert(path, blob(sha256))),
            None => drop(view.remove(path)),
        }
    }
}

/// The censuses after each publish, that of the empty catalog first.
fn censuses(history: &[Values]) -> Vec<Census> {
    let mut view = CatalogView::default();
    let mut censuses = vec![view.census()];
    for values in history {
        apply(&mut view, values);
        censuses.push(view.census());
    }
    censuses
}

#[test]
fn the_catalog_is_as_broken_after_publishes_57_and_58_as_the_oracle_says() {
    let censuses = censuses(&history("publishes.ndjson"));
    assert_eq!(censuses.len(), 59);
    let figures = |n: usize| {
        let counts = censuses[n].counts();
        [
            counts.documents,
            counts.broken_links,
            counts.orphan_count,
            counts.duplicate_ids,
            counts.wrong_self_links,
            counts.not_json,
        ]
    };
    assert_eq!(figures(57), [25, 45, 22, 1, 4, 1]);
    assert_eq!(figures(58), [25, 45, 22, 2, 5, 1]);
    assert!(censuses[58].duplicate_ids.contains_key("historic_topo"));
    assert!(censuses[58].wrong_self_links.contains("stac/collections/elevation.json"));
    assert!(censuses[58].not_json.contains("data/stac/items/railroads_1900.json"));
}

#[test]
fn every_rollback_right_after_its_publish_breaks_nothing_new_and_13_bring_old_breaks_back() {
    let history = history("publishes.ndjson");
    let censuses = censuses(&history);
    let mut with_returned = Vec::new();
    for (n, values) in history.iter().enumerate() {
        let (prior, done) = (&censuses[n], &censuses[n + 1]);
        let moved: BTreeSet<String> = values.keys().cloned().collect();
        let rollback = IntegrityChange::of_rollback(done.clone(), prior.clone(), prior, done, &moved);
        assert_eq!((&rollback.introduced, &rollback.left), (&vec![], &vec![]), "publish {}", n + 1);
        if !rollback.returned.is_empty() {
            with_returned.push(n + 1);
        }

        // The revert undoes the rollback: what it brings back was there before the rollback.
        let revert = IntegrityChange::of_rollback(prior.clone(), done.clone(), done, prior, &moved);
        assert_eq!((&revert.introduced, &revert.left), (&vec![], &vec![]), "revert of {}", n + 1);
    }
    assert_eq!(with_returned.len(), 13, "{with_returned:?}");
}

/// The rollback of a day at the end of the history, by owners: what a later day has moved stays.
fn roll_back_day(
    days: &[Values],
    day: usize,
) -> (BTreeSet<String>, BTreeMap<String, usize>, IntegrityChange) {
    let owner = |path: &String| days.iter().rposition(|values| values.contains_key(path)).unwrap() + 1;
    let (moved, skipped): (BTreeSet<_>, BTreeSet<_>) =
        days[day - 1].keys().cloned().partition(|path| owner(path) == day);
    let restored = moved.iter().map(|path| {
        let earlier = days[..day - 1].iter().rev().find_map(|values| values.get(path).cloned());
        (path.clone(), earlier.flatten())
    });

    let mut end = CatalogView::default();
    days.iter().for_each(|values| apply(&mut end, values));
    let mut after = end.clone();
    apply(&mut after, &restored.collect());
    let censuses = censuses(days);
    let change = IntegrityChange::of_rollback(
        end.census(),
        after.census(),
        &censuses[day - 1],
        &censuses[day],
        &moved,
    );
    (moved, skipped.into_iter().map(|path| (path.clone(), owner(&path))).collect(), change)
}

#[test]
fn at_the_end_day_5_moves_11_documents_and_leaves_4_to_their_owners() {
    let days = history("publishes-by-day.ndjson");
    let (moved, skipped, change) = roll_back_day(&days, 5);
    assert_eq!((moved.len(), skipped.len()), (11, 4));
    assert!(skipped.values().all(|owner| *owner > 5));
    assert_eq!((change.introduced, change.left), (vec![], vec![]));
}

#[test]
fn at_the_end_the_rollback_of_day_6_is_the_one_that_makes_an_orphan() {
    let days = history("publishes-by-day.ndjson");
    let (_, skipped, change) = roll_back_day(&days, 6);
    let orphans: Vec<&str> = change
        .introduced
        .iter()
        .chain(&change.left)
        .filter_map(|finding| match finding {
            IntegrityFinding::Orphan { document } => Some(document.as_str()),
            IntegrityFinding::BrokenLink(_) => None,
        })
        .collect();
    assert_eq!(orphans, ["stac/collections/historic_topo.json"]);
    assert!(skipped.values().all(|owner| *owner == 7));
}

#[test]
fn at_the_end_days_1_to_4_own_nothing_any_more() {
    let days = history("publishes-by-day.ndjson");
    for day in 1..=4 {
        assert_eq!(roll_back_day(&days, day).0, BTreeSet::new(), "day {day}");
    }
}

#[test]
fn every_version_of_the_history_has_facts() {
    let (mut versions, mut not_json) = (0, 0);
    for entry in std::fs::read_dir(folder().join("blobs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let facts = blob(&name);
        assert_eq!(facts.care, kfm_lineage::Field::Absent, "no document of this catalog has a label");
        versions += 1;
        not_json += usize::from(facts.kind == DocumentKind::NotJson);
    }
    assert_eq!((versions, not_json), (51, 5));
}
