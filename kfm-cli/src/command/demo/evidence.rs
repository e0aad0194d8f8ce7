//! What the stores hold at one moment, by digest; and where the records of a rollback lie.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use kfm_lineage::Digest;
use kfm_rollback::Platform;
use kfm_rollback::report::OperationLine;
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Failure, Result};
use crate::output::words;
use crate::shell;

/// What the stores hold at one moment.
#[derive(Debug)]
pub(crate) struct Evidence {
    /// The digest of each store, as `kfm doctor --digests` says it.
    stores: BTreeMap<String, Option<Digest>>,
    /// The catalog's files, read by the demonstration itself: path, and digest of the bytes.
    files: BTreeMap<PathBuf, Digest>,
}

impl Evidence {
    /// Looks at every store, and at the catalog's files.
    pub(crate) async fn take(platform: &Platform) -> Result<Self> {
        let doctor = platform.doctor(true).await?;
        let stores = doctor.stores.into_iter().map(|store| (store.name, store.digest)).collect();
        let catalog = platform.root().join("catalog");
        let mut files = BTreeMap::new();
        read_files(&catalog, &mut files).map_err(|error| Failure::file(&catalog, &error))?;
        Ok(Self { stores, files })
    }

    /// Says whether every store holds the same, and every file has the same bytes.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        let known = self.stores.values().all(Option::is_some);
        known && self.stores == other.stores && self.same_catalog_bytes(other)
    }

    /// Says whether every file of the catalog has the same bytes, and there are no others.
    pub(crate) fn same_catalog_bytes(&self, other: &Self) -> bool {
        !self.files.is_empty() && self.files == other.files
    }
}

fn read_files(dir: &Path, files: &mut BTreeMap<PathBuf, Digest>) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            read_files(&entry.path(), files)?;
        } else {
            files.insert(entry.path(), Digest::of_bytes(&std::fs::read(entry.path())?));
        }
    }
    Ok(())
}

/// One store at three moments.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StoreBeforeAndAfter {
    name: String,
    before: Option<Digest>,
    with_defect: Option<Digest>,
    after: Option<Digest>,
    restored: bool,
}

impl StoreBeforeAndAfter {
    /// Returns the row of the table.
    pub(crate) fn row(&self) -> Vec<String> {
        let short = |digest: &Option<Digest>| {
            digest.map_or_else(|| "unknown".to_owned(), |digest| words::short(&digest.to_string()))
        };
        let word = if self.restored { "same as before" } else { "DIFFERS" };
        vec![
            self.name.clone(),
            short(&self.before),
            short(&self.with_defect),
            short(&self.after),
            word.to_owned(),
        ]
    }
}

/// Compares the stores before the bad publish, with it, and after its rollback.
pub(crate) fn compare(before: &Evidence, bad: &Evidence, after: &Evidence) -> Vec<StoreBeforeAndAfter> {
    let at = |evidence: &Evidence, name: &str| evidence.stores.get(name).copied().flatten();
    let of = |name: &String| StoreBeforeAndAfter {
        name: name.clone(),
        before: at(before, name),
        with_defect: at(bad, name),
        after: at(after, name),
        restored: at(before, name).is_some() && at(before, name) == at(after, name),
    };
    before.stores.keys().map(of).collect()
}

/// Where the records of a rollback lie.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Places {
    pub(crate) catalog: String,
    plan: String,
    manifest: Option<String>,
    telemetry: String,
    ledger: String,
    log: String,
}

impl Places {
    /// Returns the rows of the table.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        let manifest = self.manifest.clone().unwrap_or_else(|| "none".to_owned());
        [
            ("plan", &self.plan),
            ("manifest", &manifest),
            ("telemetry", &self.telemetry),
            ("ledger", &self.ledger),
            ("log", &self.log),
        ]
        .map(|(name, place)| vec![name.to_owned(), place.clone()])
        .to_vec()
    }
}

/// Finds where the records of a rollback lie.
pub(crate) fn places(platform: &Platform, plan: &Path, rollback: Option<&OperationLine>) -> Places {
    let manifest = rollback.map(|line| platform.manifest_path(&line.id));
    Places {
        catalog: shell::place(platform.root().join("catalog")),
        plan: shell::place(plan),
        manifest: manifest.filter(|path| path.is_file()).map(shell::place),
        telemetry: shell::place(platform.telemetry_dir()),
        ledger: shell::place(platform.ledger_view()),
        log: shell::place(platform.wal_dir()),
    }
}
