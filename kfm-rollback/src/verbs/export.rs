//! The operations log as lines for other tools, also if the log is damaged.

use std::sync::Arc;

use kfm_wal::VerifyReport;
use kfm_wal::export::ExportLine;

use super::Platform;
use crate::error::Result;
use crate::platform::log::LogPlace;

impl Platform {
    /// Gives each record of the operations log to `take` as a line, in order, and says whether the log is whole. Of
    /// a damaged log it gives all records before the damage. The log is never in memory as a whole.
    ///
    /// # Errors
    /// [`crate::Error::Log`]: the log cannot be read at all; damage is not an error but an answer.
    /// [`crate::Error::Incomplete`]: the log is missing.
    pub async fn wal_export(&self, mut take: impl FnMut(ExportLine)) -> Result<VerifyReport> {
        match self.log_place() {
            LogPlace::Folder(folder) => {
                self.refuse_lost_folder(folder)?;
                Ok(kfm_wal::local::replay(folder, |found| take(ExportLine::from(&found.stored())))?)
            }
            LogPlace::Slots(slots) => {
                let take = |found| take(ExportLine::from(&found));
                let report = kfm_wal::slots::replay(Arc::clone(slots), self.slot_options(), take).await?;
                if report.frames == 0 && report.first_bad.is_none() {
                    self.refuse_lost()?;
                }
                Ok(report)
            }
        }
    }
}
