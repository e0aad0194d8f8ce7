//! Many seeds, one after another: the sum of their counts, and the promises that some of them broke.

use std::ops::Range;
use std::time::Duration;

use crate::counts::Counts;
use crate::wal::{History, local, slots};
use crate::{evidence, honesty};

/// How many broken promises are kept; the first one matters.
const BROKEN_MAX: usize = 10;

/// The kind of history that a seed stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Campaign {
    /// A history of the log, with crashes and faults.
    Wal,
    /// A history of the log on slots, with several hosts and a bad store.
    Slots,
    /// A log that gets single faults.
    Honesty,
}

/// The result of the seeds of a campaign.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How many times each kind of thing happened.
    pub counts: Counts,
    /// The seeds that broke a promise, each with that promise.
    pub broken: Vec<(u64, String)>,
}

impl Campaign {
    /// Returns the campaign with a name; `None` if there is none.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "wal" => Some(Self::Wal),
            "slots" => Some(Self::Slots),
            "honesty" => Some(Self::Honesty),
            _ => None,
        }
    }

    /// Returns the campaign's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wal => "wal",
            Self::Slots => "slots",
            Self::Honesty => "honesty",
        }
    }

    /// Returns how many seeds are run before the time is checked and the evidence is written again.
    fn seeds_a_chunk(self) -> u64 {
        match self {
            Self::Wal | Self::Slots => 2000,
            // Each seed has a hundred faults.
            Self::Honesty => 200,
        }
    }

    /// Runs one seed.
    pub fn history(self, seed: u64) -> History {
        self.read(seed, false)
    }

    /// Runs one seed; keeps its lines if it is `readable`.
    pub fn read(self, seed: u64, readable: bool) -> History {
        match self {
            Self::Wal => local::history(seed, readable),
            Self::Slots => slots::history(seed, readable),
            Self::Honesty => honesty::strikes(seed),
        }
    }

    /// Runs seeds until all are done, or until `enough` broken promises were found.
    pub fn run(self, seeds: Range<u64>, enough: usize) -> Outcome {
        let mut outcome = Outcome::default();
        for seed in seeds {
            let history = self.history(seed);
            outcome.counts.add("histories", 1);
            outcome.counts.merge(&history.counts);
            if let Some(violation) = history.violation {
                outcome.counts.add("violations", 1);
                if outcome.broken.len() < BROKEN_MAX {
                    outcome.broken.push((seed, violation));
                }
                if outcome.broken.len() >= enough {
                    break;
                }
            }
        }
        outcome
    }

    /// Runs seeds from the end of the evidence on until `time` has passed, and adds their results to the
    /// evidence, chunk by chunk.
    ///
    /// # Errors
    /// What the file system says; the evidence is then as it was before the last chunk.
    pub fn run_long(
        self,
        file: &std::path::Path,
        origin: &evidence::Origin,
        time: Duration,
    ) -> std::io::Result<evidence::Evidence> {
        #[allow(clippy::disallowed_methods, reason = "hours of the machine are what this run is given")]
        let begun = std::time::Instant::now();
        let mut evidence = evidence::Evidence::read(file, self.name())?;
        while begun.elapsed() < time {
            let first = evidence.next_seed();
            let seeds = first..first + self.seeds_a_chunk();
            let outcome = self.run(seeds.clone(), usize::MAX);
            evidence.add(origin, seeds, &outcome);
            evidence.write(file)?;
        }
        Ok(evidence)
    }
}
