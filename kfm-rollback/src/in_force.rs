//! Brings into force what policy's files say: it is in the log before the first verdict that depends on it.
//!
//! Every judgement begins with [`Session::begin_judging`], so no command can forget it. The log is written first
//! and the ledger after it, so that the ledger never says that something is in force which is not. Before both, a
//! note of the debt is written: a command that is stopped between them, or cannot reach the ledger, leaves the
//! note, and the next command that changes something pays the debt.

use std::collections::BTreeMap;

use kfm_lineage::{Digest, Lsn, Status};
use kfm_policy::{Principals, RegistryEntry, Remedy};
use kfm_telemetry::ledger::EntryKind;
use kfm_telemetry::{EventId, Label, LedgerEntry, Reason, statement::Subject};
use kfm_wal::record::{LabelsRecord, PolicyChangeRecord, Record};

use crate::error::{Error, Result};
use crate::history::entries_of;
use crate::platform::files::{read_optional, write_durably};
use crate::platform::policy_files::{PRINCIPALS, PolicyTexts};
use crate::session::Session;
use crate::versions::{VersionStore, segment_of};

/// Bytes of entries that stand in the record itself; more are a segment.
const INLINE_BYTES_MAX: u64 = 64 * 1024;

/// Lines of a change that its record keeps.
const CHANGED_LINES_MAX: usize = 100;

/// The file, in the platform's own folder, with the position before the first record that the ledger may lack.
const DEBT: &str = "ledger-owed";

impl Session {
    /// Begins a judgement: refuses if policy's files cannot be read, and brings into force what they say and the
    /// log does not have, whatever the verdict will be. A session that only reads brings nothing into force.
    ///
    /// # Errors
    /// [`Error::Denied`]: a file of the policy is missing or not valid. [`Error::File`]: a file could not be read
    /// this time; try again. Otherwise as [`bring_into_force`](Self::bring_into_force).
    pub(crate) async fn begin_judging(&mut self, operation: &str) -> Result<()> {
        self.require_policy(operation)?;
        match self.is_writer() {
            true => self.bring_into_force().await,
            false => Ok(()),
        }
    }

    /// Appends to the log what policy's files say and the log does not have, then to the ledger.
    ///
    /// A ledger that cannot be reached does not stop protection: the debt stays, and the next command pays it.
    ///
    /// # Errors
    /// [`Error::Versions`], [`Error::File`]: nothing came into force. [`Error::Log`]: the log failed; opening it
    /// again tells what is in force.
    pub(crate) async fn bring_into_force(&mut self) -> Result<()> {
        let due = due_records(self).await?;
        if !due.is_empty() {
            let debt = read_debt(self)?.unwrap_or(self.wal.head().lsn.next());
            write_durably(self.platform.disk(), &self.platform.own(DEBT), debt.0.to_string().as_bytes())?;
        }
        for record in due {
            self.log(record).await?;
        }
        self.registry.settle();
        if let Err(error) = self.pay_ledger().await {
            tracing::warn!(error = %crate::error::text_of(&error), "the ledger does not have what came into force");
        }
        Ok(())
    }

    /// Brings into force what a command has just written into one of policy's files.
    ///
    /// # Errors
    /// [`Error::Owed`]: the file has it; the next command that changes something brings it into force.
    pub(crate) async fn follow_policy_file(&mut self, what: &str) -> Result<()> {
        let brought = match self.reread_policy() {
            Ok(()) => self.bring_into_force().await,
            Err(error) => Err(error),
        };
        brought.map_err(|error| {
            let message = format!(
                "{what} is in its file, and the log may not have it yet: the next command that changes something \
                 brings it into force"
            );
            Error::owed(message, Remedy::VerifyLog, error)
        })
    }

    /// Enters into the ledger what a command brought into force, before the command says that it is done (R94).
    ///
    /// # Errors
    /// [`Error::Owed`]: it is in force; the next command that changes something enters it.
    pub(crate) async fn settle_ledger(&mut self, what: &str) -> Result<()> {
        self.pay_ledger().await.map_err(|error| {
            Error::owed(
                format!("{what} is in force, and the ledger does not have it yet"),
                Remedy::RepairLedger,
                error,
            )
        })
    }

    /// Says whether the ledger may lack something that came into force.
    ///
    /// # Errors
    /// [`Error::File`]: the note cannot be read.
    pub(crate) fn owes_ledger(&self) -> Result<bool> {
        Ok(read_debt(self)?.is_some())
    }

    /// Enters into the ledger what came into force and may be missing there; does nothing if no debt is noted.
    ///
    /// # Errors
    /// [`Error::Records`]: the ledger cannot be written; the debt stays.
    pub(crate) async fn pay_ledger(&mut self) -> Result<()> {
        let Some(from) = read_debt(self)? else { return Ok(()) };
        let entries = self.wal.entries_from(from).await?;
        let own = self.written_here(entries.iter().map(|entry| entry.lsn)).await?;
        let mut ledger = None;
        for entry in entries.iter().filter(|entry| own.contains(&entry.lsn)) {
            let (at, lines) = match &entry.record {
                Record::Labels(record) => (record.at, label_lines(record, &self.versions()).await?),
                Record::PolicyChange(record) => (Some(record.at), vec![change_line(record)]),
                _ => continue,
            };
            let ledger = match &mut ledger {
                Some(ledger) => ledger,
                none => none.insert(self.platform.ledger()?),
            };
            ledger.append_all(&lines, at.unwrap_or(entry.at)).await?;
        }
        let path = self.platform.own(DEBT);
        self.platform
            .disk()
            .remove(&path)
            .map_err(|source| Error::File { path: path.display().to_string(), source })
    }
}

fn read_debt(session: &Session) -> Result<Option<Lsn>> {
    let text = read_optional(&session.platform.own(DEBT))?;
    // A position that cannot be read counts as the whole log: an entry that the ledger has is not entered twice.
    Ok(text.map(|text| text.trim().parse().map_or(Lsn::ZERO.next(), Lsn)))
}

/// Lists the records that the log lacks: of changed files, and of new entries.
async fn due_records(session: &Session) -> Result<Vec<Record>> {
    let (registry, digests) = (&session.registry, &session.policy_texts.digests);
    let mut due = Vec::new();
    if let Some(change) = principals_change(session).await? {
        due.push(Record::PolicyChange(change));
    }
    let files: BTreeMap<String, Digest> = digests
        .iter()
        .filter(|(name, _)| *name != PRINCIPALS)
        .map(|(name, digest)| (name.clone(), *digest))
        .collect();
    let entries = registry.new_entries();
    // A file can change without a new entry (one was removed, a comment was added). The log notes that it changed;
    // no entry goes out of force by it.
    if entries.is_empty() {
        let said =
            format!("entries={}, nothing new; what was in force stays in force", registry.entries().len());
        let changed = files.iter().filter_map(|(name, after)| {
            let before = session.platform.known_policy_file(&session.history, name)?;
            (before != *after).then(|| change(session, name, Some(before), *after, vec![said.clone()]))
        });
        due.extend(changed.map(Record::PolicyChange));
        return Ok(due);
    }
    let (segment, bytes) = segment_of(&entries)?;
    let mut record = LabelsRecord {
        by: Some(session.actor().to_owned()),
        at: Some(session.now()),
        files: files
            .into_iter()
            .map(|(name, digest)| (session.platform.policy_record_name(&name), digest))
            .collect(),
        ..LabelsRecord::default()
    };
    if segment.bytes <= INLINE_BYTES_MAX {
        record.entries = entries;
    } else {
        session.versions().put(vec![(segment.digest, bytes)]).await?;
        record.segment = Some(segment);
    }
    due.push(Record::Labels(record));
    Ok(due)
}

fn change(
    session: &Session,
    file: &str,
    before: Option<Digest>,
    after: Digest,
    changed: Vec<String>,
) -> PolicyChangeRecord {
    let (by, at) = (session.actor().to_owned(), session.now());
    let file = session.platform.policy_record_name(file);
    PolicyChangeRecord { file, before, after, changed, by, at }
}

/// Describes how the list of principals changed since the log last recorded it; `None` if it is the same.
///
/// The bytes of the new list are stored, so that the next change can be described too.
async fn principals_change(session: &Session) -> Result<Option<PolicyChangeRecord>> {
    let (principals, PolicyTexts { principals_text, digests }) = (&session.principals, &session.policy_texts);
    let Some(after) = digests.get(PRINCIPALS).copied() else { return Ok(None) };
    let before = session.platform.known_policy_file(&session.history, PRINCIPALS);
    if before == Some(after) || (before.is_none() && principals.iter().next().is_none()) {
        return Ok(None);
    }
    let versions = session.versions();
    let known = match before {
        None => Some(Principals::default()),
        Some(digest) => match versions.get(&digest).await {
            Ok(bytes) => Principals::load(std::str::from_utf8(&bytes).ok()).ok(),
            // What the list was only helps people to read the change; the digests alone tell that it changed.
            Err(_) => None,
        },
    };
    let changed = known
        .map_or_else(|| vec!["what it was is not kept".to_owned()], |known| differences(&known, principals));
    versions.put(vec![(after, principals_text.clone().into())]).await?;
    Ok(Some(change(session, PRINCIPALS, before, after, cut(changed))))
}

/// Says in one line for each principal whether it came, went, or has other roles or another key.
fn differences(before: &Principals, after: &Principals) -> Vec<String> {
    let roles = |principal: &kfm_policy::Principal| {
        principal.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join("+")
    };
    let mut lines = Vec::new();
    for new in after.iter() {
        let key = new.public_key.fingerprint();
        match before.get(&new.name) {
            None => lines.push(format!("{} added: roles={} key={key}", new.name, roles(new))),
            Some(old) if old != new => lines.push(format!(
                "{} changed: roles={} before={} key={key} before={}",
                new.name,
                roles(new),
                roles(old),
                old.public_key.fingerprint()
            )),
            Some(_) => {}
        }
    }
    let gone = before.iter().filter(|old| after.get(&old.name).is_none());
    lines.extend(gone.map(|old| format!("{} removed: roles={}", old.name, roles(old))));
    if lines.is_empty() {
        lines.push("its text alone: no principal changed".to_owned());
    }
    lines
}

fn cut(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(CHANGED_LINES_MAX);
    lines.truncate(CHANGED_LINES_MAX);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

/// Makes the ledger's entries of what one command brought into force: one each for labels, holds and withdrawals,
/// with their number and the digest of the list of all of them.
///
/// The record of an older version does not name the actor; its entries are in the ledger one by one.
///
/// # Errors
/// As [`entries_of`].
pub(crate) async fn label_lines(record: &LabelsRecord, versions: &VersionStore) -> Result<Vec<LedgerEntry>> {
    let Some(by) = &record.by else { return Ok(Vec::new()) };
    let values = entries_of(record, versions).await?;
    let (list, _) = segment_of(&values)?;
    let mut reasons: BTreeMap<EntryKind, Vec<String>> = BTreeMap::new();
    for value in values {
        let entry: RegistryEntry = serde_json::from_value(value).map_err(|source| Error::Incomplete {
            message: format!("an entry of the registry in the log cannot be read, {source}"),
            hint: "use the version of kfm that wrote it, or a later one".into(),
            next: Vec::new(),
        })?;
        let (kind, reason) = match entry {
            RegistryEntry::Label(entry) => (EntryKind::Label, entry.reason),
            RegistryEntry::Hold(entry) => (EntryKind::Hold, entry.reason),
            RegistryEntry::Suppression(entry) => (EntryKind::Withdraw, entry.reason),
        };
        reasons.entry(kind).or_default().push(reason);
    }
    let id = Record::Labels(record.clone()).id();
    let lines = reasons.into_iter().map(|(kind, reasons)| {
        let word = match kind {
            EntryKind::Hold => "hold",
            EntryKind::Withdraw => "withdraw",
            _ => "label",
        };
        let name = EventId::lossy(&format!("{id}/{word}"));
        let mut line = LedgerEntry::new(name, kind, Label::lossy(by), Status::Completed);
        line.reason = Some(Reason::lossy(&joined(&reasons)));
        line.subjects =
            vec![Subject { name: Label::lossy(&format!("entries/{}", reasons.len())), digest: list.digest }];
        line
    });
    Ok(lines.collect())
}

/// Makes the ledger's entry of a changed file.
pub(crate) fn change_line(record: &PolicyChangeRecord) -> LedgerEntry {
    let name = EventId::lossy(&Record::PolicyChange(record.clone()).id());
    let by = Label::lossy(&record.by);
    let mut line = LedgerEntry::new(name, EntryKind::PolicyChange, by, Status::Completed);
    line.reason = Some(Reason::lossy(&format!("{}: {}", record.file, record.changed.join("; "))));
    let subject =
        |part: &str, digest| Subject { name: Label::lossy(&format!("{}/{part}", record.file)), digest };
    line.subjects = record.before.map(|digest| subject("before", digest)).into_iter().collect();
    line.subjects.push(subject("after", record.after));
    line
}

/// Returns the reason of one entry, or one reason that stands for many.
fn joined(reasons: &[String]) -> String {
    match reasons {
        [] => String::new(),
        [first, rest @ ..] if rest.iter().all(|reason| reason == first) => first.clone(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    }
}
