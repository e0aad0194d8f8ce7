//! The course of one operation: the moments from its plan to its end, with the actor of each, and its approvals.

use kfm_lineage::{Digest, Status, Timestamp};
use kfm_wal::record::{ApprovalRecord, JournalEntry, Record};

use crate::error::Result;
use crate::history::Operation;
use crate::report::{GivenApproval, MomentLine};
use crate::session::Session;

/// Lists the approvals of an operation's plan, in the log's order.
pub(super) fn approvals_of(session: &Session, plan_id: Option<&Digest>) -> Vec<GivenApproval> {
    let Some(plan_id) = plan_id else { return Vec::new() };
    session.history.approvals(plan_id).map(given).collect()
}

fn given(record: &ApprovalRecord) -> GivenApproval {
    GivenApproval {
        principal: record.principal.clone(),
        role: record.role.clone(),
        signed_at: record.signed_at,
        expires_at: record.expires_at,
    }
}

/// Lists the moments of a plan: when it was made, and each approval.
pub(super) fn planned_moments(session: &Session, plan_id: &Digest) -> Vec<MomentLine> {
    let plan = session.history.plans().into_iter().find(|plan| plan.plan_id == *plan_id);
    let planned = plan.map(|plan| moment(plan.created_at, "planned".into(), &plan.requested_by));
    let approved = session.history.approvals(plan_id).map(|approval| {
        moment(approval.signed_at, format!("approved as {}", approval.role), &approval.principal)
    });
    planned.into_iter().chain(approved).collect()
}

fn moment(at: Timestamp, what: String, by: &str) -> MomentLine {
    MomentLine { at, what, by: Some(by.to_owned()), detail: None }
}

/// Lists the moments of an operation, in the log's order; those of the plan and its approvals come first.
///
/// # Errors
/// [`Error::Log`](crate::Error::Log): the log cannot be read.
pub(super) async fn moments(session: &Session, operation: &Operation) -> Result<Vec<MomentLine>> {
    let mut moments =
        operation.plan_id.as_ref().map_or_else(Vec::new, |plan_id| planned_moments(session, plan_id));
    moments.push(MomentLine {
        detail: operation.reason.clone(),
        ..moment(operation.opened_at, "opened".into(), &operation.requested_by)
    });
    for entry in session.wal.by_operation(&operation.id).await? {
        let Record::Journal(line) = &entry.record else { continue };
        moments.extend(match &line.entry {
            JournalEntry::Resumed { by, host, pid } => Some(MomentLine {
                detail: Some(format!("host={host} pid={pid}")),
                ..moment(entry.at, "taken up".into(), by)
            }),
            JournalEntry::AbortRequested { by, reason } => Some(MomentLine {
                detail: Some(reason.clone()),
                ..moment(entry.at, "turned back".into(), by)
            }),
            JournalEntry::Held { reason, detail } => Some(MomentLine {
                at: entry.at,
                what: "held".into(),
                by: None,
                detail: Some(format!("{reason}: {detail}")),
            }),
            _ => None,
        });
    }
    if let Some(closed) = &operation.closed {
        let what = match operation.status(false) {
            Status::Completed => "completed and verified",
            status => status.as_str(),
        };
        moments.push(MomentLine { at: closed.at, what: what.into(), by: None, detail: None });
    }
    Ok(moments)
}
