//! Where the folders of a platform may lie: each store's folder apart from everything else.

use std::path::{Component, Path, PathBuf};

use kfm_wal::slots::address::shown;

use super::{FILE_NAME, OWN_FOLDER, Settings, local_path};

/// Refuses stores whose folders lie in one another or hold other files of the platform.
///
/// Two stores in one folder would change each other's cells. A log, a version or a label inside a folder that is
/// served would be served too.
pub(super) fn check(settings: &Settings) -> Result<(), String> {
    check_as(settings, normal)
}

/// The same once the platform's folder is known: absolute paths and links are followed.
pub(in crate::platform) fn check_below(settings: &Settings, root: &Path) -> Result<(), String> {
    check_as(settings, |path| real(&root.join(path)))
}

fn check_as(settings: &Settings, resolved: impl Fn(&Path) -> PathBuf) -> Result<(), String> {
    let stores: Vec<(String, PathBuf)> = settings
        .stores
        .iter()
        .filter_map(|(name, store)| Some((format!("stores.{name}"), resolved(&local_path(&store.url)?))))
        .collect();
    let folders = [("wal", local_path(&settings.wal.url)), ("versions", local_path(&settings.versions.url))];
    let folders = folders.into_iter().filter_map(|(name, path)| Some((name, resolved(&path?))));
    let folders: Vec<_> = folders.chain([("the toolkit's own", resolved(Path::new(OWN_FOLDER)))]).collect();
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
            if resolved(Path::new(path)).starts_with(place) {
                return Err(overlap(store, other, place));
            }
        }
    }
    check_written(settings, &folders, resolved)?;
    check_buckets(settings)
}

/// Refuses two of the stores, the log and the version store at one place of a bucket, or one below another.
fn check_buckets(settings: &Settings) -> Result<(), String> {
    let stores = settings.stores.iter().map(|(name, store)| (format!("stores.{name}"), &store.url));
    let own = [("wal".to_owned(), &settings.wal.url), ("versions".to_owned(), &settings.versions.url)];
    let mut places: Vec<(String, Vec<&str>)> = Vec::new();
    for (name, url) in stores.chain(own) {
        let Some(place) = in_bucket(url) else { continue };
        if let Some((other, _)) =
            places.iter().find(|(_, other)| place.starts_with(other) || other.starts_with(&place))
        {
            let url = shown(url);
            return Err(format!(
                "each has a prefix of its own in a bucket, and none lies below another: {other} {name} place={url}"
            ));
        }
        places.push((name, place));
    }
    Ok(())
}

/// Returns scheme, bucket and prefix of an address in a bucket, segment by segment.
fn in_bucket(url: &str) -> Option<Vec<&str>> {
    let (scheme, rest) = url.split_once("://")?;
    let is_bucket = ["s3", "az"].contains(&scheme);
    is_bucket.then(|| [scheme].into_iter().chain(rest.split('/').filter(|part| !part.is_empty())).collect())
}

/// Refuses a telemetry folder or a ledger file in a place where the platform keeps something else: it would be
/// overwritten.
fn check_written(
    settings: &Settings,
    folders: &[(&str, PathBuf)],
    resolved: impl Fn(&Path) -> PathBuf,
) -> Result<(), String> {
    let policy = &settings.policy;
    let kept =
        [&policy.labels, &policy.suppressions, &policy.principals].map(|path| resolved(Path::new(path)));
    for (name, path) in [("telemetry.dir", &settings.telemetry.dir), ("ledger.path", &settings.ledger.path)] {
        let place = resolved(Path::new(path));
        let folder = folders.iter().find(|(_, folder)| place.starts_with(folder));
        let is_over = folder.is_some() || kept.contains(&place) || place == resolved(Path::new(FILE_NAME));
        if is_over {
            let place = place.display();
            return Err(format!("this would overwrite what the platform keeps: key={name} place={place}"));
        }
    }
    Ok(())
}

fn overlap(store: &str, other: &str, place: &Path) -> String {
    let place = place.display();
    format!("a store's folder is kept apart from everything else: store={store} other={other} place={place}")
}

/// Follows the links of a path as far as its folders exist, and takes `.` and `..` out of the rest.
fn real(path: &Path) -> PathBuf {
    let mut rest = Vec::new();
    let mut at = normal(path);
    loop {
        if let Ok(found) = at.canonicalize() {
            return rest.into_iter().rev().fold(found, |path, name: std::ffi::OsString| path.join(name));
        }
        match (at.file_name().map(ToOwned::to_owned), at.pop()) {
            (Some(name), true) => rest.push(name),
            _ => return normal(path),
        }
    }
}

/// Takes `.` and `..` out of a path, as far as that is possible without looking at the disk.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(from: &str, to: &str) -> Settings {
        let text = Settings::EMBEDDED.replace(from, to);
        assert_ne!(text, Settings::EMBEDDED);
        Settings::parse(&text, Path::new("kfm.toml"), &crate::platform::built_in_kinds()).unwrap()
    }

    #[test]
    fn an_absolute_path_and_a_link_get_round_nothing() {
        let root = tempfile::tempdir().unwrap();
        let at = |below: &str| root.path().join(below).display().to_string();
        std::fs::create_dir(root.path().join("catalog")).unwrap();
        for (from, to) in [
            ("file:catalog", format!("file:{}", at(""))),
            ("url = \"file:wal\"", format!("url = \"file:{}\"", at("catalog/wal"))),
            ("file:.kfm/versions", format!("file:{}", at("graph/versions"))),
            ("\"policy/labels.toml\"", format!("\"{}\"", at("catalog/labels.toml"))),
        ] {
            assert!(check_below(&settings(from, &to), root.path()).is_err(), "{to}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("catalog", root.path().join("alias")).unwrap();
            let linked = settings("file:graph", "file:alias/graph");
            assert!(check_below(&linked, root.path()).is_err());
        }
        let apart = tempfile::tempdir().unwrap();
        let elsewhere = settings("file:catalog", &format!("file:{}", apart.path().display()));
        assert_eq!(check_below(&elsewhere, root.path()), Ok(()));
    }

    #[test]
    fn prefixes_of_a_bucket_that_lie_in_one_another_are_refused() {
        for (catalog, wal, is_refused) in [
            ("s3://b/stac", "s3://b/log", false),
            ("s3://b/stac", "s3://b/stac-log", false),
            ("s3://b/stac", "az://b/stac", false),
            ("s3://b/stac", "s3://b/stac/log", true),
            ("s3://b/stac/", "s3://b//stac", true),
            ("s3://b", "s3://b/log", true),
            ("s3://b/stac/a", "s3://b/stac", true),
        ] {
            let text = Settings::EMBEDDED
                .replace("file:catalog", catalog)
                .replace("url = \"file:wal\"", &format!("url = \"{wal}\""));
            let parsed = Settings::parse(&text, Path::new("kfm.toml"), &crate::platform::built_in_kinds());
            assert_eq!(parsed.is_err(), is_refused, "{catalog} {wal}");
        }
        let both = Settings::EMBEDDED
            .replace("file:catalog", "s3://b/x")
            .replace("file:.kfm/versions", "s3://b/x/versions");
        let refused = Settings::parse(&both, Path::new("kfm.toml"), &crate::platform::built_in_kinds());
        assert!(refused.unwrap_err().to_string().contains("stores.catalog versions place=s3://b/x/versions"));
    }

    #[test]
    fn telemetry_and_the_ledger_s_file_are_written_over_nothing() {
        let root = tempfile::tempdir().unwrap();
        let ledger = "docs/reports/audit/data_provenance_ledger.json";
        for (from, to) in [
            (ledger, "wal/FORMAT"),
            (ledger, "kfm.toml"),
            (ledger, "policy/../policy/labels.toml"),
            ("data/processed/telemetry", "wal"),
            ("data/processed/telemetry", ".kfm/versions"),
        ] {
            let text = Settings::EMBEDDED.replace(from, to);
            let is_refused =
                match Settings::parse(&text, Path::new("kfm.toml"), &crate::platform::built_in_kinds()) {
                    Ok(settings) => check_below(&settings, root.path()).is_err(),
                    Err(_) => true,
                };
            assert!(is_refused, "{to}");
        }
    }
}
