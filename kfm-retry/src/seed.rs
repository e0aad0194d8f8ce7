//! Where the random part of a delay comes from: a seed, and the number of the attempt.

use std::hash::{BuildHasher, Hasher};

/// Gives each attempt its random number, the same ones every time.
///
/// A seed made [`of`](Seed::of) an idempotency key has what full jitter is for and what a replay needs:
/// different work items wait different random times, and the same item waits the same times again (R80).
/// Clients that work on items of the *same* key at the same time should each [`mix`](Seed::mix) in a number
/// of their own; otherwise they come back together.
///
/// The formula is part of the public contract, since a replay depends on it: FNV-1a (64 bit) over the key,
/// then output `n + 1` of SplitMix64 (Steele, Lea, Flood 2014) from that state.
///
/// ```
/// use kfm_retry::Seed;
///
/// let seed = Seed::of("ks-naip-2023|7|s3://naip/2023/38099.tif");
/// assert_eq!(seed.unit(0), Seed::of("ks-naip-2023|7|s3://naip/2023/38099.tif").unit(0));
/// assert_ne!(seed.unit(0), seed.unit(1));
/// assert_ne!(seed.unit(0), seed.mix(17).unit(0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seed(u64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Seed {
    /// Makes the seed that is this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Makes the seed of an idempotency key.
    pub fn of(key: impl AsRef<[u8]>) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in key.as_ref() {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Self(hash)
    }

    /// Makes a seed from the operating system's randomness, through the standard library's hasher.
    ///
    /// Use it only where a program begins: all code below takes a seed as a parameter, so that tests and
    /// replays choose it.
    pub fn random() -> Self {
        Self(std::hash::RandomState::new().build_hasher().finish())
    }

    /// Makes another seed from this one and `number`, such as the number of a client or of a partition.
    #[must_use]
    pub const fn mix(self, number: u64) -> Self {
        Self(split_mix(self.0 ^ split_mix(number)))
    }

    /// Returns the random number, uniform over all of `u64`, for the delay after failure `n` (from 0).
    pub const fn unit(self, n: u32) -> u64 {
        split_mix(self.0.wrapping_add(GOLDEN.wrapping_mul(n as u64 + 1)))
    }
}

const fn split_mix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
