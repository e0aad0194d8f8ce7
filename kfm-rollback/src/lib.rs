#![doc = include_str!("../README.md")]

pub mod blob;
#[cfg(feature = "test-util")]
pub mod conformance;
pub mod context;
pub mod embedded;
pub mod entity;
pub mod error;
pub mod history;
mod in_force;
pub mod manifest;
pub mod memory;
pub mod op;
pub mod order;
pub mod plan;
pub mod planted;
pub mod platform;
pub mod projector;
mod protections;
pub mod publish;
pub mod report;
pub mod schema;
pub mod scope;
pub mod stac;
pub mod stage;
pub mod versions;

mod approvals;
mod assess;
mod carrier;
mod coverage;
mod derive;
mod entries;
mod execute;
mod facts;
mod lineage_feed;
mod refusal;
mod resolve;
mod session;
mod skip;
mod status;

pub use error::{Error, Result};
pub use lineage_feed::LineageFeed;
pub use op::DomainOp;
pub use platform::{
    Cascade, Credentials, ExecuteRequest, Hotfix, HotfixDone, HotfixRequest, Interrupt, LabelAssign,
    NoProgress, OpenOptions, PlanRequest, PlanTarget, Platform, Progress, Settings, StandingDocument,
};
pub use publish::{Project, Publish, PublishFolder};
pub use stage::LogStages;
