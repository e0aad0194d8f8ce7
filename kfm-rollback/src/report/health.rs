//! Answers of `init` and of the commands that only look.

use kfm_lineage::Digest;
use kfm_policy::{Advice, Remedy};
use kfm_telemetry::ledger::LedgerReport;
use kfm_wal::local::probe::DurabilityReport;
use kfm_wal::slots::probe::StoreReport;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::FindingLine;
use super::listing::Listing;
use crate::op::{Capabilities, Role};

/// Answer of `wal probe-durability`: about the disk of a log in a folder, or about the store of a shared log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum WalProbe {
    /// How long syncs of the disk took.
    Disk(DurabilityReport),
    /// How the store stood races of many creators for one slot.
    Store(StoreReport),
}

/// A store as a report names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreSummary {
    /// Its name in the settings.
    pub name: String,
    /// The kind of the store: stac, graph, search or cache.
    pub domain: String,
    /// Its kind in the settings.
    pub kind: String,
    /// Its address in the settings.
    pub url: String,
    /// The names of the environment that authenticate a process to it, the one that is needed most first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<String>,
}

/// Answer of `init`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InitReport {
    /// The platform's folder.
    pub root: String,
    /// The stores that it has.
    pub stores: Vec<StoreSummary>,
}

/// What a check of the catalog finds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CatalogReport {
    /// Documents that were read.
    pub documents: u64,
    /// Links that were followed.
    pub links: u64,
    /// Links to nothing, and back links that are missing: rules LNK-1 to LNK-5.
    pub broken_links: u64,
    /// Documents that no root reaches: rule ORP-1.
    pub orphan_count: u64,
    /// Those of them that no document lists: rule ORP-2.
    pub unlisted: u64,
    /// Derived cells that do not show what the documents say: rule ORP-3.
    pub store_skew: u64,
    /// STAC ids that more than one document carries.
    pub duplicate_ids: u64,
    /// Documents whose relative self link leads to another document.
    pub wrong_self_links: u64,
    /// Documents that are not a JSON object.
    pub not_json: u64,
    /// Documents that are not valid by STAC, RFC 3339 or RFC 7946: rule VER-schema, for which a strict publish would deny
    /// them. They stop nothing else, so they do not make the catalog less than whole.
    #[serde(default)]
    pub not_valid: u64,
    /// Documents that readers see though today's protection would not let them through.
    pub stands_against: u64,
    /// Documents with the id or the bytes of one that an entry about its path protects, and that no entry covers.
    #[serde(default)]
    pub protected_elsewhere: u64,
    /// Files that are named like documents and cannot be any: links, sockets, names that no document can have. They
    /// are left alone.
    #[serde(default)]
    pub strays: u64,
    /// Each of these findings, grouped by rule.
    pub findings: Listing<FindingLine>,
}

/// What an examination of the platform finds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DoctorReport {
    /// Each store that the platform has.
    pub stores: Vec<StoreHealth>,
    /// The platform's own parts: log, versions, ledger, telemetry and policy's files.
    pub own: Vec<OwnHealth>,
    /// What is set up wrongly or not used, one sentence each.
    pub findings: Vec<Advice>,
}

/// One of the platform's own parts, as an examination finds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OwnHealth {
    /// log, versions, ledger, telemetry, labels, suppressions or principals.
    pub name: String,
    /// Its file, folder or address.
    pub place: String,
    /// The product and version that the log's server names; `not told` if it names none. Left out for everything
    /// else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Whether it can be used.
    pub ok: bool,
    /// Why it cannot be used; left out if it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Advice>,
}

/// A store, as an examination finds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StoreHealth {
    /// Its name in the settings.
    pub name: String,
    /// The kind of the store: stac, graph, search or cache.
    pub domain: String,
    /// Its kind in the settings, static or embedded; custom for a store that the settings do not name.
    pub kind: String,
    /// The product's name; left out if the store does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The product's version; left out if the store does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The store's place among the others.
    pub role: Role,
    /// What the store promises.
    pub capabilities: Capabilities,
    /// Whether it answers and can be read.
    pub ok: bool,
    /// The error of the store; left out if it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What mends it; left out if the engine has nothing that does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
    /// How many cells it holds; only if digests were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cells: Option<u64>,
    /// The digest of all that it holds; only if digests were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// Answer of the commands that verify records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VerifyReport {
    /// Whether every check passed.
    pub ok: bool,
    /// The checks, in the order in which they were made.
    pub checks: Vec<CheckLine>,
}

/// One check of records against each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckLine {
    /// What was checked.
    pub name: String,
    /// Whether it passed.
    pub ok: bool,
    /// What was found.
    pub detail: Advice,
    /// How many things the check could not judge; left out if it judged all. They do not count as passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_judged: Option<u64>,
}

/// Answer of `ledger verify` and `ledger render`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerVerifyReport {
    /// The result of the ledger's own check; `ok` only if the ledger agrees with the log too.
    #[serde(flatten)]
    pub ledger: LedgerReport,
    /// How the ledger compares with the operations log; empty if the ledger is damaged.
    pub checks: Vec<CheckLine>,
}
