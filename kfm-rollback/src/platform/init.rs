//! Makes a platform.

use std::fs;
use std::path::Path;

use kfm_wal::local::disk::RealDisk;

use super::settings::OWN_FOLDER;
use super::{FILE_NAME, Platform, Settings};
use crate::error::{Error, Result};
use crate::platform::options::OpenOptions;
use crate::report::{InitReport, StoreSummary};

const LABELS: &str = "\
# The label registry: who decided what protection which entities have. Nothing applies: denied.
# See docs/guides for the form of an entry; 'kfm labels assign' writes one.
";
const SUPPRESSIONS: &str = "\
# The suppression list: what was withdrawn and never comes back. It does not expire.
";
const PRINCIPALS: &str = "\
# Who is who: 'kfm principals add' writes an entry.
";

impl Platform {
    /// Makes `kfm.toml`, the embedded stores and the policy files in a folder.
    ///
    /// # Errors
    /// [`Error::Conflict`]: the folder is a platform already. [`Error::File`]: it cannot be written.
    pub async fn init(dir: impl AsRef<Path>) -> Result<InitReport> {
        let root = dir.as_ref();
        let file = root.join(FILE_NAME);
        if file.exists() {
            return Err(Error::invalid(
                format!("this folder is a platform already: path={}", root.display()),
                "use it as it is, or name another folder",
            ));
        }
        let failed = |path: &Path| {
            let path = path.display().to_string();
            move |source| Error::File { path, source }
        };
        fs::create_dir_all(root).map_err(failed(root))?;
        let settings = Settings::parse(Settings::EMBEDDED, &file)?;
        let own = root.join(OWN_FOLDER);
        make_private(&own).map_err(failed(&own))?;
        let folders = settings
            .stores
            .values()
            .map(|store| &store.url)
            .chain([&settings.wal.url, &settings.versions.url]);
        for folder in folders.filter_map(|url| super::local_path(url)) {
            let folder = root.join(folder);
            fs::create_dir_all(&folder).map_err(failed(&folder))?;
        }
        let policy = &settings.policy;
        for (name, text) in
            [(&policy.labels, LABELS), (&policy.suppressions, SUPPRESSIONS), (&policy.principals, PRINCIPALS)]
        {
            let path = root.join(name);
            if !path.exists() {
                super::files::write_durably(&RealDisk, &path, text.as_bytes())?;
            }
        }
        super::files::write_durably(&RealDisk, &file, Settings::EMBEDDED.as_bytes())?;
        let platform = Self::open(root, OpenOptions::new("init")).await?;
        platform.make_id()?;
        // The log comes into being, so that whoever only reads finds it; an empty folder is an empty store.
        kfm_wal::LocalLog::open(platform.wal_dir(), platform.wal_options())?;
        let stores = settings.stores.iter().map(|(name, store)| StoreSummary {
            name: name.clone(),
            domain: store.domain.to_string(),
            kind: store.kind.clone(),
            url: store.url.clone(),
        });
        Ok(InitReport { root: platform.root().display().to_string(), stores: stores.collect() })
    }
}

/// Makes the folder of what is the toolkit's own, for its owner only (R15).
#[cfg(unix)]
fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if folder.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)
}
