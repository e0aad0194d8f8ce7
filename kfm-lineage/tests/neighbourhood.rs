//! R48: the part of a catalog around a change tells what the change does to the whole (ADR 0033).
//!
//! A run in CI has 4,096 catalogs, or sixteen times as many as `PROPTEST_CASES` says, and `.ci/long neighbourhood` has more.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod histories;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use histories::document_of;
use kfm_lineage::document::DocumentFacts;
use kfm_lineage::integrity::{CatalogView, Census, IntegrityChange, Neighbourhood, Term, Wanted};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use serde_json::json;

type Document = Option<Arc<DocumentFacts>>;

const FOLDERS: [&str; 4] = ["", "c/", "d/", "d/e/"];
const NAMES: [&str; 5] = ["catalog.json", "collection.json", "a.json", "b#1.json", "b"];

fn path() -> impl Strategy<Value = String> {
    (prop::sample::select(FOLDERS.to_vec()), prop::sample::select(NAMES.to_vec()))
        .prop_map(|(folder, name)| format!("{folder}{name}"))
}

fn href() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => path().prop_map(|path| format!("/{path}")),
        1 => path().prop_map(|path| path.replace('#', "%23")),
        2 => path().prop_map(|path| format!("https://example.org/{path}")),
        1 => Just("../lost.json".to_owned()),
    ]
}

fn document() -> impl Strategy<Value = Document> {
    document_of(href().boxed(), 5)
}

/// A catalog, and what differs from it at up to three further moments.
#[derive(Debug, Clone)]
struct Case {
    first: BTreeMap<String, Document>,
    later: Vec<BTreeMap<String, Document>>,
}

fn case() -> impl Strategy<Value = Case> {
    let catalog = prop::collection::btree_map(path(), document(), 3..18);
    let changes = prop::collection::btree_map(path(), document(), 1..3);
    (catalog, prop::collection::vec(changes, 1..4)).prop_map(|(first, later)| Case { first, later })
}

fn moments(case: &Case) -> Vec<CatalogView> {
    let view = |documents: &BTreeMap<String, Document>| -> CatalogView {
        let standing =
            documents.iter().filter_map(|(path, document)| Some((path.clone(), document.clone()?)));
        standing.collect()
    };
    let mut moments = vec![view(&case.first)];
    let mut documents = case.first.clone();
    for change in &case.later {
        documents.extend(change.clone());
        moments.push(view(&documents));
    }
    moments
}

/// Answers what a neighbourhood asks, from whole views.
fn surround(around: &mut Neighbourhood, moments: &[CatalogView]) {
    let mut index: BTreeMap<Term, BTreeSet<String>> = BTreeMap::new();
    for (path, document) in moments.iter().flat_map(CatalogView::iter) {
        for term in Term::of(path, document) {
            index.entry(term).or_default().insert(path.to_owned());
        }
    }
    while let Some(Wanted { paths, terms, .. }) = around.wanted() {
        for path in paths {
            around.give(&path, moments.iter().map(|view| view.get(&path).cloned()));
        }
        for term in terms {
            let holders = index.get(&term).cloned().unwrap_or_default();
            around.give_holders(term, holders);
        }
    }
}

/// What differs between two censuses: breaks, orphans, wrong selves, ids that are shared.
fn differences(before: &Census, after: &Census) -> impl PartialEq + std::fmt::Debug + use<> {
    let both = |of: fn(&Census) -> &BTreeSet<String>| {
        let only = |a: &Census, b: &Census| of(a).difference(of(b)).cloned().collect::<Vec<_>>();
        [only(before, after), only(after, before)]
    };
    let breaks = |a: &Census, b: &Census| a.breaks.difference(&b.breaks).cloned().collect::<Vec<_>>();
    let ids = |a: &Census, b: &Census| {
        let other = a.duplicate_ids.iter().filter(|(id, paths)| b.duplicate_ids.get(*id) != Some(*paths));
        other.map(|(id, paths)| (id.clone(), paths.clone())).collect::<Vec<_>>()
    };
    let counts = |census: &Census| {
        let counts = census.counts();
        [
            counts.documents,
            counts.links,
            counts.broken_links,
            counts.orphan_count,
            counts.unlisted,
            counts.duplicate_ids,
            counts.wrong_self_links,
            counts.not_json,
        ]
        .map(|count| i64::try_from(count).unwrap())
    };
    let (from, to) = (counts(before), counts(after));
    let counted: Vec<i64> = from.iter().zip(to).map(|(from, to)| to - from).collect();
    (
        counted,
        [breaks(before, after), breaks(after, before)],
        [ids(before, after), ids(after, before)],
        both(|census| &census.orphans),
        both(|census| &census.unlisted),
        both(|census| &census.wrong_self_links),
        both(|census| &census.not_json),
    )
}

fn tells_of_the_whole(case: &Case) -> TestCaseResult {
    let whole = moments(case);
    let changed: BTreeSet<String> = case.later.iter().flat_map(|change| change.keys().cloned()).collect();
    let mut around = Neighbourhood::new(whole.len(), changed.clone());
    surround(&mut around, &whole);
    let part = around.views();
    let census = |views: &[CatalogView]| views.iter().map(CatalogView::census).collect::<Vec<_>>();
    let (whole, part) = (census(&whole), census(&part));
    for (at, before) in whole.iter().enumerate() {
        for (to, after) in whole.iter().enumerate() {
            let expected = differences(before, after);
            prop_assert_eq!(differences(&part[at], &part[to]), expected, "from {} to {}", at, to);
            let undone = |censuses: &[Census]| {
                let change = IntegrityChange::of_rollback(
                    censuses[at].clone(),
                    censuses[to].clone(),
                    &censuses[0],
                    &censuses[1],
                    &changed,
                );
                (change.introduced, change.returned, change.left)
            };
            prop_assert_eq!(undone(&part), undone(&whole), "as a rollback from {} to {}", at, to);
        }
    }
    Ok(())
}

#[test]
fn the_part_around_a_change_tells_what_it_does_to_the_whole() {
    histories::run(16, case(), |case| tells_of_the_whole(&case));
}

/// What random catalogs hardly come upon: links by the addresses that documents claim.
#[test]
fn the_part_has_what_only_an_address_leads_to() {
    const U: &str = "https://example.org/u.json";
    const Z: &str = "https://example.org/z.json";
    let document = |kind: &str, links: &[(&str, &str)]| {
        let (kind, deprecated) = kind.split_once(' ').map_or((kind, false), |(kind, _)| (kind, true));
        let links: Vec<_> = links.iter().map(|(rel, href)| json!({ "rel": rel, "href": href })).collect();
        let text =
            json!({ "type": kind, "links": links, "properties": { "deprecated": deprecated } }).to_string();
        Some(Arc::new(DocumentFacts::project(text.as_bytes())))
    };
    /// The rule, the first catalog, and the path at which another document stands later.
    type Row<'a> = (&'a str, &'a [(&'a str, Document)], &'a str, Document);
    let rows: [Row<'_>; 3] = [
        (
            "a version that names a changed document by its address",
            &[
                ("a.json", document("Feature", &[("self", U)])),
                ("b.json", document("Feature deprecated", &[("latest-version", U)])),
            ],
            "a.json",
            document("Feature deprecated", &[("self", U), ("latest-version", "/c.json")]),
        ),
        (
            "what is listed by an address that another document gave up, and its parent by an address",
            &[
                ("u.json", document("Feature", &[("self", U)])),
                ("w.json", document("Feature", &[("self", U), ("parent", Z)])),
                ("l.json", document("Catalog", &[("item", U)])),
                ("z.json", document("Catalog", &[("self", Z)])),
            ],
            "u.json",
            document("Feature", &[]),
        ),
        (
            "what a link leads to no more since it can be read in another way, and its parent by an address",
            &[
                ("b", document("Feature", &[("parent", Z)])),
                ("l.json", document("Catalog", &[("item", "/b#1.json")])),
                ("z.json", document("Catalog", &[("self", Z)])),
            ],
            "b#1.json",
            document("Feature", &[]),
        ),
    ];
    for (rule, first, path, later) in rows {
        let first: BTreeMap<String, Document> =
            first.iter().map(|(path, document)| ((*path).to_owned(), document.clone())).collect();
        let case = Case { first, later: vec![BTreeMap::from([(path.to_owned(), later)])] };
        let whole = moments(&case);
        assert_ne!(whole[0].census().breaks, whole[1].census().breaks, "{rule}");
        tells_of_the_whole(&case).unwrap_or_else(|error| panic!("{rule}: {error}"));
    }
}

#[test]
#[ignore = "runs for LAW_MINUTES and adds to LAW_FILE: started by .ci/long"]
fn long() {
    histories::long("neighbourhood", case, |case| tells_of_the_whole(&case));
}
