//! Resolves what people type into operations: an id, a unique prefix of one, or `latest` (R11).

use kfm_lineage::OperationKind;

use crate::error::{Error, Result};
use crate::history::{Kind, Operation};
use crate::session::Session;

/// Resolves a publish. `latest` is the newest completed one that moved references, rolled back or not.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Ambiguous`].
pub(crate) fn publish(session: &Session, text: &str) -> Result<Operation> {
    let publishes = session.history.publishes();
    if text == "latest" {
        let newest = publishes.rev().find(|publish| publish.kind == Kind::Publish && publish.is_completed());
        return newest.cloned().ok_or(Error::NotFound { kind: "publish", text: text.to_owned() });
    }
    one_of("publish", text, publishes)
}

/// Resolves a rollback or a revert.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Ambiguous`].
pub(crate) fn rollback(session: &Session, text: &str) -> Result<Operation> {
    let rollbacks =
        session.history.operations().filter(|operation| operation.id.kind() == OperationKind::Rollback);
    if text == "latest" {
        let newest = rollbacks.rev().find(|rollback| rollback.is_completed());
        return newest.cloned().ok_or(Error::NotFound { kind: "rollback", text: text.to_owned() });
    }
    one_of("rollback", text, rollbacks)
}

/// Resolves a hotfix.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Ambiguous`].
pub(crate) fn hotfix(session: &Session, text: &str) -> Result<Operation> {
    let hotfixes = session.history.operations().filter(|operation| operation.kind == Kind::Hotfix);
    if text == "latest" {
        let newest = hotfixes.rev().find(|hotfix| hotfix.is_completed());
        return newest.cloned().ok_or(Error::NotFound { kind: "hotfix", text: text.to_owned() });
    }
    one_of("hotfix", text, hotfixes)
}

/// An exact id before any prefix; a prefix only if it is unique.
fn one_of<'a>(
    kind: &'static str,
    text: &str,
    operations: impl Iterator<Item = &'a Operation>,
) -> Result<Operation> {
    let mut candidates: Vec<&Operation> = Vec::new();
    for operation in operations {
        if operation.id.as_str() == text {
            return Ok(operation.clone());
        }
        if !text.is_empty() && operation.id.as_str().starts_with(text) {
            candidates.push(operation);
        }
    }
    match candidates.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(Error::NotFound { kind, text: text.to_owned() }),
        _ => Err(Error::Ambiguous {
            kind,
            text: text.to_owned(),
            candidates: candidates.iter().map(|operation| operation.id.to_string()).collect(),
        }),
    }
}
