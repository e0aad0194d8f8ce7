//! `kfm.toml`: where a platform's stores, log, policy and records lie.
//!
//! An unknown key is an error that names the nearest known one: a setting that is silently ignored is missed only
//! when it is needed.

mod keys;
pub(super) mod places;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kfm_lineage::Domain;
use kfm_policy::strict_toml::Lines;
use kfm_wal::slots::address::SCHEMES;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::de::DeTable;

use crate::error::{Error, Result};

/// Name of the file whose folder is a platform.
pub const FILE_NAME: &str = "kfm.toml";

/// The folder, beside `kfm.toml`, for the toolkit's own files.
pub(crate) const OWN_FOLDER: &str = ".kfm";

/// The shortest lease on a shared log, in milliseconds: within it the store has to take three frames.
const LEASE_MS_MIN: u64 = 1_000;

/// The settings of a platform. Paths are relative to the folder of `kfm.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The version of this form; 1.
    pub version: u32,
    /// The stores by name; exactly one has the domain stac.
    pub stores: BTreeMap<String, StoreSettings>,
    /// Where the operations log is.
    #[serde(default)]
    pub wal: WalSettings,
    /// Rules, labels and principals.
    #[serde(default)]
    pub policy: PolicySettings,
    /// Where the version store is.
    #[serde(default)]
    pub versions: VersionSettings,
    /// Where operation records are written.
    #[serde(default)]
    pub telemetry: TelemetrySettings,
    /// Where the governance ledger is rendered.
    #[serde(default)]
    pub ledger: LedgerSettings,
    /// Files of the release, recorded in ledger and manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseSettings>,
    /// What is run for each alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<NotifySettings>,
    /// Limits on sizes and times.
    #[serde(default)]
    pub limits: LimitSettings,
}

/// The settings of one store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    /// stac, graph, search or cache.
    pub domain: Domain,
    /// static for a catalog, embedded for the rest.
    pub kind: String,
    /// Where it lies: a `file:` URL, or a path relative to `kfm.toml`.
    pub url: String,
    /// Of a search store: `alias`, the only mode that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// How long an operation waits for the store while it does not answer, such as `90s` or `5m`; default 5 minutes.
    /// Then the operation is interrupted and can be resumed.
    #[serde(default, skip_serializing_if = "Patience::is_default")]
    pub patience: Patience,
}

/// How long an operation waits for a store that does not answer, to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Patience(pub Duration);

impl Patience {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self(Duration::from_secs(5 * 60))
    }
}

impl TryFrom<String> for Patience {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let parsed = text.parse::<jiff::SignedDuration>().map_err(|error| error.to_string());
        let patience = parsed.and_then(|span| Duration::try_from(span).map_err(|error| error.to_string()));
        patience
            .map(Self)
            .map_err(|why| format!("patience is not a time such as 90s or 5m: {why}: value={text}"))
    }
}

impl From<Patience> for String {
    fn from(Patience(time): Patience) -> Self {
        format!("{}ms", time.as_millis())
    }
}

/// The settings of the operations log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalSettings {
    /// Where it lies; default `file:wal`. A log that hosts share is at `s3://bucket/prefix`,
    /// `az://container/prefix`, `postgres://host/database` or, in a folder that they share, `object+file:folder`.
    #[serde(default = "local_wal")]
    pub url: String,
    /// The lease of a shared log, in milliseconds: after so long a silence of the host that holds it, another host
    /// may take over. Default 30,000, at least 1,000.
    #[serde(default = "lease_ms")]
    pub lease_ms: u64,
}

fn local_wal() -> String {
    "file:wal".into()
}

fn lease_ms() -> u64 {
    30_000
}

impl Default for WalSettings {
    fn default() -> Self {
        Self { url: local_wal(), lease_ms: lease_ms() }
    }
}

/// Rules, labels and principals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PolicySettings {
    /// The label registry; default `policy/labels.toml`.
    pub labels: String,
    /// The suppression list; default `policy/suppressions.toml`.
    pub suppressions: String,
    /// The list of principals; default `policy/principals.toml`.
    pub principals: String,
    /// What a publish's findings do: `findings` (default) shows them, `strict` denies what makes the catalog worse.
    pub publish: Strictness,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            labels: "policy/labels.toml".into(),
            suppressions: "policy/suppressions.toml".into(),
            principals: "policy/principals.toml".into(),
            publish: Strictness::Findings,
        }
    }
}

/// What a publish's findings do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strictness {
    /// Findings are shown; the publish goes through.
    Findings,
    /// Findings that make the catalog worse deny the publish.
    Strict,
}

/// The settings of the version store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VersionSettings {
    /// Where it lies, never inside a folder that is served; default `file:.kfm/versions`.
    pub url: String,
}

impl Default for VersionSettings {
    fn default() -> Self {
        Self { url: "file:.kfm/versions".into() }
    }
}

/// Where operation records are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TelemetrySettings {
    /// Their folder; default `data/processed/telemetry`.
    pub dir: String,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self { dir: "data/processed/telemetry".into() }
    }
}

/// The settings of the governance ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LedgerSettings {
    /// The JSON file rendered from it; default `docs/reports/audit/data_provenance_ledger.json`.
    pub path: String,
}

impl Default for LedgerSettings {
    fn default() -> Self {
        Self { path: "docs/reports/audit/data_provenance_ledger.json".into() }
    }
}

/// Files of the release (R92).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseSettings {
    /// The file of the bill of materials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom_ref: Option<String>,
    /// The file of the release's manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_ref: Option<String>,
}

/// What is run for each alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifySettings {
    /// A program and its arguments; it gets each alert as one JSON object on standard input.
    pub command: Vec<String>,
}

/// Limits; each has its unit in its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// The largest document, in bytes; default 67108864 (64 MiB).
    pub document_bytes_max: u64,
    /// The time that readers get between the switch and the first document that disappears, in milliseconds;
    /// default 0.
    pub grace_ms: u64,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self { document_bytes_max: 64 << 20, grace_ms: 0 }
    }
}

impl Settings {
    /// The settings that `kfm init` writes, as text with comments.
    pub const EMBEDDED: &'static str = include_str!("embedded.toml");

    /// Reads the text of a `kfm.toml`.
    ///
    /// # Errors
    /// [`Error::Invalid`]: names the line, or the key and the nearest known one; repair the file.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let invalid =
            |what: String| Error::invalid(format!("{what} file={}", path.display()), "repair kfm.toml");
        let lines = Lines::of(text);
        let not_toml = |error: toml::de::Error| {
            let line = error.span().map_or(1, |span| lines.at(span.start));
            invalid(format!("the settings cannot be read, {}: line={line}", error.message()))
        };
        let table = DeTable::parse(text).map_err(not_toml)?;
        // A newer form may have other keys, so the version is judged first.
        keys::check_version(table.get_ref(), &lines).map_err(&invalid)?;
        keys::check_keys(table.get_ref(), &lines).map_err(&invalid)?;
        let settings: Self = toml::from_str(text).map_err(not_toml)?;
        settings.check().map_err(invalid)?;
        Ok(settings)
    }

    fn check(&self) -> std::result::Result<(), String> {
        let catalogs = self.stores.values().filter(|store| store.domain == Domain::Stac).count();
        if catalogs != 1 {
            return Err(format!("a platform has exactly one store of domain stac: found={catalogs}"));
        }
        for (name, store) in &self.stores {
            let known = if store.domain == Domain::Stac { "static" } else { "embedded" };
            if store.kind != known {
                return Err(format!(
                    "kind is not known for domain {}, use {known}: store={name} kind={}",
                    store.domain, store.kind
                ));
            }
            if store.mode.as_deref().is_some_and(|mode| mode != "alias" || store.domain != Domain::Search) {
                return Err(format!("mode is not known, a search store has mode alias: store={name}"));
            }
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
                return Err(format!("a store's name has letters, digits, _ and -: store={name}"));
            }
        }
        self.check_wal()?;
        places::check(self)
    }

    fn check_wal(&self) -> std::result::Result<(), String> {
        let scheme = self.wal.url.split_once(':').map_or("", |(scheme, _)| scheme);
        if local_path(&self.wal.url).is_none() && !SCHEMES.contains(&scheme) {
            let known = SCHEMES.join(", ");
            return Err(format!("a log's url begins with file, {known}: key=wal.url scheme={scheme}"));
        }
        if self.wal.lease_ms < LEASE_MS_MIN {
            let lease_ms = self.wal.lease_ms;
            return Err(format!("a lease is at least {LEASE_MS_MIN}: key=wal.lease_ms value={lease_ms}"));
        }
        Ok(())
    }

    /// Returns the catalog's name and settings.
    pub fn catalog(&self) -> (&str, &StoreSettings) {
        let (name, store) = self
            .stores
            .iter()
            .find(|(_, store)| store.domain == Domain::Stac)
            .expect("checked when the settings were read");
        (name, store)
    }
}

/// Returns the path of a `file:` URL, or of a text without a scheme; `None` for every other URL.
pub fn local_path(url: &str) -> Option<PathBuf> {
    match url.split_once(':') {
        Some(("file", path)) => Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path))),
        Some((scheme, _)) if scheme.len() > 1 => None,
        _ => Some(PathBuf::from(url)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings> {
        Settings::parse(text, Path::new("kfm.toml"))
    }

    /// What is said of the embedded settings with one passage replaced.
    fn refused(passage: &str, by: &str) -> String {
        assert!(Settings::EMBEDDED.contains(passage), "{passage}");
        parse(&Settings::EMBEDDED.replacen(passage, by, 1)).unwrap_err().to_string()
    }

    #[test]
    fn the_embedded_settings_are_valid() {
        let settings = parse(Settings::EMBEDDED).unwrap();
        assert_eq!(settings.catalog().0, "catalog");
        assert_eq!(settings.stores.len(), 4);
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one_and_its_line() {
        for (passage, by, expected) in [
            ("kind = \"static\"", "knid = \"static\"", "kind: key=stores.catalog.knid line=6 file=kfm.toml"),
            ("[wal]", "[wall]", "wal: key=wall line=25 file=kfm.toml"),
            ("dir =", "dri =", "dir: key=telemetry.dri line=37 file=kfm.toml"),
        ] {
            let message = refused(passage, by);
            assert_eq!(message, format!("unknown key, the nearest known one is {expected}"));
        }
    }

    #[test]
    fn another_version_is_named_before_its_keys_are_judged() {
        let message = refused("version = 1", "version = 2\nshards = 3");
        assert_eq!(
            message,
            "version is not known to this kfm, which knows 1: version=2 line=2 file=kfm.toml"
        );
        assert_eq!(refused("version = 1", ""), "version is missing, this kfm knows 1: file=kfm.toml");
    }

    #[test]
    fn a_value_of_the_wrong_type_and_what_is_not_toml_name_the_line() {
        let message = refused("url = \"file:wal\"", "url = 3");
        assert!(message.contains("invalid type: integer `3`") && message.ends_with("line=26 file=kfm.toml"));
        let message = refused("[policy]", "[policy");
        assert!(message.ends_with("line=28 file=kfm.toml") && !message.contains('\n'), "{message}");
    }

    #[test]
    fn folders_that_lie_in_one_another_are_refused() {
        for (passage, by) in [
            ("file:.kfm/versions", "file:catalog/.versions"),
            ("file:catalog", "file:graph"),
            ("file:catalog", "file:./x/../graph"),
            ("file:catalog", "file:"),
            ("file:wal", "file:catalog/wal"),
            ("file:catalog", "file:.kfm/catalog"),
            ("data/processed/telemetry", "catalog/telemetry"),
            ("policy/labels.toml", "search/labels.toml"),
        ] {
            let message = refused(passage, by);
            assert!(message.starts_with("a store's folder is kept apart from everything else"), "{message}");
        }
        let apart = Settings::EMBEDDED.replacen("file:catalog", "file:../catalog", 1);
        assert!(parse(&apart).is_ok());
    }

    #[test]
    fn a_platform_without_a_catalog_is_refused() {
        let text = "version = 1\n[stores.graph]\ndomain=\"graph\"\nkind=\"embedded\"\nurl=\"file:g\"\n";
        assert!(parse(text).unwrap_err().to_string().contains("exactly one store of domain stac"));
    }
}
