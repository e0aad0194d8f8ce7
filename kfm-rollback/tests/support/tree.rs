//! Everything below a folder, to see that nothing was written there. The tests of the command use it too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Every file and folder: its bytes, and when it was changed last.
pub fn everything(root: &Path) -> BTreeMap<PathBuf, (Option<Vec<u8>>, SystemTime)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let (path, about) = entry.map(|entry| (entry.path(), entry.metadata().unwrap())).unwrap();
            let bytes = about.is_file().then(|| std::fs::read(&path).unwrap());
            found.insert(path.clone(), (bytes, about.modified().unwrap()));
            if about.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}
