//! Catalogs and changes from a seed: documents of every kind that link to each other, to places where none stands, and out
//! of the store; and the laws that are tried on them.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "two programs have it, a test that cannot go on fails, and a long run says how far it is"
)]

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kfm_lineage::document::DocumentFacts;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestCaseResult, TestRng, TestRunner};
use serde_json::{Value, json};

/// The paths at which documents come and go.
pub const PATHS: [&str; 8] = [
    "catalog.json",
    "other.json",
    "c/collection.json",
    "c/a.json",
    "c/b#1.json",
    "d/collection.json",
    "d/a.json",
    "e.json",
];

const ADDRESSES: [&str; 2] = ["https://example.org/c/a.json", "https://example.org/d/a.json"];

fn href() -> impl Strategy<Value = String> {
    let relative = prop::sample::select(PATHS.to_vec()).prop_map(|path| format!("/{path}"));
    let beside = prop::sample::select(vec![
        "a.json",
        "./collection.json",
        "../catalog.json",
        "b%231.json",
        "b#1.json",
        "../../lost.json",
        "a.tif",
        "..",
    ]);
    prop_oneof![
        4 => relative,
        2 => beside.prop_map(str::to_owned),
        2 => prop::sample::select(ADDRESSES.to_vec()).prop_map(str::to_owned),
    ]
}

fn link(href: BoxedStrategy<String>) -> impl Strategy<Value = Value> {
    let rels = vec![
        "child",
        "item",
        "parent",
        "collection",
        "self",
        "root",
        "derived_from",
        "latest-version",
        "predecessor-version",
        "successor-version",
    ];
    let media = prop::sample::select(vec![None, None, None, Some("application/geo+json"), Some("text/html")]);
    (prop::sample::select(rels), href, media).prop_map(|(rel, href, media)| match media {
        Some(media) => json!({ "rel": rel, "href": href, "type": media }),
        None => json!({ "rel": rel, "href": href }),
    })
}

/// A document, or none.
pub fn document() -> impl Strategy<Value = Option<Arc<DocumentFacts>>> {
    document_of(href().boxed(), 6)
}

/// A document with less than so many links, whose addresses are chosen so; or none.
pub fn document_of(
    href: BoxedStrategy<String>,
    links: usize,
) -> impl Strategy<Value = Option<Arc<DocumentFacts>>> {
    let kinds = prop::sample::select(vec!["Catalog", "Collection", "Feature", "other"]);
    // A document may state none.
    let ids = || prop::sample::select(vec![json!("a"), json!("b"), json!("c"), Value::Null]);
    let stated = (kinds, ids(), ids(), any::<bool>(), prop::collection::vec(link(href), 0..links));
    let stated = stated.prop_map(|(kind, id, collection, deprecated, links)| {
        json!({ "type": kind, "id": id, "collection": collection, "deprecated": deprecated, "links": links }).to_string()
    });
    prop_oneof![
        8 => stated.prop_map(|text| Some(Arc::new(DocumentFacts::project(text.as_bytes())))),
        1 => Just(Some(Arc::new(DocumentFacts::project(b"{")))),
        3 => Just(None),
    ]
}

pub type Change = Vec<(String, Option<Arc<DocumentFacts>>)>;

pub fn change() -> impl Strategy<Value = Change> {
    let path = prop::sample::select(PATHS.to_vec()).prop_map(str::to_owned);
    prop::collection::vec((path, document()), 1..4)
}

/// Cases of one seed of a long run.
const OF_SEED: u32 = 1_000;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Tries a law on so many times as many cases as `PROPTEST_CASES` says.
pub fn run<T: Debug>(times: u32, cases: impl Strategy<Value = T>, law: impl Fn(T) -> TestCaseResult) {
    let ran = TestRunner::new(config(ProptestConfig::default().cases * times)).run(&cases, law);
    ran.unwrap_or_else(|found| panic!("{found}"));
}

/// Tries a law for `LAW_MINUTES`, from the seed on at which the last run ended, and adds what it counts to `LAW_FILE`.
#[allow(clippy::disallowed_methods, reason = "it is told how long to run, and where to write")]
pub fn long<T: Debug, S: Strategy<Value = T>>(
    name: &str,
    cases: impl Fn() -> S,
    law: impl Fn(T) -> TestCaseResult,
) {
    let setting = |name| std::env::var(name).unwrap();
    let until = Instant::now() + Duration::from_secs(60 * setting("LAW_MINUTES").parse::<u64>().unwrap());
    let file = setting("LAW_FILE");
    let mut evidence = match std::fs::read(Path::new(&file)) {
        Ok(text) => serde_json::from_slice(&text).unwrap(),
        Err(_) => json!({ "name": name, "runs": [] }),
    };
    let runs = evidence["runs"].as_array_mut().unwrap();
    let first = runs.iter().filter_map(|run| run["end_seed"].as_u64()).max().unwrap_or(0);
    let (mut end, mut broken) = (first, Vec::new());
    while Instant::now() < until {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&end.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let ran = TestRunner::new_with_rng(config(OF_SEED), rng).run(&cases(), &law);
        broken.extend(ran.err().map(|found| json!([end, found.to_string()])));
        end += 1;
        eprintln!("seed {end}: {} broken", broken.len());
    }
    let broke = !broken.is_empty();
    runs.push(json!({
        "commit": setting("LAW_COMMIT"), "machine": setting("LAW_MACHINE"),
        "first_seed": first, "end_seed": end, "counts": { "histories": (end - first) * u64::from(OF_SEED) },
        "broken": broken.into_iter().take(20).collect::<Vec<Value>>(),
    }));
    std::fs::write(file, serde_json::to_string_pretty(&evidence).unwrap() + "\n").unwrap();
    assert!(!broke, "the law {name} does not hold");
}
