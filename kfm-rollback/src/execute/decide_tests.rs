//! Tables of `docs/states.md` section 3: forward, back or held, and what an unfinished operation joins with today's
//! protection.

use kfm_lineage::EntityId;
use kfm_policy::Protection;
use kfm_retry::ErrorClass;

use super::*;
use crate::error::Error;
use crate::history::given::{Given, cell, told, value};
use crate::op::OpError;

fn store(name: &str) -> Halt {
    Halt::Store(match name {
        "transient" => OpError::transient("catalog", ErrorClass::Timeout, "a time-out"),
        "permanent" => OpError::permanent("catalog", "a", "refused"),
        _ => OpError::Fenced { store: "catalog".into(), token: 1 },
    })
}

fn log_failed() -> Error {
    Error::invalid("the log failed", "-")
}

#[test]
fn only_a_refusal_or_a_failed_verification_turns_an_operation_round() {
    use Next::{GoBack, Hold, Wait};
    let (forward, backward) = (Direction::Forward, Direction::Backward);
    for (rule, halt, ahead, back) in [
        ("the actor asked to stop", Halt::Interrupted, Wait, Wait),
        ("a store is away: nothing is undone because of that", store("transient"), Wait, Wait),
        ("another executor raised the fence", store("fenced"), Wait, Wait),
        ("a store refuses for good", store("permanent"), GoBack, Hold),
        ("verification fails", Halt::Verification("-".into()), GoBack, Hold),
        (
            "a foreign value is held, never overwritten",
            Halt::Foreign { cell: cell("a"), observed: None },
            Hold,
            Hold,
        ),
        ("policy denies, or cannot be evaluated", Halt::Policy("-".into()), Hold, Hold),
        ("the records cannot be written", Halt::Record { end: forward, error: log_failed() }, Hold, Hold),
        ("the log failed", Halt::Log(log_failed()), Wait, Wait),
        ("another host acts now", Halt::Followed(log_failed()), Wait, Wait),
        ("it is not known whether it is open", Halt::Opening(log_failed()), Wait, Wait),
        (
            "it is not known whether it has ended",
            Halt::Closing { end: forward, error: log_failed() },
            Wait,
            Wait,
        ),
    ] {
        assert_eq!((next(&halt, forward), next(&halt, backward)), (ahead, back), "{rule}");
    }
}

#[test]
fn an_operation_that_does_not_fit_can_only_be_aborted_and_then_nothing_is_moved() {
    for (rule, misfit, is_aborted, expected) in [
        ("it fits", None, false, TakenUp::AsPlanned),
        ("it fits, and goes back", None, true, TakenUp::AsPlanned),
        ("it does not fit", Some("why"), false, TakenUp::Refused("why")),
        ("it does not fit, and goes back", Some("why"), true, TakenUp::WithoutSteps),
    ] {
        assert_eq!(taken_up(misfit, is_aborted), expected, "{rule}");
    }
}

#[test]
fn a_resume_leaves_only_foreign_values_alone_and_none_that_protection_hides() {
    for (rule, treated, seen, left_alone) in [
        ("nothing is asked for", "", "", Some("")),
        ("the cell holds the value before", "", "a=0", Some("")),
        ("the cell holds the planned value", "", "a=1", Some("")),
        ("the cell holds a foreign value", "", "a=9", Some("a")),
        ("another hand took the value away", "", "a=-", Some("a")),
        ("protection changes this cell", "a", "a=9", None),
        ("protection changes it, and it holds a value of the operation", "a", "a=1", Some("")),
        ("protection changes another cell", "b", "a=9", Some("a")),
    ] {
        let work = Work::planned(Given::log("").steps("a=0>1 b=0>1"));
        let treated: Treated =
            treated.split_whitespace().map(|key| (cell(key), (None, "rule".to_owned()))).collect();
        let seen = seen
            .split_whitespace()
            .map(|word| word.split_once('=').unwrap())
            .map(|(key, held)| (work.steps.iter().find(|step| step.cell == cell(key)).unwrap(), value(held)));
        let found = foreign_among(&work, &treated, seen);
        let found =
            found.ok().map(|cells| cells.into_iter().map(|cell| cell.key).collect::<Vec<_>>().join(" "));
        assert_eq!(found.as_deref(), left_alone, "{rule}");
    }
}

#[test]
fn a_run_leads_each_cell_from_what_stands_to_what_readers_would_see() {
    let (forward, backward) = (Direction::Forward, Direction::Backward);
    for (rule, skip, direction, expected) in [
        ("forward: to the planned values", "", forward, "a=0>1 b=0>- c=->1"),
        ("backward: to the values before", "", backward, "a=1>0 b=->0 c=1>-"),
        ("a cell that is left alone keeps the value before", "a", forward, "a=0>0 b=0>- c=->1"),
        ("on the way back, too", "a", backward, "a=0>0 b=->0 c=1>-"),
    ] {
        let mut work = Work::planned(Given::log("").steps("a=0>1 b=0>- c=->1"));
        work.skip.extend(skip.split_whitespace().map(cell));
        assert_eq!(told(&ends(&work, direction)), expected, "{rule}");
    }
}

#[test]
fn what_protection_hides_is_absent_at_the_end_and_a_denial_moves_nothing() {
    // A letter for each step that is not derived: kept, absent or denied.
    for (rule, steps, outcomes, expected) in [
        ("nothing is hidden", "a=0>1 b=0>1", "kk", Ok("")),
        ("one is", "a=0>1 b=0>1", "ka", Ok("b")),
        ("a derived cell has no treatment of its own", "*graph:x=0>1 a=0>1", "a", Ok("a")),
        ("one is denied", "a=0>1 b=0>1", "ad", Err("unknown: rule=CARE-A1-access entity=b")),
        ("there is no step", "", "", Ok("")),
    ] {
        let ends = Given::log("").steps(steps);
        let owned = ends.iter().filter(|step| !step.derived);
        let assessed: Vec<StepFacts> =
            owned.zip(outcomes.chars()).map(|(step, letter)| facts(step, letter)).collect();
        let found = treated(&ends, &assessed).map(|treated| {
            assert!(treated.values().all(|(value, rule)| value.is_none() && rule == "CARE-A3-resurrect"));
            treated.into_keys().map(|cell| cell.key).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{rule}");
    }
}

fn facts(step: &Step, letter: char) -> StepFacts {
    StepFacts {
        entity: EntityId::parse(&step.cell.key).unwrap(),
        path: step.cell.key.clone(),
        before: None,
        after: None,
        protection: Protection::unlabelled(),
        outcome: match letter {
            'k' => StepTreatment::Keep,
            'a' => StepTreatment::Absent { rule: "CARE-A3-resurrect".into(), why: "-".into() },
            _ => StepTreatment::Denied { rule: "CARE-A1-access".into(), why: "unknown".into() },
        },
        validity: None,
    }
}

#[test]
fn a_run_is_judged_by_its_kind_and_a_run_back_as_an_abort() {
    for (kind, judged) in [
        (OperationKind::Publish, JudgedKind::Publish),
        (OperationKind::Adopt, JudgedKind::Publish),
        (OperationKind::Reconcile, JudgedKind::Publish),
        (OperationKind::Project, JudgedKind::Publish),
        (OperationKind::Hotfix, JudgedKind::Hotfix),
        (OperationKind::Rollback, JudgedKind::Rollback),
        (OperationKind::Revert, JudgedKind::Revert),
    ] {
        assert_eq!(judged_kind(Direction::Forward, kind), judged, "{kind:?}");
        assert_eq!(judged_kind(Direction::Backward, kind), JudgedKind::Abort, "{kind:?}");
    }
}

#[test]
fn an_operation_ends_completed_aborted_or_failed_before_anything_moved() {
    let batch = kfm_wal::record::Batch { first: 0, count: 1 };
    let journal = |by: Option<&str>, announced: bool| JournalState {
        abort: by.map(|by| (by.to_owned(), "store: refused".to_owned())),
        intended: announced.then_some(batch).into_iter().collect(),
        ..JournalState::default()
    };
    let error = || Some("store: refused".to_owned());
    let (forward, backward) = (Direction::Forward, Direction::Backward);
    for (rule, direction, journal, treated, end) in [
        ("forward: completed", forward, journal(None, true), false, (EndState::Completed, None)),
        (
            "completed also where protection changed cells",
            forward,
            journal(None, true),
            true,
            (EndState::Completed, None),
        ),
        (
            "an actor asked for the abort",
            backward,
            journal(Some("ops"), true),
            false,
            (EndState::Aborted, None),
        ),
        (
            "an actor asked, and nothing had moved",
            backward,
            journal(Some("ops"), false),
            false,
            (EndState::Aborted, None),
        ),
        ("the engine went back", backward, journal(Some(ENGINE), true), false, (EndState::Aborted, error())),
        (
            "the engine went back before anything moved",
            backward,
            journal(Some(ENGINE), false),
            false,
            (EndState::Failed, error()),
        ),
        (
            "nothing was announced, and protection changed cells",
            backward,
            journal(Some(ENGINE), false),
            true,
            (EndState::Aborted, error()),
        ),
    ] {
        assert_eq!(end_of(direction, &journal, treated), end, "{rule}");
    }
}
