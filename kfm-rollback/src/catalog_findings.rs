//! What is broken in the documents of a catalog, as findings: everything of R48 that needs no platform.

use std::sync::Arc;

use kfm_lineage::document::{DocumentFacts, DocumentKind};
use kfm_lineage::integrity::{CatalogView, Census};
use kfm_lineage::validity;
use kfm_policy::{Advice, Severity};

use crate::documents;
use crate::error::Result;
use crate::op::{DomainOp, Stray};
use crate::platform::Progress;
use crate::report::FindingLine;

/// The documents of a catalog as they stand in its store.
#[derive(Debug)]
pub(crate) struct Standing {
    pub view: CatalogView,
    pub strays: Vec<Stray>,
    /// The documents that are not valid, by path, each with its faults.
    pub not_valid: Vec<(String, Vec<String>)>,
}

impl Standing {
    /// Reads every document of a catalog. `keep` says which of its facts are held.
    ///
    /// # Errors
    /// [`Error::Store`](crate::Error::Store): the catalog cannot be read.
    pub(crate) async fn read(
        catalog: &Arc<dyn DomainOp>,
        progress: &dyn Progress,
        keep: fn(DocumentFacts) -> DocumentFacts,
    ) -> Result<Self> {
        let paths: Vec<String> =
            catalog.scan(None, usize::MAX).await?.into_iter().map(|(path, _)| path).collect();
        let strays = catalog.strays().await?;
        let mut standing = Self { view: CatalogView::default(), strays, not_valid: Vec::new() };
        progress.phase("read documents", paths.len() as u64);
        let look = |_: &str, digest, bytes: &[u8]| {
            let facts = DocumentFacts::project_as(digest, bytes);
            let faults = faults_in(&facts, bytes);
            (facts, faults)
        };
        documents::each(catalog, &paths, progress, look, |path, (facts, faults)| {
            if !faults.is_empty() {
                standing.not_valid.push((path.clone(), faults));
            }
            standing.view.insert(path, Arc::new(keep(facts)));
        })
        .await?;
        Ok(standing)
    }

    /// Says what is broken; `census` is that of the view.
    pub(crate) fn findings(&self, census: &Census) -> Vec<FindingLine> {
        let mut findings = Vec::new();
        for broken in &census.breaks {
            let message = format!("{} leads to {}", broken.rel, broken.target);
            let remedy = "mend the link, or publish its target";
            findings.push(finding(broken.class.as_str(), &broken.document, &message, remedy));
        }
        for path in &census.orphans {
            let (rule, message) = match census.unlisted.contains(path) {
                true => ("ORP-2", "nothing lists it"),
                false => ("ORP-1", "no root reaches it"),
            };
            findings.push(finding(rule, path, message, "list it in a collection or catalog, or retire it"));
        }
        for (id, paths) in &census.duplicate_ids {
            let message = format!("more than one document carries this id: {}", paths.join(", "));
            findings.push(finding("duplicate_id", id, &message, "give each document an id of its own"));
        }
        for path in &census.wrong_self_links {
            findings.push(finding("wrong_self_link", path, "its self link leads elsewhere", "mend the link"));
        }
        for path in &census.not_json {
            findings.push(finding("not_json", path, "it is not a JSON object", "replace it, or retire it"));
        }
        for (path, faults) in &self.not_valid {
            let remedy = "repair it at its source, then publish it again";
            findings.push(finding(VALIDITY, path, &faults.join("; "), remedy));
        }
        for stray in &self.strays {
            let message = format!("no document can lie there, {}", stray.why);
            let remedy = "rename it, or take it out of the catalog";
            findings.push(finding("stray", &crate::blob::key::shown(&stray.path), &message, remedy));
        }
        findings
    }
}

/// The rule of a finding about a document that is not valid.
const VALIDITY: &str = "VER-schema";

/// How many faults of one document a finding names.
const FAULTS_TOLD_MAX: usize = 5;

/// Says for what a strict publish would deny a document as not valid; what is not JSON is counted apart.
fn faults_in(facts: &DocumentFacts, bytes: &[u8]) -> Vec<String> {
    let mut faults: Vec<String> = match facts.kind {
        DocumentKind::NotJson => return Vec::new(),
        DocumentKind::Other => vec!["it is of no type that STAC has".to_owned()],
        DocumentKind::Item | DocumentKind::Collection | DocumentKind::Catalog => {
            facts.shape_faults.iter().map(ToString::to_string).collect()
        }
    };
    faults.extend(validity::faults(bytes).iter().map(ToString::to_string));
    let more = faults.len().saturating_sub(FAULTS_TOLD_MAX);
    faults.truncate(FAULTS_TOLD_MAX);
    faults.extend((more > 0).then(|| format!("and {more} more")));
    faults
}

pub(crate) fn finding(rule: &str, subject: &str, message: &str, remedy: impl Into<Advice>) -> FindingLine {
    FindingLine::new(rule, Severity::Warn, subject, message, remedy)
}
