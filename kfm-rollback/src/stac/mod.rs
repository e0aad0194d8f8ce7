//! STAC catalogs as stores: the cell is the document at a path.

pub mod catalog;
mod kind;
mod place;

pub use catalog::StaticCatalog;
pub use kfm_lineage::document_path::{DOCUMENT_SUFFIXES, DocumentPath, DocumentPathError};
pub use kind::StaticKind;
