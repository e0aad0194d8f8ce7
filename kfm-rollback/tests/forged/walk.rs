//! How long the walks through forgeries are: one of a test run, or many with a seed each.

use std::collections::BTreeMap;

use kfm_retry::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::task::{LocalSet, spawn_local};

use crate::{fuzz, platform, snapshots};

/// Forgeries in a test run; each form gets its share.
const COUNT: u64 = 100_000;

/// Platforms that a test run shows forgeries.
const PLATFORMS: u64 = 200;

/// The seed of a test run.
const SEED: u64 = 13;

/// A round of a long run is so much smaller than a test run.
const ROUND: u64 = 10;

/// What was counted on a walk.
pub type Counts = BTreeMap<String, u64>;

/// Makes counts of what was counted.
pub fn counted(form: &str, counts: &[(&str, u64)]) -> Counts {
    counts.iter().map(|(what, count)| (format!("{form}: {what}"), *count)).collect()
}

#[tokio::test]
async fn forged_records_are_folded_or_refused_and_end_no_process() {
    let counts = fuzz::records(SEED, COUNT * 25 / 100).await;
    let (read, folded) = (counts["records: read"], counts["records: folded"]);
    assert!(read > 1_000 && folded > 1_000, "mostly they are still what they were: {counts:?}");
}

#[tokio::test]
async fn forged_plans_are_no_plans() {
    let counts = fuzz::plans(SEED, COUNT * 25 / 100).await;
    assert!(counts["plans: put before a platform and refused"] > 10, "{counts:?}");
}

#[tokio::test]
async fn forged_manifests_end_no_process() {
    fuzz::manifests(SEED, COUNT * 15 / 100).await;
}

#[tokio::test]
async fn forged_registries_end_no_process() {
    let counts = fuzz::registries(SEED, COUNT * 20 / 100).await;
    assert!(counts["registries: loaded"] > 1_000, "{counts:?}");
}

#[tokio::test]
async fn forged_snapshots_are_not_believed_or_end_no_process() {
    let counts = snapshots::walk(SEED, COUNT * 15 / 100).await;
    let (read, refused) = (counts["snapshots: named and read"], counts["snapshots: named and refused"]);
    assert!(read > 100 && refused > 100, "mostly they are still what they were: {counts:?}");
}

#[tokio::test]
async fn a_platform_acts_on_no_forgery_and_is_brought_back() {
    let counts = platform::walk(SEED, PLATFORMS).await;
    let executed: u64 =
        counts.iter().filter(|(what, _)| what.ends_with("executed")).map(|(_, count)| count).sum();
    assert!(executed > PLATFORMS / 10, "most are still what they were: {counts:?}");
}

/// One round of all walks.
async fn round(seed: u64) -> Counts {
    let share = |percent: u64| COUNT / ROUND * percent / 100;
    let mut counts = fuzz::records(seed, share(25)).await;
    for more in [
        fuzz::plans(seed, share(25)).await,
        fuzz::manifests(seed, share(15)).await,
        fuzz::registries(seed, share(20)).await,
        snapshots::walk(seed, share(15)).await,
        platform::walk(seed, PLATFORMS / ROUND).await,
    ] {
        counts.extend(more);
    }
    counts
}

#[tokio::test]
#[ignore = "runs for FORGED_MINUTES and adds to FORGED_FILE: started by .ci/long"]
#[allow(clippy::disallowed_methods, reason = "it is told how long to run, and where to write")]
async fn long() {
    let setting = |name| std::env::var(name).unwrap();
    let until = SystemClock.monotonic().as_secs() + 60 * setting("FORGED_MINUTES").parse::<u64>().unwrap();
    let file = setting("FORGED_FILE");
    let mut evidence: Value = match std::fs::read(&file) {
        Ok(text) => serde_json::from_slice(&text).unwrap(),
        Err(_) => json!({ "name": "forged", "runs": [] }),
    };
    let runs = evidence["runs"].as_array_mut().unwrap();
    // The seed of a test run is not counted twice.
    let first = runs.iter().filter_map(|run| run["end_seed"].as_u64()).max().unwrap_or(SEED + 1);
    let (mut end, mut counts, mut broken) = (first, Counts::new(), Vec::new());
    while SystemClock.monotonic().as_secs() < until {
        match LocalSet::new().run_until(async { spawn_local(round(end)).await }).await {
            Ok(more) => {
                *counts.entry("forgeries".into()).or_default() += (COUNT + PLATFORMS) / ROUND;
                more.into_iter().for_each(|(what, count)| *counts.entry(what).or_default() += count);
            }
            Err(error) => broken.push(json!([end, error.to_string()])),
        }
        end += 1;
        println!("seed {end}: {} forgeries, {} broke", counts["forgeries"], broken.len());
    }
    let is_broken = !broken.is_empty();
    runs.push(json!({
        "commit": setting("FORGED_COMMIT"), "machine": setting("FORGED_MACHINE"),
        "first_seed": first, "end_seed": end, "counts": counts, "broken": broken,
    }));
    std::fs::write(file, serde_json::to_string_pretty(&evidence).unwrap() + "\n").unwrap();
    assert!(!is_broken, "a forgery ended a process, or something acted on it");
}
