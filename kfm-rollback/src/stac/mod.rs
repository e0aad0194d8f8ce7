//! STAC catalogs as stores: the cell is the document at a path.

pub mod catalog;
pub mod path;

pub use catalog::StaticCatalog;
pub use path::{DOCUMENT_SUFFIXES, DocumentPath, DocumentPathError};
