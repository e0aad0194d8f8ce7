//! The state of a log after a frame, and which frame may come next.

use kfm_lineage::{Digest, DigestKind, Lsn, Timestamp};

use crate::frame::{Frame, Header, Kind, chain_origin};
use crate::leaves::leaves_of;
use crate::raw::{RawRecord, raw_records};
use crate::store::{Damage, Depth, Head};

/// The state of a log between two frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// First half of the log's id.
    pub(crate) log: u64,
    /// Position of the next record.
    pub(crate) next: Lsn,
    /// The chain over all frames so far.
    pub(crate) chain: [u8; 32],
    /// The highest epoch claimed.
    pub(crate) epoch: u64,
    /// Time of the last record.
    pub(crate) last_at: Option<Timestamp>,
}

impl Position {
    /// The position before the first frame of a log.
    pub(crate) fn origin(log_id: &[u8; 16]) -> Self {
        Self {
            log: u64::from_le_bytes(log_id[..8].try_into().expect("8 of 16 bytes")),
            next: Lsn(1),
            chain: chain_origin(log_id),
            epoch: 0,
            last_at: None,
        }
    }

    /// Returns the position of the last record.
    pub(crate) fn last(&self) -> Lsn {
        Lsn(self.next.0 - 1)
    }

    /// Returns the end of the log.
    pub(crate) fn head(&self) -> Head {
        Head { lsn: self.last(), chain: Digest::from_parts(DigestKind::Bytes, self.chain), epoch: self.epoch }
    }

    /// Says whether a mark says that everything before this position is durable.
    pub(crate) fn is_witnessed_by(&self, mark: &Frame<'_>) -> bool {
        let header = &mark.header;
        header.kind == Kind::Mark
            && header.log == self.log
            && header.durable_upto == self.last()
            && header.prev == self.chain
    }

    /// Says whether this is a mark of this log that says nothing new.
    pub(crate) fn has_passed(&self, mark: &Header) -> bool {
        mark.kind == Kind::Mark && mark.log == self.log && mark.durable_upto <= self.last()
    }

    /// Returns the header of the frame that comes next, holding `count` records.
    ///
    /// Everything before it is durable, since a frame is written only after the one before it was synced.
    pub(crate) fn header(&self, kind: Kind, count: u32, nonce: [u8; 16]) -> Header {
        let claims = matches!(kind, Kind::Fence | Kind::Repair | Kind::Archive);
        Header {
            kind,
            flags: kind.flags(),
            log: self.log,
            epoch: self.epoch + u64::from(claims),
            first: self.next,
            count,
            durable_upto: self.last(),
            nonce,
            prev: self.chain,
        }
    }

    /// Moves past a frame and returns its records.
    ///
    /// At [`Depth::Crc`] nothing is hashed: the chain is what the last frame says about the frames before it.
    /// `leaves` are those of the frame's records, if they are known.
    ///
    /// # Errors
    /// Why the frame cannot be here.
    pub(crate) fn accept<'a>(
        &mut self,
        frame: &Frame<'a>,
        depth: Depth,
        leaves: Option<&[[u8; 32]]>,
    ) -> Result<Vec<RawRecord<'a>>, Damage> {
        let header = &frame.header;
        if header.log != self.log {
            return Err(Damage::ForeignLog);
        }
        let linked = depth == Depth::Crc || header.prev == self.chain;
        if !linked || header.first != self.next || header.durable_upto >= self.next {
            return Err(Damage::ChainBreak);
        }
        self.chain = header.prev;
        match header.kind {
            Kind::Fence | Kind::Repair | Kind::Archive if header.epoch <= self.epoch => {
                return Err(Damage::EpochRegress);
            }
            // A writer claims the epoch after the last one that it has read, so epochs grow one by one.
            _ if header.epoch > self.epoch.saturating_add(1) => return Err(Damage::ChainBreak),
            Kind::Fence | Kind::Repair | Kind::Archive | Kind::Other(_) => {}
            _ if header.epoch != self.epoch => return Err(Damage::EpochRegress),
            _ => {}
        }
        let records = match header.kind {
            Kind::Data if header.count > 0 => {
                raw_records(frame.body, header.count).ok_or(Damage::Malformed)?
            }
            _ if header.count == 0 && header.kind != Kind::Data => Vec::new(),
            // The frame itself may be passed over, but not the records that it says it holds.
            Kind::Other(_) => return Err(Damage::FutureFormat),
            _ => return Err(Damage::Malformed),
        };
        let mut last_at = self.last_at;
        for record in &records {
            if last_at.is_some_and(|last| record.at < last) {
                return Err(Damage::TimeRegress);
            }
            last_at = Some(record.at);
        }
        if depth == Depth::Chain {
            self.chain = match leaves.filter(|leaves| leaves.len() == records.len()) {
                Some(leaves) => frame.chain(leaves),
                None => frame.chain(&leaves_of(&records)),
            };
        }
        self.next = Lsn(self.next.0 + u64::from(header.count));
        self.epoch = self.epoch.max(header.epoch);
        self.last_at = last_at;
        Ok(records)
    }

    /// Moves past a frame that this process knows to be whole and durable.
    pub(crate) fn advance(&mut self, header: &Header, chain: [u8; 32], last_at: Option<Timestamp>) {
        debug_assert_eq!((header.first, header.prev), (self.next, self.chain), "frames follow each other");
        self.chain = chain;
        self.next = Lsn(self.next.0 + u64::from(header.count));
        self.epoch = self.epoch.max(header.epoch);
        self.last_at = last_at.or(self.last_at);
    }
}
