//! The operator's guides run: every `sh` block, in order, in one shell. And links between pages lead somewhere.
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "support/guide.rs"]
mod guide;

use std::path::{Path, PathBuf};

#[test]
fn the_rollback_guide_runs_as_it_stands() {
    runs("trustworthy-rollback.md", 20);
}

#[test]
fn the_guide_to_labels_runs_as_it_stands() {
    runs("labels.md", 5);
}

#[test]
fn the_guide_for_a_catalog_of_ones_own_runs_as_it_stands() {
    runs("your-own-catalog.md", 10);
}

#[test]
fn the_guide_to_checks_in_ci_runs_as_it_stands() {
    runs("check-in-ci.md", 2);
}

#[test]
fn the_guide_to_backups_runs_as_it_stands() {
    runs("restore.md", 20);
}

/// Runs a guide, which must have more than this number of commands.
fn runs(guide: &str, commands_min: usize) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides").join(guide);
    let kfm = Path::new(env!("CARGO_BIN_EXE_kfm"));
    let folder = tempfile::tempdir().unwrap();
    guide::runs(&page, ("\nkfm ", commands_min), kfm.parent().unwrap(), folder.path());
}

/// Collects the Markdown pages below a folder, without what was built or fetched.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir()
            && !name.starts_with('.')
            && !["target", "data", "node_modules"].contains(&name.as_str())
        {
            pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// Returns the relative files that a page links to.
fn links(page: &str) -> Vec<&str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets
        .map(|(target, _)| target.split('#').next().unwrap())
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.contains([' ', '`']))
        .collect()
}

#[test]
fn links_between_pages_lead_to_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    pages(&root, &mut found);
    assert!(found.len() > 15, "{found:?}");
    let mut broken = Vec::new();
    for page in found {
        let text = std::fs::read_to_string(&page).unwrap();
        let folder = page.parent().unwrap();
        // A README is its crate's documentation too, where a link may name an item.
        let is_file = |target: &&str| target.contains(['/', '.']) && !target.contains("::");
        broken.extend(
            links(&text)
                .into_iter()
                .filter(is_file)
                .filter(|target| !folder.join(target).exists())
                .map(|target| format!("{}: {target}", page.display())),
        );
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
