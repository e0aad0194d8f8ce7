//! What lies in a log, frame by frame, so that an operator can find out what happened to it.

use kfm_lineage::{Digest, DigestKind, Lsn};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::frame::{self, Frame, Kind};

/// A log as it lies in its folder or store, not judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Inspection {
    /// The segments, sorted by name; in a log on slots each slot is one.
    pub segments: Vec<SegmentInspection>,
    /// What earlier repairs have set aside: names of files in the folder `quarantine`.
    pub quarantined: Vec<String>,
}

/// A segment as it lies in its file, or a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SegmentInspection {
    /// The name of the file in the log's folder; of a slot, its name in the store.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Every whole frame, at any place where a frame may begin, also behind damage.
    pub frames: Vec<FrameInspection>,
    /// How many bytes are neither zero nor part of a whole frame.
    pub stray_bytes: u64,
}

/// A frame whose checksums fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FrameInspection {
    /// Where in the segment it begins, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// The kind of frame: segment, data, fence, mark, seal, repair, archive, hold or other.
    pub kind: String,
    /// The epoch of the writer that wrote it.
    pub epoch: u64,
    /// Position of its first record, or of the next one if it holds none.
    pub first: Lsn,
    /// Number of records in it.
    pub count: u32,
    /// The last position that was known to be durable when it was written.
    pub durable_upto: Lsn,
    /// The chain before it.
    pub prev: Digest,
    /// What a frame without records says: the account of a repair or of an archiving, a claim on a log that
    /// hosts share, and on slots the content of slot 0.
    ///
    /// Where a repair found no room for a file of their own, `quarantined` is null and the torn bytes are in
    /// the frame itself, behind this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Value>,
}

/// Lists the whole frames in a segment, or in a slot.
pub(crate) fn inspect_segment(name: String, bytes: &[u8]) -> SegmentInspection {
    let (mut frames, mut stray_bytes, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        if let Ok(frame) = frame::decode(&bytes[at..]) {
            let header = &frame.header;
            frames.push(FrameInspection {
                offset: at as u64,
                bytes: frame.bytes as u64,
                kind: header.kind.as_str().to_owned(),
                epoch: header.epoch,
                first: header.first,
                count: header.count,
                durable_upto: header.durable_upto,
                prev: Digest::from_parts(DigestKind::Bytes, header.prev),
                account: account(&frame),
            });
            at += frame.bytes;
        } else {
            let word = &bytes[at..bytes.len().min(at + 8)];
            stray_bytes += word.iter().filter(|byte| **byte != 0).count() as u64;
            at += 8;
        }
    }
    SegmentInspection { name, bytes: bytes.len() as u64, frames, stray_bytes }
}

/// Returns the account at the start of the body of a frame without records, if there is one.
fn account(frame: &Frame<'_>) -> Option<Value> {
    if frame.header.kind == Kind::Data {
        return None;
    }
    let line = frame.body.split(|byte| *byte == b'\n').next()?;
    serde_json::from_slice(line).ok().filter(Value::is_object)
}
