//! What the disk can do: a preallocated file, written and synced, without a log.
//!
//! One appender writes its record and calls `fdatasync`. Many threads form groups: the first thread writes
//! and syncs for all that came before it began. Nothing is framed, hashed or indexed.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use super::Log;
use crate::wal::RECORD_BYTES;
use crate::wal::round::{Round, on_threads};

/// The length of the file in bytes; at its end the writer begins at its start again.
const FILE_BYTES: u64 = 64 << 20;

/// A file, and the threads that wait for a sync.
pub struct Raw {
    file: File,
    group: Mutex<Group>,
    synced: Condvar,
}

#[derive(Default)]
struct Group {
    waiting: Vec<u8>,
    /// How many records came, and how many of them are durable.
    came: u64,
    durable: u64,
    led: bool,
    offset: u64,
}

impl Raw {
    /// Makes the file; every byte of it is written and synced.
    pub fn create(dir: &Path) -> Self {
        std::fs::create_dir_all(dir).expect("a folder");
        let file = File::create(dir.join("raw")).expect("a file");
        let zeros = vec![0; 1 << 20];
        for offset in (0..FILE_BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, offset).expect("a write");
        }
        file.sync_all().expect("a sync");
        Self { file, group: Mutex::default(), synced: Condvar::new() }
    }

    fn append(&self, record: &[u8]) {
        let mut group = self.group.lock().expect("no panic");
        group.waiting.extend_from_slice(record);
        group.came += 1;
        let mine = group.came;
        while group.durable < mine {
            if group.led {
                group = self.synced.wait(group).expect("no panic");
                continue;
            }
            group.led = true;
            let (bytes, came, offset) = (std::mem::take(&mut group.waiting), group.came, group.offset);
            drop(group);
            self.write(&bytes, offset);
            group = self.group.lock().expect("no panic");
            group.durable = came;
            group.offset = if offset + (1 << 20) < FILE_BYTES { offset + bytes.len() as u64 } else { 0 };
            group.led = false;
            self.synced.notify_all();
        }
    }

    fn write(&self, bytes: &[u8], offset: u64) {
        self.file.write_all_at(bytes, offset).expect("a write");
        self.file.sync_data().expect("a sync");
    }
}

impl Log for Raw {
    fn name(&self) -> &'static str {
        "raw"
    }

    fn round(&self, appenders: usize, time: Duration) -> Round {
        let record = [0x5a; RECORD_BYTES];
        on_threads(appenders, time, |_| self.append(&record))
    }
}
