//! The entries of the registry that a record of the log brought into force.

use kfm_wal::record::LabelsRecord;

use crate::error::Result;
use crate::versions::VersionStore;

/// Reads the entries of a record, from the record itself or from its segment.
///
/// # Errors
/// [`Error::Versions`]: the segment is missing or damaged; restore the version store.
pub(crate) async fn entries_of(
    record: &LabelsRecord,
    versions: &VersionStore,
) -> Result<Vec<serde_json::Value>> {
    match &record.segment {
        Some(segment) => Ok(versions.read_segment(segment).await?),
        None => Ok(record.entries.clone()),
    }
}
