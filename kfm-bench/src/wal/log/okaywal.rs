//! okaywal 0.3: group commit with a leader among threads; CRC32 over the data of each chunk.

use std::io;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use okaywal::{Configuration, Entry, EntryId, LogManager, LogVoid, SegmentReader, WriteAheadLog};

use super::{Log, Replay};
use crate::wal::round::{Round, on_threads};

/// As long as kfm-wal's longest segments in this comparison.
const SEGMENT_BYTES: u32 = 64 << 20;

/// okaywal with segments of 64 MiB, with which it is faster than with its default.
pub struct Okaywal(WriteAheadLog);

impl Okaywal {
    /// Makes an empty log.
    pub fn create(dir: &Path) -> Self {
        let config = Configuration::default_for(dir)
            .preallocate_bytes(SEGMENT_BYTES)
            .checkpoint_after_bytes(u64::from(SEGMENT_BYTES) * 15 / 16);
        Self(config.open(LogVoid).expect("a log"))
    }
}

impl Log for Okaywal {
    fn name(&self) -> &'static str {
        "okaywal"
    }

    fn round(&self, appenders: usize, time: Duration) -> Round {
        let record = crate::wal::record(0);
        on_threads(appenders, time, |_| {
            let mut entry = self.0.begin_entry().expect("an entry");
            entry.write_chunk(&record).expect("a chunk");
            entry.commit().expect("a commit");
        })
    }
}

impl Replay for Okaywal {
    const NAME: &'static str = "okaywal";
    const CHECKS: &'static str = "CRC32";

    fn fill(dir: &Path, records: u64, group: u64) {
        let config = Configuration::default_for(dir)
            .preallocate_bytes(u32::try_from(records * 450).expect("below 4 GiB"))
            .checkpoint_after_bytes(u64::MAX);
        let log = config.open(LogVoid).expect("a log");
        for first in (0..records).step_by(usize::try_from(group).expect("small")) {
            let mut entry = log.begin_entry().expect("an entry");
            for n in first..records.min(first + group) {
                entry.write_chunk(&crate::wal::record(n)).expect("a chunk");
            }
            entry.commit().expect("a commit");
        }
        log.shutdown().expect("a shutdown");
    }

    fn replay(dir: &Path, take: &mut dyn FnMut(&[u8])) -> u64 {
        let (found, recovered) = channel();
        let config =
            Configuration::default_for(dir).preallocate_bytes(SEGMENT_BYTES).checkpoint_after_bytes(u64::MAX);
        let log = config.open(Recovering(found)).expect("the log");
        let mut records = 0;
        for chunk in recovered.try_iter().flatten() {
            take(&chunk);
            records += 1;
        }
        std::mem::forget(log); // Its shutdown is no part of reading.
        records
    }
}

#[derive(Debug)]
struct Recovering(Sender<Vec<Vec<u8>>>);

impl LogManager for Recovering {
    fn recover(&mut self, entry: &mut Entry<'_>) -> io::Result<()> {
        if let Some(chunks) = entry.read_all_chunks()? {
            self.0.send(chunks).map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn checkpoint_to(&mut self, _: EntryId, _: &mut SegmentReader, _: &WriteAheadLog) -> io::Result<()> {
        Ok(())
    }
}
