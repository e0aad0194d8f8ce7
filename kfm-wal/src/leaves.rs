//! The leaves of many records at once (RFC 6962, 2.1): SHA-256 over a zero byte and the record.
//!
//! Hashing takes most of the time when a log is read, and one hash cannot be split up: each of its rounds
//! needs the round before. But records do not depend on each other. So sixteen are hashed side by side, one
//! block of each in turn, by the block function of `sha2`: the processor begins the next record's block
//! while it waits for the last rounds of this one (ADR 0017).

use sha2::block_api::compress256;

use crate::raw::RawRecord;

/// How many messages are hashed side by side.
const LANES: usize = 16;

/// Length of a block of SHA-256.
const BLOCK_BYTES: usize = 64;

/// The words that SHA-256 begins with (FIPS 180-4, 5.3.3).
const ORIGIN: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// Returns the leaf of each record of a frame, in order.
pub(crate) fn leaves_of(records: &[RawRecord<'_>]) -> Vec<[u8; 32]> {
    let mut leaves = Vec::with_capacity(records.len());
    extend_with_leaves(&mut leaves, &records.iter().map(|record| record.bytes).collect::<Vec<_>>());
    leaves
}

/// Adds the leaf of each record, in order.
pub(crate) fn extend_with_leaves(leaves: &mut Vec<[u8; 32]>, records: &[&[u8]]) {
    for group in records.chunks(LANES) {
        leaves.extend(&side_by_side(group)[..group.len()]);
    }
}

/// Returns the leaves of up to sixteen records, in order.
fn side_by_side(records: &[&[u8]]) -> [[u8; 32]; LANES] {
    let mut states = [ORIGIN; LANES];
    let mut blocks = [[0; BLOCK_BYTES]; LANES];
    let longest = records.iter().map(|record| blocks_of(record)).max().unwrap_or(0);
    for n in 0..longest {
        // All blocks are laid out first: between two calls that hash, nothing is to be waited for.
        for (block, record) in blocks.iter_mut().zip(records) {
            fill(block, record, n);
        }
        for ((state, block), record) in states.iter_mut().zip(&blocks).zip(records) {
            if n < blocks_of(record) {
                compress256(state, std::slice::from_ref(block));
            }
        }
    }
    states.map(digest)
}

/// Returns the bytes of the eight words, the highest byte of each first.
fn digest(words: [u32; 8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(words.map(u32::to_be_bytes).as_flattened());
    bytes
}

/// Returns how many blocks a record takes: a zero byte, the record, a byte that ends it and its length in 8 bytes.
fn blocks_of(record: &[u8]) -> usize {
    (1 + record.len() + 1 + 8).div_ceil(BLOCK_BYTES)
}

/// Writes block `n` of a record's message (FIPS 180-4, 5.1.1). Behind the last block, what is there stays.
fn fill(block: &mut [u8; BLOCK_BYTES], record: &[u8], n: usize) {
    let begin = n * BLOCK_BYTES;
    // The zero byte comes before the record.
    if let Some(whole) = begin.checked_sub(1).and_then(|begin| record.get(begin..begin + BLOCK_BYTES)) {
        block.copy_from_slice(whole);
        return;
    }
    if n >= blocks_of(record) {
        return;
    }
    block.fill(0);
    let (from, at) = if n == 0 { (0, 1) } else { (begin - 1, 0) };
    let rest = record.get(from..).unwrap_or_default();
    let taken = rest.len().min(BLOCK_BYTES - at);
    block[at..at + taken].copy_from_slice(&rest[..taken]);
    // The end of the record and, behind it, the end of the message.
    if let Some(end) = (1 + record.len()).checked_sub(begin).filter(|end| *end < BLOCK_BYTES) {
        block[end] = 0x80;
    }
    if n + 1 == blocks_of(record) {
        let bits = 8 * (1 + record.len() as u64);
        block[BLOCK_BYTES - 8..].copy_from_slice(&bits.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::leaf_of;

    fn record(n: usize, bytes: usize) -> Vec<u8> {
        (0..bytes).map(|at| (at * 7 + n * 31) as u8).collect()
    }

    /// Compares with the library's hash of each record.
    fn assert_leaves(records: &[Vec<u8>]) {
        let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        let expected: Vec<_> = slices.iter().map(|record| leaf_of(record)).collect();
        let mut leaves = vec![[9; 32]];
        extend_with_leaves(&mut leaves, &slices);
        assert_eq!(leaves[0], [9; 32], "what was there stays");
        assert_eq!(leaves[1..], expected);
    }

    #[test]
    fn records_of_every_length_have_their_leaf() {
        // Ends of records and of messages at every place in a block, side by side.
        assert_leaves(&(0..=300).map(|bytes| record(bytes, bytes)).collect::<Vec<_>>());
        for bytes in [0, 1, 53, 54, 55, 61, 62, 63, 64, 440, 1 << 16] {
            assert_leaves(&(0..33).map(|n| record(n, bytes)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn one_long_record_among_short_ones_has_its_leaf_and_so_have_they() {
        for place in [0, 7, 15] {
            let bytes = |n| if n == place { 1 << 20 } else { n };
            assert_leaves(&(0..16).map(|n| record(n, bytes(n))).collect::<Vec<_>>());
        }
    }

    #[test]
    fn fewer_records_than_lanes_have_their_leaves() {
        for count in 0..LANES {
            assert_leaves(&(0..count).map(|n| record(n, 100)).collect::<Vec<_>>());
        }
    }
}
