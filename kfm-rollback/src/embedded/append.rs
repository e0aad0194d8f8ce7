//! Writes changes of cells as records, and cuts them into appends that the log takes.

use kfm_lineage::{Lsn, OperationId, Timestamp};
use kfm_wal::store::{BATCH_BYTES_MAX, NewRecord};
use sha2::{Digest as _, Sha256};

use super::record::{CELL_BATCH, CELL_BATCH_SCHEMA, CellBatch, Put};

/// Bytes of puts after which a record is full; with one more put the record is still below the log's limit for
/// records.
const RECORD_BYTES: usize = 512 << 10;

/// Bytes of puts after which an append is full; what the records add is still below the log's limit for batches.
const APPEND_BYTES: usize = BATCH_BYTES_MAX - (1 << 20);

/// The payloads of the records of one append.
pub(super) type Payloads = Vec<Vec<u8>>;

/// Writes puts as payloads, in their order, those of one append together.
pub(super) fn appends(operation: &OperationId, puts: Vec<Put>) -> Result<Vec<Payloads>, serde_json::Error> {
    let mut appends = Vec::new();
    let mut append = Payloads::new();
    let mut batch = CellBatch { operation: operation.clone(), puts: Vec::new() };
    let (mut record_bytes, mut append_bytes) = (0, 0);
    for put in puts {
        let bytes = serde_json::to_vec(&put)?.len();
        let append_is_full = append_bytes + bytes > APPEND_BYTES;
        if append_is_full || record_bytes + bytes > RECORD_BYTES {
            close(&mut batch, &mut append)?;
            record_bytes = 0;
        }
        if append_is_full {
            appends.push(std::mem::take(&mut append));
            append_bytes = 0;
        }
        batch.puts.push(put);
        record_bytes += bytes;
        append_bytes += bytes;
    }
    close(&mut batch, &mut append)?;
    if !append.is_empty() {
        appends.push(append);
    }
    Ok(appends)
}

/// Writes a record, unless it is empty, and empties it for the next.
fn close(batch: &mut CellBatch, append: &mut Payloads) -> Result<(), serde_json::Error> {
    if !batch.puts.is_empty() {
        append.push(serde_json::to_vec(batch)?);
        batch.puts.clear();
    }
    Ok(())
}

/// Makes the records of an append that comes after position `before`.
pub(super) fn records(payloads: Payloads, before: Lsn, at: Timestamp) -> Vec<NewRecord> {
    let record = |(n, payload): (u64, Vec<u8>)| NewRecord {
        op_id: record_id(before, n, &payload),
        rtype: CELL_BATCH,
        schema: CELL_BATCH_SCHEMA,
        at,
        payload,
    };
    (0..).zip(payloads).map(record).collect()
}

/// Names a record after its place and its content: the same change at another time is another record.
fn record_id(before: Lsn, n: u64, payload: &[u8]) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(before.0.to_be_bytes());
    hash.update(n.to_be_bytes());
    hash.update(payload);
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    id
}

#[cfg(test)]
mod tests {
    use kfm_lineage::Digest;
    use kfm_wal::store::RECORD_BYTES_MAX;

    use super::*;
    use crate::blob::key::KEY_BYTES_MAX;
    use crate::embedded::record::{Content, INLINE_BYTES_MAX};

    /// The sizes of the payloads of each append for so many cells, each as large as a cell can be.
    fn appends_for(cells: usize) -> Vec<Vec<usize>> {
        // Canonical JSON of quotes is escapes, each of which the record escapes again.
        let content = Some(Content::Inline("\\\"".repeat(INLINE_BYTES_MAX / 2)));
        let value = Some(Digest::of_canonical_bytes(b""));
        let put = Put { key: "\"".repeat(KEY_BYTES_MAX), generation: u64::MAX, value, content };
        let operation = OperationId::parse("pub_2025_11_14T03_15_42Z_daily").unwrap();
        let appends = appends(&operation, vec![put; cells]).unwrap();
        appends.into_iter().map(|append| append.iter().map(Vec::len).collect()).collect()
    }

    #[test]
    fn records_and_appends_stay_below_the_limits_of_the_log() {
        assert!(appends_for(0).is_empty());
        let appends = appends_for(130);
        assert!(appends.len() > 1);
        assert!(appends.iter().flatten().all(|&bytes| bytes <= RECORD_BYTES_MAX));
        assert!(appends.iter().all(|append| append.iter().sum::<usize>() <= BATCH_BYTES_MAX));
    }
}
