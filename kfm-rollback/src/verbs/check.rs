//! `catalog check`: links, orphans and the rest, counted on what the stores hold now (R48).

use std::collections::BTreeSet;
use std::sync::Arc;

use kfm_lineage::integrity::CatalogView;
use kfm_policy::{Advice, Remedy, advice};

use super::Platform;
use crate::assess::catalog_now;
use crate::bulk;
use crate::coverage::standing_against;
use crate::elsewhere::protected_elsewhere;
use crate::error::Result;
use crate::facts::facts_of;
use crate::op::DomainOpExt;
use crate::other_catalogs::against_in_stores;
use crate::report::{CatalogReport, FindingLine, Listing};
use crate::session::{Session, missing_lines};
use crate::skew::{SKEW, skewed, store_skew};

impl Platform {
    /// Counts what is broken in the catalog as the stores hold it, foreign values included. Entries of policy's files
    /// that are new come into force first, unless nothing may be written.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked): an entry is to come into force, and another operation works here.
    /// [`Error::Store`](crate::Error::Store): the catalog cannot be read. [`Error::Denied`](crate::Error::Denied):
    /// a file of the policy is missing or not valid, so it is not known what must not be seen.
    pub async fn catalog_check(&self) -> Result<CatalogReport> {
        let session = Session::judge(self, "catalog check").await?;
        let catalog = self.catalog();
        let mut view = CatalogView::default();
        for paths in catalog.keys().await?.chunks(bulk::READ_CELLS) {
            for (path, bytes) in paths.iter().zip(bulk::read(&*catalog, paths).await?) {
                if let Some(bytes) = bytes {
                    let (digest, bytes) = catalog.form(path, bytes)?;
                    view.insert(path.clone(), Arc::new(facts_of(digest, &bytes)));
                }
            }
        }
        let census = view.census();
        let skew = store_skew(&session, &view).await?;
        let counts = census.counts();
        let mut against = standing_against(&session, &view, view.iter().map(|(path, _)| path)).await?;
        against.extend(against_in_stores(&session, &view).await?);
        let stands_against = against.len() as u64;
        let elsewhere = protected_elsewhere(&session, &view, view.iter().map(|(path, _)| path)).await?;
        let protected_elsewhere = elsewhere.len() as u64;
        let mut findings: Vec<FindingLine> = missing_lines(self, &session.history);
        findings.extend(against);
        findings.extend(elsewhere);
        for broken in &census.breaks {
            let message = format!("{} leads to {}", broken.rel, broken.target);
            findings.push(finding(
                broken.class.as_str(),
                &broken.document,
                &message,
                "mend the link, or publish its target",
            ));
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
        let strays = catalog.strays().await?;
        findings.extend(strays.iter().map(|stray| {
            let message = format!("no document can lie there, {}", stray.why);
            finding(
                "stray",
                &crate::blob::key::shown(&stray.path),
                &message,
                "rename it, or take it out of the catalog",
            )
        }));
        // A cell that shows what the log says is right: there it is the catalog that another hand has changed.
        let by_log = match skew.is_empty() {
            true => BTreeSet::new(),
            false => store_skew(&session, &catalog_now(&session).await?).await?,
        };
        findings.extend(skew.iter().map(|cell| match by_log.contains(cell) {
            true => skewed(cell),
            false => finding(
                SKEW,
                cell,
                "it shows what the log says, and the catalog holds something else",
                advice![Remedy::ListForeign, " lists what another hand changed in the catalog"],
            ),
        }));
        Ok(CatalogReport {
            documents: counts.documents,
            links: counts.links,
            broken_links: counts.broken_links,
            orphan_count: counts.orphan_count,
            unlisted: counts.unlisted,
            store_skew: skew.len() as u64,
            duplicate_ids: counts.duplicate_ids,
            wrong_self_links: counts.wrong_self_links,
            not_json: counts.not_json,
            stands_against,
            protected_elsewhere,
            strays: strays.len() as u64,
            findings: Listing::of(findings),
        })
    }
}

fn finding(rule: &str, subject: &str, message: &str, remedy: impl Into<Advice>) -> FindingLine {
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
