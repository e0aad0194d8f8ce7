//! Raises alerts (R93).
//!
//! An alert is first a line in `ops_alerts.ndjson`, durable like every record, and only then a message: the
//! program in the settings, if there is one, gets the line on its standard input. If the program fails, the
//! operation does not; the failure is a line of its own, so that silence is never mistaken for calm.

use std::sync::Arc;

use crate::alert::{AlertEvent, AlertRecord};
use crate::error::TelemetryError;
use crate::notify::Notifier;
use crate::sink::RecordSink;

/// Raises alerts: records each one, then sends it to the program, if there is one.
#[derive(Debug, Clone)]
pub struct Alerts {
    sink: Arc<dyn RecordSink>,
    notifier: Option<Arc<Notifier>>,
}

impl Alerts {
    /// Makes alerts that are recorded in `sink` and sent to no program.
    pub fn new(sink: Arc<dyn RecordSink>) -> Self {
        Self { sink, notifier: None }
    }

    /// Sends every alert to a program too (`[notify] command` in `kfm.toml`).
    #[must_use]
    pub fn with_notifier(mut self, notifier: Notifier) -> Self {
        self.notifier = Some(Arc::new(notifier));
        self
    }

    /// Raises an alert, and returns what became of it: [`AlertEvent::Raised`] if there is no program.
    ///
    /// # Errors
    /// As for [`RecordSink::alert`]. A failure of the program is not an error here: it is recorded and
    /// returned.
    ///
    /// # Cancel safety
    /// When the caller drops the future after the alert is recorded, the program is killed; the alert stays.
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
