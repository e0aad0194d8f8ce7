//! `--skip KEY`: a cell is left alone only while it holds a foreign value (`docs/states.md` section 3).
//!
//! A cell that was left alone for any other reason would keep a value that no plan has, and the answer would say
//! 'done'.

use std::collections::BTreeSet;

use kfm_lineage::{CellId, Move, Value};

use crate::error::{Error, Result};
use crate::op::DomainOpExt;
use crate::session::Session;

/// Refuses a key that no cell of the operation has: a mistyped key would mean that the cell is moved after all.
///
/// # Errors
/// [`Error::Invalid`]: names the key.
pub(crate) fn refuse_unknown_keys(moves: &[Move], skip: &[String]) -> Result<()> {
    let is_known = |key: &str| moves.iter().any(|step| step.cell.key == key && !step.derived);
    match skip.iter().find(|key| !is_known(key)) {
        None => Ok(()),
        Some(key) => Err(Error::invalid(
            format!("no cell of this operation has the key that is to be left alone: key={key}"),
            "give keys of documents as the plan lists them, such as stac/items/a.json",
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
            "leave --skip out; 'kfm reconcile' lists what another hand changed",
        )),
    }
}

/// The error for a cell that is to be left alone although protection hides it.
pub(crate) fn protected(cell: &CellId) -> Error {
    Error::invalid(
        format!("protection in force today changes this cell, so it may not be left alone: cell={cell}"),
        "take the foreign value away or record it by 'kfm reconcile --adopt', then go on without --skip",
    )
}

/// Returns what a cell holds now.
///
/// # Errors
/// [`Error::Store`]: its store does not answer.
pub(crate) async fn observed(session: &Session, cell: &CellId) -> Result<Value> {
    Ok(session.store(cell)?.value(&cell.key).await?)
}
