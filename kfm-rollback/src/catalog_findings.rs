//! What is broken in the documents of a catalog, as findings: everything of R48 that needs no platform.

use std::sync::Arc;

use kfm_lineage::document::DocumentFacts;
use kfm_lineage::integrity::{CatalogView, Census};
use kfm_policy::Advice;

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
        let mut standing = Self { view: CatalogView::default(), strays: catalog.strays().await? };
        progress.phase("read documents", paths.len() as u64);
        let look = |_: &str, digest, bytes: &[u8]| DocumentFacts::project_as(digest, bytes);
        documents::each(catalog, &paths, progress, look, |path, facts| {
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
        for stray in &self.strays {
            let message = format!("no document can lie there, {}", stray.why);
            let remedy = "rename it, or take it out of the catalog";
            findings.push(finding("stray", &crate::blob::key::shown(&stray.path), &message, remedy));
        }
        findings
    }
}

pub(crate) fn finding(rule: &str, subject: &str, message: &str, remedy: impl Into<Advice>) -> FindingLine {
    FindingLine {
        rule: rule.into(),
        code: None,
        severity: "warn".into(),
        subject: subject.into(),
        message: message.into(),
        remedy: remedy.into(),
        denies: false,
    }
}
