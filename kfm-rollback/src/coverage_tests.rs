//! Tables of what entries cover, and of what leads on from a document that stands against protection.

use super::*;
use crate::history::given::Given;

fn registry(entries: &[(&str, &str)]) -> LabelRegistry {
    let entry = |(about, care): &(&str, &str)| {
        format!(
            "[[label]]\n{about}\ncare = '{care}'\nauthority = 'Council'\nreason = 'r'\nreview_by = 2027-06-30\n"
        )
    };
    LabelRegistry::load(Some(&entries.iter().map(entry).collect::<String>()), None, &[]).unwrap()
}

fn document(text: &str) -> DocumentFacts {
    DocumentFacts::project(text.as_bytes())
}

fn named(path: &str, id: &str, collection: &str, contents: &[&str]) -> Named {
    Named {
        path: path.into(),
        ids: [id.to_owned()].into(),
        collections: [collection.to_owned()].into(),
        contents: contents.iter().map(|text| Arc::new(document(text))).collect(),
    }
}

#[test]
fn an_entry_covers_what_ever_carried_its_name_stood_at_its_path_or_had_its_content() {
    let old = r#"{"type": "Feature", "id": "a", "title": "old"}"#;
    let documents = || {
        vec![
            named("f/a.json", "a", "c", &[old, r#"{"type": "Feature", "id": "a"}"#]),
            named("f/b.json", "b", "c", &[]),
            named("g/d.json", "d", "e", &[]),
        ]
    };
    for (rule, entries, by_entry, outdone) in [
        ("everything", vec![("under = ''", "public")], vec![3], vec![0]),
        ("a path", vec![("entity = 'f/b.json'", "restricted")], vec![1], vec![0]),
        ("a folder", vec![("under = 'f/'", "restricted")], vec![2], vec![0]),
        ("an id", vec![("entity = 'd'", "restricted")], vec![1], vec![0]),
        ("a collection, by its id", vec![("entity = 'c'", "restricted")], vec![2], vec![0]),
        ("nothing", vec![("entity = 'nothing'", "restricted")], vec![0], vec![0]),
        (
            "an entry that asks for more outdoes the other one",
            vec![("under = ''", "public"), ("under = 'f/'", "restricted"), ("entity = 'a'", "sensitive")],
            vec![3, 2, 1],
            vec![2, 0, 1],
        ),
        (
            "an entry that asks for the same outdoes none",
            vec![("under = 'f/'", "restricted"), ("entity = 'a'", "restricted")],
            vec![2, 1],
            vec![0, 0],
        ),
    ] {
        let found = counted(&registry(&entries), &documents());
        assert_eq!(found, Coverage { documents: 3, by_entry, outdone }, "{rule}");
    }
    let digest = document(old).digest;
    let suppression = format!("[[suppression]]\ndigest = '{digest}'\nauthority = 'Council'\nreason = 'r'\n");
    let withdrawn = LabelRegistry::load(None, Some(&suppression), &[]).unwrap();
    assert_eq!(counted(&withdrawn, &documents()).by_entry, [1], "content that stood once");
}

#[test]
fn an_entry_that_asks_for_public_raises_nothing() {
    for (rule, entries, is_raised) in [
        ("no entry", vec![], false),
        ("public", vec![("under = ''", "public")], false),
        ("restricted", vec![("entity = 'a'", "restricted")], true),
        ("restricted, of another document", vec![("entity = 'b'", "restricted")], false),
        ("one of several raises", vec![("under = ''", "public"), ("under = 'f/'", "sensitive")], true),
    ] {
        let (ids, collections) = (["a".to_owned()].into(), BTreeSet::new());
        let subject =
            Subject { path: "f/a.json", ids: &ids, collections: &collections, own: &[], content: None };
        assert_eq!(raises(&registry(&entries), &subject), is_raised, "{rule}");
    }
}

#[test]
fn an_operation_is_named_to_be_taken_back_only_where_that_would_not_be_denied() {
    for (rule, log, links, named) in [
        ("it brought the document", "A publish a=1", "", Some("A")),
        ("the last one that moved it", "A publish a=1; B publish a=2", "", Some("B")),
        ("the log does not know the document", "A publish b=1", "", None),
        ("a genesis cannot be taken back", "G adopt a=1", "", None),
        ("a reconcile moved no reference", "F reconcile a=1", "", None),
        ("its own document links to this one", "A publish a=1 b=1", "b", Some("A")),
        ("a document of a later operation links to it", "A publish a=1; B publish b=1", "b", None),
        ("a document of an earlier operation links to it", "B publish b=1; A publish a=1", "b", None),
        ("one that the log does not know links to it", "A publish a=1", "b", None),
        ("one of several is of another operation", "A publish a=1 b=1; B publish c=1", "b c", None),
    ] {
        let given = Given::log(log);
        let mut linked: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        linked.insert("a", links.split_whitespace().collect());
        let found = taken_back_alone(&given.history, "catalog", "a", &linked).unwrap();
        assert_eq!(found.as_ref().map(|write| given.name(Some(&write.operation))), named, "{rule}");
    }
}

#[test]
fn the_version_before_must_be_let_through_itself() {
    let place = r#"{"type": "Feature", "id": "a", "geometry": {"type": "Point", "coordinates": [1.5, 2.5]}}"#;
    let nowhere = r#"{"type": "Feature", "id": "a"}"#;
    for (rule, asked, earlier, is_let_through) in [
        ("there was none", Treatment::H3R5, None, true),
        ("it has a place", Treatment::H3R5, Some(place), false),
        ("it has none", Treatment::H3R5, Some(nowhere), true),
        ("under a hold nothing is", Treatment::Quarantined, Some(nowhere), false),
        ("of what is withdrawn the ratchet leaves none", Treatment::Withdrawn, Some(place), true),
    ] {
        let earlier = earlier.map(document);
        assert_eq!(is_better(asked, earlier.as_ref()), is_let_through, "{rule}");
    }
}

#[test]
fn what_leads_on_depends_on_what_protection_asks() {
    let undo = || Advice::from("UNDO");
    for (asked, may_undo, may_mask) in [
        (Treatment::H3R5, true, true),
        (Treatment::NoGeometry, true, true),
        (Treatment::Quarantined, false, false),
        (Treatment::Withdrawn, true, false),
    ] {
        let found = format!("{:?}", way_out(asked, undo()));
        assert_eq!(found.contains("UNDO"), may_undo, "{asked}: undoing");
        assert_eq!(found.contains("publish a version of it"), may_mask, "{asked}: masking");
    }
}

#[test]
fn links_of_every_kind_but_self_tie_a_document_to_another() {
    let mut view = CatalogView::default();
    for (path, text) in [
        (
            "catalog.json",
            r#"{"type": "Catalog", "id": "r", "links": [{"rel": "self", "href": "./a.json"},
            {"rel": "item", "href": "./a.json"}, {"rel": "child", "href": "./gone.json"}]}"#,
        ),
        (
            "a.json",
            r#"{"type": "Feature", "id": "a", "links": [{"rel": "related", "href": "./a.json"},
            {"rel": "derived_from", "href": "./b.json"}, {"rel": "about", "href": "https://example.org/x.json"}]}"#,
        ),
        ("b.json", r#"{"type": "Feature", "id": "b", "links": [{"rel": "self", "href": "./a.json"}]}"#),
    ] {
        view.insert(path.to_owned(), Arc::new(document(text)));
    }
    let linked: Vec<String> = linked_by(&view)
        .into_iter()
        .map(|(to, from)| format!("{to} from {}", from.into_iter().collect::<Vec<_>>().join(" ")))
        .collect();
    assert_eq!(linked, ["a.json from catalog.json", "b.json from a.json"]);
}
