#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod canonical;
pub mod cell;
#[cfg(any(test, feature = "test-util"))]
pub mod conformance;
pub mod digest;
pub mod document;
pub mod document_path;
pub mod graph;
pub mod hex;
pub mod id;
pub mod integrity;
pub mod memory;
mod once;
pub mod operation;
pub mod operation_ids;
pub mod risk;
pub mod schema;
pub mod status;
mod sweep;
pub mod text;
pub mod validity;

pub use canonical::{CanonicalError, canonical_json};
pub use cell::{CellId, Domain, OtherNames, Step, Value};
pub use digest::{Digest, DigestError, DigestKind};
pub use document::{DocumentFacts, DocumentKind, Field};
pub use document_path::{DocumentPath, DocumentPathError};
pub use graph::{LineageError, LineageGraph, LineageReader, LineageReaderExt, Scope};
pub use id::{
    EntityId, HotfixId, IdError, IdKind, Lsn, OperationId, PublishId, RollbackId, Slug, Timestamp, Version,
};
pub use integrity::{Break, CatalogView, Census, IntegrityChange, LinkClass};
pub use memory::MemoryLineage;
pub use once::read_once;
pub use operation::OperationKind;
pub use operation_ids::OperationIds;
pub use risk::RiskLevel;
pub use status::Status;
