//! Writes the records of an operation (manifest, telemetry and ledger), durable before the operation ends in the
//! log.

use std::collections::BTreeSet;

use bytes::Bytes;
use kfm_lineage::integrity::IntegrityFinding;
use kfm_lineage::{Digest, OperationId, OperationIds, OperationKind, RollbackId, Status, Step, Timestamp};
use kfm_policy::Remedy;
use kfm_telemetry::statement::{Statement, Subject};
use kfm_telemetry::{AlertKind, AlertRecord, EventId, Label, OperationRecord, RecordKind, TelemetryError};
use kfm_wal::record::{Direction, EndState, OperationFrame};

use super::open::ended_at;
use super::{Halt, Outcome};
use crate::asked::stage_of;
use crate::entries::{self, event_name};
use crate::error::{Error, Result};
use crate::history::{Operation, read_steps};
use crate::manifest::{DIFFS_MAX, Diff, HotfixManifest, IntegrityCounts, ManifestScope, RollbackManifest};
use crate::report::CellCount;
use crate::session::Session;

/// Writes manifest, telemetry and ledger entry of an operation that has come to its end.
///
/// Each is written at most once under the operation's name, so that a resumed operation comes to the same records.
/// Returns the manifest's file and digest, where the kind of operation has one.
///
/// # Errors
/// [`Error`]: something could not be written; the operation is held and writes all of it when it is resumed.
pub(super) async fn write(
    session: &mut Session,
    id: &OperationId,
    outcome: &Outcome,
) -> Result<Option<(String, Digest)>> {
    let operation = session.history.require(id)?.clone();
    let steps = read_steps(&session.versions(), &operation.steps).await?;
    let at = ended_at(session, id);
    let manifest = match operation.kind {
        // It can only go back, and a manifest could not say what it was about.
        _ if operation.misfit().is_some() => None,
        OperationKind::Rollback | OperationKind::Revert => {
            Some(to_value(&rollback_manifest(session, &operation, &steps, outcome, at)?)?)
        }
        OperationKind::Hotfix => Some(to_value(&hotfix_manifest(&operation, &steps, outcome, at)?)?),
        OperationKind::Publish | OperationKind::Adopt | OperationKind::Reconcile | OperationKind::Project => {
            None
        }
    };
    let written = match manifest {
        Some(manifest) => Some(write_manifest(session, id, &manifest).await?),
        None => None,
    };
    telemetry(session, &operation, outcome, at).await?;
    ledger(session, &operation, outcome, at).await?;
    Ok(written)
}

fn to_value<T: serde::Serialize>(manifest: &T) -> Result<serde_json::Value> {
    serde_json::to_value(manifest).map_err(|error| Error::Invalid {
        message: "the manifest cannot be written".into(),
        hint: "report this as a defect".into(),
        source: Some(Box::new(error)),
    })
}

/// Returns the record that opened an operation.
fn frame_of(operation: &Operation) -> Result<&OperationFrame> {
    operation.frame.as_deref().ok_or_else(|| not_of_its_kind(operation))
}

fn not_of_its_kind(operation: &Operation) -> Error {
    Error::Incomplete {
        message: format!(
            "the record that opens it does not fit its kind: operation={} lsn={}",
            operation.id, operation.opened
        ),
        hint: "verify the log; restore it from a backup if it is damaged".into(),
        next: vec![Remedy::VerifyLog],
    }
}

async fn write_manifest(
    session: &Session,
    id: &OperationId,
    manifest: &serde_json::Value,
) -> Result<(String, Digest)> {
    let bytes = kfm_lineage::canonical_json(manifest).map_err(|error| Error::Invalid {
        message: format!("the manifest has no canonical form: operation={id}"),
        hint: "report this as a defect".into(),
        source: Some(Box::new(error)),
    })?;
    let digest = Digest::of_bytes(&bytes);
    session.versions().put(vec![(digest, Bytes::from(bytes.clone()))]).await?;
    let path = session.platform.manifest_path(id);
    crate::platform::files::write_durably(session.platform.disk(), &path, &bytes)?;
    Ok((path.display().to_string(), digest))
}

fn rollback_manifest(
    session: &Session,
    operation: &Operation,
    steps: &[Step],
    outcome: &Outcome,
    at: Timestamp,
) -> Result<RollbackManifest> {
    let frame = frame_of(operation)?;
    let plan = session.history.plan(&frame.payload.plan_id);
    let subjects = [
        Subject { name: Label::lossy("plan"), digest: frame.payload.plan_id },
        Subject { name: Label::lossy("scope/before"), digest: frame.pre_state_hash },
        Subject { name: Label::lossy("scope/after"), digest: outcome.scope_digest },
    ];
    let predicate = serde_json::json!({
        "operation": operation.id.as_str(),
        "target": operation.target.as_str(),
        "content_id": frame.payload.content_id,
        "reason": frame.reason,
        "risk_level": frame.governance.risk_level,
        "policy_snapshot_ref": frame.governance.policy_snapshot_ref,
        "reviewers": frame.governance.reviewers,
        "status": Status::from(outcome.end),
    });
    let predicate_type = "https://kansas-frontier-matrix.org/rollback/v1";
    let statement = Statement::new(&subjects, predicate_type, predicate).expect("three subjects");
    Ok(RollbackManifest {
        schema: "kfm.rollback.manifest/v1".into(),
        rollback_id: RollbackId::parse(operation.id.as_str()).map_err(|_| not_of_its_kind(operation))?,
        target_publish_id: operation.target.clone(),
        reverts: operation.reverts.clone(),
        requested_by: operation.requested_by.clone(),
        requested_at: plan.map_or(operation.opened_at, |plan| plan.created_at),
        started_at: operation.opened_at,
        completed_at: at,
        reason: frame.reason.clone(),
        risk_level: frame.governance.risk_level.clone(),
        tier: frame.tier,
        reviewers: frame.governance.reviewers.clone(),
        status: Status::from(outcome.end),
        scope: scope(operation, steps, outcome),
        diffs: diffs(steps, outcome),
        diffs_segment: operation.steps,
        protected: outcome.protected(DIFFS_MAX).first,
        plan_digest: frame.payload.plan_id,
        content_id: frame.payload.content_id,
        hash_chain_before: frame.payload.hash_chain_before,
        hash_chain_after: session.wal.head().chain,
        integrity: counts(outcome),
        attestations: vec![to_value(&statement)?],
        policy_snapshot_ref: frame.governance.policy_snapshot_ref,
        telemetry_ref: telemetry_ref(session, operation.kind, &operation.target),
        sbom_ref: operation.sbom_ref.clone(),
        manifest_ref: operation.manifest_ref.clone(),
        reversal_instructions: frame.reversal.clone(),
        error: outcome.error.clone(),
    })
}

fn hotfix_manifest(
    operation: &Operation,
    steps: &[Step],
    outcome: &Outcome,
    at: Timestamp,
) -> Result<HotfixManifest> {
    let frame = frame_of(operation)?;
    let documents = || steps.iter().filter(|step| !step.derived).take(DIFFS_MAX);
    Ok(HotfixManifest {
        schema: "kfm.hotfix.manifest/v1".into(),
        id: operation.id.clone(),
        timestamp: at,
        tier: frame.tier,
        author: operation.requested_by.clone(),
        reason: frame.reason.clone(),
        reviewers: frame.governance.reviewers.clone(),
        status: Status::from(outcome.end),
        correction: frame.payload.correction.clone(),
        targets: documents().map(|step| step.cell.key.clone()).collect(),
        actions: diffs(steps, outcome),
        actions_segment: operation.steps,
        protected: outcome.protected(DIFFS_MAX).first,
        reversal: frame.reversal.clone(),
        checksums_before: documents().map(|step| (step.cell.key.clone(), step.before)).collect(),
        checksums_after: documents().map(|step| (step.cell.key.clone(), step.after)).collect(),
        governance: to_value(&frame.governance)?,
        telemetry_id: event_name(&operation.id, Status::from(outcome.end)),
    })
}

fn scope(operation: &Operation, steps: &[Step], outcome: &Outcome) -> ManifestScope {
    let units: BTreeSet<&str> = steps.iter().map(|step| step.unit.as_str()).collect();
    ManifestScope {
        cells: CellCount::of(steps.iter().map(|step| step.cell.domain)),
        units: units.into_iter().map(str::to_owned).collect(),
        before: operation.pre_state_hash,
        planned: operation.post_state_expected,
        after: outcome.scope_digest,
    }
}

fn diffs(steps: &[Step], outcome: &Outcome) -> Vec<Diff> {
    let end = outcome.ends();
    let changed = steps.iter().map(|step| (step, end(step))).filter(|(step, end)| step.before != *end);
    changed
        .take(DIFFS_MAX)
        .map(|(step, after)| Diff {
            entity: step.entity.to_string(),
            kind: step.cell.domain.to_string(),
            key: step.cell.key.clone(),
            from_version: step.from_version.clone(),
            to_version: step.to_version.clone(),
            before: step.before,
            after,
        })
        .collect()
}

fn counts(outcome: &Outcome) -> IntegrityCounts {
    let (before, after) = (outcome.integrity.before.counts(), outcome.integrity.after.counts());
    IntegrityCounts {
        broken_links_before: before.broken_links,
        broken_links_after: after.broken_links,
        orphan_count_before: before.orphan_count,
        orphan_count_after: after.orphan_count,
        introduced: outcome.integrity.introduced.len() as u64,
        returned: outcome.integrity.returned.len() as u64,
        left: outcome.integrity.left.len() as u64,
    }
}

/// Returns the telemetry file that has the operation's records, or will have them.
pub(crate) fn telemetry_ref(session: &Session, kind: OperationKind, target: &OperationId) -> String {
    session.platform.telemetry_ref(stage_of(kind, target).tool().as_str())
}

async fn telemetry(session: &Session, operation: &Operation, outcome: &Outcome, at: Timestamp) -> Result<()> {
    let stage = stage_of(operation.kind, &operation.target);
    let name = event_name(&operation.id, Status::from(outcome.end));
    let record = |kind, name: &str| {
        let mut record = OperationRecord::new(
            EventId::lossy(name),
            at,
            kind,
            stage,
            Label::lossy(&operation.requested_by),
        );
        record.ids = operation.ids();
        record.resumed = operation.journal.resumed;
        record
    };
    let sink = session.platform.records();
    for (phase, duration_ms) in &session.phases_ms {
        let mut line = record(RecordKind::Phase, &format!("{name}/{phase}"));
        line.phase = kfm_lineage::Slug::parse(phase).ok();
        line.duration_ms = *duration_ms;
        sink.append(&line).await?;
    }
    let mut line = record(RecordKind::Operation, &name);
    let counts = counts(outcome);
    line.status = match outcome.end {
        EndState::Completed => kfm_telemetry::EventStatus::Ok,
        EndState::Aborted => kfm_telemetry::EventStatus::Aborted,
        EndState::Failed => kfm_telemetry::EventStatus::Failed,
    };
    if outcome.error.is_some() {
        line.error_class = kfm_lineage::Slug::parse("store").ok();
    }
    line.duration_ms = outcome.worked_ms;
    line.requested_at = Some(
        operation
            .plan_id
            .and_then(|plan| session.history.plan(&plan))
            .map_or(operation.opened_at, |p| p.created_at),
    );
    // What was changed and changed back was touched too.
    line.entities_touched = match outcome.end {
        EndState::Completed => outcome.applied.total,
        EndState::Aborted | EndState::Failed => operation.journal.applied,
    };
    line.broken_links_before = Some(counts.broken_links_before);
    line.broken_links_after = Some(counts.broken_links_after);
    let caused = outcome.integrity.introduced.iter().chain(&outcome.integrity.left);
    let (orphans, broken): (Vec<_>, Vec<_>) =
        caused.partition(|finding| matches!(finding, IntegrityFinding::Orphan { .. }));
    line.broken_links_caused = Some(broken.len() as u64);
    line.orphans_caused = Some(orphans.len() as u64);
    line.orphan_count_before = Some(counts.orphan_count_before);
    line.orphan_count_after = Some(counts.orphan_count_after);
    sink.append(&line).await?;
    raise_due(session, &line).await;
    Ok(())
}

/// Raises the alerts that follow from a record (R93). One that cannot be raised is only logged: the record itself is
/// durable.
pub(crate) async fn raise_due(session: &Session, line: &OperationRecord) {
    for alert in kfm_telemetry::due::of_record(line) {
        raise(session, &alert).await;
    }
}

async fn raise(session: &Session, alert: &AlertRecord) {
    if let Err(error) = session.platform.alerts().raise(alert).await {
        tracing::warn!(alert = %alert.alert_id, %error, "an alert could not be raised");
    }
}

async fn ledger(session: &Session, operation: &Operation, outcome: &Outcome, at: Timestamp) -> Result<()> {
    let mut entry = entries::of_operation(operation, outcome.end, outcome.scope_digest);
    let ledger = session.platform.ledger()?;
    if let Err(TelemetryError::EntryConflict { .. }) = ledger.append(&entry, at).await.map(drop) {
        // An interrupted run has entered an entry that says something else by now: both stay in the ledger.
        let canonical = kfm_lineage::canonical::canonical_of(&entry).expect("an entry has a canonical form");
        let digest = Digest::of_canonical_bytes(&canonical);
        entry.entry_id = EventId::lossy(&format!("{}/{}", entry.entry_id, &digest.hex()[..12]));
    }
    ledger.append(&entry, at).await?;
    Ok(())
}

/// Raises the alert of an operation that needs a person. An alert that cannot be raised is only logged.
pub(super) async fn alert_held(session: &Session, id: &OperationId, halt: &Halt, direction: Direction) {
    let kind = match (halt, direction) {
        (Halt::Policy(_), _) => AlertKind::PolicyUnavailable,
        (_, Direction::Backward) => AlertKind::CompensationFailed,
        _ => AlertKind::FailedAfterSwitch,
    };
    let name = EventId::lossy(&format!("{id}/held/{}", halt.reason()));
    let mut alert = AlertRecord::new(name, session.now(), kind);
    alert.ids = OperationIds::of(id);
    alert.error_class = kfm_lineage::Slug::parse(halt.reason()).ok();
    let resume = Remedy::Resume { operation: id.clone() };
    alert.next = Some(Label::lossy(&session.platform.say(&resume)));
    raise(session, &alert).await;
}
