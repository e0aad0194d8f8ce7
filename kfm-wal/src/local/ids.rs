//! The position of the record of each id: a map whose hash costs less than the lookup.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};

use kfm_lineage::Lsn;

/// The position of the record of each id.
pub(crate) type Ids = HashMap<[u8; 16], Lsn, IdKey>;

/// A set of ids.
pub(crate) type IdSet = HashSet<[u8; 16], IdKey>;

/// The key of the hash of ids: random for each map, since callers choose the ids.
#[derive(Debug, Clone)]
pub(crate) struct IdKey(u64);

impl Default for IdKey {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0))
    }
}

impl BuildHasher for IdKey {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher(self.0)
    }
}

/// Folds words into one by multiplication: the upper half over the lower half (wyhash, Wang Yi 2019).
#[derive(Debug)]
pub(crate) struct IdHasher(u64);

/// The golden ratio in 64 bits: odd, and as irregular as a constant can be.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

impl IdHasher {
    fn fold(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(ODD);
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for word in bytes.chunks(8) {
            let mut eight = [0; 8];
            eight[..word.len()].copy_from_slice(word);
            self.fold(u64::from_le_bytes(eight));
        }
    }

    /// The length is not hashed: every id has the same.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
