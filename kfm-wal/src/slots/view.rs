//! What a handle knows of a log: where each record is, and what may come next.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use kfm_lineage::{Digest, DigestKind, Lsn};

use super::format::damage_of;
use super::hold::Hold;
use super::turns::Turns;
use crate::frame::{self, Header, Kind};
use crate::position::Position;
use crate::raw::{RawRecord, raw_records};
use crate::store::{BadPlace, Damage, Depth, Head, StoredRecord};

/// How many bytes of the newest frames a handle keeps in memory.
const KEPT_BYTES_MAX: usize = 16 << 20;

/// The known part of a log.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) position: Position,
    /// The slot after the last one that is known: the next append goes there.
    pub(crate) next: u64,
    /// What each slot holds, from slot 1 on.
    places: Vec<Place>,
    ids: HashMap<[u8; 16], Lsn>,
    kept: BTreeMap<u64, Bytes>,
    kept_bytes: usize,
    /// Bytes in all frames.
    pub(crate) bytes: u64,
    /// The holder of the log, if it is held.
    pub(crate) hold: Option<Hold>,
    /// The claims in their order: from this record on, the log was held by the claim in this slot, or was not
    /// held (`None`).
    held: Vec<(Lsn, Option<u64>)>,
    /// The writers that appended lately.
    pub(crate) turns: Turns,
    depth: Depth,
}

/// What a slot holds.
#[derive(Debug, Clone, Copy)]
struct Place {
    first: Lsn,
    count: u32,
    /// The chain before this slot.
    prev: [u8; 32],
}

impl View {
    /// A log that has no frame yet.
    pub(crate) fn new(log_id: &[u8; 16], depth: Depth) -> Self {
        Self {
            position: Position::origin(log_id),
            next: 1,
            places: Vec::new(),
            ids: HashMap::new(),
            kept: BTreeMap::new(),
            kept_bytes: 0,
            bytes: 0,
            hold: None,
            held: Vec::new(),
            turns: Turns::begin(1),
            depth,
        }
    }

    /// Takes in what the next slot holds, or says why it cannot be there.
    pub(crate) fn take_in(&mut self, bytes: &Bytes) -> Result<(), Damage> {
        let frame = frame::decode(bytes).map_err(damage_of)?;
        if frame.bytes != bytes.len() {
            return Err(Damage::Malformed);
        }
        match frame.header.kind {
            Kind::Data | Kind::Fence | Kind::Hold | Kind::Other(_) => {}
            Kind::Segment | Kind::Mark | Kind::Seal | Kind::Repair | Kind::Archive => {
                return Err(Damage::ChainBreak);
            }
        }
        let mut position = self.position;
        let records = position.accept(&frame, self.depth, None)?;
        let Header { kind, epoch, first, nonce, .. } = frame.header;
        let hold = match kind {
            Kind::Fence | Kind::Hold => Some(Hold::after(self.hold.clone(), kind, epoch, nonce, frame.body)?),
            _ => None,
        };
        for (lsn, record) in (first.0..).zip(&records) {
            match self.ids.entry(record.op_id) {
                Entry::Occupied(_) => return Err(Damage::DuplicateOperation),
                Entry::Vacant(free) => free.insert(Lsn(lsn)),
            };
        }
        self.position = position;
        if let Some(hold) = hold {
            // A holder that renews its claim changes nothing about which claim a record belongs to.
            if kind == Kind::Fence || hold.is_none() {
                self.held.push((self.position.next, hold.is_some().then_some(self.next)));
            }
            self.hold = hold;
        }
        if kind == Kind::Data {
            self.turns.note(nonce, self.next);
        }
        self.places.push(Place { first, count: frame.header.count, prev: frame.header.prev });
        self.bytes += bytes.len() as u64;
        self.keep(bytes);
        self.next += 1;
        Ok(())
    }

    fn keep(&mut self, bytes: &Bytes) {
        self.kept.insert(self.next, bytes.clone());
        self.kept_bytes += bytes.len();
        while self.kept_bytes > KEPT_BYTES_MAX {
            let Some((_, oldest)) = self.kept.pop_first() else { return };
            self.kept_bytes -= oldest.len();
        }
    }

    /// Returns the end of the log.
    pub(crate) fn head(&self) -> Head {
        let mut head = self.position.head();
        // Where nothing was hashed, the chain of a frame is known from the frame after it, and the last one
        // has none.
        if self.depth == Depth::Crc
            && let Some(last) = self.kept.get(&(self.next - 1))
            && let Ok(frame) = frame::decode(last)
        {
            let records = raw_records(frame.body, frame.header.count).unwrap_or_default();
            let leaves: Vec<[u8; 32]> = records.iter().map(RawRecord::leaf).collect();
            head.chain = Digest::from_parts(DigestKind::Bytes, frame.chain(&leaves));
        }
        head
    }

    /// Returns the slot where a sound log differs from what a witness has seen of it, and how; `None` if it
    /// does not differ.
    pub(crate) fn differs_from(&self, witness: &Head) -> Option<(u64, Damage)> {
        let last = self.position.last();
        if witness.lsn > last || witness.epoch > self.position.epoch {
            return Some((self.next, Damage::LostTail));
        }
        let chain = witness.chain.bytes();
        if witness.lsn == last && *chain == self.position.chain {
            return None;
        }
        // An epoch moves the chain and takes no position: one position can have several chains.
        let behind = self.places.partition_point(|place| place.first <= witness.lsn);
        let mut there = self.places[behind..].iter().take_while(|place| place.first == witness.lsn.next());
        if there.any(|place| place.prev == *chain) {
            None
        } else {
            Some((behind as u64 + 1, Damage::Rewritten))
        }
    }

    /// Returns what a slot holds, if this handle has it in memory.
    pub(crate) fn kept(&self, n: u64) -> Option<Bytes> {
        self.kept.get(&n).cloned()
    }

    /// Returns the position of the record that has an id.
    pub(crate) fn lsn_of(&self, id: &[u8; 16]) -> Option<Lsn> {
        self.ids.get(id).copied()
    }

    /// Returns the slot of the claim under which a record was appended; `None` if the log was not held then.
    pub(crate) fn claim_of(&self, lsn: Lsn) -> Option<u64> {
        let before = self.held.partition_point(|(from, _)| *from <= lsn);
        self.held[..before].last().and_then(|(_, claim)| *claim)
    }

    /// Returns the slots that hold records of these positions.
    pub(crate) fn slots_of(&self, wanted: &Range<u64>) -> Vec<u64> {
        let end = |place: &Place| place.first.0 + u64::from(place.count);
        let start = self.places.partition_point(|place| end(place) <= wanted.start);
        let places = self.places[start..].iter().zip(start as u64 + 1..);
        places
            .take_while(|(place, _)| place.first.0 < wanted.end)
            .filter(|(place, _)| place.count > 0)
            .map(|(_, n)| n)
            .collect()
    }

    /// Reads the wanted records of a slot again; an error if the slot no longer holds what it held.
    pub(crate) fn records(
        &self,
        n: u64,
        bytes: &[u8],
        wanted: &Range<u64>,
    ) -> Result<Vec<StoredRecord>, Damage> {
        let frame = frame::decode(bytes).map_err(damage_of)?;
        let place = self.places.get(n as usize - 1).ok_or(Damage::ChainBreak)?;
        if (frame.header.first, frame.header.count) != (place.first, place.count) {
            return Err(Damage::ChainBreak);
        }
        let records = raw_records(frame.body, place.count).ok_or(Damage::Malformed)?;
        let stored = records.iter().zip(place.first.0..).filter(|(_, lsn)| wanted.contains(lsn));
        Ok(stored.map(|(record, lsn)| record.stored(Lsn(lsn), frame.header.epoch)).collect())
    }

    /// Makes the description of damage in slot `n`.
    pub(crate) fn bad(&self, n: u64, segment: String, class: Damage) -> BadPlace {
        let known = n.checked_sub(1).and_then(|n| self.places.get(n as usize));
        BadPlace { segment, offset: 0, lsn: known.map_or(self.position.next, |place| place.first), class }
    }
}

pub(crate) fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::record;
    use crate::slots::flight::{Flight, Load};

    #[test]
    fn of_a_slot_those_records_are_read_that_are_wanted() {
        let mut view = View::new(&[7; 16], Depth::Chain);
        let mut frames = Vec::new();
        for n in [1..4, 4..5, 5..9] {
            let mut load = Load::new(None);
            load.add(&n.map(record).collect::<Vec<_>>());
            let flight = Flight::of_records(view.next, &view.position, [1; 16], &load, Vec::new());
            view.take_in(&flight.frame).unwrap();
            frames.push(flight.frame);
        }
        for (wanted, slots) in [
            (1..9, vec![1, 2, 3]),
            (0..2, vec![1]),
            (3..5, vec![1, 2]),
            (4..5, vec![2]),
            (6..8, vec![3]),
            (9..99, vec![]),
            (5..5, vec![]),
        ] {
            assert_eq!(view.slots_of(&wanted), slots, "{wanted:?}");
            let read = slots.iter().flat_map(|n| {
                let records = view.records(*n, &frames[*n as usize - 1], &wanted).unwrap();
                records.into_iter().map(|stored| (stored.lsn.0, stored.record.op_id))
            });
            let there = wanted.clone().filter(|lsn| (1..9).contains(lsn)).map(|lsn| (lsn, record(lsn).op_id));
            assert_eq!(read.collect::<Vec<_>>(), there.collect::<Vec<_>>());
        }
    }
}
