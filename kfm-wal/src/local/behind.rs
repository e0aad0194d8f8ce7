//! The tail rule: how to tell what an interrupted append left from what was damaged later.
//!
//! A frame is written only after the one before it was synced. So at most one frame is unfinished, and it is
//! the last one.
//!
//! A bad place with a frame of this log behind it was durable once, and is damage. So is a bad place of which
//! a mark behind it says that it was durable. The mark lies in the next page of the disk, so that one bad
//! sector does not destroy a frame together with its witness. The whole header of a frame that was begun is
//! as good a witness as a mark.
//!
//! A bad place without a witness is an append that never finished. There is one case that nothing can tell
//! from it: the very last frame was damaged after its append was acknowledged, and its mark was lost with the
//! power. A bad sector that holds the header of that frame also destroys what lies before it in the sector.

use crate::frame::{self, Fault, Kind};
use crate::position::Position;
use crate::store::Damage;

/// How many zero bytes are passed over at a time.
const PAGE: usize = 4096;

/// What lies behind the last frame that can be read.
pub(super) struct Behind {
    /// Whether a witness says that all frames that can be read are durable.
    pub(super) witnessed: bool,
    /// The length in bytes up to the last byte that is neither zero nor part of a mark.
    pub(super) debris_bytes: u64,
    /// The length in bytes up to the last byte that is not zero.
    pub(super) touched_bytes: u64,
    /// The place of the last mark, from the last frame's end.
    pub(super) mark: Option<u64>,
}

/// Looks for witnesses behind the last frame that can be read; `rest` begins at that frame's end.
///
/// # Errors
/// The damage, if a witness says that there was more.
pub(super) fn look_behind(rest: &[u8], position: &Position) -> Result<Behind, Damage> {
    let mut behind = Behind { witnessed: false, debris_bytes: 0, touched_bytes: 0, mark: None };
    let mut at = 0;
    while at < rest.len() {
        if at % PAGE == 0 {
            // Most of a segment is zeros: whole pages are passed over at a time, without a branch for each
            // byte.
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
                // At the bad place itself a whole header is no witness of damage: an append may have stopped
                // in the body after it.
                if !stale && (at > 0 || header.kind == Kind::Mark) {
                    return Err(Damage::BitRot);
                }
                // This frame was begun after everything before it was synced.
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
