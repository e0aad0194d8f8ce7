//! Tables of which batches a run still has to make, and of what a cell is swapped to.

use super::*;
use crate::history::given::{Given, cell, value, word};

/// A batch of these steps: `0-2` are the first three.
fn batch(word: &str) -> Batch {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let (first, last): (u64, u64) = (first.parse().unwrap(), last.parse().unwrap());
    Batch { first, count: last + 1 - first }
}

fn batches_of(words: &str) -> BTreeSet<Batch> {
    words.split_whitespace().map(batch).collect()
}

fn told(batches: &[Batch]) -> String {
    let words = batches.iter().map(|batch| match batch.count {
        1 => batch.first.to_string(),
        count => format!("{}-{}", batch.first, batch.first + count - 1),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_run_makes_what_is_not_done_and_takes_back_what_was_announced() {
    let (forward, backward) = (Direction::Forward, Direction::Backward);
    // Documents are the steps 0 to 2 and 5, nodes 3 and 4.
    let steps = "a=->1 b=->1 c=->1 *graph:a=->1 *graph:b=->1 d=1>-";
    for (rule, intended, made, unmade, direction, pending) in [
        ("a start makes every batch", "", "", "", forward, "0-2 3-4 5"),
        ("a resume leaves out what has an outcome", "0-2", "0-2", "", forward, "3-4 5"),
        ("what was announced without an outcome is made again", "0-2 3-4", "0-2", "", forward, "3-4 5"),
        ("all is made", "0-2 3-4 5", "0-2 3-4 5", "", forward, ""),
        ("an abort takes back what was announced, made or not", "0-2 3-4", "0-2", "", backward, "0-2 3-4"),
        ("an abort of nothing announced moves nothing", "", "", "", backward, ""),
        ("an abort that goes on leaves out what is undone", "0-2 3-4", "0-2", "3-4", backward, "0-2"),
        (
            "batches of an older engine are cut anew around what is done",
            "0 1-2",
            "0",
            "",
            forward,
            "1-2 3-4 5",
        ),
        ("a gap splits a batch", "1", "1", "", forward, "0 2 3-4 5"),
    ] {
        let work = Work::planned(Given::log("").steps(steps));
        let journal = JournalState {
            intended: batches_of(intended),
            made: batches_of(made),
            unmade: batches_of(unmade),
            ..JournalState::default()
        };
        let found = pending_batches(&work, &journal, direction, |_| true);
        assert_eq!(told(&found), pending, "{rule}");
    }
}

#[test]
fn where_a_store_may_lose_what_it_has_answered_its_steps_are_made_again() {
    let work = Work::planned(Given::log("").steps("a=->1 *graph:a=->1"));
    let all = batches_of("0 1");
    let journal =
        JournalState { intended: all.clone(), made: all.clone(), unmade: all, ..JournalState::default() };
    for (rule, direction) in [("forward", Direction::Forward), ("backward", Direction::Backward)] {
        let durable = |step: &Step| !step.derived;
        assert_eq!(told(&pending_batches(&work, &journal, direction, durable)), "1", "{rule}");
        assert_eq!(
            told(&pending_batches(&work, &journal, direction, |_| true)),
            "",
            "{rule}: all are durable"
        );
    }
}

#[test]
fn steps_were_announced_where_a_batch_of_an_earlier_run_overlaps_them() {
    for (rule, intended, steps, is_announced_before) in [
        ("nothing was", "", 0..3, false),
        ("the same batch was", "0-2", 0..3, true),
        ("a part of it was", "2", 0..3, true),
        ("the one before it was", "0-2", 3..5, false),
        ("the one behind it was", "3-4", 0..3, false),
    ] {
        let journal = JournalState { intended: batches_of(intended), ..JournalState::default() };
        assert_eq!(is_announced(&journal, &steps), is_announced_before, "{rule}");
    }
}

#[test]
fn a_cell_is_swapped_from_what_was_seen_and_a_foreign_value_stops_the_run() {
    let (forward, backward) = (Direction::Forward, Direction::Backward);
    for (rule, treated, direction, seen, expected) in [
        ("from the value before to the planned one", "", forward, "0", Ok(("0>1", 0))),
        ("back to the value before", "", backward, "1", Ok(("1>0", 0))),
        ("a cell that has its value is swapped too, and counted", "", forward, "1", Ok(("1>1", 1))),
        ("so is one that never moved, on the way back", "", backward, "0", Ok(("0>0", 1))),
        ("what another hand wrote is left alone", "", forward, "9", Err("foreign_value")),
        ("also on the way back", "", backward, "9", Err("foreign_value")),
        ("also where another hand took it away", "", forward, "-", Err("foreign_value")),
        ("protection gives another value", "5", forward, "0", Ok(("0>5", 0))),
        ("that value counts as this operation's", "5", forward, "5", Ok(("5>5", 1))),
        ("protection asks for absent", "-", backward, "1", Ok(("1>-", 0))),
    ] {
        let mut work = Work::planned(Given::log("").steps("a=0>1"));
        if !treated.is_empty() {
            work.treated.insert(cell("a"), (value(treated), "rule".into()));
        }
        let steps: Vec<&Step> = work.steps.iter().collect();
        let found = swaps(&work, &steps, vec![Seen::value(value(seen))], direction);
        let found = found.map_err(|halt| halt.reason()).map(|(swaps, already)| {
            (format!("{}>{}", word(swaps[0].from.value), word(swaps[0].to)), already)
        });
        assert_eq!(found, expected.map(|(swap, already)| (swap.to_owned(), already)), "{rule}");
    }
}
