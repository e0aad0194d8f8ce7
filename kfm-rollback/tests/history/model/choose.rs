//! What happens next in a random history.

use std::collections::BTreeMap;

use super::chance::Chance;
use super::oracle::{CELLS, Cell, Oracle};

/// What happens next.
#[derive(Debug)]
pub enum Action {
    /// A pipeline publishes values; none retires a cell.
    Publish(BTreeMap<Cell, Option<u64>>, Option<Stop>),
    /// A hotfix changes every document of a collection.
    Correct(&'static str, Option<Stop>),
    /// A person changes a document by hand, and it is reconciled.
    EditByHand(Cell, Option<u64>),
    /// An operation is rolled back, whether or not that can be done.
    RollBack(usize, RollBack),
    /// A rollback, or a revert, is taken back.
    Revert { turn: usize },
}

/// How an operation is rolled back.
#[derive(Debug)]
pub struct RollBack {
    /// A cell that is left alone.
    pub skip: Option<Cell>,
    /// Whether it is planned by itself and the plan executed.
    pub plan_first: bool,
    pub stop: Option<Stop>,
}

/// An operation is interrupted after its first batch of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    ThenResume,
    ThenAbort,
}

/// The cells of one history: few, so that they are hot, and at least one of them a document.
pub fn choose_cells(chance: &mut Chance) -> Vec<Cell> {
    let documents = CELLS.iter().filter(|cell| cell.is_document()).count() as u64;
    let first = chance.between(0, documents - 1) as usize;
    let rest = (1..CELLS.len()).map(|at| CELLS[(first + at) % CELLS.len()]);
    let others = chance.between(1, 3) as usize;
    [CELLS[first]].into_iter().chain(rest.step_by(chance.between(1, 2) as usize).take(others)).collect()
}

/// Chooses what happens next; old values come again.
pub fn choose(chance: &mut Chance, oracle: &Oracle, cells: &[Cell]) -> Action {
    let roll = chance.between(0, 99);
    if oracle.operations.is_empty() || roll < 40 {
        let steps = 0..chance.between(1, 4);
        let values = steps.map(|_| one_cell(chance, oracle, cells)).collect();
        return Action::Publish(values, stop(chance));
    }
    let standing: Vec<&'static str> =
        oracle.seen.iter().filter_map(|(cell, value)| cell.collection(*value)).collect();
    if roll < 52 && !standing.is_empty() {
        return Action::Correct(chance.one_of::<&str>(&standing), stop(chance));
    }
    if roll < 58 {
        let documents: Vec<Cell> = cells.iter().copied().filter(|cell| cell.is_document()).collect();
        let (cell, value) = one_cell(chance, oracle, &documents);
        return Action::EditByHand(cell, value);
    }
    if roll < 84 || oracle.turns.is_empty() {
        let operation = chance.between(0, oracle.operations.len() as u64 - 1) as usize;
        let moved: Vec<Cell> = oracle.operations[operation].wrote.keys().copied().collect();
        let skip = chance.percent(12).then(|| *chance.one_of(&moved));
        let plan_first = skip.is_none() && chance.percent(40);
        return Action::RollBack(operation, RollBack { skip, plan_first, stop: stop(chance) });
    }
    Action::Revert { turn: chance.between(0, oracle.turns.len() as u64 - 1) as usize }
}

fn stop(chance: &mut Chance) -> Option<Stop> {
    match chance.between(0, 99) {
        0..10 => Some(Stop::ThenResume),
        10..20 => Some(Stop::ThenAbort),
        _ => None,
    }
}

/// A cell with a value for it: new, one that it had, or none.
fn one_cell(chance: &mut Chance, oracle: &Oracle, cells: &[Cell]) -> (Cell, Option<u64>) {
    let cell = *chance.one_of(cells);
    let had: Vec<u64> =
        oracle.operations.iter().filter_map(|operation| *operation.wrote.get(&cell)?).collect();
    let value = match chance.between(0, 99) {
        0..25 => None,
        25..60 if !had.is_empty() => Some(*chance.one_of(&had)),
        _ => Some(chance.between(1, 1 << 20)),
    };
    (cell, value)
}
