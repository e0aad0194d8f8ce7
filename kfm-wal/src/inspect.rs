//! What lies in a log, frame by frame, for people who have to find out what happened to it.

use kfm_lineage::{Digest, DigestKind, Lsn};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::frame::{self, Frame, Kind};

/// A log as it lies in its folder or store, judged by nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Inspection {
    /// The segments, by their names; on slots every slot is one.
    pub segments: Vec<SegmentInspection>,
    /// What earlier repairs set aside: names of files in the folder `quarantine`.
    pub quarantined: Vec<String>,
}

/// A segment as it lies in its file, or a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SegmentInspection {
    /// The file, in the log's folder; of a slot, its name in the store.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Every whole frame at any place where one may begin, also behind damage.
    pub frames: Vec<FrameInspection>,
    /// Bytes that are neither zero nor part of a whole frame.
    pub stray_bytes: u64,
}

/// A frame that fits its checksums.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FrameInspection {
    /// Where it begins.
    pub offset: u64,
    /// Its length.
    pub bytes: u64,
    /// segment, data, fence, mark, seal, repair, archive, hold or other.
    pub kind: String,
    /// The epoch of its writer.
    pub epoch: u64,
    /// Position of its first record, or of the next one if it holds none.
    pub first: Lsn,
    /// Number of records.
    pub count: u32,
    /// The last position that was durable when it was written.
    pub durable_upto: Lsn,
    /// The chain before it.
    pub prev: Digest,
    /// What a frame without records says about itself: a repair, an archiving, a claim on a log that hosts share, and
    /// on slots the first frame.
    ///
    /// Where a repair found no room for a file of their own, `quarantined` is null and the torn bytes are in the
    /// frame, behind this.
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

/// Returns the account at the start of a frame that holds no records, if there is one.
fn account(frame: &Frame<'_>) -> Option<Value> {
    if frame.header.kind == Kind::Data {
        return None;
    }
    let line = frame.body.split(|byte| *byte == b'\n').next()?;
    serde_json::from_slice(line).ok().filter(Value::is_object)
}
