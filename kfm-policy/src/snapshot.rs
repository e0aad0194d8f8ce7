//! The policy snapshot: everything except the facts that a decision depends on, named by its digest (R66).
//!
//! Its digest is in plans, the log, manifests and the ledger. An auditor who has the bytes of that digest
//! knows by which rules and tables an old decision was made.

use std::sync::Arc;

use kfm_lineage::Digest;
use kfm_lineage::canonical::canonical_of;
use serde::Serialize;

use crate::approval::{NEEDED_BY_TIER, Requirement};
use crate::check::PolicyCheck;
use crate::label::{CareLabel, VOCABULARY};
use crate::licence::{AllowedLicences, CLASSES, LicenceClass};
use crate::permit::PERMIT_VALIDITY_MINUTES;
use crate::risk::LOW_RISK_CELLS_MAX;
use crate::rules::{Rule, RuleMeta};
use crate::table::{DENIALS, Row};
use crate::treatment::Treatment;

/// The name and version of the snapshot's form.
pub const SNAPSHOT_SCHEMA: &str = "kfm.policy.snapshot/v1";

/// A policy's snapshot: its canonical JSON and its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySnapshot {
    bytes: Arc<[u8]>,
    digest: Digest,
}

#[derive(Serialize)]
struct Form<'a> {
    schema: &'static str,
    rules: Vec<&'a RuleMeta>,
    checks: Vec<Check<'a>>,
    denials: &'a [Row],
    approvals: &'a [[Requirement; 4]],
    treatments: [Treatment; 6],
    labels: &'a [(&'static str, CareLabel)],
    licences: &'a [(&'static str, LicenceClass)],
    licences_allowed: &'a AllowedLicences,
    low_risk_cells_max: u64,
    permit_validity_minutes: i64,
    /// Digest of the JSON schemas by which VER-schema judges; none if this build has no schemas.
    stac_schemas: Option<Digest>,
}

#[derive(Serialize)]
struct Check<'a> {
    id: &'a str,
    version: &'a str,
}

impl PolicySnapshot {
    pub(crate) fn of(rules: &[Rule], checks: &[Arc<dyn PolicyCheck>], allowed: &AllowedLicences) -> Self {
        let form = Form {
            schema: SNAPSHOT_SCHEMA,
            rules: rules.iter().map(|rule| &rule.meta).collect(),
            checks: checks.iter().map(|check| Check { id: check.id(), version: check.version() }).collect(),
            denials: &DENIALS,
            approvals: &NEEDED_BY_TIER,
            treatments: Treatment::ALL,
            labels: &VOCABULARY,
            licences: &CLASSES,
            licences_allowed: allowed,
            low_risk_cells_max: LOW_RISK_CELLS_MAX,
            permit_validity_minutes: PERMIT_VALIDITY_MINUTES,
            stac_schemas: kfm_lineage::validity::schemas_digest(),
        };
        let bytes = canonical_of(&form).expect("texts, words and small integers have a canonical form");
        Self { digest: Digest::of_canonical_bytes(&bytes), bytes: bytes.into() }
    }

    /// Returns the canonical JSON, which the caller keeps under the digest.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the digest by which records name the policy.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}
