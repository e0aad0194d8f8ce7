//! Records what stands in the stores, without moving it: adoption (R14) and reconciliation.

use std::collections::BTreeSet;

use bytes::Bytes;
use kfm_lineage::integrity::{CatalogView, Census, IntegrityChange};
use kfm_lineage::{CellId, Domain, OperationId, Slug, Step, Value, Version};
use kfm_policy::{Consent, JudgedKind, RatchetMode, Remedy};
use kfm_wal::record::{PublishKind, Record};

use super::changes::Changes;
use super::project::{Project, project};
use super::unit::{Unit, intent};
use crate::around::catalog_now;
use crate::assess::{Case, describe_step, treat_steps, with_steps};
use crate::bulk;
use crate::coverage::standing_against;
use crate::derive::{derived_cells, known_derived_cells};
use crate::elsewhere::protected_elsewhere;
use crate::entity::cell_entity;
use crate::error::{Error, Result};
use crate::execute::{Prepared, Work, open, run};
use crate::other_catalogs::against_in_stores;
use crate::report::{
    AdoptReport, CellCount, FindingLine, ForeignCell, Listing, ProjectionLine, ReconcileReport,
};
use crate::scope::scope_digest;
use crate::session::{Session, missing_lines};
use crate::skew::{SKEW, cells_in_flight, skewed, store_skew};

/// A value in a store that the log does not know.
#[derive(Debug, Clone)]
pub(crate) struct Foreign {
    pub cell: CellId,
    pub known: Value,
    pub observed: Value,
}

/// Says whether one of these paths is the key itself, or a folder above it.
fn is_below(key: &str, paths: &BTreeSet<String>) -> bool {
    paths.contains(key) || key.match_indices('/').any(|(at, _)| paths.contains(&key[..at]))
}

/// Lists the values that the log does not know, in the order of their cells.
///
/// A cell of an operation that has not ended may hold its old or its new value; neither is foreign then.
pub(crate) async fn foreign_cells(session: &Session) -> Result<Vec<Foreign>> {
    let open = cells_in_flight(session).await?;
    let projected = projected_keys(session).await?;
    let mut foreign = Vec::new();
    for store in session.stores() {
        let known = session.history.cells_of(store.domain(), store.name(), "");
        let mut keys: BTreeSet<String> = known.map(|next| Ok(next?.0.key)).collect::<Result<_>>()?;
        let standing = bulk::standing(&**store, || session.stop_before_begun()).await?;
        keys.extend(standing.keys().cloned());
        // A link or the like stands in a document's place: readers do not see a document there, so the cell is
        // absent.
        let strays: BTreeSet<String> = store.strays().await?.into_iter().map(|stray| stray.path).collect();
        for key in keys {
            let observed = standing.get(&key).copied().flatten().filter(|_| !is_below(&key, &strays));
            let cell = CellId::new(store.domain(), store.name(), key);
            let known = session.history.value(&cell)?;
            let derived = projected.contains(&cell);
            let in_flight = open.get(&cell).is_some_and(|values| values.contains(&observed));
            if observed != known && !derived && !in_flight {
                foreign.push(Foreign { cell, known, observed });
            }
        }
    }
    Ok(foreign)
}

/// Names the derived cells of every document that the log ever knew, open operations included. No old version is read, so
/// one that is gone does not stop a look.
async fn projected_keys(session: &Session) -> Result<BTreeSet<CellId>> {
    let mut steps = Vec::new();
    for operation in session.history.open_operations() {
        steps.extend(crate::history::read_steps(&session.versions(), &operation.steps).await?);
    }
    let in_flight = derived_cells(session, &steps).await?;
    let known = known_derived_cells(session)?.into_iter().chain(in_flight);
    Ok(known.map(|derived| derived.cell).collect())
}

/// Records the documents and cells that the log does not know as a genesis publish.
///
/// If that made documents known, the derived stores are projected too, unless the actor leaves that to
/// a projection of its own.
pub(crate) async fn adopt(
    session: &mut Session,
    store: Option<&str>,
    reason: Option<&str>,
    projects: bool,
) -> Result<AdoptReport> {
    let unknown = unknown_cells(session, store).await?;
    let documents = unknown.iter().filter(|foreign| session.is_document(&foreign.cell)).count() as u64;
    let cells = CellCount::of(unknown.iter().map(|foreign| foreign.cell.domain));
    let adopted: Vec<String> = unknown.iter().map(|foreign| foreign.cell.key.clone()).collect();
    let recorded = record_standing(session, unknown, PublishKind::Adopt, "adopt", reason).await?;
    let (publish_id, mut findings) =
        recorded.map_or((None, Vec::new()), |(unit, findings)| (Some(unit.id), findings));
    if publish_id.is_some() {
        let now = catalog_now(session).await?;
        findings.extend(against_in_stores(session, &now).await?);
        findings.extend(protected_elsewhere(session, &now, adopted.iter().map(String::as_str)).await?);
    }
    let findings = Listing::of(findings);
    let projection = match projects && documents > 0 {
        true => projection(session, reason).await?,
        false => None,
    };
    let mut next = Vec::new();
    if !projects && documents > 0 {
        next.push(Remedy::Project);
    }
    if findings.total > 0 {
        next.extend([Remedy::ListLabels, Remedy::CheckCatalog]);
    }
    Ok(AdoptReport { publish_id, cells, documents, projection, findings, next })
}

/// Lists the values of cells that the log never knew, in all stores or in one.
async fn unknown_cells(session: &Session, store: Option<&str>) -> Result<Vec<Foreign>> {
    if let Some(name) = store
        && session.platform.store(name).is_none()
    {
        return Err(Error::NotFound { kind: "store", text: name.to_owned() });
    }
    let mut unknown = Vec::new();
    for foreign in foreign_cells(session).await? {
        let is_asked_for = store.is_none_or(|name| foreign.cell.store == name);
        if is_asked_for && session.history.cell(&foreign.cell)?.is_none() {
            unknown.push(foreign);
        }
    }
    Ok(unknown)
}

/// Says what an adoption would record and find, and is refused as the adoption would be; writes nothing.
pub(crate) async fn rehearse_adopt(session: &mut Session, store: Option<&str>) -> Result<AdoptReport> {
    let unknown = unknown_cells(session, store).await?;
    refuse_to_record(session, &unknown)?;
    let documents = unknown.iter().filter(|foreign| session.is_document(&foreign.cell)).count() as u64;
    let cells = CellCount::of(unknown.iter().map(|foreign| foreign.cell.domain));
    let (findings, _) = look_at_standing(session, unknown).await?;
    let findings = Listing::of(findings);
    Ok(AdoptReport { publish_id: None, cells, documents, projection: None, findings, next: Vec::new() })
}

/// Says what recording foreign values would find, and is refused as that would be; writes nothing.
pub(crate) async fn rehearse_reconcile(session: &mut Session) -> Result<ReconcileReport> {
    refuse_to_record(session, &foreign_cells(session).await?)?;
    project(session, &Project { dry_run: true, ..Project::default() }).await?;
    reconcile(session, false).await
}

/// Refuses to record values while an operation is open, or while policy's files cannot be read.
fn refuse_to_record(session: &Session, foreign: &[Foreign]) -> Result<()> {
    let Some(first) = foreign.first() else { return Ok(()) };
    if let Some(operation) = session.history.open_operations().next() {
        return Err(crate::session::kept_by(&operation.id, &first.cell));
    }
    session.require_policy("record what stands")
}

/// Makes all derived cells what the documents say; `None` if they are so already.
async fn projection(session: &mut Session, reason: Option<&str>) -> Result<Option<ProjectionLine>> {
    let request = Project { reason: reason.map(str::to_owned), ..Project::default() };
    let report = project(session, &request).await?;
    Ok(report.publish_id.map(|publish_id| ProjectionLine { publish_id, cells: report.steps }))
}

/// Lists the values that were changed without the engine. If `adopt`, it records them, and corrects what the
/// derived stores show.
pub(crate) async fn reconcile(session: &mut Session, adopt: bool) -> Result<ReconcileReport> {
    let foreign = foreign_cells(session).await?;
    let lines = foreign.iter().map(|foreign| ForeignCell {
        domain: foreign.cell.domain.to_string(),
        store: foreign.cell.store.clone(),
        key: foreign.cell.key.clone(),
        known: foreign.known,
        observed: foreign.observed,
    });
    let listing = Listing::of(lines);
    let (publish_id, mut findings, after) = match adopt {
        true => {
            let recorded =
                record_standing(session, foreign, PublishKind::Reconcile, "reconcile", None).await?;
            let after = catalog_now(session).await?;
            let (publish_id, findings) =
                recorded.map_or((None, Vec::new()), |(unit, findings)| (Some(unit.id), findings));
            (publish_id, findings, after)
        }
        false => {
            let (findings, after) = look_at_standing(session, foreign).await?;
            (None, findings, after)
        }
    };
    if session.require_policy("reconcile").is_ok() {
        let against = standing_against(session, &after, after.iter().map(|(path, _)| path)).await?;
        findings.extend(against);
        findings.extend(against_in_stores(session, &after).await?);
        findings.extend(protected_elsewhere(session, &after, after.iter().map(|(path, _)| path)).await?);
    }
    let projection = match adopt {
        true => projection(session, None).await?,
        false => {
            findings.extend(missing_lines(&session.platform, &session.history));
            findings.extend(derived_skew(session).await?);
            None
        }
    };
    let findings = Listing::of(findings);
    let mut next = Vec::new();
    match &publish_id {
        // What was recorded may be wrong, and then it is taken back as any publish is.
        Some(recorded) => next.push(Remedy::undo(&recorded.clone().into())),
        None if listing.total > 0 => next.push(Remedy::AdoptForeign),
        None => {}
    }
    if projection.is_none() && findings.by_rule.contains_key(SKEW) {
        next.push(Remedy::Project);
    }
    if adopt && findings.total > 0 {
        next.push(Remedy::CheckCatalog);
    }
    Ok(ReconcileReport { foreign: listing, findings, publish_id, projection, next })
}

/// Lists the derived cells that do not show the documents as the log has them.
async fn derived_skew(session: &Session) -> Result<Vec<FindingLine>> {
    if session.require_policy("reconcile").is_err() {
        return Ok(Vec::new());
    }
    let documents = catalog_now(session).await?;
    Ok(store_skew(session, &documents).await?.iter().map(|cell| skewed(cell)).collect())
}

/// Says what policy would find in the values as they stand, and returns the catalog with them; writes nothing.
async fn look_at_standing(
    session: &mut Session,
    foreign: Vec<Foreign>,
) -> Result<(Vec<FindingLine>, CatalogView)> {
    let now = catalog_now(session).await?;
    if foreign.is_empty() {
        return Ok((Vec::new(), now));
    }
    let pipeline = Slug::parse("reconcile").expect("a literal slug");
    let unit = Unit::new(session, &pipeline, None, None);
    let mut steps = Vec::with_capacity(foreign.len());
    for foreign in foreign.chunks(bulk::READ_CELLS) {
        for (foreign, content) in foreign.iter().zip(contents_of(session, foreign).await?) {
            steps.push(describe(session, &unit, foreign, content.as_deref()).await?);
        }
    }
    let after = with_steps(session, &now, &steps).await?;
    let findings = match case_of_standing(session, &unit, &steps).await {
        Ok(case) => case.judge(session).findings.iter().map(FindingLine::from).collect(),
        // A command that only looks is not denied: if nothing can be judged, that is the finding.
        Err(Error::Denied { findings, .. }) => findings,
        Err(error) => return Err(error),
    };
    Ok((findings, after))
}

/// Records values as they stand: stores their bytes, and appends a publish that names them. Nothing moves.
async fn record_standing(
    session: &mut Session,
    foreign: Vec<Foreign>,
    kind: PublishKind,
    pipeline: &str,
    reason: Option<&str>,
) -> Result<Option<(Unit, Vec<FindingLine>)>> {
    if foreign.is_empty() {
        return Ok(None);
    }
    refuse_to_record(session, &foreign)?;
    session.begin_phase("record", foreign.len() as u64);
    let pipeline = Slug::parse(pipeline).expect("a literal slug");
    let unit = Unit::new(session, &pipeline, None, reason.map(str::to_owned));
    let mut steps = Vec::with_capacity(foreign.len());
    for foreign in foreign.chunks(bulk::READ_CELLS) {
        session.stop_before_begun()?;
        steps.extend(keep(session, &unit, foreign).await?);
        session.prepared(steps.len() as u64);
    }
    let case = case_of_standing(session, &unit, &steps).await?;
    let findings = case.judge(session).findings.iter().map(FindingLine::from).collect();
    let segment = session.versions().put_segment(&steps).await?;
    let standing = scope_digest(steps.iter().map(|step| (&step.cell, step.after)));
    let prepared = Prepared { steps, segment, already: 0, pre_state: standing, post_state: standing };
    let intent = intent(session, &unit, kind, &prepared, &Changes::default()).await?;
    let permit = case.permit(session, &segment.digest, Consent::Given)?;
    let id = OperationId::from(unit.id.clone());
    open(session, permit, segment.digest, Record::PublishIntent(Box::new(intent))).await?;
    let work = Work::planned(prepared.steps);
    run(session, &id, work).await?;
    Ok(Some((unit, findings)))
}

/// Stores the bytes of standing values, and describes the values as steps, though the engine did not make them.
async fn keep(session: &Session, unit: &Unit, foreign: &[Foreign]) -> Result<Vec<Step>> {
    let contents = contents_of(session, foreign).await?;
    let mut steps = Vec::with_capacity(foreign.len());
    for (foreign, content) in foreign.iter().zip(&contents) {
        steps.push(describe(session, unit, foreign, content.as_deref()).await?);
    }
    let stored = foreign.iter().zip(contents).filter_map(|(foreign, content)| foreign.observed.zip(content));
    session.versions().put(stored.collect()).await?;
    Ok(steps)
}

/// Returns the bytes of standing values, which are in the order of their cells.
///
/// # Errors
/// [`Error::Conflict`]: a value is no longer the one that was seen.
async fn contents_of(session: &Session, foreign: &[Foreign]) -> Result<Vec<Option<Bytes>>> {
    let mut contents = Vec::with_capacity(foreign.len());
    for foreign in foreign.chunk_by(|a, b| a.cell.store == b.cell.store) {
        // Nothing is asked about an absent cell: a link may stand in its place, which no store follows.
        let standing = foreign.iter().filter(|foreign| foreign.observed.is_some());
        let keys: Vec<String> = standing.map(|foreign| foreign.cell.key.clone()).collect();
        let store = session.store(&foreign[0].cell)?;
        let mut read = bulk::read(&*store, &keys).await?.into_iter();
        for foreign in foreign {
            let Some(digest) = foreign.observed else {
                contents.push(None);
                continue;
            };
            match read.next().flatten() {
                Some(content) if digest.matches(&content) => contents.push(Some(content)),
                _ => return Err(changed_meanwhile(&foreign.cell)),
            }
        }
    }
    Ok(contents)
}

fn changed_meanwhile(cell: &CellId) -> Error {
    Error::Conflict {
        message: format!("a value changed while it was being recorded: cell={cell}"),
        conflicts: Vec::new(),
        hint: "try again when no program writes to the store".into(),
        next: Vec::new(),
    }
}

/// Describes a standing value as a step, though the engine did not make it.
async fn describe(session: &Session, unit: &Unit, foreign: &Foreign, content: Option<&[u8]>) -> Result<Step> {
    // Policy reads the documents of other catalogs too, whose bytes may not be in the version store yet.
    if let Some((digest, content)) = foreign.observed.zip(content)
        && foreign.cell.domain == Domain::Stac
    {
        session.facts.project(digest, content);
    }
    let version = foreign.observed.map(|_| Version::from_time(unit.started_at));
    if session.is_document(&foreign.cell) {
        let before = session.facts.of_value(foreign.known).await?;
        let after = session.facts.of_value(foreign.observed).await?;
        let mut step =
            describe_step(session, &foreign.cell.key, foreign.known, before.as_ref(), after.as_ref());
        step.to_version = step.to_version.or(version);
        return Ok(step);
    }
    Ok(Step {
        entity: cell_entity(&foreign.cell),
        cell: foreign.cell.clone(),
        unit: "-".into(),
        from_version: None,
        to_version: version,
        before: foreign.known,
        after: foreign.observed,
        derived: false,
        stac_id: None,
        collection: None,
        other_names: kfm_lineage::OtherNames::default(),
    })
}

/// Makes the case of standing values for policy: every fault is a finding, none denies (`docs/states.md` section
/// 2).
async fn case_of_standing(session: &mut Session, unit: &Unit, steps: &[Step]) -> Result<Case> {
    let now = catalog_now(session).await?;
    let after = with_steps(session, &now, steps).await?;
    Ok(Case {
        kind: JudgedKind::Adopt,
        reason: unit.reason.clone(),
        strict: false,
        steps: treat_steps(session, &now, steps, RatchetMode::Refuse).await?,
        cells_total: steps.len() as u64,
        skipped: 0,
        integrity: IntegrityChange::of_publish(Census::default(), session.moments.census(&after)),
        forced: false,
    })
}
