//! Whether a sync of the log's disk does what it promises, as far as a program can tell.

use std::path::Path;
use std::time::Duration;

use kfm_retry::Clock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::disk::{Access, Disk};
use super::load::io_error;
use super::segment::{PAGE_BYTES, UNFINISHED};
use crate::error::WalError;

/// How many writes are synced, one after another.
const ROUNDS: u32 = 64;

/// How many pages of the disk they are spread over.
const PAGES: u64 = 16;

/// No device makes a write durable in less time, in nanoseconds: what answers faster is memory.
const DEVICE_NS_MIN: u64 = 5_000;

/// How long syncs took, and what follows from that.
///
/// A program sees only whether a sync takes as long as a device needs. A sync that takes no time was not
/// done: the folder lies in memory, or something turns syncs off. A sync that takes time may still end in a
/// cache that loses its content in a power cut: of a disk, a controller or a host of virtual machines. Only a
/// real power cut shows that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DurabilityReport {
    /// How many writes were synced.
    pub rounds: u32,
    /// The median time of a write, in nanoseconds.
    pub write_ns_p50: u64,
    /// The median time of a sync, in nanoseconds.
    pub sync_ns_p50: u64,
    /// The longest sync, in nanoseconds.
    pub sync_ns_max: u64,
    /// What follows from the times.
    pub verdict: Durability,
}

/// The verdict of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// A sync takes no time, so nothing reaches a device: a power cut would lose what was acknowledged. Use
    /// another disk.
    NotSynced,
    /// A sync takes the time that a device needs. Whether the device keeps the bytes, only a power cut shows.
    ReachesADevice,
}

/// Writes and syncs a file in `dir` 64 times, removes the file, and says how long the syncs took.
///
/// # Errors
/// [`WalError::Io`]: nothing is known, the folder cannot be written; repair that and call again.
pub fn probe_durability(
    disk: &dyn Disk,
    clock: &dyn Clock,
    dir: &Path,
) -> Result<DurabilityReport, WalError> {
    let path = dir.join(format!("durability-probe{UNFINISHED}"));
    let measured = measure(disk, clock, &path);
    let removed = disk.remove(&path);
    let (mut writes, mut syncs) = measured.map_err(io_error("probe", &path))?;
    removed.map_err(io_error("remove", &path))?;
    writes.sort_unstable();
    syncs.sort_unstable();
    let half = |times: &[u64]| times.get(times.len() / 2).copied().unwrap_or(0);
    let sync_ns_p50 = half(&syncs);
    let verdict =
        if sync_ns_p50 < DEVICE_NS_MIN { Durability::NotSynced } else { Durability::ReachesADevice };
    let sync_ns_max = syncs.last().copied().unwrap_or(0);
    Ok(DurabilityReport { rounds: ROUNDS, write_ns_p50: half(&writes), sync_ns_p50, sync_ns_max, verdict })
}

/// Returns how long each write and each sync took, in nanoseconds.
fn measure(disk: &dyn Disk, clock: &dyn Clock, path: &Path) -> std::io::Result<(Vec<u64>, Vec<u64>)> {
    let mut file = disk.open(path, Access::Create)?;
    let page = vec![0; usize::try_from(PAGE_BYTES).expect("a page fits in memory")];
    for n in 0..PAGES {
        file.write_at(n * PAGE_BYTES, &page)?;
    }
    file.sync()?;
    let (mut writes, mut syncs) = (Vec::new(), Vec::new());
    let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    for round in 0..ROUNDS {
        let begun = clock.monotonic();
        file.write_at(u64::from(round) % PAGES * PAGE_BYTES, &round.to_le_bytes().repeat(128))?;
        let written = clock.monotonic();
        file.sync()?;
        writes.push(ns(written.saturating_sub(begun)));
        syncs.push(ns(clock.monotonic().saturating_sub(written)));
    }
    Ok((writes, syncs))
}
