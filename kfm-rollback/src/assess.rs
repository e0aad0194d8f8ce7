//! Assesses a change of documents: what it does to the catalog's integrity, and what policy says of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use kfm_lineage::document::DocumentFacts;
use kfm_lineage::integrity::{CatalogView, IntegrityChange, Lead};
use kfm_lineage::{Digest, Domain, Lsn, OtherNames, Step, Value};
use kfm_policy::{
    Consent, Decision, JudgedKind, OperationFacts, Permit, PermitRefused, Protection, RatchetMode, Remedy,
    Role, StepFacts, StepTreatment, ValidityChange, is_same_name,
};

use crate::error::{Error, Result};
use crate::facts::Facts;
use crate::history::History;
use crate::order::Listings;
use crate::protections::Protections;
use crate::report::FindingLine;
use crate::session::Session;

/// The class of every operation on documents and what is projected from them (`docs/states.md` section 6).
pub(crate) const DOCUMENT_TIER: u8 = 1;

/// The documents of a store as they stood after the record at `lsn`, with their facts.
pub(crate) async fn documents_at(
    history: &History,
    facts: &Facts,
    store: &str,
    lsn: Lsn,
) -> Result<CatalogView> {
    let documents: Vec<(String, Value)> = history.documents_at(store, lsn).collect::<Result<_>>()?;
    facts.read_ahead(documents.iter().filter_map(|(_, value)| *value)).await?;
    let mut view = CatalogView::default();
    for (path, value) in documents {
        if let Some(document) = facts.of_value(value).await? {
            view.insert(path, document);
        }
    }
    Ok(view)
}

/// Returns a view with the steps of documents made.
pub(crate) async fn with_steps(session: &Session, view: &CatalogView, steps: &[Step]) -> Result<CatalogView> {
    let mut view = view.clone();
    let steps = || steps.iter().filter(|step| session.is_document(&step.cell));
    session.facts.read_ahead(steps().filter_map(|step| step.after)).await?;
    for step in steps() {
        match session.facts.of_value(step.after).await? {
            Some(facts) => view.insert(step.cell.key.clone(), facts),
            None => view.remove(&step.cell.key),
        };
    }
    Ok(view)
}

/// Returns what the moved documents of a view list, for the order of steps; a derived catalog has the same documents
/// at the same paths.
pub(crate) fn listings(view: &CatalogView, steps: &[Step]) -> Listings {
    let mut listings = Listings::new();
    for step in steps.iter().filter(|step| step.cell.domain == Domain::Stac) {
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

/// Returns what moved documents list of each other in one of their versions. A document whose version cannot be read
/// has no entry.
pub(crate) async fn listings_among(
    session: &Session,
    steps: &[Step],
    version: fn(&Step) -> Value,
) -> Listings {
    let (mut view, mut absent) = (CatalogView::default(), Listings::new());
    for step in steps.iter().filter(|step| step.cell.domain == Domain::Stac) {
        match session.facts.of_value(version(step)).await {
            Ok(Some(facts)) => drop(view.insert(step.cell.key.clone(), facts)),
            Ok(None) => drop(absent.insert(step.cell.key.clone(), Vec::new())),
            Err(_) => {}
        }
    }
    let mut listings = listings(&view, steps);
    listings.append(&mut absent);
    listings
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
    /// Whether the actor forces the operation through although a publish is partial or artefacts are missing (R46).
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
                before: principals_to_add(session, &missing),
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

/// Names the principals that must be there before the missing approvals can be given. The actor is none of them: no
/// operation is approved by its own executor.
fn principals_to_add(session: &Session, missing: &str) -> Vec<Remedy> {
    let is_there = |roles: &[Role]| {
        let others = session.principals.iter().filter(|other| !is_same_name(&other.name, session.actor()));
        others.flat_map(|other| &other.roles).any(|role| roles.contains(role))
    };
    let lacks_council = missing.contains("council") && !is_there(&[Role::Council]);
    let lacks_reviewer = missing.contains("reviewer") && !is_there(&[Role::Reviewer, Role::Council]);
    let roles = [(lacks_council, Role::Council), (lacks_reviewer && !lacks_council, Role::Reviewer)];
    let add = |role: Role| Remedy::AddPrincipal { role: role.as_str().to_owned() };
    roles.into_iter().filter(|(lacks, _)| *lacks).map(|(_, role)| add(role)).collect()
}

/// Turns a denial into the error that lists its findings.
pub(crate) fn denied(operation: &str, decision: &Decision) -> Error {
    Error::Denied {
        operation: operation.to_owned(),
        findings: decision.findings.iter().map(FindingLine::from).collect(),
    }
}

/// Finds out what the ratchet does with each step that has an owner (`docs/states.md` section 4).
///
/// Every judgement begins with this call: it also brings into force what policy's files say by now.
///
/// A document that another catalog than the target keeps is judged as if it stood at its path in the target. Every
/// other cell that a pipeline keeps itself has no document, but it has a protection: policy does not read its content,
/// and so must not take it for empty. The answer has one entry for each step that is not derived, in the order of
/// the steps.
pub(crate) async fn treat_steps(
    session: &mut Session,
    now: &CatalogView,
    steps: &[Step],
    mode: RatchetMode,
) -> Result<Vec<StepFacts>> {
    session.begin_judging("judge").await?;
    let session: &Session = session;
    if steps.iter().all(|step| step.derived) {
        return Ok(Vec::new());
    }
    let after = with_steps(session, now, steps).await?;
    let protections = Protections::new(session, now, &after);
    let catalogs = other_catalogs(session, &after, steps).await?;
    let of_catalogs: BTreeMap<&str, Protections<'_>> =
        catalogs.iter().map(|(store, view)| (*store, Protections::new(session, now, view))).collect();
    let mut treated = Vec::new();
    for step in steps.iter().filter(|step| !step.derived) {
        let is_document = step.cell.domain == Domain::Stac;
        let facts =
            async |value: Value| if is_document { session.facts.of_value(value).await } else { Ok(None) };
        let (before, target) = (facts(step.before).await?, facts(step.after).await?);
        let of_catalog = of_catalogs.get(step.cell.store.as_str()).filter(|_| is_document);
        let protection = of_catalog.unwrap_or(&protections).of(&step.cell.key).await?;
        let outcome = treatment_of(step, target.as_deref(), &protection, mode);
        treated.push(StepFacts {
            entity: step.entity.clone(),
            path: step.cell.key.clone(),
            outcome,
            before,
            after: target,
            protection,
            validity: None,
        });
    }
    Ok(treated)
}

/// Decides what the ratchet does with one step, which brings `document` if its cell keeps documents. Of every other cell
/// policy does not read the content.
fn treatment_of(
    step: &Step,
    document: Option<&DocumentFacts>,
    protection: &Protection,
    mode: RatchetMode,
) -> StepTreatment {
    match step.after {
        Some(_) if step.cell.domain != Domain::Stac => kfm_policy::treat_unread(protection, mode),
        _ => kfm_policy::treat(document, protection, mode),
    }
}

/// Returns, for each other catalog than the target that documents are moved in, the target as it would be with these
/// documents at their paths.
async fn other_catalogs<'m>(
    session: &Session,
    after: &CatalogView,
    steps: &'m [Step],
) -> Result<BTreeMap<&'m str, CatalogView>> {
    let mut catalogs = BTreeMap::new();
    let is_of_another = |step: &&Step| step.cell.domain == Domain::Stac && !session.is_document(&step.cell);
    for step in steps.iter().filter(|step| !step.derived).filter(is_of_another) {
        let view = catalogs.entry(step.cell.store.as_str()).or_insert_with(|| after.clone());
        if let Some(document) = session.facts.of_value(step.after).await? {
            view.insert(step.cell.key.clone(), document);
        }
    }
    Ok(catalogs)
}

/// Finds what is not valid in the documents that steps replace and in those that they bring.
///
/// Only a hotfix and a strict publish call it, since only there does a new fault deny (`docs/states.md` section 5). It
/// reads every one of these documents, which elsewhere would cost time and change no verdict.
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

/// Applies treatments to steps: what must be absent goes to absent.
///
/// `facts` are those of [`treat_steps`] for the same steps. A step that would then change nothing is dropped, and
/// returned with the rule that made it so.
pub(crate) fn apply_treatments(steps: Vec<Step>, facts: &[StepFacts]) -> (Vec<Step>, Vec<(Step, String)>) {
    let mut dropped = Vec::new();
    let mut kept = Vec::new();
    let mut facts = facts.iter();
    for mut step in steps {
        // By position and not by key: cells of several stores may have the same key.
        let facts = if step.derived { None } else { facts.next() };
        if let Some(StepTreatment::Absent { rule, .. }) = facts.map(|facts| &facts.outcome) {
            step.after = None;
            step.to_version = None;
            step.stac_id = None;
            step.collection = None;
            if step.before.is_none() {
                dropped.push((step, rule.clone()));
                continue;
            }
        }
        kept.push(step);
    }
    (kept, dropped)
}

/// Notes on a step what its new document says of itself.
pub(crate) fn describe_step(
    session: &Session,
    path: &str,
    before: Value,
    before_facts: Option<&Arc<DocumentFacts>>,
    after: Option<&Arc<DocumentFacts>>,
) -> Step {
    let named = after.or(before_facts);
    let unit = named.and_then(|document| document.collections()).unwrap_or("-").to_owned();
    let version = |document: Option<&Arc<DocumentFacts>>| {
        document.and_then(|document| kfm_lineage::Version::parse(document.version.as_deref()?).ok())
    };
    Step {
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
        other_names: after.map(|document| other_names(document)).unwrap_or_default(),
    }
}

/// What a document calls itself and its collections beside what the step says already.
fn other_names(document: &DocumentFacts) -> OtherNames {
    let collections = document.stated_collections().filter(|name| document.collections() != Some(name));
    OtherNames { ids: document.other_ids.to_vec(), collections: collections.map(str::to_owned).collect() }
}

#[cfg(test)]
#[path = "assess_tests.rs"]
mod tests;
