//! The cache: a namespace is read at its generation, and a new generation makes the old rows unreachable (R53).

use kfm_lineage::Domain;

use super::{Embedded, Semantics};
use crate::op::OpError;

/// Semantics of a cache: every change of a namespace, in either direction, opens the next generation.
#[derive(Debug)]
pub enum Cache {}

impl Semantics for Cache {
    const DOMAIN: Domain = Domain::Cache;
    const PRODUCT: &'static str = "embedded cache";
}

impl Embedded<Cache> {
    /// Returns the generation of a namespace: the number of its changes, 0 if there never was one.
    ///
    /// It only rises; a namespace that was retired has one without content.
    ///
    /// # Errors
    /// As [`DomainOp::observe`](crate::op::DomainOp::observe).
    pub async fn generation(&self, namespace: &str) -> Result<u64, OpError> {
        let namespace = namespace.to_owned();
        self.look(move |cells| cells.generation(&namespace)).await
    }
}
