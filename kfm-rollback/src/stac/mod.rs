//! STAC catalogs as stores: the cell is the document at a path.

pub mod path;

pub use path::{DOCUMENT_SUFFIXES, DocumentPath, DocumentPathError};
