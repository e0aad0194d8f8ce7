//! Which processes may open a log, and what readers see.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod common;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::SystemTime;

use common::{DIR, all, append, options, read_only, records};
use kfm_wal::conformance::{join_all, record, run};
use kfm_wal::local::SegmentSizes;
use kfm_wal::local::disk::{Access, Disk, DiskFile, DiskLock, RealDisk};
use kfm_wal::local::faulty::FaultyDisk;
use kfm_wal::local::simulated::{Fault, SimulatedDisk};
use kfm_wal::{Depth, LocalLog, Lsn, WalError, WalStore};

/// Segments that take what these tests append.
const LARGE: SegmentSizes = SegmentSizes { first_bytes: 64 << 10, max_bytes: 64 << 10 };

fn open(dir: &Path) -> Result<LocalLog, WalError> {
    Ok(LocalLog::open(dir, options(Arc::new(RealDisk), 1))?.0)
}

/// Every file below a folder with its bytes and times.
fn state(dir: &Path) -> BTreeMap<std::path::PathBuf, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let modified = path.metadata().unwrap().modified().unwrap();
        if path.is_dir() {
            found.extend(state(&path));
            found.insert(path, (Vec::new(), modified));
        } else {
            found.insert(path.clone(), (std::fs::read(&path).unwrap(), modified));
        }
    }
    found
}

#[test]
fn a_second_writer_is_refused_and_told_who_holds_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).unwrap();
    match open(dir.path()) {
        Err(WalError::Locked { holder }) => assert!(holder.starts_with("the test since="), "{holder}"),
        other => panic!("{other:?}"),
    }
    append(&first, 1).unwrap();
    drop(first);
    assert_eq!(all(&open(dir.path()).unwrap()), records(1));
}

#[test]
fn a_reader_writes_nothing_whatever_it_does() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path()).unwrap();
    append(&log, 1).unwrap();
    drop(log);
    for path in [dir.path().to_path_buf(), dir.path().join("missing")] {
        let before = state(dir.path());
        let reader = LocalLog::open_read_only(&path).unwrap();
        all(&reader);
        run(reader.head()).unwrap();
        run(reader.verify(Depth::Chain)).unwrap();
        assert!(matches!(append(&reader, 2), Err(WalError::ReadOnly)));
        assert!(matches!(run(reader.fence()), Err(WalError::ReadOnly)));
        drop(reader);
        assert!(state(dir.path()) == before);
    }
}

#[test]
fn a_reader_of_a_missing_folder_has_an_empty_log_and_sees_it_begin() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wal");
    let reader = LocalLog::open_read_only(&path).unwrap();
    assert_eq!(run(reader.head()).unwrap().lsn, Lsn::ZERO);
    let log = open(&path).unwrap();
    append(&log, 1).unwrap();
    assert_eq!(all(&reader), records(1));
}

#[test]
fn a_reader_follows_a_writer_over_segments_and_reopenings() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path()).unwrap();
    let reader = LocalLog::open_read_only(dir.path()).unwrap();
    for n in 1..=100 {
        append(&log, n).unwrap();
        assert_eq!(run(reader.scan(Lsn(n), 9)).unwrap()[0].record, record(n));
        let (seen, head) = (run(reader.head()).unwrap(), run(log.head()).unwrap());
        assert_eq!(seen, head);
        if n % 33 == 0 {
            drop(log);
            log = open(dir.path()).unwrap();
        }
    }
    assert!(run(reader.verify(Depth::Chain)).unwrap().segments > 2);
    assert_eq!(all(&reader), records(100));
}

#[test]
fn a_reader_beside_a_busy_writer_never_sees_damage() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path()).unwrap();
    let path = dir.path().to_path_buf();
    let (stop, stopped) = mpsc::channel::<()>();
    let reading = std::thread::spawn(move || {
        let mut looks = 0;
        let follower = LocalLog::open_read_only(&path).unwrap();
        while stopped.try_recv().is_err() {
            let reader = LocalLog::open_read_only(&path).unwrap();
            let shown = all(&reader).len() as u64;
            assert_eq!(all(&reader)[..shown as usize], records(shown));
            let followed = all(&follower).len() as u64;
            assert!(followed >= shown, "{followed} {shown}");
            looks += 1;
        }
        looks
    });
    for n in 1..=2000 {
        append(&log, n).unwrap();
    }
    stop.send(()).unwrap();
    assert!(reading.join().unwrap() > 5);
}

#[test]
fn segment_sizes_given_when_a_log_is_reopened_take_effect() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    let sizes = SegmentSizes { first_bytes: 8192, max_bytes: 1 << 20 };
    let larger = options(Arc::new(RealDisk), 2).with_segment_sizes(sizes);
    let (log, _) = LocalLog::open(dir.path(), larger).unwrap();
    for n in 1..=100 {
        append(&log, n).unwrap();
    }
    let mut lengths: Vec<u64> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".kfw"))
        .map(|entry| entry.metadata().unwrap().len())
        .collect();
    lengths.sort();
    assert_eq!(lengths, [8192, 16384, 32768], "preallocated, growing");
}

#[test]
fn a_first_log_is_small_and_made_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(kfm_retry::ManualClock::new(SystemTime::UNIX_EPOCH));
    let path = dir.path().join("a").join("b");
    let (_, report) = LocalLog::open(&path, kfm_wal::LocalOptions::new(clock)).unwrap();
    assert!(report.created && report.epoch == 1 && report.records == 0);
    let bytes: u64 = state(&path).values().map(|(bytes, _)| bytes.len() as u64).sum();
    assert!(bytes < 300 << 10, "bytes={bytes}");
}

/// A real disk whose syncs wait while the gate is closed.
#[derive(Debug, Clone, Default)]
struct GatedDisk(Arc<Gate>);

#[derive(Debug, Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    closed: bool,
    waiting: usize,
}

impl GatedDisk {
    fn close(&self) {
        self.0.state.lock().unwrap().closed = true;
    }

    fn open(&self) {
        self.0.state.lock().unwrap().closed = false;
        self.0.changed.notify_all();
    }

    fn wait_for_a_sync(&self) {
        let state = self.0.state.lock().unwrap();
        let limit = std::time::Duration::from_secs(60);
        let waited = self.0.changed.wait_timeout_while(state, limit, |state| state.waiting == 0);
        let waited = waited.unwrap().1;
        assert!(!waited.timed_out(), "an append syncs");
    }
}

impl Disk for GatedDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(GatedFile(RealDisk.open(path, access)?, Arc::clone(&self.0))))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        RealDisk.lock(path)
    }
}

#[derive(Debug)]
struct GatedFile(Box<dyn DiskFile>, Arc<Gate>);

impl DiskFile for GatedFile {
    fn bytes(&mut self) -> io::Result<u64> {
        self.0.bytes()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, buffer)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.1.state.lock().unwrap();
        state.waiting += 1;
        self.1.changed.notify_all();
        let mut state = self.1.changed.wait_while(state, |state| state.closed).unwrap();
        state.waiting -= 1;
        drop(state);
        self.0.sync()
    }
}

#[test]
fn while_the_disk_syncs_others_read_and_queue_up_and_what_they_see_they_have_synced() {
    let dir = tempfile::tempdir().unwrap();
    let disk = GatedDisk::default();
    let (log, _) = LocalLog::open(dir.path(), options(Arc::new(disk.clone()), 1)).unwrap();
    let log = &log;
    append(log, 1).unwrap();
    disk.close();
    std::thread::scope(|scope| {
        scope.spawn(|| append(log, 2).unwrap());
        disk.wait_for_a_sync();
        let others: Vec<_> = (3..=9).map(|n| scope.spawn(move || append(log, n).unwrap())).collect();
        assert_eq!(all(log), records(1), "what is not durable is not shown, and no reader waits");
        let beside = LocalLog::open_read_only(dir.path()).unwrap();
        assert_eq!(all(&beside), records(2), "it has made durable what it shows");
        disk.open();
        for other in others {
            other.join().unwrap();
        }
    });
    assert_eq!(all(log).len(), 9);
}

#[test]
fn appends_that_come_together_are_one_frame_and_one_sync() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::new(Arc::new(RealDisk));
    let sizes = SegmentSizes { first_bytes: 1 << 20, max_bytes: 1 << 20 };
    let options = options(Arc::new(disk.clone()), 1).with_segment_sizes(sizes);
    let (log, _) = LocalLog::open(dir.path(), options).unwrap();
    let before = disk.syncs();
    let batches: Vec<_> = (1..=64).map(|n| [record(n)]).collect();
    run(join_all(batches.iter().map(|batch| log.append(batch, None)).collect()));
    assert_eq!(disk.syncs() - before, 1);
    assert_eq!(all(&log), records(64));
}

#[test]
fn a_look_at_a_quiet_log_reads_two_frames_wherever_the_log_ends() {
    let dir = tempfile::tempdir().unwrap();
    let sizes = SegmentSizes { first_bytes: 256 << 10, max_bytes: 256 << 10 };
    let options = options(Arc::new(RealDisk), 1).with_segment_sizes(sizes);
    let (log, _) = LocalLog::open(dir.path(), options).unwrap();
    let disk = FaultyDisk::new(Arc::new(RealDisk));
    let reader = LocalLog::open_read_only_on(dir.path(), Arc::new(disk.clone())).unwrap();
    // A frame of 152 bytes: its end falls at every distance from the end of a page.
    for n in 1..=512 {
        run(log.append(&[kfm_wal::NewRecord { payload: Vec::new(), ..record(n) }], None)).unwrap();
        assert_eq!(run(reader.head()).unwrap().lsn, Lsn(n));
        let before = disk.bytes_read();
        run(reader.head()).unwrap();
        let bytes = disk.bytes_read() - before;
        assert!(bytes <= 2 * 112, "n={n} bytes={bytes}");
    }
}

#[test]
fn an_append_that_never_finished_hides_nothing_that_was_shown() {
    let sized = |n, bytes| kfm_wal::NewRecord { payload: vec![7; bytes], ..record(n) };
    let mut torn = 0;
    // Every place in a page where the last record can end, with frames of several lengths begun behind it.
    for (last, next) in (0..512).flat_map(|n| [0, 100, 2000].map(|next| (8 * n, next))) {
        let disk = SimulatedDisk::new();
        let (log, _) =
            LocalLog::open(DIR, options(Arc::new(disk.clone()), 1).with_segment_sizes(LARGE)).unwrap();
        run(log.append(&[sized(1, last)], None)).unwrap();
        let reader = read_only(Arc::new(disk.clone())).unwrap();
        let shown = run(reader.head()).unwrap();
        assert_eq!(shown.lsn, Lsn(1), "it has a mark: last={last}");

        disk.fail_at(disk.changes() + 1, Fault::Half);
        assert!(run(log.append(&[sized(2, next)], None)).is_err());
        assert_eq!(run(reader.head()).unwrap(), shown, "last={last} next={next}");
        assert_eq!(all(&reader), [sized(1, last)], "last={last} next={next}");

        // A reader that comes now has not seen the mark, and must see the same records.
        let late = read_only(Arc::new(disk)).unwrap();
        torn += u32::from(late.report().torn_bytes > 0);
        assert_eq!(run(late.head()).unwrap(), shown, "last={last} next={next}");
    }
    assert!(torn > 1_500, "torn={torn}");
}

#[test]
fn a_mark_that_was_never_written_hides_nothing_from_readers() {
    let disk = SimulatedDisk::new();
    let (log, _) = common::open(Arc::new(disk.clone())).unwrap();
    append(&log, 1).unwrap();
    let before = read_only(Arc::new(disk.clone())).unwrap();
    assert_eq!(all(&before), records(1));
    // In this order: the frame, the sync, and then the mark.
    disk.fail_at(disk.changes() + 3, Fault::Refuse);
    append(&log, 2).unwrap();
    assert!(append(&log, 3).is_err(), "the disk failed, and nothing more is written");
    for reader in [&before, &read_only(Arc::new(disk.clone())).unwrap()] {
        assert_eq!(all(reader), records(2), "beside the writer");
    }
    drop(log);
    assert_eq!(all(&before), records(2), "after it");
    for seed in 0..32 {
        disk.reboot(seed);
        assert_eq!(all(&read_only(Arc::new(disk.clone())).unwrap()), records(2), "seed={seed}");
    }
}

#[test]
fn what_a_writer_could_not_sync_no_reader_shows_and_a_power_cut_takes_nothing_that_was_shown() {
    for seed in 0..64 {
        let disk = SimulatedDisk::new();
        let (log, _) = common::open(Arc::new(disk.clone())).unwrap();
        append(&log, 1).unwrap();
        disk.fail_at(disk.changes() + 2, Fault::Lie);
        assert!(matches!(append(&log, 2), Err(WalError::Unknown { .. })));
        drop(log);
        let shown = all(&read_only(Arc::new(disk.clone())).unwrap());
        assert_eq!(shown, records(1));
        disk.reboot(seed);
        assert!(all(&read_only(Arc::new(disk.clone())).unwrap()).starts_with(&shown), "seed={seed}");
    }
}

#[test]
fn a_next_write_that_is_torn_takes_no_witness_of_what_was_acknowledged() {
    let mut torn = 0;
    for seed in 0..256 {
        let disk = SimulatedDisk::new();
        let (log, _) = common::open(Arc::new(disk.clone())).unwrap();
        append(&log, 1).unwrap();
        drop(log);
        let path = common::segments(&disk).pop().unwrap();
        // The next writer's claim: its frame is written, and the power fails before the sync.
        let settling = 3;
        disk.fail_at(disk.changes() + settling + 1, Fault::PowerCut);
        assert!(common::open(Arc::new(disk.clone())).is_err());
        disk.reboot(seed);
        let reader = read_only(Arc::new(disk.clone())).unwrap();
        assert_eq!(all(&reader), records(1), "seed={seed}");
        torn += u32::from(reader.report().torn_bytes > 0);
        let mut bytes = disk.contents(&path).unwrap();
        assert!(bytes[4096..4200].iter().any(|byte| *byte != 0), "the mark is there: seed={seed}");
        // One bit of the record rots, so that it cannot be read any more.
        bytes[300] ^= 1;
        disk.overwrite(&path, bytes);
        assert!(matches!(read_only(Arc::new(disk.clone())), Err(WalError::Corrupt { .. })), "seed={seed}");
    }
    assert!(torn > 0);
}
