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
