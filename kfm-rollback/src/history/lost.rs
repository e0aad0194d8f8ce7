//! Lists that the log names and the version store does not have, as after a restore of the version store from a backup
//! that is older than the log: what can be said without them.

use kfm_lineage::{Digest, Lsn, OperationId, OperationKind};
use kfm_wal::Wal;
use kfm_wal::record::{EndState, Record};
use kfm_wal::snapshot::{PassedOver, Snapshots};

use super::{Closed, History, Operation};
use crate::error::{Error, Result};
use crate::versions::VersionStore;

/// A list that the log names and that is missing, or is not what the log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lost {
    /// The record that names it, or names the operation that it is of.
    pub(crate) lsn: Lsn,
    /// The operation, if it is one's.
    pub(crate) operation: Option<OperationId>,
    /// The list.
    pub(crate) digest: Digest,
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.operation {
            Some(operation) => write!(f, "operation={operation} ")?,
            None => write!(f, "lsn={} ", self.lsn)?,
        }
        write!(f, "digest={}", self.digest)
    }
}

impl History {
    /// Folds a log as far as its lists are there. Operations and their ends are known afterwards, and nothing of the cells
    /// that a lost list names: for commands that look, never for those that decide.
    ///
    /// # Errors
    /// As [`History::fold`], but for lists that are lost: [`lost`](Self::lost) names them.
    pub(crate) async fn fold_without_lost(wal: &Wal, versions: &VersionStore) -> Result<Self> {
        let mut history = Self::default();
        history.catch_up_without_lost(wal, versions).await?;
        Ok(history)
    }

    /// Folds the same from the newest snapshot that may be used; returns what [`History::fold_from`] does.
    ///
    /// # Errors
    /// As [`fold_without_lost`](Self::fold_without_lost).
    pub(crate) async fn fold_without_lost_from(
        wal: &Wal,
        versions: &VersionStore,
        snapshots: &Snapshots,
    ) -> Result<(Self, Lsn, Vec<PassedOver>)> {
        let (mut history, passed_over) = Self::kept(wal, snapshots).await?;
        let snapshot = history.folded;
        history.catch_up_without_lost(wal, versions).await?;
        Ok((history, snapshot, passed_over))
    }

    async fn catch_up_without_lost(&mut self, wal: &Wal, versions: &VersionStore) -> Result<()> {
        for entry in wal.entries_from(self.folded.next()).await? {
            let taken = self.take(entry.lsn, &entry.record, versions).await;
            let lost = match &taken {
                Err(Error::Versions(error)) => error.lost(),
                _ => None,
            };
            match lost {
                Some(digest) => {
                    let operation = operation_of(&entry.record);
                    self.lost.push(Lost { lsn: entry.lsn, operation, digest });
                    self.take_without_lists(entry.lsn, &entry.record);
                }
                None => taken?,
            }
            self.folded = entry.lsn;
        }
        Ok(())
    }

    /// Returns the lists that were not there when the log was folded, in the log's order.
    pub(crate) fn lost(&self) -> &[Lost] {
        &self.lost
    }

    fn take_without_lists(&mut self, lsn: Lsn, record: &Record) {
        match record {
            Record::PublishIntent(intent) => self.open(Operation::of_publish(lsn, intent)),
            Record::Operation(frame) => self.open(Operation::of_frame(lsn, frame)),
            Record::PublishCompletion(completion) => {
                let closed = Closed { lsn, at: completion.completed_at, close: completion.close.clone() };
                self.end_without_lists(&completion.publish_id.clone().into(), closed);
            }
            Record::OperationClosed(frame) => {
                let closed = Closed { lsn, at: frame.closed_at, close: frame.close.clone() };
                self.end_without_lists(&frame.wal_id, closed);
            }
            Record::Labels(labels) => self.policy_files.extend(labels.files.clone()),
            _ => {}
        }
    }

    fn end_without_lists(&mut self, id: &OperationId, closed: Closed) {
        let Some(operation) = self.operations.get_mut(id) else { return };
        let has_turned = closed.close.end == EndState::Completed
            && (operation.steps.count > 0 || operation.kind == OperationKind::Revert);
        operation.closed = Some(closed);
        let operation = operation.clone();
        if has_turned {
            self.turn(&operation);
        }
    }
}

fn operation_of(record: &Record) -> Option<OperationId> {
    match record {
        Record::PublishIntent(intent) => Some(intent.publish_id.clone().into()),
        Record::PublishCompletion(completion) => Some(completion.publish_id.clone().into()),
        Record::Operation(frame) => Some(frame.wal_id.clone()),
        Record::OperationClosed(frame) => Some(frame.wal_id.clone()),
        _ => None,
    }
}
