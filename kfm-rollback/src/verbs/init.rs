//! Makes a platform.

use std::fs;
use std::path::Path;

use kfm_wal::local::disk::RealDisk;

use super::Platform;
use crate::error::{Error, Result};
use crate::platform::options::OpenOptions;
use crate::platform::settings::OWN_FOLDER;
use crate::platform::settings::new;
use crate::platform::{FILE_NAME, NewStore, Settings, check_places, stores_of};
use crate::report::{InitReport, StoreSummary};

const LABELS: &str = "\
# The label registry: how entities are protected, and by whose decision. Where no entry applies, policy denies.
# The assignment of a label writes an entry; docs/guides/labels.md has every form of one. It looks like this:
#
# [[label]]
# entity = \"stac/collections/elevation.json\"   # a path in the catalog, or an id; or instead of it
# # under = \"stac/items/hydrography/\"          # a folder; \"\" is everything
# care = \"public\"                              # public, sensitive or restricted
# authority = \"Kaw Nation\"                     # the person or body that decided
# reason = \"why\"
# review_by = \"2027-06-30\"                     # when it must be looked at again
#
# [[hold]]                                     # every change of it is refused; lifting is not built yet
# entity = \"stac/items/site-42.json\"
# authority = \"Kaw Nation\"
# reason = \"why\"
# review_by = \"2027-06-30\"
#
# Once a command has judged by an entry it is in force: removing or lowering it here changes nothing.
";
const SUPPRESSIONS: &str = "\
# The suppression list: what was withdrawn and never comes back. Entries do not expire. One looks like this:
#
# [[suppression]]
# entity = \"stac/items/site-42.json\"   # a path in the catalog, or an id; or `under`, a folder; or
# # digest = \"sha256:…\"               # content, by its bytes: of a document, or of an asset
# authority = \"Kaw Nation\"             # the person or body that withdrew it
# reason = \"why\"
";
const PRINCIPALS: &str = "\
# The principals, whose approvals count. Adding a principal writes an entry. It looks like this:
#
# [[principal]]
# name = \"maria\"
# roles = [\"reviewer\"]                # operator, reviewer, council, tribal_authority
# public_key = \"64 hex digits\"        # Ed25519
";

impl Platform {
    /// Makes `kfm.toml`, the embedded stores and the policy files in a folder.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the folder is a platform already. [`Error::File`]: it cannot be written.
    pub async fn init(dir: impl AsRef<Path>) -> Result<InitReport> {
        Self::init_with(dir, &[], OpenOptions::new("init")).await
    }

    /// Makes the same with stores of the kinds of `options`. A domain has the stores that are named in it, and one for
    /// which none is named its embedded store. Makes no request: a server may be away. With
    /// [`rehearses`](OpenOptions::rehearses) it only says what it would make.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the folder is a platform already, or a store cannot be opened as it is named; nothing is
    /// written then. [`Error::File`]: the folder cannot be written.
    pub async fn init_with(
        dir: impl AsRef<Path>,
        stores: &[NewStore],
        options: OpenOptions,
    ) -> Result<InitReport> {
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
        let text = new::compose(stores, &options.kinds)?;
        let settings = Settings::parse(&text, &file, &options.kinds)?;
        let absolute = std::path::absolute(root).map_err(failed(root))?;
        check_places(&settings, &absolute, &file)?;
        stores_of(&settings, &absolute, &options, false)?;
        let report = report(&absolute, &settings, &options);
        if options.rehearses {
            return Ok(report);
        }
        fs::create_dir_all(root).map_err(failed(root))?;
        let own = root.join(OWN_FOLDER);
        make_private(&own).map_err(failed(&own))?;
        let folders = settings
            .stores
            .values()
            .map(|store| &store.url)
            .chain([&settings.wal.url, &settings.versions.url]);
        for folder in folders.filter_map(|url| crate::kind::local_path(url)) {
            let folder = root.join(folder);
            fs::create_dir_all(&folder).map_err(failed(&folder))?;
        }
        let policy = &settings.policy;
        for (name, text) in
            [(&policy.labels, LABELS), (&policy.suppressions, SUPPRESSIONS), (&policy.principals, PRINCIPALS)]
        {
            let path = root.join(name);
            if !path.exists() {
                crate::platform::files::write_durably(&RealDisk, &path, text.as_bytes())?;
            }
        }
        crate::platform::files::write_durably(&RealDisk, &file, text.as_bytes())?;
        let platform = Self::open(root, options).await?;
        platform.make_id()?;
        // The log is made now, so that a command that only reads finds it; an empty folder is an empty store.
        kfm_wal::LocalLog::open(platform.wal_dir(), platform.wal_options())?;
        Ok(report)
    }
}

fn report(root: &Path, settings: &Settings, options: &OpenOptions) -> InitReport {
    let stores = settings.stores.iter().map(|(name, store)| {
        let kind = options.kinds.find(&store.kind);
        let sample = kind.and_then(|kind| kind.sample(store.domain, Some(&store.url)));
        StoreSummary {
            name: name.clone(),
            domain: store.domain.to_string(),
            kind: store.kind.clone(),
            url: store.url.clone(),
            environment: sample
                .map_or(&[][..], |sample| sample.environment)
                .iter()
                .map(ToString::to_string)
                .collect(),
        }
    });
    InitReport { root: root.display().to_string(), stores: stores.collect() }
}

/// Makes the folder for the toolkit's own files, which only its owner can enter (R15).
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
