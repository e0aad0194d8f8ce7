//! The governance ledger, as methods of a platform: verified by itself and against the operations log (R92).

use std::collections::BTreeSet;

use kfm_lineage::{Lsn, Status, Timestamp};
use kfm_policy::{Advice, Remedy, advice};
use kfm_telemetry::ledger::{LedgerReport, StoredEntry};
use kfm_telemetry::{Label, Ledger, LedgerEntry};

use super::Platform;
use super::ledger_content::{every_entry_as_recorded, missing};
use super::standing::running;
use crate::error::{Result, text_of};
use crate::report::{CheckLine, LedgerVerifyReport};
use crate::session::Session;

impl Platform {
    /// Verifies three things: the governance ledger itself, that the JSON file rendered from it agrees with it, and
    /// that ledger and operations log know the same operations.
    ///
    /// A ledger or a log that is damaged is not compared with the other.
    ///
    /// # Errors
    /// [`Error::Records`](crate::Error::Records): the ledger cannot be read at all; damage is not an error but an
    /// answer.
    pub async fn ledger_verify(&self) -> Result<LedgerVerifyReport> {
        let mut ledger = self.ledger_chain().await?;
        let is_readable = ledger.chain.ok && ledger.first_bad.is_none();
        let checks = if is_readable { self.ledger_against_log().await? } else { Vec::new() };
        ledger.ok &= checks.iter().all(|check| check.ok);
        Ok(LedgerVerifyReport { ledger, checks })
    }

    /// Verifies the chain and the rendered file.
    pub(super) async fn ledger_chain(&self) -> Result<LedgerReport> {
        Ok(Ledger::verify_folder(&self.ledger_dir(), Some(&self.ledger_view())).await?)
    }

    /// Appends an entry for a record that the log has.
    pub(super) async fn enter(&self, entry: &LedgerEntry, at: Timestamp) -> Result<()> {
        Ok(self.ledger()?.append(entry, at).await.map(drop)?)
    }

    /// Compares ledger and log, while other processes may write to both.
    async fn ledger_against_log(&self) -> Result<Vec<CheckLine>> {
        // An operation is in the log before it is in the ledger, and in the ledger before the log closes it.
        let earlier = self.ledger_entries().await?;
        let session = match Session::read_whole(self).await {
            Ok(session) => session,
            Err(error) => {
                return Ok(vec![failed("log", text_of(&error))]);
            }
        };
        let later = self.ledger_entries().await?;
        Ok(vec![
            every_operation_in(&session, &later).await?,
            every_entry_in_log(&session, &earlier),
            every_entry_as_recorded(&session, &earlier, &later).await?,
            snapshots_as_the_log(&session).await?,
        ])
    }

    /// Enters again what the log has and the ledger lacks; returns how many entries that are.
    ///
    /// Nothing is removed or changed: an entry that the log does not know stays a finding.
    ///
    /// # Errors
    /// [`Error::Records`](crate::Error::Records): the ledger cannot be written.
    /// [`Error::Locked`](crate::Error::Locked): another operation works here.
    pub async fn ledger_repair(&self) -> Result<u64> {
        let mut session = Session::write(self, "ledger repair").await?;
        let stored = self.ledger_entries().await?;
        let missing = missing(&session, &stored).await?;
        let ledger = self.ledger()?;
        for entry in &missing {
            ledger.append(entry, session.now()).await?;
        }
        drop(ledger);
        // What came into force is entered by now; this takes the note of it away.
        session.pay_ledger().await?;
        Ok(missing.len() as u64)
    }

    /// Lists the entries of the governance ledger.
    ///
    /// # Errors
    /// [`Error::Records`](crate::Error::Records): the ledger cannot be read.
    pub async fn ledger_entries(&self) -> Result<Vec<StoredEntry>> {
        Ok(Ledger::open_read_only(self.ledger_dir())?.entries().await?)
    }

    /// Renders the ledger into its JSON file; returns the file's path.
    ///
    /// # Errors
    /// [`Error::Records`](crate::Error::Records): the ledger cannot be read, or the file cannot be written.
    pub async fn ledger_render(&self) -> Result<String> {
        let view = self.ledger_view();
        Ledger::open_read_only(self.ledger_dir())?.render(&view).await?;
        Ok(self.shown(&view))
    }
}

/// Checks that the ledger has every operation that the log has closed. One is missing if the ledger's end was cut
/// off, or if the ledger was restored from an older backup.
///
/// On a log that hosts share, each host has a ledger of its own: operations that other hosts closed are not judged.
pub(super) async fn every_operation_in(session: &Session, entries: &[StoredEntry]) -> Result<CheckLine> {
    let (missing, not_judged) = lacking(session, &named(entries)).await?;
    let mut check = line("every operation in the ledger", &missing, entries.len());
    if not_judged > 0 {
        check.not_judged = Some(not_judged);
        check.detail.push(format!("; not judged={not_judged}, ended by other hosts"));
    }
    Ok(check)
}

/// Lists the operations that the log has closed and the ledger lacks, and counts those of other hosts.
async fn lacking(session: &Session, named: &[(Label, Status)]) -> Result<(Vec<String>, u64)> {
    let entered: BTreeSet<(&str, Status)> =
        named.iter().map(|(operation, status)| (operation.as_str(), *status)).collect();
    let ended = session.history.operations().filter_map(|operation| {
        let closed = operation.closed.as_ref()?;
        let status = Status::from(closed.close.end);
        (!entered.contains(&(Label::lossy(operation.id.as_str()).as_str(), status)))
            .then(|| (closed.lsn, operation.id.to_string()))
    });
    let mut missing: Vec<(Lsn, String)> = ended.collect();
    let all = missing.len();
    if session.platform.wal_is_shared() {
        let own = session.written_here(missing.iter().map(|(lsn, _)| *lsn)).await?;
        missing.retain(|(lsn, _)| own.contains(lsn));
    }
    let not_judged = (all - missing.len()) as u64;
    Ok((missing.into_iter().map(|(_, id)| id).collect(), not_judged))
}

/// Says where ledger and log do not know the same operations, as after one of them was lost or restored from an older
/// backup, and what mends it. Nothing is said while a process works, which may be between the two, and while lists of the
/// log are lost, which have to be restored first.
pub(super) async fn disagreement(session: &Session) -> Vec<Advice> {
    if !session.history.lost().is_empty() || !matches!(running(session).await, Ok(None)) {
        return Vec::new();
    }
    let ledger = Ledger::open_read_only(session.platform.ledger_dir());
    let named = match async { ledger?.operations().await }.await {
        Ok(named) => named,
        Err(error) => {
            return vec![advice![
                format!("the ledger cannot be read, {}; ", text_of(&error)),
                Remedy::VerifyLedger,
                " says more",
            ]];
        }
    };
    let mut said = Vec::new();
    let (lacking, _) = lacking(session, &named).await.unwrap_or_default();
    if let Some(first) = lacking.first() {
        said.push(advice![
            format!(
                "the ledger lacks operations that the log has: operations={} first={first}; it was lost or is an older \
                 one: ",
                lacking.len()
            ),
            Remedy::RepairLedger,
            " enters them again",
        ]);
    }
    let unknown = unknown_to_log(session, &named);
    if let Some(first) = unknown.first() {
        said.push(advice![
            format!(
                "the ledger has operations that the log does not know: operations={} first={first}; the log is an older \
                 one: restore the newest one there is (docs/guides/restore.md), ",
                unknown.len()
            ),
            Remedy::VerifyLedger,
            " says whether they agree",
        ]);
    }
    said
}

/// Checks that the log knows every operation that the ledger names. One is unknown if the log's end was cut off.
pub(super) fn every_entry_in_log(session: &Session, entries: &[StoredEntry]) -> CheckLine {
    line("every ledger entry in the log", &unknown_to_log(session, &named(entries)), entries.len())
}

fn unknown_to_log(session: &Session, named: &[(Label, Status)]) -> Vec<String> {
    let known: BTreeSet<Label> =
        session.history.operations().map(|operation| Label::lossy(operation.id.as_str())).collect();
    let named = named.iter().map(|(operation, _)| operation);
    let unknown: BTreeSet<_> =
        named.filter(|named| !known.contains(*named)).map(ToString::to_string).collect();
    unknown.into_iter().collect()
}

/// Lists the operations that entries name.
fn named(entries: &[StoredEntry]) -> Vec<(Label, Status)> {
    let entries = entries.iter().map(|stored| &stored.entry);
    entries.filter_map(|entry| Some((entry.wal_id.clone()?, entry.status))).collect()
}

/// Checks that what commands take from this host's snapshots is what the log says: an attacker that can write the log
/// can make it name a false one (ADR 0012).
async fn snapshots_as_the_log(session: &Session) -> Result<CheckLine> {
    let platform = &session.platform;
    let folded = platform.fold(platform.wal_reader().await?).await?;
    // Another process may have appended meanwhile: then the two cannot be compared.
    let is_later = folded.wal.head().lsn != session.wal.head().lsn;
    let ok = is_later || (folded.wal.finds_the_same(&session.wal)? && folded.history == session.history);
    let detail = match ok {
        true => format!("records={}", folded.snapshot),
        false => format!(
            "a snapshot says otherwise than the log, and commands go by it: remove {}",
            platform.shown(&platform.own("snapshots"))
        ),
    };
    Ok(CheckLine { name: "snapshots as the log".into(), ok, detail: detail.into(), not_judged: None })
}

fn line(name: &str, missing: &[String], entries: usize) -> CheckLine {
    let detail = match missing {
        [] => format!("entries={entries}"),
        some => {
            let first = some.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
            format!("restore ledger and log from one backup: missing={} first={first}", some.len())
        }
    };
    CheckLine { name: name.into(), ok: missing.is_empty(), detail: detail.into(), not_judged: None }
}

fn failed(name: &str, detail: String) -> CheckLine {
    CheckLine { name: name.into(), ok: false, detail: detail.into(), not_judged: None }
}
