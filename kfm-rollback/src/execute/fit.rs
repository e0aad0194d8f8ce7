//! Whether an open operation is one that this engine opened: its record, its plan and its steps fit each other and what
//! the log says besides (`docs/states.md` section 3).
//!
//! An attacker that can write the log's folder can append a record that opens an operation. An operation that does not
//! fit is never carried on, and its abort moves nothing, since it is not known what was done in its name. A forgery that
//! fits in everything cannot be told from the engine's own record; a witness that was kept elsewhere has not seen it.

use kfm_lineage::{Digest, Step};

use crate::error::Result;
use crate::history::{History, Operation, read_steps};
use crate::scope::scope_digest;
use crate::session::Session;

/// Says why an open operation does not fit, where it does not, and where its steps can be read.
pub(crate) async fn misfit_of_open(session: &Session, operation: &Operation) -> Option<&'static str> {
    let steps = read_steps(&session.versions(), &operation.steps).await.ok()?;
    misfit(&session.history, operation, &steps).ok().flatten()
}

/// Says why an open operation with these steps does not fit, where it does not.
///
/// # Errors
/// As [`History::cell`].
pub(super) fn misfit(
    history: &History,
    operation: &Operation,
    steps: &[Step],
) -> Result<Option<&'static str>> {
    if let Some(why) = operation.misfit() {
        return Ok(Some(why));
    }
    if !operation.moves_references() {
        return Ok(None);
    }
    let before = scope_digest(steps.iter().map(|step| (&step.cell, step.before)));
    let after = scope_digest(steps.iter().map(|step| (&step.cell, step.after)));
    if before != operation.pre_state_hash || after != operation.post_state_expected {
        return Ok(Some("its steps are not those that it is to be judged by"));
    }
    // While it is open it keeps its cells: what it found there is what the log still says.
    for step in steps.iter().filter(|step| !step.derived) {
        if history.value(&step.cell)? != step.before {
            return Ok(Some("it begins at values that the log does not say"));
        }
    }
    Ok(operation.plan_id.and_then(|plan_id| misfit_of_plan(history, operation, &plan_id)))
}

/// Says why a rollback, a revert or a hotfix is not what was planned by the log.
fn misfit_of_plan(history: &History, operation: &Operation, plan_id: &Digest) -> Option<&'static str> {
    let Some(record) = history.plan(plan_id) else { return Some("the log does not know its plan") };
    let planned = (&record.operation, &record.target, Some(record.content_id));
    let is_planned = planned == (&operation.id, &operation.target, operation.content_id);
    (!is_planned).then_some("the log knows its plan otherwise")
}

#[cfg(test)]
mod tests {
    use kfm_wal::record::PlanRecord;

    use super::*;
    use crate::history::given::Given;

    #[test]
    fn an_open_operation_fits_its_steps_and_what_the_log_says() {
        for (rule, log, steps, fits) in [
            ("as it was opened", "G adopt a=0; A publish a=1 b=1 (open)", "a=0>1 b=->1", true),
            ("a step is missing", "G adopt a=0; A publish a=1 b=1 (open)", "a=0>1", false),
            ("a step is added", "A publish a=1 (open)", "a=->1 b=->1", false),
            ("a step leads elsewhere", "A publish a=1 (open)", "a=->2", false),
            ("a step begins elsewhere", "G adopt a=0; A publish a=1 (open)", "a=9>1", false),
            (
                "a derived cell begins elsewhere",
                "A publish a=1 *graph:a=9>1 (open)",
                "a=->1 *graph:a=8>1",
                false,
            ),
            ("it begins at a value that the log does not say", "A publish a=9>1 (open)", "a=9>1", false),
            (
                "a derived cell begins at what its store held",
                "A publish a=1 *graph:a=9>1 (open)",
                "a=->1 *graph:a=9>1",
                true,
            ),
            ("an adoption moves nothing: its steps are not looked at", "A adopt a=1 (open)", "", true),
        ] {
            let given = Given::log(log);
            let found = misfit(&given.history, given.operation("A"), &given.steps(steps)).unwrap();
            assert_eq!(found.is_none(), fits, "{rule}: {found:?}");
        }
    }

    #[test]
    fn a_rollback_is_one_that_the_log_has_planned() {
        let given = Given::log("A publish a=1; B publish b=1; R rollback A a=- (open)");
        let (plan_id, content_id) = (Digest::of_bytes(b"plan"), Digest::of_bytes(b"content"));
        let operation = Operation {
            plan_id: Some(plan_id),
            content_id: Some(content_id),
            ..given.operation("R").clone()
        };
        let planned = PlanRecord {
            plan_id,
            content_id,
            operation: operation.id.clone(),
            target: operation.target.clone(),
            requested_by: "ops".into(),
            created_at: kfm_lineage::Timestamp::UNIX_EPOCH,
            status: "planned".into(),
        };
        let other = || Digest::of_bytes(b"other");
        for (rule, plan, fits) in [
            ("it is planned by the log", Some(planned.clone()), true),
            ("the log does not know its plan", None, false),
            (
                "the plan has another content",
                Some(PlanRecord { content_id: other(), ..planned.clone() }),
                false,
            ),
            (
                "the plan has another target",
                Some(PlanRecord { target: given.id("B"), ..planned.clone() }),
                false,
            ),
            (
                "the plan opens another operation",
                Some(PlanRecord { operation: given.id("B"), ..planned }),
                false,
            ),
        ] {
            let mut history = given.history.clone();
            plan.into_iter().for_each(|plan| history.note_plan(plan));
            let found = misfit(&history, &operation, given.steps_of("R")).unwrap();
            assert_eq!(found.is_none(), fits, "{rule}: {found:?}");
        }
    }
}
