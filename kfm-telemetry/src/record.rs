//! The record of an operation: one record per operation and per phase (R90).
//!
//! A record is one line of NDJSON in `ops_<tool>.ndjson`, durable before success is reported (R95). R90 names
//! its fields. It carries ids, counts and classes, never a message, the path of a protected document or a
//! coordinate: a record cannot leak what it cannot hold (R66).

use std::fmt;

use kfm_lineage::{OperationIds, Slug, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::text::{Label, text_of};

text_of!(
    /// Names one event, so that an event that is written a second time, after a crash, is not counted twice.
    ///
    /// A process that resumes an operation must use the same id for the same event. A good id has the
    /// operation, the stage and the position in its journal (`rb_…/rollback_execute/7`).
    EventId, "event id", 512
);

/// The name under which alerts are kept; no tool may have it.
pub(crate) const ALERTS: &str = "alerts";

/// One line of `ops_<tool>.ndjson`.
///
/// The fields that R90 names are always written; a count that was not measured is `null`, never 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationRecord {
    /// The version of the format of this line.
    pub schema: RecordSchema,
    /// The event's id; of two lines with one id the later counts.
    pub event_id: EventId,
    /// When the event ended, UTC.
    pub ts: Timestamp,
    /// The tool that writes the record; its records are in `ops_<tool>.ndjson`.
    pub tool: Slug,
    /// The version of the tool.
    pub tool_version: Label,
    /// Whether the line is about a whole operation or about a part of one.
    pub kind: RecordKind,
    /// What was done or asked for.
    pub stage: Stage,
    /// The phase within the stage, if the line is about a phase, or about an attempt in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Slug>,
    /// How the event ended.
    pub status: EventStatus,
    /// How long the event took, in milliseconds, by a clock that does not jump.
    pub duration_ms: u64,
    /// When the operation was first asked for; the time of recovery counts from here (R93).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_at: Option<Timestamp>,
    /// The principal that asked for the operation.
    pub requested_by: Label,
    /// Number of entities whose cells were changed.
    pub entities_touched: u64,
    /// Number of broken links before; null if they were not counted.
    #[serde(deserialize_with = "stated")]
    pub broken_links_before: Option<u64>,
    /// Number of broken links after; null if they were not counted.
    #[serde(deserialize_with = "stated")]
    pub broken_links_after: Option<u64>,
    /// Number of orphans before; null if they were not counted.
    #[serde(deserialize_with = "stated")]
    pub orphan_count_before: Option<u64>,
    /// Number of orphans after; null if they were not counted.
    #[serde(deserialize_with = "stated")]
    pub orphan_count_after: Option<u64>,
    /// Number of broken links that the operation introduced or left, in the sense of R48; the objective is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_links_caused: Option<u64>,
    /// Number of orphans that the operation introduced or left; the objective is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orphans_caused: Option<u64>,
    /// Number of violations of CARE that took effect; stays 0. A violation that was prevented is a denial and
    /// not counted here.
    pub care_violations: u64,
    /// The ids of the operation that the event is, or is about.
    #[serde(flatten)]
    pub ids: OperationIds,
    /// The class of the error: a name, never a message. Present if something failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_class: Option<Slug>,
    /// Whether trying again may help; present if something failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// The number of the attempt, from 0 (R85).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_attempt: Option<u32>,
    /// The planned wait after this attempt, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_delay_ms: Option<u64>,
    /// Whether the breaker refuses calls at that moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit_open: Option<bool>,
    /// Whether an earlier process had begun the operation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resumed: bool,
    /// Energy used, in watt-hours; none if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_wh: Option<f64>,
    /// Carbon dioxide emitted, in grams; none if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub co2_g: Option<f64>,
}

/// The versions of the format of a line of `ops_<tool>.ndjson`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RecordSchema {
    /// Version 1 of the format.
    #[serde(rename = "kfm.ops/v1")]
    V1,
}

/// Whether a record is about a whole operation or about a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// A whole operation, or one run of it; objectives are computed from these records (R93).
    Operation,
    /// A phase of an operation.
    Phase,
    /// A failed attempt of a call, or a change of a breaker's state (R85).
    Attempt,
}

/// What was done or asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// A publish moved references to new content.
    Publish,
    /// Content from before the log was recorded.
    Adopt,
    /// Content that was changed without the log was recorded.
    Reconcile,
    /// Derived cells got the values that follow from the documents.
    Project,
    /// A rollback was planned.
    RollbackPlan,
    /// A rollback was executed.
    RollbackExecute,
    /// A rollback was taken back.
    RollbackRevert,
    /// A hotfix was applied.
    HotfixApply,
    /// A hotfix was taken back.
    HotfixRevert,
    /// A principal approved a plan.
    Approve,
    /// The label registry was changed.
    Labels,
    /// The list of principals was changed.
    Principals,
}

impl Stage {
    /// Returns the word for it in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Adopt => "adopt",
            Self::Reconcile => "reconcile",
            Self::Project => "project",
            Self::RollbackPlan => "rollback_plan",
            Self::RollbackExecute => "rollback_execute",
            Self::RollbackRevert => "rollback_revert",
            Self::HotfixApply => "hotfix_apply",
            Self::HotfixRevert => "hotfix_revert",
            Self::Approve => "approve",
            Self::Labels => "labels",
            Self::Principals => "principals",
        }
    }

    /// Returns the tool under whose name this stage is recorded, unless a pipeline records it under its own.
    pub fn tool(self) -> Slug {
        let name = match self {
            Self::Publish | Self::Adopt | Self::Reconcile | Self::Project => "publish",
            Self::RollbackPlan | Self::RollbackExecute | Self::RollbackRevert => "rollback",
            Self::HotfixApply | Self::HotfixRevert => "hotfix",
            Self::Approve | Self::Labels | Self::Principals => "policy",
        };
        Slug::parse(name).expect("the names above are slugs")
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How an event ended, in the words of R90; where an operation stands is its [`Status`](kfm_lineage::Status).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// It was done as asked.
    Ok,
    /// An error prevented it.
    Failed,
    /// Policy denied the operation.
    Denied,
    /// It was not begun: the plan is stale, there is a conflict or a lock, or an approval is missing.
    Refused,
    /// It waits until an operator decides.
    Held,
    /// It stopped and can be resumed.
    Interrupted,
    /// It was taken back: by the engine if there is an `error_class`, otherwise because a principal asked for
    /// it.
    Aborted,
}

impl OperationRecord {
    /// Makes the record of an event that ended well, took no time and touched nothing; the caller sets the
    /// fields that differ.
    ///
    /// ```
    /// use kfm_telemetry::{EventId, Label, OperationRecord, RecordKind, Stage, EventStatus};
    ///
    /// let mut record = OperationRecord::new(
    ///     EventId::parse("plan/1").unwrap(),
    ///     "2025-11-14T03:15:42Z".parse().unwrap(),
    ///     RecordKind::Operation,
    ///     Stage::RollbackPlan,
    ///     Label::parse("ops@kfm").unwrap(),
    /// );
    /// record.status = EventStatus::Refused;
    /// assert!(record.check().is_ok());
    /// assert_eq!(record.tool.as_str(), "rollback");
    /// ```
    pub fn new(
        event_id: EventId,
        ts: Timestamp,
        kind: RecordKind,
        stage: Stage,
        requested_by: Label,
    ) -> Self {
        Self {
            schema: RecordSchema::V1,
            event_id,
            ts,
            tool: stage.tool(),
            tool_version: Label::parse(env!("CARGO_PKG_VERSION")).expect("a crate's version is a label"),
            kind,
            stage,
            phase: None,
            status: EventStatus::Ok,
            duration_ms: 0,
            requested_at: None,
            requested_by,
            entities_touched: 0,
            broken_links_before: None,
            broken_links_after: None,
            orphan_count_before: None,
            orphan_count_after: None,
            broken_links_caused: None,
            orphans_caused: None,
            care_violations: 0,
            ids: OperationIds::default(),
            error_class: None,
            retryable: None,
            retry_attempt: None,
            retry_delay_ms: None,
            circuit_open: None,
            resumed: false,
            energy_wh: None,
            co2_g: None,
        }
    }

    /// Checks what the types cannot express. A writer refuses a record that fails this check, and so does
    /// every reader.
    ///
    /// # Errors
    /// [`RecordDefect`]: the record contradicts itself; correct the caller.
    pub fn check(&self) -> Result<(), RecordDefect> {
        if self.tool.as_str() == ALERTS {
            return Err(RecordDefect::ReservedTool);
        }
        if self.status == EventStatus::Ok && self.care_violations > 0 {
            return Err(RecordDefect::ViolationInSuccess { care_violations: self.care_violations });
        }
        match (self.status, &self.error_class) {
            (EventStatus::Failed, None) => return Err(RecordDefect::FailureWithoutClass),
            (EventStatus::Ok, Some(class)) => {
                return Err(RecordDefect::ErrorInSuccess { error_class: class.clone() });
            }
            _ => {}
        }
        if self.kind == RecordKind::Attempt && self.retry_attempt.is_none() {
            return Err(RecordDefect::AttemptWithoutNumber);
        }
        if self.kind == RecordKind::Operation && self.status == EventStatus::Ok {
            self.check_success()?;
        }
        for (field, amount) in [("energy_wh", self.energy_wh), ("co2_g", self.co2_g)] {
            if amount.is_some_and(|amount| !amount.is_finite() || amount < 0.0) {
                return Err(RecordDefect::NotAnAmount { field });
            }
        }
        Ok(())
    }

    /// Checks that an operation that succeeded has its id, and that one that moved references has its counts
    /// from before and after: an operation that was not looked at is no success.
    fn check_success(&self) -> Result<(), RecordDefect> {
        let named = match self.stage {
            Stage::Publish | Stage::Adopt | Stage::Reconcile | Stage::Project => {
                self.ids.publish_id.is_some()
            }
            Stage::RollbackPlan | Stage::Approve => self.ids.plan_id.is_some(),
            Stage::RollbackExecute | Stage::RollbackRevert | Stage::HotfixRevert => {
                self.ids.rollback_id.is_some()
                    || (self.stage == Stage::HotfixRevert && self.ids.hotfix_id.is_some())
            }
            Stage::HotfixApply => self.ids.hotfix_id.is_some(),
            Stage::Labels | Stage::Principals => true,
        };
        if !named {
            return Err(RecordDefect::OperationWithoutId { stage: self.stage });
        }
        let counted = [
            ("broken_links_before", self.broken_links_before),
            ("broken_links_after", self.broken_links_after),
            ("orphan_count_before", self.orphan_count_before),
            ("orphan_count_after", self.orphan_count_after),
        ];
        let moves = matches!(
            self.stage,
            Stage::Publish
                | Stage::RollbackExecute
                | Stage::RollbackRevert
                | Stage::HotfixApply
                | Stage::HotfixRevert
        );
        match counted.into_iter().find(|(_, count)| count.is_none()) {
            Some((field, _)) if moves => Err(RecordDefect::NotCounted { field }),
            _ => Ok(()),
        }
    }
}

/// How a record contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordDefect {
    /// The tool has the name under which alerts are kept: take another name.
    #[error("the tool's name is taken: tool={ALERTS}")]
    ReservedTool,
    /// A record with violations says that it succeeded: the operation must not have completed.
    #[error("an operation with violations of CARE cannot be ok: care_violations={care_violations}")]
    ViolationInSuccess {
        /// The number of violations in the record.
        care_violations: u64,
    },
    /// A failure has no class: set `error_class`.
    #[error("a failure must have an error_class")]
    FailureWithoutClass,
    /// A success has the class of an error: an error that was overcome gets a record of its own, of kind
    /// attempt.
    #[error("a success has no error_class: error_class={error_class}")]
    ErrorInSuccess {
        /// The class in the record.
        error_class: Slug,
    },
    /// An attempt has no number: set `retry_attempt`.
    #[error("an attempt must have a retry_attempt")]
    AttemptWithoutNumber,
    /// An operation that succeeded has no id: set it.
    #[error("an operation that is ok must carry its id: stage={stage}")]
    OperationWithoutId {
        /// The stage of the operation.
        stage: Stage,
    },
    /// An operation that moved references has no counts: count before and after.
    #[error("an operation that moved references must have counted: field={field}")]
    NotCounted {
        /// The name of the missing count.
        field: &'static str,
    },
    /// An amount is negative or not a finite number: leave it out if it is not known.
    #[error("not an amount, expected a finite number from 0: field={field}")]
    NotAnAmount {
        /// The name of the field.
        field: &'static str,
    },
}

/// Reads a field that may be null but must not be missing.
fn stated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Option::deserialize(deserializer)
}
