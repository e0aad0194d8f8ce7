//! The durable form of a group commit: the frame, format v1.
//!
//! All numbers are little-endian; a frame's length is a multiple of 8.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | magic `KFW1` |
//! | 4 | 1 | version of the frame, 1 |
//! | 5 | 1 | kind |
//! | 6 | 2 | flags |
//! | 8 | 8 | first half of the log's id |
//! | 16 | 8 | epoch |
//! | 24 | 8 | position of the first record, or of the next one if the frame holds none |
//! | 32 | 4 | number of records |
//! | 36 | 4 | length of the body |
//! | 40 | 8 | `durable_upto`: last position known to be durable when the frame was built |
//! | 48 | 16 | nonce of the writer |
//! | 64 | 32 | chain before this frame |
//! | 96 | 4 | CRC32C of bytes 0 to 95 |
//! | 100 | n | body, then zeros up to a multiple of 8 less 4 |
//! | end − 8 | 4 | CRC32C of body and zeros, seeded with the header's |
//! | end − 4 | 4 | length of the body again |
//!
//! The checksum of the header covers the length, so that a flipped length is detected. The checksum of the
//! body is seeded with the header's, so that a header cannot be paired with another body. The log's id keeps
//! out frames of a copied folder. The repeated length lets a reader go backwards.
//!
//! A chained frame moves the chain: SHA-256 over `kfm-wal/1`, the 96 bytes of the header and the leaf of each
//! record, a leaf being SHA-256 over a zero byte and the record (RFC 6962, 2.1). A chained frame without
//! records has its body as its one leaf.

use kfm_lineage::Lsn;
use sha2::{Digest as _, Sha256};

/// The most that the records of one batch may take together, in bytes, each with
/// [`RECORD_OVERHEAD_BYTES`](crate::store::RECORD_OVERHEAD_BYTES).
pub const BATCH_BYTES_MAX: usize = 16 << 20;

/// Bytes before the body.
pub(crate) const HEADER_BYTES: usize = 100;
/// Bytes of the header that its checksum and the chain cover.
const COVERED_BYTES: usize = 96;
/// Bytes after body and padding.
const TRAILER_BYTES: usize = 8;
/// The shortest frame: one without a body.
pub(crate) const FRAME_BYTES_MIN: usize = frame_bytes(0);
/// The longest body that is read; a longer one is damage.
pub(crate) const BODY_BYTES_MAX: usize = 32 << 20;

const _: () =
    assert!(BATCH_BYTES_MAX <= BODY_BYTES_MAX, "a batch within the limits is one that readers take");

const MAGIC: [u8; 4] = *b"KFW1";
const VERSION: u8 = 1;
/// The first bytes of the chain's hash, so that it is never taken for another hash.
const CHAIN_DOMAIN: &[u8] = b"kfm-wal/1";

/// A reader that does not know the frame's kind may pass over the frame.
pub(crate) const SKIPPABLE: u16 = 1;
/// The frame moves the chain.
pub(crate) const CHAINED: u16 = 2;

/// What a frame is for. 7 and 8 are kept free for snapshots and signatures.
///
/// A kind that is added later may be marked as one to pass over: a version that does not know it reads it as
/// [`Kind::Other`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Opens a segment; the body says of which log it is and how long the segment is.
    Segment,
    /// Holds records.
    Data,
    /// Claims an epoch.
    Fence,
    /// Is a witness that what came before is durable; the next frame is written over it.
    Mark,
    /// Ends a segment; the next segment exists.
    Seal,
    /// Claims an epoch, and says what an interrupted append left behind.
    Repair,
    /// Claims an epoch, so that position and epoch together name one end of the log. Says which segments are
    /// about to be archived, and why.
    Archive,
    /// Says that the holder still holds the log, or gives it back.
    Hold,
    /// Was written by a newer version, which says that it may be passed over.
    Other(u8),
}

impl Kind {
    fn number(self) -> u8 {
        match self {
            Self::Segment => 1,
            Self::Data => 2,
            Self::Fence => 3,
            Self::Mark => 4,
            Self::Seal => 5,
            Self::Repair => 6,
            Self::Archive => 9,
            Self::Hold => 10,
            Self::Other(number) => number,
        }
    }

    fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Segment,
            2 => Self::Data,
            3 => Self::Fence,
            4 => Self::Mark,
            5 => Self::Seal,
            6 => Self::Repair,
            9 => Self::Archive,
            10 => Self::Hold,
            other => Self::Other(other),
        }
    }

    /// Returns the flags that frames of this kind are written with.
    pub(crate) fn flags(self) -> u16 {
        match self {
            Self::Segment | Self::Seal | Self::Other(_) => 0,
            Self::Data | Self::Fence => CHAINED,
            Self::Mark => SKIPPABLE,
            Self::Repair | Self::Archive | Self::Hold => CHAINED | SKIPPABLE,
        }
    }
}

impl Kind {
    /// Returns the word used in reports.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::Data => "data",
            Self::Fence => "fence",
            Self::Mark => "mark",
            Self::Seal => "seal",
            Self::Repair => "repair",
            Self::Archive => "archive",
            Self::Hold => "hold",
            Self::Other(_) => "other",
        }
    }
}

/// The part of a frame before its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) flags: u16,
    pub(crate) log: u64,
    pub(crate) epoch: u64,
    pub(crate) first: Lsn,
    pub(crate) count: u32,
    pub(crate) durable_upto: Lsn,
    pub(crate) nonce: [u8; 16],
    pub(crate) prev: [u8; 32],
}

/// A frame whose checksums fit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) header: Header,
    pub(crate) body: &'a [u8],
    covered: &'a [u8],
    /// Length of the whole frame.
    pub(crate) bytes: usize,
}

/// Why there is no frame at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The place was never written.
    Blank,
    /// The header is whole and was written by a newer version.
    Future,
    /// The header is whole, and the frame is longer than what was read.
    Short {
        /// The length of the frame in bytes.
        frame_bytes: usize,
    },
    /// The checksums do not fit, or the lengths.
    Broken,
}

/// Returns the length of a frame with a body of `body_bytes`.
pub(crate) const fn frame_bytes(body_bytes: usize) -> usize {
    (HEADER_BYTES + body_bytes + TRAILER_BYTES).next_multiple_of(8)
}

/// Returns the hash of a leaf (RFC 6962, 2.1).
pub(crate) fn leaf_of(bytes: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(bytes).finalize().into()
}

/// Returns the chain of a log before its first frame.
pub(crate) fn chain_origin(log_id: &[u8; 16]) -> [u8; 32] {
    Sha256::new().chain_update(CHAIN_DOMAIN).chain_update(log_id).finalize().into()
}

/// Returns the chain after a frame, given the covered bytes of its header and its leaves.
fn chain_after(covered: &[u8], leaves: &[[u8; 32]]) -> [u8; 32] {
    let hash = Sha256::new().chain_update(CHAIN_DOMAIN).chain_update(covered);
    hash.chain_update(leaves.as_flattened()).finalize().into()
}

/// Builds a frame. `leaves` are those of the records in `body`; empty if the frame holds no records.
///
/// Returns the bytes of the frame and the chain after it.
pub(crate) fn encode(header: &Header, body: &[u8], leaves: &[[u8; 32]]) -> (Vec<u8>, [u8; 32]) {
    let mut frame = Vec::with_capacity(frame_bytes(body.len()));
    frame.resize(HEADER_BYTES, 0);
    frame.extend_from_slice(body);
    let chain = finish(header, &mut frame, leaves);
    (frame, chain)
}

/// Makes a frame in place: `frame` is free room for the header with the body behind it. Returns the chain
/// after the frame.
pub(crate) fn finish(header: &Header, frame: &mut Vec<u8>, leaves: &[[u8; 32]]) -> [u8; 32] {
    debug_assert_eq!(header.count as usize, leaves.len(), "a leaf for each record");
    assert!(frame.len() - HEADER_BYTES <= BODY_BYTES_MAX, "a frame that no reader takes is never written");
    let body_bytes = u32::try_from(frame.len() - HEADER_BYTES).expect("a body is far below 4 GiB");
    let body_end = frame.len();
    frame[..4].copy_from_slice(&MAGIC);
    frame[4..6].copy_from_slice(&[VERSION, header.kind.number()]);
    frame[6..8].copy_from_slice(&header.flags.to_le_bytes());
    frame[8..16].copy_from_slice(&header.log.to_le_bytes());
    frame[16..24].copy_from_slice(&header.epoch.to_le_bytes());
    frame[24..32].copy_from_slice(&header.first.0.to_le_bytes());
    frame[32..36].copy_from_slice(&header.count.to_le_bytes());
    frame[36..40].copy_from_slice(&body_bytes.to_le_bytes());
    frame[40..48].copy_from_slice(&header.durable_upto.0.to_le_bytes());
    frame[48..64].copy_from_slice(&header.nonce);
    frame[64..96].copy_from_slice(&header.prev);
    let header_crc = crc32c::crc32c(&frame[..COVERED_BYTES]);
    frame[COVERED_BYTES..HEADER_BYTES].copy_from_slice(&header_crc.to_le_bytes());
    frame.resize(frame_bytes(body_bytes as usize) - TRAILER_BYTES, 0);
    let body_crc = crc32c::crc32c_append(header_crc, &frame[HEADER_BYTES..]);
    frame.extend_from_slice(&body_crc.to_le_bytes());
    frame.extend_from_slice(&body_bytes.to_le_bytes());

    match (header.flags & CHAINED != 0, header.count) {
        (false, _) => header.prev,
        (true, 0) => chain_after(&frame[..COVERED_BYTES], &[leaf_of(&frame[HEADER_BYTES..body_end])]),
        (true, _) => chain_after(&frame[..COVERED_BYTES], leaves),
    }
}

/// Reads the header at the start of `bytes`; returns it with the length of the body.
pub(crate) fn decode_header(bytes: &[u8]) -> Result<(Header, usize), Fault> {
    let Some(header) = bytes.get(..HEADER_BYTES) else {
        return Err(if bytes.iter().all(|byte| *byte == 0) { Fault::Blank } else { Fault::Broken });
    };
    if header.iter().all(|byte| *byte == 0) {
        return Err(Fault::Blank);
    }
    if header[..4] != MAGIC || u32_at(header, 96) != crc32c::crc32c(&header[..COVERED_BYTES]) {
        return Err(Fault::Broken);
    }
    let (kind, flags) = (Kind::from_number(header[5]), u16::from_le_bytes([header[6], header[7]]));
    let known = match kind {
        Kind::Other(_) => flags & SKIPPABLE != 0,
        known => flags == known.flags(),
    };
    if header[4] != VERSION || !known {
        return Err(Fault::Future);
    }
    let body_bytes = u32_at(header, 36) as usize;
    if body_bytes > BODY_BYTES_MAX {
        return Err(Fault::Broken);
    }
    let header = Header {
        kind,
        flags,
        log: u64_at(header, 8),
        epoch: u64_at(header, 16),
        first: Lsn(u64_at(header, 24)),
        count: u32_at(header, 32),
        durable_upto: Lsn(u64_at(header, 40)),
        nonce: header[48..64].try_into().expect("16 bytes"),
        prev: header[64..96].try_into().expect("32 bytes"),
    };
    Ok((header, body_bytes))
}

/// Says whether a header continues the chain `chain` of the log `log`: then it was written after everything
/// under that chain was synced. `bytes` begins with the header, of which no more is known than that it is
/// whole.
pub(crate) fn is_behind(bytes: &[u8], log: u64, chain: &[u8; 32]) -> bool {
    u64_at(bytes, 8) == log && bytes[64..96] == *chain
}

/// Reads the frame at the start of `bytes`.
pub(crate) fn decode(bytes: &[u8]) -> Result<Frame<'_>, Fault> {
    let (header, body_bytes) = decode_header(bytes)?;
    let total = frame_bytes(body_bytes);
    let frame = bytes.get(..total).ok_or(Fault::Short { frame_bytes: total })?;
    let trailer = total - TRAILER_BYTES;
    let body_crc = crc32c::crc32c_append(u32_at(frame, COVERED_BYTES), &frame[HEADER_BYTES..trailer]);
    let padding = &frame[HEADER_BYTES + body_bytes..trailer];
    let whole = u32_at(frame, trailer) == body_crc
        && u32_at(frame, trailer + 4) as usize == body_bytes
        && padding.iter().all(|byte| *byte == 0);
    if !whole {
        return Err(Fault::Broken);
    }
    Ok(Frame::of(header, body_bytes, bytes))
}

impl<'a> Frame<'a> {
    /// Takes the frame at the start of `bytes`, whose header and length are known and whose checksums were
    /// compared.
    pub(crate) fn of(header: Header, body_bytes: usize, bytes: &'a [u8]) -> Self {
        let body = &bytes[HEADER_BYTES..HEADER_BYTES + body_bytes];
        Self { header, body, covered: &bytes[..COVERED_BYTES], bytes: frame_bytes(body_bytes) }
    }

    /// Returns the chain after this frame, given the leaves of its records.
    pub(crate) fn chain(&self, leaves: &[[u8; 32]]) -> [u8; 32] {
        match (self.header.flags & CHAINED != 0, self.header.count) {
            (false, _) => self.header.prev,
            (true, 0) => chain_after(self.covered, &[leaf_of(self.body)]),
            (true, _) => chain_after(self.covered, leaves),
        }
    }
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let header = Header {
            kind: Kind::Data,
            flags: Kind::Data.flags(),
            log: 1,
            epoch: 2,
            first: Lsn(3),
            count: 1,
            durable_upto: Lsn(2),
            nonce: [4; 16],
            prev: [5; 32],
        };
        encode(&header, b"a body", &[leaf_of(b"a body")]).0
    }

    #[test]
    fn a_frame_reads_back_and_is_aligned() {
        let bytes = sample();
        assert_eq!(bytes.len() % 8, 0);
        let frame = decode(&bytes).unwrap();
        assert_eq!((frame.body, frame.header.first, frame.bytes), (&b"a body"[..], Lsn(3), bytes.len()));
    }

    #[test]
    fn the_bytes_of_format_v1_are_these() {
        let digest = kfm_lineage::Digest::of_bytes(&sample());
        assert_eq!(
            digest.to_string(),
            "sha256:4be9f5517b2537ee72a8b80a8d6ae31be5f5e3f793c7b646dc7f8a2207246328"
        );
    }

    #[test]
    fn every_flipped_bit_of_a_frame_is_seen() {
        let bytes = sample();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&flipped).is_err(), "bit={bit}");
        }
    }

    #[test]
    fn a_flipped_length_is_a_broken_header_not_a_long_frame() {
        let mut bytes = sample();
        bytes[38] ^= 1;
        assert_eq!(decode(&bytes).unwrap_err(), Fault::Broken);
    }

    #[test]
    fn a_header_does_not_take_the_body_of_another_frame() {
        let (mut one, mut other) = (sample(), sample());
        other[16] ^= 1; // another epoch, with a checksum that fits
        let crc = crc32c::crc32c(&other[..COVERED_BYTES]);
        other[96..100].copy_from_slice(&crc.to_le_bytes());
        one[..HEADER_BYTES].copy_from_slice(&other[..HEADER_BYTES]);
        assert_eq!(decode(&one).unwrap_err(), Fault::Broken);
    }

    #[test]
    #[should_panic(expected = "a frame that no reader takes is never written")]
    fn a_body_that_no_reader_takes_is_not_written() {
        let header = decode_header(&sample()).unwrap().0;
        encode(&header, &vec![0; BODY_BYTES_MAX + 1], &[leaf_of(b"a body")]);
    }

    #[test]
    fn a_frame_of_a_newer_version_is_told_from_damage() {
        let mut bytes = sample();
        bytes[4] = 2;
        let crc = crc32c::crc32c(&bytes[..COVERED_BYTES]);
        bytes[96..100].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(decode(&bytes).unwrap_err(), Fault::Future);
    }
}
