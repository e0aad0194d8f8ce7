//! What an operation costs on one document, as the catalog around it grows: whole runs of the command, each in a process of
//! its own, as an operator makes them.
//!
//! Each size is a catalog of items of 2 KB in collections of 500. Each verb is run on one changed document; the peer of a
//! size is the smallest one, so the ratio to it is the growth. 1 would be a cost that only depends on what changes.

mod catalog;
mod run;

use std::path::Path;

use crate::report::Row;
use run::{Kfm, Run};

/// Sizes of catalogs, in documents; more by `--documents`.
const SIZES: [usize; 2] = [1_000, 10_000];

/// Times that each verb is run.
const ROUNDS: usize = 5;

/// The most that a process may hold.
const PEAK_MIB_MAX: f64 = 128.0;

/// Answers the question with the command at `kfm`; `None` if `sizes` is not a list of numbers of documents.
pub fn answers(kfm: &Path, sizes: Option<&str>) -> Option<Vec<Row>> {
    let sizes: Vec<usize> = match sizes {
        Some(text) => text.split(',').map(|size| size.parse::<usize>().ok()).collect::<Option<_>>()?,
        None => SIZES.to_vec(),
    };
    let measured: Vec<(usize, Vec<(&'static str, Run)>)> =
        sizes.iter().map(|size| (*size, one_document_of(*size, kfm))).collect();
    let (_, least) = &measured[0];
    let mut rows = vec![raw()];
    for (size, verbs) in &measured {
        for ((verb, run), (_, of_least)) in verbs.iter().zip(least) {
            let row = |what: &str, ours, peer, limit, unit| Row {
                name: format!("{verb}, one document of {size}: {what}"),
                ours,
                peer: Some(peer),
                limit,
                unit,
                runs: ROUNDS,
            };
            rows.push(row("time", run.ms, of_least.ms, None, "ms"));
            rows.push(row("memory", run.peak_mib, of_least.peak_mib, Some(PEAK_MIB_MAX), "MiB"));
        }
    }
    Some(rows)
}

/// The fastest of some runs of each verb.
fn one_document_of(size: usize, kfm: &Path) -> Vec<(&'static str, Run)> {
    let root = tempfile::tempdir().expect("a folder");
    let kfm = Kfm::new(kfm, root.path());
    kfm.init();
    let source = root.path().join("all");
    catalog::write(&source, size);
    kfm.run(&["publish", "--from", "all", "--pipeline", "bench"]);
    let mut fastest: Vec<(&'static str, Run)> = Vec::new();
    for round in 0..ROUNDS {
        catalog::write_one(&root.path().join("one"), round);
        let verbs: [(&'static str, &[&str]); 9] = [
            ("publish", &["publish", "--from", "one", "--pipeline", "bench"]),
            ("status", &["status"]),
            ("list", &["publish", "list"]),
            ("show", &["publish", "show", "latest"]),
            ("plan", &["rollback", "plan", "latest"]),
            ("dry-run", &["rollback", "dry-run", "latest"]),
            ("execute", &["rollback", "execute", "latest", "--reason", "bench", "--yes"]),
            ("revert", &["rollback", "revert", "latest", "--reason", "bench", "--yes"]),
            ("check", &["catalog", "check"]),
        ];
        for (n, (verb, words)) in verbs.into_iter().enumerate() {
            let run = kfm.run(words);
            match fastest.get_mut(n) {
                Some((_, best)) => *best = best.better(run),
                None => fastest.push((verb, run)),
            }
        }
    }
    fastest
}

/// What the machine takes to make one document durable: written, synced, renamed, its folder synced.
fn raw() -> Row {
    let folder = tempfile::tempdir().expect("a folder");
    let mut best = f64::MAX;
    for round in 0..ROUNDS {
        let begun = std::time::Instant::now();
        let (beside, place) = (folder.path().join("beside"), folder.path().join("document"));
        let mut file = std::fs::File::create(&beside).expect("created");
        std::io::Write::write_all(&mut file, &catalog::item(0, round)).expect("written");
        file.sync_all().expect("synced");
        std::fs::rename(&beside, &place).expect("renamed");
        std::fs::File::open(folder.path()).and_then(|folder| folder.sync_all()).expect("synced");
        best = best.min(begun.elapsed().as_secs_f64() * 1e3);
    }
    Row {
        name: "raw: one document durable".into(),
        ours: best,
        peer: None,
        limit: None,
        unit: "ms",
        runs: ROUNDS,
    }
}
