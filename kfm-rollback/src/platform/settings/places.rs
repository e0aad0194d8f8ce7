//! Where the folders of a platform lie: each store's apart from everything else.

use std::path::{Component, Path, PathBuf};

use super::{OWN_FOLDER, Settings, local_path};

/// Refuses stores whose folders lie in one another, or hold what is not theirs.
///
/// Two stores in one folder would change each other's cells; a log, a version or a label inside a folder that
/// is served would be served.
pub(super) fn check(settings: &Settings) -> Result<(), String> {
    let stores: Vec<(String, PathBuf)> = settings
        .stores
        .iter()
        .filter_map(|(name, store)| Some((format!("stores.{name}"), normal(&local_path(&store.url)?))))
        .collect();
    let folders = [("wal", local_path(&settings.wal.url)), ("versions", local_path(&settings.versions.url))];
    let folders = folders.into_iter().filter_map(|(name, path)| Some((name, normal(&path?))));
    let folders: Vec<_> = folders.chain([("the toolkit's own", PathBuf::from(OWN_FOLDER))]).collect();
    let files = [
        ("policy.labels", &settings.policy.labels),
        ("policy.suppressions", &settings.policy.suppressions),
        ("policy.principals", &settings.policy.principals),
        ("telemetry.dir", &settings.telemetry.dir),
        ("ledger.path", &settings.ledger.path),
    ];
    for (position, (store, place)) in stores.iter().enumerate() {
        let others = stores[position + 1..].iter().map(|(name, path)| (name.as_str(), path));
        let others = others.chain(folders.iter().map(|(name, path)| (*name, path)));
        for (other, path) in others {
            if path.starts_with(place) || place.starts_with(path) {
                return Err(overlap(store, other, place));
            }
        }
        for (other, path) in &files {
            if normal(Path::new(path)).starts_with(place) {
                return Err(overlap(store, other, place));
            }
        }
    }
    Ok(())
}

fn overlap(store: &str, other: &str, place: &Path) -> String {
    let place = place.display();
    format!("a store's folder is kept apart from everything else: store={store} other={other} place={place}")
}

/// Takes `.` and `..` out of a path, as far as they can be without looking at a disk.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(normal.components().next_back(), Some(Component::Normal(_))) => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}
