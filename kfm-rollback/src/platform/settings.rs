//! `kfm.toml`: where a platform's stores, log, policy and records lie.
//!
//! An unknown key is an error that names the nearest known one: a setting that is silently ignored is a
//! setting that fails when it is needed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kfm_lineage::Domain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Name of the file whose folder is a platform.
pub const FILE_NAME: &str = "kfm.toml";

/// The folder, beside `kfm.toml`, that holds what is the toolkit's own.
pub(super) const OWN_FOLDER: &str = ".kfm";

/// The settings of a platform. Paths are relative to the folder of `kfm.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Version of this form; 1.
    pub version: u32,
    /// The stores by name; exactly one of domain stac.
    pub stores: BTreeMap<String, StoreSettings>,
    /// The operations log.
    #[serde(default)]
    pub wal: WalSettings,
    /// Rules, labels and principals.
    #[serde(default)]
    pub policy: PolicySettings,
    /// The version store.
    #[serde(default)]
    pub versions: VersionSettings,
    /// Operation records.
    #[serde(default)]
    pub telemetry: TelemetrySettings,
    /// The governance ledger.
    #[serde(default)]
    pub ledger: LedgerSettings,
    /// Files of the release, recorded in ledger and manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseSettings>,
    /// Who is told of alerts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<NotifySettings>,
    /// Bounds.
    #[serde(default)]
    pub limits: LimitSettings,
}

/// One store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    /// stac, graph, search or cache.
    pub domain: Domain,
    /// static for a catalog, embedded for the rest.
    pub kind: String,
    /// Where it lies.
    pub url: String,
    /// Of a search store: alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

/// The operations log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalSettings {
    /// Where it lies; default `file:wal`.
    pub url: String,
}

impl Default for WalSettings {
    fn default() -> Self {
        Self { url: "file:wal".into() }
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
    /// Who is who; default `policy/principals.toml`.
    pub principals: String,
    /// Whether a publish with findings goes through (default) or not.
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
    /// They are shown.
    Findings,
    /// Those that make the catalog worse deny.
    Strict,
}

/// The version store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VersionSettings {
    /// Where it lies, never inside what is served; default `file:.kfm/versions`.
    pub url: String,
}

impl Default for VersionSettings {
    fn default() -> Self {
        Self { url: "file:.kfm/versions".into() }
    }
}

/// Operation records.
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

/// The governance ledger.
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
    /// The bill of materials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom_ref: Option<String>,
    /// The release's manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_ref: Option<String>,
}

/// Who is told of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifySettings {
    /// A program and its arguments; it gets each alert as JSON on standard input.
    pub command: Vec<String>,
}

/// Bounds, each with its unit in its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// Largest document in bytes; default 64 MiB.
    pub document_bytes_max: u64,
    /// Time between the switch and the first disappearance, in milliseconds; default 0.
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
    /// [`Error::Invalid`]: names the key, and the nearest known one; repair the file.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let invalid = |message: String| {
            Error::invalid(format!("{message}: file={}", path.display()), "repair kfm.toml")
        };
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            invalid(format!("not valid TOML, {}", error.to_string().trim().replace('\n', " ")))
        })?;
        check_keys(&table, text).map_err(&invalid)?;
        let settings: Self =
            toml::from_str(text).map_err(|error| invalid(error.to_string().trim().replace('\n', " ")))?;
        settings.check().map_err(invalid)?;
        Ok(settings)
    }

    fn check(&self) -> std::result::Result<(), String> {
        if self.version != 1 {
            return Err(format!("version is not known to this kfm, which knows 1: version={}", self.version));
        }
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
        let served: Vec<PathBuf> = self.stores.values().filter_map(|store| local_path(&store.url)).collect();
        if let Some(versions) = local_path(&self.versions.url)
            && served.iter().any(|folder| versions.starts_with(folder))
        {
            return Err(format!(
                "the version store must not lie inside a store that is served: url={}",
                self.versions.url
            ));
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

/// Returns the path of a `file:` URL, or of a text without a scheme.
pub fn local_path(url: &str) -> Option<PathBuf> {
    match url.split_once(':') {
        Some(("file", path)) => Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path))),
        Some((scheme, _)) if scheme.len() > 1 => None,
        _ => Some(PathBuf::from(url)),
    }
}

const KNOWN: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "version",
            "stores",
            "wal",
            "policy",
            "versions",
            "telemetry",
            "ledger",
            "release",
            "notify",
            "limits",
        ],
    ),
    ("stores.*", &["domain", "kind", "url", "mode"]),
    ("wal", &["url"]),
    ("policy", &["labels", "suppressions", "principals", "publish"]),
    ("versions", &["url"]),
    ("telemetry", &["dir"]),
    ("ledger", &["path"]),
    ("release", &["sbom_ref", "manifest_ref"]),
    ("notify", &["command"]),
    ("limits", &["document_bytes_max", "grace_ms"]),
];

fn check_keys(table: &toml::Table, text: &str) -> std::result::Result<(), String> {
    let known = |place: &str| KNOWN.iter().find(|(name, _)| *name == place).map_or(&[][..], |(_, keys)| keys);
    let check = |place: &str, shown: &str, table: &toml::Table| {
        for key in table.keys() {
            let keys = known(place);
            if !keys.contains(&key.as_str()) {
                let nearest = keys.iter().min_by_key(|known| edit_distance(known, key));
                let shown = if shown.is_empty() { key.clone() } else { format!("{shown}.{key}") };
                let line = text.lines().position(|line| {
                    line.trim_start().starts_with(key.as_str()) || line.contains(&format!("[{key}"))
                });
                return Err(format!(
                    "unknown key, the nearest known one is {}: key={shown}{}",
                    nearest.unwrap_or(&"version"),
                    line.map_or(String::new(), |line| format!(" line={}", line + 1)),
                ));
            }
        }
        Ok(())
    };
    check("", "", table)?;
    for (name, value) in table {
        let Some(inner) = value.as_table() else { continue };
        if name == "stores" {
            for (store, value) in inner {
                if let Some(settings) = value.as_table() {
                    check("stores.*", &format!("stores.{store}"), settings)?;
                }
            }
        } else {
            check(name, name, inner)?;
        }
    }
    Ok(())
}

/// Levenshtein's distance, for texts as short as keys.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings> {
        Settings::parse(text, Path::new("kfm.toml"))
    }

    #[test]
    fn the_embedded_settings_are_valid() {
        let settings = parse(Settings::EMBEDDED).unwrap();
        assert_eq!(settings.catalog().0, "catalog");
        assert_eq!(settings.stores.len(), 4);
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one_and_its_line() {
        let text = Settings::EMBEDDED.replacen("kind = \"static\"", "knid = \"static\"", 1);
        let message = parse(&text).unwrap_err().to_string();
        assert!(message.contains("nearest known one is kind: key=stores.catalog.knid line="), "{message}");
    }

    #[test]
    fn a_version_store_inside_what_is_served_is_refused() {
        let text = Settings::EMBEDDED.replace("file:.kfm/versions", "file:catalog/.versions");
        assert!(parse(&text).unwrap_err().to_string().contains("must not lie inside"));
    }

    #[test]
    fn a_platform_without_a_catalog_is_refused() {
        assert!(
            parse("version = 1\n[stores.graph]\ndomain=\"graph\"\nkind=\"embedded\"\nurl=\"file:g\"\n")
                .is_err()
        );
    }
}
