//! What a process has used so far, as the kernel counts it, and what each phase of an operation used.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use kfm_rollback::Progress;
use serde::{Deserialize, Serialize};

/// Bytes and calls of reading and writing.
pub const COUNTERS: [&str; 4] = ["rchar", "wchar", "syscr", "syscw"];

/// Reads a `name: number` of a file below `/proc/self`.
fn proc_number(file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(Path::new("/proc/self").join(file)).unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// CPU time of this process in milliseconds, in hundredths of a second: its own, and the kernel's for it.
///
/// The kernel's time is mostly that of syncs, which depends on what else the disk has to do.
fn cpu_ms() -> [u64; 2] {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = text.rsplit_once(')').unwrap().1;
    let mut ticks = after_name.split_whitespace().skip(11).map(|ticks| ticks.parse::<u64>().unwrap());
    [ticks.next().unwrap() * 10, ticks.next().unwrap() * 10]
}

/// The most memory that this process has had, in KiB.
fn peak_kib() -> u64 {
    proc_number("status", "VmHWM:")
}

/// The counters of reading and writing.
pub fn io() -> [u64; 4] {
    COUNTERS.map(|counter| proc_number("io", counter))
}

/// What one phase used.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
pub struct Phase {
    /// CPU time of its own code.
    pub user_ms: u64,
    /// CPU time of the kernel for it.
    pub system_ms: u64,
    /// The most memory that the process had had by its end.
    pub peak_kib: u64,
}

impl Phase {
    /// Adds what another used.
    pub fn add(&mut self, other: &Self) {
        self.user_ms += other.user_ms;
        self.system_ms += other.system_ms;
        self.peak_kib = self.peak_kib.max(other.peak_kib);
    }
}

/// Notes the CPU time and the memory at which each phase begins.
#[derive(Debug)]
pub struct Phases(Mutex<Vec<(String, [u64; 2], u64)>>);

impl Phases {
    /// Begins with what comes before the first phase.
    pub fn begin() -> Self {
        Self(Mutex::new(vec![("open".to_owned(), cpu_ms(), peak_kib())]))
    }

    /// Returns what each phase used; what comes after the last one is its.
    pub fn end(&self) -> BTreeMap<String, Phase> {
        let begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = begun.iter().skip(1).map(|(_, cpu, peak)| (*cpu, *peak)).chain([(cpu_ms(), peak_kib())]);
        let mut phases: BTreeMap<String, Phase> = BTreeMap::new();
        for ((name, [user, system], _), ([user_end, system_end], peak_kib)) in begun.iter().zip(ends) {
            let used = Phase { user_ms: user_end - user, system_ms: system_end - system, peak_kib };
            phases.entry(name.clone()).or_default().add(&used);
        }
        phases
    }
}

impl Progress for Phases {
    fn phase(&self, phase: &str, _: u64) {
        let begun = (phase.to_owned(), cpu_ms(), peak_kib());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(begun);
    }

    fn advance(&self, _: u64) {}
}
