//! Names the readers of documents by their sources, so that what other readers made of a document is not taken for what
//! these make of it (`document::READERS`).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

fn main() {
    let mut sources = Vec::new();
    collect(Path::new("src"), &mut sources);
    sources.sort();
    let mut hasher = DefaultHasher::new();
    for source in sources {
        source.hash(&mut hasher);
        std::fs::read(&source).expect("a source of this crate can be read").hash(&mut hasher);
    }
    // The one feature that changes what is read.
    #[allow(
        clippy::disallowed_methods,
        reason = "Cargo tells a build script its features in the environment"
    )]
    let has_lookalikes = std::env::var_os("CARGO_FEATURE_LOOKALIKES").is_some();
    has_lookalikes.hash(&mut hasher);
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rustc-env=KFM_READERS={:016x}", hasher.finish());
}

fn collect(folder: &Path, sources: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder of the sources can be read") {
        let path = entry.expect("an entry of it can be read").path();
        match path.is_dir() {
            true => collect(&path, sources),
            false => sources.push(path),
        }
    }
}
