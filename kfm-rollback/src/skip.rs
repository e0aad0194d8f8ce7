//! What is left alone: a cell is left alone only while it holds a foreign value (`docs/states.md` section 3).
//!
//! A cell that was left alone for any other reason would keep a value that no plan has, and the answer would say
//! 'done'.

use std::collections::BTreeSet;

use kfm_lineage::{CellId, Step, Value};
use kfm_policy::{Parameter, Remedy, advice};

use crate::error::{Error, Result};
use crate::op::DomainOpExt;
use crate::session::Session;

/// Refuses a key that no cell of the operation has: a mistyped key would mean that the cell is moved after all.
///
/// # Errors
/// [`Error::Invalid`]: names the key.
pub(crate) fn refuse_unknown_keys(steps: &[Step], skip: &[String]) -> Result<()> {
    let keys = || steps.iter().filter(|step| !step.derived).map(|step| &step.cell.key);
    match skip.iter().find(|key| !keys().any(|known| known == *key)) {
        None => Ok(()),
        Some(key) => Err(Error::invalid(
            format!("no cell of this operation has the key that is to be left alone: key={key}"),
            match keys().next() {
                Some(known) => {
                    format!("give a key of the operation as it stands in the plan, such as {known}").into()
                }
                None => advice!["leave ", Parameter::Skip, " out: the operation moves no document"],
            },
        )),
    }
}

/// Refuses a key whose cells hold no foreign value.
///
/// # Errors
/// [`Error::Invalid`]: names the key.
pub(crate) fn refuse_known_values(skip: &[String], foreign: &BTreeSet<CellId>) -> Result<()> {
    match skip.iter().find(|key| !foreign.iter().any(|cell| cell.key == **key)) {
        None => Ok(()),
        Some(key) => Err(Error::invalid(
            format!("only what another hand changed may be left alone, and this was not: key={key}"),
            advice![
                "leave ",
                Parameter::Skip,
                " out; ",
                Remedy::ListForeign,
                " lists what another hand changed"
            ],
        )),
    }
}

/// The error for a cell that is to be left alone although protection hides it.
pub(crate) fn protected(cell: &CellId) -> Error {
    Error::invalid(
        format!("protection in force today changes this cell, so it may not be left alone: cell={cell}"),
        advice![
            "take the foreign value away or record it by ",
            Remedy::AdoptForeign,
            ", then go on without ",
            Parameter::Skip,
        ],
    )
}

/// Returns what a cell holds now.
///
/// # Errors
/// [`Error::Store`]: its store does not answer.
pub(crate) async fn observed(session: &Session, cell: &CellId) -> Result<Value> {
    Ok(session.store(cell)?.value(&cell.key).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::given::{Given, cell};

    #[test]
    fn only_keys_of_the_operations_own_cells_may_be_left_alone() {
        for (rule, steps, skip, refused) in [
            ("nothing is left alone", "a=1 b=1", "", None),
            ("a key of the operation", "a=1 b=1", "b", None),
            ("all of its keys", "a=1 b=1", "b a", None),
            ("a mistyped key", "a=1 b=1", "a A", Some("A")),
            ("the key of a derived cell only: it is projected, not moved", "a=1 *graph:x=1", "x", Some("x")),
            ("the operation has no cell", "", "a", Some("a")),
        ] {
            let skip: Vec<String> = skip.split_whitespace().map(str::to_owned).collect();
            let found = refuse_unknown_keys(&Given::log("").steps(steps), &skip);
            assert_eq!(key_of(found), refused.map(str::to_owned), "{rule}");
        }
    }

    #[test]
    fn a_cell_is_left_alone_only_while_it_holds_a_foreign_value() {
        for (rule, skip, foreign, refused) in [
            ("nothing is left alone, nothing is foreign", "", "", None),
            ("what is foreign need not be left alone here", "", "a", None),
            ("a foreign value", "a", "a", None),
            ("a value that the log knows", "a", "", Some("a")),
            ("another cell is foreign", "a b", "b", Some("a")),
            ("a cell of this key in another store is foreign", "x", "graph:x", None),
        ] {
            let skip: Vec<String> = skip.split_whitespace().map(str::to_owned).collect();
            let foreign: BTreeSet<CellId> = foreign.split_whitespace().map(cell).collect();
            let found = refuse_known_values(&skip, &foreign);
            assert_eq!(key_of(found), refused.map(str::to_owned), "{rule}");
        }
    }

    fn key_of(found: Result<()>) -> Option<String> {
        let Err(Error::Invalid { message, .. }) = found else { return None };
        message.rsplit_once("key=").map(|(_, key)| key.to_owned())
    }
}
