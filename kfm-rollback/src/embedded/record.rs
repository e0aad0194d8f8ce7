//! The durable form of the embedded stores: what one swap has changed, as records of a log.

use kfm_lineage::{Digest, OperationId, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The record type of a [`CellBatch`] in the log.
pub const CELL_BATCH: u16 = 1;

/// The version of its form.
pub const CELL_BATCH_SCHEMA: u16 = 1;

/// Bytes of content up to which it lies in the record itself; above, in a file beside the log.
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
    /// The cell.
    pub key: String,
    /// Its number of changes, this one among them.
    pub generation: u64,
    /// Its new value.
    pub value: Value,
    /// The content of that value; none if the cell is absent now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
}

/// Where the content of a value lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Here: canonical JSON.
    Inline(String),
    /// In the file of this digest, beside the log.
    File(Digest),
}
