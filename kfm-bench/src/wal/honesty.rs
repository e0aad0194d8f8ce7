//! What a log does about one fault in what it has acknowledged: it refuses, loses in silence, or nothing
//! happens.
//!
//! Each log appends for a while, every append synced and answered. Its folder is copied while the log is
//! still open, as a machine finds it after a crash. Then one fault at a time is put into a copy, somewhere in
//! the sectors that are in use, and another process opens the copy and reads all records back. A log that
//! answers with fewer records or with other bytes, and without an error, has lost in silence. The faults know
//! no log's format; `kfm-sim -- honesty` has faults that do, by the hundred thousand, for the toolkit's own
//! log.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kfm_wal::{LocalLog, LocalOptions, Lsn, WalStore as _};

use super::log::{Fjall, KfmTasks, Log, Okaywal, RaftEngine, Redb, Replay, Sqlite};

const SECTOR_BYTES: usize = 512;
/// How long each log appends.
const APPENDING: Duration = Duration::from_millis(300);
/// How many faults of each kind a log gets.
const FAULTS: u64 = 40;
/// How long a log may take to open before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// A kind of fault.
#[derive(Debug, Clone, Copy)]
enum Fault {
    FlippedBit,
    ZeroedSector,
    DuplicatedSector,
    SwappedSectors,
    TornEnd,
    CutFile,
}

const ALL: [(Fault, &str); 6] = [
    (Fault::FlippedBit, "flipped bit"),
    (Fault::ZeroedSector, "zeroed sector"),
    (Fault::DuplicatedSector, "duplicated sector"),
    (Fault::SwappedSectors, "swapped sectors"),
    (Fault::TornEnd, "torn end"),
    (Fault::CutFile, "cut file"),
];

/// How many times a log did what.
#[derive(Debug, Default)]
struct Verdicts {
    intact: u64,
    refused: u64,
    silent: u64,
    lost_max: u64,
}

/// Prints a table, or one JSON object a line.
pub fn answer(json: bool) {
    let dir = tempfile::tempdir().expect("a folder");
    if !json {
        println!(
            "{:12} {:18} {:>7} {:>7} {:>7} {:>7} {:>8} {:>8}",
            "log", "fault", "records", "faults", "intact", "refused", "silent", "lost max"
        );
    }
    for name in ["kfm-wal", "okaywal", "raft-engine", "fjall", "redb", "sqlite"] {
        let crashed = dir.path().join(format!("{name}-crashed"));
        append_and_crash(name, &dir.path().join(name), &crashed);
        let work = dir.path().join("work");
        copy(&crashed, &work);
        let Some(records) = read_in_a_process(name, &work) else {
            println!("{name:12} does not open after a crash without any fault");
            continue;
        };
        let mut seed = 1;
        for (fault, word) in ALL {
            let mut verdicts = Verdicts::default();
            for _ in 0..FAULTS {
                copy(&crashed, &work);
                strike(&work, fault, &mut seed);
                match read_in_a_process(name, &work) {
                    None => verdicts.refused += 1,
                    Some(found) if found == records => verdicts.intact += 1,
                    Some(found) => {
                        verdicts.silent += 1;
                        verdicts.lost_max = verdicts.lost_max.max(records.saturating_sub(found));
                    }
                }
            }
            let Verdicts { intact, refused, silent, lost_max } = verdicts;
            if json {
                let object = serde_json::json!({
                    "name": name, "fault": word, "records": records, "faults": FAULTS, "intact": intact,
                    "refused": refused, "silent_losses": silent, "records_lost_max": lost_max,
                });
                println!("{object}");
            } else {
                println!(
                    "{name:12} {word:18} {records:>7} {FAULTS:>7} {intact:>7} {refused:>7} {silent:>8} {lost_max:>8}"
                );
            }
        }
    }
}

/// Opens a log, reads all records, and prints their number if each one is what was appended.
pub fn read_back(name: &str, dir: &Path) {
    let mut whole = 0_u64;
    let mut take = |payload: &[u8]| {
        let sound = payload.len() == super::RECORD_BYTES && payload[8..].iter().all(|byte| *byte == 0x5a);
        whole += u64::from(sound);
    };
    let _ = match name {
        "kfm-wal" => read_ours(dir, &mut take),
        "okaywal" => Okaywal::replay(dir, &mut take),
        "raft-engine" => RaftEngine::replay(dir, &mut take),
        "fjall" => Fjall::replay(dir, &mut take),
        "redb" => Redb::replay(dir, &mut take),
        _ => Sqlite::replay(dir, &mut take),
    };
    println!("{whole}");
}

/// Opens the toolkit's own log as its next writer does, which repairs what an interrupted append left.
fn read_ours(dir: &Path, take: &mut dyn FnMut(&[u8])) -> u64 {
    let options = LocalOptions::new(Arc::new(kfm_retry::SystemClock));
    let (log, _) = LocalLog::open(dir, options).expect("the log");
    let records = futures::executor::block_on(log.scan(Lsn(1), usize::MAX)).expect("the records");
    records.iter().for_each(|stored| take(&stored.record.payload));
    records.len() as u64
}

fn append_and_crash(name: &str, dir: &Path, crashed: &Path) {
    let log: Box<dyn Log> = match name {
        "kfm-wal" => Box::new(KfmTasks::create(dir)),
        "okaywal" => Box::new(Okaywal::create(dir)),
        "raft-engine" => Box::new(RaftEngine::create(dir)),
        "fjall" => Box::new(Fjall::open(dir)),
        "redb" => Box::new(Redb::open(dir)),
        _ => Box::new(Sqlite::create(dir)),
    };
    log.round(1, APPENDING);
    copy(dir, crashed);
}

/// Makes `to` a copy of the folder `from`; removes what was there.
fn copy(from: &Path, to: &Path) {
    if to.exists() {
        fs::remove_dir_all(to).expect("a folder of ours");
    }
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("the folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Reads a log back in another process; `None` if that fails or hangs.
fn read_in_a_process(name: &str, dir: &Path) -> Option<u64> {
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program)
        .args(["read-back", name])
        .arg(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process");
    let begun = Instant::now();
    loop {
        match child.try_wait().expect("the process") {
            Some(status) if status.success() => break,
            Some(_) => return None,
            None if begun.elapsed() > PATIENCE => {
                child.kill().expect("the process");
                child.wait().expect("the process");
                return None;
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    }
    let output = child.wait_with_output().expect("the output");
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

/// Puts one fault into a folder.
fn strike(dir: &Path, fault: Fault, seed: &mut u64) {
    let mut files = Vec::new();
    list(dir, &mut files);
    files.sort();
    let mut used: Vec<(usize, usize)> = Vec::new();
    let contents: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).expect("a file")).collect();
    for (file, bytes) in contents.iter().enumerate() {
        let sectors = bytes.chunks(SECTOR_BYTES).enumerate();
        let filled = sectors.filter(|(_, sector)| sector.iter().any(|byte| *byte != 0));
        used.extend(filled.map(|(sector, _)| (file, sector * SECTOR_BYTES)));
    }
    let (file, start) = used[below(seed, used.len())];
    let mut bytes = contents[file].clone();
    let end = bytes.len().min(start + SECTOR_BYTES);
    let next = start + SECTOR_BYTES..(start + 2 * SECTOR_BYTES).min(bytes.len());
    match fault {
        Fault::FlippedBit => bytes[start + below(seed, end - start)] ^= 1 << below(seed, 8),
        Fault::ZeroedSector => bytes[start..end].fill(0),
        Fault::DuplicatedSector if !next.is_empty() => {
            let length = next.len();
            bytes.copy_within(start..start + length, next.start);
        }
        Fault::SwappedSectors if next.len() == SECTOR_BYTES => {
            let (one, other) = bytes.split_at_mut(next.start);
            one[start..].swap_with_slice(&mut other[..SECTOR_BYTES]);
        }
        Fault::TornEnd => {
            let last = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            bytes[last.saturating_sub(1 + below(seed, 300))..last].fill(0);
        }
        // The file becomes shorter, as in a copy that did not finish.
        Fault::CutFile => bytes.truncate(start),
        Fault::DuplicatedSector | Fault::SwappedSectors => {}
    }
    fs::write(&files[file], bytes).expect("the file");
}

fn list(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { list(&path, files) } else { files.push(path) }
    }
}

/// Returns a number below `bound` that follows from the seed (SplitMix64, Steele et al. 2014).
fn below(seed: &mut u64, bound: usize) -> usize {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).expect("below a usize")
}
