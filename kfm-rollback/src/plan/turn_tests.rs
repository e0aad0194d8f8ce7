//! Tables of `docs/states.md` sections 2 and 3: what becomes of each cell of a target that is undone or stands again.

use std::collections::BTreeSet;

use kfm_lineage::Version;

use super::*;
use crate::history::given::{Given, cell, told};

/// What a row knows: the log, the target, whether it is to stand again, and the cells that are left alone.
type Known<'a> = (&'a str, &'a str, bool, &'a str);

fn turn((log, target, stands, foreign): Known<'_>) -> (Given, Result<Turned>) {
    let given = Given::log(log);
    let foreign: BTreeSet<CellId> = foreign.split_whitespace().map(cell).collect();
    let (own, operation) = (given.steps_of(target), given.operation(target));
    let found = turned(&given.history, operation, own, stands, &foreign);
    (given, found)
}

fn lines(given: &Given, skipped: &[SkippedLine]) -> String {
    let words = skipped.iter().map(|line| match &line.by {
        Some(by) => format!("{}:{}:{}", line.key, line.why, given.name(Some(by))),
        None => format!("{}:{}", line.key, line.why),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn cells_of_a_target_move_to_the_value_of_the_newest_earlier_standing_operation() {
    let (undone, again) = (false, true);
    let rows: &[(&str, Known<'_>, &str, &str)] = &[
        ("the rollback of an add is a retire", ("A publish a=1", "A", undone, ""), "a=1>-", ""),
        (
            "the rollback of a replacement restores the value before",
            ("A publish a=1; B publish a=2", "B", undone, ""),
            "a=2>1",
            "",
        ),
        (
            "the rollback of a retire is a restore",
            ("A publish a=1; B publish a=-", "B", undone, ""),
            "a=->1",
            "",
        ),
        (
            "the value restored is one whose operation stands",
            ("A publish a=1; B publish a=2; C publish a=3; R rollback B b=-", "C", undone, ""),
            "a=3>1",
            "",
        ),
        (
            "what a later operation moved is not this publish's: it is skipped, with its owner",
            ("A publish a=1 b=1; B publish a=2", "A", undone, ""),
            "b=1>-",
            "a:superseded:B",
        ),
        (
            "a later operation that was undone owns nothing",
            ("A publish a=1; B publish a=2; R rollback B a=1", "A", undone, ""),
            "a=1>-",
            "",
        ),
        (
            "a later operation that went back owns nothing",
            ("A publish a=1; B publish a=2 (aborted)", "A", undone, ""),
            "a=1>-",
            "",
        ),
        (
            "a later operation owns a cell also where it wrote the same value",
            ("A publish a=1; B publish a=1", "A", undone, ""),
            "",
            "a:superseded:B",
        ),
        (
            "all skipped: the owners are named, newest first",
            ("A publish a=1 b=1 c=1; B publish b=2; C publish a=3; D publish c=4", "A", undone, ""),
            "",
            "c:superseded:D a:superseded:C b:superseded:B",
        ),
        (
            "a cell that has its value already does not move",
            ("A publish a=1; B publish a=1", "B", undone, ""),
            "",
            "a:unchanged",
        ),
        (
            "derived cells are projected again, not turned",
            ("A publish a=1 *graph:a=1", "A", undone, ""),
            "a=1>-",
            "",
        ),
        (
            "a cell that a pipeline keeps in another store is an ordinary cell",
            ("A publish graph:x=1; B publish graph:x=2", "B", undone, ""),
            "graph:x=2>1",
            "",
        ),
        (
            "a hotfix is undone to what it patched",
            ("A publish a=1; H hotfix a=2", "H", undone, ""),
            "a=2>1",
            "",
        ),
        (
            "a reconcile can be undone: its value was foreign, the one before it stands",
            ("A publish a=1; F reconcile a=2", "F", undone, ""),
            "a=2>1",
            "",
        ),
        (
            "a revert restores what the target wrote",
            ("A publish a=1 b=1; R rollback A a=- b=-", "A", again, ""),
            "a=->1 b=->1",
            "",
        ),
        (
            "a revert leaves what moved since: a later publish owns it",
            ("A publish a=1 b=1; R rollback A a=- b=-; B publish a=2", "A", again, ""),
            "b=->1",
            "a:superseded:B",
        ),
        (
            "a revert finds a cell that was skipped by the rollback at its later owner",
            ("A publish a=1 b=1; B publish a=2; R rollback A b=-", "A", again, ""),
            "b=->1",
            "a:superseded:B",
        ),
        (
            "a revert gives a cell back that a later operation left, once that one is undone",
            ("A publish a=1 b=1; B publish a=2; R rollback A b=-; S rollback B a=-", "A", again, ""),
            "a=->1 b=->1",
            "",
        ),
        (
            "a foreign value is left alone on request",
            ("A publish a=1 b=1", "A", undone, "a"),
            "b=1>-",
            "a:asked",
        ),
        (
            "what is left alone is said once, also where a later operation owns it",
            ("A publish a=1 b=1; B publish a=2", "A", undone, "a"),
            "b=1>-",
            "a:asked",
        ),
    ];
    for &(rule, known, moves, skipped) in rows {
        let (given, found) = turn(known);
        let found = found.unwrap();
        assert_eq!(told(&found.steps), moves, "moves: {rule}");
        assert_eq!(lines(&given, &found.skipped), skipped, "skipped: {rule}");
        let left_alone = if known.0 == "A publish a=1 b=1" { "a=1>-" } else { "" };
        assert_eq!(
            told(&found.left_alone),
            if known.3.is_empty() { "" } else { left_alone },
            "alone: {rule}"
        );
    }
}

#[test]
fn versions_go_with_the_values() {
    let (given, found) = turn(("A publish a=1; B publish a=2; C publish b=1", "B", false, ""));
    let version = |name: &str| -> Option<Version> { given.steps_of(name)[0].to_version.clone() };
    let step = &found.unwrap().steps[0];
    assert_eq!((&step.from_version, &step.to_version), (&version("B"), &version("A")));
    let (_, found) = turn(("A publish a=1", "A", false, ""));
    assert_eq!(found.unwrap().steps[0].to_version, None, "what is absent has no version");
}

#[test]
fn the_prior_value_of_a_cell_is_never_guessed() {
    for (rule, log, target, stands, is_refused) in [
        ("a pipeline's record onto a value that was never adopted", "A publish a=0>1", "A", false, true),
        ("the record says that there was nothing", "A publish a=->1", "A", false, false),
        ("the log knows the value before", "G adopt a=0; A publish a=0>1", "A", false, false),
        (
            "the log knew it, and its operation was undone since",
            "A publish a=1; B publish a=2; R rollback A b=-",
            "B",
            false,
            false,
        ),
        ("a revert leads to the target's own value", "A publish a=0>1; R rollback A a=-", "A", true, false),
        ("a reconcile records what was foreign, it guesses nothing", "F reconcile a=0>1", "F", false, false),
    ] {
        let (_, found) = turn((log, target, stands, ""));
        let is_incomplete = matches!(found, Err(Error::Incomplete { .. }));
        assert_eq!((is_incomplete, found.is_err()), (is_refused, is_refused), "{rule}");
    }
}

#[test]
fn what_does_not_stand_is_not_undone_and_what_stands_is_not_made_again() {
    for (rule, log, stands, note) in [
        ("a publish that stands is undone", "A publish a=1", false, false),
        ("it was undone already", "A publish a=1; R rollback A a=-", false, true),
        ("it was undone and stands again", "A publish a=1; R rollback A a=-; V revert A a=1", false, false),
        ("a publish that was undone is made again", "A publish a=1; R rollback A a=-", true, false),
        ("it stands already", "A publish a=1", true, true),
    ] {
        let given = Given::log(log);
        let found = nothing_to_turn(&given.history, &given.id("A"), stands);
        assert_eq!(found.is_some(), note, "{rule}: {found:?}");
    }
}

#[test]
fn only_what_has_completed_and_moved_documents_can_be_turned() {
    for (rule, log, kind) in [
        ("a publish", "A publish a=1", "-"),
        ("a hotfix", "A hotfix a=1", "-"),
        ("a reconcile", "A reconcile a=1", "-"),
        ("a genesis cannot be rolled back", "A adopt a=1", "rejected"),
        ("a projection moved no document", "A project *graph:a=1", "invalid"),
        ("nothing of an aborted publish stands", "A publish a=1 (aborted)", "invalid"),
        ("nothing of a failed publish stands", "A publish a=1 (failed)", "invalid"),
        ("an open publish has to be resumed or aborted first", "A publish a=1 (open)", "incomplete"),
    ] {
        let given = Given::log(log);
        let found = match turnable(&given.history, &given.id("A")) {
            Ok(_) => "-",
            Err(Error::Rejected { .. }) => "rejected",
            Err(Error::Invalid { .. }) => "invalid",
            Err(Error::Incomplete { .. }) => "incomplete",
            Err(_) => "other",
        };
        assert_eq!(found, kind, "{rule}");
    }
    let (given, other) = (Given::log("A publish a=1"), Given::log("B publish a=1"));
    let unknown = turnable(&given.history, &other.id("B"));
    assert!(matches!(unknown, Err(Error::NotFound { .. })), "the log does not know it");
}
