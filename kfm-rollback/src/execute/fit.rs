//! Whether an open operation is one that this engine opened: its record, its plan and its steps fit each other and what
//! the log says besides (`docs/states.md` section 3).
//!
//! An attacker that can write the log's folder can append a record that opens an operation. An operation that does not
//! fit is never carried on, and its abort moves nothing, since it is not known what was done in its name. A forgery that
//! fits in everything cannot be told from the engine's own record; the witness of `kfm wal verify --against` has not
//! seen it.

use kfm_lineage::{Digest, Step};

use crate::history::{Operation, read_steps};
use crate::scope::scope_digest;
use crate::session::Session;

/// Says why an open operation does not fit, where it does not, and where its steps can be read.
pub(crate) async fn misfit_of_open(session: &Session, operation: &Operation) -> Option<&'static str> {
    let steps = read_steps(&session.versions(), &operation.steps).await.ok()?;
    misfit(session, operation, &steps)
}

/// Says why an open operation with these steps does not fit, where it does not.
pub(super) fn misfit(session: &Session, operation: &Operation, steps: &[Step]) -> Option<&'static str> {
    if let Some(why) = operation.misfit() {
        return Some(why);
    }
    if !operation.moves_references() {
        return None;
    }
    let before = scope_digest(steps.iter().map(|step| (&step.cell, step.before)));
    let after = scope_digest(steps.iter().map(|step| (&step.cell, step.after)));
    if before != operation.pre_state_hash || after != operation.post_state_expected {
        return Some("its steps are not those that it is to be judged by");
    }
    // While it is open it keeps its cells: what it found there is what the log still says.
    let is_found = |step: &&Step| session.history.value(&step.cell) == step.before;
    if !steps.iter().filter(|step| !step.derived).all(|step| is_found(&step)) {
        return Some("it begins at values that the log does not say");
    }
    operation.plan_id.and_then(|plan_id| misfit_of_plan(session, operation, &plan_id))
}

/// Says why a rollback, a revert or a hotfix is not what was planned by the log.
fn misfit_of_plan(session: &Session, operation: &Operation, plan_id: &Digest) -> Option<&'static str> {
    let Some(record) = session.history.plan(plan_id) else { return Some("the log does not know its plan") };
    let planned = (&record.operation, &record.target, Some(record.content_id));
    let is_planned = planned == (&operation.id, &operation.target, operation.content_id);
    (!is_planned).then_some("the log knows its plan otherwise")
}
