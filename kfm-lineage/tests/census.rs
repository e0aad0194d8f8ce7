//! R48: a census that is kept while a catalog changes is the one that is counted from the start, after every change of
//! random histories, back and forth.
//!
//! A run in CI has 4,096 histories, or sixteen times as many as `PROPTEST_CASES` says, and `.ci/long census` has more.

mod histories;

use std::sync::Arc;

use histories::{Change, PATHS, change};
use kfm_lineage::document::DocumentFacts;
use kfm_lineage::integrity::{CatalogView, CountedCatalog};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

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

#[test]
fn what_is_kept_is_what_is_counted_from_the_start() {
    histories::run(16, history(), |history| holds(&history));
}

#[test]
#[ignore = "runs for LAW_MINUTES and adds to LAW_FILE: started by .ci/long"]
fn long() {
    histories::long("census", history, |history| holds(&history));
}
