//! Stores on the products that people run, each behind a feature of the product's name.
//!
//! An adapter uses only what `kfm-rollback` shows to every outsider: [`DomainOp`](kfm_rollback::DomainOp) and
//! [`StoreKind`]. The command registers [`kinds`]; a program of one's own does the same by
//! [`OpenOptions::with_kind`](kfm_rollback::OpenOptions::with_kind).

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "_http")]
mod http;
#[cfg(feature = "neo4j")]
pub mod neo4j;
#[cfg(feature = "opensearch")]
pub mod opensearch;
#[cfg(feature = "_client")]
mod own_keys;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "_client")]
mod tls;

use std::sync::Arc;

use kfm_rollback::kind::StoreKind;

/// Lists the kinds of store that this build has, a kind for each feature.
pub fn kinds() -> Vec<Arc<dyn StoreKind>> {
    vec![
        #[cfg(feature = "neo4j")]
        Arc::new(neo4j::Neo4jKind),
        #[cfg(feature = "opensearch")]
        Arc::new(opensearch::ElasticsearchKind),
        #[cfg(feature = "opensearch")]
        Arc::new(opensearch::OpenSearchKind),
        #[cfg(feature = "redis")]
        Arc::new(redis::RedisKind),
    ]
}
