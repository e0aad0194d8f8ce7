//! Makes derived cells what the documents say, as an operation of its own: after an adoption, after a store was
//! restored from a backup, or for a new store.
//!
//! No document moves, and a derived cell has no owner, so there is nothing that a rollback could take back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kfm_lineage::integrity::{CatalogView, IntegrityChange};
use kfm_lineage::{OperationId, Slug, Status, Step, Value};
use kfm_policy::{Consent, JudgedKind, RatchetMode, StepFacts};
use kfm_wal::record::{PublishKind, Record};

use super::changes::Changes;
use super::unit::{Unit, finished, intent, publish_report};
use crate::around::catalog_now;
use crate::assess::{Case, denied, describe_step, labels_of, treat_steps};
use crate::derive::{DerivedCell, Projection, derived_steps, hidden, known_derived_cells, shows_one};
use crate::error::{Error, Result};
use crate::execute::{Work, open, prepared, run};
use crate::history::Naming;
use crate::op::OpError;
use crate::other_catalogs::against_in_stores;
use crate::report::{CellCount, FindingLine, Listing, PublishReport};
use crate::session::Session;

/// What a projection is asked to do.
#[derive(Debug, Clone, Default)]
pub struct Project {
    /// Project only into this derived store; `None` is all.
    pub store: Option<String>,
    /// Project only the documents of this collection, and its aliases; `None` is all.
    pub collection: Option<String>,
    /// The reason that the actor gives.
    pub reason: Option<String>,
    /// Whether to look only, and write nothing.
    pub dry_run: bool,
}

/// The derived cells that differ, and what they are projected from.
struct Differing {
    now: CatalogView,
    steps: Vec<Step>,
    labels: BTreeMap<String, &'static str>,
    case: Case,
}

/// Moves the derived cells that do not show what the documents say. If none differs, nothing is logged.
pub(crate) async fn project(session: &mut Session, request: &Project) -> Result<PublishReport> {
    let pipeline = Slug::parse("project").expect("a literal slug");
    let unit = Unit::new(session, &pipeline, None, request.reason.clone());
    let cells = wanted_cells(session, request)?;
    if !request.dry_run {
        make_missing_stores(session, request).await?;
    }
    session.begin_phase("judge", 0);
    session.refuse_unfit_stores().await?;
    if !request.dry_run {
        session.fence(&unit.id.clone().into()).await?;
    }
    session.refuse_kept_cells(cells.iter().map(|derived| &derived.cell)).await?;
    let differing = differing(session, &unit, &cells).await?;
    let left = against_in_stores(session, &catalog_now(session).await?).await?;
    let Some(Differing { now, steps, labels, case }) = differing else {
        let status = if request.dry_run { Status::DryRun } else { Status::Completed };
        return Ok(PublishReport { findings: Listing::of(left), ..publish_report(None, status) });
    };
    let decision = case.judge(session);
    if !decision.allowed {
        return Err(denied("project", &decision));
    }
    let mut report = publish_report((!request.dry_run).then(|| unit.id.clone()), Status::DryRun);
    report.steps = CellCount::of(steps.iter().map(|step| step.cell.domain));
    report.findings = Listing::of(decision.findings.iter().map(FindingLine::from).chain(left));
    if request.dry_run {
        return Ok(report);
    }
    session.begin_phase("store", steps.len() as u64);
    let moved: BTreeSet<_> = steps.iter().map(|step| &step.cell).collect();
    let moved: BTreeSet<DerivedCell> =
        cells.iter().filter(|derived| moved.contains(&derived.cell)).cloned().collect();
    let hidden = hidden(session, &now, &now, &moved).await?;
    Projection::new(session, &now, hidden, |path| labels.get(path).copied()).keep(moved).await?;
    let prepared = prepared(session, steps, &now, &now).await?;
    let intent = intent(session, &unit, PublishKind::Project, &prepared, &Changes::default()).await?;
    let content = prepared.segment.digest;
    let permit = case.permit(session, &content, Consent::Given)?;
    drop((now, case));
    open(session, permit, content, Record::PublishIntent(Box::new(intent))).await?;
    let work = Work::planned(prepared.steps);
    let outcome = run(session, &OperationId::from(unit.id.clone()), work).await?;
    Ok(finished(session, report, &outcome, unit.started_at))
}

/// Makes the folders of derived stores that are missing: an empty folder is an empty store, which the projection fills.
///
/// # Errors
/// [`Error::Incomplete`]: pipelines kept cells of their own in the store, which no projection makes again.
async fn make_missing_stores(session: &Session, request: &Project) -> Result<()> {
    let wanted = |name: &str| request.store.as_ref().is_none_or(|wanted| wanted == name);
    for store in session.derived_stores().filter(|store| wanted(store.name())) {
        let Err(OpError::Missing { place, derived: true, .. }) = store.probe().await else { continue };
        let mut has_its_own = false;
        for next in session.history.cells_of(store.domain(), store.name(), "") {
            let (cell, history) = next?;
            has_its_own |= history.value().is_some() && session.history.is_a_pipelines(&cell)?;
        }
        if has_its_own {
            return Err(Error::Incomplete {
                message: format!(
                    "the store is missing, and held cells that are not derived: store={}",
                    store.name()
                ),
                hint: "restore it from a backup: pipelines kept cells of their own in it".into(),
                next: Vec::new(),
            });
        }
        let made = session.platform.disk().create_dir(Path::new(&place));
        made.map_err(|source| Error::File { path: place, source })?;
    }
    Ok(())
}

/// Names the derived cells that are asked for.
fn wanted_cells(session: &Session, request: &Project) -> Result<BTreeSet<DerivedCell>> {
    if let Some(name) = &request.store
        && !session.projected_stores().any(|store| store.name() == name)
    {
        return Err(Error::NotFound { kind: "derived store", text: name.clone() });
    }
    let mut cells = known_derived_cells(session)?;
    if let Some(collection) = &request.collection {
        let members = session.history.named(Naming::Collection, collection)?;
        if !members.iter().any(|cell| session.is_document(cell)) {
            return Err(Error::NotFound { kind: "collection", text: collection.clone() });
        }
        cells.retain(|derived| derived.is_of_collection(session, collection, &members));
    }
    cells.retain(|derived| request.store.as_ref().is_none_or(|name| derived.cell.store == *name));
    Ok(cells)
}

/// Compares the cells with their projections; `None` if all are as they should be.
async fn differing(
    session: &mut Session,
    unit: &Unit,
    cells: &BTreeSet<DerivedCell>,
) -> Result<Option<Differing>> {
    let now = catalog_now(session).await?;
    let standing = standing_documents(session, &now);
    let assessed = treat_steps(session, &now, &standing, RatchetMode::Refuse).await?;
    let labels = labels_of(&assessed);
    let hidden = hidden(session, &now, &now, cells).await?;
    let projection = Projection::new(session, &now, hidden, |path| labels.get(path).copied());
    let mut projected: Vec<(DerivedCell, Value)> = Vec::with_capacity(cells.len());
    for derived in cells {
        let value = projection.shown(derived)?.map(|shown| shown.digest());
        projected.push((derived.clone(), value));
    }
    let steps = derived_steps(session, &projected).await?;
    if steps.is_empty() {
        return Ok(None);
    }
    let census = session.moments.census(&now);
    let case = Case {
        kind: JudgedKind::Adopt,
        reason: unit.reason.clone(),
        strict: false,
        steps: judged_documents(session, &now, assessed, &steps).await?,
        cells_total: steps.len() as u64,
        skipped: 0,
        integrity: IntegrityChange::of_publish(census.clone(), census),
        forced: false,
    };
    Ok(Some(Differing { labels, steps, case, now }))
}

/// The documents that stand, as steps that change nothing.
fn standing_documents(session: &Session, now: &CatalogView) -> Vec<Step> {
    let standing = now
        .iter()
        .map(|(path, facts)| describe_step(session, path, Some(facts.digest), Some(facts), Some(facts)));
    standing.collect()
}

/// Returns the documents by which a projection is judged: those whose nodes and copies move, and those in the
/// collections whose aliases move. If no document is left behind the projected cells, the paths at which documents stood.
async fn judged_documents(
    session: &mut Session,
    now: &CatalogView,
    mut assessed: Vec<StepFacts>,
    steps: &[Step],
) -> Result<Vec<StepFacts>> {
    let nodes: BTreeSet<&str> =
        steps.iter().filter(|step| shows_one(step.cell.domain)).map(|step| step.cell.key.as_str()).collect();
    let collections: BTreeSet<&str> =
        steps.iter().filter(|step| !shows_one(step.cell.domain)).map(|step| step.unit.as_str()).collect();
    let is_shown = |step: &StepFacts| {
        let collection = step.after.as_deref().and_then(|facts| facts.collections());
        nodes.contains(step.path.as_str()) || collection.is_some_and(|id| collections.contains(id))
    };
    assessed.retain(is_shown);
    if !assessed.is_empty() {
        return Ok(assessed);
    }
    let mut known = BTreeSet::new();
    for path in nodes {
        let cell = session.document(path);
        known.extend(session.history.cell(&cell)?.map(|_| cell));
    }
    for id in collections {
        let fed = session.history.named(Naming::Collection, id)?.into_iter();
        known.extend(fed.filter(|cell| session.is_document(cell)));
    }
    let gone: Vec<Step> =
        known.iter().map(|cell| describe_step(session, &cell.key, None, None, None)).collect();
    treat_steps(session, now, &gone, RatchetMode::Refuse).await
}
