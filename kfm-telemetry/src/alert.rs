//! The line of an alert: what an operator must look at now (R93).

use kfm_lineage::{OperationIds, Slug, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::EventId;
use crate::text::Label;

/// One line of `ops_alerts.ndjson`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertRecord {
    /// The version of the format of this line.
    pub schema: AlertSchema,
    /// The alert's id; a line about its message has the same id.
    pub alert_id: EventId,
    /// Whether the alert was raised, or what became of its message.
    pub event: AlertEvent,
    /// When the event of this line happened, UTC.
    pub ts: Timestamp,
    /// What the alert is about.
    pub alert: AlertKind,
    /// How urgent the alert is; follows from what it is about.
    pub severity: Severity,
    /// The principal that asked for the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<Label>,
    /// The ids of the operation that the alert is about.
    #[serde(flatten)]
    pub ids: OperationIds,
    /// How many broken links, orphans or records the alert is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The class of the operation's error, or of the program's: a name, never a message (R66).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_class: Option<Slug>,
    /// The command that shows more or repairs the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Label>,
}

/// The versions of the format of a line of `ops_alerts.ndjson`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AlertSchema {
    /// Version 1 of the format.
    #[serde(rename = "kfm.alert/v1")]
    V1,
}

/// What a line says about an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertEvent {
    /// The alert was raised.
    Raised,
    /// The program has taken the message.
    Notified,
    /// The program has not taken the message; `error_class` says why.
    NotifyFailed,
}

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AlertKind {
    /// A rollback introduced or left broken links.
    BrokenLinks,
    /// An operation failed after references had moved.
    FailedAfterSwitch,
    /// Taking the operation back failed too: the operation is held and its evidence is kept (R44).
    CompensationFailed,
    /// The policy could not be evaluated.
    PolicyUnavailable,
    /// A rollback introduced or left orphans.
    Orphans,
    /// Recovery takes longer than the objective allows.
    RecoveryTooSlow,
    /// Operations have no telemetry, or none that is valid.
    TelemetryMissing,
}

impl AlertKind {
    /// Returns the word for it in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BrokenLinks => "broken_links",
            Self::FailedAfterSwitch => "failed_after_switch",
            Self::CompensationFailed => "compensation_failed",
            Self::PolicyUnavailable => "policy_unavailable",
            Self::Orphans => "orphans",
            Self::RecoveryTooSlow => "recovery_too_slow",
            Self::TelemetryMissing => "telemetry_missing",
        }
    }

    /// Returns how urgent such an alert is.
    pub fn severity(self) -> Severity {
        match self {
            Self::BrokenLinks
            | Self::FailedAfterSwitch
            | Self::CompensationFailed
            | Self::PolicyUnavailable => Severity::Critical,
            Self::Orphans | Self::RecoveryTooSlow | Self::TelemetryMissing => Severity::Warning,
        }
    }
}

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// An operator should look at it.
    Warning,
    /// An operator must act.
    Critical,
}

impl AlertRecord {
    /// Makes an alert that is raised at `ts`; the caller sets the fields that say what it is about.
    pub fn new(alert_id: EventId, ts: Timestamp, alert: AlertKind) -> Self {
        Self {
            schema: AlertSchema::V1,
            alert_id,
            event: AlertEvent::Raised,
            ts,
            alert,
            severity: alert.severity(),
            requested_by: None,
            ids: OperationIds::default(),
            count: None,
            error_class: None,
            next: None,
        }
    }

    /// Checks what the types cannot express.
    ///
    /// # Errors
    /// [`AlertDefect`]: the alert contradicts itself; correct the caller.
    pub fn check(&self) -> Result<(), AlertDefect> {
        if self.severity != self.alert.severity() {
            return Err(AlertDefect::WrongSeverity);
        }
        if self.event == AlertEvent::NotifyFailed && self.error_class.is_none() {
            return Err(AlertDefect::FailureWithoutClass);
        }
        Ok(())
    }
}

/// How an alert contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AlertDefect {
    /// The severity is not the one of the alert's kind: take that one.
    #[error("the severity is not the one of this alert")]
    WrongSeverity,
    /// A message was not taken and there is no class: set `error_class`.
    #[error("a message that failed must have an error_class")]
    FailureWithoutClass,
}
