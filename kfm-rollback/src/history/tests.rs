//! Tables of `docs/states.md` section 2: to which operation a cell belongs, and which value comes before.

use kfm_lineage::Lsn;

use super::given::{Given, cell, value, word};
use super::misfit;
use super::operation::JournalState;

#[test]
fn a_cell_belongs_to_the_last_standing_operation_that_moved_it() {
    let rows = [
        ("the log does not know the cell", "A publish b=1", "-", "-"),
        ("its first publish owns it", "A publish a=1", "A", "1"),
        ("the last publish owns it", "A publish a=1; B publish a=2", "B", "2"),
        ("it goes by log position, never by value", "A publish a=1; B publish a=2; C publish a=1", "C", "1"),
        ("a publish that retires it owns it, too", "A publish a=1; B publish a=-", "B", "-"),
        ("a hotfix owns what it patched", "A publish a=1; H hotfix a=2", "H", "2"),
        ("a genesis owns what stood there", "G adopt a=1", "G", "1"),
        ("a reconcile owns what another hand wrote", "A publish a=1; F reconcile a=2", "F", "2"),
        ("an operation that was undone owns nothing", "A publish a=1; R rollback A a=-", "-", "-"),
        ("the owner before it owns it again", "A publish a=1; B publish a=2; R rollback B a=1", "A", "1"),
        ("a rollback owns nothing itself", "A publish a=1; B publish a=2; R rollback A b=-", "B", "2"),
        (
            "the rollback marks the cells that it skipped as undone, too",
            "A publish a=1 b=1; B publish a=2; R rollback A b=-; S rollback B a=-",
            "-",
            "-",
        ),
        ("a rollback that moved no cell marks nothing", "A publish a=1; R rollback A", "A", "1"),
        (
            "after the revert it owns the cell again",
            "A publish a=1; R rollback A a=-; V revert A a=1",
            "A",
            "1",
        ),
        (
            "a revert unmarks it also where it moves no cell",
            "A publish a=1 b=1; B publish a=2; R rollback A b=-; V revert A; S rollback B a=1",
            "A",
            "1",
        ),
        (
            "a revert that is rolled back leaves it undone",
            "A publish a=1; R rollback A a=-; V revert A a=1; S rollback A a=-",
            "-",
            "-",
        ),
        ("an aborted publish owns nothing", "A publish a=1; B publish a=2 (aborted)", "A", "1"),
        ("a failed publish owns nothing", "A publish a=1; B publish a=2 (failed)", "A", "1"),
        ("an open publish owns nothing yet", "A publish a=1; B publish a=2 (open)", "A", "1"),
        ("an aborted rollback undoes nothing", "A publish a=1; R rollback A a=- (aborted)", "A", "1"),
        ("an open rollback undoes nothing yet", "A publish a=1; R rollback A a=- (open)", "A", "1"),
        ("what protection hid is absent, and its owner's", "A publish a=1~-", "A", "-"),
        (
            "an abort that protection joined leaves the cell absent",
            "A publish a=1; B publish a=2~- (aborted)",
            "A",
            "-",
        ),
        ("a derived cell has no owner", "A publish a=1 *graph:x=1", "A", "1"),
    ];
    for (rule, log, owner, now) in rows {
        let given = Given::log(log);
        let write = given.history.owner(&cell("a"), None).unwrap();
        assert_eq!(given.name(write.as_ref().map(|write| &write.operation)), owner, "owner: {rule}");
        assert_eq!(word(given.history.value(&cell("a")).unwrap()), now, "value: {rule}");
        assert!(given.history.cell(&cell("graph:x")).unwrap().is_none(), "derived: {rule}");
    }
}

#[test]
fn the_value_restored_is_the_newest_earlier_one_whose_operation_stands() {
    let rows = [
        ("of an add: absent", "A publish a=1", "A", "-", "-"),
        ("of a replacement: the value before", "A publish a=1; B publish a=2", "B", "A", "1"),
        ("of a retire: what was there", "A publish a=1; B publish a=-", "B", "A", "1"),
        (
            "not the one of an operation that is undone",
            "A publish a=1; B publish a=2; C publish a=3; R rollback B b=-",
            "C",
            "A",
            "1",
        ),
        (
            "not the one of an aborted operation",
            "A publish a=1; B publish a=2 (aborted); C publish a=3",
            "C",
            "A",
            "1",
        ),
        ("the one of a genesis", "G adopt a=1; A publish a=2", "A", "G", "1"),
        ("of a superseded publish: the later one's", "A publish a=1; B publish a=2", "A", "B", "2"),
        ("as protection left it", "A publish a=1~-; B publish a=2", "B", "A", "-"),
    ];
    for (rule, log, undone, source, restored) in rows {
        let given = Given::log(log);
        let write = given.history.owner(&cell("a"), Some((&given.id(undone), false))).unwrap();
        assert_eq!(given.name(write.as_ref().map(|write| &write.operation)), source, "owner {rule}");
        assert_eq!(word(write.and_then(|write| write.step.after)), restored, "value {rule}");
    }
}

#[test]
fn a_target_that_is_to_stand_again_is_taken_to_stand() {
    let given = Given::log("A publish a=1; R rollback A a=-");
    let target = given.id("A");
    assert!(given.history.owner(&cell("a"), None).unwrap().is_none());
    let write = given.history.owner(&cell("a"), Some((&target, true))).unwrap();
    assert_eq!(write.map(|write| write.operation), Some(target));
}

#[test]
fn the_result_of_several_rollbacks_does_not_depend_on_their_order() {
    let published = "A publish a=1 b=1; B publish a=2 c=2; C publish a=3";
    for (order, log) in [
        ("A, B, C", "R rollback A b=-; S rollback B c=-; T rollback C a=-"),
        ("B, C, A", "S rollback B c=-; T rollback C a=1; R rollback A a=- b=-"),
        ("C, B, A", "T rollback C a=2; S rollback B a=1 c=-; R rollback A a=- b=-"),
        ("A, C, B", "R rollback A b=-; T rollback C a=2; S rollback B a=- c=-"),
    ] {
        let given = Given::log(&format!("{published}; {log}"));
        for key in ["a", "b", "c"] {
            assert_eq!(given.history.value(&cell(key)).unwrap(), None, "{order}: {key}");
            assert!(given.history.owner(&cell(key), None).unwrap().is_none(), "{order}: {key}");
        }
    }
}

#[test]
fn an_operation_stands_while_it_has_completed_and_is_not_undone() {
    for (rule, log, stands) in [
        ("completed", "A publish a=1", true),
        ("open", "A publish a=1 (open)", false),
        ("aborted", "A publish a=1 (aborted)", false),
        ("failed", "A publish a=1 (failed)", false),
        ("undone", "A publish a=1; R rollback A a=-", false),
        ("undone and reverted", "A publish a=1; R rollback A a=-; V revert A a=1", true),
        ("its rollback moved no cell", "A publish a=1; R rollback A", true),
        ("another one is undone", "A publish a=1; B publish b=1; R rollback B b=-", true),
    ] {
        let given = Given::log(log);
        assert_eq!(given.history.stands(&given.id("A")), stands, "{rule}");
        let undone = given.history.undone_by(&given.id("A")).is_some();
        assert_eq!(undone, rule == "undone", "{rule}");
    }
}

#[test]
fn the_newest_completed_turn_of_a_target_is_the_last_one() {
    for (rule, log, last) in [
        ("it was not turned", "A publish a=1; B publish a=2", "-"),
        ("rolled back", "A publish a=1; R rollback A a=-", "R"),
        ("and reverted", "A publish a=1; R rollback A a=-; V revert A a=1", "V"),
        ("a turn that went back is none", "A publish a=1; R rollback A a=-; V revert A a=1 (aborted)", "R"),
        ("nor is an open one", "A publish a=1; R rollback A a=- (open)", "-"),
        ("nor is a turn of another target", "A publish a=1; B publish b=1; R rollback B b=-", "-"),
    ] {
        let given = Given::log(log);
        let turn = given.history.last_turn(&given.id("A")).map(|operation| &operation.id);
        assert_eq!(given.name(turn), last, "{rule}");
    }
}

#[test]
fn a_cell_is_a_pipelines_once_an_operation_moved_it() {
    for (rule, log, is_a_pipelines) in [
        ("a publish moved it", "A publish graph:x=1", true),
        ("a hotfix moved it", "A adopt graph:x=1; H hotfix graph:x=2", true),
        ("a genesis only records what stands", "G adopt graph:x=1", false),
        ("so does a reconcile", "F reconcile graph:x=1", false),
        ("a projection has no owner", "A publish *graph:x=1", false),
        ("a publish that went back moved nothing", "A publish graph:x=1 (aborted)", false),
        ("a publish that was undone keeps it", "A publish graph:x=1; R rollback A graph:x=-", true),
    ] {
        let found = Given::log(log).history.is_a_pipelines(&cell("graph:x")).unwrap();
        assert_eq!(found, is_a_pipelines, "{rule}");
    }
}

#[test]
fn an_operation_is_opened_once_and_ends_once() {
    let mut given = Given::log("A publish a=1");
    let (id, first) = (given.id("A"), given.operation("A").clone());
    given.history.open(super::Operation { opened: Lsn(7), ..first.clone() });
    assert_eq!(given.operation("A"), &first, "a second record that opens it changes nothing");
    assert!(given.history.ending(&id, Lsn(8)).unwrap().is_none(), "what has ended ends no more");
    let passed_over: Vec<Lsn> = given.history.passed_over().iter().map(|(lsn, _)| *lsn).collect();
    assert_eq!(passed_over, [Lsn(7), Lsn(8)]);
    let unknown = Given::log("B publish b=1").id("B");
    assert!(given.history.ending(&unknown, Lsn(9)).is_err(), "an end without a beginning is refused");
}

#[test]
fn documents_of_a_store_are_those_that_stood_after_a_record() {
    // Records of an operation: 1 and 2, 3 and 4, and so on.
    let given = Given::log("A publish a=1 b=1 mirror:a=1 graph:x=1; B publish a=2 b=-; R rollback B a=1 b=1");
    for (rule, lsn, documents) in [
        ("before all", 0, "a=- b=-"),
        ("after the first publish", 2, "a=1 b=1"),
        ("an operation's values count from where it was opened", 3, "a=2 b=-"),
        ("after the rollback", 6, "a=1 b=1"),
    ] {
        let at = given.history.documents_at("catalog", Lsn(lsn));
        let at = at.map(Result::unwrap).map(|(key, value)| format!("{key}={}", word(value)));
        let at: Vec<String> = at.collect();
        assert_eq!(at.join(" "), documents, "{rule}");
    }
}

#[test]
fn a_cells_generation_is_the_record_that_last_moved_it() {
    let given = Given::log("A publish a=1 b=1; B publish a=2; C publish a=3 (aborted)");
    let generation = |key| given.history.generation(&cell(key)).unwrap();
    assert_eq!(generation("a"), Lsn(3));
    assert_eq!(generation("b"), Lsn(1));
    assert_eq!(generation("c"), Lsn::ZERO);
}

#[test]
fn the_last_value_that_readers_saw_outlives_a_retire() {
    let given = Given::log("A publish a=1; B publish a=2; C publish a=-");
    let history = given.history.cell(&cell("a")).unwrap().unwrap();
    assert_eq!((history.value(), history.last_seen()), (None, value("2")));
}

#[test]
fn the_parts_of_an_opening_record_fit_each_other() {
    use kfm_wal::record::PlanKind::{Hotfix, Revert, Rollback};
    let given = Given::log("A publish a=1; R rollback A a=-; H hotfix a=2");
    let reverts = kfm_lineage::RollbackId::parse(given.id("R").as_str()).unwrap();
    for (rule, kind, id, target, names_rollback, fits) in [
        ("a rollback of a publish", Rollback, "R", "A", false, true),
        ("a rollback of a hotfix", Rollback, "R", "H", false, true),
        ("a rollback that takes a revert back", Rollback, "R", "A", true, true),
        ("a revert that names its rollback", Revert, "R", "A", true, true),
        ("a hotfix", Hotfix, "H", "H", false, true),
        ("a rollback with a publish's id", Rollback, "A", "A", false, false),
        ("a hotfix with a rollback's id", Hotfix, "R", "R", false, false),
        ("a rollback of a rollback", Rollback, "R", "R", false, false),
        ("a revert of a rollback instead of its target", Revert, "R", "R", true, false),
        ("a hotfix of something else", Hotfix, "H", "A", false, false),
        ("a revert that names no rollback", Revert, "R", "A", false, false),
        ("a hotfix that takes a rollback back", Hotfix, "H", "H", true, false),
    ] {
        let found = misfit(kind, &given.id(id), &given.id(target), names_rollback.then_some(&reverts));
        assert_eq!(found.is_none(), fits, "{rule}: {found:?}");
    }
}

#[test]
fn the_direction_is_durable_and_counts_what_is_still_to_do() {
    use kfm_wal::record::{Batch, Direction, JournalEntry};
    let batch = |first, count| Batch { first, count };
    let intent = |direction, batch| JournalEntry::Intent { direction, batch };
    let outcome = |direction, batch: Batch| JournalEntry::Outcome {
        direction,
        batch,
        applied: batch.count,
        already: 0,
    };
    let abort = |by: &str| JournalEntry::AbortRequested { by: by.into(), reason: "-".into() };
    let held = JournalEntry::Held { reason: "policy".into(), detail: "-".into() };
    let resumed = JournalEntry::Resumed { by: "ops".into(), host: "h".into(), pid: 1 };
    let (forward, backward) = (Direction::Forward, Direction::Backward);
    let (one, two) = (batch(0, 2), batch(2, 3));
    for (rule, entries, direction, done, is_held, abort_asked) in [
        ("nothing was begun", vec![], forward, 0, false, false),
        ("announced is not done", vec![intent(forward, one)], forward, 0, false, false),
        ("an outcome is done", vec![intent(forward, one), outcome(forward, one)], forward, 2, false, false),
        (
            "an outcome that is there twice is done once",
            vec![outcome(forward, one), outcome(forward, one)],
            forward,
            2,
            false,
            false,
        ),
        (
            "back: what was announced is still to be undone",
            vec![outcome(forward, one), intent(forward, one), intent(forward, two), abort("engine")],
            backward,
            5,
            false,
            false,
        ),
        (
            "back: less what is undone",
            vec![intent(forward, one), intent(forward, two), abort("engine"), outcome(backward, two)],
            backward,
            2,
            false,
            false,
        ),
        ("an actor asked for the abort", vec![abort("ops")], backward, 0, false, true),
        ("an actor asked after the engine", vec![abort("engine"), abort("ops")], backward, 0, false, true),
        (
            "going on does not take an abort back",
            vec![abort("ops"), resumed.clone()],
            backward,
            0,
            false,
            true,
        ),
        ("held", vec![held.clone()], forward, 0, true, false),
        ("held and taken up again", vec![held, resumed], forward, 0, false, false),
    ] {
        let mut journal = JournalState::default();
        for (n, entry) in (1..).zip(&entries) {
            journal.take(n, entry);
        }
        let found = (journal.direction(), journal.done(), journal.held.is_some(), journal.abort_asked);
        assert_eq!(found, (direction, done, is_held, abort_asked), "{rule}");
        assert_eq!(journal.lines, entries.len() as u64, "{rule}");
    }
}
