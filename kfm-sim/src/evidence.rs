//! The evidence of long runs is kept: which seeds, on which commit and machine, and their counts (R111).

use std::io;
use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::campaign::Outcome;
use crate::counts::Counts;

/// The build and the machine of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The commit that was built.
    pub commit: String,
    /// Processor, system and compiler, in words.
    pub machine: String,
}

/// A run of consecutive seeds, with one build on one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The build and the machine.
    #[serde(flatten)]
    pub origin: Origin,
    /// The first seed.
    pub first_seed: u64,
    /// The seed after the last.
    pub end_seed: u64,
    /// How many times each kind of thing happened.
    pub counts: Counts,
    /// The seeds that broke a promise, each with that promise; the first ones of each chunk.
    pub broken: Vec<(u64, String)>,
}

/// All runs of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The campaign's name.
    pub name: String,
    /// The runs, in the order of their seeds.
    pub runs: Vec<Run>,
}

impl Evidence {
    /// Reads a file; a missing file is empty evidence.
    ///
    /// # Errors
    /// `InvalidData`: the file is not the evidence of this campaign. Others as the system says.
    pub fn read(file: &Path, name: &str) -> io::Result<Self> {
        let text = match std::fs::read(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { name: name.to_owned(), runs: Vec::new() });
            }
            Err(error) => return Err(error),
        };
        let evidence: Self = serde_json::from_slice(&text)?;
        if evidence.name != name {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "evidence of another campaign"));
        }
        Ok(evidence)
    }

    /// Returns the first seed that no run has used.
    pub fn next_seed(&self) -> u64 {
        self.runs.iter().map(|run| run.end_seed).max().unwrap_or(0)
    }

    /// Adds the result of a run; to the last run, if the new one continues it.
    pub fn add(&mut self, origin: &Origin, seeds: Range<u64>, outcome: &Outcome) {
        match self.runs.last_mut() {
            Some(run) if run.origin == *origin && run.end_seed == seeds.start => {
                run.end_seed = seeds.end;
                run.counts.merge(&outcome.counts);
                run.broken.extend_from_slice(&outcome.broken);
            }
            _ => self.runs.push(Run {
                origin: origin.clone(),
                first_seed: seeds.start,
                end_seed: seeds.end,
                counts: outcome.counts.clone(),
                broken: outcome.broken.clone(),
            }),
        }
    }

    /// Writes the file, as a whole or not at all.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, file: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        kfm_wal::local::whole::replace(&kfm_wal::local::disk::RealDisk, file, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_continues_where_the_last_one_ended_and_another_build_begins_its_own() {
        let origin = |commit: &str| Origin { commit: commit.to_owned(), machine: "m".to_owned() };
        let mut outcome = Outcome::default();
        outcome.counts.add("histories", 10);
        let mut evidence = Evidence { name: "wal".to_owned(), runs: Vec::new() };
        evidence.add(&origin("a"), 0..10, &outcome);
        evidence.add(&origin("a"), 10..20, &outcome);
        assert_eq!((evidence.next_seed(), evidence.runs.len()), (20, 1));
        assert_eq!(evidence.runs[0].counts.of("histories"), 20);
        evidence.add(&origin("b"), 20..30, &outcome);
        assert_eq!((evidence.next_seed(), evidence.runs.len()), (30, 2));
    }
}
