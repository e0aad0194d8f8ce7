//! Tables of `docs/states.md` section 1, 'Derived cells': what follows from the documents, by which name, and with which
//! value.

use std::sync::Arc;

use kfm_lineage::DocumentFacts;

use super::*;
use crate::history::given::{Given, value};

const STORES: [(Domain, &str); 5] = [
    (Domain::Cache, "cache"),
    (Domain::Graph, "graph"),
    (Domain::Stac, "mirror"),
    (Domain::Search, "search"),
    (Domain::Search, "second"),
];

fn named(cells: impl IntoIterator<Item = DerivedCell>) -> String {
    let words: Vec<String> = cells.into_iter().map(|derived| format!("{}", derived.cell)).collect();
    words.join(" ")
}

#[test]
fn each_store_has_its_own_names_for_what_it_shows() {
    let graph_only = &STORES[1..2];
    for (rule, cells, expected) in [
        (
            "a node and a copy have the document's path as key, in every such store",
            named(cells_of_document(&STORES, "f/a.json", "c")),
            "graph:graph/f/a.json stac:mirror/f/a.json",
        ),
        (
            "an alias and a namespace are named by the collection, escaped",
            named(cells_of_collection(&STORES, "Landsat 9")),
            "cache:cache/kfm-~4candsat~209 search:search/kfm-~4candsat~209 search:second/kfm-~4candsat~209",
        ),
        ("a graph shows no collection", named(cells_of_collection(graph_only, "c")), ""),
        ("nothing is projected: no cell", named(cells_of_document(&[], "a.json", "c")), ""),
    ] {
        assert_eq!(cells, expected, "{rule}");
    }
    assert!(cells_of_document(&STORES, "a.json", "c").all(|derived| derived.unit == "c"));
    assert!(cells_of_collection(&STORES, "c").all(|derived| derived.unit == "c"));
}

#[test]
fn nothing_is_projected_onto_a_cell_that_a_pipeline_keeps_itself() {
    for (rule, log, steps, left) in [
        ("no pipeline keeps one", "", "a=1", "graph:graph/a search:search/kfm-c"),
        ("the log says that a pipeline keeps the node", "A publish graph:a=1", "a=1", "search:search/kfm-c"),
        ("this very operation moves the alias itself", "", "a=1 search:kfm-c=1", "graph:graph/a"),
        ("a derived step is not a pipeline's", "", "a=1 *graph:a=1", "graph:graph/a search:search/kfm-c"),
        (
            "a cell that was only adopted is taken over",
            "G adopt graph:a=1",
            "a=1",
            "graph:graph/a search:search/kfm-c",
        ),
    ] {
        let given = Given::log(log);
        let stores = [(Domain::Graph, "graph"), (Domain::Search, "search")];
        let cells = cells_of_document(&stores, "a", "c").chain(cells_of_collection(&stores, "c")).collect();
        let found = projected_onto(cells, &given.steps(steps), &given.history).unwrap();
        assert_eq!(named(found), left, "{rule}");
    }
}

/// A collection `c` with two items, a catalog, an item without collection, and a file that is not JSON.
fn view() -> CatalogView {
    let mut view = CatalogView::default();
    for (path, text) in [
        ("c.json", r#"{"type": "Collection", "id": "c"}"#),
        ("a.json", r#"{"type": "Feature", "id": "a", "collection": "c"}"#),
        ("b.json", r#"{"type": "Feature", "id": "b", "collection": "c"}"#),
        ("catalog.json", r#"{"type": "Catalog", "id": "root"}"#),
        ("lone.json", r#"{"type": "Feature", "id": "lone"}"#),
        ("notes.json", "not JSON"),
    ] {
        view.insert(path.to_owned(), Arc::new(DocumentFacts::project(text.as_bytes())));
    }
    view
}

fn of_document(domain: Domain, path: &str) -> DerivedCell {
    cells_of_document(&[(domain, "store")], path, "c").next().unwrap()
}

fn of_collection(id: &str) -> DerivedCell {
    cells_of_collection(&[(Domain::Search, "store")], id).next().unwrap()
}

/// Says what a cell shows: `document a.json`, `node a.json public`, or `lists a.json b.json`.
fn shown(view: &CatalogView, content: Option<Content<'_>>) -> String {
    match content {
        None => "absent".to_owned(),
        Some(Content::Document(digest)) => {
            let (path, _) = view.iter().find(|(_, document)| document.digest == digest).unwrap();
            format!("document {path}")
        }
        Some(Content::Node(node)) => {
            let text = |name: &str| node["properties"][name].as_str().unwrap_or("-").to_owned();
            format!("node {} {}", text("kfm_id"), text("care_label"))
        }
        Some(Content::Listed(members)) => {
            assert!(members.iter().all(|(path, digest)| view.get(path).unwrap().digest == *digest));
            format!("lists {}", members.keys().copied().collect::<Vec<_>>().join(" "))
        }
    }
}

#[test]
fn a_cell_shows_what_the_documents_say_and_nothing_that_is_hidden() {
    let view = view();
    for (rule, hidden, derived, expected) in [
        ("a copy is the document itself", "", of_document(Domain::Stac, "a.json"), "document a.json"),
        (
            "a copy of what is not JSON, too",
            "",
            of_document(Domain::Stac, "notes.json"),
            "document notes.json",
        ),
        ("a copy of a hidden document is absent", "a.json", of_document(Domain::Stac, "a.json"), "absent"),
        ("a copy of a retired document is absent", "", of_document(Domain::Stac, "gone.json"), "absent"),
        ("a node shows the label in force", "", of_document(Domain::Graph, "a.json"), "node a.json public"),
        ("a catalog has only a node", "", of_document(Domain::Graph, "catalog.json"), "node catalog.json -"),
        ("what is not JSON has no node", "", of_document(Domain::Graph, "notes.json"), "absent"),
        ("the node of a hidden document is absent", "a.json", of_document(Domain::Graph, "a.json"), "absent"),
        ("an alias lists the items and the collection", "", of_collection("c"), "lists a.json b.json c.json"),
        ("a hidden document is in no listing", "a.json", of_collection("c"), "lists b.json c.json"),
        ("no document is left to show: absent", "a.json b.json c.json", of_collection("c"), "absent"),
        ("no document names it: absent", "", of_collection("other"), "absent"),
        ("a catalog's id is no collection", "", of_collection("root"), "absent"),
    ] {
        let hidden = hidden.split_whitespace().map(str::to_owned).collect();
        let documents = Documents::new(&view, hidden, |path| (path == "a.json").then_some("public"));
        assert_eq!(shown(&view, documents.content(&derived)), expected, "{rule}");
    }
}

#[test]
fn every_document_behind_a_cell_is_asked_for_its_protection() {
    let view = view();
    for (rule, cells, expected) in [
        ("no cell", vec![], ""),
        ("the document of a node", vec![of_document(Domain::Graph, "lone.json")], "lone.json"),
        ("all documents of an alias", vec![of_collection("c")], "a.json b.json c.json"),
        (
            "each once",
            vec![
                of_collection("c"),
                of_document(Domain::Graph, "a.json"),
                of_document(Domain::Stac, "a.json"),
            ],
            "a.json b.json c.json",
        ),
        ("a collection without documents", vec![of_collection("other")], ""),
    ] {
        let cells: BTreeSet<DerivedCell> = cells.into_iter().collect();
        let found: Vec<&str> = behind(&cells, &members(&view)).into_iter().collect();
        assert_eq!(found.join(" "), expected, "{rule}");
    }
}

#[test]
fn a_derived_cell_moves_from_what_its_store_holds_to_its_projection() {
    for (rule, before, after, moves) in [
        ("it holds its projection: no step", "1", "1", false),
        ("it is absent and stays absent: no step", "-", "-", false),
        ("it appears", "-", "1", true),
        ("it changes, whatever stood there", "9", "1", true),
        ("it disappears", "1", "-", true),
    ] {
        let derived = of_collection("c");
        let step = derived_step(&derived, value(before), value(after));
        assert_eq!(step.is_some(), moves, "{rule}");
        if let Some(step) = step {
            assert_eq!(
                (step.before, step.after, step.derived),
                (value(before), value(after), true),
                "{rule}"
            );
            assert_eq!((&step.cell, &step.unit), (&derived.cell, &derived.unit), "{rule}");
        }
    }
}
