//! Reads the documents of a folder that is to be published.
//!
//! The folder is read once for digests and facts, and once more for bytes, which go to the version store a few at a
//! time: a publish of a million documents needs no more memory than their facts.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use kfm_lineage::Digest;

use crate::error::{Error, Result};
use crate::op::DomainOp;
use crate::stac::{DOCUMENT_SUFFIXES, DocumentPath};

/// The most folders that may lie in one another; a deeper folder is an error, so that the walk always ends.
const DEPTH_MAX: usize = 64;

/// A document in the folder.
#[derive(Debug, Clone)]
pub(crate) struct FolderDocument {
    /// Its path in the catalog.
    pub path: DocumentPath,
    /// Its file.
    pub file: PathBuf,
}

/// What lies in the folder.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    /// The documents, by path.
    pub documents: Vec<FolderDocument>,
    /// Files that are not documents; they are counted and left alone.
    pub assets: u64,
}

/// Lists a folder's documents in the order of their paths.
///
/// Names that begin with a dot are left out.
///
/// # Errors
/// [`Error::Invalid`]: there is no such folder, or it has a symbolic link or a name that no document can have;
/// repair it.
pub(crate) fn list(root: &Path) -> Result<Folder> {
    let mut folder = Folder::default();
    if !root.is_dir() {
        return Err(Error::invalid(
            format!("there is no such folder: path={}", root.display()),
            "name the folder that holds the documents",
        ));
    }
    walk(root, root, 0, &mut folder)?;
    folder.documents.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(folder)
}

fn walk(root: &Path, at: &Path, depth: usize, folder: &mut Folder) -> Result<()> {
    if depth > DEPTH_MAX {
        return Err(Error::invalid(
            format!("folders lie too deep in one another: depth_max={DEPTH_MAX} path={}", at.display()),
            "publish a flatter folder",
        ));
    }
    let failed = |source| Error::File { path: at.display().to_string(), source };
    for entry in fs::read_dir(at).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let file = entry.path();
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let kind =
            entry.file_type().map_err(|source| Error::File { path: file.display().to_string(), source })?;
        if kind.is_symlink() {
            return Err(Error::invalid(
                format!("symbolic links are not published: path={}", file.display()),
                "put the file itself in its place, or take the link away",
            ));
        }
        if kind.is_dir() {
            walk(root, &file, depth + 1, folder)?;
            continue;
        }
        let relative = file.strip_prefix(root).unwrap_or(&file);
        let Some(text) = relative.to_str() else {
            return Err(Error::invalid(
                format!("a name is not UTF-8: path={}", file.display()),
                "rename the file",
            ));
        };
        if !DOCUMENT_SUFFIXES.iter().any(|suffix| text.ends_with(suffix)) {
            folder.assets += 1;
            continue;
        }
        let text = text.replace(std::path::MAIN_SEPARATOR, "/");
        let path = DocumentPath::parse(&text).map_err(|error| Error::Invalid {
            message: format!("not a path that a document can have: path={}", file.display()),
            hint: "rename the file".into(),
            source: Some(Box::new(error)),
        })?;
        folder.documents.push(FolderDocument { path, file });
    }
    Ok(())
}

/// Reads a document that is to be published.
///
/// # Errors
/// [`Error::Invalid`]: the document is empty or above the limit. [`Error::File`]: it cannot be read.
pub(crate) fn read(document: &FolderDocument, bytes_max: u64) -> Result<Bytes> {
    let failed = |source| Error::File { path: document.file.display().to_string(), source };
    let bytes = fs::metadata(&document.file).map_err(failed)?.len();
    check_size(document.path.as_str(), bytes, bytes_max)?;
    fs::read(&document.file).map(Bytes::from).map_err(failed)
}

/// Refuses a document of 0 bytes, or of more than `bytes_max`.
///
/// # Errors
/// [`Error::Invalid`]: names the document.
pub(crate) fn check_size(path: &str, bytes: u64, bytes_max: u64) -> Result<()> {
    if bytes == 0 {
        return Err(Error::invalid(
            format!("a document of 0 bytes is not published: path={path}"),
            "fill it, or take it out of the folder",
        ));
    }
    if bytes > bytes_max {
        return Err(Error::invalid(
            format!("a document is above the limit: path={path} bytes={bytes} bytes_max={bytes_max}"),
            "split it, or raise [limits] document_bytes_max in kfm.toml",
        ));
    }
    Ok(())
}

/// Reads a document again, in the catalog's form, and refuses it if it changed after the first read.
///
/// # Errors
/// [`Error::Conflict`]: a program writes to the folder; publish again when it is still.
pub(crate) fn read_again(
    document: &FolderDocument,
    digest: &Digest,
    bytes_max: u64,
    catalog: &dyn DomainOp,
) -> Result<Bytes> {
    let (formed, bytes) = catalog.form(document.path.as_str(), read(document, bytes_max)?)?;
    if formed == *digest {
        return Ok(bytes);
    }
    Err(Error::Conflict {
        message: format!("a document changed while it was being published: path={}", document.path),
        conflicts: Vec::new(),
        hint: "publish again when no program writes to the folder".into(),
        next: Vec::new(),
    })
}
