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
pub use scope::{Dependent, LineageReaderExt, Scope};
pub use version::{
    Content, DerivativeKind, EntityKind, EntityVersion, LineageVersion, Source, UnknownDerivative, VersionRef,
};

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::id::{EntityId, OperationId};

/// Why lineage did not answer. Trying again helps with [`LineageError::Store`] alone.
#[derive(Debug, Clone, thiserror::Error)]
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
    /// The store of the graph did not answer: try again; the graph can also be fed anew from the log.
    #[error("the store of the lineage did not answer")]
    Store {
        /// What the store said.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl LineageError {
    /// Makes the error of a store that did not answer; for adapters.
    pub fn store(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Store { source: Arc::from(source.into()) }
    }
}

impl PartialEq for LineageError {
    /// Two errors are equal if they are of one kind and say the same.
    fn eq(&self, other: &Self) -> bool {
        let text = |error: &Self| match error {
            Self::Store { source } => source.to_string(),
            other => other.to_string(),
        };
        std::mem::discriminant(self) == std::mem::discriminant(other) && text(self) == text(other)
    }
}

impl Eq for LineageError {}

/// Knows which versions were made from which, and answers what depends on what.
///
/// This is all that a plan asks of lineage. [`LineageReaderExt`] has composed questions, such as the scope of a publish.
/// What feeds a graph is apart, in [`LineageGraph`].
///
/// # Laws
/// - **Known or refused**: a question about an id that was never appended is an error, never an empty answer.
/// - **Closed**: dependants and ancestors are transitive and contain what was asked about.
/// - **Once**: a version reached on several paths is answered once.
/// - **Cycle-safe**: versions that name each other as sources are answered like any others.
/// - **Inverse**: one version is among the dependants of another exactly if that is among its ancestors.
/// - **Log order**: answers are in the order of appending, whatever the order of the question.
/// - **No history**: a predecessor is no source; a version that supersedes another does not depend on it.
/// - **Findings**: each class of [`LineageClass`] is found where it is, and nowhere else.
///
/// # Cancel safety
/// A dropped future leaves nothing behind.
///
/// # Implementing
/// An answer that cannot be given whole is [`LineageError::Store`], never a shorter answer: a dependant that is left out
/// would be left behind by a rollback.
#[async_trait]
pub trait LineageReader: fmt::Debug + Send + Sync {
    /// Returns the versions that an operation made, in the order of appending.
    ///
    /// # Errors
    /// [`LineageError::Unknown`]: no version of that operation was appended; correct the id.
    /// [`LineageError::Store`]: try again.
    async fn made_by(&self, operation: &OperationId) -> Result<Vec<LineageVersion>, LineageError>;

    /// Returns these versions and all versions that were made from them, directly or not.
    ///
    /// # Errors
    /// [`LineageError::Unknown`]: one of the versions was never appended; correct the id.
    /// [`LineageError::Store`]: try again.
    async fn dependants(&self, of: &[VersionRef]) -> Result<Vec<LineageVersion>, LineageError>;

    /// Returns these versions and all versions from which they were made, directly or not.
    ///
    /// # Errors
    /// As [`dependants`](Self::dependants).
    async fn ancestors(&self, of: &[VersionRef]) -> Result<Vec<LineageVersion>, LineageError>;

    /// Returns all versions of an entity, the oldest first, each with its predecessor.
    ///
    /// # Errors
    /// [`LineageError::Unknown`]: no version of that entity was appended; correct the id.
    /// [`LineageError::Store`]: try again.
    async fn history(&self, entity: &EntityId) -> Result<Vec<LineageVersion>, LineageError>;

    /// Looks for what lineage should know and does not know (R32); returns it in the order of class, entity,
    /// operation.
    ///
    /// `present` are the items and collections that stand in the stores now.
    ///
    /// # Errors
    /// [`LineageError::Store`]: try again.
    async fn check(&self, present: &BTreeSet<EntityId>) -> Result<Vec<LineageFinding>, LineageError>;
}

/// A lineage that is fed: from the log, in the order of the log.
///
/// It can be thrown away and fed again, and it decides nothing. Whether an operation still stands is for the log to say:
/// rolling one back removes nothing here.
///
/// # Laws
/// - **Append once**: a version appended again as it was changes nothing.
/// - **No overwrite**: a version appended with other content is refused, and nothing of that call is kept.
/// - **Exact sources**: a source that names its operation is the version of that operation, even if newer
///   ones exist. A source that names none is the version of the same operation, otherwise the newest older
///   one.
/// - **Never fewer**: a source whose operation made no version of it is treated as if it named none, and
///   [`LineageReader::check`] finds it; a doubt never makes a dependant disappear.
///
/// # Cancel safety
/// When the caller drops the future of [`LineageGraph::append`], all of its versions are kept or none;
/// appending them again is right in both cases.
///
/// # Implementing
/// Sources may name versions of the same call, earlier or later in it. An implementation must not resolve a
/// source again when a later version arrives, must not follow predecessors, and must not drop what an undone
/// operation made. Run `lineage_conformance!` (feature `test-util`).
#[async_trait]
pub trait LineageGraph: LineageReader {
    /// Appends versions, in the order in which the log has them.
    ///
    /// # Errors
    /// [`LineageError::Conflict`]: rebuild the graph from the log. [`LineageError::Full`]: split the log by
    /// platform. [`LineageError::Store`]: append the same versions again.
    async fn append(&self, versions: &[EntityVersion]) -> Result<(), LineageError>;
}

/// Proves that the traits stay object-safe.
const _: Option<(&dyn LineageReader, &dyn LineageGraph)> = None;
