//! What rules look at: an operation and its steps, as facts (R66).
//!
//! Rules see nothing else: no raw JSON, no clock, no store. So a decision can be made again from the same
//! facts, and a rule cannot depend on what nobody recorded.

use std::collections::BTreeSet;
use std::sync::Arc;

use kfm_lineage::integrity::IntegrityChange;
use kfm_lineage::validity::ValidityFault;
use kfm_lineage::{DocumentFacts, EntityId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::protection::Protection;
use crate::ratchet::StepTreatment;

/// What kind of operation is judged; it decides which rules deny (`docs/states.md` section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JudgedKind {
    /// Documents are published.
    Publish,
    /// What already stands is recorded and nothing moves: a genesis, a reconcile. Rules find and do not deny.
    Adopt,
    /// A hotfix goes forward.
    Hotfix,
    /// A publish or a hotfix is undone.
    Rollback,
    /// A rollback is undone.
    Revert,
    /// An unfinished operation goes back.
    Abort,
}

impl JudgedKind {
    /// All kinds.
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

    /// Says whether approvals are asked of it; not of publishes, and not of going back from one's own
    /// unfinished work.
    pub fn asks_approval(self) -> bool {
        matches!(self, Self::Hotfix | Self::Rollback | Self::Revert)
    }
}

/// An operation, as it is judged.
#[derive(Debug, Clone, Copy)]
pub struct OperationFacts<'a> {
    /// What it is.
    pub kind: JudgedKind,
    /// Who acts: plans it or executes it.
    pub actor: &'a str,
    /// Why; a plan need not have a reason yet, an execution gives one.
    pub reason: Option<&'a str>,
    /// The present, from the caller's clock.
    pub now: Timestamp,
    /// Its class, 0 to 4 (`docs/states.md` section 6).
    pub tier: u8,
    /// Whether publishes are judged strictly (`[policy] publish = "strict"`).
    pub strict: bool,
    /// The document cells that it moves.
    pub steps: &'a [StepFacts],
    /// Cells of all stores that it moves.
    pub cells_total: u64,
    /// Cells of its target that it leaves alone.
    pub skipped: u64,
    /// What it does to the catalog's links and orphans.
    pub integrity: &'a IntegrityChange,
    /// Whether it is forced over a partial publish or missing artefacts (R46).
    pub forced: bool,
}

/// One document cell that an operation moves.
#[derive(Debug, Clone)]
pub struct StepFacts {
    /// The entity.
    pub entity: EntityId,
    /// Its path in the catalog.
    pub path: String,
    /// What readers see now, if anything.
    pub before: Option<Arc<DocumentFacts>>,
    /// What the step is planned to show, if anything.
    pub after: Option<Arc<DocumentFacts>>,
    /// The protection in force for the entity now.
    pub protection: Protection,
    /// What the ratchet does with the step.
    pub outcome: StepTreatment,
    /// What is not valid in it, before and after; none where that was not looked at.
    pub validity: Option<ValidityChange>,
}

/// What is not valid in a document, before a step and after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValidityChange {
    /// The faults now.
    pub before: Arc<BTreeSet<ValidityFault>>,
    /// The faults then.
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
