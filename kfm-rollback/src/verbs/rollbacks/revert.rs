//! What a revert of a rollback does: it turns the rollback's target the other way (R45).

use kfm_lineage::{OperationKind, RollbackId};
use kfm_policy::Remedy;

use crate::asked::Asked;
use crate::error::{Error, Result};
use crate::history::Operation;
use crate::plan::{PlanKind, Wanted};
use crate::refusal::recorded;
use crate::resolve;
use crate::session::Session;

/// Finds what reverting a rollback has to do, and records the refusal if it cannot be done (R6).
///
/// # Errors
/// As [`resolve::to_revert`] and [`turn_of`].
pub(super) async fn revert_or_record(
    session: &mut Session,
    asked: Asked,
    id: &str,
    reason: Option<String>,
) -> Result<Wanted> {
    let found = resolve::to_revert(session, id);
    let rollback = recorded(session, asked, None, None, found).await?;
    let result = turn_of(session, &rollback, reason);
    recorded(session, asked, Some(rollback.id), None, result).await
}

/// Says what reverting a rollback has to do: an operation that the rollback undid stands again, one that it made
/// again is undone.
///
/// # Errors
/// [`Error::Incomplete`]: the rollback has not ended. [`Error::Invalid`]: it went back to the prior state, so there
/// is nothing to revert. [`Error::Conflict`]: a later operation turned the target the same way again.
pub(super) fn turn_of(session: &Session, rollback: &Operation, reason: Option<String>) -> Result<Wanted> {
    if !rollback.is_completed() {
        let status = rollback.status(false);
        return Err(match status.is_open() {
            true => Error::Incomplete {
                message: format!("it has not ended: rollback_id={} status={status}", rollback.id),
                hint: "resume or abort it first".into(),
                next: Remedy::both_ways(&rollback.id),
            },
            false => Error::invalid(
                format!("nothing of it stands, it went back to the prior state: rollback_id={}", rollback.id),
                "there is nothing to revert",
            ),
        });
    }
    let last = session.history.last_turn(&rollback.target);
    if let Some(last) = last.filter(|last| last.opened > rollback.opened)
        && last.kind == rollback.kind
    {
        return Err(Error::Conflict {
            message: format!(
                "a later operation did the same again: rollback_id={} later={}",
                rollback.id, last.id
            ),
            conflicts: Vec::new(),
            hint: "revert the later one".into(),
            next: vec![Remedy::undo(&last.id)],
        });
    }
    let kind = match rollback.kind {
        OperationKind::Revert => PlanKind::Rollback,
        _ => PlanKind::Revert,
    };
    Ok(Wanted {
        kind,
        reverts: RollbackId::parse(rollback.id.as_str()).ok(),
        reason,
        ..Wanted::rollback(rollback.target.clone())
    })
}
