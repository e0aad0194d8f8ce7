//! Checks the records against each other and against the stores.

use std::collections::BTreeMap;
use std::sync::Arc;

use kfm_lineage::{Digest, OperationKind, Status};
use kfm_wal::record::EndState;
use kfm_wal::{Depth, VerifyReport as WalReport};

use super::Platform;
use super::ledger::{every_entry_in_log, every_operation_in};
use crate::bulk;
use crate::error::Result;
use crate::history::{Operation, read_steps};
use crate::manifest::{HotfixManifest, RollbackManifest};
use crate::op;
use crate::platform::log::{LogPlace, unsupported};
use crate::report::{CheckLine, VerifyReport, WalProbe};
use crate::resolve;
use crate::scope::scope_digest;
use crate::session::Session;

/// How many races the store of a shared log is put to when it is probed: a store that loses one race in twenty is
/// found out in 96 of 100 probes.
const RACES: u32 = 64;

impl Platform {
    /// Verifies the operations log: every frame, every record, the chain.
    ///
    /// # Errors
    /// [`crate::Error::Log`]: the log cannot be read at all; damage is not an error but an answer.
    pub async fn wal_verify(&self) -> Result<WalReport> {
        self.wal_verify_to(Depth::Chain, None).await
    }

    /// Opens a log in a folder for writing and closes it: what an interrupted append left is set aside, and the log
    /// notes the repair. A shared log and a log of the program's own have nothing to repair.
    ///
    /// # Errors
    /// [`crate::Error::Log`]: the log is damaged, or another process writes it; nothing was changed.
    pub async fn wal_repair(&self) -> Result<kfm_wal::RecoveryReport> {
        match self.log_place() {
            LogPlace::Folder(folder) => Ok(kfm_wal::LocalLog::open(folder, self.wal_options())?.1),
            LogPlace::Slots(_) | LogPlace::Own(_) => Ok(kfm_wal::RecoveryReport::default()),
        }
    }

    /// Measures whether a sync of the disk below the operations log does what it says; of a shared log, whether its
    /// store stands races of many creators for one slot.
    ///
    /// # Errors
    /// [`crate::Error::Log`]: the folder cannot be written, or the store does not answer; then nothing is known.
    pub async fn wal_probe(&self) -> Result<WalProbe> {
        let options = self.options();
        Ok(match self.log_place() {
            LogPlace::Folder(folder) => {
                let (disk, clock) = (options.disk.as_ref(), options.clock.as_ref());
                WalProbe::Disk(kfm_wal::local::probe::probe_durability(disk, clock, folder)?)
            }
            LogPlace::Slots(slots) => {
                let slots = Arc::clone(slots);
                WalProbe::Store(kfm_wal::slots::probe::probe(slots, self.slot_options(), RACES).await?)
            }
            LogPlace::Own(_) => return Err(unsupported("probe").into()),
        })
    }

    /// Checks that manifest, log, ledger and stores agree about a rollback or a hotfix that has ended, completed or
    /// aborted.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::Ambiguous`]: the id names neither a rollback nor a hotfix, or more
    /// than one.
    /// [`crate::Error::Log`]: the log cannot be read. A disagreement is not an error; it is in the report.
    pub async fn verify(&self, id: &str) -> Result<VerifyReport> {
        let session = Session::read_whole(self).await?;
        let rollback = resolve::rollback_or_hotfix(&session, id)?;
        let mut checks = Vec::new();
        let mut check = |name: &str, ok: bool, detail: String| {
            checks.push(CheckLine { name: name.into(), ok, detail: detail.into(), not_judged: None });
        };
        let wal = self.wal_verify().await?;
        check("log", wal.ok, format!("records={} segments={}", wal.records, wal.segments));
        let ledger = self.ledger_chain().await?;
        check("ledger", ledger.ok, format!("entries={}", ledger.entries));
        let status = rollback.status(false);
        check("ended", rollback.closed.is_some(), format!("status={status}"));
        let steps = read_steps(&session.versions(), &rollback.steps).await?;
        let planned = scope_digest(steps.iter().map(|step| (&step.cell, step.after)));
        check(
            "plan",
            planned == rollback.post_state_expected,
            format!("steps={} digest={planned}", steps.len()),
        );
        let Some(closed) = rollback.closed.clone() else {
            return Ok(VerifyReport { ok: false, checks });
        };
        let (end, target) = match closed.close.end {
            EndState::Completed => (Status::from(EndState::Completed), rollback.post_state_expected),
            end => (Status::from(end), rollback.pre_state_hash),
        };
        // Where protection changed a cell, the end cannot have the planned digest; `stores` below compares the
        // cells one by one.
        let reached = closed.close.has_treated() || closed.close.scope_digest == target;
        check("end", reached, format!("digest={}", closed.close.scope_digest));
        // Manifests and ledger of another host are not on this one; the version store has every host's manifest.
        let is_own = !session.written_here(std::iter::once(closed.lsn)).await?.is_empty();
        let path = self.manifest_path(&rollback.id);
        let (file, place) = match closed.close.manifest {
            Some(digest) if !is_own => {
                let kept = session.versions().get(&digest).await;
                (kept.map(Vec::from).unwrap_or_default(), format!("version store={digest}"))
            }
            _ => (std::fs::read(&path).unwrap_or_default(), format!("file={}", self.shown(&path))),
        };
        let place = match closed.close.manifest {
            Some(manifest) if file.is_empty() && session.versions().contains(&manifest).await? => {
                format!("{place} is missing; the next command that changes something writes it again")
            }
            _ => place,
        };
        let digest = Digest::of_bytes(&file);
        check("manifest", closed.close.manifest == Some(digest), place);
        let agrees = match rollback.kind {
            OperationKind::Hotfix => is_of_hotfix(&file, &rollback, end),
            _ => is_of_rollback(&file, &rollback, end, closed.close.scope_digest),
        };
        check(
            "manifest and log",
            agrees,
            format!("plan_id={}", rollback.plan_id.map_or_else(String::new, |id| id.to_string())),
        );
        let entries = self.ledger_entries().await?;
        let entered = entries.iter().any(|stored| {
            stored.entry.wal_id.as_ref().map(kfm_telemetry::Label::as_str) == Some(rollback.id.as_str())
                && stored.entry.status == end
                && stored.entry.ids.plan_id == rollback.plan_id
        });
        // The ledger of another host is not here, so `every_operation_in` counts that operation as not judged.
        if is_own || entered {
            check("ledger and log", entered, format!("entries={}", entries.len()));
        }
        if let Some(frame) = &rollback.frame {
            let policy = frame.governance.policy_snapshot_ref;
            check("policy", session.versions().contains(&policy).await?, format!("digest={policy}"));
        }
        check_stores(&session, &steps, &mut check).await?;
        checks.push(every_operation_in(&session, &entries).await?);
        checks.push(every_entry_in_log(&session, &entries));
        let ok = checks.iter().all(|line| line.ok);
        Ok(VerifyReport { ok, checks })
    }
}

/// Says whether a file is the manifest of a rollback as the log has it.
fn is_of_rollback(file: &[u8], rollback: &Operation, end: Status, scope: Digest) -> bool {
    serde_json::from_slice::<RollbackManifest>(file).is_ok_and(|manifest| {
        Some(manifest.plan_digest) == rollback.plan_id
            && manifest.rollback_id.as_str() == rollback.id.as_str()
            && manifest.target_publish_id == rollback.target
            && manifest.status == end
            && manifest.scope.after == scope
            && manifest.diffs_segment == rollback.steps
    })
}

/// Says whether a file is the manifest of a hotfix as the log has it.
fn is_of_hotfix(file: &[u8], hotfix: &Operation, end: Status) -> bool {
    let correction = hotfix.frame.as_ref().and_then(|frame| frame.payload.correction.as_ref());
    serde_json::from_slice::<HotfixManifest>(file).is_ok_and(|manifest| {
        manifest.id == hotfix.id
            && manifest.status == end
            && manifest.actions_segment == hotfix.steps
            && manifest.correction.as_ref() == correction
    })
}

/// Compares what the stores hold with what the log says, at the cells of the rollback. The log's value of a cell
/// that a later operation moved is that operation's.
async fn check_stores(
    session: &Session,
    steps: &[kfm_lineage::Step],
    check: &mut impl FnMut(&str, bool, String),
) -> Result<()> {
    let (mut wrong, mut looked_at) = (Vec::new(), 0_u64);
    let mut by_store: BTreeMap<&str, Vec<&kfm_lineage::Step>> = BTreeMap::new();
    for step in steps.iter().filter(|step| !step.derived) {
        by_store.entry(&step.cell.store).or_default().push(step);
    }
    for steps in by_store.values() {
        let store = session.store(&steps[0].cell)?;
        let keys: Vec<String> = steps.iter().map(|step| step.cell.key.clone()).collect();
        for (step, observed) in steps.iter().zip(bulk::values(&*store, &keys, op::Depth::Content).await?) {
            looked_at += 1;
            if observed != session.history.value(&step.cell)? {
                wrong.push(step.cell.to_string());
            }
        }
    }
    wrong.truncate(5);
    let detail =
        if wrong.is_empty() { format!("cells={looked_at}") } else { format!("foreign={}", wrong.join(", ")) };
    check("stores", wrong.is_empty(), detail);
    Ok(())
}
