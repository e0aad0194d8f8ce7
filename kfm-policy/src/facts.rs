//! What rules look at: an operation and its steps, as facts (R66).
//!
//! Rules see nothing else: no raw JSON, no clock, no store. So a decision can be made again from the same
//! facts, and a rule cannot depend on something that was not recorded.

use std::collections::BTreeSet;
use std::sync::Arc;

use kfm_lineage::integrity::IntegrityChange;
use kfm_lineage::validity::ValidityFault;
use kfm_lineage::{DocumentFacts, EntityId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::protection::Protection;
use crate::ratchet::StepTreatment;

/// The kind of operation that is judged; it decides which rules deny (`docs/states.md` section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JudgedKind {
    /// A pipeline publishes documents.
    Publish,
    /// What stands already is recorded and nothing moves: adopting a catalog, or a reconcile. Rules report
    /// and do not deny.
    Adopt,
    /// A hotfix goes forward.
    Hotfix,
    /// A publish or a hotfix is undone.
    Rollback,
    /// A rollback is undone.
    Revert,
    /// An unfinished operation is taken back.
    Abort,
}

impl JudgedKind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Self; 6] =
        [Self::Publish, Self::Adopt, Self::Hotfix, Self::Rollback, Self::Revert, Self::Abort];

    /// Returns the word used in records and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Adopt => "adopt",
            Self::Hotfix => "hotfix",
            Self::Rollback => "rollback",
            Self::Revert => "revert",
            Self::Abort => "abort",
        }
    }

    /// Says whether such an operation needs approvals: a publish does not, nor does taking back one's own
    /// unfinished work.
    pub fn asks_approval(self) -> bool {
        matches!(self, Self::Hotfix | Self::Rollback | Self::Revert)
    }
}

/// An operation that is judged.
#[derive(Debug, Clone, Copy)]
pub struct OperationFacts<'a> {
    /// The kind of operation.
    pub kind: JudgedKind,
    /// The principal that plans or executes the operation.
    pub actor: &'a str,
    /// The reason for the operation. A plan may have none yet; an execution must have one.
    pub reason: Option<&'a str>,
    /// The present, from the caller's clock.
    pub now: Timestamp,
    /// The tier of the operation, 0 to 4 (`docs/states.md` section 6).
    pub tier: u8,
    /// Whether publishes are judged strictly (`[policy] publish = "strict"`).
    pub strict: bool,
    /// The document cells that the operation moves.
    pub steps: &'a [StepFacts],
    /// Number of cells, in all stores, that the operation moves.
    pub cells_total: u64,
    /// Number of cells of its target that the operation leaves alone.
    pub skipped: u64,
    /// What the operation does to the links and orphans of the catalog.
    pub integrity: &'a IntegrityChange,
    /// Whether the operation is forced over a partial publish or missing artefacts (R46).
    pub forced: bool,
}

/// One document cell that an operation moves.
#[derive(Debug, Clone)]
pub struct StepFacts {
    /// The entity of the cell.
    pub entity: EntityId,
    /// Its path in the catalog.
    pub path: String,
    /// What readers see now; none if they see nothing.
    pub before: Option<Arc<DocumentFacts>>,
    /// What readers are to see after the step; none if they are to see nothing.
    pub after: Option<Arc<DocumentFacts>>,
    /// The protection in force for the entity now.
    pub protection: Protection,
    /// What the ratchet does with the step.
    pub outcome: StepTreatment,
    /// The faults of the document before and after; none if they were not looked for.
    pub validity: Option<ValidityChange>,
}

/// The faults of a document before a step and after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValidityChange {
    /// The faults of the document that stands.
    pub before: Arc<BTreeSet<ValidityFault>>,
    /// The faults of the document that is planned.
    pub after: Arc<BTreeSet<ValidityFault>>,
}

impl StepFacts {
    /// Returns what readers will see: the planned document, unless the ratchet hides it.
    pub fn visible(&self) -> Option<&DocumentFacts> {
        match self.outcome {
            StepTreatment::Absent { .. } => None,
            StepTreatment::Keep | StepTreatment::Denied { .. } => self.after.as_deref(),
        }
    }
}
