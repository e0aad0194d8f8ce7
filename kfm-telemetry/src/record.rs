//! What an operation says of itself: one record per operation and per phase (R90).
//!
//! A record is one line of NDJSON in `ops_<tool>.ndjson`, durable before success is reported (R95). The
//! names of its fields are the owner's. It carries ids, counts and classes, never a message, a path of a
//! protected document or a coordinate: what a record cannot hold, it cannot leak (R66).

use std::fmt;

use kfm_lineage::{Digest, HotfixId, PublishId, RollbackId, Slug, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::text::{Label, text_of};

text_of!(
    /// Names one event, so that writing it a second time, after a crash, does not count it twice.
    ///
    /// Whoever resumes an operation must come to the same id for the same event: the operation, the stage and
    /// the position in its journal make a good one (`rb_…/rollback_execute/7`).
    EventId, "event id", 512
);

/// The name under which alerts are kept, and no tool's.
pub(crate) const ALERTS: &str = "alerts";

/// One line of `ops_<tool>.ndjson`.
///
/// Fields that the owner names are always written; a count that was not measured is `null`, never 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationRecord {
    /// The form of this line.
    pub schema: RecordSchema,
    /// The event's name; of two lines with one name the later counts.
    pub event_id: EventId,
    /// When the event ended, UTC.
    pub ts: Timestamp,
    /// The tool that speaks; its records are in `ops_<tool>.ndjson`.
    pub tool: Slug,
    /// The tool's version.
    pub tool_version: Label,
    /// What the line is about: a whole operation, or a part of one.
    pub kind: RecordKind,
    /// What was done.
    pub stage: Stage,
    /// The phase within the stage, of a phase, a step or an attempt in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Slug>,
    /// How it ended.
    pub status: Status,
    /// How long it took, by a clock that does not jump.
    pub duration_ms: u64,
    /// When the operation was first asked for; recovery is measured from here (R93).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_at: Option<Timestamp>,
    /// Who asked for it.
    pub requested_by: Label,
    /// Entities whose cells were changed.
    pub entities_touched: u64,
    /// Broken links before; null if they were not counted.
    #[serde(deserialize_with = "stated")]
    pub broken_links_before: Option<u64>,
    /// Broken links after; null if they were not counted.
    #[serde(deserialize_with = "stated")]
    pub broken_links_after: Option<u64>,
    /// Orphans before; null if they were not counted.
    #[serde(deserialize_with = "stated")]
    pub orphan_count_before: Option<u64>,
    /// Orphans after; null if they were not counted.
    #[serde(deserialize_with = "stated")]
    pub orphan_count_after: Option<u64>,
    /// Broken links that the operation introduced or left, in the sense of R48; the objective is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_links_caused: Option<u64>,
    /// Orphans that the operation introduced or left; the objective is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orphans_caused: Option<u64>,
    /// Violations of CARE that took effect; stays 0. What was prevented is a denial, not a violation.
    pub care_violations: u64,
    /// The publish it is or is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_id: Option<PublishId>,
    /// The rollback or revert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_id: Option<RollbackId>,
    /// The hotfix it is or is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hotfix_id: Option<HotfixId>,
    /// The plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<Digest>,
    /// The class of the error; a name, never a message. Present where something failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_class: Option<Slug>,
    /// Whether trying again may help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// The attempt, from 0 (R85).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_attempt: Option<u32>,
    /// The planned wait after this attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_delay_ms: Option<u64>,
    /// Whether the breaker refuses calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit_open: Option<bool>,
    /// Whether an earlier process had begun the operation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resumed: bool,
    /// Energy used, in watt-hours, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_wh: Option<f64>,
    /// Carbon dioxide emitted, in grams, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub co2_g: Option<f64>,
}

/// The form of a line of `ops_<tool>.ndjson`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RecordSchema {
    /// The first form.
    #[serde(rename = "kfm.ops/v1")]
    V1,
}

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// A whole operation, or one run of it; objectives are computed from these (R93).
    Operation,
    /// A phase of an operation.
    Phase,
    /// A step that failed.
    Step,
    /// A failed attempt of a call, or a change of a breaker's state (R85).
    Attempt,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// References moved to new content.
    Publish,
    /// What stood before the log was recorded.
    Adopt,
    /// What changed behind the log's back was recorded.
    Reconcile,
    /// Derived cells were made what the documents say.
    Project,
    /// A rollback was planned.
    RollbackPlan,
    /// A rollback was executed.
    RollbackExecute,
    /// A rollback was taken back.
    RollbackRevert,
    /// A hotfix was planned.
    HotfixPlan,
    /// A hotfix was applied.
    HotfixApply,
    /// A hotfix was taken back.
    HotfixRevert,
    /// A principal consented to a plan.
    Approve,
    /// The label registry was changed.
    Labels,
}

impl Stage {
    /// Returns the word of the records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Adopt => "adopt",
            Self::Reconcile => "reconcile",
            Self::Project => "project",
            Self::RollbackPlan => "rollback_plan",
            Self::RollbackExecute => "rollback_execute",
            Self::RollbackRevert => "rollback_revert",
            Self::HotfixPlan => "hotfix_plan",
            Self::HotfixApply => "hotfix_apply",
            Self::HotfixRevert => "hotfix_revert",
            Self::Approve => "approve",
            Self::Labels => "labels",
        }
    }

    /// Returns the tool under whose name this stage is recorded, unless a pipeline speaks under its own.
    pub fn tool(self) -> Slug {
        let name = match self {
            Self::Publish | Self::Adopt | Self::Reconcile | Self::Project => "publish",
            Self::RollbackPlan | Self::RollbackExecute | Self::RollbackRevert => "rollback",
            Self::HotfixPlan | Self::HotfixApply | Self::HotfixRevert => "hotfix",
            Self::Approve | Self::Labels => "policy",
        };
        Slug::parse(name).expect("the names above are slugs")
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It was done.
    Ok,
    /// It was not done, by an error.
    Failed,
    /// Policy denied it.
    Denied,
    /// It was not begun: stale, a conflict, a lock, an approval that is missing.
    Refused,
    /// It waits for a person.
    Held,
    /// It stopped and can be resumed.
    Interrupted,
    /// It was taken back: by the engine if there is an `error_class`, else because somebody asked for it.
    Aborted,
}

impl OperationRecord {
    /// Makes the record of something that went well, took no time and touched nothing; the caller sets the
    /// fields for which that is not so.
    ///
    /// ```
    /// use kfm_telemetry::{EventId, Label, OperationRecord, RecordKind, Stage, Status};
    ///
    /// let mut record = OperationRecord::new(
    ///     EventId::parse("plan/1").unwrap(),
    ///     "2025-11-14T03:15:42Z".parse().unwrap(),
    ///     RecordKind::Operation,
    ///     Stage::RollbackPlan,
    ///     Label::parse("ops@kfm").unwrap(),
    /// );
    /// record.status = Status::Refused;
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
            status: Status::Ok,
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
            publish_id: None,
            rollback_id: None,
            hotfix_id: None,
            plan_id: None,
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

    /// Checks what the types cannot say; a writer refuses a record that fails, and so does every reader.
    ///
    /// # Errors
    /// [`RecordDefect`]: the caller's statement contradicts itself; correct the caller.
    pub fn check(&self) -> Result<(), RecordDefect> {
        if self.tool.as_str() == ALERTS {
            return Err(RecordDefect::ReservedTool);
        }
        if self.status == Status::Ok && self.care_violations > 0 {
            return Err(RecordDefect::ViolationInSuccess { care_violations: self.care_violations });
        }
        match (self.status, &self.error_class) {
            (Status::Failed, None) => return Err(RecordDefect::FailureWithoutClass),
            (Status::Ok, Some(class)) => {
                return Err(RecordDefect::ErrorInSuccess { error_class: class.clone() });
            }
            _ => {}
        }
        if self.kind == RecordKind::Attempt && self.retry_attempt.is_none() {
            return Err(RecordDefect::AttemptWithoutNumber);
        }
        if self.kind == RecordKind::Operation && self.status == Status::Ok {
            self.check_success()?;
        }
        for (field, amount) in [("energy_wh", self.energy_wh), ("co2_g", self.co2_g)] {
            if amount.is_some_and(|amount| !amount.is_finite() || amount < 0.0) {
                return Err(RecordDefect::NotAnAmount { field });
            }
        }
        Ok(())
    }

    /// An operation that succeeded names itself, and one that moved references has counted before and after:
    /// nothing looked at is not success.
    fn check_success(&self) -> Result<(), RecordDefect> {
        let named = match self.stage {
            Stage::Publish | Stage::Adopt | Stage::Reconcile | Stage::Project => self.publish_id.is_some(),
            Stage::RollbackPlan | Stage::Approve => self.plan_id.is_some(),
            Stage::RollbackExecute | Stage::RollbackRevert | Stage::HotfixRevert => {
                self.rollback_id.is_some() || (self.stage == Stage::HotfixRevert && self.hotfix_id.is_some())
            }
            Stage::HotfixPlan => self.plan_id.is_some(),
            Stage::HotfixApply => self.hotfix_id.is_some(),
            Stage::Labels => true,
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

/// Why a record contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordDefect {
    /// Speak under another name: that file is the alerts'.
    #[error("the tool's name is taken: tool={ALERTS}")]
    ReservedTool,
    /// Violations and success do not go together: the operation must not have completed.
    #[error("an operation with violations of CARE cannot be ok: care_violations={care_violations}")]
    ViolationInSuccess {
        /// The number that was given.
        care_violations: u64,
    },
    /// Say what class of error it was.
    #[error("a failure must have an error_class")]
    FailureWithoutClass,
    /// Give errors that were overcome a record of their own, of kind attempt.
    #[error("a success has no error_class: error_class={error_class}")]
    ErrorInSuccess {
        /// The class that was given.
        error_class: Slug,
    },
    /// Say which attempt it was.
    #[error("an attempt must have a retry_attempt")]
    AttemptWithoutNumber,
    /// Name the operation.
    #[error("an operation that is ok must carry its id: stage={stage}")]
    OperationWithoutId {
        /// What was done.
        stage: Stage,
    },
    /// Count before and after.
    #[error("an operation that moved references must have counted: field={field}")]
    NotCounted {
        /// The count that is missing.
        field: &'static str,
    },
    /// Leave out an amount that is not known.
    #[error("not an amount, expected a finite number from 0: field={field}")]
    NotAnAmount {
        /// The field.
        field: &'static str,
    },
}

/// Reads a field that may be null and may not be missing.
fn stated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Option::deserialize(deserializer)
}
