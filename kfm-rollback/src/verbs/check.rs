//! `catalog check`: links, orphans and the rest, counted on what the stores hold now (R48); of a platform, or of any folder
//! or bucket.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use kfm_lineage::document::DocumentFacts;
use kfm_lineage::integrity::Census;
use kfm_policy::{Remedy, advice};

use super::Platform;
use crate::around::catalog_now;
use crate::catalog_findings::{Standing, finding};
use crate::coverage::standing_against;
use crate::elsewhere::protected_elsewhere;
use crate::error::Result;
use crate::kind::Patience;
use crate::op::DomainOp;
use crate::other_catalogs::against_in_stores;
use crate::patience::Patient;
use crate::platform::OpenOptions;
use crate::platform::lock::Waiting;
use crate::report::{CatalogReport, FindingLine, Listing};
use crate::session::{Session, missing_lines};
use crate::skew::{SKEW, skewed, store_skew};
use crate::stac::StaticCatalog;

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
        let standing =
            Standing::read(&self.catalog(), &*self.options().progress, std::convert::identity).await?;
        let view = &standing.view;
        let census = view.census();
        let skew = store_skew(&session, view).await?;
        let mut against = standing_against(&session, view, view.iter().map(|(path, _)| path)).await?;
        against.extend(against_in_stores(&session, view).await?);
        let stands_against = against.len() as u64;
        let elsewhere = protected_elsewhere(&session, view, view.iter().map(|(path, _)| path)).await?;
        let protected_elsewhere = elsewhere.len() as u64;
        let mut findings: Vec<FindingLine> = missing_lines(self, &session.history);
        findings.extend(against);
        findings.extend(elsewhere);
        findings.extend(standing.findings(&census));
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
            store_skew: skew.len() as u64,
            stands_against,
            protected_elsewhere,
            ..report(&standing, &census, findings)
        })
    }
}

/// Counts what is broken in the documents of a folder or bucket, without a platform: links, orphans, ids, what is not
/// valid. What a platform knows beyond the documents, protection and derived stores, is 0.
///
/// `place` is what [`StaticCatalog::at`] takes; a relative path is relative to the working directory. Documents are read
/// many at a time, and what is held of each is what a count of links needs: a few hundred bytes. A server that does not
/// answer is waited for as a platform waits for a store, unless the actor asks to stop. Of `options` the clock, the
/// interrupt, the progress and the credentials are used.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid): the address cannot be used. [`Error::Store`](crate::Error::Store): there is no
/// such folder, or it cannot be read.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> kfm_rollback::Result<()> {
/// use kfm_rollback::{OpenOptions, check_documents};
///
/// let folder = tempfile::tempdir().expect("a folder");
/// let root = r#"{"type": "Catalog", "id": "a", "stac_version": "1.1.0", "description": "-",
///     "links": [{"rel": "item", "href": "./gone.json"}]}"#;
/// std::fs::write(folder.path().join("catalog.json"), root).expect("written");
///
/// let report = check_documents(&folder.path().display().to_string(), &OpenOptions::new("ci")).await?;
/// assert_eq!((report.documents, report.broken_links, report.orphan_count), (1, 1, 0));
/// assert_eq!(report.findings.first[0].subject, "catalog.json");
/// # Ok(())
/// # }
/// ```
pub async fn check_documents(place: &str, options: &OpenOptions) -> Result<CatalogReport> {
    let catalog = StaticCatalog::at("catalog", place, Path::new(""), &options.credentials)?;
    let catalog: Arc<dyn DomainOp> = Arc::new(Patient::new(
        Arc::new(catalog),
        Patience::default().0,
        Arc::clone(&options.clock),
        options.interrupt.clone(),
        Waiting::without_lock(),
    ));
    let standing = Standing::read(&catalog, &*options.progress, DocumentFacts::to_be_counted).await?;
    let census = standing.view.census();
    let findings = standing.findings(&census);
    Ok(report(&standing, &census, findings))
}

fn report(standing: &Standing, census: &Census, findings: Vec<FindingLine>) -> CatalogReport {
    let counts = census.counts();
    CatalogReport {
        documents: counts.documents,
        links: counts.links,
        broken_links: counts.broken_links,
        orphan_count: counts.orphan_count,
        unlisted: counts.unlisted,
        store_skew: 0,
        duplicate_ids: counts.duplicate_ids,
        wrong_self_links: counts.wrong_self_links,
        not_json: counts.not_json,
        not_valid: standing.not_valid.len() as u64,
        stands_against: 0,
        protected_elsewhere: 0,
        strays: standing.strays.len() as u64,
        findings: Listing::of(findings),
    }
}
