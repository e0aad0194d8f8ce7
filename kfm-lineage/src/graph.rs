//! The lineage graph: which versions were made from which (R30 to R32).
//!
//! A node is a version of an entity. So the graph follows the order of time and has no cycle, except between
//! documents of one publish that name each other. An edge is a dependence: a `derived_from` link into the
//! store, or a `depends_on` that a pipeline recorded. Membership in a collection, version history and derived
//! cells are not edges.

mod finding;
mod scope;
mod version;

pub use finding::{LineageClass, LineageFinding};
pub use scope::{Dependent, LineageGraphExt, Scope};
pub use version::{
    Content, DerivativeKind, EntityKind, EntityVersion, LineageVersion, Source, UnknownDerivative, VersionRef,
};

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;

use crate::id::{EntityId, OperationId};

/// Why lineage did not answer; trying again does not help in any case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineageError {
    /// No version of that id was ever appended: correct the id, or feed the graph with what the log has and
    /// the graph lacks.
    #[error("lineage does not know this id: id={id}")]
    Unknown {
        /// The id of the entity, operation or version in the question.
        id: String,
    },
    /// The version is there with other content: rebuild the graph from the log, which is right.
    #[error("version was recorded otherwise before: version={version}")]
    Conflict {
        /// The name of the version.
        version: VersionRef,
    },
    /// No more versions fit: split the log by platform.
    #[error("lineage is full: versions_max={versions_max}")]
    Full {
        /// How many versions fit.
        versions_max: u64,
    },
}

/// Knows which versions were made from which, and answers what depends on what.
///
/// The graph is fed from the log, in the order of the log. It can be thrown away and fed again, and it
/// decides nothing. Whether an operation still stands is for the log to say: rolling one back removes nothing
/// here. [`LineageGraphExt`] has composed questions, such as the scope of a publish.
///
/// # Laws
/// - **Append once**: a version appended again as it was changes nothing.
/// - **No overwrite**: a version appended with other content is refused, and nothing of that call is kept.
/// - **Known or refused**: a question about an id that was never appended is an error, never an empty answer.
/// - **Closed**: dependants and ancestors are transitive and contain what was asked about.
/// - **Once**: a version reached on several paths is answered once.
/// - **Cycle-safe**: versions that name each other as sources are answered like any others.
/// - **Inverse**: one version is among the dependants of another exactly if that is among its ancestors.
/// - **Log order**: answers are in the order of appending, whatever the order of the question.
/// - **No history**: a predecessor is no source; a version that supersedes another does not depend on it.
/// - **Exact sources**: a source that names its operation is the version of that operation, even if newer
///   ones exist. A source that names none is the version of the same operation, otherwise the newest older
///   one.
/// - **Never fewer**: a source whose operation made no version of it is treated as if it named none, and
///   [`LineageGraph::check`] finds it; a doubt never makes a dependant disappear.
/// - **Findings**: each class of [`LineageClass`] is found where it is, and nowhere else.
///
/// # Cancel safety
/// When the caller drops the future of [`LineageGraph::append`], all of its versions are kept or none;
/// appending them again is right in both cases. The other methods change nothing.
///
/// # Implementing
/// Sources may name versions of the same call, earlier or later in it. An implementation must not resolve a
/// source again when a later version arrives, must not follow predecessors, and must not drop what an undone
/// operation made. Run `lineage_conformance!` (feature `test-util`).
#[async_trait]
pub trait LineageGraph: fmt::Debug + Send + Sync {
    /// Appends versions, in the order in which the log has them.
    ///
    /// # Errors
    /// [`LineageError::Conflict`]: rebuild the graph from the log. [`LineageError::Full`]: split the log by
    /// platform.
    async fn append(&self, versions: &[EntityVersion]) -> Result<(), LineageError>;

    /// Returns the versions that an operation made, in the order of appending.
    ///
    /// # Errors
    /// [`LineageError::Unknown`]: no version of that operation was appended; correct the id.
    async fn made_by(&self, operation: &OperationId) -> Result<Vec<LineageVersion>, LineageError>;

    /// Returns these versions and all versions that were made from them, directly or not.
    ///
    /// # Errors
    /// [`LineageError::Unknown`]: one of the versions was never appended; correct the id.
    async fn dependants(&self, of: &[VersionRef]) -> Result<Vec<LineageVersion>, LineageError>;

    /// Returns these versions and all versions from which they were made, directly or not.
    ///
    /// # Errors
    /// [`LineageError::Unknown`]: one of the versions was never appended; correct the id.
    async fn ancestors(&self, of: &[VersionRef]) -> Result<Vec<LineageVersion>, LineageError>;

    /// Returns all versions of an entity, the oldest first, each with its predecessor.
    ///
    /// # Errors
    /// [`LineageError::Unknown`]: no version of that entity was appended; correct the id.
    async fn history(&self, entity: &EntityId) -> Result<Vec<LineageVersion>, LineageError>;

    /// Looks for what lineage should know and does not know (R32); returns it in the order of class, entity,
    /// operation.
    ///
    /// `present` are the items and collections that stand in the stores now.
    ///
    /// # Errors
    /// No error of its own; the store of an adapter may fail.
    async fn check(&self, present: &BTreeSet<EntityId>) -> Result<Vec<LineageFinding>, LineageError>;
}

/// Proves that the trait stays object-safe.
const _: Option<&dyn LineageGraph> = None;
