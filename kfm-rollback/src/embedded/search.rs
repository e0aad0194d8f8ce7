//! The search engine in alias mode: an index is built beside, then the alias leads to it (R52).

use kfm_lineage::{Digest, Domain, OperationId};
use serde::{Deserialize, Serialize};

use super::cells::Change;
use super::{Embedded, Semantics};
use crate::op::OpError;

/// Semantics of a search engine: an alias leads to the index of a content; an index is never rebuilt or removed.
#[derive(Debug)]
pub enum Search {}

impl Semantics for Search {
    const DOMAIN: Domain = Domain::Search;
    const PRODUCT: &'static str = "embedded search";
}

/// Hex digits of the content's digest in the name of an index.
const NAME_DIGITS: usize = 12;

/// An index that was built for an alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// The alias, and the first 12 hex digits of the content's digest; all 64 if an older index has those 12.
    pub name: String,
    /// Digest of the content that it was built of.
    pub digest: Digest,
    /// The operation that built it.
    pub built_by: OperationId,
}

impl Embedded<Search> {
    /// Returns the name of the index that an alias leads to; none if there is no such alias.
    ///
    /// # Errors
    /// As [`DomainOp::observe`](crate::op::DomainOp::observe).
    pub async fn index_of(&self, alias: &str) -> Result<Option<String>, OpError> {
        let alias = alias.to_owned();
        self.look(move |cells| {
            let Some(digest) = cells.value(&alias)? else { return Ok(None) };
            let indexes = indexes(&alias, cells.changes(&alias)?);
            Ok(indexes.into_iter().find(|index| index.digest == digest).map(|index| index.name))
        })
        .await
    }

    /// Returns the indexes that were built for an alias, oldest first, whether it leads to them or not.
    ///
    /// # Errors
    /// As [`DomainOp::observe`](crate::op::DomainOp::observe).
    pub async fn indexes(&self, alias: &str) -> Result<Vec<Index>, OpError> {
        let alias = alias.to_owned();
        self.look(move |cells| Ok(indexes(&alias, cells.changes(&alias)?))).await
    }
}

/// An index is built when a content comes for the first time, and used again when the content comes back.
fn indexes(alias: &str, changes: Vec<Change>) -> Vec<Index> {
    let mut indexes: Vec<Index> = Vec::new();
    for change in changes {
        let Some(digest) = change.value else { continue };
        if indexes.iter().any(|index| index.digest == digest) {
            continue;
        }
        let hex = digest.hex();
        let short = format!("{alias}-{}", &hex[..NAME_DIGITS]);
        let taken = indexes.iter().any(|index| index.name == short);
        let name = if taken { format!("{alias}-{hex}") } else { short };
        indexes.push(Index { name, digest, built_by: change.by });
    }
    indexes
}
