//! Executes an operation: open, make the steps, verify, record, close.
//!
//! One machine serves publish, rollback, revert and hotfix in both directions, and starting is resuming with an
//! empty journal. The end is judged by the digest of the scope, never by the absence of errors.

mod decide;
pub(crate) mod fit;
mod halt;
mod open;
mod outcome;
mod records;
mod resume;
mod steps;
mod today;
mod treated;
mod verify;

use kfm_lineage::{OperationId, OperationKind, Status};
use kfm_policy::Remedy;
use kfm_wal::Outlook;
use kfm_wal::record::{Close, Direction, EndState, JournalEntry, SegmentRef};

pub(crate) use halt::Halt;
pub(crate) use open::{Opening, Prepared, foreign_values, open, preflight, prepare, prepared};
pub(crate) use outcome::{Outcome, change as integrity_change};
pub(crate) use records::{raise_due, telemetry_ref};
pub(crate) use resume::{Resume, resume, still_open};
pub(crate) use treated::{Work, protected_by_log};

use decide::{Next, next};

use crate::context::WriteContext;
use crate::error::{Error, Result, recorded_text};
use crate::history::ENGINE;
use crate::report::FIRST_MAX;
use crate::session::Session;

/// Runs an open operation to its end, in the direction that its journal says.
///
/// # Cancel safety
/// A dropped future leaves an interrupted operation, which can be resumed or aborted.
///
/// # Errors
/// [`Error::Failed`]: the operation was aborted, and readers see the prior state. [`Error::Unfinished`]: it is open
/// and waits for what the error says.
pub(crate) async fn run(session: &mut Session, id: &OperationId, work: Work) -> Result<Outcome> {
    let cx = session.write_context(id);
    let ended = run_to_end(session, &cx, id, work).await;
    if ended.is_err() {
        session.give_up(&cx).await;
    }
    ended
}

async fn run_to_end(
    session: &mut Session,
    cx: &WriteContext,
    id: &OperationId,
    mut work: Work,
) -> Result<Outcome> {
    loop {
        let operation = session.history.require(id)?.clone();
        let direction = operation.journal.direction();
        if !operation.moves_references() {
            let scope_digest =
                crate::scope::scope_digest(work.steps.iter().map(|step| (&step.cell, step.after)));
            return finish(session, id, &work, direction, scope_digest).await;
        }
        let announced = !operation.journal.intended.is_empty() || !operation.journal.treated.is_empty();
        let halt = match steps::make_steps(session, cx, &work, direction).await {
            Ok(()) => match verify::verify_scope(session, &work, direction, announced).await {
                // Ended first: the stores must write nothing after the operation's end is in the log.
                Ok(scope_digest) => match end(session, cx).await {
                    Ok(()) => return finish(session, id, &work, direction, scope_digest).await,
                    Err(halt) => halt,
                },
                Err(halt) => halt,
            },
            Err(halt) => halt,
        };
        match next(&halt, direction) {
            Next::Wait => {
                let halt = match halt {
                    Halt::Interrupted => {
                        session.refuse_if_followed().await.err().map_or(Halt::Interrupted, Halt::of_log)
                    }
                    halt => halt,
                };
                return Err(unfinished(id, Status::Interrupted, &halt));
            }
            Next::GoBack => go_back(session, id, operation.kind, &halt, &mut work).await?,
            Next::Hold => return Err(hold(session, id, &halt, direction).await),
        }
    }
}

/// Notes in the journal that the operation goes back to the prior state, and what today's protection asks of its cells
/// there: what was visible before may be protected by now.
async fn go_back(
    session: &mut Session,
    id: &OperationId,
    kind: OperationKind,
    halt: &Halt,
    work: &mut Work,
) -> Result<()> {
    tracing::warn!(operation = %id, reason = halt.reason(), "going back to the prior state");
    let interrupted = |error| unfinished(id, Status::Interrupted, &Halt::of_log(error));
    let reason = recorded_text(format!("{}: {halt}", halt.reason()));
    let abort = JournalEntry::AbortRequested { by: ENGINE.into(), reason };
    session.journal(id, abort).await.map_err(interrupted)?;
    match today::treated_today(session, kind, work, Direction::Backward).await {
        Ok(treated) => work.treat(session, id, treated).await.map_err(interrupted),
        Err(halt) => Err(hold(session, id, &halt, Direction::Backward).await),
    }
}

/// Lets each store give back what it keeps for the operation. Readers see the end state by now, so a store that refuses
/// is no reason to undo it.
async fn end(session: &Session, cx: &WriteContext) -> Result<(), Halt> {
    for store in session.stores() {
        match store.end(cx).await {
            Err(error) if error.may_pass() => return Err(Halt::Store(error)),
            Err(error) => tracing::warn!(store = store.name(), %error, "it keeps something of the operation"),
            Ok(()) => {}
        }
    }
    cx.kept().release_all();
    Ok(())
}

/// Writes manifest, telemetry and ledger, and only then ends the operation in the log.
async fn finish(
    session: &mut Session,
    id: &OperationId,
    work: &Work,
    direction: Direction,
    scope_digest: kfm_lineage::Digest,
) -> Result<Outcome> {
    session.begin_phase("record", 0);
    // A host that was followed writes no records: the host that took the log over does.
    if let Err(error) = session.refuse_if_followed().await {
        return Err(unfinished(id, Status::Interrupted, &Halt::of_log(error)));
    }
    let (outcome, manifest, treated_segment) = match record(session, id, work, direction, scope_digest).await
    {
        Ok(recorded) => recorded,
        // Readers see the end state already, but success is not reported before it is recorded (R94).
        Err(error) => {
            return Err(hold(session, id, &Halt::Record { end: direction, error }, direction).await);
        }
    };
    let close = Close {
        end: outcome.end,
        applied: outcome.applied.total,
        already: outcome.already,
        scope_digest,
        treated: Vec::new(),
        treated_segment,
        error: outcome.error.clone(),
        manifest: manifest.as_ref().map(|(_, digest)| *digest),
    };
    let is_asked = session.history.operation(id).is_some_and(|operation| operation.journal.abort_asked);
    let closing = crate::execute::open::closing(session, id, close);
    let lsn = match session.wal.append(closing).await {
        Ok(lsn) => lsn,
        Err(error) => {
            let halt = match error.outlook() {
                Outlook::Unknown => Halt::Closing { end: direction, error: error.into() },
                Outlook::Transient | Outlook::Permanent => Halt::of_log(error.into()),
            };
            return Err(unfinished(id, Status::Interrupted, &halt));
        }
    };
    // From here on the operation has ended, whatever fails.
    if let Err(error) = session.take_note(lsn).await {
        tracing::warn!(operation = %id, %error, "it has ended, and what its end names cannot be read");
    }
    session.end_phase();
    let outcome = Outcome { manifest: manifest.map(|(path, _)| path), ..outcome };
    match (outcome.end, &outcome.error) {
        // An actor that asked for the abort got what was asked for, also if the engine had begun it.
        (EndState::Aborted | EndState::Failed, _) if is_asked => Ok(outcome),
        (EndState::Completed, _) | (_, None) => Ok(outcome),
        (end, Some(error)) => Err(Error::Failed {
            message: match end {
                EndState::Failed => format!("it failed before anything moved, {error}: operation={id}"),
                _ => format!("it failed and went back to the prior state, {error}: operation={id}"),
            },
            operation: Some(id.clone()),
            status: end.into(),
            protected: Box::new(outcome.protected(FIRST_MAX)),
            source: None,
        }),
    }
}

/// Writes what an operation leaves behind: its outcome, its manifest, and the list of what did not end as planned.
async fn record(
    session: &mut Session,
    id: &OperationId,
    work: &Work,
    direction: Direction,
    scope_digest: kfm_lineage::Digest,
) -> Result<(Outcome, Option<(String, kfm_lineage::Digest)>, Option<SegmentRef>)> {
    let outcome = Outcome::of(session, id, work, direction, scope_digest).await?;
    let treated = match outcome.treated.as_slice() {
        [] => None,
        treated => Some(session.versions().put_segment(treated).await?),
    };
    let manifest = records::write(session, id, &outcome).await?;
    Ok((outcome, manifest, treated))
}

/// Notes in the journal that a person is needed, raises the alert, and returns the error that says what to do.
async fn hold(session: &mut Session, id: &OperationId, halt: &Halt, direction: Direction) -> Error {
    let held = JournalEntry::Held { reason: halt.reason().into(), detail: recorded_text(halt.to_string()) };
    let noted = session.journal(id, held).await;
    records::alert_held(session, id, halt, direction).await;
    match noted {
        Ok(()) => unfinished(id, Status::Held, halt),
        Err(error) => unfinished(id, Status::Interrupted, &Halt::of_log(error)),
    }
}

fn unfinished(id: &OperationId, status: Status, halt: &Halt) -> Error {
    Error::Unfinished {
        message: format!("{halt}: operation={id}"),
        operation: id.clone(),
        status,
        held_reason: (status == Status::Held).then(|| halt.reason().to_owned()),
        next: match halt {
            // The status shows how the operation stands: another host works on it, or the log has more than was
            // answered.
            Halt::Followed(_) | Halt::Opening(_) | Halt::Closing { .. } => vec![Remedy::ShowStatus],
            _ => Remedy::both_ways(id),
        },
    }
}
