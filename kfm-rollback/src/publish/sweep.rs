//! Finds out whether a mirror retires so much that the actor is asked first: a wrong folder, or a download that
//! failed, looks like a catalog that was emptied on purpose.

use std::collections::BTreeSet;

use kfm_lineage::DocumentFacts;
use kfm_lineage::integrity::CatalogView;

use super::changes::Changes;
use crate::report::SweepLine;

/// A mirror that retires more than one document in this many, rounded up, is a sweep.
const SWEEP_SHARE: u64 = 10;

/// Collections that a sweep names.
const NAMED_MAX: usize = 10;

/// Returns what a change retires if that is more than a tenth of the catalog (rounded up), or all of a collection:
/// its items and its own document, while none stays and none comes in their place.
pub(super) fn sweep_of(now: &CatalogView, changes: &Changes) -> Option<SweepLine> {
    let documents = now.iter().count() as u64;
    let retires =
        now.iter().filter(|(path, _)| matches!(changes.documents.get(*path), Some(None))).count() as u64;
    let emptied = emptied_collections(now, changes);
    if retires <= documents.div_ceil(SWEEP_SHARE) && emptied.is_empty() {
        return None;
    }
    let emptied_total = emptied.len() as u64;
    let collections = emptied.into_iter().take(NAMED_MAX).map(str::to_owned).collect();
    Some(SweepLine { documents, retires, emptied_total, collections })
}

/// Lists the collections that lose a document and of which no document would stand.
fn emptied_collections<'a>(now: &'a CatalogView, changes: &'a Changes) -> BTreeSet<&'a str> {
    let collection_of = |facts: &'a DocumentFacts| facts.collections();
    let kept = now.iter().filter(|(path, _)| !changes.documents.contains_key(*path)).map(|(_, facts)| facts);
    let brought = changes.documents.values().flatten();
    let stays: BTreeSet<&str> = kept.chain(brought).filter_map(|facts| collection_of(facts)).collect();
    let retired = now.iter().filter(|(path, _)| matches!(changes.documents.get(*path), Some(None)));
    retired.filter_map(|(_, facts)| collection_of(facts)).filter(|id| !stays.contains(id)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn facts(collection: &str, is_item: bool) -> Arc<DocumentFacts> {
        let text = match is_item {
            true => format!(r#"{{"type":"Feature","id":"i","collection":"{collection}"}}"#),
            false => format!(r#"{{"type":"Collection","id":"{collection}"}}"#),
        };
        Arc::new(DocumentFacts::project(text.as_bytes()))
    }

    /// A catalog of a collection `a` with its own document and so many items, and of `b` with one document.
    fn catalog(items: usize) -> CatalogView {
        let mut view = CatalogView::default();
        for n in 0..items {
            view.insert(format!("a/{n}.json"), facts("a", true));
        }
        view.insert("a/collection.json", facts("a", false));
        view.insert("b/collection.json", facts("b", false));
        view
    }

    fn retiring<'a>(paths: impl IntoIterator<Item = &'a str>) -> Changes {
        let documents = paths.into_iter().map(|path| (path.to_owned(), None)).collect();
        Changes { documents, ..Changes::default() }
    }

    fn retires(items: usize, count: usize) -> Option<u64> {
        let paths: Vec<String> = (0..count).map(|n| format!("a/{n}.json")).collect();
        sweep_of(&catalog(items), &retiring(paths.iter().map(String::as_str))).map(|sweep| sweep.retires)
    }

    #[test]
    fn more_than_a_tenth_rounded_up_is_a_sweep() {
        for (documents, most) in [(4, 1), (10, 1), (11, 2), (20, 2), (100, 10), (101, 11)] {
            assert_eq!(retires(documents - 2, most), None, "{documents}");
            if most < documents - 2 {
                assert_eq!(retires(documents - 2, most + 1), Some(most as u64 + 1), "{documents}");
            }
        }
        assert_eq!(sweep_of(&CatalogView::default(), &Changes::default()), None);
    }

    #[test]
    fn all_of_a_collection_is_a_sweep_and_all_but_its_own_document_is_none() {
        let view = catalog(98);
        let sweep = sweep_of(&view, &retiring(["b/collection.json"])).unwrap();
        assert_eq!((sweep.retires, sweep.documents, sweep.collections), (1, 100, vec!["b".to_owned()]));
        let mut small = catalog(1);
        small.insert("c/collection.json", facts("c", false));
        small.insert("c/1.json", facts("c", true));
        assert_eq!(sweep_of(&small, &retiring(["a/0.json"])), None, "its own document stays");
        let mut moved = retiring(["b/collection.json"]);
        moved.documents.insert("elsewhere/b.json".into(), Some(facts("b", false)));
        assert_eq!(sweep_of(&view, &moved), None, "it only moves to another path");
        let mut turned = Changes::default();
        turned.documents.insert("b/collection.json".into(), Some(facts("d", false)));
        assert_eq!(sweep_of(&view, &turned), None, "a collection that gets another id retires nothing");
    }
}
