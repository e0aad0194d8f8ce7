//! Executes a plan exactly as it was made, or not at all.

use std::collections::BTreeMap;

use kfm_policy::{Approval, Consent, Remedy};
use kfm_telemetry::slo::PHASE_POLICY_RECHECK;
use kfm_wal::record::{Governance, OperationFrame, OperationPayload, Record};

use super::draft::{Draft, Drafted, Wanted, draft};
use super::{Plan, PlanKind, PlanStep};
use crate::assess::{DOCUMENT_TIER, denied};
use crate::error::{Error, Result};
use crate::execute::{Opening, Outcome, Resume, Work, open, preflight, prepare, resume, run, telemetry_ref};
use crate::history::Operation;
use crate::report::ConflictLine;
use crate::session::Session;

/// The result of executing a plan.
#[derive(Debug)]
pub(crate) enum Executed {
    /// It was executed now.
    Done(Box<Outcome>),
    /// It was executed before, and its target was not turned since.
    Before,
}

/// Executes a plan: drafts and judges it again, compares the content, checks the approvals, opens the operation and
/// runs it.
///
/// # Errors
/// As [`Error`] says; [`Error::Conflict`]: the plan is stale, with what changed.
pub(crate) async fn execute_plan(session: &mut Session, plan: &Plan, reason: &str) -> Result<Executed> {
    if let Some(operation) = session.history.operation(&plan.operation).cloned() {
        return executed_before(session, plan, &operation).await;
    }
    refuse_cancelled(session, plan)?;
    let drafted = match draft_again(session, plan, reason).await {
        // A cell that was to be left alone has no foreign value any more, or protection hides it now.
        Err(Error::Invalid { message, .. }) if !plan.content.skip.is_empty() => {
            return Err(stale(plan, message, Vec::new()));
        }
        drafted => drafted?,
    };
    let draft = match drafted {
        Drafted::Change(draft) => draft,
        Drafted::Nothing { note, .. } => return Err(stale(plan, note, Vec::new())),
    };
    if !draft.decision.allowed {
        return Err(denied(draft.case.kind.as_str(), &draft.decision));
    }
    if draft.content_id != plan.content_id {
        let changes = differences(session, plan, &draft).await?;
        return Err(stale(plan, "what it was planned on has changed".into(), changes));
    }
    preflight(session, &draft.bare_steps()).await?;
    execute_draft(session, plan, *draft, reason).await
}

/// Refuses a plan that was taken back.
///
/// # Errors
/// [`Error::Conflict`]: says which actor took it back, and why.
pub(crate) fn refuse_cancelled(session: &Session, plan: &Plan) -> Result<()> {
    let Some(cancelled) = session.history.cancelled(&plan.plan_id) else { return Ok(()) };
    Err(Error::Conflict {
        message: format!(
            "the plan was cancelled by {}, {}: plan_id={}",
            cancelled.requested_by, cancelled.reason, plan.plan_id
        ),
        conflicts: Vec::new(),
        hint: "plan again".into(),
        next: vec![Remedy::undo(&plan.content.target)],
    })
}

/// Drafts the change of a plan again, from what the log and the stores say now.
pub(crate) async fn draft_again(session: &mut Session, plan: &Plan, reason: &str) -> Result<Drafted> {
    let steps = match plan.content.kind {
        PlanKind::Hotfix => {
            let steps: Vec<PlanStep> = session.versions().read_segment(&plan.content.steps).await?;
            steps.into_iter().map(|step| step.step).collect()
        }
        PlanKind::Rollback | PlanKind::Revert => Vec::new(),
    };
    let wanted = Wanted {
        kind: plan.content.kind,
        target: plan.content.target.clone(),
        reverts: plan.content.reverts.clone(),
        skip: plan.content.skip.clone(),
        hide_unmaskable: plan.content.hide_unmaskable,
        forced: plan.content.forced.clone(),
        reason: Some(reason.to_owned()),
        steps,
        contents: Vec::new(),
        correction: plan.content.correction.clone(),
    };
    draft(session, wanted).await
}

/// Answers for a plan whose operation is in the log already: one id, one use (`docs/states.md` section 3).
async fn executed_before(session: &mut Session, plan: &Plan, operation: &Operation) -> Result<Executed> {
    stands_as_planned(session, plan, operation)?;
    if operation.closed.is_none() {
        let outcome = resume(session, &operation.id, Resume::default()).await?;
        return Ok(Executed::Done(Box::new(outcome)));
    }
    Ok(Executed::Before)
}

/// Refuses a plan whose operation in the log has ended and does not stand as it was planned.
///
/// # Errors
/// [`Error::Conflict`]: it was executed and went back, or was reverted since, or another plan has its id.
pub(crate) fn stands_as_planned(session: &Session, plan: &Plan, operation: &Operation) -> Result<()> {
    if operation.content_id != Some(plan.content_id) {
        return Err(Error::Conflict {
            message: format!("another plan was executed under this id: operation={}", operation.id),
            conflicts: Vec::new(),
            hint: "plan again".into(),
            next: Vec::new(),
        });
    }
    if operation.closed.is_none() {
        return Ok(());
    }
    if !operation.is_completed() {
        return Err(Error::Conflict {
            message: format!("it was executed and went back: operation={}", operation.id),
            conflicts: Vec::new(),
            hint: "plan again, under a new id".into(),
            next: Vec::new(),
        });
    }
    let turned_since =
        session.history.last_turn(&plan.content.target).is_some_and(|last| last.opened > operation.opened);
    if turned_since {
        return Err(stale(plan, "it was executed, and reverted since".into(), Vec::new()));
    }
    Ok(())
}

fn stale(plan: &Plan, why: String, changes: Vec<ConflictLine>) -> Error {
    let again = match plan.content.kind {
        PlanKind::Rollback => Remedy::undo(&plan.content.target),
        _ => Remedy::ShowStatus,
    };
    Error::Conflict {
        message: format!("the plan is stale, {why}: plan_id={}", plan.plan_id),
        conflicts: changes,
        hint: "plan again; what was approved was the old plan".into(),
        next: vec![again],
    }
}

/// Lists the steps that differ between a plan and a plan of the same change that is made now.
async fn differences(session: &Session, plan: &Plan, draft: &Draft) -> Result<Vec<ConflictLine>> {
    let planned: Vec<PlanStep> = session.versions().read_segment(&plan.content.steps).await?;
    let by_cell = |steps: &[PlanStep]| -> BTreeMap<String, PlanStep> {
        steps.iter().map(|step| (step.step.cell.to_string(), step.clone())).collect()
    };
    let (planned, fresh) = (by_cell(&planned), by_cell(&draft.steps));
    let word = |step: Option<&PlanStep>| {
        step.map(|step| {
            let value =
                |value: kfm_lineage::Value| value.map_or("absent".to_owned(), |digest| digest.to_string());
            format!("{} -> {} on lsn {}", value(step.step.before), value(step.step.after), step.basis)
        })
    };
    let mut lines = Vec::new();
    for key in planned.keys().chain(fresh.keys().filter(|key| !planned.contains_key(*key))) {
        let (was, is) = (planned.get(key), fresh.get(key));
        if was != is {
            lines.push(ConflictLine {
                kind: "stale".into(),
                subject: key.clone(),
                expected: word(was),
                observed: word(is),
                message: format!("{key} moved since it was planned"),
            });
        }
    }
    if plan.content.protection != draft.content.protection {
        lines.push(ConflictLine {
            kind: "stale".into(),
            subject: "protection".into(),
            expected: None,
            observed: None,
            message: "the protection in force in the scope has changed".into(),
        });
    }
    Ok(lines)
}

/// Executes a plan that this session has made and has checked with [`preflight`]: the session holds the lock, so
/// nothing that the log knows can have changed since.
///
/// # Errors
/// As [`execute_plan`].
pub(crate) async fn execute_draft(
    session: &mut Session,
    plan: &Plan,
    draft: Draft,
    reason: &str,
) -> Result<Executed> {
    session.begin_phase(PHASE_POLICY_RECHECK, 0);
    let approvals: Vec<Approval> =
        session.history.approvals(&plan.plan_id).map(crate::approvals::approval_of).collect();
    let consent = Consent::Asked {
        requested_by: &plan.requested_by,
        approvals: &approvals,
        principals: &session.principals,
    };
    let permit = draft.case.permit(session, &plan.plan_id, consent)?;
    let entities: Vec<_> = draft.steps.iter().map(|step| step.step.entity.clone()).collect();
    let Draft { steps, skipped, now, after, labels, case, decision, derived, scope, .. } = draft;
    let steps = steps.into_iter().map(|step| step.step).collect();
    let prepared =
        prepare(session, &plan.operation, Opening { steps, now: &now, after: &after, labels }).await?;
    // Dropped here, so that the memory is free while the steps are made.
    drop((now, after, case, decision, derived, scope));
    let (versions, release) = (session.versions(), session.platform.release_refs());
    let frame = OperationFrame {
        wal_id: plan.operation.clone(),
        timestamp: session.now(),
        operation: plan.content.kind,
        actor: session.actor().to_owned(),
        reason: reason.to_owned(),
        pre_state_hash: prepared.pre_state,
        post_state_expected: prepared.post_state,
        payload: OperationPayload {
            target: plan.content.target.clone(),
            reverts: plan.content.reverts.clone(),
            plan_id: plan.plan_id,
            content_id: plan.content_id,
            steps: prepared.segment,
            already: prepared.already,
            skipped: versions.put_segment(&skipped).await?,
            hash_chain_before: session.wal.head().chain,
            correction: plan.content.correction.clone(),
        },
        reversal: session.platform.say(&Remedy::undo(&plan.operation)),
        tier: DOCUMENT_TIER,
        governance: Governance {
            policy_snapshot_ref: *permit.policy_snapshot_ref(),
            risk_level: permit.risk_level().to_string(),
            reviewers: permit.reviewers().to_vec(),
            justification: plan.content.forced.clone(),
        },
        lineage_links: versions.put_segment(&entities).await?,
        telemetry: Some(telemetry_ref(session, plan.content.kind.into(), &plan.content.target)),
        sbom_ref: release.sbom,
        manifest_ref: release.manifest,
    };
    // Every byte that the record names is durable by now, so the log never names what is missing.
    open(session, permit, plan.plan_id, Record::Operation(Box::new(frame))).await?;
    let outcome = run(session, &plan.operation, Work::planned(prepared.steps)).await?;
    Ok(Executed::Done(Box::new(outcome)))
}
