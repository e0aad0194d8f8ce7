//! The cells of an embedded store, as one transaction sees them.

use kfm_lineage::{Digest, OperationId, Timestamp, Value};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::op::{Generation, Listed, Seen};

/// The cells, as they stand in a transaction.
#[derive(Debug)]
pub(super) struct Cells<'c>(pub(super) &'c Connection);

/// A change that a cell went through.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) value: Value,
    pub(super) by: OperationId,
    pub(super) at: Timestamp,
}

impl Cells<'_> {
    /// Returns what a cell is; its generation is the number of its changes, which only rises.
    pub(super) fn seen(&self, key: &str) -> rusqlite::Result<Seen> {
        Ok(seen(self.value(key)?, self.generation(key)?))
    }

    /// Returns what a cell is, its value from the content that readers see.
    pub(super) fn seen_in_content(&self, key: &str) -> rusqlite::Result<Seen> {
        let content = self.content(key)?;
        Ok(seen(content.map(|text| Digest::of_canonical_bytes(text.as_bytes())), self.generation(key)?))
    }

    /// Returns a cell's value, as the last change has set it.
    pub(super) fn value(&self, key: &str) -> rusqlite::Result<Value> {
        let mut select = self.0.prepare_cached("SELECT value FROM cells WHERE key = ?1")?;
        Ok(select.query_row([key], |row| value_of(row, 0)).optional()?.flatten())
    }

    /// Returns the number of a cell's changes, 0 if there never was one.
    pub(super) fn generation(&self, key: &str) -> rusqlite::Result<u64> {
        let mut select = self.0.prepare_cached("SELECT generation FROM cells WHERE key = ?1")?;
        Ok(select.query_row([key], |row| row.get(0)).optional()?.unwrap_or(0))
    }

    /// Returns the content that readers see; `None` if the cell is absent.
    pub(super) fn content(&self, key: &str) -> rusqlite::Result<Option<String>> {
        let mut select = self.0.prepare_cached("SELECT content FROM contents WHERE key = ?1")?;
        select.query_row([key], |row| row.get(0)).optional()
    }

    /// Returns the changes of a cell, the first one first.
    pub(super) fn changes(&self, key: &str) -> rusqlite::Result<Vec<Change>> {
        let mut select = self
            .0
            .prepare_cached("SELECT value, operation, at FROM changes WHERE key = ?1 ORDER BY generation")?;
        let change =
            |row: &Row<'_>| Ok(Change { value: value_of(row, 0)?, by: parsed(row, 1)?, at: parsed(row, 2)? });
        select.query_map([key], change)?.collect()
    }

    /// Lists cells that are not absent, above a key, in ascending order.
    pub(super) fn scan(&self, after: Option<&str>, limit: usize) -> rusqlite::Result<Vec<Listed>> {
        let mut select = self.0.prepare_cached(
            "SELECT key, value, generation FROM cells
             WHERE value IS NOT NULL AND (?1 IS NULL OR key > ?1) ORDER BY key LIMIT ?2",
        )?;
        let listed = |row: &Row<'_>| Ok((row.get(0)?, Some(seen(value_of(row, 1)?, row.get(2)?))));
        select.query_map((after, i64::try_from(limit).unwrap_or(i64::MAX)), listed)?.collect()
    }

    /// Returns the highest token of an executor that was here.
    pub(super) fn fence(&self) -> rusqlite::Result<u64> {
        self.0.query_row("SELECT token FROM fence", [], |row| row.get(0))
    }

    /// Raises the fence.
    pub(super) fn raise_fence(&self, token: u64) -> rusqlite::Result<()> {
        self.0.execute("UPDATE fence SET token = ?1", [token]).map(drop)
    }

    /// Sets a cell; `content` is that of `value`.
    pub(super) fn put(
        &self,
        key: &str,
        generation: u64,
        value: Value,
        content: Option<&str>,
        by: (&OperationId, Timestamp),
    ) -> rusqlite::Result<()> {
        let value = value.map(|digest| digest.to_string());
        self.0
            .prepare_cached(
                "INSERT INTO cells (key, generation, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT (key) DO UPDATE SET generation = excluded.generation, value = excluded.value",
            )?
            .execute((key, generation, &value))?;
        self.0
            .prepare_cached(
                "INSERT INTO changes (key, generation, value, operation, at) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((key, generation, &value, by.0.as_str(), by.1.to_string()))?;
        match content {
            Some(content) => self
                .0
                .prepare_cached(
                    "INSERT INTO contents (key, content) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET content = excluded.content",
                )?
                .execute((key, content)),
            None => self.0.prepare_cached("DELETE FROM contents WHERE key = ?1")?.execute([key]),
        }
        .map(drop)
    }
}

fn seen(value: Value, generation: u64) -> Seen {
    Seen { value, generation: Some(Generation::new(generation.to_string())) }
}

fn value_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Value> {
    let is_absent = row.get_ref(column)?.data_type() == Type::Null;
    if is_absent { Ok(None) } else { parsed(row, column).map(Some) }
}

/// Reads a column that holds the text of something; a text that is not valid was not written by a store.
fn parsed<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text: String = row.get(column)?;
    text.parse()
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}
