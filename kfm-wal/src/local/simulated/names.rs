//! The names in folders, and the changes to them that are not durable yet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file that each path leads to.
pub(super) type Names = BTreeMap<PathBuf, usize>;

/// A change of names.
#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Add(PathBuf, usize),
    Rename { from: PathBuf, to: PathBuf, inode: usize },
    Remove(PathBuf),
}

impl NameChange {
    pub(super) fn apply(self, names: &mut Names) {
        match self {
            Self::Add(path, inode) => {
                names.insert(path, inode);
            }
            Self::Rename { from, to, inode } => {
                names.remove(&from);
                names.insert(to, inode);
            }
            Self::Remove(path) => {
                names.remove(&path);
            }
        }
    }

    pub(super) fn dir(&self) -> Option<&Path> {
        match self {
            Self::Add(path, _) | Self::Rename { to: path, .. } | Self::Remove(path) => path.parent(),
        }
    }
}
