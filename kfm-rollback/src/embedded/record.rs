//! The durable form of the embedded stores: what one swap has changed, as records of a log.

use kfm_lineage::{Digest, OperationId, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The record type of a [`CellBatch`] in the log.
pub const CELL_BATCH: u16 = 1;

/// The version of its form.
pub const CELL_BATCH_SCHEMA: u16 = 1;

/// Bytes of content up to which it lies in the record itself; longer content lies in a file beside the log.
pub const INLINE_BYTES_MAX: usize = 64 << 10;

/// Cells that one swap has changed; the records of one append are one atomic change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CellBatch {
    /// The operation that changed them.
    pub operation: OperationId,
    /// The changes, in their order.
    pub puts: Vec<Put>,
}

/// One change of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Put {
    /// The cell's key.
    pub key: String,
    /// The number of the cell's changes, this one included; from 1.
    pub generation: u64,
    /// The cell's new value; null if it is absent now.
    pub value: Value,
    /// The content of that value; left out if the cell is absent now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
}

/// Where the content of a value is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// In the record itself, as canonical JSON.
    Inline(String),
    /// In the file of this digest, beside the log.
    File(Digest),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record as version 1 writes it; logs hold such records for ever.
    const FORM_1: &str = concat!(
        r#"{"operation":"pub_2025_11_14T03_15_42Z_daily","puts":["#,
        r#"{"key":"a.json","generation":1,"value":"#,
        r#""jcs-sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","#,
        r#""content":{"inline":"{}"}},"#,
        r#"{"key":"b.json","generation":3,"value":"#,
        r#""jcs-sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","#,
        r#""content":{"file":"jcs-sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}},"#,
        r#"{"key":"c.json","generation":2,"value":null}]}"#
    );

    #[test]
    fn a_record_of_form_1_is_read_and_written_as_ever() {
        let digest = Digest::of_canonical_bytes(b"{}");
        let put =
            |key: &str, generation, value, content| Put { key: key.to_owned(), generation, value, content };
        let batch = CellBatch {
            operation: OperationId::parse("pub_2025_11_14T03_15_42Z_daily").unwrap(),
            puts: vec![
                put("a.json", 1, Some(digest), Some(Content::Inline("{}".to_owned()))),
                put("b.json", 3, Some(digest), Some(Content::File(digest))),
                put("c.json", 2, None, None),
            ],
        };
        assert_eq!(serde_json::from_str::<CellBatch>(FORM_1).unwrap(), batch);
        assert_eq!(serde_json::to_string(&batch).unwrap(), FORM_1);
    }
}
