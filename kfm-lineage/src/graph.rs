//! The lineage graph: which versions were made from which (R30 to R32).
//!
//! A node is a version of an entity, so what was made from what has an order and the graph is acyclic, but
//! for documents of one publish that name each other. An edge is a dependence: a `derived_from` link into
//! the store, or a `depends_on` that a pipeline recorded. Membership in a collection, version history and
//! derived cells are no edges.

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

/// Why lineage did not answer; trying again does not help in any of these cases.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineageError {
    /// Nothing of that name was ever appended: correct the id, or feed what the log has and this lacks.
    #[error("lineage does not know this id: id={id}")]
    Unknown {
        /// The entity, operation or version that was asked for.
        id: String,
    },
    /// The version is there with other content: rebuild the graph from the log, which is right.
    #[error("version was recorded otherwise before: version={version}")]
    Conflict {
        /// The version.
        version: VersionRef,
    },
    /// No more versions fit: split the log by platform.
    #[error("lineage is full: versions_max={versions_max}")]
    Full {
        /// The number of versions that fit.
        versions_max: u64,
    },
}

/// Keeps which versions were made from which, and answers what depends on what.
///
/// The graph is fed from the log, in the log's order, and can be thrown away and fed again; it decides
/// nothing. Whether an operation still stands is the log's to say: rolling one back removes nothing here.
/// Convenience, such as the scope of a publish, is in [`LineageGraphExt`].
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
/// - **No history**: a predecessor is no source; superseding a version does not depend on it.
/// - **Exact sources**: a source that names its operation is that operation's version, though newer ones
///   exist; one that names none is the same operation's, else the newest older one.
/// - **Never fewer**: a source whose operation made no version of it is taken as if it named none, and found
///   by [`LineageGraph::check`]; a doubt never makes a dependant disappear.
/// - **Findings**: each class of [`LineageClass`] is found where it is, and nowhere else.
///
/// # Cancel safety
/// A dropped [`LineageGraph::append`] has kept all of its versions or none; appending them again is right in
/// both cases. The other methods change nothing.
///
/// # Implementing
/// Sources may name versions of the same call, earlier or later in it. An implementation must not resolve
/// a source anew when a later version arrives, must not follow predecessors, and must not drop what an
/// undone operation made. Run
/// `lineage_conformance!` (feature `test-util`).
#[async_trait]
pub trait LineageGraph: fmt::Debug + Send + Sync {
    /// Appends versions, in the order in which the log has them.
    ///
    /// # Errors
    /// [`LineageError::Conflict`]: rebuild from the log. [`LineageError::Full`]: split the log.
    async fn append(&self, versions: &[EntityVersion]) -> Result<(), LineageError>;

    /// Returns the versions that an operation made, in the order of appending.
    ///
    /// # Errors
    /// [`LineageError::Unknown`]: no version of that operation was appended; correct the id.
    async fn made_by(&self, operation: &OperationId) -> Result<Vec<LineageVersion>, LineageError>;

    /// Returns these versions and all that were made from them, directly or not.
    ///
    /// # Errors
    /// [`LineageError::Unknown`]: one of the versions was never appended; correct the id.
    async fn dependants(&self, of: &[VersionRef]) -> Result<Vec<LineageVersion>, LineageError>;

    /// Returns these versions and all that they were made from, directly or not.
    ///
    /// # Errors
    /// [`LineageError::Unknown`]: one of the versions was never appended; correct the id.
    async fn ancestors(&self, of: &[VersionRef]) -> Result<Vec<LineageVersion>, LineageError>;

    /// Returns all versions of an entity, oldest first, each with its predecessor.
    ///
    /// # Errors
    /// [`LineageError::Unknown`]: no version of that entity was appended; correct the id.
    async fn history(&self, entity: &EntityId) -> Result<Vec<LineageVersion>, LineageError>;

    /// Looks for what lineage should know and does not (R32), in the order of class, entity, operation.
    ///
    /// `present` are the items and collections that stand in the stores now.
    ///
    /// # Errors
    /// None of its own; an adapter's store may fail.
    async fn check(&self, present: &BTreeSet<EntityId>) -> Result<Vec<LineageFinding>, LineageError>;
}

/// Proves that the trait stays object-safe.
const _: Option<&dyn LineageGraph> = None;
