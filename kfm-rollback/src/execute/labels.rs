//! Labels come into force: what the registry's files have and the log has not yet.

use kfm_lineage::Digest;
use kfm_policy::RegistryEntry;
use kfm_telemetry::ledger::{EntryStatus, OperationType};
use kfm_telemetry::{EventId, Label, LedgerEntry, Reason, TelemetryError};
use kfm_wal::record::{LabelsRecord, Record};

use crate::error::Result;
use crate::session::Session;

/// Brings the registry's new entries into force: from now on the log has them, whatever the files say.
///
/// Each is in the ledger before it is in the log, so that none is in force that the ledger lacks (R92).
///
/// # Errors
/// [`Error::Records`](crate::Error::Records): the ledger cannot be written; none came into force.
/// [`Error::Log`](crate::Error::Log): the log failed; which are in force, opening it again tells.
pub(crate) async fn enforce_labels(session: &mut Session) -> Result<()> {
    let entries = session.registry.new_entries();
    if entries.is_empty() {
        return Ok(());
    }
    let in_force = session.registry.entries().len() - entries.len();
    for (entry, value) in session.registry.entries()[in_force..].iter().zip(&entries) {
        enter(session, entry, value).await?;
    }
    session.log(Record::Labels(LabelsRecord { entries })).await?;
    session.registry = session.platform.registry(session.history.labels())?;
    Ok(())
}

/// Appends an entry of the registry to the ledger, at most once under its digest.
async fn enter(session: &Session, entry: &RegistryEntry, value: &serde_json::Value) -> Result<()> {
    let digest = Digest::of_json(value).expect("an entry of the registry has a canonical form");
    let name = EventId::lossy(&format!("label/{digest}"));
    let (kind, reason) = match entry {
        RegistryEntry::Label(entry) => (OperationType::Label, &entry.reason),
        RegistryEntry::Hold(entry) => (OperationType::Hold, &entry.reason),
        RegistryEntry::Suppression(entry) => (OperationType::Withdraw, &entry.reason),
    };
    let mut line = LedgerEntry::new(name, kind, Label::lossy(session.actor()), EntryStatus::Completed);
    line.reason = Some(Reason::lossy(reason));
    match session.platform.ledger()?.append(&line, session.now()).await {
        // Somebody else was about to bring it into force, and was stopped before the log had it.
        Err(TelemetryError::EntryConflict { .. }) => Ok(()),
        ended => Ok(ended.map(drop)?),
    }
}
