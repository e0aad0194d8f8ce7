use super::*;
use crate::integrity::LinkClass;

/// A census with these documents having broken links, and with these orphans.
fn census(broken: &[&str], orphans: &[&str]) -> Census {
    let broken_link = |document: &&str| Break {
        class: LinkClass::Dangling,
        document: (*document).to_owned(),
        rel: "item".to_owned(),
        target: "lost.json".to_owned(),
    };
    Census {
        breaks: broken.iter().map(broken_link).collect(),
        orphans: orphans.iter().map(|path| (*path).to_owned()).collect(),
        ..Census::default()
    }
}

fn documents(findings: &[IntegrityFinding]) -> Vec<&str> {
    findings.iter().map(IntegrityFinding::document).collect()
}

fn moved(paths: &[&str]) -> BTreeSet<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

#[test]
fn a_publish_introduces_what_was_not_there_before_it() {
    let change =
        IntegrityChange::of_publish(census(&["old"], &["lone"]), census(&["new", "old"], &["lone", "x"]));
    assert_eq!(documents(&change.introduced), ["new", "x"]);
    assert!(change.returned.is_empty() && change.left.is_empty());
}

#[test]
fn a_rollback_returns_what_was_there_before_the_undone_operation_and_introduces_the_rest() {
    let undone_before = census(&["old"], &["lone"]);
    let undone_after = census(&[], &[]);
    let change = IntegrityChange::of_rollback(
        census(&[], &[]),
        census(&["new", "old"], &["lone", "x"]),
        &undone_before,
        &undone_after,
        &moved(&["old", "new"]),
    );
    assert_eq!(documents(&change.introduced), ["new", "x"]);
    assert_eq!(documents(&change.returned), ["old", "lone"]);
    assert!(change.left.is_empty());
}

#[test]
fn a_break_that_the_undone_operation_made_is_left_only_in_a_document_that_moves() {
    let made = census(&["elsewhere", "here"], &["here"]);
    let change =
        IntegrityChange::of_rollback(made.clone(), made.clone(), &census(&[], &[]), &made, &moved(&["here"]));
    assert_eq!(documents(&change.left), ["here", "here"]);
    assert!(change.introduced.is_empty() && change.returned.is_empty());
}

#[test]
fn old_breaks_elsewhere_are_neither_introduced_nor_returned_nor_left() {
    let old = census(&["old"], &["lone"]);
    let change = IntegrityChange::of_rollback(old.clone(), old.clone(), &old, &old, &moved(&["old", "lone"]));
    assert!(change.introduced.is_empty() && change.returned.is_empty() && change.left.is_empty());
}

#[test]
fn a_break_that_was_mended_and_comes_back_is_introduced_and_not_left() {
    let (sound, broken) = (census(&[], &[]), census(&["here"], &["here"]));
    let change =
        IntegrityChange::of_rollback(sound.clone(), broken.clone(), &sound, &broken, &moved(&["here"]));
    assert_eq!(documents(&change.introduced), ["here", "here"]);
    assert!(change.returned.is_empty() && change.left.is_empty());
}
