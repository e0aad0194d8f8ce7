//! R48: a census that is kept while a catalog changes is the one that is counted from the start, after every change of
//! random histories, back and forth.
//!
//! A run in CI has 4,096 histories, or sixteen times as many as `PROPTEST_CASES` says; `.ci/long census` goes on from the
//! last seed for the time that it is given, and adds what it counts to `docs/evidence/census.json`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "a long run says how far it is")]

mod histories;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use histories::{Change, PATHS, change};
use kfm_lineage::document::DocumentFacts;
use kfm_lineage::integrity::{CatalogView, CountedCatalog};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestCaseResult, TestRng, TestRunner};
use serde_json::{Value, json};

fn history() -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec(change(), 4..24)
}

/// Makes the changes of a history one after the other, each also back and again, and counts from the start after each.
fn holds(history: &[Change]) -> TestCaseResult {
    let mut kept = CountedCatalog::default();
    let mut view = CatalogView::default();
    for change in history {
        let before = kept.census().clone();
        let undo = kept.change(change.clone());
        let after = kept.census().clone();
        kept.change(undo);
        prop_assert_eq!(kept.census(), &before, "changed back");
        kept.change(change.clone());
        prop_assert_eq!(kept.census(), &after, "changed again");
        for (path, document) in change.clone() {
            match document {
                Some(document) => drop(view.insert(path, document)),
                None => drop(view.remove(&path)),
            }
        }
        prop_assert_eq!(&after, &view.census());
        prop_assert!(kept.view().iter().eq(view.iter()));
        let anew = CountedCatalog::new(&view);
        prop_assert_eq!(anew.census(), &after, "made anew");
        // Views that share what did not change, as the engine has them.
        let mut led = anew.clone();
        let mut other = anew.view().clone();
        other.remove(PATHS[0]);
        other.insert(PATHS[7], Arc::new(DocumentFacts::project(b"{}")));
        led.change_to(&other);
        prop_assert_eq!(led.census(), &other.census(), "changed to another view");
        prop_assert!(other.iter().map(|(path, _)| path).is_sorted() && other.iter().count() == other.len());
        led.change_to(anew.view());
        prop_assert_eq!(led.census(), &after, "and back");
    }
    Ok(())
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn what_is_kept_is_what_is_counted_from_the_start() {
    let cases = ProptestConfig::default().cases * 16;
    let ran = TestRunner::new(config(cases)).run(&history(), |history| holds(&history));
    ran.unwrap_or_else(|found| panic!("{found}"));
}

/// Histories of one seed of a long run.
const OF_SEED: u32 = 1_000;

#[test]
#[ignore = "runs for CENSUS_MINUTES and adds to CENSUS_FILE: started by .ci/long"]
#[allow(clippy::disallowed_methods, reason = "it is told how long to run, and where to write")]
fn long() {
    let setting = |name| std::env::var(name).unwrap();
    let until = Instant::now() + Duration::from_secs(60 * setting("CENSUS_MINUTES").parse::<u64>().unwrap());
    let file = setting("CENSUS_FILE");
    let mut evidence = match std::fs::read(Path::new(&file)) {
        Ok(text) => serde_json::from_slice(&text).unwrap(),
        Err(_) => json!({ "name": "census", "runs": [] }),
    };
    let runs = evidence["runs"].as_array_mut().unwrap();
    let first = runs.iter().filter_map(|run| run["end_seed"].as_u64()).max().unwrap_or(0);
    let (mut end, mut broken) = (first, Vec::new());
    while Instant::now() < until {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&end.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let ran = TestRunner::new_with_rng(config(OF_SEED), rng).run(&history(), |history| holds(&history));
        broken.extend(ran.err().map(|found| json!([end, found.to_string()])));
        end += 1;
        eprintln!("seed {end}: {} broken", broken.len());
    }
    let broke = !broken.is_empty();
    runs.push(json!({
        "commit": setting("CENSUS_COMMIT"), "machine": setting("CENSUS_MACHINE"),
        "first_seed": first, "end_seed": end, "counts": { "histories": (end - first) * u64::from(OF_SEED) },
        "broken": broken.into_iter().take(20).collect::<Vec<Value>>(),
    }));
    std::fs::write(file, serde_json::to_string_pretty(&evidence).unwrap() + "\n").unwrap();
    assert!(!broke, "a census that was kept is not the one that is counted from the start");
}
