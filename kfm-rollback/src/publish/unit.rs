//! One publish unit, from what it changes to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kfm_lineage::document::DocumentKind;
use kfm_lineage::integrity::IntegrityChange;
use kfm_lineage::{OperationId, PublishId, Slug, Status, Step, Timestamp, Value, Version};
use kfm_policy::{Advice, Consent, JudgedKind, RatchetMode, Remedy, advice};
use kfm_wal::record::{CodeRef, PublishIntent, PublishKind, Record, StacScope};
use serde::Serialize;

use super::again::id_is_taken;
use super::changes::Changes;
use crate::around::{Moment, catalog_around, censuses};
use crate::assess::{
    Case, apply_treatments, denied, describe_step, labels_of, look_at_validity, treat_steps, with_steps,
};
use crate::derive::derived_cells;
use crate::elsewhere::protected_elsewhere;
use crate::entity::cell_entity;
use crate::error::{Error, Result};
use crate::execute::{Opening, Outcome, Prepared, Work, foreign_values, open, prepare, run};
use crate::platform::Strictness;
use crate::projector::PROJECTOR;
use crate::report::{CellCount, FIRST_MAX, FindingLine, Listing, PublishReport};
use crate::session::Session;
use crate::versions::VersionStore;

/// The id, time, code and reason of a publish.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    pub id: PublishId,
    pub started_at: Timestamp,
    pub code: CodeRef,
    pub reason: Option<String>,
    pub strict: Option<bool>,
}

impl Unit {
    /// Names a publish that begins now; a second one in the same second gets a suffix (R11).
    pub(crate) fn new(
        session: &Session,
        pipeline: &Slug,
        id: Option<PublishId>,
        reason: Option<String>,
    ) -> Self {
        let started_at = session.now();
        let taken = session.history.taken_ids();
        let fresh = || {
            let mut candidates = (1..).map(|nth| PublishId::new(started_at, pipeline, nth));
            candidates.find(|id| !taken.contains(id.as_str())).expect("a log does not have every number")
        };
        let code = CodeRef { pipeline_name: pipeline.to_string(), ..CodeRef::default() };
        Self { id: id.unwrap_or_else(fresh), started_at, code, reason, strict: None }
    }

    /// Says whether findings that make the catalog worse deny the publish.
    pub(crate) fn is_strict(&self, session: &Session) -> bool {
        let settings = session.platform.settings().policy.publish == Strictness::Strict;
        self.strict.unwrap_or(settings)
    }
}

/// Makes a report in which nothing has happened yet.
pub(crate) fn publish_report(publish_id: Option<PublishId>, status: Status) -> PublishReport {
    PublishReport {
        publish_id,
        status,
        steps: CellCount::default(),
        already: 0,
        added: 0,
        changed: 0,
        retired: 0,
        unchanged: 0,
        assets: 0,
        sweep: None,
        protected: Listing::default(),
        findings: Listing::default(),
        broken_links_before: 0,
        broken_links_after: 0,
        orphan_count_before: 0,
        orphan_count_after: 0,
        duration_ms: 0,
        phases_ms: BTreeMap::new(),
    }
}

/// What a publish would do, with policy's judgement.
struct Judged {
    steps: Vec<Step>,
    now: kfm_lineage::integrity::CatalogView,
    after: kfm_lineage::integrity::CatalogView,
    labels: BTreeMap<String, &'static str>,
    case: Case,
    report: PublishReport,
}

/// Judges what a publish would do; `None` if it would change nothing.
async fn judge_unit(session: &mut Session, unit: &Unit, changes: &Changes) -> Result<Option<Judged>> {
    session.begin_phase("judge", 0);
    session.refuse_unfit_stores().await?;
    let steps = steps_of(session, unit, changes).await?;
    if steps.is_empty() {
        return match changes.derivatives.first() {
            None => Ok(None),
            Some(derivative) => Err(Error::invalid(
                format!("a publish that moves nothing records no derivative: id={}", derivative.id),
                "publish the document that describes it along with it",
            )),
        };
    }
    let derived = derived_cells(session, &steps).await?;
    let touched = steps.iter().map(|step| &step.cell).chain(derived.iter().map(|derived| &derived.cell));
    // An open operation is refused before foreign values: its half-made cells look foreign too.
    session.refuse_kept_cells(touched).await?;
    refuse_unknown(session, &steps).await?;
    let now = catalog_around(session, &steps).await?;
    let mut assessed = treat_steps(session, &now, &steps, RatchetMode::Forward).await?;
    let strict = unit.is_strict(session);
    if strict {
        look_at_validity(session, &mut assessed).await?;
    }
    // A withdrawn document is not published: its cell goes to absent or stays so, and policy's findings say it.
    let (steps, _withdrawn) = apply_treatments(steps, &assessed);
    let after = with_steps(session, &now, &steps).await?;
    let planned = Moment::now().with(session, &steps);
    let mut censuses = censuses(session, &[Moment::now(), planned]).await?.into_iter();
    let mut next = || censuses.next().unwrap_or_default();
    let integrity = IntegrityChange::of_publish(next(), next());
    let labels = labels_of(&assessed);
    let case = Case {
        kind: JudgedKind::Publish,
        reason: unit.reason.clone(),
        strict,
        steps: assessed,
        cells_total: steps.len() as u64,
        skipped: 0,
        integrity,
        forced: false,
    };
    let decision = case.judge(session);
    let mut report = publish_report(Some(unit.id.clone()), Status::DryRun);
    for step in steps.iter().filter(|step| session.is_document(&step.cell)) {
        match (step.before, step.after) {
            (None, _) => report.added += 1,
            (_, None) => report.retired += 1,
            _ => report.changed += 1,
        }
    }
    report.steps = CellCount::of(steps.iter().map(|step| step.cell.domain));
    let brought = steps.iter().filter(|step| session.is_document(&step.cell) && step.after.is_some());
    let elsewhere = protected_elsewhere(session, &after, brought.map(|step| step.cell.key.as_str())).await?;
    report.findings = Listing::of(decision.findings.iter().map(FindingLine::from).chain(elsewhere));
    let (before, planned) = (case.integrity.before.counts(), case.integrity.after.counts());
    report.broken_links_before = before.broken_links;
    report.broken_links_after = planned.broken_links;
    report.orphan_count_before = before.orphan_count;
    report.orphan_count_after = planned.orphan_count;
    if !decision.allowed {
        return Err(denied("publish", &decision));
    }
    Ok(Some(Judged { steps, now, after, labels, case, report }))
}

/// Says what a publish would do; writes nothing.
pub(crate) async fn rehearse_unit(
    session: &mut Session,
    unit: &Unit,
    changes: &Changes,
) -> Result<PublishReport> {
    let judged = judge_unit(session, unit, changes).await?;
    let report = judged.map_or_else(|| publish_report(None, Status::DryRun), |judged| judged.report);
    Ok(PublishReport { publish_id: None, ..report })
}

/// Publishes a unit: judges it, records it, executes it. If it fails, it goes back to the prior state.
///
/// `store` puts the bytes of the new documents into the version store.
pub(crate) async fn publish_unit(
    session: &mut Session,
    unit: &Unit,
    changes: Changes,
    store: impl AsyncFnOnce(&VersionStore) -> Result<()>,
) -> Result<PublishReport> {
    let id = OperationId::from(unit.id.clone());
    if let Some(operation) = session.history.operation(&id) {
        return Err(id_is_taken(operation));
    }
    let Some(judged) = judge_unit(session, unit, &changes).await? else {
        return Ok(publish_report(None, Status::Completed));
    };
    let brought = changes.documents.values().flatten().count();
    session.begin_phase("store", brought as u64);
    store(&session.versions()).await?;
    let Judged { steps, now, after, labels, case, report } = judged;
    let prepared = prepare(session, &id, Opening { steps, now: &now, after: &after, labels }).await?;
    let intent = intent(session, unit, PublishKind::Publish, &prepared, &changes).await?;
    let content = prepared.segment.digest;
    let permit = case.permit(session, &content, Consent::Given)?;
    // Dropped here, so that the memory is free while the steps are made.
    drop((now, after, case, changes));
    open(session, permit, content, Record::PublishIntent(Box::new(intent))).await?;
    let work = Work::planned(prepared.steps);
    let outcome = run(session, &id, work).await?;
    Ok(finished(session, report, &outcome, unit.started_at))
}

/// Fills the report with how the publish ended.
pub(crate) fn finished(
    session: &Session,
    mut report: PublishReport,
    outcome: &Outcome,
    begun: Timestamp,
) -> PublishReport {
    report.status = Status::from(outcome.end);
    report.steps = outcome.applied.clone();
    report.already = outcome.already;
    report.protected = outcome.protected(FIRST_MAX);
    let (before, after) = (outcome.integrity.before.counts(), outcome.integrity.after.counts());
    report.broken_links_before = before.broken_links;
    report.broken_links_after = after.broken_links;
    report.orphan_count_before = before.orphan_count;
    report.orphan_count_after = after.orphan_count;
    let elapsed = session.now().as_millisecond().saturating_sub(begun.as_millisecond());
    report.duration_ms = u64::try_from(elapsed).unwrap_or(0);
    report.phases_ms = session.phases_ms.clone();
    report
}

/// Refuses documents that the log does not know, or that were changed without the engine.
async fn refuse_unknown(session: &Session, steps: &[Step]) -> Result<()> {
    let conflicts = foreign_values(session, steps).await?;
    if conflicts.is_empty() {
        return Ok(());
    }
    let foreign: BTreeSet<&str> = conflicts.iter().map(|conflict| conflict.subject.as_str()).collect();
    let mut unknown = None;
    for step in steps.iter().filter(|step| foreign.contains(step.cell.to_string().as_str())) {
        if unknown.is_none() && session.history.cell(&step.cell)?.is_none() {
            unknown = Some(step);
        }
    }
    let (message, hint, remedy) = match unknown {
        Some(step) => (
            format!("a document stands there that the log does not know: path={}", step.cell.key),
            Advice::from("adopt what stands in the catalog first"),
            Remedy::Adopt,
        ),
        None => (
            format!(
                "documents were changed by another hand: documents={} first={}",
                conflicts.len(),
                conflicts[0].subject
            ),
            advice!["look at them, and record them by ", Remedy::AdoptForeign],
            Remedy::ListForeign,
        ),
    };
    Err(Error::Conflict { message, conflicts, hint, next: vec![remedy] })
}

async fn steps_of(session: &Session, unit: &Unit, changes: &Changes) -> Result<Vec<Step>> {
    let version = Version::from_time(unit.started_at);
    let value = |path: &String| session.history.value(&session.document(path));
    let standing: Vec<Value> = changes.documents.keys().map(value).collect::<Result<_>>()?;
    session.facts.read_ahead(standing.iter().copied().flatten()).await?;
    let mut steps = Vec::new();
    for ((path, after), before) in changes.documents.iter().zip(standing) {
        if before == after.as_ref().map(|facts| facts.digest) && before.is_none() {
            continue;
        }
        let before_facts = session.facts.of_value(before).await?;
        let mut step = describe_step(session, path, before, before_facts.as_ref(), after.as_ref());
        if after.is_some() && step.to_version.is_none() {
            step.to_version = Some(version.clone());
        }
        if step.from_version.is_none() {
            let owner = session.history.owner(&step.cell, None)?;
            step.from_version = owner.and_then(|write| write.step.to_version.clone());
        }
        steps.push(step);
    }
    for (cell, after) in &changes.cells {
        let before = session.history.value(cell)?;
        if before != *after {
            steps.push(Step {
                cell: cell.clone(),
                unit: "-".into(),
                entity: cell_entity(cell),
                from_version: None,
                to_version: after.map(|_| version.clone()),
                before,
                after: *after,
                derived: false,
                stac_id: None,
                collection: None,
                other_names: kfm_lineage::OtherNames::default(),
            });
        }
    }
    Ok(steps)
}

#[derive(Serialize)]
struct AssetLine {
    logical_id: String,
    href: String,
    digest: Option<String>,
}

/// Makes the record of a publish. Lists that grow with the publish go to segments, so the record stays small.
pub(crate) async fn intent(
    session: &Session,
    unit: &Unit,
    kind: PublishKind,
    prepared: &Prepared,
    changes: &Changes,
) -> Result<PublishIntent> {
    let versions: Arc<VersionStore> = session.versions();
    let (mut items, mut collections, mut assets) = (Vec::new(), Vec::new(), Vec::new());
    for step in prepared.steps.iter().filter(|step| session.is_document(&step.cell)) {
        let facts = session.facts.of_value(step.after.or(step.before)).await?;
        let is_group = facts
            .as_ref()
            .is_some_and(|facts| matches!(facts.kind, DocumentKind::Collection | DocumentKind::Catalog));
        if is_group { &mut collections } else { &mut items }.push(step.entity.clone());
        for asset in facts.iter().flat_map(|facts| &facts.assets) {
            assets.push(AssetLine {
                logical_id: format!("{}#{}", step.entity, asset.key),
                href: asset.href.clone(),
                digest: asset.checksum.clone(),
            });
        }
    }
    let release = session.platform.release_refs();
    Ok(PublishIntent {
        publish_id: unit.id.clone(),
        kind,
        started_at: unit.started_at,
        requested_by: session.actor().to_owned(),
        reason: unit.reason.clone(),
        code_ref: unit.code.clone(),
        steps: prepared.segment,
        already: prepared.already,
        stac_scope: StacScope {
            items: versions.put_segment(&items).await?,
            collections: versions.put_segment(&collections).await?,
        },
        assets: versions.put_segment(&assets).await?,
        derivatives: versions.put_segment(&changes.derivatives).await?,
        projector: PROJECTOR.into(),
        pre_state_hash: prepared.pre_state,
        post_state_expected: prepared.post_state,
        policy_snapshot_ref: session.policy.snapshot_ref(),
        sbom_ref: release.sbom,
        manifest_ref: release.manifest,
        telemetry_ref: Some(session.platform.telemetry_ref("publish")),
    })
}
