//! Many hosts that append to one log at the same time, in virtual time: how much each host gets, and how long
//! it waits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use kfm_lineage::Timestamp;
use kfm_retry::Clock as _;
use kfm_wal::entropy::SeededEntropy;
use kfm_wal::slots::memory::SlowSlots;
use kfm_wal::slots::{Mode, SlotLog, SlotOptions};
use kfm_wal::{NewRecord, WalStore};

use crate::chance::Chance;
use crate::clock::VirtualClock;
use crate::schedule::{ProcessId, Schedule};
use crate::trace::Trace;

/// The hosts, and what they append.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    /// How many hosts there are.
    pub hosts: u32,
    /// How many appenders each host has; each appends one record at a time.
    pub appenders: u64,
    /// How long they append.
    pub time: Duration,
    /// How long the store takes to create a slot.
    pub create: Duration,
    /// How long the store takes to read a slot.
    pub read: Duration,
}

/// The share of one host.
#[derive(Debug, Clone, Copy, Default)]
pub struct Share {
    /// How many records the host appended.
    pub records: u64,
    /// How long its longest append took.
    pub longest: Duration,
}

impl Crowd {
    /// Lets the hosts append, and returns the share of each.
    pub fn run(self, seed: u64) -> Vec<Share> {
        let mut chance = Chance::new(seed);
        let clock = VirtualClock::new(SystemTime::UNIX_EPOCH);
        let schedule = Schedule::new(chance.fork(), clock.clone(), Trace::new(false));
        let slots = Arc::new(SlowSlots::new(Arc::new(clock.clone()), self.create, self.read));
        let shares = Arc::new(Mutex::new(vec![Share::default(); self.hosts as usize]));
        for host in 0..self.hosts {
            let options = SlotOptions::new(Arc::new(clock.clone()))
                .with_mode(Mode::Shared)
                .with_entropy(Arc::new(SeededEntropy::new(chance.number())));
            let (slots, spawner, clock, shares) =
                (Arc::clone(&slots), schedule.clone(), clock.clone(), Arc::clone(&shares));
            schedule.spawn(ProcessId(host), async move {
                let Ok((log, _)) = SlotLog::open(slots, options).await else { return };
                let log = Arc::new(log);
                for appender in 0..self.appenders {
                    let name = (u64::from(host) << 32) | (appender << 16);
                    let (log, clock, shares) = (Arc::clone(&log), clock.clone(), Arc::clone(&shares));
                    spawner.spawn(ProcessId(host), async move {
                        for n in 0_u64.. {
                            let begun = clock.monotonic();
                            if begun >= self.time {
                                return;
                            }
                            let mut op_id = [0; 16];
                            op_id[..8].copy_from_slice(&(name + n).to_le_bytes());
                            let at = Timestamp::UNIX_EPOCH;
                            let record = NewRecord { op_id, rtype: 1, schema: 1, at, payload: vec![0; 400] };
                            // The share of a host that is refused shows it.
                            if log.append(&[record], None).await.is_err() {
                                return;
                            }
                            let mut shares = shares.lock().unwrap_or_else(PoisonError::into_inner);
                            let share = &mut shares[host as usize];
                            share.records += 1;
                            share.longest = share.longest.max(clock.monotonic().saturating_sub(begun));
                        }
                    });
                }
            });
        }
        schedule.run(|| false);
        shares.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CROWD: Crowd = Crowd {
        hosts: 8,
        appenders: 64,
        time: Duration::from_secs(6),
        create: Duration::from_millis(20),
        read: Duration::from_millis(10),
    };

    /// Returns the records per second, the smallest share divided by the largest, and the longest wait.
    fn judged(shares: &[Share], time: Duration) -> (u64, f64, Duration) {
        let records =
            |pick: fn(u64, u64) -> u64| shares.iter().map(|share| share.records).reduce(pick).unwrap();
        let all: u64 = shares.iter().map(|share| share.records).sum();
        let longest = shares.iter().map(|share| share.longest).max().unwrap();
        (all / time.as_secs(), records(u64::min) as f64 / records(u64::max) as f64, longest)
    }

    #[test]
    fn eight_hosts_share_a_slow_store_fairly_and_lose_no_throughput() {
        for seed in 0..5 {
            let shares = CROWD.run(seed);
            let (rate, least, longest) = judged(&shares, CROWD.time);
            assert!(rate >= 1_500, "{rate} records/s: {shares:?}");
            assert!(least >= 1.0 / 3.0, "{shares:?}");
            assert!(longest <= Duration::from_secs(5), "{longest:?}");
        }
    }

    #[test]
    fn two_hosts_are_as_fair_and_one_alone_is_hardly_held_up() {
        // One host alone: 64 records in the 20 ms of a put, minus the slots that are left open for newcomers.
        for (hosts, rate_min) in [(1, 64 * 50 * 4 / 5), (2, 1_500)] {
            let shares = Crowd { hosts, ..CROWD }.run(7);
            let (rate, least, _) = judged(&shares, CROWD.time);
            assert!(rate >= rate_min && least >= 1.0 / 3.0, "{rate} records/s: {shares:?}");
        }
    }
}
