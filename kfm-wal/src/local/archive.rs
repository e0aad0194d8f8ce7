//! Setting old segments aside (R25): whole sealed segments go to a folder of their own, as part of the log.
//!
//! The writer first notes in the log which segments are about to go and why, then it renames them, the oldest
//! first. After a crash in between, some segments are in the archive and some are not, or, where a file
//! system renames in two steps, one is in both folders. So readers look in both. Nothing is deleted: the
//! chain can be verified from its first frame for ever, and an id of ten years ago is still recognised.

use std::path::Path;
use std::sync::Mutex;

use kfm_lineage::{Lsn, Timestamp};

use super::load::{self, io_error};
use super::segment;
use super::sync::guard;
use super::tail::{Batch, Tail};
use super::view::View;
use crate::error::WalError;
use crate::frame::Kind;
use crate::store::{REASON_BYTES_MAX, RetainReason, Retained};

/// The folder of the segments that were set aside, in the log's folder.
pub(crate) const ARCHIVE: &str = "archive";

/// Archives the sealed segments whose records all lie before `upto`.
pub(crate) fn archive(
    tail: &mut Tail,
    view: &Mutex<View>,
    upto: Lsn,
    reason: &RetainReason,
) -> Result<Retained, WalError> {
    let bytes = reason.policy_ref.len() + reason.requested_by.len();
    if bytes > REASON_BYTES_MAX {
        let (bytes, bytes_max) = (bytes as u64, REASON_BYTES_MAX as u64);
        return Err(WalError::TooLarge { id: "reason".to_owned(), bytes, bytes_max });
    }
    let there = load::list(tail.disk.as_ref(), &tail.dir)?;
    let (leaving, first_kept) = leaving(&guard(view), upto, &there);
    let retained = Retained {
        segments: leaving.len() as u64,
        bytes: leaving.iter().map(|(_, bytes)| bytes).sum(),
        first_kept,
    };
    let (Some((first, _)), Some((last, _))) = (leaving.first(), leaving.last()) else {
        return Ok(retained);
    };
    let account = serde_json::json!({
        "at": Timestamp::try_from(tail.clock.wall()).unwrap_or(Timestamp::UNIX_EPOCH),
        "first_kept": first_kept,
        "first_segment": first,
        "last_segment": last,
        "policy_ref": reason.policy_ref,
        "requested_by": reason.requested_by,
        "segments": retained.segments,
        "upto": upto,
    });
    let noted = tail.write(view, Kind::Archive, &mut Batch::new(account.to_string().as_bytes()));
    noted.map_err(|failure| failure.of_kind(Kind::Archive))?;
    set_aside(tail, leaving.iter().map(|(name, _)| name))?;
    Ok(retained)
}

/// Returns the segments that are to be archived, each with its bytes in use, and the first record that stays.
fn leaving(view: &View, upto: Lsn, there: &[String]) -> (Vec<(String, u64)>, Lsn) {
    let mut leaving = Vec::new();
    let mut first_kept = Lsn(1);
    for pair in view.segments.windows(2) {
        let next = segment::parse_name(&pair[1].name).map_or(Lsn::ZERO, |(first, _)| first);
        let archived = !there.contains(&pair[0].name);
        if !archived && (!pair[0].sealed || next > upto) {
            break;
        }
        first_kept = next;
        if !archived {
            leaving.push((pair[0].name.clone(), pair[0].end));
        }
    }
    (leaving, first_kept)
}

fn set_aside<'a>(tail: &Tail, names: impl Iterator<Item = &'a String>) -> Result<(), WalError> {
    let (disk, dir) = (tail.disk.as_ref(), &tail.dir);
    let archive = dir.join(ARCHIVE);
    disk.create_dir(&archive).map_err(io_error("make", &archive))?;
    for name in names {
        let path = dir.join(name);
        disk.rename(&path, &archive.join(name)).map_err(io_error("archive", &path))?;
    }
    // The archive is synced first: a name may be in both folders for a while, but never in neither.
    let sync = |dir: &Path| disk.sync_dir(dir).map_err(io_error("sync", dir));
    sync(&archive)?;
    sync(dir)
}
