//! How many crates does the core need? The default build, itself included.

use std::collections::BTreeSet;
use std::process::Command;

use crate::report::Row;

/// How many crates the default build may have.
const CRATES_LIMIT: f64 = 5.0;

pub(super) fn answer() -> Vec<Row> {
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let bench = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let Some(core) = crates(ours, "kfm-retry") else { return Vec::new() };
    let row = |name: String, peer, limit| Row { name, ours: core, peer, limit, unit: "crates", runs: 1 };
    let peers = [
        "backon",
        "backoff",
        "tokio-retry2",
        "tower",
        "failsafe",
        "recloser",
        "tower-resilience-retry",
        "tower-resilience-circuitbreaker",
    ];
    let beside = peers.iter().map(|peer| row(format!("clean build: {peer}"), crates(bench, peer), None));
    std::iter::once(row("clean build of the core".to_owned(), None, Some(CRATES_LIMIT)))
        .chain(beside)
        .collect()
}

/// Counts a package and all its dependencies, as this bench or the workspace builds it.
fn crates(manifest: &str, package: &str) -> Option<f64> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--manifest-path", manifest, "-p", package, "-e", "normal,build", "--prefix", "none"])
        .output()
        .ok()?;
    let lines = String::from_utf8(tree.stdout).ok()?;
    let names: BTreeSet<&str> = lines.lines().filter_map(|line| line.split(' ').next()).collect();
    (!names.is_empty()).then_some(names.len() as f64)
}
