//! Opens an operation: everything that must be durable before the first reference moves.

use std::collections::{BTreeMap, BTreeSet};

use kfm_lineage::integrity::CatalogView;
use kfm_lineage::{Digest, Lsn, OperationId, Status, Step, Timestamp};
use kfm_policy::{Parameter, Permit, Remedy, advice};
use kfm_telemetry::TelemetryError;
use kfm_wal::record::{
    Close, EndState, OperationClosed, PublishCompletion, PublishStatus, Record, SegmentRef,
};
use kfm_wal::{Outlook, WalError};

use super::{Halt, unfinished};
use crate::assess::listings;
use crate::bulk;
use crate::derive::{Projection, derived_cells, derived_steps, hidden};
use crate::error::{Error, Result};
use crate::op::Depth;
use crate::order::order_steps;
use crate::report::ConflictLine;
use crate::scope::scope_digest;
use crate::session::Session;

/// What is to be opened: the steps, and the catalog before and after them.
pub(crate) struct Opening<'a> {
    /// Steps of documents, and of cells that a pipeline keeps itself, in any order.
    pub steps: Vec<Step>,
    /// The catalog before.
    pub now: &'a CatalogView,
    /// The catalog after.
    pub after: &'a CatalogView,
    /// The label in force at each path that has one.
    pub labels: BTreeMap<String, &'static str>,
}

/// An operation that is ready to be opened: its steps are in order, and every byte that they need is durable.
pub(crate) struct Prepared {
    /// All steps, in order.
    pub steps: Vec<Step>,
    /// Derived cells that have their value already: there is no step for them.
    pub already: u64,
    /// The same steps as a segment in the version store.
    pub segment: SegmentRef,
    /// Digest of the scope now.
    pub pre_state: Digest,
    /// Digest of the scope as planned.
    pub post_state: Digest,
}

/// Raises the stores' fences, finds the derived cells' values, orders the steps, and makes all bytes durable.
pub(crate) async fn prepare(
    session: &mut Session,
    id: &OperationId,
    opening: Opening<'_>,
) -> Result<Prepared> {
    session.begin_phase("prepare", 0);
    session.fence(id).await?;
    let Opening { mut steps, now, after, labels } = opening;
    let cells = derived_cells(session, &steps).await?;
    let hidden = hidden(session, now, after, &cells).await?;
    let projection = Projection::new(session, after, hidden, |path| labels.get(path).copied());
    let projected = projection.keep(cells).await?;
    let derived = derived_steps(session, &projected).await?;
    let already = (projected.len() - derived.len()) as u64;
    steps.extend(derived);
    Ok(Prepared { already, ..prepared(session, steps, now, after).await? })
}

/// Orders the steps of an operation that leads from one catalog to another, and makes the values that they replace
/// durable. The values that they bring are durable already.
pub(crate) async fn prepared(
    session: &Session,
    steps: Vec<Step>,
    now: &CatalogView,
    after: &CatalogView,
) -> Result<Prepared> {
    let versions = session.versions();
    let (before_listings, after_listings) = (listings(now, &steps), listings(after, &steps));
    let steps = order_steps(steps, &before_listings, &after_listings);
    keep_before_images(session, &steps).await?;
    let segment = versions.put_segment(&steps).await?;
    Ok(Prepared {
        segment,
        already: 0,
        pre_state: scope_digest(steps.iter().map(|step| (&step.cell, step.before))),
        post_state: scope_digest(steps.iter().map(|step| (&step.cell, step.after))),
        steps,
    })
}

/// Makes sure that what the steps replace can be put back: a derived value that another process wrote is read from
/// its store and stored in the version store.
async fn keep_before_images(session: &Session, steps: &[Step]) -> Result<()> {
    let versions = session.versions();
    let named: BTreeSet<Digest> = steps.iter().filter_map(|step| step.before).collect();
    let named: Vec<Digest> = named.into_iter().collect();
    let lacking: BTreeSet<Digest> = versions.lacking(&named).await?.into_iter().collect();
    let is_lacking = |step: &&Step| step.before.is_some_and(|digest| lacking.contains(&digest));
    let mut by_store: BTreeMap<&str, Vec<&Step>> = BTreeMap::new();
    for step in steps.iter().filter(is_lacking) {
        by_store.entry(&step.cell.store).or_default().push(step);
    }
    for steps in by_store.values().flat_map(|steps| steps.chunks(bulk::READ_CELLS)) {
        session.stop_before_begun()?;
        let keys: Vec<String> = steps.iter().map(|step| step.cell.key.clone()).collect();
        let store = session.store(&steps[0].cell)?;
        let mut found = Vec::with_capacity(steps.len());
        for (step, bytes) in steps.iter().zip(bulk::read(&*store, &keys).await?) {
            match (step.before, bytes) {
                (Some(before), Some(bytes)) if before.matches(&bytes) => found.push((before, bytes)),
                (Some(before), Some(_)) => return Err(another_content(step, before)),
                _ => {
                    return Err(Error::Incomplete {
                        message: format!(
                            "the version that a step replaces is not kept anywhere: cell={}",
                            step.cell
                        ),
                        hint: "restore the version store from a backup".into(),
                        next: vec![Remedy::Examine { digests: true }],
                    });
                }
            }
        }
        versions.put(found).await?;
    }
    Ok(())
}

/// A derived value of another hand: its content is not what the mark beside it says, so it could not be put back.
fn another_content(step: &Step, mark: Digest) -> Error {
    Error::Conflict {
        message: format!(
            "another hand changed what a derived store shows, or the mark beside it: cell={}",
            step.cell
        ),
        conflicts: vec![ConflictLine {
            kind: "foreign".into(),
            subject: step.cell.to_string(),
            expected: Some(mark.to_string()),
            observed: Some("another content".into()),
            message: format!("{} is not what its mark says", step.cell.key),
        }],
        hint: advice!["take the mark away in the product, as its guide says, then ", Remedy::Project,],
        next: Vec::new(),
    }
}

/// Refuses, before anything moves, if a document does not hold what the log says it holds.
///
/// # Errors
/// [`Error::Conflict`]: lists the foreign values. Reconcile them, or go on without them.
pub(crate) async fn preflight(session: &Session, steps: &[Step]) -> Result<()> {
    let conflicts = foreign_values(session, steps).await?;
    if conflicts.is_empty() {
        return Ok(());
    }
    Err(Error::Conflict {
        message: format!("values that the log does not know stand in the way: cells={}", conflicts.len()),
        conflicts,
        hint: advice![
            "look at them, then record them by ",
            Remedy::AdoptForeign,
            ", or leave them alone by naming their keys in ",
            Parameter::Skip,
        ],
        next: vec![Remedy::ListForeign],
    })
}

/// Lists the cells with an owner whose value in their store is not the one that a step starts from.
pub(crate) async fn foreign_values(session: &Session, steps: &[Step]) -> Result<Vec<ConflictLine>> {
    let mut by_store: BTreeMap<&str, Vec<&Step>> = BTreeMap::new();
    for step in steps.iter().filter(|step| !step.derived) {
        by_store.entry(&step.cell.store).or_default().push(step);
    }
    let mut conflicts = Vec::new();
    for batch in by_store.values().flat_map(|steps| steps.chunks(crate::order::BATCH_STEPS_MAX)) {
        let keys: Vec<String> = batch.iter().map(|step| step.cell.key.clone()).collect();
        let store = session.store(&batch[0].cell)?;
        session.stop_before_begun()?;
        for (step, observed) in batch.iter().zip(bulk::values(&*store, &keys, Depth::Content).await?) {
            if observed != step.before {
                conflicts.push(foreign(step, observed));
            }
        }
    }
    Ok(conflicts)
}

fn foreign(step: &Step, observed: kfm_lineage::Value) -> ConflictLine {
    let word = |value: kfm_lineage::Value| value.map_or_else(|| "absent".into(), |digest| digest.to_string());
    ConflictLine {
        kind: "foreign".into(),
        subject: step.cell.to_string(),
        expected: Some(word(step.before)),
        observed: Some(word(observed)),
        message: format!("{} was changed by another hand", step.cell.key),
    }
}

/// Opens an operation: appends its record to the log, and spends the permit. What it was judged by is in force
/// already.
///
/// It is the last moment at which a request to stop leaves nothing behind. From here on the operation keeps its
/// cells until it is closed.
///
/// # Errors
/// [`Error::Unfinished`]: the operation is open, or may be, and nothing moved. After every other error nothing was
/// opened.
pub(crate) async fn open(session: &mut Session, permit: Permit, plan: Digest, record: Record) -> Result<Lsn> {
    permit.opens(&plan, session.now()).map_err(|error| Error::Conflict {
        message: format!("the permit is not valid, {error}"),
        conflicts: Vec::new(),
        hint: "plan again".into(),
        next: Vec::new(),
    })?;
    // Going on does not repair a damaged ledger. A ledger that cannot be reached holds the operation at its end
    // (R94).
    if let Err(error) = session.platform.ledger()
        && is_damage(&error)
    {
        return Err(error);
    }
    session.keep_policy().await?;
    let (id, steps): (OperationId, _) = match &record {
        Record::PublishIntent(intent) => (intent.publish_id.clone().into(), intent.steps),
        Record::Operation(frame) => (frame.wal_id.clone(), frame.payload.steps),
        other => {
            return Err(Error::invalid(
                format!("not a record that opens an operation: {}", other.id()),
                "report this as a defect",
            ));
        }
    };
    session.note_parts(&steps).await?;
    session.stop_before_begun()?;
    session.note_begun();
    session.works_on(&id)?;
    let opened = session.wal.append(record).await;
    let lsn = opened.map_err(|error| match error.outlook() {
        Outlook::Unknown => unfinished(&id, Status::Interrupted, &Halt::Opening(error.into())),
        Outlook::Transient | Outlook::Permanent => error.into(),
    })?;
    match session.take_note(lsn).await {
        Ok(()) => Ok(lsn),
        Err(error) => Err(unfinished(&id, Status::Interrupted, &Halt::Log(error))),
    }
}

/// Says whether the error means that the ledger was changed or damaged, and not only that it cannot be reached.
fn is_damage(error: &Error) -> bool {
    match error {
        Error::Records(source) => matches!(
            **source,
            TelemetryError::Log { source: WalError::Corrupt { .. } } | TelemetryError::NotAnEntry { .. }
        ),
        _ => false,
    }
}

/// Returns the time at which an operation ends now: never before it was opened, whatever became of the clock.
pub(crate) fn ended_at(session: &Session, id: &OperationId) -> Timestamp {
    let opened_at = session.history.operation(id).map(|operation| operation.opened_at);
    opened_at.map_or(session.now(), |opened_at| session.now().max(opened_at))
}

/// Makes the record that ends an operation.
pub(crate) fn closing(session: &Session, id: &OperationId, close: Close) -> Record {
    let at = ended_at(session, id);
    match kfm_lineage::PublishId::parse(id.as_str()) {
        Ok(publish_id) => Record::PublishCompletion(PublishCompletion {
            publish_id,
            completed_at: at,
            status: match close.end {
                EndState::Completed => PublishStatus::Success,
                EndState::Aborted | EndState::Failed => PublishStatus::Failed,
            },
            close,
        }),
        Err(_) => Record::OperationClosed(OperationClosed { wal_id: id.clone(), closed_at: at, close }),
    }
}
