//! Opening a log for writing: lock, read, repair, and claim the next epoch.
//!
//! None of this needs more room on the disk than the log already has. On a full disk the torn bytes go into
//! the repair itself, over the place where they lay, and an epoch is claimed in the room that records leave
//! free.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use kfm_lineage::{Digest, Timestamp};

use super::disk::{Access, Disk, DiskLock};
use super::load::{self, Ending, FORMAT, Loaded, QUARANTINE, Torn, io_error};
use super::segment::{self, Label, UNFINISHED, write_whole};
use super::sync::guard;
use super::tail::{Batch, Failure, Tail};
use super::view::View;
use super::{LocalOptions, RecoveryReport, summary};
use crate::error::WalError;
use crate::frame::{self, BODY_BYTES_MAX, Kind, frame_bytes};

/// The file whose lock keeps other writers out.
pub(super) const LOCK: &str = "LOCK";

/// Opens the log in `dir` for writing; changes nothing in the log if it is damaged.
pub(crate) fn open(
    dir: &Path,
    options: LocalOptions,
) -> Result<(Tail, Arc<Mutex<View>>, RecoveryReport), WalError> {
    let disk = options.disk.as_ref();
    disk.create_dir(dir).map_err(io_error("make", dir))?;
    let now = Timestamp::try_from(options.clock.wall()).unwrap_or(Timestamp::UNIX_EPOCH);
    let lock = lock(disk, dir, &format!("{} since={now:.0}", options.holder))?;
    // These files were never finished: their process has died, because this one has the lock.
    for name in load::list(disk, dir)? {
        if name.ends_with(UNFINISHED) {
            let path = dir.join(&name);
            disk.remove(&path).map_err(io_error("remove", &path))?;
        }
    }

    let nonce = options.entropy.bytes16();
    let Loaded { view, ending } = load::load(disk, dir, crate::store::Depth::Chain)?;
    let created = view.is_none();
    let view = match (view, &ending) {
        (_, Ending::Bad(bad)) => return Err(bad.clone().into()),
        (Some(view), _) => view,
        (None, _) => {
            let mut view = View::new(options.entropy.bytes16());
            let label = Label { log_id: view.log_id, capacity: options.sizes.next(0, 0) };
            let name = segment::create(disk, dir, &view.position, label, nonce)
                .map_err(|error| io_error("make a segment in", dir)(error.source))?;
            view.add_segment(name, label.capacity);
            view
        }
    };
    let format = load::format_text(&view.log_id);
    if !load::list(disk, dir)?.iter().any(|name| name == FORMAT) {
        // A failed opening may have left a first segment that is visible and not durable. If the format were
        // durable without it, the log would count as damaged.
        disk.sync_dir(dir).map_err(io_error("sync", dir))?;
        write_whole(disk, dir, FORMAT, |file| file.write_at(0, format.as_bytes()))
            .map_err(|error| io_error("write the format of", dir)(error.source))?;
    }

    let path = dir.join(&view.segments.last().expect("a log has a segment").name);
    let file = disk.open(&path, Access::Write).map_err(io_error("open", &path))?;
    let mut tail = Tail {
        disk: Arc::clone(&options.disk),
        clock: Arc::clone(&options.clock),
        dir: dir.to_path_buf(),
        sizes: options.sizes,
        nonce,
        file,
        poisoned: false,
        mark: None,
        marked: false,
        mark_unsynced: false,
        background: options.background,
        ahead: None,
        lock,
    };
    tail.mark = view.segments.last().and_then(|segment| segment.mark);
    let view = Arc::new(Mutex::new(view));
    // In this order: what was read is made durable, then the torn end is repaired, and an epoch is claimed
    // with it.
    settle(&mut tail, &view)?;
    let torn_bytes = match ending {
        Ending::Torn(torn) | Ending::Unsealed(torn) => torn.bytes,
        Ending::Clean | Ending::Bad(_) => 0,
    };
    let quarantined = match ending {
        Ending::Torn(torn) => repair_tail(&mut tail, &view, torn, now)?,
        Ending::Unsealed(torn) => reseal(&mut tail, &view, torn, now)?,
        Ending::Clean | Ending::Bad(_) => {
            claim(&mut tail, &view)?;
            None
        }
    };
    let found = summary(&guard(&view));
    let report = RecoveryReport { created, torn_bytes, repaired: torn_bytes > 0, quarantined, ..found };
    Ok((tail, view, report))
}

fn lock(disk: &dyn Disk, dir: &Path, holder: &str) -> Result<Box<dyn DiskLock>, WalError> {
    let path = dir.join(LOCK);
    match disk.lock(&path).map_err(io_error("lock", &path))? {
        Some(mut lock) => {
            match lock.note(holder) {
                // This process has the lock all the same; others are told that the holder is unknown.
                Err(error) if !is_full(&error) => Err(io_error("lock", &path)(error)),
                _ => Ok(lock),
            }
        }
        None => {
            // The holder may not have written its name down yet.
            let holder = load::read(disk, &path).unwrap_or_default();
            let holder = String::from_utf8_lossy(&holder).into_owned();
            Err(WalError::Locked { holder: if holder.is_empty() { "unknown".to_owned() } else { holder } })
        }
    }
}

/// Makes durable what was read, before anything is built on it.
///
/// After a process died, and even more after a failed sync, the system may show bytes that never reached the
/// disk and that it does not mean to write any more. Only the last frame can be such, and the seal behind it
/// if the next segment is empty. So these are written again.
fn settle(tail: &mut Tail, view: &Mutex<View>) -> Result<(), WalError> {
    let unsure = {
        let view = guard(view);
        let last = view.segments.len() - 1;
        let frame = view.frames.last();
        let empty = frame.is_none_or(|frame| (frame.segment as usize) < last);
        let seal = view.segments[..last].last().filter(|segment| empty && segment.sealed);
        let seal = seal.map(|segment| {
            let bytes = frame::FRAME_BYTES_MIN as u64;
            (segment.name.clone(), segment.end - bytes, bytes)
        });
        let frame =
            frame.map(|at| (view.segments[at.segment as usize].name.clone(), at.offset, u64::from(at.bytes)));
        [frame, seal]
    };
    for (name, offset, bytes) in unsure.into_iter().flatten() {
        let path = tail.dir.join(&name);
        let mut file = segment::open(tail.disk.as_ref(), &tail.dir, &name, Access::Write)?;
        let rewritten = (|| {
            let mut frame = vec![0; usize::try_from(bytes).expect("a segment fits in memory")];
            file.read_at(offset, &mut frame)?;
            file.write_at(offset, &frame)?;
            file.sync()
        })();
        rewritten.map_err(io_error("settle the end of", &path))?;
    }
    let dir = &tail.dir;
    tail.disk.sync_dir(dir).map_err(io_error("sync", dir))
}

/// Claims the next epoch.
pub(crate) fn claim(tail: &mut Tail, view: &Mutex<View>) -> Result<(), WalError> {
    match tail.write(view, Kind::Fence, &mut Batch::new(&[])) {
        Err(Failure::NotWritten(error)) if finds_no_room(&error) && !tail.poisoned => {
            if put_in_reserve(tail, view, Kind::Fence, &[])? { Ok(()) } else { Err(error) }
        }
        written => written.map_err(|failure| failure.of_kind(Kind::Fence)),
    }
}

/// Writes a frame without records into the last segment, also into the reserve, where records may not go;
/// false if it does not fit.
fn put_in_reserve(tail: &mut Tail, view: &Mutex<View>, kind: Kind, body: &[u8]) -> Result<bool, WalError> {
    let (end, capacity) = {
        let view = guard(view);
        view.segments.last().map_or((0, 0), |segment| (segment.end, segment.capacity))
    };
    // Room for the seal must be left behind it.
    if end + (frame_bytes(body.len()) + frame::FRAME_BYTES_MIN) as u64 > capacity {
        return Ok(false);
    }
    let header = guard(view).position.header(kind, 0, tail.nonce);
    let (mut frame, chain) = frame::encode(&header, body, &[]);
    let put = tail.put(view, &header, &mut frame);
    put.map_err(|source| Failure::Unknown(source).of_kind(kind))?;
    guard(view).position.advance(&header, chain, None);
    Ok(true)
}

/// Sets the torn bytes at the end of the last segment aside, and writes the repair over them.
fn repair_tail(
    tail: &mut Tail,
    view: &Mutex<View>,
    torn: Torn,
    now: Timestamp,
) -> Result<Option<String>, WalError> {
    let segment = guard(view).segments.last().expect("a log has a segment").name.clone();
    let (name, account) = quarantine(tail, &segment, torn, now)?;
    // The reserve is kept for this. If it holds a repair already, this one goes into the next segment.
    if !put_in_reserve(tail, view, Kind::Repair, &account)? {
        tail.rotate(view, frame_bytes(account.len()) as u64)?;
        tail.write(view, Kind::Repair, &mut Batch::new(&account))
            .map_err(|failure| failure.of_kind(Kind::Repair))?;
    }
    Ok(name)
}

/// Seals the segment before the last one, which its writer was about to do.
fn reseal(
    tail: &mut Tail,
    view: &Mutex<View>,
    torn: Torn,
    now: Timestamp,
) -> Result<Option<String>, WalError> {
    let (index, segment, header) = {
        let view = guard(view);
        let index = view.segments.len() - 2;
        (index, view.segments[index].clone(), view.position.header(Kind::Seal, 0, tail.nonce))
    };
    let aside = match torn.bytes {
        0 => None,
        _ => Some(quarantine(tail, &segment.name, torn, now)?),
    };
    let (mut seal, _) = frame::encode(&header, &[], &[]);
    let clear = segment.touched.saturating_sub(segment.end + seal.len() as u64);
    seal.resize(seal.len() + usize::try_from(clear).expect("a segment fits in memory"), 0);
    let path = tail.dir.join(&segment.name);
    let sealed = tail.disk.open(&path, Access::Write).and_then(|mut file| {
        file.write_at(segment.end, &seal)?;
        file.sync()
    });
    sealed.map_err(io_error("seal", &path))?;
    guard(view).segments[index].sealed = true;
    let (name, kind, body) = match aside {
        Some((name, account)) => (name, Kind::Repair, account),
        None => (None, Kind::Fence, Vec::new()),
    };
    tail.write(view, kind, &mut Batch::new(&body)).map_err(|failure| failure.of_kind(kind))?;
    Ok(name)
}

/// Copies torn bytes to a file of their own; returns the file's name and the account for the log.
///
/// On a full disk the bytes go into the account itself, after its line, and there is no file: they need no
/// more room than they had.
fn quarantine(
    tail: &Tail,
    segment: &str,
    torn: Torn,
    now: Timestamp,
) -> Result<(Option<String>, Vec<u8>), WalError> {
    let path = tail.dir.join(segment);
    let bytes = load::read(tail.disk.as_ref(), &path)?;
    let start = usize::try_from(torn.offset).expect("a segment fits in memory");
    let length = usize::try_from(torn.bytes).expect("a segment fits in memory");
    let bytes = &bytes[start..start + length];
    let name = segment::quarantine_name(segment, torn.offset);
    let dir = tail.dir.join(QUARANTINE);
    let copied = tail.disk.create_dir(&dir).and_then(|()| {
        let written = write_whole(tail.disk.as_ref(), &dir, &name, |file| file.write_at(0, bytes));
        written.map_err(|error| error.source)
    });
    let name = match copied {
        Ok(()) => Some(format!("{QUARANTINE}/{name}")),
        Err(error) if is_full(&error) && bytes.len() < BODY_BYTES_MAX / 2 => None,
        Err(error) => return Err(io_error("set torn bytes aside in", &dir)(error)),
    };
    let account = serde_json::json!({
        "at": now,
        "bytes": torn.bytes,
        "digest": Digest::of_bytes(bytes),
        "offset": torn.offset,
        "quarantined": name,
        "segment": segment,
    });
    let mut account = account.to_string().into_bytes();
    if name.is_none() {
        account.push(b'\n');
        account.extend_from_slice(bytes);
    }
    Ok((name, account))
}

/// Says whether the file system refused because the disk is full.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn finds_no_room(error: &WalError) -> bool {
    let WalError::Io { source, .. } = error else { return false };
    source.downcast_ref::<io::Error>().is_some_and(is_full)
}
