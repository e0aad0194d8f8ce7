//! Policy's own files as they are now: the registries of labels and withdrawals, and the list of principals.
//!
//! [`Platform::init`] makes all three. A missing one was removed, or `kfm.toml` names another place: then nothing may
//! be judged by the files that are left. A file that could not be read this time says nothing about its content, and
//! is no verdict.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use kfm_lineage::{Digest, Domain};
use kfm_policy::{LabelRegistry, PolicyError, Principals};

use super::{Platform, local_path};
use crate::error::{Error, Result};
use crate::history::History;

/// The name of the file of labels and holds in records.
pub(crate) const LABELS: &str = "labels";

/// The name of the file of withdrawals in records.
pub(crate) const SUPPRESSIONS: &str = "suppressions";

/// The name of the file of principals in records.
pub(crate) const PRINCIPALS: &str = "principals";

/// What policy's files say.
#[derive(Debug, Default)]
pub(crate) struct PolicyFiles {
    pub registry: LabelRegistry,
    pub principals: Principals,
    pub texts: PolicyTexts,
}

/// The texts of policy's files, and the digests by which records name them.
#[derive(Debug, Default)]
pub(crate) struct PolicyTexts {
    /// The text of the list of principals.
    pub principals_text: String,
    /// Digest of each file's bytes, by the file's name in records.
    pub digests: BTreeMap<String, Digest>,
}

/// Why one of policy's files cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{what} {why}: path={path}")]
struct NoFile {
    what: &'static str,
    why: &'static str,
    path: String,
    #[source]
    source: Option<io::Error>,
}

impl Platform {
    /// Reads all of policy's files, with what the log says is in force.
    ///
    /// # Errors
    /// [`Error::Invalid`]: a file is missing or not valid, so nothing may be judged. [`Error::File`]: a file could
    /// not be read this time; try again.
    pub(crate) fn policy_files(&self, history: &History) -> Result<PolicyFiles> {
        let (registry, mut digests) = self.registries(history)?;
        let principals_text = self.policy_text(PRINCIPALS)?;
        digests.insert(PRINCIPALS.into(), Digest::of_bytes(principals_text.as_bytes()));
        let principals = Principals::load(Some(&principals_text)).map_err(not_right)?;
        Ok(PolicyFiles { registry, principals, texts: PolicyTexts { principals_text, digests } })
    }

    /// Reads the label registry and the suppression list, with what the log says is in force.
    ///
    /// # Errors
    /// As [`policy_files`](Self::policy_files).
    pub(crate) fn registry(&self, history: &History) -> Result<LabelRegistry> {
        Ok(self.registries(history)?.0)
    }

    fn registries(&self, history: &History) -> Result<(LabelRegistry, BTreeMap<String, Digest>)> {
        let (labels, suppressions) = (self.policy_text(LABELS)?, self.policy_text(SUPPRESSIONS)?);
        let digest = |text: &String| Digest::of_bytes(text.as_bytes());
        let digests =
            BTreeMap::from([(LABELS.into(), digest(&labels)), (SUPPRESSIONS.into(), digest(&suppressions))]);
        // A file whose digest the log has says nothing new, so its entries, which may be 100,000, are not read
        // again.
        let is_known =
            |(name, digest): (&String, &Digest)| self.known_policy_file(history, name) == Some(*digest);
        let registry = match digests.iter().all(is_known) {
            true => LabelRegistry::of_log(history.labels()),
            false => LabelRegistry::load(Some(&labels), Some(&suppressions), history.labels()),
        };
        Ok((registry.map_err(not_right)?.with_catalog_names(self.catalog_names(history)?), digests))
    }

    /// Returns the names that people use for the catalog's own folder: the store's name and the folder's name,
    /// except those that a folder in the catalog has.
    fn catalog_names(&self, history: &History) -> Result<Vec<String>> {
        let catalog = self.catalog();
        let settings = self.settings().stores.get(catalog.name());
        let folder = settings.and_then(|store| local_path(&store.url)).map(|path| path.display().to_string());
        let mut names = Vec::new();
        for name in [Some(catalog.name().to_owned()), folder].into_iter().flatten() {
            let name = name.trim_matches('/');
            let below = format!("{name}/");
            let is_folder_in_it =
                || history.cells_of(Domain::Stac, catalog.name(), &below).next().transpose();
            if !name.is_empty() && is_folder_in_it()?.is_none() {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Reads the list of principals.
    ///
    /// # Errors
    /// As [`policy_files`](Self::policy_files).
    pub(crate) fn principals_file(&self) -> Result<Principals> {
        Principals::load(Some(&self.policy_text(PRINCIPALS)?)).map_err(not_right)
    }

    /// Returns the name of one of policy's files in records. On a log that hosts share, each platform has files of
    /// its own.
    pub(crate) fn policy_record_name(&self, name: &str) -> String {
        match self.wal_is_shared().then(|| self.id().ok().flatten()).flatten() {
            Some(id) => format!("{name}@{id}"),
            None => name.to_owned(),
        }
    }

    /// Returns the digest of one of policy's files as the log last recorded it.
    pub(crate) fn known_policy_file(&self, history: &History, name: &str) -> Option<Digest> {
        history.policy_file(&self.policy_record_name(name))
    }

    /// Checks that one of policy's files is there and valid, whatever the log says.
    ///
    /// # Errors
    /// As [`policy_files`](Self::policy_files).
    pub(crate) fn check_policy_file(&self, name: &str) -> Result<()> {
        let text = self.policy_text(name)?;
        match name {
            LABELS => LabelRegistry::load(Some(&text), None, &[]).map(drop),
            SUPPRESSIONS => LabelRegistry::load(None, Some(&text), &[]).map(drop),
            _ => Principals::load(Some(&text)).map(drop),
        }
        .map_err(not_right)
    }

    /// Returns the place of one of policy's files.
    pub(crate) fn policy_path(&self, name: &str) -> PathBuf {
        let policy = &self.settings().policy;
        self.root().join(match name {
            LABELS => &policy.labels,
            SUPPRESSIONS => &policy.suppressions,
            _ => &policy.principals,
        })
    }

    /// Reads one of policy's files.
    ///
    /// # Errors
    /// As [`policy_files`](Self::policy_files).
    pub(crate) fn policy_text(&self, name: &str) -> Result<String> {
        let path = self.policy_path(name);
        let source = match super::files::read_text(self.disk(), &path) {
            Ok(text) => return Ok(text),
            Err(source) => source,
        };
        let shown = self.shown(&path);
        let (why, source) = match source.kind() {
            ErrorKind::NotFound => ("is missing", None),
            ErrorKind::PermissionDenied
            | ErrorKind::IsADirectory
            | ErrorKind::NotADirectory
            | ErrorKind::InvalidData
            | ErrorKind::InvalidInput => ("cannot be read", Some(source)),
            _ => return Err(Error::File { path: path.display().to_string(), source }),
        };
        let (what, empty) = match name {
            LABELS => ("label registry", "nothing has a label"),
            SUPPRESSIONS => ("suppression list", "nothing is withdrawn"),
            _ => ("list of principals", "no principal may approve"),
        };
        let hint = match source {
            None => format!(
                "restore {shown}, or correct its place under [policy] of kfm.toml; if there never was one, \
                 make it: an empty file says that {empty}"
            ),
            Some(_) => format!("see that {shown} is a text file that may be read"),
        };
        let source = Some(Box::new(NoFile { what, why, path: shown, source }).into());
        Err(Error::Invalid { message: NOT_RIGHT.into(), hint: hint.into(), source })
    }
}

const NOT_RIGHT: &str = "policy's files cannot be read, so nothing may be judged";

/// Turns an error of one of policy's files into one that says what to do next.
pub(crate) fn not_right(error: PolicyError) -> Error {
    Error::Invalid {
        message: NOT_RIGHT.into(),
        hint: "repair the file that the cause names, under [policy] of kfm.toml".into(),
        source: Some(Box::new(error)),
    }
}
