//! Checks that each entry of the ledger says what the log recorded: actor, subject, reason and end (R92).

use std::collections::{BTreeMap, BTreeSet};

use kfm_lineage::{Digest, Lsn, OperationId, Status};
use kfm_policy::{Advice, RegistryEntry, Remedy, advice};
use kfm_telemetry::ledger::{EntryKind, StoredEntry};
use kfm_telemetry::{EventId, Label, LedgerEntry, Reason};
use kfm_wal::record::{Close, EndState, Record};

use crate::entries::{self, SCOPE_AFTER};
use crate::error::Result;
use crate::history::Operation;
use crate::in_force::{change_line, label_lines};
use crate::report::CheckLine;
use crate::session::Session;

/// The most names that a check shows; the others are counted.
const NAMED_MAX: usize = 5;

/// An entry that the ledger must have by the log, and the position of its record.
pub(super) struct Expected {
    pub lsn: Lsn,
    pub entry: LedgerEntry,
    /// Whether the log names the actor. Of a label that an older version brought into force it does not.
    names_actor: bool,
}

/// Makes every entry that the ledger must have by the log.
///
/// # Errors
/// [`Error::Log`](crate::Error::Log): the log cannot be read.
pub(super) async fn expected(session: &Session) -> Result<Vec<Expected>> {
    let mut expected = Vec::new();
    for found in session.wal.entries_from(Lsn(1)).await? {
        let lsn = found.lsn;
        let mut expect = |entry| expected.push(Expected { lsn, entry, names_actor: true });
        match &found.record {
            Record::Refusal(record) => {
                let resumed = record.subject.as_ref().and_then(|id| session.history.operation(id));
                expect(entries::of_refusal(record, resumed));
            }
            Record::Approval(record) => expect(entries::of_approval(record)),
            Record::PlanCancelled(record) => expect(entries::of_cancelled(record)),
            Record::PublishCompletion(record) => {
                let operation = session.history.operation(&record.publish_id.clone().into());
                expected.extend(ended(lsn, operation, &record.close));
            }
            Record::OperationClosed(record) => {
                expected.extend(ended(lsn, session.history.operation(&record.wal_id), &record.close));
            }
            Record::PolicyChange(record) => expect(change_line(record)),
            Record::Labels(record) if record.by.is_none() => {
                let labels = record.entries.iter().filter_map(label);
                expected.extend(labels.map(|entry| Expected { lsn, entry, names_actor: false }));
            }
            Record::Labels(record) => {
                let labels = label_lines(record, &session.versions()).await?;
                let labels = labels.into_iter();
                expected.extend(labels.map(|entry| Expected { lsn, entry, names_actor: true }));
            }
            _ => {}
        }
    }
    Ok(expected)
}

fn ended(lsn: Lsn, operation: Option<&Operation>, close: &Close) -> Option<Expected> {
    let entry = entries::of_operation(operation?, close.end, close.scope_digest);
    Some(Expected { lsn, entry, names_actor: true })
}

/// Makes the entry of a label, a hold or a withdrawal from the record of an older version, which does not name the
/// actor.
fn label(value: &serde_json::Value) -> Option<LedgerEntry> {
    let digest = Digest::of_json(value).ok()?;
    let (kind, reason) = match serde_json::from_value(value.clone()).ok()? {
        RegistryEntry::Label(entry) => (EntryKind::Label, entry.reason),
        RegistryEntry::Hold(entry) => (EntryKind::Hold, entry.reason),
        RegistryEntry::Suppression(entry) => (EntryKind::Withdraw, entry.reason),
    };
    let name = EventId::lossy(&format!("label/{digest}"));
    let mut entry = LedgerEntry::new(name, kind, Label::lossy("-"), Status::Completed);
    entry.reason = Some(Reason::lossy(&reason));
    Some(entry)
}

/// Compares the ledger with the entries that it must have; records of other hosts are not judged.
///
/// # Errors
/// As [`expected`].
pub(super) async fn every_entry_as_recorded(
    session: &Session,
    earlier: &[StoredEntry],
    later: &[StoredEntry],
) -> Result<CheckLine> {
    let expected = expected(session).await?;
    let own = session.written_here(expected.iter().map(|expected| expected.lsn)).await?;
    let stored: BTreeMap<&str, &LedgerEntry> =
        later.iter().map(|stored| (stored.entry.entry_id.as_str(), &stored.entry)).collect();
    let (mut missing, mut changed) = (Vec::new(), Vec::new());
    for expected in expected.iter().filter(|expected| own.contains(&expected.lsn)) {
        let name = expected.entry.entry_id.as_str();
        match (stored.get(name), held(&stored, expected)) {
            (None, false) => missing.push(name.to_owned()),
            (Some(_), false) => changed.push(name.to_owned()),
            (_, true) => {}
        }
    }
    let surplus = surplus(session, earlier, &expected);
    Ok(line(&missing, &changed, &surplus, later.len()))
}

/// Returns the entries that the log asks for and the ledger lacks, in the log's order.
///
/// # Errors
/// As [`expected`].
pub(super) async fn missing(session: &Session, stored: &[StoredEntry]) -> Result<Vec<LedgerEntry>> {
    let mut expected = expected(session).await?;
    let own = session.written_here(expected.iter().map(|expected| expected.lsn)).await?;
    let names: BTreeSet<&str> = stored.iter().map(|stored| stored.entry.entry_id.as_str()).collect();
    expected
        .retain(|expected| own.contains(&expected.lsn) && !names.contains(expected.entry.entry_id.as_str()));
    let actor = Label::lossy(session.actor());
    let with_actor = |expected: Expected| match expected.names_actor {
        true => expected.entry,
        false => LedgerEntry { actor: actor.clone(), ..expected.entry },
    };
    Ok(expected.into_iter().map(with_actor).collect())
}

/// Says whether the ledger has this content: under its name or, if an interrupted run had entered another content
/// under that name, under the name and a digest.
fn held(stored: &BTreeMap<&str, &LedgerEntry>, expected: &Expected) -> bool {
    let name = expected.entry.entry_id.as_str();
    let again = format!("{name}/");
    let exact = stored.get(name).into_iter();
    let variants = stored.range(again.as_str()..).take_while(|(id, _)| id.starts_with(&again));
    exact.chain(variants.map(|(_, entry)| entry)).any(|entry| says_the_same(entry, expected))
}

fn says_the_same(stored: &LedgerEntry, expected: &Expected) -> bool {
    let mut wanted = expected.entry.clone();
    wanted.entry_id = stored.entry_id.clone();
    if !expected.names_actor {
        wanted.actor = stored.actor.clone();
    }
    // Records of older versions do not name the policy that refused.
    wanted.policy_snapshot_ref = wanted.policy_snapshot_ref.or(stored.policy_snapshot_ref);
    wanted == *stored
}

/// Lists the entries that the ledger should not have by the log. The entry of an operation that is about to end is
/// not among them.
fn surplus(session: &Session, stored: &[StoredEntry], expected: &[Expected]) -> Vec<String> {
    let asked: BTreeSet<&str> = expected.iter().map(|expected| expected.entry.entry_id.as_str()).collect();
    let open: BTreeSet<String> =
        session.history.open_operations().map(|operation| operation.id.to_string()).collect();
    let is_asked = |name: &str| {
        asked.contains(name) || name.rsplit_once('/').is_some_and(|(name, _)| asked.contains(name))
    };
    let is_pending = |name: &str| name.split('/').next().is_some_and(|id| open.contains(id));
    // An older version entered a label in the ledger before the log had it.
    let is_label = |name: &str| name.starts_with("label/");
    let is_explained = |entry: &LedgerEntry| {
        let name = entry.entry_id.as_str();
        is_asked(name) || is_pending(name) || is_label(name) || is_of_a_stopped_run(session, entry)
    };
    let entries = stored.iter().map(|stored| &stored.entry).filter(|entry| !is_explained(entry));
    entries.map(|entry| entry.entry_id.to_string()).collect()
}

/// Says whether a run made this entry that was stopped before the log had the operation's end; the run that took
/// the operation up again went back.
fn is_of_a_stopped_run(session: &Session, entry: &LedgerEntry) -> bool {
    let id = entry.entry_id.as_str().split('/').next().and_then(|id| OperationId::parse(id).ok());
    let Some(operation) = id.and_then(|id| session.history.operation(&id)) else { return false };
    let after = entry.subjects.iter().find(|subject| subject.name.as_str() == SCOPE_AFTER);
    operation.journal.resumed
        && after.is_some_and(|after| {
            *entry == entries::of_operation(operation, EndState::Completed, after.digest)
        })
}

fn line(missing: &[String], changed: &[String], surplus: &[String], entries: usize) -> CheckLine {
    let ok = missing.is_empty() && changed.is_empty() && surplus.is_empty();
    let mut detail = Advice::from(format!("entries={entries}"));
    for (word, names) in [("missing", missing), ("changed", changed), ("surplus", surplus)] {
        if !names.is_empty() {
            let first = names.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
            detail.push(format!(" {word}={} first={first}", names.len()));
        }
    }
    if !missing.is_empty() && changed.is_empty() && surplus.is_empty() {
        detail = detail.and(advice!["; ", Remedy::RepairLedger, " enters again what the log has"]);
    }
    CheckLine { name: "every entry as recorded".into(), ok, detail, not_judged: None }
}
