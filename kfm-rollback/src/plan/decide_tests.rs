//! Tables of what a draft decides once everything is gathered.

use kfm_lineage::EntityId;
use kfm_policy::{Part, Protection};

use super::*;
use crate::history::given::{Given, cell, told, value};

const ROLLBACK: PlanKind = PlanKind::Rollback;
const REVERT: PlanKind = PlanKind::Revert;
const HOTFIX: PlanKind = PlanKind::Hotfix;

#[test]
fn a_plan_asks_the_ratchet_as_its_kind_does() {
    for (rule, kind, hides, mode) in [
        ("a rollback is denied, so that a person decides", ROLLBACK, false, RatchetMode::Refuse),
        ("so is a revert", REVERT, false, RatchetMode::Refuse),
        ("the actor allows to hide", ROLLBACK, true, RatchetMode::Hide),
        ("and in a revert", REVERT, true, RatchetMode::Hide),
        (
            "a hotfix goes forward: what is withdrawn is denied, not hidden",
            HOTFIX,
            false,
            RatchetMode::Forward,
        ),
        ("also where hiding is allowed", HOTFIX, true, RatchetMode::Forward),
    ] {
        assert_eq!(ratchet_mode(kind, hides), mode, "{rule}");
    }
    assert_eq!(
        [ROLLBACK, REVERT, HOTFIX].map(judged_kind),
        [JudgedKind::Rollback, JudgedKind::Revert, JudgedKind::Hotfix]
    );
}

#[test]
fn a_version_whose_bytes_are_gone_stops_the_plan_or_its_cell_is_left_alone_by_force() {
    for (rule, steps, lacking, forced, kept) in [
        ("nothing is missing", "a=1 b=2", "", false, Ok(("a=->1 b=->2", ""))),
        ("another version is missing", "a=1", "9", false, Ok(("a=->1", ""))),
        ("it stops the plan, and force would help", "a=1 b=2", "2", false, Err(true)),
        ("by force its cell is left alone (R46)", "a=1 b=2", "2", true, Ok(("a=->1", "b:missing"))),
        ("every version is missing: force does not help", "a=1 b=2", "1 2", false, Err(false)),
        ("also by force something must be left to do", "a=1 b=2", "1 2", true, Err(false)),
        ("a retire needs no bytes", "a=0>-", "0", false, Ok(("a=0>-", ""))),
    ] {
        let given = Given::log("");
        let lacking: BTreeSet<Digest> = lacking.split_whitespace().filter_map(value).collect();
        let found = without_missing(&given.history, given.steps(steps), &lacking, forced);
        let found = match &found {
            Ok((present, skipped)) => {
                let skipped: Vec<_> =
                    skipped.iter().map(|line| format!("{}:{}", line.key, line.why)).collect();
                Ok((told(present), skipped.join(" ")))
            }
            Err(Error::Incomplete { hint, .. }) => {
                Err(hint.parts().iter().any(|part| matches!(part, Part::Parameter { .. })))
            }
            Err(other) => panic!("{rule}: {other}"),
        };
        assert_eq!(found, kept.map(|(steps, skipped)| (steps.to_owned(), skipped.to_owned())), "{rule}");
    }
}

#[test]
fn the_error_of_missing_bytes_names_the_first_cell_that_had_them() {
    let given = Given::log("A publish c=1 b=1 a=2");
    let lost: Vec<Digest> = value("1").into_iter().collect();
    let Error::Incomplete { message, .. } = gone(&given.history, &lost, false) else {
        panic!("another error")
    };
    assert!(message.ends_with("versions=1 first=b"), "{message}");
}

#[test]
fn where_no_cell_moves_there_is_nothing_to_do_and_the_note_says_why() {
    let own = "nothing to do: every cell has its value already";
    for (rule, kind, steps, skipped, note) in [
        ("a cell moves", ROLLBACK, "a=1", "", None),
        ("a cell moves, others are skipped", ROLLBACK, "a=1", "b:superseded:B", None),
        ("a revert makes its target stand again, also if no cell moves", REVERT, "", "", None),
        ("every cell has its value", ROLLBACK, "", "a:unchanged", Some(own.to_owned())),
        ("there is no cell", ROLLBACK, "", "", Some(own.to_owned())),
        ("a hotfix that changes nothing", HOTFIX, "", "", Some(own.to_owned())),
        (
            "later operations own some of them",
            ROLLBACK,
            "",
            "a:superseded:B b:unchanged",
            Some(own.to_owned()),
        ),
        (
            "later operations own all of them: the newest, which comes first, is named",
            ROLLBACK,
            "",
            "a:superseded:B b:superseded:A",
            Some("nothing to do: later operations own every cell of it, the newest is B".to_owned()),
        ),
    ] {
        let given = Given::log("A publish a=0; B publish a=0");
        let skipped: Vec<SkippedLine> = skipped.split_whitespace().map(|word| line(&given, word)).collect();
        let found = nothing_to_do(kind, &given.steps(steps), &skipped);
        let found = found.map(|note| note.replace(given.id("B").as_str(), "B"));
        assert_eq!(found, note, "{rule}");
    }
}

fn line(given: &Given, word: &str) -> SkippedLine {
    let mut parts = word.split(':');
    let step = given.step(parts.next().unwrap());
    skipped_line(&step, parts.next().unwrap(), parts.next().map(|by| given.id(by)))
}

#[test]
fn later_work_that_was_derived_from_the_target_stands_in_the_way_of_its_rollback() {
    for (rule, kind, dependents, moves, in_the_way) in [
        ("nothing was derived from it", ROLLBACK, "", true, ""),
        ("a publish was", ROLLBACK, "B", true, "B"),
        ("all of them are named, in the log's order", ROLLBACK, "B C", true, "B C"),
        ("a rollback that moves no cell disturbs no later work", ROLLBACK, "B C", false, ""),
        ("a hotfix patched every cell: it is named, though no cell moves", ROLLBACK, "H", false, "H"),
        ("only the hotfix then", ROLLBACK, "B H", false, "H"),
        ("a hotfix comes first, what it patched is its", ROLLBACK, "B H", true, "H"),
        ("a revert takes nothing from later work", REVERT, "B H", true, ""),
        ("a hotfix takes nothing from later work", HOTFIX, "B H", true, ""),
    ] {
        let given = Given::log("A publish a=1; B publish b=1; C publish c=1; H hotfix a=2");
        let names: Vec<&str> = dependents.split_whitespace().collect();
        let dependents: Vec<Dependent> = names
            .iter()
            .map(|name| Dependent { operation: given.id(name), entities: BTreeSet::new() })
            .collect();
        let found: Vec<&str> = match refuse_dependents(kind, &given.id("A"), &dependents, moves) {
            Ok(()) => Vec::new(),
            Err(Error::Conflict { conflicts, next, .. }) => {
                let undone = next.iter().rev().map(|remedy| match remedy {
                    Remedy::Undo { operation, .. } => given.name(Some(operation)),
                    other => panic!("{rule}: {other:?}"),
                });
                let named = conflicts.iter().map(|line| OperationId::parse(&line.subject).unwrap());
                let named: Vec<OperationId> = named.collect();
                let undone: Vec<&str> = undone.collect();
                assert_eq!(undone, named.iter().map(|id| given.name(Some(id))).collect::<Vec<_>>(), "{rule}");
                undone
            }
            Err(other) => panic!("{rule}: {other}"),
        };
        assert_eq!(found.join(" "), in_the_way, "{rule}");
    }
}

#[test]
fn a_denial_names_an_operation_to_undo_only_where_a_later_one_owns_the_document() {
    for (rule, log, kind, owner) in [
        ("a later publish owns it", "A publish a=1; B publish x=1", ROLLBACK, Some("B")),
        ("the target itself owns it", "A publish x=1", ROLLBACK, None),
        ("an earlier publish owns it", "B publish x=1; A publish a=1", ROLLBACK, None),
        (
            "a later publish that was undone owns nothing",
            "A publish a=1; B publish x=1; R rollback B x=-",
            ROLLBACK,
            None,
        ),
        ("a later one stands in a revert's way, too", "A publish a=1; B publish x=1", REVERT, Some("B")),
        (
            "a hotfix undoes nothing: what stands is in nothing's way",
            "A hotfix a=1; B publish x=1",
            HOTFIX,
            None,
        ),
        ("nothing owns it", "A publish a=1", ROLLBACK, None),
    ] {
        let given = Given::log(log);
        let found = later_owner(&given.history, &cell("x"), kind, &given.id("A")).unwrap();
        assert_eq!(found.as_ref().map(|id| given.name(Some(id))), owner, "{rule}");
    }
}

#[test]
fn a_cell_that_protection_hides_may_not_be_left_alone() {
    let given = Given::log("");
    let steps = given.steps("a=1 b=1 c=1");
    let absent = || StepTreatment::Absent { rule: "CARE-A3-resurrect".into(), why: "-".into() };
    let denied = || StepTreatment::Denied { rule: "CARE-A1-access".into(), why: "-".into() };
    for (rule, outcomes, hidden) in [
        ("none is hidden", [StepTreatment::Keep, StepTreatment::Keep, StepTreatment::Keep], None),
        ("one is", [StepTreatment::Keep, absent(), StepTreatment::Keep], Some("b")),
        ("the first one is named", [StepTreatment::Keep, absent(), absent()], Some("b")),
        ("a denial stops the plan elsewhere", [denied(), StepTreatment::Keep, denied()], None),
    ] {
        let facts: Vec<StepFacts> =
            steps.iter().zip(outcomes).map(|(step, outcome)| facts(step, outcome)).collect();
        assert_eq!(first_hidden(&steps, &facts).map(|step| step.cell.key.as_str()), hidden, "{rule}");
    }
}

fn facts(step: &Step, outcome: StepTreatment) -> StepFacts {
    StepFacts {
        entity: EntityId::parse(&step.cell.key).unwrap(),
        path: step.cell.key.clone(),
        before: None,
        after: None,
        protection: Protection::unlabelled(),
        outcome,
        validity: None,
    }
}
