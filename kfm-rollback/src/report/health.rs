//! Answers of the commands that look and change nothing, and of `init`.

use kfm_lineage::Digest;
use kfm_telemetry::ledger::LedgerReport;
use kfm_wal::local::probe::DurabilityReport;
use kfm_wal::slots::probe::StoreReport;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::FindingLine;
use super::listing::Listing;
use crate::op::Capabilities;

/// Answer of `wal probe-durability`: of a log in a folder its disk, of a shared one its store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum WalProbe {
    /// How long syncs took.
    Disk(DurabilityReport),
    /// How the store stood races.
    Store(StoreReport),
}

/// A store as a report names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreSummary {
    /// Its name in the settings.
    pub name: String,
    /// Its domain.
    pub domain: String,
    /// Its kind.
    pub kind: String,
    /// Where it lies.
    pub url: String,
}

/// Answer of `init`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InitReport {
    /// The platform's folder.
    pub root: String,
    /// Its stores.
    pub stores: Vec<StoreSummary>,
}

/// Answer of `catalog check`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CatalogReport {
    /// Documents looked at.
    pub documents: u64,
    /// Links looked at.
    pub links: u64,
    /// LNK-1 to LNK-5.
    pub broken_links: u64,
    /// ORP-1.
    pub orphan_count: u64,
    /// ORP-2, its part that nothing lists.
    pub unlisted: u64,
    /// ORP-3: documents and derived cells that do not agree.
    pub store_skew: u64,
    /// Ids that more than one document carries.
    pub duplicate_ids: u64,
    /// Relative self links that lead elsewhere.
    pub wrong_self_links: u64,
    /// Documents that are not a JSON object.
    pub not_json: u64,
    /// Documents that readers see though today's protection would not let them through.
    pub stands_against: u64,
    /// Files with the name of a document where none can be: links, sockets, names that no document can have. They are
    /// left alone.
    #[serde(default)]
    pub strays: u64,
    /// Each of them.
    pub findings: Listing<FindingLine>,
}

/// Answer of `doctor`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DoctorReport {
    /// Each store.
    pub stores: Vec<StoreHealth>,
    /// What the platform keeps itself: log, versions, ledger, telemetry, policy's files.
    pub own: Vec<OwnHealth>,
    /// What is misconfigured, or not used as it is.
    pub findings: Vec<String>,
}

/// A part of the platform's own as `doctor` finds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OwnHealth {
    /// log, versions, ledger, telemetry, labels, suppressions or principals.
    pub name: String,
    /// Where it lies.
    pub place: String,
    /// What the log's server says it is, product and version; `not told` where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Whether it can be used.
    pub ok: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A store as `doctor` finds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StoreHealth {
    /// Its name in the settings.
    pub name: String,
    /// Its domain.
    pub domain: String,
    /// Its kind.
    pub kind: String,
    /// The product.
    pub product: String,
    /// The product's version.
    pub version: String,
    /// What it can do.
    pub capabilities: Option<Capabilities>,
    /// Whether it answers.
    pub ok: bool,
    /// What it said, where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Cells it holds, with `--digests`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cells: Option<u64>,
    /// Digest of what it holds, with `--digests`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// Answer of the commands that verify records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VerifyReport {
    /// Whether every check passed.
    pub ok: bool,
    /// Each check.
    pub checks: Vec<CheckLine>,
}

/// One check of records against each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckLine {
    /// What was checked.
    pub name: String,
    /// Whether it passed.
    pub ok: bool,
    /// What was seen.
    pub detail: String,
    /// How many of what it is about it could not judge, where there are any: they are not among those that passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_judged: Option<u64>,
}

/// Answer of `ledger verify` and `ledger render`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerVerifyReport {
    /// What the ledger's own check found; it is only well if it agrees with the log too.
    #[serde(flatten)]
    pub ledger: LedgerReport,
    /// How it compares with the operations log; nothing if it is damaged.
    pub checks: Vec<CheckLine>,
}
