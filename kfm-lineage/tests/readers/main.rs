//! The reader of documents against two other readers, over mutations of real documents: an id, a collection,
//! a label, a coordinate or a link that one of them finds and the facts lack would be left without
//! protection.
//!
//! A run in CI has 100,000 mutations; `.ci/long readers` goes on from the last seed for the time that it is
//! given.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails"
)]

mod chance;
mod corpus;
mod found;
mod mutate;
mod python;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use kfm_lineage::DocumentFacts;
use serde_json::{Value, json};

use crate::chance::Chance;
use crate::corpus::Corpus;
use crate::found::Found;
use crate::python::Python;

/// How many mutations one seed makes.
const BATCH: usize = 500;

/// The size of the stack, in bytes: one of the other readers recurses.
const STACK_BYTES: usize = 64 << 20;

/// The result of the mutations of some seeds.
#[derive(Debug, Default)]
struct Outcome {
    counts: BTreeMap<&'static str, u64>,
    /// The seeds with a miss, each with what was missed in which document.
    broken: Vec<(u64, String)>,
}

impl Outcome {
    fn count(&mut self, what: &'static str, number: u64) {
        *self.counts.entry(what).or_default() += number;
    }

    fn merge(&mut self, other: Self) {
        other.counts.into_iter().for_each(|(what, number)| self.count(what, number));
        self.broken.extend(other.broken);
    }
}

/// Reads the mutations of each seed with all three readers.
fn run(seeds: Range<u64>) -> Outcome {
    let workers = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let mut outcome = Outcome::default();
    std::thread::scope(|scope| {
        let work = |worker| {
            let seeds = seeds.clone().filter(move |seed| seed % workers == worker);
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
            let spawned = thread.spawn_scoped(scope, move || {
                let (corpus, mut python) = (Corpus::read(), Python::start());
                let mut outcome = Outcome::default();
                seeds.for_each(|seed| one_seed(seed, &corpus, &mut python, &mut outcome));
                outcome
            });
            spawned.unwrap()
        };
        for worker in (0..workers).map(work).collect::<Vec<_>>() {
            outcome.merge(worker.join().unwrap());
        }
    });
    outcome.broken.sort();
    outcome
}

fn one_seed(seed: u64, corpus: &Corpus, python: &mut Python, outcome: &mut Outcome) {
    let mut chance = Chance::new(seed);
    let documents: Vec<Vec<u8>> = (0..BATCH).map(|_| mutate::document(&mut chance, corpus)).collect();
    for (document, by_python) in documents.iter().zip(python.read(&documents)) {
        let by_rust = Found::by_hifijson(document);
        outcome.count("mutations", 1);
        outcome.count("read_by_python", u64::from(by_python.is_some()));
        outcome.count("read_by_hifijson", u64::from(by_rust.is_some()));
        let facts = DocumentFacts::project(document);
        for (reader, found) in [("python", by_python), ("hifijson", by_rust)] {
            let Some(found) = found else { continue };
            outcome.count("statements", found.len());
            for missing in found.missing_in(&facts) {
                let document = String::from_utf8_lossy(document);
                outcome.broken.push((seed, format!("{reader} finds {missing} in {document}")));
            }
        }
    }
}

#[test]
fn what_another_reader_finds_is_in_the_facts() {
    let seeds = 0..100_000 / BATCH as u64;
    let outcome = run(seeds);
    assert!(outcome.broken.is_empty(), "{} missed, the first: {:?}", outcome.broken.len(), outcome.broken[0]);
    let count = |what| outcome.counts[what];
    assert_eq!(count("mutations"), 100_000);
    // Mutations that every reader refuses would prove nothing.
    assert!(count("read_by_python") > 30_000 && count("read_by_hifijson") > 15_000, "{:?}", outcome.counts);
    assert!(count("statements") > 500_000, "{:?}", outcome.counts);
}

#[test]
#[ignore = "runs for READERS_MINUTES and adds to READERS_FILE: started by .ci/long"]
#[allow(clippy::disallowed_methods, reason = "it is told how long to run, and where to write")]
fn long() {
    let setting = |name| std::env::var(name).unwrap();
    let until = Instant::now() + Duration::from_secs(60 * setting("READERS_MINUTES").parse::<u64>().unwrap());
    let file = setting("READERS_FILE");
    let mut evidence = match std::fs::read(Path::new(&file)) {
        Ok(text) => serde_json::from_slice(&text).unwrap(),
        Err(_) => json!({ "name": "readers", "runs": [] }),
    };
    let runs = evidence["runs"].as_array_mut().unwrap();
    let first = runs.iter().filter_map(|run| run["end_seed"].as_u64()).max().unwrap_or(0);
    let (mut end, mut outcome) = (first, Outcome::default());
    while Instant::now() < until {
        outcome.merge(run(end..end + 200));
        end += 200;
        eprintln!("seed {end}: {:?}, {} missed", outcome.counts, outcome.broken.len());
    }
    let Outcome { counts, broken } = outcome;
    let broke = !broken.is_empty();
    runs.push(json!({
        "commit": setting("READERS_COMMIT"), "machine": setting("READERS_MACHINE"),
        "first_seed": first, "end_seed": end, "counts": counts,
        "broken": broken.into_iter().take(20).map(|(seed, what)| json!([seed, what])).collect::<Vec<Value>>(),
    }));
    std::fs::write(file, serde_json::to_string_pretty(&evidence).unwrap() + "\n").unwrap();
    assert!(!broke, "the facts lack what another reader finds");
}
