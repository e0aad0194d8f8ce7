#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod advice;
pub mod approval;
pub mod check;
#[cfg(feature = "test-util")]
pub mod conformance;
pub mod decision;
pub mod error;
pub mod facts;
pub mod finding;
#[cfg(any(test, feature = "test-util"))]
mod fixture;
pub mod label;
pub mod licence;
pub mod memory;
pub mod permit;
pub mod policy;
pub mod principals;
pub mod protection;
pub mod ratchet;
pub mod registry;
pub mod remedy;
pub mod risk;
mod rules;
pub mod schema;
pub mod snapshot;
pub mod strict_toml;
pub mod table;
mod text;
pub mod treatment;

pub use advice::{Advice, Parameter, Part};
pub use approval::{Approval, ApprovalContext, ApprovalError, ApprovalsNeeded, RefusedApproval, Tally};
pub use check::{Objection, PolicyCheck, Verdict};
pub use decision::{Decision, IntegrityCounts, RuleCensus};
pub use error::{PolicyError, PolicyFile};
pub use facts::{JudgedKind, OperationFacts, StepFacts, ValidityChange};
pub use finding::{Finding, Severity};
pub use label::{CareLabel, UnknownLabel};
pub use licence::{AllowedLicences, LicenceClass};
pub use memory::MemoryCheck;
pub use permit::{Consent, Permit, PermitError, PermitRefused};
pub use policy::Policy;
pub use principals::{Principal, Principals, PrivateKey, PublicKey, Role, is_same_name};
pub use protection::Protection;
pub use ratchet::{
    Against, RatchetMode, StepTreatment, measured, stands_against, too_precise, treat, treat_unread,
};
pub use registry::{LabelRegistry, RegistryEntry, Subject};
pub use remedy::Remedy;
pub use risk::RiskReason;
pub use rules::RuleMeta;
pub use snapshot::PolicySnapshot;
pub use treatment::Treatment;
