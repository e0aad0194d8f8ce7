//! Whether the ledger holds what was written (R92): the chain, each entry, and the rendered file against
//! both.

use std::path::{Path, PathBuf};

use kfm_lineage::Lsn;
use kfm_wal::WalError;
use kfm_wal::store::{BadPlace, Depth, VerifyReport};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::view::compare;
use super::{Ledger, PAGE, StoredEntry, from_log, read};
use crate::error::TelemetryError;

/// The answer of [`Ledger::verify`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerReport {
    /// Whether nothing is wrong with the chain, the entries and the rendered file.
    pub ok: bool,
    /// Number of entries that can be read, from the first on.
    pub entries: u64,
    /// The result of checking the chain.
    pub chain: VerifyReport,
    /// The first entry that is not what was written; none if all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_bad: Option<BadEntry>,
    /// The rendered file, if one was to be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<ViewReport>,
}

/// An entry that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BadEntry {
    /// The position of the entry in the ledger.
    pub lsn: Lsn,
    /// Why it is not what was written.
    pub why: String,
}

impl From<&BadPlace> for BadEntry {
    fn from(bad: &BadPlace) -> Self {
        Self { lsn: bad.lsn, why: format!("the chain is damaged: class={}", bad.class) }
    }
}

/// How a rendered file compares with the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ViewReport {
    /// The path of the rendered file.
    pub path: PathBuf,
    /// How the file compares with the chain.
    pub state: ViewState,
    /// Number of entries in the file.
    pub entries: u64,
    /// Where and how the file differs; none if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How a rendered file compares with the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ViewState {
    /// There is no file: the ledger was not rendered yet.
    Missing,
    /// The file has the first entries of the chain, but not all.
    Behind,
    /// The file has all entries of the chain.
    Current,
    /// The file has something that the chain has not: one of the two was changed.
    Differs,
}

impl Ledger {
    /// Reads the ledger in a folder and says whether it holds what was written; works offline, beside a
    /// writer or without one, and on a ledger that does not open.
    ///
    /// The rendered file is not compared with a damaged chain, which is no measure for it.
    ///
    /// # Errors
    /// As [`Ledger::verify`].
    pub async fn verify_folder(folder: &Path, view: Option<&Path>) -> Result<LedgerReport, TelemetryError> {
        match Self::open_read_only(folder) {
            Ok(ledger) => ledger.verify(view).await,
            Err(TelemetryError::Log { source: WalError::Corrupt { .. } }) => {
                let chain = kfm_wal::local::verify(folder, Depth::Chain).map_err(|e| from_log(folder, e))?;
                let first_bad = chain.first_bad.as_ref().map(BadEntry::from);
                Ok(LedgerReport { ok: false, entries: chain.records, chain, first_bad, view: None })
            }
            Err(error) => Err(error),
        }
    }

    /// Reads the whole ledger, offline, and says whether it holds what was written; damage is an answer, not
    /// an error.
    ///
    /// With `view`, the rendered file is compared too: it may be behind, but must not differ.
    ///
    /// # Errors
    /// - [`TelemetryError::Log`]: the chain could not be read at all; try again.
    /// - [`TelemetryError::NotRead`]: the rendered file is there and could not be read; look at its
    ///   permissions.
    pub async fn verify(&self, view: Option<&Path>) -> Result<LedgerReport, TelemetryError> {
        let chain = self.store.verify(Depth::Chain).await.map_err(|error| from_log(&self.place, error))?;
        let (entries, bad) = self.read_as_far_as_it_goes().await?;
        let damaged = chain.first_bad.as_ref().map(BadEntry::from);
        let first_bad = [damaged, bad].into_iter().flatten().min_by_key(|bad| bad.lsn);
        let view =
            match view {
                None => None,
                Some(path) => Some(compare(path, &entries).map_err(|error| TelemetryError::NotRead {
                    path: path.to_owned(),
                    source: error.into(),
                })?),
            };
        let differs = view.as_ref().is_some_and(|view| view.state == ViewState::Differs);
        Ok(LedgerReport {
            ok: chain.ok && first_bad.is_none() && !differs,
            entries: entries.len() as u64,
            chain,
            first_bad,
            view,
        })
    }

    /// Reads entries up to the first one that is damaged or is not an entry; returns them, and that one.
    async fn read_as_far_as_it_goes(&self) -> Result<(Vec<StoredEntry>, Option<BadEntry>), TelemetryError> {
        let mut entries = Vec::new();
        let mut from = Lsn::ZERO.next();
        loop {
            let page = match self.store.scan(from, PAGE).await {
                Ok(page) => page,
                Err(WalError::Corrupt { lsn, class, .. }) => {
                    let why = format!("the chain is damaged: class={class}");
                    return Ok((entries, Some(BadEntry { lsn, why })));
                }
                Err(error) => return Err(from_log(&self.place, error)),
            };
            let Some(last) = page.last() else { return Ok((entries, None)) };
            from = last.lsn.next();
            for record in &page {
                match read(record) {
                    Ok(entry) => entries.extend(entry),
                    Err(TelemetryError::NotAnEntry { lsn, source }) => {
                        return Ok((entries, Some(BadEntry { lsn, why: source.to_string() })));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }
}
