//! Search indexes in OpenSearch and Elasticsearch: `kind = "opensearch"` or `"elasticsearch"` of a store's table.
//!
//! # What is on the server
//! | name | what it is |
//! |---|---|
//! | `PREFIX` `KEY` | the alias of a cell: what readers search. It leads to one index |
//! | `PREFIX` `STORE.KEY-DIGITS` | an index that was built of a content, whose digest begins with these digits. It is never changed once an alias has led to it, and never removed |
//! | `PREFIX` `STORE.kfm` | the control index, hidden: its aliases are the fence and each cell's generation, its documents are the roots of listings |
//!
//! A key's characters outside `[a-z0-9_.~-]`, and a first one outside `[a-z0-9~]`, are written as `=` and two hex digits
//! for each byte; what the projector names an alias stays as it is.
//!
//! An index of a collection has a document for each STAC document: its members, and `kfm` with `path`, `digest` (of the
//! document's bytes) and `sum` (of what else the document has there). A content that is not a collection's listing is an
//! index of one document, with the content as its member `content`.
//!
//! A swap is one `POST _aliases`, which a cluster applies whole or not at all: it takes the fence's alias away, which has
//! to be there as it was seen, sets the next one, and moves the aliases of the batch (ADR 0031).
//! `docs/guides/opensearch.md` has settings, permissions, limits and what was tested.

mod build;
mod client;
mod entries;
mod indexed;
mod kind;
mod mapping;
mod names;
mod picture;
mod probe;
mod store;

pub use kind::{ElasticsearchKind, OpenSearchKind};
