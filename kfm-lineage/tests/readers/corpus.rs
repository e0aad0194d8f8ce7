//! The real documents that are mutated.

use std::path::{Path, PathBuf};

use crate::chance::Chance;

/// A document with more bytes is left out: many mutations of small ones find more in the same time.
const BYTES_MAX: u64 = 6_000;

/// The texts of real documents.
#[derive(Debug)]
pub struct Corpus {
    documents: Vec<String>,
}

impl Corpus {
    /// Picks one of them.
    pub fn any(&self, chance: &mut Chance) -> &str {
        &self.documents[chance.below(self.documents.len())]
    }

    /// Reads the documents of the catalog's real history and of the example.
    pub fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut files = Vec::new();
        for folder in ["testing/data/kfm-stac-history/blobs", "kfm-cli/data/landsat"] {
            files_below(&root.join(folder), &mut files);
        }
        files.sort();
        let read = |file: PathBuf| String::from_utf8(std::fs::read(file).unwrap()).ok();
        let mut documents: Vec<String> =
            files.into_iter().filter_map(read).filter(|text| text.trim_start().starts_with('{')).collect();
        let items = std::fs::read_to_string(root.join("kfm-cli/data/landsat/items.ndjson")).unwrap();
        documents.extend(items.lines().take(3).map(str::to_owned));
        assert!(documents.len() > 30, "the real documents are there: {}", documents.len());
        Self { documents }
    }
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, files);
        } else if std::fs::metadata(&path).unwrap().len() <= BYTES_MAX {
            files.push(path);
        }
    }
}
