//! A publish under an id that the log has already: one id, one use (`docs/states.md` section 3).

use std::collections::{BTreeMap, BTreeSet};

use kfm_lineage::{CellId, Lsn, OperationId, OperationKind, PublishId, Status, Step, Value};
use kfm_policy::Remedy;

use super::folder;
use super::from_folder::PublishFolder;
use super::unit::{finished, publish_report};
use crate::error::{Error, Result};
use crate::execute::{Resume, resume, still_open};
use crate::history::{Operation, read_steps};
use crate::report::{CellCount, PublishReport};
use crate::session::Session;

/// Publishes a folder again under the id of `publish`. An open publish of the same content is resumed; a completed
/// one that still stands needs nothing more.
///
/// # Errors
/// [`Error::Conflict`]: the folder has other content, or the publish went back or was undone: take a new id. Or
/// another one is open: end it first. Otherwise as [`resume`].
pub(super) async fn publish_again(
    session: &mut Session,
    request: &PublishFolder,
    publish: &Operation,
) -> Result<PublishReport> {
    let steps = steps_of(session, publish).await?;
    let is_of_use = match publish.status(false) {
        Status::Completed => session.history.stands(&publish.id),
        // A publish that has begun to go back ends as it was before, which is not what the actor asks for now.
        status => status.is_open() && publish.journal.abort.is_none(),
    };
    if publish.kind != OperationKind::Publish || !is_of_use {
        return Err(id_is_taken(publish));
    }
    let folder = read_folder(session, request, publish.opened)?;
    let own = steps.iter().filter(|step| !step.derived);
    let recorded: BTreeMap<CellId, Value> = own.map(|step| (step.cell.clone(), step.after)).collect();
    if folder.differing != recorded {
        return Err(id_is_taken(publish));
    }
    let publish_id = PublishId::parse(publish.id.as_str()).ok();
    let report = match (publish.closed.is_some(), request.dry_run) {
        (true, false) => publish_report(publish_id, Status::Completed),
        (true, true) => publish_report(None, Status::DryRun),
        (false, true) => PublishReport {
            steps: CellCount::of(steps.iter().map(|step| step.cell.domain)),
            ..counted(session, publish_report(None, Status::DryRun), &steps, |step| step.after)
        },
        (false, false) => resume_publish(session, publish, Resume::default()).await?,
    };
    Ok(PublishReport { unchanged: folder.unchanged, assets: folder.assets, ..report })
}

/// Goes on with an unfinished publish, or aborts it.
///
/// # Errors
/// As [`resume`].
pub(crate) async fn resume_publish(
    session: &mut Session,
    publish: &Operation,
    how: Resume,
) -> Result<PublishReport> {
    // Read before the publish goes on: a read that fails after its end must not look like a failed publish.
    let steps = steps_of(session, publish).await?;
    let outcome = resume(session, &publish.id, how).await?;
    let report = publish_report(PublishId::parse(publish.id.as_str()).ok(), Status::Running);
    let report = counted(session, report, &steps, outcome.ends());
    let report = finished(session, report, &outcome, publish.opened_at);
    Ok(PublishReport { duration_ms: outcome.worked_ms, ..report })
}

async fn steps_of(session: &Session, publish: &Operation) -> Result<Vec<Step>> {
    let read = read_steps(&session.versions(), &publish.steps).await;
    read.map_err(|error| match publish.closed {
        Some(_) => error,
        None => still_open(publish, &error),
    })
}

/// Counts the documents that steps add, change and retire; `ends` says which value each has at the end.
fn counted(
    session: &Session,
    mut report: PublishReport,
    steps: &[Step],
    ends: impl Fn(&Step) -> Value,
) -> PublishReport {
    for step in steps.iter().filter(|step| session.is_document(&step.cell)) {
        match (step.before, ends(step)) {
            (before, end) if before == end => {}
            (None, _) => report.added += 1,
            (_, None) => report.retired += 1,
            _ => report.changed += 1,
        }
    }
    report
}

/// Refuses to use an id for a second publish.
pub(super) fn id_is_taken(publish: &Operation) -> Error {
    let status = publish.status(false);
    let (hint, next) = if status.is_open() {
        ("resume or abort it", Remedy::both_ways(&publish.id))
    } else {
        ("take a new id", Vec::new())
    };
    Error::Conflict {
        message: format!("a publish has this id already: publish_id={} status={status}", publish.id),
        conflicts: Vec::new(),
        hint: hint.into(),
        next,
    }
}

/// Returns the operation that already has an id, if there is one.
pub(super) fn taken(session: &Session, id: &PublishId) -> Option<Operation> {
    session.history.operation(&OperationId::from(id.clone())).cloned()
}

/// The documents of a folder, compared with the catalog as it was when a publish was opened.
#[derive(Debug, Default)]
struct FolderThen {
    /// The value of each document that differed then; `None` retires it.
    differing: BTreeMap<CellId, Value>,
    unchanged: u64,
    assets: u64,
}

/// Compares a folder with what the log had of the catalog right before `opened`, whatever stands there now.
fn read_folder(session: &Session, request: &PublishFolder, opened: Lsn) -> Result<FolderThen> {
    let bytes_max = session.platform.settings().limits.document_bytes_max;
    let listed = folder::list(&request.from)?;
    let mut then = FolderThen { assets: listed.assets, ..FolderThen::default() };
    let before = opened.before();
    let catalog = session.catalog();
    let mut stood = BTreeMap::new();
    for next in session.history.documents_at(catalog.name(), before) {
        let (path, value) = next?;
        stood.extend(value.map(|digest| (path, digest)));
    }
    let mut kept = BTreeSet::new();
    for document in &listed.documents {
        let (digest, _) = catalog.form(document.path.as_str(), folder::read(document, bytes_max)?)?;
        match stood.get(document.path.as_str()) {
            Some(standing) if *standing == digest => then.unchanged += 1,
            _ => drop(then.differing.insert(session.document(document.path.as_str()), Some(digest))),
        }
        kept.insert(document.path.as_str());
    }
    if request.mirror {
        let gone = stood.keys().filter(|path| !kept.contains(path.as_str()));
        then.differing.extend(gone.map(|path| (session.document(path), None)));
    }
    Ok(then)
}
