//! Alerts: what somebody must look at now (R93).
//!
//! An alert is a line in `ops_alerts.ndjson` first, durable like every record, and only then a message: where
//! a program is configured it gets the line on its standard input. A program that fails does not fail the
//! operation; that it failed is a line of its own, so that nobody takes silence for calm.

use std::sync::Arc;

use kfm_lineage::{HotfixId, PublishId, RollbackId, Slug, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::TelemetryError;
use crate::notify::Notifier;
use crate::record::EventId;
use crate::sink::RecordSink;
use crate::text::Label;

/// One line of `ops_alerts.ndjson`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertRecord {
    /// The form of this line.
    pub schema: AlertSchema,
    /// The alert's name; what became of it carries the same one.
    pub alert_id: EventId,
    /// Whether it was raised, or what became of the message.
    pub event: AlertEvent,
    /// When.
    pub ts: Timestamp,
    /// What it is about.
    pub alert: AlertKind,
    /// How urgent it is; follows from what it is about.
    pub severity: Severity,
    /// Who asked for the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<Label>,
    /// The publish it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_id: Option<PublishId>,
    /// The rollback it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_id: Option<RollbackId>,
    /// The hotfix it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hotfix_id: Option<HotfixId>,
    /// How many: links, orphans, records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The class of the error, the program's error too; a name, never a message (R66).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_class: Option<Slug>,
    /// The command that shows more or mends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Label>,
}

/// The form of a line of `ops_alerts.ndjson`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AlertSchema {
    /// The first form.
    #[serde(rename = "kfm.alert/v1")]
    V1,
}

/// What a line says of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertEvent {
    /// The alert was raised.
    Raised,
    /// The program took the message.
    Notified,
    /// The program did not; `error_class` says why.
    NotifyFailed,
}

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AlertKind {
    /// A rollback introduced or left broken links.
    BrokenLinks,
    /// An operation failed after links had been swapped.
    FailedAfterSwitch,
    /// Going back failed too: the operation is held, its evidence is kept (R44).
    CompensationFailed,
    /// The policy could not be evaluated.
    PolicyUnavailable,
    /// A rollback introduced or left orphans.
    Orphans,
    /// Recovery takes longer than the objective allows.
    RecoveryTooSlow,
    /// Operations have no telemetry, or none that is valid.
    TelemetryMissing,
    /// The council is to be told (R64).
    CouncilNotice,
}

impl AlertKind {
    /// Returns the word of the records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BrokenLinks => "broken_links",
            Self::FailedAfterSwitch => "failed_after_switch",
            Self::CompensationFailed => "compensation_failed",
            Self::PolicyUnavailable => "policy_unavailable",
            Self::Orphans => "orphans",
            Self::RecoveryTooSlow => "recovery_too_slow",
            Self::TelemetryMissing => "telemetry_missing",
            Self::CouncilNotice => "council_notice",
        }
    }

    /// Returns how urgent it is.
    pub fn severity(self) -> Severity {
        match self {
            Self::BrokenLinks
            | Self::FailedAfterSwitch
            | Self::CompensationFailed
            | Self::PolicyUnavailable => Severity::Critical,
            Self::Orphans | Self::RecoveryTooSlow | Self::TelemetryMissing => Severity::Warning,
            Self::CouncilNotice => Severity::Notice,
        }
    }
}

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Somebody is to know.
    Notice,
    /// Somebody is to look.
    Warning,
    /// Somebody is to act.
    Critical,
}

impl AlertRecord {
    /// Makes an alert that is raised at `ts`; the caller adds what it is about.
    pub fn new(alert_id: EventId, ts: Timestamp, alert: AlertKind) -> Self {
        Self {
            schema: AlertSchema::V1,
            alert_id,
            event: AlertEvent::Raised,
            ts,
            alert,
            severity: alert.severity(),
            requested_by: None,
            publish_id: None,
            rollback_id: None,
            hotfix_id: None,
            count: None,
            error_class: None,
            next: None,
        }
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// [`AlertDefect`]: the caller's statement contradicts itself; correct the caller.
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

/// Why an alert contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AlertDefect {
    /// Take the severity from the alert's kind.
    #[error("the severity is not the one of this alert")]
    WrongSeverity,
    /// Say why the message was not taken.
    #[error("a message that failed must have an error_class")]
    FailureWithoutClass,
}

/// Raises alerts: records each, then tells the program, where there is one.
#[derive(Debug, Clone)]
pub struct Alerts {
    sink: Arc<dyn RecordSink>,
    notifier: Option<Arc<Notifier>>,
}

impl Alerts {
    /// Makes alerts that are recorded in `sink` and told to nobody.
    pub fn new(sink: Arc<dyn RecordSink>) -> Self {
        Self { sink, notifier: None }
    }

    /// Tells every alert to a program too (`[notify] command`).
    #[must_use]
    pub fn with_notifier(mut self, notifier: Notifier) -> Self {
        self.notifier = Some(Arc::new(notifier));
        self
    }

    /// Raises an alert, and returns what became of it: [`AlertEvent::Raised`] where nobody is to be told.
    ///
    /// # Errors
    /// As for [`RecordSink::alert`]. That the program failed is no error here: it is recorded, and returned.
    ///
    /// # Cancel safety
    /// Dropping the future after the alert is recorded ends the program; the alert stays.
    pub async fn raise(&self, alert: &AlertRecord) -> Result<AlertEvent, TelemetryError> {
        self.sink.alert(alert).await?;
        let Some(notifier) = &self.notifier else { return Ok(AlertEvent::Raised) };
        let mut answer = alert.clone();
        match notifier.tell(alert).await {
            Ok(()) => answer.event = AlertEvent::Notified,
            Err(error) => {
                answer.event = AlertEvent::NotifyFailed;
                answer.error_class = Some(error.class());
            }
        }
        answer.ts = notifier.now();
        self.sink.alert(&answer).await?;
        Ok(answer.event)
    }
}
