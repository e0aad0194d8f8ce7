//! Several writers at the same time, and what they compare.

use std::sync::Arc;

use kfm_lineage::Value;

use crate::conformance::Fixture;
use crate::op::{CompareAndSet, Depth, OpError, Seen, Swap, Swapped};

/// Rounds of two writers each.
const ROUNDS: u64 = 12;

/// **Compare-and-set**: of two writers that saw the same, one wins, and the other is told what it lost to.
pub async fn of_two_writers_one_wins(fixture: &Fixture) {
    if fixture.op().capabilities().put == CompareAndSet::None {
        return;
    }
    for round in 0..ROUNDS {
        let key = format!("race-{round}.json");
        // A replacement and an addition race each in every second round.
        let before = if round % 2 == 0 { fixture.value(0).await } else { None };
        fixture.swap(&key, None, before).await;
        let values = [fixture.value(2 * round + 1).await, fixture.value(2 * round + 2).await];
        one_wins(fixture, &key, before, values).await;
    }
}

/// **Compare-and-set**: of a writer that retires a cell and one that replaces its value, one wins.
pub async fn of_a_retire_and_a_replacement_one_wins(fixture: &Fixture) {
    let capabilities = fixture.op().capabilities();
    if [capabilities.put, capabilities.retire].contains(&CompareAndSet::None) {
        return;
    }
    for round in 0..ROUNDS {
        let key = format!("race-{round}.json");
        let before = fixture.value(0).await;
        fixture.swap(&key, None, before).await;
        one_wins(fixture, &key, before, [None, fixture.value(round + 1).await]).await;
    }
}

/// Lets two writers swap one cell at once, each by a handle of its own.
async fn one_wins(fixture: &Fixture, key: &str, before: Value, values: [Value; 2]) {
    let from = fixture.seen_at(key, Depth::Mark).await;
    assert_eq!(from.value, before);
    let writers = values.map(|to| {
        let swap = Swap { key: key.to_owned(), from: from.clone(), to };
        writer(fixture, vec![swap])
    });
    let mut winner = None;
    for (writer, value) in writers.into_iter().zip(values) {
        match writer.await.expect("a writer ends").remove(0) {
            Ok(Swapped::Applied { .. }) => {
                assert_eq!(winner, None, "both writers won, and what the first wrote is lost");
                winner = Some(value);
            }
            Ok(Swapped::Conflict { .. }) => {}
            Err(error) if error.may_pass() => {}
            answer => panic!("neither won nor lost: {answer:?}"),
        }
    }
    let standing = fixture.observe(key).await;
    assert_eq!(winner, Some(standing), "not the winner's value stands");
}

/// Two batches with the same cells in opposite orders both end: a store that locks cell by cell takes its locks in one
/// order, or says that trying again helps.
pub async fn batches_in_opposite_orders_do_not_stand_in_each_others_way(fixture: &Fixture) {
    for round in 0..ROUNDS {
        let keys: Vec<String> = (0..10).map(|n| format!("{round}/{n}.json")).collect();
        let batch = |to: Value| -> Vec<Swap> {
            keys.iter().map(|key| Swap { key: key.clone(), from: Seen::default(), to }).collect()
        };
        let (one, mut other) = (batch(fixture.value(1).await), batch(fixture.value(2).await));
        other.reverse();
        let mut applied = 0;
        for writer in [writer(fixture, one), writer(fixture, other)] {
            for answer in writer.await.expect("a writer ends") {
                match answer {
                    Ok(Swapped::Applied { .. }) => applied += 1,
                    Ok(_) => {}
                    Err(error) if error.may_pass() => {}
                    Err(error) => panic!("the writers stand in each other's way: {error:?}"),
                }
            }
        }
        let standing = fixture.op().observe(&keys, Depth::Content).await.expect("the store answers");
        let standing = standing.iter().filter(|seen| seen.value.is_some()).count();
        assert_eq!(applied, standing, "more cells were won than stand, or fewer");
    }
}

/// Swaps a batch on a task of its own; an outer error is the answer of each cell.
fn writer(
    fixture: &Fixture,
    batch: Vec<Swap>,
) -> tokio::task::JoinHandle<Vec<Result<Swapped, Arc<OpError>>>> {
    let (op, cx) = (fixture.op(), fixture.context());
    tokio::spawn(async move {
        match op.swap(&cx, &batch).await {
            Ok(answers) => answers.into_iter().map(|answer| answer.map_err(Arc::new)).collect(),
            Err(error) => {
                let error = Arc::new(error);
                batch.iter().map(|_| Err(Arc::clone(&error))).collect()
            }
        }
    })
}

/// The generation that a swap hands back is the one that is seen at the cell then, and each change has another one.
pub async fn a_generation_that_is_handed_back_is_the_one_that_stands(fixture: &Fixture) {
    let (op, cx, key) = (fixture.op(), fixture.context(), "x.json");
    let mut from = fixture.seen_at(key, Depth::Mark).await;
    for to in [fixture.value(1).await, fixture.value(2).await, None, fixture.value(1).await] {
        let swap = Swap { key: key.to_owned(), from: from.clone(), to };
        let mut handed_back = Vec::new();
        // The second time it is there already.
        for _ in 0..2 {
            let swapped = op.swap(&cx, std::slice::from_ref(&swap)).await.expect("the store takes the batch");
            fixture.settle(&*op, &cx, &[key.to_owned()]).await;
            match &swapped[..] {
                [Ok(Swapped::Applied { generation } | Swapped::Already { generation })] => {
                    handed_back.push(generation.clone());
                }
                answers => panic!("a swap from what a swap handed back is not made: {answers:?}"),
            }
        }
        let seen = fixture.seen_at(key, Depth::Mark).await;
        for generation in handed_back {
            assert_eq!(generation, seen.generation, "another generation stands than was handed back");
        }
        assert!(
            !from.generation.is_some_and(|before| seen.generation == Some(before)),
            "two states of one generation"
        );
        // The next swap starts from what was handed back, without a look.
        from = seen;
    }
}

/// Where generations are said to be compared, a value that went and came back is not taken for one that stood.
pub async fn a_value_that_went_and_came_back_is_not_taken_for_untouched(fixture: &Fixture) {
    if fixture.op().capabilities().put == CompareAndSet::Generation {
        let c = fixture.value(3).await;
        a_touched_cell_is_left_alone(fixture, c).await;
    }
}

/// Where generations are said to be compared when a cell is retired, one that was touched meanwhile is left alone.
pub async fn a_retire_does_not_take_what_was_touched(fixture: &Fixture) {
    if fixture.op().capabilities().retire == CompareAndSet::Generation {
        a_touched_cell_is_left_alone(fixture, None).await;
    }
}

async fn a_touched_cell_is_left_alone(fixture: &Fixture, to: Value) {
    let (a, b) = (fixture.value(1).await, fixture.value(2).await);
    fixture.swap("x.json", None, a).await;
    let from = fixture.seen_at("x.json", Depth::Mark).await;
    fixture.swap("x.json", a, b).await;
    fixture.swap("x.json", b, a).await;
    let swap = Swap { key: "x.json".to_owned(), from: from.clone(), to };
    let swapped = fixture.op().swap(&fixture.context(), &[swap]).await.expect("the store takes the batch");
    match &swapped[..] {
        [Ok(Swapped::Conflict { observed })] => {
            assert_eq!(observed.value, a);
            assert_ne!(observed.generation, from.generation, "it has the generation that was seen before");
        }
        answers => panic!("what was touched meanwhile is taken for untouched: {answers:?}"),
    }
    assert_eq!(fixture.observe("x.json").await, a);
}
