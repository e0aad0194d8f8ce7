//! A full disk: nothing acknowledged is lost, the log can be read and repaired, and goes on once there is
//! room again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod common;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{all, options};
use kfm_wal::conformance::{record, run};
use kfm_wal::local::SegmentSizes;
use kfm_wal::local::ahead::Threads;
use kfm_wal::local::disk::{Access, Disk, DiskFile, DiskLock, RealDisk};
use kfm_wal::local::inspect::inspect_on;
use kfm_wal::local::verify_on;
use kfm_wal::{Depth, LocalLog, NewRecord, Outlook, RecoveryReport, WalError, WalStore};

/// A disk with limited room, and what a test can do to that room.
trait Room {
    fn disk(&self) -> Arc<dyn Disk>;
    fn dir(&self) -> PathBuf;
    /// Takes every byte that is free.
    fn take_all(&self);
    /// Frees the room that `take_all` took.
    fn give_back(&self);
}

fn open(room: &dyn Room) -> Result<(LocalLog, RecoveryReport), WalError> {
    let sizes = SegmentSizes { first_bytes: 32 << 10, max_bytes: 64 << 10 };
    LocalLog::open(room.dir(), options(room.disk(), 1).with_segment_sizes(sizes))
}

fn sized(n: u64) -> NewRecord {
    NewRecord { payload: vec![n as u8 | 1; 900], ..record(n) }
}

fn append(log: &LocalLog, n: u64) -> Result<(), WalError> {
    run(log.append(&[sized(n)], None)).map(drop)
}

/// Appends until the disk is full, and returns how many records were acknowledged.
fn fill(log: &LocalLog) -> u64 {
    let refused = |n: &u64| append(log, *n).err();
    let (n, error) = (1..5000).find_map(|n| refused(&n).map(|error| (n, error))).expect("the disk is small");
    assert_eq!(error.outlook(), Outlook::Transient, "nothing was appended: {error}");
    n - 1
}

fn expected(n: u64) -> Vec<NewRecord> {
    (1..=n).map(sized).collect()
}

/// Asserts that a reader sees `n` records, and that the log is sound.
fn assert_read(room: &dyn Room, n: u64) {
    let reader = LocalLog::open_read_only_on(room.dir(), room.disk()).unwrap();
    assert_eq!(all(&reader), expected(n));
    assert!(verify_on(room.disk().as_ref(), &room.dir(), Depth::Chain).unwrap().first_bad.is_none());
}

fn acknowledged_records_stay_and_the_log_goes_on(room: &dyn Room) {
    let (log, _) = open(room).unwrap();
    let n = fill(&log);
    assert!(n > 20, "{n}");
    room.take_all();
    assert!(append(&log, n + 1).is_err());
    assert_eq!(all(&log), expected(n));
    room.give_back();
    append(&log, n + 1).unwrap();
    drop(log);
    assert_read(room, n + 1);
}

fn a_full_log_is_read_and_opened_with_nothing_free(room: &dyn Room) {
    let (log, _) = open(room).unwrap();
    let n = fill(&log);
    room.take_all();
    drop(log);
    assert_read(room, n);
    for _ in 0..10 {
        let (log, report) = open(room).unwrap();
        assert_eq!((all(&log), report.repaired), (expected(n), false));
        assert!(append(&log, 1).is_ok(), "a repeat needs no room");
        assert!(append(&log, n + 1).is_err());
    }
    room.give_back();
    let (log, _) = open(room).unwrap();
    append(&log, n + 1).unwrap();
    drop(log);
    assert_read(room, n + 1);
}

fn a_torn_tail_is_repaired_with_nothing_free(room: &dyn Room) {
    let (log, _) = open(room).unwrap();
    let n = 10;
    for n in 1..=n {
        append(&log, n).unwrap();
    }
    drop(log);
    // An append that was cut off: the beginning of a frame behind the last one.
    let disk = room.disk();
    let (segment, end) = {
        let inspection = inspect_on(disk.as_ref(), &room.dir()).unwrap();
        let segment = inspection.segments.last().unwrap();
        let last = segment.frames.iter().rfind(|frame| frame.kind != "mark").unwrap();
        (segment.name.clone(), last.offset + last.bytes)
    };
    let torn = vec![0xa5; 700];
    disk.open(&room.dir().join(&segment), Access::Write).unwrap().write_at(end, &torn).unwrap();
    room.take_all();
    assert_read(room, n);
    let (log, report) = open(room).unwrap();
    assert_eq!((report.repaired, report.torn_bytes, report.quarantined), (true, 700, None));
    assert_eq!(all(&log), expected(n));
    append(&log, n + 1).unwrap();
    drop(log);
    room.give_back();
    let inspection = inspect_on(disk.as_ref(), &room.dir()).unwrap();
    let repair =
        inspection.segments.last().unwrap().frames.iter().find(|frame| frame.kind == "repair").unwrap();
    let account = repair.account.as_ref().unwrap();
    assert_eq!((&account["bytes"], &account["quarantined"]), (&700.into(), &serde_json::Value::Null));
    let mut bytes = vec![0; repair.bytes as usize];
    let mut file = disk.open(&room.dir().join(&segment), Access::Read).unwrap();
    file.read_at(repair.offset, &mut bytes).unwrap();
    assert!(bytes.windows(700).any(|window| window == torn), "nothing is thrown away");
    assert_read(room, n + 1);
}

const SCENES: [fn(&dyn Room); 3] = [
    acknowledged_records_stay_and_the_log_goes_on,
    a_full_log_is_read_and_opened_with_nothing_free,
    a_torn_tail_is_repaired_with_nothing_free,
];

/// A disk on which all files together may have this many bytes.
#[derive(Debug, Clone)]
struct Quota {
    dir: PathBuf,
    left: Arc<AtomicU64>,
}

impl Quota {
    /// Takes `bytes` from the room that is left; refuses if that is too little.
    fn take(&self, bytes: u64) -> io::Result<()> {
        let taken =
            self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(bytes));
        taken.map(drop).map_err(|_| io::ErrorKind::StorageFull.into())
    }
}

impl Room for Quota {
    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    fn dir(&self) -> PathBuf {
        self.dir.clone()
    }

    fn take_all(&self) {
        self.left.store(0, Ordering::SeqCst);
    }

    fn give_back(&self) {
        self.left.store(1 << 20, Ordering::SeqCst);
    }
}

impl Disk for Quota {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        if !dir.is_dir() {
            self.take(4096)?;
        }
        RealDisk.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        if matches!(access, Access::Create | Access::New) {
            self.take(4096)?;
        }
        Ok(Box::new(QuotaFile { file: RealDisk.open(path, access)?, quota: self.clone() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let bytes = path.metadata()?.len();
        RealDisk.remove(path)?;
        self.left.fetch_add(bytes + 4096, Ordering::SeqCst);
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        let lock = RealDisk.lock(path)?;
        Ok(lock.map(|lock| Box::new(QuotaLock { lock, quota: self.clone() }) as Box<dyn DiskLock>))
    }
}

#[derive(Debug)]
struct QuotaFile {
    file: Box<dyn DiskFile>,
    quota: Quota,
}

impl DiskFile for QuotaFile {
    fn bytes(&mut self) -> io::Result<u64> {
        self.file.bytes()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, buffer)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let grows = (offset + bytes.len() as u64).saturating_sub(self.file.bytes()?);
        self.quota.take(grows)?;
        self.file.write_at(offset, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }
}

#[derive(Debug)]
struct QuotaLock {
    lock: Box<dyn DiskLock>,
    quota: Quota,
}

impl DiskLock for QuotaLock {
    fn note(&mut self, holder: &str) -> io::Result<()> {
        self.quota.take(holder.len() as u64)?;
        self.lock.note(holder)
    }
}

#[test]
fn a_disk_without_room_loses_nothing_and_holds_up_no_repair() {
    for scene in SCENES {
        let dir = tempfile::tempdir().unwrap();
        scene(&Quota { dir: dir.path().join("wal"), left: Arc::new(AtomicU64::new(300 << 10)) });
    }
}

/// A small file system of its own.
struct Mounted(PathBuf);

impl Mounted {
    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Room for Mounted {
    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(RealDisk)
    }

    fn dir(&self) -> PathBuf {
        self.0.join("wal")
    }

    fn take_all(&self) {
        let mut filler = std::fs::File::create(self.filler()).unwrap();
        let full = (0..1 << 20).find_map(|_| filler.write_all(&[1; 512]).err()).expect("the disk is small");
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    }

    fn give_back(&self) {
        std::fs::remove_file(self.filler()).unwrap();
        std::fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

#[test]
#[ignore = "needs to mount in a namespace of its own: unshare -rm"]
fn a_real_full_disk_loses_nothing_and_holds_up_no_repair() {
    let dir = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=600k none \"$1\" && exec \"$0\" --exact the_process_on_a_small_disk \
        --include-ignored --nocapture";
    let mut child = Command::new("unshare")
        .args(["-rm", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    write!(child.stdin.take().unwrap(), "{}", dir.path().display()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("scenes played: 3"), "{text}");
}

#[test]
#[ignore = "is started by the test above, where a small disk is mounted"]
fn the_process_on_a_small_disk() {
    let dir = io::read_to_string(io::stdin()).unwrap();
    if dir.is_empty() {
        return;
    }
    let dir = PathBuf::from(dir);
    for scene in SCENES {
        std::fs::write(dir.join("ballast"), [1; 128 << 10]).unwrap();
        scene(&Mounted(dir.clone()));
        std::fs::remove_dir_all(dir.join("wal")).unwrap();
    }
    writeln!(io::stdout(), "scenes played: {}", SCENES.len()).unwrap();
}

#[test]
fn filling_ahead_on_a_disk_without_room_takes_nothing_from_the_appends() {
    let dir = tempfile::tempdir().unwrap();
    let room = Quota { dir: dir.path().join("wal"), left: Arc::new(AtomicU64::new(300 << 10)) };
    let sizes = SegmentSizes { first_bytes: 32 << 10, max_bytes: 64 << 10 };
    let options = options(room.disk(), 1).with_segment_sizes(sizes).with_background(Arc::new(Threads));
    let (log, _) = LocalLog::open(room.dir(), options).unwrap();
    let n = fill(&log);
    drop(log);
    assert_read(&room, n);
}
