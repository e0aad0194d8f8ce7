//! Randomness as a parameter: the ids of logs and writers, which must differ between machines.

use std::fmt::Debug;

/// A source of bytes that no other caller gets.
pub trait Entropy: Debug + Send + Sync {
    /// Returns 16 bytes, different at every call.
    fn bytes16(&self) -> [u8; 16];
}

const _OBJECT_SAFE: Option<&dyn Entropy> = None;

/// The randomness of the operating system, through the standard library.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn bytes16(&self) -> [u8; 16] {
        use std::hash::{BuildHasher, RandomState};
        // The standard library takes the key of `RandomState` from the system once a thread and counts it up
        // from there. That is enough for ids that must differ, and needs no dependency. Nothing here is a
        // secret.
        let mut bytes = [0; 16];
        for (n, half) in bytes.chunks_exact_mut(8).enumerate() {
            half.copy_from_slice(&RandomState::new().hash_one((n, std::process::id())).to_le_bytes());
        }
        bytes
    }
}

/// A sequence of bytes that follows from a seed, for tests and simulation.
#[cfg(feature = "test-util")]
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    calls: std::sync::atomic::AtomicU64,
}

#[cfg(feature = "test-util")]
impl SeededEntropy {
    /// Makes the sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed, calls: std::sync::atomic::AtomicU64::new(0) }
    }
}

#[cfg(feature = "test-util")]
impl Entropy for SeededEntropy {
    fn bytes16(&self) -> [u8; 16] {
        let call = self.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut input = [0; 16];
        input[..8].copy_from_slice(&self.seed.to_le_bytes());
        input[8..].copy_from_slice(&call.to_le_bytes());
        let digest = kfm_lineage::Digest::of_bytes(&input);
        digest.bytes()[..16].try_into().expect("16 of 32 bytes")
    }
}
