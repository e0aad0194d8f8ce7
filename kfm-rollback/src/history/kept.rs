//! The folded log, written to a snapshot and read from one.

use std::collections::BTreeMap;

use kfm_lineage::{Digest, Domain, Lsn, OperationId, RollbackId};
use kfm_wal::error::Source;
use kfm_wal::record::{ApprovalRecord, PlanCancelled, PlanRecord, StageRecord};
use kfm_wal::snapshot::{Found, Lines, PassedOver, Snapshots};
use kfm_wal::{Head, Wal, WalError};
use serde::{Deserialize, Serialize};

use super::cells::{Cells, Counts};
use super::kept_cells::{self, CELLS, KeptCells};
use super::{History, Operation};
use crate::error::Result;
use crate::versions::VersionStore;

/// The name of the folded log among the states of a snapshot.
/// Its number grows with its form: a snapshot of an older form is not used, and the log is folded from its beginning.
pub const HISTORY: &str = "history-5";

/// A line of the snapshot.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// The digest of the table of the cells and operations, and the cells' [`Counts`].
    Cells {
        of: Head,
        table: Digest,
        moves: u64,
        documents: u64,
    },
    Undone(OperationId, RollbackId),
    Plan(Lsn, PlanRecord),
    Cancelled(PlanCancelled),
    Approval(ApprovalRecord),
    Labels(serde_json::Value),
    PolicyFile(String, Digest),
    Stage(StageRecord),
    Store(Domain, String),
    Check(String),
    RetiredStore(String),
    RetiredCheck(String),
    PassedOver(Lsn, String),
}

impl History {
    /// Folds a log from the newest snapshot that may be used, or from its beginning. Returns the history, the
    /// position of the snapshot (zero without one), and the snapshots that were passed over. The history answers as
    /// one that [`History::fold`] made.
    ///
    /// # Errors
    /// As [`History::fold`].
    pub async fn fold_from(
        wal: &Wal,
        versions: &VersionStore,
        snapshots: &Snapshots,
    ) -> Result<(Self, Lsn, Vec<PassedOver>)> {
        let (mut history, passed_over) = Self::kept(wal, snapshots).await?;
        let snapshot = history.folded;
        history.catch_up(wal, versions).await?;
        Ok((history, snapshot, passed_over))
    }

    /// Reads the newest snapshot that may be used; without one the history is empty.
    pub(super) async fn kept(wal: &Wal, snapshots: &Snapshots) -> Result<(Self, Vec<PassedOver>)> {
        let read = |lines: Lines<'_>| read(lines, snapshots);
        let found = snapshots.newest(HISTORY, &**wal.store(), wal.head().lsn, read).await?;
        let Found { state, passed_over } = found;
        let Some((snapshot, mut history)) = state else { return Ok((Self::default(), passed_over)) };
        history.folded = snapshot;
        Ok((history, passed_over))
    }

    /// Writes the history into a snapshot of `of`, which must be the position of the last folded record; returns
    /// the digests of its states.
    ///
    /// # Errors
    /// As [`Snapshots::keep`] and [`Snapshots::keep_table`].
    pub fn keep(
        &self,
        of: Head,
        snapshots: &Snapshots,
    ) -> std::result::Result<BTreeMap<String, Digest>, WalError> {
        let table = kept_cells::keep(&self.cells, self.operations_since_kept(), of, snapshots)?;
        let history = snapshots.keep(HISTORY, of, self.lines(of, table))?;
        Ok(BTreeMap::from([(HISTORY.to_owned(), history), (CELLS.to_owned(), table)]))
    }

    fn lines(&self, of: Head, table: Digest) -> impl Iterator<Item = Line> {
        let Counts { moves, documents } = self.cells.counts();
        let cells = std::iter::once(Line::Cells { of, table, moves, documents });
        let undone = self.undone.iter().map(|(id, by)| Line::Undone(id.clone(), by.clone()));
        let plans = self.plans.values().map(|(lsn, plan)| Line::Plan(*lsn, plan.clone()));
        let plans = plans.chain(self.cancelled.values().cloned().map(Line::Cancelled));
        let approvals = self.approvals.iter().cloned().map(Line::Approval);
        let labels = self.labels.iter().cloned().map(Line::Labels);
        let policy_files =
            self.policy_files.iter().map(|(name, digest)| Line::PolicyFile(name.clone(), *digest));
        let labels = labels.chain(policy_files);
        let stages = self.stages.values().cloned().map(Line::Stage);
        let parts = &self.parts;
        let stores = parts.stores.iter().map(|(domain, name)| Line::Store(*domain, name.clone()));
        let stores = stores.chain(parts.checks.iter().cloned().map(Line::Check));
        let stores = stores.chain(parts.stores_retired.iter().cloned().map(Line::RetiredStore));
        let stores = stores.chain(parts.checks_retired.iter().cloned().map(Line::RetiredCheck));
        let cells = stores.chain(cells);
        let passed_over = self.passed_over.iter().map(|(lsn, why)| Line::PassedOver(*lsn, why.clone()));
        let all = cells.chain(undone).chain(plans).chain(approvals);
        all.chain(labels).chain(stages).chain(passed_over)
    }

    /// Lists the operations that the table of the snapshot does not have, or that have not ended there.
    fn operations_since_kept(&self) -> impl Iterator<Item = &Operation> {
        let kept_at = self.kept_at();
        self.operations().filter(move |operation| {
            let ended = operation.closed.as_ref().map(|closed| closed.lsn);
            ended.is_none() || ended > kept_at
        })
    }
}

fn read(lines: Lines<'_>, snapshots: &Snapshots) -> std::result::Result<History, Source> {
    let mut history = History::default();
    for line in lines.read() {
        match line? {
            Line::Cells { of, table, moves, documents } => {
                let (kept, operations) = KeptCells::open(snapshots, of, table)?;
                operations.into_iter().for_each(|operation| history.open(operation));
                history.cells = Cells::of_snapshot(kept, Counts { moves, documents }, of.lsn);
            }
            Line::Undone(id, by) => {
                history.undone.insert(id, by);
            }
            Line::Plan(lsn, plan) => {
                history.plans.insert(plan.plan_id, (lsn, plan));
            }
            Line::Cancelled(cancelled) => {
                history.cancelled.insert(cancelled.plan_id, cancelled);
            }
            Line::Approval(approval) => history.approvals.push(approval),
            Line::Labels(labels) => history.labels.push(labels),
            Line::PolicyFile(name, digest) => {
                history.policy_files.insert(name, digest);
            }
            Line::Stage(stage) => {
                history.stages.insert(stage.idempotency_key, stage);
            }
            Line::Store(domain, name) => {
                history.parts.stores.insert((domain, name));
            }
            Line::Check(check) => {
                history.parts.checks.insert(check);
            }
            Line::RetiredStore(name) => {
                history.parts.stores_retired.insert(name);
            }
            Line::RetiredCheck(check) => {
                history.parts.checks_retired.insert(check);
            }
            Line::PassedOver(lsn, why) => history.passed_over.push((lsn, why)),
        }
    }
    Ok(history)
}
