//! `kfm.toml`: where a platform's stores, log, policy and records lie.
//!
//! An unknown key is an error that names the nearest known one: a setting that is silently ignored is missed only
//! when it is needed.

mod keys;
pub(crate) mod new;
pub(super) mod places;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kfm_lineage::Domain;
use kfm_policy::AllowedLicences;
use kfm_policy::strict_toml::Lines;
use kfm_wal::slots::address::SCHEMES;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::de::DeTable;

use crate::error::{Error, Result};
use crate::kind::{Kinds, StoreSettings, local_path};
use crate::op::Role;

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
    /// The stores by name; exactly one is the target, whose documents the others follow.
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
    /// Stores and checks that the log knows and that are gone for good.
    #[serde(default, skip_serializing_if = "RetiredSettings::is_empty")]
    pub retired: RetiredSettings,
}

/// Stores and checks that the log knows and that are gone for good: the platform is not asked for them any more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetiredSettings {
    /// The names of the stores.
    pub stores: BTreeSet<String>,
    /// The ids of the checks.
    pub checks: BTreeSet<String>,
}

impl RetiredSettings {
    fn is_empty(&self) -> bool {
        self.stores.is_empty() && self.checks.is_empty()
    }
}

/// The settings of the operations log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalSettings {
    /// Where it lies; default `file:wal`. A log that hosts share is at `s3://bucket/prefix`,
    /// `az://container/prefix`, `postgres://host/database` or, in a folder that they share, `object+file:folder`. A log
    /// that a program gives is `own:` and a name.
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
    /// The licences, as SPDX ids, that are no finding; default every known one up to share-alike.
    pub licences: AllowedLicences,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            labels: "policy/labels.toml".into(),
            suppressions: "policy/suppressions.toml".into(),
            principals: "policy/principals.toml".into(),
            publish: Strictness::Findings,
            licences: AllowedLicences::default(),
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
    /// Where it lies, never inside a folder or bucket that is served; default `file:.kfm/versions`. One that hosts share
    /// is at `s3://bucket/prefix` or `az://container/prefix`.
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
    /// The settings of a new platform, as text with comments.
    pub const EMBEDDED: &'static str = include_str!("embedded.toml");

    /// Reads the text of a `kfm.toml` whose stores are of these kinds.
    ///
    /// # Errors
    /// [`Error::Invalid`]: names the line, or the key or kind and the nearest known one; repair the file.
    pub fn parse(text: &str, path: &Path, kinds: &Kinds) -> Result<Self> {
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
        keys::check_keys(table.get_ref(), &lines, kinds).map_err(&invalid)?;
        let settings: Self = toml::from_str(text).map_err(not_toml)?;
        settings.check().map_err(invalid)?;
        Ok(settings)
    }

    fn check(&self) -> std::result::Result<(), String> {
        self.find_target()?;
        if let Some(name) = self.retired.stores.iter().find(|name| self.stores.contains_key(*name)) {
            return Err(format!("a retired store has no table: store={name}"));
        }
        for (name, store) in &self.stores {
            if !store.projected && self.role(name) == Role::Target {
                return Err(format!("a target is not projected, its documents are what is: store={name}"));
            }
            check_name(name)?;
        }
        self.check_wal()?;
        places::check(self)
    }

    fn check_wal(&self) -> std::result::Result<(), String> {
        let scheme = self.wal.url.split_once(':').map_or("", |(scheme, _)| scheme);
        let is_own = self.wal.url.starts_with(super::log::OWN_LOG);
        if local_path(&self.wal.url).is_none() && !is_own && !SCHEMES.contains(&scheme) {
            let known = SCHEMES.join(", ");
            return Err(format!("a log's url begins with file, {known} or own: key=wal.url scheme={scheme}"));
        }
        if self.wal.lease_ms < LEASE_MS_MIN {
            let lease_ms = self.wal.lease_ms;
            return Err(format!("a lease is at least {LEASE_MS_MIN}: key=wal.lease_ms value={lease_ms}"));
        }
        Ok(())
    }

    /// Finds the target: the store that says so, else the only stac store that does not say that it is derived.
    fn find_target(&self) -> std::result::Result<&str, String> {
        let names = |is_meant: &dyn Fn(&StoreSettings) -> bool| -> Vec<&str> {
            let meant = self.stores.iter().filter(|(_, store)| is_meant(store));
            meant.map(|(name, _)| name.as_str()).collect()
        };
        let named = names(&|store| store.role == Some(Role::Target));
        let candidates = match named.is_empty() {
            true => names(&|store| store.role.is_none() && store.domain == Domain::Stac),
            false => named,
        };
        let [target] = candidates[..] else {
            return Err(match candidates.is_empty() {
                true => "a platform has a target, the store of domain stac that holds the documents: found=0"
                    .into(),
                false => format!(
                    "a platform has exactly one target: give one of these role = \"target\", the others role = \"derived\": \
                     stores={}",
                    candidates.join(", ")
                ),
            });
        };
        match self.stores[target].domain {
            Domain::Stac => Ok(target),
            domain => Err(format!(
                "a target holds documents, so its domain is stac: store={target} domain={domain}"
            )),
        }
    }

    /// Returns the target's name: the store whose documents everything else follows.
    pub fn target(&self) -> &str {
        self.find_target().expect("checked when the settings were read")
    }

    /// Returns the role of a store; a store that the settings do not name is derived.
    pub fn role(&self, name: &str) -> Role {
        if self.target() == name { Role::Target } else { Role::Derived }
    }
}

/// Refuses what cannot be the name of a store.
fn check_name(name: &str) -> std::result::Result<(), String> {
    match !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
        true => Ok(()),
        false => Err(format!("a store's name has letters, digits, _ and -: store={name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings> {
        Settings::parse(text, Path::new("kfm.toml"), &crate::platform::built_in_kinds())
    }

    /// What is said of the embedded settings with one passage replaced.
    fn refused(passage: &str, by: &str) -> String {
        assert!(Settings::EMBEDDED.contains(passage), "{passage}");
        parse(&Settings::EMBEDDED.replacen(passage, by, 1)).unwrap_err().to_string()
    }

    #[test]
    fn the_embedded_settings_are_valid() {
        let settings = parse(Settings::EMBEDDED).unwrap();
        assert_eq!(settings.target(), "catalog");
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
    fn an_unknown_kind_names_the_nearest_known_one_and_its_line() {
        assert_eq!(
            refused("kind = \"static\"", "kind = \"statik\""),
            "unknown kind, the nearest known one is static: store=catalog kind=statik line=6 file=kfm.toml"
        );
        assert_eq!(
            refused("domain = \"graph\"", "domain = \"stac\""),
            "kind embedded has no store of this domain, it has graph, search, cache: store=graph domain=stac line=10 \
             file=kfm.toml"
        );
    }

    #[test]
    fn a_key_belongs_to_its_kind_and_has_one_of_its_values() {
        assert_eq!(
            refused("kind = \"static\"", "kind = \"static\"\nmode = \"alias\""),
            "unknown key, the nearest known one is role: key=stores.catalog.mode line=7 file=kfm.toml"
        );
        assert_eq!(
            refused("mode = \"alias\"", "mode = \"aliass\""),
            "value is not known, the nearest known one is alias: key=stores.search.mode value=aliass line=18 \
             file=kfm.toml"
        );
    }

    /// Two stac stores, each with these lines more.
    fn two_catalogs(first: &str, second: &str) -> Result<Settings> {
        let store = |name: &str, more: &str| {
            format!("[stores.{name}]\ndomain = \"stac\"\nkind = \"static\"\nurl = \"file:{name}\"\n{more}\n")
        };
        parse(&format!("version = 1\n{}{}", store("a", first), store("b", second)))
    }

    #[test]
    fn exactly_one_store_is_the_target() {
        let (target, derived) = ("role = \"target\"", "role = \"derived\"");
        for (first, second, expected) in [
            (target, "", Ok("a")),
            ("", target, Ok("b")),
            (derived, "", Ok("b")),
            ("", "", Err("exactly one target")),
            (target, target, Err("exactly one target")),
            (derived, derived, Err("a platform has a target")),
            (target, "role = \"main\"", Err("unknown variant `main`")),
            ("projected = false\nrole = \"target\"", "", Err("a target is not projected")),
            (target, "projected = false", Ok("a")),
        ] {
            let found = two_catalogs(first, second).map(|settings| settings.target().to_owned());
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (found, expected) => panic!("{first} {second}: {found:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn a_platform_without_documents_is_refused() {
        let text = "version = 1\n[stores.graph]\ndomain=\"graph\"\nkind=\"embedded\"\nurl=\"file:g\"\n";
        assert!(parse(text).unwrap_err().to_string().contains("a platform has a target"));
        let said = format!("{text}role=\"target\"\n");
        assert!(
            parse(&said).unwrap_err().to_string().contains("its domain is stac: store=graph domain=graph")
        );
    }
}
