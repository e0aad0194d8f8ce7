#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod blob;
mod capabilities;
#[cfg(feature = "test-util")]
pub mod conformance;
pub mod context;
pub mod embedded;
mod entity;
pub mod error;
pub mod history;
mod in_force;
pub mod kind;
pub mod manifest;
pub mod memory;
pub mod op;
mod order;
mod patience;
pub mod plan;
pub mod platform;
mod projector;
mod protections;
pub mod publish;
pub mod report;
pub mod schema;
mod scope;
pub mod stac;
pub mod stage;
mod swap;
pub mod versions;

mod approvals;
mod around;
mod asked;
mod assess;
mod bulk;
mod carrier;
mod catalog_findings;
mod coverage;
mod derive;
mod documents;
mod elsewhere;
mod entries;
mod execute;
mod facts;
mod lineage_feed;
mod moments;
mod other_catalogs;
mod refusal;
mod remedy;
mod resolve;
mod session;
mod skew;
mod skip;
mod terms;
mod verbs;

pub use error::{Error, Result};
pub use kfm_policy::{Advice, Parameter, Part, Remedy, advice};
pub use kind::{Credentials, StoreKind};
pub use lineage_feed::LineageFeed;
pub use op::DomainOp;
pub use platform::{Interrupt, NoProgress, OpenOptions, Platform, Progress, Settings};
pub use publish::{Project, Publish, PublishFolder};
pub use stage::LogStages;
pub use verbs::{
    DryRunRequest, ExecuteRequest, Hotfix, HotfixDone, HotfixRequest, LabelAssign, LabelLine, LabelsReport,
    PlanRequest, PlanTarget, StandingDocument, check_documents,
};
