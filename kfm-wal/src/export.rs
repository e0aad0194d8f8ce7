//! Records as lines of JSON, for other tools: the log read without this crate.

use kfm_lineage::{Digest, Lsn, Timestamp, hex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::store::StoredRecord;

/// One record as a line of NDJSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExportLine {
    /// Its position in the log.
    pub lsn: Lsn,
    /// The epoch of the writer that appended it.
    pub epoch: u64,
    /// Its time, as the log has it.
    pub at: Timestamp,
    /// By how many milliseconds the writer's clock was behind the record before.
    pub skew_ms: u32,
    /// Its id in the store, as 32 hexadecimal digits.
    pub op_id: String,
    /// The number of its type.
    pub rtype: u16,
    /// The version of its form.
    pub schema: u16,
    /// Its hash as a leaf of a Merkle tree.
    pub leaf: Digest,
    /// The payload, if it is JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<serde_json::Value>,
    /// The payload as hex, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_hex: Option<String>,
}

impl From<&StoredRecord> for ExportLine {
    fn from(stored: &StoredRecord) -> Self {
        let record = &stored.record;
        let payload = serde_json::from_slice(&record.payload).ok();
        let payload_hex = payload.is_none().then(|| hex::encode(&record.payload));
        Self {
            lsn: stored.lsn,
            epoch: stored.epoch,
            at: record.at,
            skew_ms: stored.skew_ms,
            op_id: hex::encode(record.op_id),
            rtype: record.rtype,
            schema: record.schema,
            leaf: stored.leaf,
            payload,
            payload_hex,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::NewRecord;

    #[test]
    fn a_payload_is_json_where_it_can_be_and_hex_where_not() {
        for (payload, json) in [(&b"{\"a\":1}"[..], true), (&[0xff, 0x0a][..], false)] {
            let at = Timestamp::UNIX_EPOCH;
            let new = NewRecord { op_id: [1; 16], rtype: 1, schema: 1, at, payload: payload.to_vec() };
            let line = ExportLine::from(&StoredRecord::place(Lsn(1), 1, None, new));
            assert_eq!((line.payload.is_some(), line.payload_hex.is_none()), (json, json));
            let text = serde_json::to_string(&line).unwrap();
            assert_eq!(serde_json::from_str::<ExportLine>(&text).unwrap(), line);
            assert!(json || text.contains("\"payload_hex\":\"ff0a\""));
        }
    }
}
