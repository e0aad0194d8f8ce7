//! Resolves what people type to an operation: an id, a unique prefix of one, or `latest` (R11).

use kfm_lineage::{IdKind, OperationId, OperationKind};
use kfm_policy::{Remedy, advice};

use crate::error::{Error, Result};
use crate::history::Operation;
use crate::remedy;
use crate::session::Session;

/// The word for the newest completed operation or, where one is resumed or aborted, for the open one.
pub(crate) const LATEST: &str = "latest";

/// Resolves a publish. `latest` is the newest completed publish or reconcile, rolled back or not; adoptions and
/// projections, which no rollback can undo, do not count.
///
/// # Errors
/// [`Error::NotFound`], [`Error::OtherKind`], [`Error::Ambiguous`]: the text names no publish, something else, or
/// several.
pub(crate) fn publish(session: &Session, text: &str) -> Result<Operation> {
    match text {
        LATEST => newest(session, IdKind::Publish),
        _ => one_of(session, IdKind::Publish, text),
    }
}

/// Resolves a rollback or a revert.
///
/// # Errors
/// [`Error::NotFound`], [`Error::OtherKind`], [`Error::Ambiguous`]: the text names no rollback, something else, or
/// several.
pub(crate) fn rollback(session: &Session, text: &str) -> Result<Operation> {
    match text {
        LATEST => newest(session, IdKind::Rollback),
        _ => one_of(session, IdKind::Rollback, text),
    }
}

/// Resolves a hotfix.
///
/// # Errors
/// [`Error::NotFound`], [`Error::OtherKind`], [`Error::Ambiguous`]: the text names no hotfix, something else, or
/// several.
pub(crate) fn hotfix(session: &Session, text: &str) -> Result<Operation> {
    match text {
        LATEST => newest(session, IdKind::Hotfix),
        _ => one_of(session, IdKind::Hotfix, text),
    }
}

/// Resolves a rollback or a hotfix: what is judged by its plan and has a manifest.
///
/// # Errors
/// As [`rollback`].
pub(crate) fn rollback_or_hotfix(session: &Session, text: &str) -> Result<Operation> {
    match rollback(session, text) {
        Err(Error::OtherKind { found: "hotfix", id, .. }) => hotfix(session, &id),
        found => found,
    }
}

/// Resolves the operation to resume or abort: `latest` is the only open one of this kind.
///
/// # Errors
/// [`Error::Conflict`]: none of this kind is open; if one of another kind is, the error names the command that ends
/// it. [`Error::Ambiguous`]: several are open. Otherwise as [`publish`].
pub(crate) fn to_resume(session: &Session, kind: IdKind, text: &str) -> Result<Operation> {
    if text != LATEST {
        let found = one_of(session, kind, text);
        return match planned_as(session, text) {
            Some(plan) if found.is_err() => Err(not_begun(&plan)),
            _ => found,
        };
    }
    let open: Vec<&Operation> = session.history.open_operations().collect();
    let own: Vec<&Operation> = open.iter().copied().filter(|open| open.id.kind() == kind).collect();
    match (own.as_slice(), open.last()) {
        ([one], _) => Ok((*one).clone()),
        ([], None) => Err(Error::Conflict {
            message: format!("no {kind} is open, there is nothing to resume"),
            conflicts: Vec::new(),
            hint: advice![Remedy::ShowStatus, " lists what is open"],
            next: vec![Remedy::ShowStatus],
        }),
        ([], Some(other)) => Err(Error::Conflict {
            message: format!("no {kind} is open, but a {} is: operation={}", other.id.kind(), other.id),
            conflicts: Vec::new(),
            hint: "resume or abort that one".into(),
            next: Remedy::both_ways(&other.id),
        }),
        (several, _) => Err(Error::Ambiguous {
            kind: kind.as_str(),
            text: text.to_owned(),
            candidates: several.iter().map(|open| open.id.to_string()).collect(),
        }),
    }
}

/// Resolves the rollback to revert.
///
/// # Errors
/// [`Error::Conflict`]: it is planned and was not executed. Otherwise as [`rollback`].
pub(crate) fn to_revert(session: &Session, text: &str) -> Result<Operation> {
    let found = rollback(session, text);
    match planned_as(session, text) {
        Some(plan) if found.is_err() => Err(not_begun(&plan)),
        _ => found,
    }
}

/// Returns the plan that waits and whose operation has this id, or is the only one whose id begins with the text.
pub(crate) fn planned_as(session: &Session, text: &str) -> Option<kfm_wal::record::PlanRecord> {
    let plans = session.history.plans();
    let waiting = || plans.iter().rev().filter(|plan| session.history.operation(&plan.operation).is_none());
    let exact = waiting().find(|plan| plan.operation.as_str() == text);
    let mut prefixed = waiting().filter(|plan| text.len() > 3 && plan.operation.as_str().starts_with(text));
    exact.or_else(|| prefixed.next().filter(|_| prefixed.next().is_none())).map(|plan| (*plan).clone())
}

/// Returns the newest plan of a kind that waits: what `latest` shows where nothing of the kind has completed yet.
pub(crate) fn newest_planned(session: &Session, kind: IdKind) -> Option<kfm_wal::record::PlanRecord> {
    let mut newest = session.history.plans().into_iter().rev();
    let waits = |plan: &&kfm_wal::record::PlanRecord| {
        plan.operation.kind() == kind
            && session.history.operation(&plan.operation).is_none()
            && session.history.cancelled(&plan.plan_id).is_none()
    };
    newest.find(waits).cloned()
}

fn not_begun(plan: &kfm_wal::record::PlanRecord) -> Error {
    Error::Conflict {
        message: format!(
            "it is planned and was not executed, so there is nothing to take back or to resume: operation={} \
             plan_id={}",
            plan.operation, plan.plan_id
        ),
        conflicts: Vec::new(),
        hint: "look at the plan; execute it, or cancel it".into(),
        next: remedy::of_plan(&plan.plan_id),
    }
}

fn newest(session: &Session, kind: IdKind) -> Result<Operation> {
    // A genesis moved nothing, so there is nothing to undo; a projection only shows what the documents say.
    let counts = |operation: &&Operation| {
        operation.id.kind() == kind
            && !matches!(operation.kind, OperationKind::Adopt | OperationKind::Project)
            && operation.is_completed()
    };
    let mut newest = session.history.operations().rev();
    newest.find(counts).cloned().ok_or_else(|| nothing_to_undo(session, kind))
}

/// The error where `latest` names nothing. If only adoptions were made, it says why they do not count.
fn nothing_to_undo(session: &Session, kind: IdKind) -> Error {
    let mut done =
        session.history.operations().rev().filter(|done| done.id.kind() == kind && done.is_completed());
    let text = done.find(|done| done.kind == OperationKind::Adopt).map_or_else(
        || LATEST.to_owned(),
        |adopted| {
            format!(
                "{LATEST}, since nothing was published after the adoption {}, which moved no document and cannot be \
                 undone",
                adopted.id
            )
        },
    );
    Error::NotFound { kind: kind.as_str(), text }
}

/// An exact id counts before any prefix; a prefix counts only if it is unique.
fn one_of(session: &Session, kind: IdKind, text: &str) -> Result<Operation> {
    let mut candidates: Vec<&Operation> = Vec::new();
    for operation in session.history.operations().filter(|operation| operation.id.kind() == kind) {
        if operation.id.as_str() == text {
            return Ok(operation.clone());
        }
        if !text.is_empty() && operation.id.as_str().starts_with(text) {
            candidates.push(operation);
        }
    }
    match candidates.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(other_kind(session, kind, text)),
        _ => Err(Error::Ambiguous {
            kind: kind.as_str(),
            text: text.to_owned(),
            candidates: candidates.iter().map(|operation| operation.id.to_string()).collect(),
        }),
    }
}

/// The error for an id that names another kind of operation, with what can be done with it; or the error that
/// nothing has the id.
fn other_kind(session: &Session, wanted: IdKind, text: &str) -> Error {
    let is_named =
        |id: &OperationId| id.as_str() == text || (text.len() > 3 && id.as_str().starts_with(text));
    let mut others = session.history.operations().filter(|operation| is_named(&operation.id));
    if let (Some(other), None) = (others.next(), others.next()) {
        return Error::OtherKind {
            wanted: wanted.as_str(),
            found: other.id.kind().as_str(),
            id: other.id.to_string(),
            next: remedies_of(session, other),
        };
    }
    let plan = session.history.plans().into_iter().rev().find(|plan| plan.plan_id.to_string() == text);
    if let Some(plan) = plan.cloned().or_else(|| planned_as(session, text)) {
        return Error::OtherKind {
            wanted: wanted.as_str(),
            found: "plan",
            id: plan.plan_id.to_string(),
            next: remedy::of_plan(&plan.plan_id),
        };
    }
    Error::NotFound { kind: wanted.as_str(), text: text.to_owned() }
}

/// What can be done with an operation: to end it while it is open, afterwards to show or verify it and to undo it.
pub(crate) fn remedies_of(session: &Session, operation: &Operation) -> Vec<Remedy> {
    let id = &operation.id;
    if operation.closed.is_none() {
        return Remedy::both_ways(id);
    }
    let show = Remedy::ShowOperation { operation: id.clone(), entire: false };
    match id.kind() {
        IdKind::Hotfix => {
            vec![show, Remedy::VerifyOperation { operation: id.clone() }, Remedy::undo(id)]
        }
        IdKind::Rollback if operation.is_completed() => vec![show, Remedy::undo(id)],
        IdKind::Publish if session.history.stands(id) && operation.kind != OperationKind::Adopt => {
            vec![show, Remedy::undo(id)]
        }
        IdKind::Rollback | IdKind::Publish => vec![show],
    }
}
