//! The cells and operations of a snapshot: a table beside the log. Of the cells a command reads those that it needs
//! (ADR 0033), of the operations all.
//!
//! ```text
//! c domain store NUL key                     the history of a cell, in postcard
//! n naming length name domain store NUL key  a name that a cell has or had; without a value
//! o lsn                                      the operation that the record at `lsn` opened, in postcard
//! ```
//! `domain` and `naming` are a byte; `length`, that of the name, is 4 bytes and `lsn` 8, the most significant first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kfm_lineage::{
    CellId, Digest, DigestKind, Domain, EntityId, Lsn, OperationId, OtherNames, Step, Value, Version,
};
use kfm_wal::error::Source;
use kfm_wal::snapshot::Snapshots;
use kfm_wal::table::{Entry, Table};
use kfm_wal::{Head, WalError};
use serde::{Deserialize, Serialize};

use super::Operation;
use super::cell::{CellHistory, Write};
use super::cells::{Cells, Naming};
use crate::error::Result;
use crate::platform::snapshots::unread;

/// The name of the cells among the states of a snapshot.
pub const CELLS: &str = "cells";

/// The form of the entries: entries of another form are not read.
pub const CELLS_FORM: &str = "2";

const CELL: u8 = b'c';
const NAME: u8 = b'n';
const OPERATION: u8 = b'o';

/// A table of cells that is open.
#[derive(Debug)]
pub(super) struct KeptCells {
    table: Table,
    /// The operations of the snapshot, by the position that opened them.
    opened: BTreeMap<Lsn, OperationId>,
}

/// The history of a cell, without what the rest of the snapshot says: the cell, and the operations.
#[derive(Serialize, Deserialize)]
struct KeptCell {
    writes: Vec<KeptWrite>,
    seen: Vec<(Lsn, KeptValue)>,
    ids: BTreeSet<String>,
    collections: BTreeSet<String>,
    versions: BTreeSet<Version>,
}

/// A write of the operation that was opened at `lsn`.
#[derive(Serialize, Deserialize)]
struct KeptWrite {
    lsn: Lsn,
    unit: String,
    entity: EntityId,
    from_version: Option<Version>,
    to_version: Option<Version>,
    before: KeptValue,
    after: KeptValue,
    stac_id: Option<String>,
    collection: Option<String>,
    other_ids: Vec<String>,
    other_collections: Vec<String>,
}

/// A value: the number of the digest's kind in [`KINDS`], and the 32 bytes.
type KeptValue = Option<(u8, [u8; 32])>;

const KINDS: [DigestKind; 4] =
    [DigestKind::Bytes, DigestKind::Canonical, DigestKind::Normalised, DigestKind::Keyed];

/// Writes the table of all cells and operations, durably; returns its digest. `operations` are those that the table
/// from which the cells were read has otherwise or not at all.
///
/// # Errors
/// As [`Snapshots::keep_table`].
pub(super) fn keep<'o>(
    cells: &Cells,
    operations: impl Iterator<Item = &'o Operation>,
    of: Head,
    snapshots: &Snapshots,
) -> Result<Digest, WalError> {
    let operations = operations.map(|operation| {
        let key = [&[OPERATION], operation.opened.0.to_be_bytes().as_slice()].concat();
        Ok((key, postcard::to_stdvec(operation)?))
    });
    let operations: Result<Vec<Entry>, Source> = operations.collect();
    let entries = operations.and_then(|operations| cells.entries(operations));
    let entries = entries.map_err(|source| WalError::Malformed { lsn: of.lsn, source })?;
    snapshots.keep_table(CELLS, CELLS_FORM, of, entries)
}

impl KeptCells {
    /// Opens the table of the snapshot of `of` that has this digest, and reads its operations, in the log's order.
    ///
    /// # Errors
    /// As [`Snapshots::table`], or an operation is damaged.
    pub(super) fn open(
        snapshots: &Snapshots,
        of: Head,
        digest: Digest,
    ) -> Result<(Self, Vec<Operation>), Source> {
        let table = snapshots.table(CELLS, CELLS_FORM, of, &digest)?;
        let operations = table.entries_from(&[OPERATION]).map(|entry| Ok(postcard::from_bytes(&entry?.1)?));
        let operations = operations.collect::<Result<Vec<Operation>, Source>>()?;
        let opened = operations.iter().map(|operation| (operation.opened, operation.id.clone())).collect();
        Ok((Self { table, opened }, operations))
    }

    /// Reads the history of a cell.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File): it cannot be read, or is damaged and was removed.
    pub(super) fn get(&self, cell: &CellId) -> Result<Option<CellHistory>> {
        let value = self.table.get(&cell_key(cell)).map_err(|error| unread(&self.table, error))?;
        value.map(|value| self.decode(cell, &value)).transpose()
    }

    /// Lists the cells from `from` on, in order, each with the bytes of its history.
    pub(super) fn iter_from(
        &self,
        from: &CellId,
    ) -> impl Iterator<Item = Result<(CellId, Vec<u8>)>> + use<'_> {
        let entries = self.table.entries_from(&cell_key(from));
        let cells = entries.take_while(|entry| !matches!(entry, Ok((key, _)) if key.first() != Some(&CELL)));
        cells.map(|entry| {
            let (key, value) = entry.map_err(|error| unread(&self.table, error))?;
            let cell = cell_of(&key[1..]).map_err(|error| unread(&self.table, error))?;
            Ok((cell, value))
        })
    }

    /// Returns the table, for the next one to take over.
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// Lists the cells that have, or had, a name.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(super) fn named(&self, naming: Naming, name: &str) -> Result<BTreeSet<CellId>> {
        let prefix = name_prefix(naming, name);
        let mut cells = BTreeSet::new();
        for entry in self.table.entries_from(&prefix) {
            let (key, _) = entry.map_err(|error| unread(&self.table, error))?;
            let Some(cell) = key.strip_prefix(prefix.as_slice()) else { break };
            cells.insert(cell_of(cell).map_err(|error| unread(&self.table, error))?);
        }
        Ok(cells)
    }

    /// Reads a history from its bytes.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(super) fn decode(&self, cell: &CellId, bytes: &[u8]) -> Result<CellHistory> {
        self.history_of(cell, bytes).map_err(|error| unread(&self.table, error))
    }

    fn history_of(&self, cell: &CellId, bytes: &[u8]) -> Result<CellHistory, Source> {
        let kept: KeptCell = postcard::from_bytes(bytes)?;
        let mut writes = Vec::with_capacity(kept.writes.len());
        for write in kept.writes {
            let operation = self.opened.get(&write.lsn).cloned().ok_or("a write without its operation")?;
            let step = Step {
                cell: cell.clone(),
                unit: write.unit,
                entity: write.entity,
                from_version: write.from_version,
                to_version: write.to_version,
                before: value_of(write.before)?,
                after: value_of(write.after)?,
                // Projections have no writes of their own.
                derived: false,
                stac_id: write.stac_id,
                collection: write.collection,
                other_names: OtherNames { ids: write.other_ids, collections: write.other_collections },
            };
            writes.push(Write::new(write.lsn, operation, Arc::new(step)));
        }
        let seen = kept.seen.into_iter().map(|(lsn, value)| Ok((lsn, value_of(value)?)));
        Ok(CellHistory {
            writes,
            seen: seen.collect::<Result<_, Source>>()?,
            ids: kept.ids,
            collections: kept.collections,
            versions: kept.versions,
        })
    }
}

/// Says whether an entry is that of an operation.
pub(super) fn is_operation(entry: &Entry) -> bool {
    entry.0.first() == Some(&OPERATION)
}

/// Makes the entry of a cell.
///
/// # Errors
/// It has no such form, which no history is known to be.
pub(super) fn cell_entry(cell: &CellId, history: &CellHistory) -> Result<Entry, Source> {
    let kept = KeptCell {
        writes: history.writes.iter().map(kept_write).collect(),
        seen: history.seen.iter().map(|(lsn, value)| (*lsn, kept_value(*value))).collect(),
        ids: history.ids.clone(),
        collections: history.collections.clone(),
        versions: history.versions.clone(),
    };
    Ok((cell_key(cell), postcard::to_stdvec(&kept)?))
}

/// Makes the entry of a name.
pub(super) fn name_entry(naming: Naming, name: &str, cell: &CellId) -> Entry {
    let mut key = name_prefix(naming, name);
    put_cell(&mut key, cell);
    (key, Vec::new())
}

fn kept_write(write: &Write) -> KeptWrite {
    let Step {
        unit, entity, from_version, to_version, before, after, stac_id, collection, other_names, ..
    } = Step::clone(&write.step);
    KeptWrite {
        lsn: write.lsn,
        unit,
        entity,
        from_version,
        to_version,
        before: kept_value(before),
        after: kept_value(after),
        stac_id,
        collection,
        other_ids: other_names.ids,
        other_collections: other_names.collections,
    }
}

fn kept_value(value: Value) -> KeptValue {
    let number = |kind| (0..).zip(KINDS).find_map(|(number, other)| (other == kind).then_some(number));
    value.map(|digest| (number(digest.kind()).unwrap_or(u8::MAX), *digest.bytes()))
}

fn value_of(kept: KeptValue) -> Result<Value, Source> {
    let Some((kind, bytes)) = kept else { return Ok(None) };
    let kind = KINDS.get(usize::from(kind)).ok_or("a digest of a kind that is not known")?;
    Ok(Some(Digest::from_parts(*kind, bytes)))
}

fn cell_key(cell: &CellId) -> Vec<u8> {
    let mut key = vec![CELL];
    put_cell(&mut key, cell);
    key
}

fn name_prefix(naming: Naming, name: &str) -> Vec<u8> {
    let naming = match naming {
        Naming::Id => b'i',
        Naming::Collection => b'c',
        Naming::Content => b'v',
        Naming::Group => b'g',
    };
    let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
    [&[NAME, naming], length.to_be_bytes().as_slice(), name.as_bytes()].concat()
}

/// Bytes are in the order of the cells: no store has a NUL in its name.
fn put_cell(key: &mut Vec<u8>, cell: &CellId) {
    key.push(match cell.domain {
        Domain::Stac => 0,
        Domain::Graph => 1,
        Domain::Search => 2,
        Domain::Cache => 3,
    });
    key.extend(cell.store.as_bytes());
    key.push(0);
    key.extend(cell.key.as_bytes());
}

fn cell_of(bytes: &[u8]) -> Result<CellId, Source> {
    let unreadable = || Source::from("a key of a table cannot be read");
    let (domain, rest) = bytes.split_first().ok_or_else(unreadable)?;
    let domain = match domain {
        0 => Domain::Stac,
        1 => Domain::Graph,
        2 => Domain::Search,
        3 => Domain::Cache,
        _ => return Err(unreadable()),
    };
    let end = rest.iter().position(|byte| *byte == 0).ok_or_else(unreadable)?;
    let (store, key) = (str::from_utf8(&rest[..end])?, str::from_utf8(&rest[end + 1..])?);
    Ok(CellId::new(domain, store, key))
}

#[cfg(test)]
#[path = "kept_cells_tests.rs"]
mod tests;
