//! Snapshots of what the log says, forged: what the log does not name is not believed, and what it names and lies
//! ends no process (ADR 0012).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use kfm_lineage::{Digest, Lsn};
use kfm_retry::ManualClock;
use kfm_rollback::blob::ObjectBlobs;
use kfm_rollback::history::{CELLS, CELLS_FORM, HISTORY, History};
use kfm_rollback::versions::VersionStore;
use kfm_wal::local::disk::{Disk, RealDisk};
use kfm_wal::log::{INDEX, INDEX_FORM};
use kfm_wal::record::{Record, SnapshotRecord};
use kfm_wal::table::Entry;
use kfm_wal::{Head, MemoryLog, Snapshots, Wal};
use serde_json::Value;

use crate::mutate::{Chance, mutated};
use crate::stage::Stage;
use crate::walk::{Counts, counted};

/// The states of a platform's snapshot: the heading and the lines of the history, and the entries of its tables.
pub struct Kept {
    pub of: Head,
    heading: Value,
    history: Vec<Value>,
    index: Vec<Entry>,
    cells: Vec<Entry>,
}

impl Kept {
    /// Keeps a snapshot of a log in a folder, and reads its states.
    pub async fn of(wal: &Wal, versions: &VersionStore, folder: &Path) -> Self {
        let snapshots = Snapshots::new(folder, Arc::new(RealDisk));
        let history = History::fold(wal, versions).await.unwrap();
        let (of, index) = wal.keep_index(&snapshots).unwrap();
        let kept = history.keep(of, &snapshots).unwrap();
        let text = std::fs::read_to_string(file(folder, HISTORY, of.lsn, &kept[HISTORY])).unwrap();
        let mut lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let entries = |name, form, digest| {
            let table = snapshots.table(name, form, of, &digest).unwrap();
            table.entries_from(&[]).collect::<Result<Vec<_>, _>>().unwrap()
        };
        Self {
            of,
            heading: lines.next().unwrap(),
            history: lines.collect(),
            index: entries(INDEX, INDEX_FORM, index),
            cells: entries(CELLS, CELLS_FORM, kept[CELLS]),
        }
    }

    /// Lays the states of a snapshot of `of` into a folder, one of them forged, and returns the record by which a log would
    /// name them. Their digests are those of what they say.
    pub fn lay_forged(&self, chance: &mut Chance, of: Head, folder: &Path) -> Record {
        RealDisk.create_dir(folder).unwrap();
        let snapshots = Snapshots::new(folder, Arc::new(RealDisk));
        let state = *chance.of(&[INDEX, HISTORY, CELLS]);
        let mut keep = |name, form, entries: &[Entry]| {
            let entries = if name == state { forged(chance, entries) } else { entries.to_vec() };
            snapshots.keep_table(name, form, of, entries.into_iter().map(Ok)).unwrap()
        };
        let index = keep(INDEX, INDEX_FORM, &self.index);
        let cells = keep(CELLS, CELLS_FORM, &self.cells);
        let mut lines = self.history.clone();
        for line in &mut lines {
            if let Some(line) = line.get_mut("cells") {
                line["of"] = serde_json::to_value(of).unwrap();
                line["table"] = serde_json::to_value(cells).unwrap();
            }
        }
        if state == HISTORY {
            for _ in 0..=chance.below(3) {
                let at = chance.below(lines.len());
                match chance.below(6) {
                    0 if lines.len() > 1 => drop(lines.remove(at)),
                    1 => lines.insert(at, chance.of(&lines.clone()).clone()),
                    _ => lines[at] = mutated(chance, &lines[at]),
                }
            }
        }
        let mut heading = self.heading.clone();
        heading["of"] = serde_json::to_value(of).unwrap();
        let text: String = [heading].into_iter().chain(lines).map(|line| format!("{line}\n")).collect();
        let history = Digest::of_bytes(text.as_bytes());
        std::fs::write(file(folder, HISTORY, of.lsn, &history), text).unwrap();
        let states = [(INDEX, index), (HISTORY, history), (CELLS, cells)];
        let states = states.into_iter().map(|(name, digest)| (name.to_owned(), digest)).collect();
        Record::Snapshot(SnapshotRecord { of, states })
    }
}

/// Changes a few bytes of keys and values.
fn forged(chance: &mut Chance, entries: &[Entry]) -> Vec<Entry> {
    let mut entries = entries.to_vec();
    for _ in 0..=chance.below(8) {
        let at = chance.below(entries.len());
        let (key, value) = &mut entries[at];
        let part = if chance.below(4) == 0 { key } else { value };
        match chance.below(4) {
            _ if part.is_empty() => part.push(0),
            0 => part.truncate(chance.below(part.len())),
            _ => {
                let at = chance.below(part.len());
                part[at] = u8::try_from(chance.below(256)).unwrap();
            }
        }
    }
    entries.sort();
    entries.dedup_by(|a, b| a.0 == b.0);
    entries
}

/// The file of a history, as its name has to be.
fn file(folder: &Path, name: &str, lsn: Lsn, digest: &Digest) -> PathBuf {
    folder.join(format!("{name}-{:020}-{}.jsonl", lsn.0, digest.hex()))
}

/// States of a real log, forged, whose names fit their bytes; one in two is named by the log, as only a writer of the
/// log could.
pub async fn walk(seed: u64, count: u64) -> Counts {
    let mut chance = Chance::of_seed(seed);
    let stage = Stage::new().await;
    let folder = tempfile::tempdir_in(stage.world.root()).unwrap();
    let wal = crate::forge::log_of(&stage.world.open().await).await;
    let kept = Kept::of(&wal, &stage.world.open().await.versions(), folder.path()).await;
    let versions = VersionStore::new(Arc::new(ObjectBlobs::in_memory()));
    let snapshots = Snapshots::new(folder.path(), Arc::new(RealDisk));
    let clock = || Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
    let first = stage.records.iter().find(|record| matches!(record, Record::Refusal(_))).unwrap();
    let (mut read, mut refused) = (0, 0);
    for n in 0..count {
        let log = MemoryLog::new();
        let whole = Wal::open(Arc::new(log.handle()), clock()).await.unwrap();
        whole.append(first.clone()).await.unwrap();
        let of = whole.head();
        let record = kept.lay_forged(&mut chance, of, folder.path());
        let is_named = n % 2 == 0;
        whole.append(if is_named { record } else { stage.records[0].clone() }).await.unwrap();
        let Ok((wal, opened)) = Wal::open_from(Arc::new(log), clock(), &snapshots).await else {
            panic!("a snapshot stops no log from being opened");
        };
        let folded = History::fold_from(&wal, &versions, &snapshots).await;
        if let Ok((history, of, unused)) = &folded {
            assert!(is_named || (opened.snapshot, *of) == (Lsn::ZERO, Lsn::ZERO), "believed: {unused:?}");
            for operation in history.operations() {
                let _ = (operation.misfit(), operation.status(false), operation.journal.done());
                let _ = (history.stands(&operation.id), history.last_turn(&operation.target));
            }
            for cell in history.cells().filter_map(Result::ok).map(|(cell, _)| cell) {
                let _ = (history.value(&cell), history.owner(&cell, None), history.is_a_pipelines(&cell));
            }
            read += u64::from(*of > Lsn::ZERO);
        }
        // A state that does not parse is passed over; then the other one, which is of a longer log, misleads.
        refused += u64::from(is_named && !matches!(&folded, Ok((_, of, _)) if *of > Lsn::ZERO));
        let _ = (wal.entries_from(Lsn(1)).await, wal.newest_at());
        for path in std::fs::read_dir(folder.path()).unwrap() {
            std::fs::remove_file(path.unwrap().path()).unwrap();
        }
    }
    counted("snapshots", &[("forged", count), ("named and read", read), ("named and refused", refused)])
}
