//! Publishing a folder: the ready-made pipeline for STAC documents.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kfm_lineage::{PublishId, Slug, Status};
use kfm_policy::{Parameter, Remedy, advice};

use super::again::{publish_again, taken};
use super::changes::Changes;
use super::folder::{self, FolderDocument};
use super::sweep::sweep_of;
use super::unit::{Unit, publish_report, publish_unit, rehearse_unit};
use crate::around::catalog_now;
use crate::bulk;
use crate::carrier::Carrier;
use crate::error::{Error, Result};
use crate::op::{Depth, DomainOpExt};
use crate::order::BATCH_STEPS_MAX;
use crate::platform::Platform;
use crate::report::{PublishReport, SweepLine};
use crate::session::Session;

/// What a publish of a folder is asked to do.
#[derive(Debug, Clone)]
pub struct PublishFolder {
    /// The folder that holds the documents.
    pub from: PathBuf,
    /// The pipeline that made them.
    pub pipeline: Slug,
    /// Whether to retire the documents of the catalog that the folder does not have.
    pub mirror: bool,
    /// Whether a mirror may retire more than a tenth of the catalog, or all of a collection. Without it such a
    /// mirror is refused; the command asks the actor first.
    pub may_sweep: bool,
    /// Whether to look only, and write nothing.
    pub dry_run: bool,
    /// Whether findings that make the catalog worse deny the publish; `None` leaves it to the settings.
    pub strict: Option<bool>,
    /// The reason that the actor gives.
    pub reason: Option<String>,
    /// The publish's id, for a pipeline that makes its own; `None` makes a new one.
    pub publish_id: Option<PublishId>,
}

impl PublishFolder {
    /// Publishes what differs in a folder, as the settings say.
    pub fn new(from: impl Into<PathBuf>, pipeline: Slug) -> Self {
        Self {
            from: from.into(),
            pipeline,
            mirror: false,
            may_sweep: true,
            dry_run: false,
            strict: None,
            reason: None,
            publish_id: None,
        }
    }
}

/// How the documents of a folder differ from the catalog.
#[derive(Debug, Default)]
struct Comparison {
    changes: Changes,
    files: BTreeMap<String, FolderDocument>,
    unchanged: u64,
    assets: u64,
}

/// Publishes the documents of a folder that differ from the catalog.
pub(crate) async fn publish_folder(session: &mut Session, request: &PublishFolder) -> Result<PublishReport> {
    refuse_own_folder(&session.platform, &request.from)?;
    // The log has this id already: the publish is resumed or answered, and never made a second time.
    if let Some(publish) = request.publish_id.as_ref().and_then(|id| taken(session, id)) {
        session.begin_phase("compare", 0);
        return publish_again(session, request, &publish).await;
    }
    let mut unit = Unit::new(session, &request.pipeline, request.publish_id.clone(), request.reason.clone());
    unit.strict = request.strict;
    let strict = unit.is_strict(session);
    let compared = compare(session, request, strict).await?;
    let sweep = match request.mirror {
        true => sweep_of(&catalog_now(session).await?, &compared.changes),
        false => None,
    };
    if let Some(sweep) = sweep.as_ref().filter(|_| !request.may_sweep && !request.dry_run) {
        return Err(refused_sweep(sweep));
    }
    let mut report = if compared.changes.documents.is_empty() {
        publish_report(None, Status::Completed)
    } else if request.dry_run {
        rehearse_unit(session, &unit, &compared.changes).await?
    } else {
        let bytes_max = session.platform.settings().limits.document_bytes_max;
        let files = compared.files;
        let changes = compared.changes;
        let digests: BTreeMap<String, _> = changes
            .documents
            .iter()
            .filter_map(|(path, facts)| facts.as_ref().map(|facts| (path.clone(), facts.digest)))
            .collect();
        let (options, catalog) = (session.platform.options(), session.catalog());
        let (interrupt, progress) = (options.interrupt.clone(), Arc::clone(&options.progress));
        // Each file is read a second time, and few are in memory at once; a file that changed in between is
        // refused.
        publish_unit(session, &unit, changes, async move |versions| {
            let mut carrier = Carrier::new(versions);
            for (done, document) in (1..).zip(files.values()) {
                interrupt.stop_before_begun()?;
                let digest = digests[document.path.as_str()];
                carrier.add(digest, folder::read_again(document, &digest, bytes_max, &*catalog)?).await?;
                progress.prepared(done);
            }
            Ok(carrier.finish().await?)
        })
        .await?
    };
    report.unchanged = compared.unchanged;
    report.assets = compared.assets;
    report.sweep = sweep;
    Ok(report)
}

fn refused_sweep(sweep: &SweepLine) -> Error {
    let emptied = match sweep.emptied_total {
        0 => String::new(),
        _ => format!(", all of these collections: {}", sweep.collections.join(", ")),
    };
    Error::invalid(
        format!("the mirror would retire {} of {} documents{emptied}", sweep.retires, sweep.documents),
        advice![
            "look at it by ",
            Parameter::DryRun,
            "; if the folder is right and whole, add ",
            Parameter::MaySweep,
        ],
    )
}

async fn compare(session: &mut Session, request: &PublishFolder, strict: bool) -> Result<Comparison> {
    let bytes_max = session.platform.settings().limits.document_bytes_max;
    let listed = folder::list(&request.from)?;
    session.begin_phase("compare", listed.documents.len() as u64);
    let mut compared = Comparison { assets: listed.assets, ..Comparison::default() };
    let catalog = session.catalog();
    let mut done = 0;
    for documents in listed.documents.chunks(BATCH_STEPS_MAX) {
        let keys: Vec<String> = documents.iter().map(|document| document.path.to_string()).collect();
        let observed = bulk::values(&*catalog, &keys, Depth::Content).await?;
        for (document, observed) in documents.iter().zip(observed) {
            session.stop_before_begun()?;
            let path = document.path.to_string();
            let (digest, bytes) = catalog.form(&path, folder::read(document, bytes_max)?)?;
            let facts = session.facts.project(digest, &bytes);
            if observed == Some(facts.digest) {
                compared.unchanged += 1;
            } else {
                if strict {
                    session.facts.note_validity(facts.digest, &bytes);
                }
                compared.changes.documents.insert(path.clone(), Some(facts));
                compared.files.insert(path, document.clone());
            }
        }
        done += documents.len() as u64;
        session.prepared(done);
    }
    if request.mirror {
        let kept: BTreeSet<String> =
            listed.documents.iter().map(|document| document.path.to_string()).collect();
        for path in catalog.keys().await? {
            if !kept.contains(&path) {
                compared.changes.documents.insert(path, None);
            }
        }
    }
    Ok(compared)
}

/// Refuses a folder that is one of the platform's own, holds one or lies in one.
///
/// A catalog that is compared with itself never differs, so an edit in place would pass for published.
///
/// # Errors
/// [`Error::Invalid`]: names both folders; copy the documents elsewhere, or reconcile what was edited in place.
fn refuse_own_folder(platform: &Platform, from: &Path) -> Result<()> {
    let real = |path: &Path| path.canonicalize().ok();
    let Some(from_real) = real(from) else { return Ok(()) };
    let overlaps = |own: &PathBuf| {
        real(own).is_some_and(|own| own.starts_with(&from_real) || from_real.starts_with(&own))
    };
    match platform.own_folders().into_iter().find(overlaps) {
        None => Ok(()),
        Some(own) => Err(Error::invalid(
            format!(
                "the folder to publish is, holds or lies in one of the platform's own: path={} own={}",
                from.display(),
                own.display()
            ),
            advice![
                "publish from a folder outside of it; ",
                Remedy::ListForeign,
                " lists what was edited in place",
            ],
        )),
    }
}
