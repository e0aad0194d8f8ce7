//! Where plans lie, and whether they are what they say.
//!
//! A plan is a file on the host that made it. Its header is in the version store too, under the plan's id, so that
//! another host on the same log and stores can execute it.

use std::io::ErrorKind;
use std::path::Path;

use bytes::Bytes;
use kfm_lineage::canonical::canonical_of;
use kfm_lineage::{Digest, OperationId, Status, canonical_json, read_once};
use kfm_policy::Remedy;
use kfm_wal::record::{PlanRecord, Record};

use super::draft::Draft;
use super::{PLAN_ID, PLAN_SCHEMA, Plan, PlanSummary};
use crate::error::{Error, Result};
use crate::platform::files::write_durably;
use crate::session::Session;
use crate::versions::VersionError;

/// Makes the plan of a draft; nothing is stored.
///
/// # Errors
/// [`Error::Invalid`]: a plan cannot hold what was asked for, since it could not be read again.
pub(crate) fn plan_of(session: &Session, draft: &Draft, operation: OperationId) -> Result<Plan> {
    let (before, after) = (draft.case.integrity.before.counts(), draft.case.integrity.after.counts());
    let needed = &draft.decision.approvals_needed;
    let mut plan = Plan {
        schema: PLAN_SCHEMA.into(),
        plan_id: draft.content_id,
        content_id: draft.content_id,
        content: draft.content.clone(),
        operation,
        requested_by: session.actor().to_owned(),
        created_at: session.now(),
        reason: draft.case.reason.clone(),
        summary: PlanSummary {
            steps: draft.steps.len() as u64,
            derived: draft.derived.len() as u64,
            skipped: draft.skipped.len() as u64,
            risk_level: draft.decision.risk_level.to_string(),
            tier: draft.decision.tier,
            approvals_needed: if needed.principals == 0 && !needed.quorum {
                Vec::new()
            } else {
                vec![needed.text.clone()]
            },
            findings: draft.decision.findings.len() as u64,
            broken_links_before: before.broken_links,
            broken_links_planned: after.broken_links,
            orphan_count_before: before.orphan_count,
            orphan_count_planned: after.orphan_count,
            returned: draft.case.integrity.returned.len() as u64,
        },
    };
    plan.plan_id = plan.digest()?;
    // Read back at once: a value that is nested too deep can be written, but no host could read the plan again.
    let bytes = bytes_of(&plan)?;
    let read: std::result::Result<Plan, _> = serde_json::from_slice(&bytes);
    let read = read.map_err(|error| Error::Invalid {
        message: "a plan cannot hold this, since it could not be read again".into(),
        hint: "values in it are nested too deep; correct a part of them".into(),
        source: Some(Box::new(error)),
    })?;
    if bytes_of(&read)? != bytes {
        return Err(Error::invalid(
            "a plan cannot hold this, since it would be read back as something else",
            "report this as a defect",
        ));
    }
    Ok(read)
}

/// Stores a plan and records it in the log. The plan's bytes, and those of new versions, are durable before the log
/// names the plan.
pub(crate) async fn store_plan(session: &mut Session, draft: &Draft, operation: OperationId) -> Result<Plan> {
    let plan = plan_of(session, draft, operation)?;
    session.keep_policy().await?;
    let versions = session.versions();
    versions.put(draft.contents.clone()).await?;
    versions.put_segment(&draft.steps).await?;
    let derived: Vec<_> = draft.derived.iter().map(|derived| derived.cell.clone()).collect();
    versions.put_segment(&derived).await?;
    versions.put_segment(&draft.skipped).await?;
    versions.put(vec![(plan.plan_id, Bytes::from(plan.nameless()?))]).await?;
    write_durably(session.platform.disk(), &session.platform.plan_path(&plan.plan_id), &bytes_of(&plan)?)?;
    let status =
        if plan.summary.approvals_needed.is_empty() { Status::Planned } else { Status::AwaitingApproval };
    let record = PlanRecord {
        plan_id: plan.plan_id,
        content_id: plan.content_id,
        operation: plan.operation.clone(),
        target: plan.content.target.clone(),
        requested_by: plan.requested_by.clone(),
        created_at: plan.created_at,
        status: status.to_string(),
    };
    session.log(Record::Plan(record)).await?;
    Ok(plan)
}

/// Says whether these bytes are those of a plan's file, of whatever platform.
pub(crate) fn is_plan_file(bytes: &[u8]) -> bool {
    let read = serde_json::from_slice::<serde_json::Value>(bytes);
    read.is_ok_and(|file| file.get("schema").and_then(serde_json::Value::as_str) == Some(PLAN_SCHEMA))
}

/// Returns the bytes of a plan's file in canonical JSON; a file that is read is compared with them.
///
/// # Errors
/// [`Error::Invalid`]: the plan has no canonical form.
pub(crate) fn bytes_of(plan: &Plan) -> Result<Vec<u8>> {
    super::canonical_without(plan, "")
}

/// Loads a plan by its id, by a unique prefix of it, by the id of its operation, or from a file. Checks that its
/// digests fit its content, and that the log has it.
///
/// A text is the name of a file only if it has a slash or ends in `.json`. So no file in the working directory can
/// stand for a plan that is named by its id.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Ambiguous`]; [`Error::Rejected`]: the file is not a plan, or was changed.
/// [`Error::Conflict`]: the log does not have this plan, whatever its digests say.
pub(crate) async fn load_plan(session: &Session, text: &str) -> Result<Plan> {
    let plan = find(session, text).await?;
    refuse_unknown(session, &plan)?;
    Ok(plan)
}

/// Refuses a plan that the log does not have, that differs from the log's record, or that no planner makes.
fn refuse_unknown(session: &Session, plan: &Plan) -> Result<()> {
    let why = match session.history.plan(&plan.plan_id) {
        None => "the log does not know this plan",
        Some(record) if (&record.content_id, &record.operation) != (&plan.content_id, &plan.operation) => {
            "the plan differs from the log's record of it"
        }
        Some(_) => match plan.misfit() {
            None => return Ok(()),
            Some(why) => why,
        },
    };
    Err(Error::Conflict {
        message: format!("{why}: plan_id={} operation={}", plan.plan_id, plan.operation),
        conflicts: Vec::new(),
        hint: "plan again on this platform; only what was planned here is approved and executed".into(),
        next: vec![Remedy::ShowStatus],
    })
}

async fn find(session: &Session, text: &str) -> Result<Plan> {
    if let Ok(plan_id) = text.parse::<Digest>() {
        return match session.history.plan(&plan_id) {
            Some(_) => stored(session, &plan_id).await,
            None => Err(Error::NotFound { kind: "plan", text: text.to_owned() }),
        };
    }
    let path = Path::new(text);
    if text.contains(['/', std::path::MAIN_SEPARATOR]) || text.ends_with(".json") {
        return match read(path, None) {
            Err(Error::File { source, .. }) if source.kind() == ErrorKind::NotFound => {
                Err(Error::NotFound { kind: "plan", text: text.to_owned() })
            }
            read => read,
        };
    }
    let bare = text.strip_prefix("jcs-sha256:").unwrap_or(text);
    let candidates: Vec<Digest> = session
        .history
        .plans()
        .into_iter()
        .filter(|plan| plan.plan_id.hex().starts_with(bare) || plan.operation.as_str() == text)
        .map(|plan| plan.plan_id)
        .collect();
    match candidates.as_slice() {
        [plan_id] if !bare.is_empty() => stored(session, plan_id).await,
        [] | [_] => Err(Error::NotFound { kind: "plan", text: text.to_owned() }),
        _ => Err(Error::Ambiguous {
            kind: "plan",
            text: text.to_owned(),
            candidates: candidates.iter().map(Digest::to_string).collect(),
        }),
    }
}

/// Reads a plan that the log names: from the file of this host or, if another host made it, from the version store.
async fn stored(session: &Session, plan_id: &Digest) -> Result<Plan> {
    let path = session.platform.plan_path(plan_id);
    match read(&path, Some(plan_id)) {
        Err(Error::File { source, .. }) if source.kind() == ErrorKind::NotFound => {
            match session.versions().get(plan_id).await {
                Ok(header) => parse(&named(plan_id, &header), &path, Some(plan_id)),
                // Nothing is in the version store if an older version of kfm made the plan: then the file is what
                // is missing.
                Err(VersionError::Missing { .. }) => {
                    Err(Error::File { path: path.display().to_string(), source })
                }
                Err(error) => Err(error.into()),
            }
        }
        read => read,
    }
}

/// Returns the bytes of a plan from its id and from its header without the id.
fn named(plan_id: &Digest, header: &[u8]) -> Vec<u8> {
    // A header that is not valid stays not valid with an id in it; `parse` refuses it.
    let mut value: serde_json::Value = serde_json::from_slice(header).unwrap_or_default();
    if let Some(header) = value.as_object_mut() {
        header.insert(PLAN_ID.to_owned(), plan_id.to_string().into());
    }
    canonical_of(&value).unwrap_or_default()
}

fn read(path: &Path, wanted: Option<&Digest>) -> Result<Plan> {
    let bytes =
        std::fs::read(path).map_err(|source| Error::File { path: path.display().to_string(), source })?;
    parse(&bytes, path, wanted)
}

fn parse(bytes: &[u8], path: &Path, wanted: Option<&Digest>) -> Result<Plan> {
    let changed = |what: &str, source: Option<Box<dyn std::error::Error + Send + Sync>>| Error::Rejected {
        message: format!("{what}: path={}", path.display()),
        hint: "plan again; a plan is executed exactly as it was made".into(),
        source,
    };
    let no_plan = |error: serde_json::Error| changed("this is no plan", Some(Box::new(error)));
    // Compared in canonical form: white space makes no difference, an added or repeated member does.
    let value = read_once(bytes).map_err(no_plan)?;
    let canonical = canonical_json(&value).unwrap_or_default();
    let plan: Plan = serde_json::from_value(value).map_err(no_plan)?;
    let intact = plan.schema == PLAN_SCHEMA
        && plan.digest().is_ok_and(|digest| digest == plan.plan_id)
        && plan.content.digest().is_ok_and(|digest| digest == plan.content_id)
        && bytes_of(&plan).is_ok_and(|bytes| bytes == canonical);
    if !intact {
        return Err(changed("the plan was changed after it was made", None));
    }
    if wanted.is_some_and(|wanted| *wanted != plan.plan_id) {
        return Err(changed("another plan lies under this name", None));
    }
    Ok(plan)
}
