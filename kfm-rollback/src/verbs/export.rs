//! The operations log as lines for other tools, also if the log is damaged.

use std::sync::Arc;

use kfm_lineage::Lsn;
use kfm_wal::export::ExportLine;
use kfm_wal::{Depth, VerifyReport};

use super::Platform;
use crate::error::Result;
use crate::platform::log::LogPlace;

/// Records that are read at a time from a log of the program's own.
const PAGE_RECORDS: usize = 1_000;

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
            LogPlace::Own(log) => {
                let log = self.own_log(log.as_ref()).await?;
                let mut next = Lsn::ZERO.next();
                loop {
                    let page = log.scan(next, PAGE_RECORDS).await?;
                    let Some(last) = page.last() else { break };
                    next = last.lsn.next();
                    page.iter().for_each(|record| take(ExportLine::from(record)));
                }
                Ok(log.verify(Depth::Chain).await?)
            }
        }
    }
}
