//! The index of a snapshot: a table beside the log, of which a reader takes the positions that it needs (ADR 0034).
//!
//! ```text
//! (no bytes)            when the newest record was appended; without a value if there is no record
//! i id                  the position of the record with this id
//! l lsn                 a record: when it was appended, its id, the operation that it is about (or nothing)
//! o operation NUL lsn   a record about an operation; without a value
//! t time lsn            a record by the time of its append; without a value
//! u lsn                 a record whose type this version does not know and may pass over; without a value
//! ```
//! An id is 16 bytes, a position 8, the most significant first. A time is the nanoseconds since 1970 in 16 bytes, the most
//! significant first and the sign's bit turned over, so that bytes are in the order of times.

use std::collections::BTreeMap;

use kfm_lineage::{Lsn, OperationId, Timestamp};

use super::Place;
use crate::error::{Source, WalError};
use crate::table::{Entry, Table, taken_over};

const NEWEST: &[u8] = b"";
const ID: u8 = b'i';
const RECORD: u8 = b'l';
const OPERATION: u8 = b'o';
const TIME: u8 = b't';
const UNKNOWN: u8 = b'u';

/// The index of a snapshot that is open.
#[derive(Debug)]
pub(super) struct KeptIndex {
    table: Table,
    /// The position of the snapshot.
    at: Lsn,
    pub(super) newest_at: Option<Timestamp>,
}

impl KeptIndex {
    pub(super) fn open(table: Table, at: Lsn) -> Result<Self, Source> {
        let newest_at = match table.get(NEWEST)?.ok_or("an index without its newest time")?.as_slice() {
            [] => None,
            newest => Some(time_of(newest)?.0),
        };
        Ok(Self { table, at, newest_at })
    }

    /// Returns the position of the record with an id.
    pub(super) fn id(&self, id: &[u8; 16]) -> Result<Option<Lsn>, WalError> {
        let position = self.table.get(&[&[ID], id.as_slice()].concat());
        let position = position.and_then(|position| position.map(|position| lsn_of(&position)).transpose());
        position.map_err(|error| unread(&self.table, error))
    }

    /// Lists the records from a position on. A question about what came after the snapshot is not its to answer.
    pub(super) fn places(&self, from: Lsn) -> Result<Vec<Place>, WalError> {
        if from > self.at {
            return Ok(Vec::new());
        }
        let from = [&[RECORD], from.0.to_be_bytes().as_slice()].concat();
        self.list(&from, |key, value| match key.strip_prefix(&[RECORD]) {
            Some(lsn) => place_of(lsn_of(lsn)?, value).map(Some),
            None => Ok(None),
        })
    }

    /// Lists the positions of the records with `from <= at < to`.
    pub(super) fn between(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Lsn>, WalError> {
        self.list(&time_key(from, Lsn::ZERO), |key, _| {
            let Some(key) = key.strip_prefix(&[TIME]) else { return Ok(None) };
            let (at, lsn) = time_of(key)?;
            if at < to { lsn_of(lsn).map(Some) } else { Ok(None) }
        })
    }

    /// Lists the positions of the records about an operation.
    pub(super) fn operation(&self, id: &OperationId) -> Result<Vec<Lsn>, WalError> {
        let prefix = operation_prefix(id);
        self.list(&prefix, |key, _| key.strip_prefix(prefix.as_slice()).map(lsn_of).transpose())
    }

    /// Lists the positions of the records whose types this version does not know.
    pub(super) fn unknown(&self) -> Result<Vec<Lsn>, WalError> {
        self.list(&[UNKNOWN], |key, _| key.strip_prefix(&[UNKNOWN]).map(lsn_of).transpose())
    }

    /// Lists what `read` makes of the entries from a key on, as long as it makes something.
    fn list<T>(
        &self,
        from: &[u8],
        read: impl Fn(&[u8], &[u8]) -> Result<Option<T>, Source>,
    ) -> Result<Vec<T>, WalError> {
        let entries = self.table.entries_from(from);
        let read = entries.map(|entry| entry.and_then(|(key, value)| read(&key, &value)));
        let found = read.map_while(Result::transpose);
        found.collect::<Result<_, _>>().map_err(|error| unread(&self.table, error))
    }
}

/// Lists the entries of an index that takes over from `kept`, if there is one, and has these records besides.
pub(super) fn entries<'k>(
    kept: Option<&'k KeptIndex>,
    places: &[Place],
    unknown: &[Lsn],
    newest_at: Option<Timestamp>,
) -> impl Iterator<Item = Result<Entry, Source>> + use<'k> {
    let mut new: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for place in places {
        let lsn = place.lsn.0.to_be_bytes();
        let operation = place.operation.as_ref();
        new.insert([&[ID], place.id.as_slice()].concat(), lsn.to_vec());
        let about = operation.map_or("", OperationId::as_str).as_bytes();
        let record = [time_bytes(place.at).as_slice(), place.id.as_slice(), about].concat();
        new.insert([&[RECORD], lsn.as_slice()].concat(), record);
        new.insert(time_key(place.at, place.lsn), Vec::new());
        if let Some(operation) = operation {
            new.insert([operation_prefix(operation).as_slice(), lsn.as_slice()].concat(), Vec::new());
        }
    }
    new.extend(unknown.iter().map(|lsn| ([&[UNKNOWN], lsn.0.to_be_bytes().as_slice()].concat(), Vec::new())));
    new.insert(NEWEST.to_vec(), newest_at.map(|at| time_bytes(at).to_vec()).unwrap_or_default());
    let new = new.into_iter().map(|(key, value)| (key, Some(value)));
    taken_over(kept.map(|kept| &kept.table), new)
}

fn unread(table: &Table, error: Source) -> WalError {
    WalError::Snapshot { path: table.path().display().to_string(), source: table.unusable(error) }
}

fn operation_prefix(id: &OperationId) -> Vec<u8> {
    [&[OPERATION], id.as_str().as_bytes(), &[0]].concat()
}

fn time_key(at: Timestamp, lsn: Lsn) -> Vec<u8> {
    [&[TIME], time_bytes(at).as_slice(), lsn.0.to_be_bytes().as_slice()].concat()
}

fn time_bytes(at: Timestamp) -> [u8; 16] {
    (at.as_nanosecond() ^ i128::MIN).to_be_bytes()
}

/// Reads the time at the beginning of bytes; returns the rest, too.
fn time_of(bytes: &[u8]) -> Result<(Timestamp, &[u8]), Source> {
    let (at, rest) = bytes.split_first_chunk().ok_or("a time of an index ends too early")?;
    Ok((Timestamp::from_nanosecond(i128::from_be_bytes(*at) ^ i128::MIN)?, rest))
}

fn lsn_of(bytes: &[u8]) -> Result<Lsn, Source> {
    Ok(Lsn(u64::from_be_bytes(bytes.try_into().map_err(|_| "not a position of an index")?)))
}

fn place_of(lsn: Lsn, bytes: &[u8]) -> Result<Place, Source> {
    let (at, rest) = time_of(bytes)?;
    let (id, operation) = rest.split_first_chunk().ok_or("a record of an index ends too early")?;
    let operation = match str::from_utf8(operation)? {
        "" => None,
        id => Some(OperationId::parse(id)?),
    };
    Ok(Place { lsn, at, id: *id, operation })
}
