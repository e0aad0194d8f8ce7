//! The tail rule: what an interrupted append left, told from what was damaged later.
//!
//! A frame is written only after the one before it was synced, so at most one frame is unfinished, and it is
//! the last. A bad place with any frame of this log behind it was durable once, and is damage; so is one of
//! which a mark behind it says that it was durable. The mark lies in the next page of the disk, so that one
//! bad sector does not take a frame and its witness. A bad place with no witness is an append that never
//! finished, but for one window that nobody can see into: the very last frame, damaged after its append was
//! acknowledged, and its mark lost with the power; a bad sector that holds its header takes what lies before it
//! in that sector along. The whole header of a frame that was begun is as good a witness as a mark.

use crate::frame::{self, Fault, Kind};
use crate::position::Position;
use crate::store::Damage;

/// How many bytes are passed over at a time.
const PAGE: usize = 4096;

/// What lies behind the last frame that reads.
pub(super) struct Behind {
    /// Whether a mark says that all frames that read are durable.
    pub(super) witnessed: bool,
    /// Bytes up to the last that is neither zero nor a mark's.
    pub(super) debris_bytes: u64,
    /// Bytes up to the last that is not zero.
    pub(super) touched_bytes: u64,
    /// Where the last mark begins.
    pub(super) mark: Option<u64>,
}

/// Looks for witnesses behind the last frame that reads, at the start of `rest`; one that says that there was
/// more makes this place damage.
pub(super) fn look_behind(rest: &[u8], position: &Position) -> Result<Behind, Damage> {
    let mut behind = Behind { witnessed: false, debris_bytes: 0, touched_bytes: 0, mark: None };
    let mut at = 0;
    while at < rest.len() {
        if at % PAGE == 0 {
            // Most of a segment is zeros: whole pages of them at a time, without a branch a byte.
            let page = &rest[at..rest.len().min(at + PAGE)];
            if page.iter().fold(0, |any, byte| any | byte) == 0 {
                at += page.len();
                continue;
            }
        }
        let word = &rest[at..rest.len().min(at + 8)];
        if word.iter().all(|byte| *byte == 0) {
            at += 8;
            continue;
        }
        match frame::decode_header(&rest[at..]) {
            Ok((header, _)) if header.log == position.log => {
                let stale = position.has_passed(&header);
                // The bad place itself may begin with a whole header: its append stopped in the body.
                if !stale && (at > 0 || header.kind == Kind::Mark) {
                    return Err(Damage::BitRot);
                }
                // Begun after all before it was synced.
                behind.witnessed |= at == 0 && header.prev == position.chain;
                if let Ok(frame) = frame::decode(&rest[at..])
                    && stale
                {
                    behind.witnessed |= position.is_witnessed_by(&frame);
                    behind.mark = Some(at as u64);
                    at += frame.bytes;
                    behind.touched_bytes = at as u64;
                    continue;
                }
            }
            Err(Fault::Future) => return Err(Damage::FutureFormat),
            _ => {}
        }
        let last = word.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        behind.debris_bytes = (at + last) as u64;
        behind.touched_bytes = behind.debris_bytes;
        at += 8;
    }
    Ok(behind)
}
