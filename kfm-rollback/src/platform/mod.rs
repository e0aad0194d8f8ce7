//! A platform: the folder that holds `kfm.toml`, with its stores, its log and its records.

pub(crate) mod claim;
pub(crate) mod files;
pub(crate) mod lock;
pub(crate) mod log;
pub(crate) mod policy_files;
pub(crate) mod snapshots;

mod identity;
pub(crate) mod options;
mod outside;
mod patient_blobs;
pub(crate) mod settings;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use kfm_lineage::{Digest, OperationId};
use kfm_policy::{Parameter, Policy, PolicyCheck, Remedy, advice};
use kfm_telemetry::{Alerts, Ledger, Notifier, RecordSink, TelemetryWriter};
use kfm_wal::WalStore;
use kfm_wal::local::disk::Disk;
use kfm_wal::record::ReleaseRef;
use tokio::task::JoinHandle;

pub use options::{Interrupt, NoProgress, OpenOptions, Progress, built_in_kinds};
pub(crate) use policy_files::not_right as policy_file;
pub use settings::new::NewStore;
pub use settings::{
    FILE_NAME, LedgerSettings, LimitSettings, NotifySettings, PolicySettings, ReleaseSettings,
    RetiredSettings, Settings, Strictness, TelemetrySettings, VersionSettings, WalSettings,
};

use crate::blob::{LocalBlobs, ObjectBlobs};
use crate::error::{Error, Result};
use crate::kind::{Credentials, Surroundings, local_path};
use crate::op::{DomainOp, Role};
use crate::platform::log::LogPlace;
use crate::platform::patient_blobs::PatientBlobs;
use crate::versions::VersionStore;

/// A platform that was opened: its settings, stores and components. Cheap to clone.
///
/// It keeps nothing open: each method looks at the platform as it stands, and a method that changes something holds
/// the platform's lock while it works.
///
/// # Cancel safety
/// Dropping the future of a method leaves what a killed process leaves: nothing, or an open operation that
/// [`status`](Self::status) shows and that can be resumed or aborted. The lock is given back.
#[derive(Debug, Clone)]
pub struct Platform(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    settings: Settings,
    options: OpenOptions,
    versions: Arc<VersionStore>,
    stores: Vec<Arc<dyn DomainOp>>,
    /// The names of the derived stores that no document is projected into.
    unprojected: BTreeSet<String>,
    policy: Policy,
    records: Arc<dyn RecordSink>,
    log: LogPlace,
    /// Tasks that give a shared log back; shared by all clones.
    departures: Arc<Mutex<Vec<JoinHandle<()>>>>,
    /// The operations that were open when a method last read the log; `None` before that. Shared by all clones.
    open: Arc<Mutex<Option<Vec<OperationId>>>>,
}

/// The release's files, each with the digest of its content.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReleaseRefs {
    pub sbom: Option<ReleaseRef>,
    pub manifest: Option<ReleaseRef>,
}

impl Platform {
    /// Finds the platform that a folder lies in: the nearest folder upwards that holds `kfm.toml`.
    pub fn find_root(start: &Path) -> Option<PathBuf> {
        start.ancestors().find(|folder| folder.join(FILE_NAME).is_file()).map(Path::to_path_buf)
    }

    /// Opens the platform in a folder.
    ///
    /// # Errors
    /// [`Error::Invalid`]: there is no `kfm.toml`, or it is not valid. [`Error::File`]: it cannot be read.
    pub async fn open(root: impl AsRef<Path>, options: OpenOptions) -> Result<Self> {
        let root = root.as_ref();
        let file = root.join(FILE_NAME);
        let Some(text) = files::read_optional(&file)? else {
            return Err(Error::invalid(
                format!("this folder is not a platform, it has no kfm.toml: path={}", root.display()),
                advice!["make one by ", Remedy::MakePlatform, ", or name another by ", Parameter::Root],
            ));
        };
        let settings = Settings::parse(&text, &file, &options.kinds)?;
        let root = std::path::absolute(root)
            .map_err(|source| Error::File { path: root.display().to_string(), source })?;
        check_places(&settings, &root, &file)?;
        let versions = Arc::new(versions_of(&settings, &root, &options)?);
        let log = LogPlace::of(&settings, &root, &options)?;
        let stores = stores_of(&settings, &root, &options, matches!(log, LogPlace::Slots(_)))?;
        let kept = settings.stores.iter().filter(|(_, store)| !store.projected);
        let unprojected = kept.map(|(name, _)| name.clone()).collect();
        let records: Arc<dyn RecordSink> =
            Arc::new(TelemetryWriter::new(root.join(&settings.telemetry.dir), Arc::clone(&options.clock)));
        let policy = Policy::default().with_licences(settings.policy.licences.clone());
        let (departures, open) = (Arc::default(), Arc::default());
        let inner = Inner {
            root,
            settings,
            options,
            versions,
            stores,
            unprojected,
            policy,
            records,
            log,
            departures,
            open,
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Replaces the store of this name, or adds one that is derived: documents are projected into it, as its domain
    /// says.
    ///
    /// For stores that `kfm.toml` does not name: a fake in a test, or an adapter of one program. An adapter that
    /// `kfm.toml` is to name is opened by a [`StoreKind`](crate::kind::StoreKind).
    #[must_use]
    pub fn with_store(self, store: Arc<dyn DomainOp>) -> Self {
        self.changed(|inner| {
            inner.stores.retain(|other| other.name() != store.name());
            inner.stores.push(store);
            inner.stores.sort_by(|a, b| a.name().cmp(b.name()));
        })
    }

    /// Adds a store that no document is projected into: it holds only the cells that pipelines keep there themselves.
    #[must_use]
    pub fn with_unprojected_store(self, store: Arc<dyn DomainOp>) -> Self {
        let name = store.name().to_owned();
        self.with_store(store).changed(|inner| inner.unprojected.extend([name]))
    }

    /// Adds an integrator's check to the policy; it can only add denials.
    #[must_use]
    pub fn with_check(self, check: Arc<dyn PolicyCheck>) -> Self {
        self.changed(|inner| inner.policy = inner.policy.clone().with_check(check))
    }

    /// Keeps versions elsewhere than the settings say: in a bucket, or on a fake in a test.
    #[must_use]
    pub fn with_versions(self, versions: VersionStore) -> Self {
        self.changed(|inner| inner.versions = Arc::new(versions))
    }

    /// Keeps the operations log in this store. `url` under `[wal]` of `kfm.toml` must be `own:` and a name for the log, so
    /// that a program which does not have it does nothing; else every method that needs the log is
    /// [`Error::Invalid`].
    ///
    /// A log is the memory of a platform: give the same one each time, in every program that opens the platform. The
    /// platform's lock keeps other processes of its folder out. The log is fenced by each process that changes something,
    /// so a late append of an earlier one is refused; but hosts do not wait for each other, as they do at a shared log of
    /// the settings. [`wal_inspect`](Self::wal_inspect), [`wal_probe`](Self::wal_probe) and the look back at a checkpoint
    /// are for logs of the settings.
    #[must_use]
    pub fn with_log(self, log: Arc<dyn WalStore>) -> Self {
        self.changed(|inner| inner.log = LogPlace::Own(Some(log)))
    }

    /// Writes operation records elsewhere than the settings say.
    #[must_use]
    pub fn with_records(self, records: Arc<dyn RecordSink>) -> Self {
        self.changed(|inner| inner.records = records)
    }

    fn changed(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Inner {
            root: self.0.root.clone(),
            settings: self.0.settings.clone(),
            options: self.0.options.clone(),
            versions: Arc::clone(&self.0.versions),
            stores: self.0.stores.clone(),
            unprojected: self.0.unprojected.clone(),
            policy: self.0.policy.clone(),
            records: Arc::clone(&self.0.records),
            log: self.0.log.clone(),
            departures: Arc::clone(&self.0.departures),
            open: Arc::clone(&self.0.open),
        };
        change(&mut inner);
        Self(Arc::new(inner))
    }

    /// Returns the folder that holds `kfm.toml`.
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// Returns the settings, as `kfm.toml` has them.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Returns the options it was opened with: actor, host, clock and other components.
    pub fn options(&self) -> &OpenOptions {
        &self.0.options
    }

    /// Returns the version store.
    pub fn versions(&self) -> Arc<VersionStore> {
        Arc::clone(&self.0.versions)
    }

    /// Returns the stores, by name.
    pub fn stores(&self) -> Vec<Arc<dyn DomainOp>> {
        self.0.stores.clone()
    }

    /// Returns a store by its name.
    pub fn store(&self, name: &str) -> Option<Arc<dyn DomainOp>> {
        self.0.stores.iter().find(|store| store.name() == name).cloned()
    }

    /// Returns the catalog: the target, whose documents every derived store follows.
    pub fn catalog(&self) -> Arc<dyn DomainOp> {
        self.store(self.0.settings.target()).expect("the settings name a target, and no store is taken away")
    }

    /// Returns the role of a store.
    pub fn role(&self, store: &str) -> Role {
        self.0.settings.role(store)
    }

    /// Says whether documents are projected into a store.
    pub(crate) fn is_projected(&self, store: &str) -> bool {
        self.role(store) == Role::Derived && !self.0.unprojected.contains(store)
    }

    pub(crate) fn log_place(&self) -> &LogPlace {
        &self.0.log
    }

    /// Notes a task that gives a shared log back, for [`leave`](Self::leave).
    pub(crate) fn depart(&self, departure: JoinHandle<()>) {
        self.0.departures.lock().unwrap_or_else(PoisonError::into_inner).push(departure);
    }

    /// Notes the operations that are open by the log as it was just read.
    pub(crate) fn note_open(&self, open: Vec<OperationId>) {
        *self.0.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(open);
    }

    /// Returns the operations that were open when a method of this platform last read the log; `None` if none has
    /// read it.
    pub fn open_when_last_read(&self) -> Option<Vec<OperationId>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn departures(&self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut *self.0.departures.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the folder of the log; for a shared log, the folder that it would have.
    pub fn wal_dir(&self) -> PathBuf {
        local_path(&self.0.settings.wal.url).map_or_else(|| self.own("wal"), |path| self.0.root.join(path))
    }

    /// Returns how the log is opened for writing.
    ///
    /// No segment is filled ahead. A command appends a few records and ends; once the last segment is more than
    /// half full, each command would begin to fill the next segment and throw it away. The command that needs a new
    /// segment makes it.
    pub(crate) fn wal_options(&self) -> kfm_wal::LocalOptions {
        let options = &self.0.options;
        let holder = format!("{} host={} pid={}", options.actor, options.host, options.pid);
        kfm_wal::LocalOptions::new(Arc::clone(&options.clock))
            .with_disk(Arc::clone(&options.disk))
            .with_holder(holder)
    }

    /// Returns the file system that the platform's own files are written on.
    pub(crate) fn disk(&self) -> &dyn Disk {
        &*self.0.options.disk
    }

    /// Says where the version store is, for people.
    pub(crate) fn versions_place(&self) -> String {
        match local_path(&self.0.settings.versions.url) {
            Some(_) => self.shown(&self.versions_dir()),
            None => self.0.settings.versions.url.clone(),
        }
    }

    /// Says whether the version store that the settings name is in a bucket.
    pub(crate) fn versions_in_bucket(&self) -> bool {
        local_path(&self.0.settings.versions.url).is_none()
    }

    /// Returns the folder of the version store; for one in a bucket, the folder that it would have.
    pub fn versions_dir(&self) -> PathBuf {
        let path = local_path(&self.0.settings.versions.url);
        path.map_or_else(|| self.own("versions"), |path| self.0.root.join(path))
    }

    /// Returns the folder of the ledger's chain.
    pub fn ledger_dir(&self) -> PathBuf {
        self.own("ledger")
    }

    /// Returns the JSON file that is rendered from the ledger.
    pub fn ledger_view(&self) -> PathBuf {
        self.0.root.join(&self.0.settings.ledger.path)
    }

    /// Returns the folder of the telemetry.
    pub fn telemetry_dir(&self) -> PathBuf {
        self.0.root.join(&self.0.settings.telemetry.dir)
    }

    /// Returns the folders that only operations write to: of the stores, the log and the version store, and the
    /// toolkit's own.
    pub(crate) fn own_folders(&self) -> Vec<PathBuf> {
        let settings = &self.0.settings;
        let stores = settings.stores.values().filter_map(|store| local_path(&store.url));
        let stores = stores.map(|path| self.0.root.join(path));
        let log = match self.log_place() {
            LogPlace::Folder(folder) => Some(folder.clone()),
            LogPlace::Slots(_) => {
                let path = self.0.settings.wal.url.strip_prefix("object+file:");
                path.map(|path| self.0.root.join(path.strip_prefix("//").unwrap_or(path)))
            }
            LogPlace::Own(_) => None,
        };
        let own = [self.versions_dir(), self.0.root.join(settings::OWN_FOLDER)];
        stores.chain(log).chain(own).collect()
    }

    pub(crate) fn own(&self, name: &str) -> PathBuf {
        self.0.root.join(settings::OWN_FOLDER).join(name)
    }

    pub(crate) fn lock_path(&self) -> PathBuf {
        self.own("lock")
    }

    /// Returns the file of a stored plan.
    pub fn plan_path(&self, plan_id: &Digest) -> PathBuf {
        self.own("plans").join(format!("{}.json", plan_id.hex()))
    }

    /// Returns the file of an operation's manifest.
    pub fn manifest_path(&self, operation: &OperationId) -> PathBuf {
        self.own("manifests").join(format!("{operation}.json"))
    }

    /// Returns a path as people name it: relative to the platform's root where it lies below.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.0.root).unwrap_or(path).display().to_string()
    }

    pub(crate) fn telemetry_ref(&self, tool: &str) -> String {
        format!("{}/ops_{tool}.ndjson", self.0.settings.telemetry.dir)
    }

    pub(crate) fn policy(&self) -> Policy {
        self.0.policy.clone()
    }

    pub(crate) fn records(&self) -> Arc<dyn RecordSink> {
        Arc::clone(&self.0.records)
    }

    /// Says a remedy in the words of this program's records.
    pub(crate) fn say(&self, remedy: &Remedy) -> String {
        (self.0.options.say)(remedy)
    }

    pub(crate) fn alerts(&self) -> Alerts {
        let alerts = Alerts::new(self.records());
        let command =
            self.0.settings.notify.as_ref().map(|notify| notify.command.as_slice()).unwrap_or_default();
        match Notifier::new(command, Arc::clone(&self.0.options.clock)) {
            Some(notifier) => alerts.with_notifier(notifier.with_folder(self.0.root.clone())),
            None => alerts,
        }
    }

    pub(crate) fn ledger(&self) -> Result<Ledger> {
        Ok(Ledger::open(self.ledger_dir(), self.wal_options())?)
    }

    /// Returns the release's files that the settings name, with their digests where the files are there (R92).
    pub(crate) fn release_refs(&self) -> ReleaseRefs {
        let Some(release) = &self.0.settings.release else { return ReleaseRefs::default() };
        let digested = |path: &String| ReleaseRef {
            path: path.clone(),
            digest: std::fs::read(self.0.root.join(path)).ok().map(|bytes| Digest::of_bytes(&bytes)),
        };
        ReleaseRefs {
            sbom: release.sbom_ref.as_ref().map(digested),
            manifest: release.manifest_ref.as_ref().map(digested),
        }
    }
}

/// Makes the version store that the settings name; does not connect to it yet.
/// Refuses folders of stores that lie in one another, or hold something else of the platform.
pub(crate) fn check_places(settings: &Settings, root: &Path, file: &Path) -> Result<()> {
    settings::places::check_below(settings, root).map_err(|why| {
        Error::invalid(format!("{why}: path={}", file.display()), "give each its own place in kfm.toml")
    })
}

/// Opens the stores of the settings; no request is made, and nothing is written.
pub(crate) fn stores_of(
    settings: &Settings,
    root: &Path,
    options: &OpenOptions,
    shared_by_hosts: bool,
) -> Result<Vec<Arc<dyn DomainOp>>> {
    let stores = settings.stores.iter().map(|(name, store)| {
        let kind = options.kinds.find(&store.kind);
        options.kinds.open(&Surroundings {
            name,
            settings: store,
            role: settings.role(name),
            root,
            clock: Arc::clone(&options.clock),
            shared_by_hosts,
            credentials: kind
                .map_or_else(Credentials::default, |kind| options.credentials.of_store(name, kind)),
        })
    });
    stores.collect()
}

fn versions_of(settings: &Settings, root: &Path, options: &OpenOptions) -> Result<VersionStore> {
    let url = &settings.versions.url;
    if let Some(path) = local_path(url) {
        return Ok(VersionStore::new(Arc::new(LocalBlobs::new(root.join(path)))));
    }
    let blobs =
        ObjectBlobs::in_bucket(url, options.credentials.pairs()).map_err(|source| Error::Invalid {
            message: "the version store's address cannot be used".into(),
            hint: "repair url under [versions] of kfm.toml, or set what the cause names in the environment"
                .into(),
            source: Some(Box::new(source)),
        })?;
    let (clock, interrupt) = (Arc::clone(&options.clock), options.interrupt.clone());
    Ok(VersionStore::new(Arc::new(PatientBlobs::new(Arc::new(blobs), clock, interrupt))))
}
