//! The objectives, computed from the operation records and from what the log says has ended (R93, R95).

use std::collections::BTreeMap;
use std::time::Duration;

use kfm_lineage::{Lsn, OperationId};
use kfm_telemetry::due;
use kfm_telemetry::slo::{Observed, SloReport, Window, report};
use kfm_telemetry::validate::read_valid;

use crate::error::Result;
use crate::platform::Platform;
use crate::session::Session;

/// The seconds of a day.
const DAY_S: u64 = 24 * 60 * 60;

impl Platform {
    /// Computes every objective over the last `days` days. On a log that hosts share, these are the operations that ended
    /// on this one: only their records are here.
    ///
    /// # Errors
    /// [`Error::Records`](crate::Error::Records): the records cannot be read. [`Error::Log`](crate::Error::Log): the log
    /// cannot be read.
    pub async fn objectives(&self, days: u16) -> Result<SloReport> {
        let session = Session::read(self).await?;
        let to = session.now();
        let from = to.checked_sub(Duration::from_secs(u64::from(days) * DAY_S)).unwrap_or(to);
        let in_window = session.history.operations().filter_map(|operation| {
            let closed = operation.closed.as_ref().filter(|closed| (from..=to).contains(&closed.at))?;
            Some((closed.lsn, operation.id.clone()))
        });
        let mut ended: BTreeMap<Lsn, OperationId> = in_window.collect();
        let here = session.written_here(ended.keys().copied()).await?;
        ended.retain(|lsn, _| here.contains(lsn));
        let (records, invalid_lines) = read_valid(&self.telemetry_dir())?;
        let ended = ended.into_values().collect();
        Ok(report(&Observed { records: &records, invalid_lines, ended: &ended, window: Window { from, to } }))
    }

    /// Raises the alerts that follow from a report, and returns how many: recovery that takes too long, and records that
    /// are missing.
    ///
    /// # Errors
    /// [`Error::Records`](crate::Error::Records): an alert could not be recorded.
    pub async fn raise_objectives(&self, report: &SloReport) -> Result<u64> {
        let due = due::of_report(report);
        for alert in &due {
            self.alerts().raise(alert).await?;
        }
        Ok(due.len() as u64)
    }
}
