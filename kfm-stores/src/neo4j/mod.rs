//! Graphs in Neo4j: `kind = "neo4j"` of a store's table.
//!
//! # What is in the database
//! Every node has the property `kfm_graph`, the name of the store's graph within the database.
//!
//! | node | properties | what it is |
//! |---|---|---|
//! | `KfmNode` | `kfm_id`, `v`, `generation`, `deleted`, `deleted_at`, `deleted_by` | a cell: the key, the digest of the current version, and how often it changed |
//! | `KfmVersion`, and the content's labels | `kfm_of`, `v`, `v_from`, `v_to`, `v_tag`, and the content's properties | a version that the cell has had: its digest, when it was first and last current, and the operation that brought it |
//! | `KfmBare`, and one label | `kfm_label`, `id` | what relationships lead to and no document describes |
//! | `KfmFence` | `token` | the highest token of an executor that was here |
//!
//! `(:KfmNode)-[:VERSION]->(:KfmVersion)` leads to all versions, `CURRENT` to the one that readers see. The content's
//! relationships lead from a version to bare nodes, each with its place in `kfm_n`. A node that is retired has no
//! `CURRENT`, is marked `deleted`, and keeps its versions with their relationships. The adapter deletes no node.
//!
//! A content is an object of `labels`, `properties` and `relationships`, as the projector makes it; what Neo4j cannot
//! hold exactly is refused. Each batch is one Cypher statement in a transaction of its own: it locks the fence, locks and
//! compares the nodes, and writes (ADR 0029). `docs/guides/neo4j.md` has queries, permissions and what was tested.

mod client;
mod content;
mod kind;
mod place;
mod store;

pub use kind::Neo4jKind;
