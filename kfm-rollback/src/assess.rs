//! Assesses a change of documents: what it does to the catalog's integrity, and what policy says of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kfm_lineage::document::{DocumentFacts, DocumentKind, Field};
use kfm_lineage::integrity::{CatalogView, IntegrityChange, Lead};
use kfm_lineage::{Digest, Domain, Lsn, Move, Value};
use kfm_policy::{
    Consent, Decision, Finding, JudgedKind, OperationFacts, Permit, PermitRefused, Protection, RatchetMode,
    Severity, StepFacts, StepTreatment, Subject, ValidityChange,
};

use crate::error::{Error, Result};
use crate::facts::Facts;
use crate::history::History;
use crate::order::Listings;
use crate::report::FindingLine;
use crate::session::Session;

/// The class of every operation on documents and what is projected from them (`states.md` section 6).
pub(crate) const DOCUMENT_TIER: u8 = 1;

/// The catalog as it is, with every document's facts.
pub(crate) async fn catalog_now(session: &Session) -> Result<CatalogView> {
    catalog_at(session, Lsn(u64::MAX)).await
}

/// The catalog as it stood after the record at `lsn`.
pub(crate) async fn catalog_at(session: &Session, lsn: Lsn) -> Result<CatalogView> {
    let catalog = session.catalog();
    documents_at(&session.history, &session.facts, catalog.name(), lsn).await
}

/// The documents of a store as they stood after the record at `lsn`, with their facts.
pub(crate) async fn documents_at(
    history: &History,
    facts: &Facts,
    store: &str,
    lsn: Lsn,
) -> Result<CatalogView> {
    let mut view = CatalogView::default();
    for (path, digest) in history.documents_at(store, lsn) {
        view.insert(path.to_owned(), facts.of(&digest).await?);
    }
    Ok(view)
}

/// Returns a view with the document moves made.
pub(crate) async fn with_moves(session: &Session, view: &CatalogView, moves: &[Move]) -> Result<CatalogView> {
    let mut view = view.clone();
    for step in moves.iter().filter(|step| step.cell.domain == Domain::Stac) {
        match session.facts.of_value(step.after).await? {
            Some(facts) => view.insert(step.cell.key.clone(), facts),
            None => view.remove(&step.cell.key),
        };
    }
    Ok(view)
}

/// Returns what the moved documents of a view list, for the order of steps.
pub(crate) fn listings(view: &CatalogView, moves: &[Move]) -> Listings {
    let mut listings = Listings::new();
    for step in moves.iter().filter(|step| step.cell.domain == Domain::Stac) {
        let Some(document) = view.get(&step.cell.key) else { continue };
        let listed = document.links.iter().filter(|link| link.rel == "child" || link.rel == "item");
        let targets = listed.filter_map(|link| match view.lead(&step.cell.key, &link.href) {
            Lead::Document(path) => Some(path.to_owned()),
            _ => None,
        });
        listings.insert(step.cell.key.clone(), targets.collect());
    }
    listings
}

/// Computes the protection in force for documents, with what they inherit.
pub(crate) struct Protections<'a> {
    session: &'a Session,
    now: &'a CatalogView,
    after: &'a CatalogView,
    collections: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// Where documents stood that may have been collections: a retire takes no protection away.
    retired: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// The documents that say what they were derived from: a collection of ten thousand links is the parent of
    /// ten thousand items, and its links are looked through once.
    with_sources: BTreeSet<&'a str>,
}

impl<'a> Protections<'a> {
    /// Prepares for documents that go from one view to another.
    pub(crate) fn new(session: &'a Session, now: &'a CatalogView, after: &'a CatalogView) -> Self {
        let mut collections: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut with_sources = BTreeSet::new();
        for (path, document) in now.iter().chain(after.iter()) {
            if let (DocumentKind::Collection, Some(id)) = (document.kind, &document.id) {
                collections.entry(id).or_default().insert(path);
            }
            if document.links_of("derived_from").next().is_some() {
                with_sources.insert(path);
            }
        }
        let mut retired: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let absent = session.history.cells().filter(|(cell, history)| {
            cell.domain == Domain::Stac && now.get(&cell.key).is_none() && history.last_seen().is_some()
        });
        for (cell, history) in absent {
            for id in history.ids.intersection(&history.collections) {
                retired.entry(id).or_default().insert(&cell.key);
            }
        }
        Self { session, now, after, collections, retired, with_sources }
    }

    /// Returns the protection in force for the entity at a path.
    ///
    /// Joined from its own labels, the registry, its collections' documents and the documents it is derived
    /// from, and what those stand in and were made from (R61). What was retired counts as it stood last.
    ///
    /// # Errors
    /// [`Error::Versions`]: a version is missing, so that nobody can tell; restore it.
    pub(crate) async fn of(&self, path: &str) -> Result<Protection> {
        let (own, mut pending) = self.own(path).await?;
        let mut seen = BTreeSet::from([path.to_owned()]);
        let mut inherited = Vec::new();
        while let Some(parent) = pending.pop_first() {
            if seen.insert(parent.clone()) {
                let (protection, parents) = self.own(&parent).await?;
                inherited.push(protection);
                pending.extend(parents);
            }
        }
        Ok(own.inherit(&inherited))
    }

    /// The protection of a path by itself, and the paths of what it stands in and was made from.
    async fn own(&self, path: &str) -> Result<(Protection, BTreeSet<String>)> {
        let cell = self.session.document(path);
        let history = self.session.history.cell(&cell);
        let mut ids = history.map(|history| history.ids.clone()).unwrap_or_default();
        let mut collections = history.map(|history| history.collections.clone()).unwrap_or_default();
        let stood = self.stood_last(path).await?;
        let documents: Vec<&DocumentFacts> = [self.now.get(path), stood.as_ref(), self.after.get(path)]
            .into_iter()
            .flatten()
            .map(AsRef::as_ref)
            .collect();
        for document in &documents {
            ids.extend(document.id.iter().cloned());
            collections.extend(document.collections().map(str::to_owned));
        }
        let own: Vec<Field<Vec<String>>> = documents.iter().map(|document| document.care.clone()).collect();
        let subject = Subject {
            path,
            ids: &ids,
            collections: &collections,
            own: &own,
            content: self.after.get(path).map(AsRef::as_ref),
        };
        let protection = self.session.registry.protection(&subject);
        if documents.iter().any(|document| document.kind == DocumentKind::Collection) {
            // A collection does not inherit from itself.
            for document in &documents {
                if let Some(id) = &document.id {
                    collections.remove(id);
                }
            }
        }
        let mut parents = self.collection_documents(&collections).await?;
        if stood.is_none() && !self.with_sources.contains(path) {
            return Ok((protection, parents));
        }
        for document in documents {
            for link in document.links_of("derived_from") {
                match self.now.lead(path, &link.href) {
                    Lead::Document(source) => parents.insert(source.to_owned()),
                    // A source that was retired, or comes with this change.
                    Lead::Missing(source) => parents.insert(source),
                    Lead::Outside | Lead::External | Lead::Asset => false,
                };
                if let Lead::Document(source) = self.after.lead(path, &link.href) {
                    parents.insert(source.to_owned());
                }
            }
        }
        Ok((protection, parents))
    }

    async fn collection_documents(&self, collections: &BTreeSet<String>) -> Result<BTreeSet<String>> {
        let mut paths = BTreeSet::new();
        for id in collections {
            paths.extend(
                self.collections.get(id.as_str()).into_iter().flatten().map(|path| (*path).to_owned()),
            );
            for path in self.retired.get(id.as_str()).into_iter().flatten() {
                let stood = self.stood_last(path).await?;
                if stood.is_some_and(|document| document.kind == DocumentKind::Collection) {
                    paths.insert((*path).to_owned());
                }
            }
        }
        Ok(paths)
    }

    /// Returns what stood last at a path where nothing stands.
    async fn stood_last(&self, path: &str) -> Result<Option<Arc<DocumentFacts>>> {
        if self.now.get(path).is_some() {
            return Ok(None);
        }
        let history = self.session.history.cell(&self.session.document(path));
        self.session.facts.of_value(history.and_then(crate::history::CellHistory::last_seen)).await
    }
}

/// A change as it is put before policy: once when it is planned, again before it opens (R66).
#[derive(Debug)]
pub(crate) struct Case {
    pub kind: JudgedKind,
    pub reason: Option<String>,
    pub strict: bool,
    pub steps: Vec<StepFacts>,
    pub cells_total: u64,
    pub skipped: u64,
    pub integrity: IntegrityChange,
    /// Whether a partial publish or missing artefacts are gone over by force (R46).
    pub forced: bool,
}

impl Case {
    fn facts<'a>(&'a self, session: &'a Session) -> OperationFacts<'a> {
        OperationFacts {
            kind: self.kind,
            actor: session.actor(),
            reason: self.reason.as_deref(),
            now: session.now(),
            tier: DOCUMENT_TIER,
            strict: self.strict,
            steps: &self.steps,
            cells_total: self.cells_total,
            skipped: self.skipped,
            integrity: &self.integrity,
            forced: self.forced,
        }
    }

    /// Asks policy.
    pub(crate) fn judge(&self, session: &Session) -> Decision {
        session.policy.judge(&self.facts(session))
    }

    /// Asks policy again and, if it may be done, takes the permit for a plan.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::ApprovalRequired`].
    pub(crate) fn permit(&self, session: &Session, plan_id: &Digest, consent: Consent<'_>) -> Result<Permit> {
        match session.policy.permit(&self.facts(session), plan_id, consent) {
            Ok((permit, _)) => Ok(permit),
            Err(PermitRefused::ApprovalsMissing { missing, refused, .. }) => Err(Error::ApprovalRequired {
                plan_id: *plan_id,
                needed: vec![missing],
                refused: refused
                    .iter()
                    .map(|refused| format!("{}: {}", refused.principal, refused.why))
                    .collect(),
            }),
            Err(refused) => Err(denied(self.kind.as_str(), refused.decision())),
        }
    }
}

/// Turns a denial into the error that lists its findings.
pub(crate) fn denied(operation: &str, decision: &Decision) -> Error {
    Error::Denied {
        operation: operation.to_owned(),
        findings: decision.findings.iter().map(FindingLine::from).collect(),
    }
}

impl From<&Finding> for FindingLine {
    fn from(finding: &Finding) -> Self {
        let severity = match finding.severity {
            Severity::Critical => "critical",
            Severity::Block => "block",
            Severity::Warn => "warn",
            Severity::Info => "info",
        };
        Self {
            rule: finding.rule.clone(),
            code: finding.code.clone(),
            severity: severity.into(),
            subject: finding.subject.clone(),
            message: finding.message.clone(),
            remedy: finding.remedy.clone(),
            denies: finding.denies,
        }
    }
}

/// Finds out what the ratchet does with each move that has an owner (`states.md` section 4).
///
/// Every judgement begins here, and so what policy's files say is in force before it.
///
/// A cell that a pipeline keeps itself has no document, but it has a protection and is judged by it.
pub(crate) async fn treat_moves(
    session: &mut Session,
    now: &CatalogView,
    moves: &[Move],
    mode: RatchetMode,
) -> Result<Vec<StepFacts>> {
    session.begin_judging("judge").await?;
    let session: &Session = session;
    let after = with_moves(session, now, moves).await?;
    let protections = Protections::new(session, now, &after);
    let mut steps = Vec::new();
    for step in moves.iter().filter(|step| !step.derived) {
        let is_document = step.cell.domain == Domain::Stac;
        let facts =
            async |value: Value| if is_document { session.facts.of_value(value).await } else { Ok(None) };
        let (before, target) = (facts(step.before).await?, facts(step.after).await?);
        let protection = protections.of(&step.cell.key).await?;
        steps.push(StepFacts {
            entity: step.entity.clone(),
            path: step.cell.key.clone(),
            outcome: kfm_policy::treat(target.as_deref(), &protection, mode),
            before,
            after: target,
            protection,
            validity: None,
        });
    }
    Ok(steps)
}

/// Looks at what is not valid in the documents that moves replace and bring.
///
/// Asked where new faults deny (`states.md` section 5), a hotfix and a strict publish: it costs a reading of every
/// document, and elsewhere it would change nothing.
///
/// # Errors
/// [`Error::Versions`]: a version is missing; restore it.
pub(crate) async fn look_at_validity(session: &Session, steps: &mut [StepFacts]) -> Result<()> {
    for step in steps {
        let digest = |facts: &Option<Arc<DocumentFacts>>| facts.as_ref().map(|facts| facts.digest);
        let before = session.facts.validity_of(digest(&step.before)).await?;
        let after = session.facts.validity_of(digest(&step.after)).await?;
        step.validity = Some(ValidityChange { before, after });
    }
    Ok(())
}

/// Returns the label in force at each path that has one.
pub(crate) fn labels_of(steps: &[StepFacts]) -> BTreeMap<String, &'static str> {
    let label = |step: &StepFacts| Some((step.path.clone(), step.protection.label.ok()?.as_str()));
    steps.iter().filter_map(label).collect()
}

/// Applies treatments to moves: what must be absent goes to absent.
///
/// A move that would then change nothing is dropped; its path is returned with the rule that made it so.
pub(crate) fn apply_treatments(moves: Vec<Move>, steps: &[StepFacts]) -> (Vec<Move>, Vec<(String, String)>) {
    let absent: BTreeMap<&str, &str> = steps
        .iter()
        .filter_map(|step| match &step.outcome {
            StepTreatment::Absent { rule, .. } => Some((step.path.as_str(), rule.as_str())),
            _ => None,
        })
        .collect();
    let mut dropped = Vec::new();
    let mut kept = Vec::new();
    for mut step in moves {
        if let Some(rule) = absent.get(step.cell.key.as_str()).filter(|_| !step.derived) {
            step.after = None;
            step.to_version = None;
            step.stac_id = None;
            step.collection = None;
            if step.before.is_none() {
                dropped.push((step.cell.key, (*rule).to_owned()));
                continue;
            }
        }
        kept.push(step);
    }
    (kept, dropped)
}

/// Notes on a move what its new document says of itself.
pub(crate) fn describe_move(
    session: &Session,
    path: &str,
    before: Value,
    before_facts: Option<&Arc<DocumentFacts>>,
    after: Option<&Arc<DocumentFacts>>,
) -> Move {
    let named = after.or(before_facts);
    let unit = named.and_then(|document| document.collections()).unwrap_or("-").to_owned();
    let version = |document: Option<&Arc<DocumentFacts>>| {
        document.and_then(|document| kfm_lineage::Version::parse(document.version.as_deref()?).ok())
    };
    Move {
        cell: session.document(path),
        unit,
        entity: crate::entity::document_entity(session.catalog().name(), path),
        from_version: version(before_facts),
        to_version: version(after),
        before,
        after: after.map(|document| document.digest),
        derived: false,
        stac_id: after.and_then(|document| document.id.clone()),
        collection: after.and_then(|document| document.collections()).map(str::to_owned),
    }
}
