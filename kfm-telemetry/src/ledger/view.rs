//! The rendered ledger: the chain's entries as one JSON document, for people and for other tools (R92).

use std::io;
use std::path::Path;

use kfm_lineage::canonical_json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Ledger;
use super::entry::StoredEntry;
use super::verify::{ViewReport, ViewState};
use crate::durable;
use crate::error::TelemetryError;

/// The content of the rendered ledger, `data_provenance_ledger.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LedgerView {
    /// The version of the format of this file.
    pub schema: ViewSchema,
    /// The entries, in the order of the chain.
    pub entries: Vec<StoredEntry>,
}

/// The versions of the format of the rendered ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ViewSchema {
    /// Version 1 of the format.
    #[serde(rename = "kfm.ledger/v1")]
    V1,
}

impl Ledger {
    /// Writes the rendered ledger as a whole: readers see the old file or the new one.
    ///
    /// # Errors
    /// - [`TelemetryError::ViewDiffers`]: the file that is there has something that the chain has not. It is
    ///   kept, since it may be the only witness of an entry that was taken out of the chain: run
    ///   `kfm ledger verify`.
    /// - [`TelemetryError::NotWritten`]: the old file is still there; repair the place and render again.
    /// - As [`Ledger::entries`].
    pub async fn render(&self, path: &Path) -> Result<(), TelemetryError> {
        let entries = self.entries().await?;
        let found = compare(path, &entries)
            .map_err(|error| TelemetryError::NotRead { path: path.to_owned(), source: error.into() })?;
        match found.state {
            ViewState::Current => return Ok(()),
            ViewState::Missing | ViewState::Behind => {}
            ViewState::Differs => {
                let why = found.why.unwrap_or_default();
                return Err(TelemetryError::ViewDiffers { path: path.to_owned(), why });
            }
        }
        let view = LedgerView { schema: ViewSchema::V1, entries };
        let mut bytes = serde_json::to_vec_pretty(&view).map_err(|error| not_written(path, error.into()))?;
        bytes.push(b'\n');
        let path = path.to_owned();
        let target = path.clone();
        tokio::task::spawn_blocking(move || durable::replace(&target, &bytes))
            .await
            .map_err(io::Error::from)
            .flatten()
            .map_err(|error| not_written(&path, error.into()))
    }
}

fn not_written(path: &Path, source: crate::error::BoxError) -> TelemetryError {
    TelemetryError::NotWritten { path: path.to_owned(), source }
}

/// Compares a rendered file with the entries of the chain.
///
/// The file may be behind the chain, since it is rendered on demand. It must not differ in what it has.
pub(super) fn compare(path: &Path, entries: &[StoredEntry]) -> io::Result<ViewReport> {
    let report =
        |state, rendered: u64, why| ViewReport { path: path.to_owned(), state, entries: rendered, why };
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(report(ViewState::Missing, 0, None));
        }
        Err(error) => return Err(error),
    };
    let differs = |rendered: u64, why: String| report(ViewState::Differs, rendered, Some(why));
    let Ok(Value::Object(mut view)) = serde_json::from_slice(&bytes) else {
        return Ok(differs(0, "it is not a JSON object".to_owned()));
    };
    if view.remove("schema") != serde_json::to_value(ViewSchema::V1).ok() {
        return Ok(differs(0, "its schema is not the one of a rendered ledger".to_owned()));
    }
    let Some(Value::Array(rendered)) = view.remove("entries") else {
        return Ok(differs(0, "it has no entries".to_owned()));
    };
    let count = rendered.len() as u64;
    if let Some(name) = view.keys().next() {
        return Ok(differs(count, format!("it has a field that is not known: field={name}")));
    }
    for (shown, entry) in rendered.iter().zip(entries) {
        let expected = kfm_lineage::canonical::canonical_of(entry).ok();
        if expected.is_none() || canonical_json(shown).ok() != expected {
            return Ok(differs(count, format!("an entry is not the chain's: lsn={}", entry.lsn)));
        }
    }
    Ok(match rendered.len().cmp(&entries.len()) {
        std::cmp::Ordering::Less => report(ViewState::Behind, count, None),
        std::cmp::Ordering::Equal => report(ViewState::Current, count, None),
        std::cmp::Ordering::Greater => {
            let more = rendered.len() - entries.len();
            differs(count, format!("it has entries that the chain has not: count={more}"))
        }
    })
}
