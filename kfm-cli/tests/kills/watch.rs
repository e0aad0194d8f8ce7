//! A reader that looks at the catalog's documents again and again while operations run.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kfm_retry::clock::Pause;

use crate::stage::{Documents, files_below, is_dot_file};

/// Every content that a document may have.
#[derive(Debug)]
pub struct Versions(BTreeMap<String, Vec<Vec<u8>>>);

/// What a reader saw.
#[derive(Debug, Default)]
pub struct Sightings {
    /// Documents read.
    pub reads: u64,
    /// The first document that had none of its versions.
    pub strange: Option<String>,
}

impl Versions {
    pub fn of(versions: &[&Documents]) -> Self {
        let mut all: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        for (path, content) in versions.iter().flat_map(|documents| documents.iter()) {
            all.entry(path.clone()).or_default().push(content.clone());
        }
        Self(all)
    }

    /// Reads all documents until it is told to stop, and at least once.
    pub fn watch(&self, catalog: &Path, stop: &AtomicBool) -> Sightings {
        const BETWEEN: Duration = Duration::from_millis(1);
        let mut sightings = Sightings::default();
        loop {
            let is_last = stop.load(Ordering::SeqCst);
            for (path, bytes) in files_below(catalog) {
                if is_dot_file(&path) {
                    continue;
                }
                sightings.reads += 1;
                let path = path.display().to_string();
                let known = self.0.get(&path).is_some_and(|versions| versions.contains(&bytes));
                if !known && sightings.strange.is_none() {
                    sightings.strange = Some(format!("{path} with {} bytes", bytes.len()));
                }
            }
            if is_last {
                return sightings;
            }
            kfm_retry::SystemClock.pause(BETWEEN);
        }
    }
}
