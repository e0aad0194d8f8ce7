//! One operation as the log has it.

use std::collections::BTreeSet;

use kfm_lineage::{
    Digest, IdKind, Lsn, OperationId, OperationIds, OperationKind, RollbackId, Status, Timestamp,
};
use kfm_wal::record::{
    Batch, Close, Direction, EndState, JournalEntry, OperationFrame, PlanKind, PublishIntent, ReleaseRef,
    SegmentRef,
};
use serde::{Deserialize, Serialize};

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Closed {
    /// The position of the record that says so.
    pub(crate) lsn: Lsn,
    /// When that record was written.
    pub(crate) at: Timestamp,
    /// The end, with its counts and digests.
    #[serde(with = "as_json")]
    pub(crate) close: Close,
}

/// One operation as the log has it.
///
/// A snapshot keeps it in postcard, which wants every member in its place: those of the log's own forms, which leave
/// members out, are kept as the log has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// The operation's id.
    pub id: OperationId,
    /// Which kind of operation it is.
    pub(crate) kind: OperationKind,
    /// The position of the record that opens it.
    pub(crate) opened: Lsn,
    /// When it was opened.
    pub(crate) opened_at: Timestamp,
    /// The actor that asked for it.
    pub(crate) requested_by: String,
    /// The reason that the actor gave.
    pub(crate) reason: Option<String>,
    /// The pipeline of a publish; of other operations the name of their kind.
    pub(crate) pipeline: String,
    /// Its steps, in order.
    pub(crate) steps: SegmentRef,
    /// Derived cells that had their value when it was opened, for which it has no step.
    pub(crate) already: u64,
    /// What the run of a publish made besides, such as tiles or reports.
    pub(crate) derivatives: Option<SegmentRef>,
    /// Cells of the target that the operation leaves alone.
    pub(crate) skipped: Option<SegmentRef>,
    /// The publish or hotfix that it is about; a content operation names itself.
    pub target: OperationId,
    /// The rollback that a revert takes back.
    pub(crate) reverts: Option<RollbackId>,
    /// The policy under which it was opened.
    pub(crate) policy_snapshot_ref: Digest,
    /// Digest of the scope before.
    pub(crate) pre_state_hash: Digest,
    /// Digest of the scope as planned.
    pub(crate) post_state_expected: Digest,
    /// The bill of materials of the release that opened it.
    #[serde(with = "as_json")]
    pub(crate) sbom_ref: Option<ReleaseRef>,
    /// The manifest of the release that opened it.
    #[serde(with = "as_json")]
    pub(crate) manifest_ref: Option<ReleaseRef>,
    /// The plan that it executes.
    pub(crate) plan_id: Option<Digest>,
    /// The digest of the plan's content.
    pub(crate) content_id: Option<Digest>,
    /// The opening record of a rollback, revert or hotfix; `None` for a publish.
    #[serde(with = "as_json")]
    pub(crate) frame: Option<Box<OperationFrame>>,
    /// Its journal so far.
    pub journal: JournalState,
    /// Its end; `None` while it is open.
    pub(crate) closed: Option<Closed>,
}

impl Operation {
    pub(super) fn of_publish(lsn: Lsn, intent: &PublishIntent) -> Self {
        let id = OperationId::from(intent.publish_id.clone());
        Self {
            kind: intent.kind.into(),
            opened: lsn,
            opened_at: intent.started_at,
            requested_by: intent.requested_by.clone(),
            reason: intent.reason.clone(),
            pipeline: intent.code_ref.pipeline_name.clone(),
            steps: intent.steps,
            already: intent.already,
            derivatives: Some(intent.derivatives),
            skipped: None,
            target: id.clone(),
            reverts: None,
            policy_snapshot_ref: intent.policy_snapshot_ref,
            pre_state_hash: intent.pre_state_hash,
            post_state_expected: intent.post_state_expected,
            sbom_ref: intent.sbom_ref.clone(),
            manifest_ref: intent.manifest_ref.clone(),
            plan_id: None,
            content_id: None,
            frame: None,
            journal: JournalState::default(),
            closed: None,
            id,
        }
    }

    pub(super) fn of_frame(lsn: Lsn, frame: &OperationFrame) -> Self {
        let kind = OperationKind::from(frame.operation);
        Self {
            id: frame.wal_id.clone(),
            kind,
            opened: lsn,
            opened_at: frame.timestamp,
            requested_by: frame.actor.clone(),
            reason: Some(frame.reason.clone()),
            pipeline: kind.as_str().to_owned(),
            steps: frame.payload.steps,
            already: frame.payload.already,
            derivatives: None,
            skipped: Some(frame.payload.skipped),
            target: frame.payload.target.clone(),
            reverts: frame.payload.reverts.clone(),
            policy_snapshot_ref: frame.governance.policy_snapshot_ref,
            pre_state_hash: frame.pre_state_hash,
            post_state_expected: frame.post_state_expected,
            sbom_ref: frame.sbom_ref.clone(),
            manifest_ref: frame.manifest_ref.clone(),
            plan_id: Some(frame.payload.plan_id),
            content_id: Some(frame.payload.content_id),
            frame: Some(Box::new(frame.clone())),
            journal: JournalState::default(),
            closed: None,
        }
    }

    /// Says why the parts of its opening record contradict each other; `None` if they fit. This engine writes no
    /// such record.
    pub fn misfit(&self) -> Option<&'static str> {
        let frame = self.frame.as_ref()?;
        let payload = &frame.payload;
        misfit(frame.operation, &frame.wal_id, &payload.target, payload.reverts.as_ref())
    }

    /// Returns the ids under which records and entries name it.
    pub(crate) fn ids(&self) -> OperationIds {
        OperationIds { plan_id: self.plan_id, ..OperationIds::of_turn(&self.id, &self.target) }
    }

    /// Says whether it writes values of its own.
    pub(crate) fn is_content(&self) -> bool {
        !matches!(self.kind, OperationKind::Rollback | OperationKind::Revert)
    }

    /// Says whether it moves references; a genesis and a reconcile only record what stands.
    pub(crate) fn moves_references(&self) -> bool {
        !matches!(self.kind, OperationKind::Adopt | OperationKind::Reconcile)
    }

    /// Says whether readers see what it planned.
    pub(crate) fn is_completed(&self) -> bool {
        self.closed.as_ref().is_some_and(|closed| closed.close.end == EndState::Completed)
    }

    /// Returns its status. `at_work` says whether a process works on it now, which tells `running` from
    /// `interrupted`.
    pub fn status(&self, at_work: bool) -> Status {
        match &self.closed {
            Some(closed) => closed.close.end.into(),
            None if at_work => Status::Running,
            None if self.journal.held.is_some() => Status::Held,
            None => Status::Interrupted,
        }
    }
}

/// Says why an operation's kind, its id, its target and the rollback that it takes back contradict each other.
pub(crate) fn misfit(
    name: PlanKind,
    id: &OperationId,
    target: &OperationId,
    reverts: Option<&RollbackId>,
) -> Option<&'static str> {
    let (kind, turns) = match name {
        PlanKind::Rollback | PlanKind::Revert => (IdKind::Rollback, true),
        PlanKind::Hotfix => (IdKind::Hotfix, false),
    };
    if id.kind() != kind {
        Some("its id is not one of its kind")
    } else if turns && target.kind() == IdKind::Rollback {
        Some("its target is neither a publish nor a hotfix")
    } else if !turns && target != id {
        Some("a hotfix has no target but itself")
    } else if name == PlanKind::Revert && reverts.is_none() {
        Some("a revert names the rollback that it takes back")
    } else if name == PlanKind::Hotfix && reverts.is_some() {
        // A rollback may take one back: to take a revert back is a rollback again.
        Some("a hotfix takes no rollback back")
    } else {
        None
    }
}

/// The name under which the engine itself begins an abort.
pub(crate) const ENGINE: &str = "engine";

/// What the journal of an operation says so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JournalState {
    /// Number of its lines.
    pub(crate) lines: u64,
    /// Batches that were announced forward: the intent is in the log, the act may have been made.
    pub(crate) intended: BTreeSet<Batch>,
    /// Batches that are durable at their planned value.
    pub(crate) made: BTreeSet<Batch>,
    /// Batches that are durable at their prior value, since the abort began.
    pub(crate) unmade: BTreeSet<Batch>,
    /// The actor that first began the abort, or `engine`, and its reason; `None` as long as no abort has begun.
    pub(crate) abort: Option<(String, String)>,
    /// Whether an actor asked for the abort, also after the engine had begun it.
    pub(crate) abort_asked: bool,
    /// Why it is held, as the reason's name and details; `None` if it is not, or was taken up again.
    pub(crate) held: Option<(String, String)>,
    /// Whether a process took it up again.
    pub(crate) resumed: bool,
    /// The host and the process number of the last process that took it up again.
    pub(crate) worker: Option<(String, u32)>,
    /// Lists of cells to which protection gave another value than planned; each run notes its list before it acts.
    pub(crate) treated: Vec<SegmentRef>,
    /// Cells changed by the run forward.
    pub(crate) applied: u64,
    /// Cells that had their value before the operation came to them, by the outcomes of its runs forward.
    pub(crate) already: u64,
}

impl JournalState {
    pub(crate) fn take(&mut self, n: u64, entry: &JournalEntry) {
        self.lines = self.lines.max(n);
        match entry {
            JournalEntry::Intent { direction: Direction::Forward, batch } => {
                self.intended.insert(*batch);
            }
            JournalEntry::Outcome { direction: Direction::Forward, batch, applied, already }
                if self.made.insert(*batch) =>
            {
                self.applied = self.applied.saturating_add(*applied);
                self.already = self.already.saturating_add(*already);
            }
            JournalEntry::Outcome { direction: Direction::Backward, batch, .. } => {
                self.unmade.insert(*batch);
            }
            JournalEntry::Treated { cells } => self.treated.push(*cells),
            JournalEntry::AbortRequested { by, reason } => {
                self.abort_asked |= by != ENGINE;
                self.abort.get_or_insert_with(|| (by.clone(), reason.clone()));
            }
            JournalEntry::Held { reason, detail } => self.held = Some((reason.clone(), detail.clone())),
            JournalEntry::Resumed { host, pid, .. } => {
                self.held = None;
                self.resumed = true;
                self.worker = Some((host.clone(), *pid));
            }
            _ => {}
        }
    }

    /// Returns the direction in which the operation goes on: backward once an abort has begun.
    pub(crate) fn direction(&self) -> Direction {
        if self.abort.is_some() { Direction::Backward } else { Direction::Forward }
    }

    /// Returns how many steps are made in the direction in which the operation goes; backward, how many are still
    /// to be undone.
    pub fn done(&self) -> u64 {
        let made = |batches: &BTreeSet<Batch>| {
            batches.iter().fold(0_u64, |sum, batch| sum.saturating_add(batch.count))
        };
        match self.direction() {
            Direction::Forward => made(&self.made),
            Direction::Backward => made(&self.intended).saturating_sub(made(&self.unmade)),
        }
    }
}

/// A value of the log as the text of its JSON.
mod as_json {
    use serde::de::{DeserializeOwned, Error as _};
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        serde_json::to_string(value).map_err(S::Error::custom)?.serialize(to)
    }

    pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        serde_json::from_str(<&str>::deserialize(from)?).map_err(D::Error::custom)
    }
}
