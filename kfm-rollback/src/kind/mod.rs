//! [`StoreKind`]: what `kind` of a store's table in `kfm.toml` names, and how a store of that kind is opened.
//!
//! The opener of a platform registers kinds ([`OpenOptions::with_kind`](crate::OpenOptions::with_kind)); those of
//! this crate, `static` and `embedded`, come through the same door.

mod credentials;
mod sample;
mod settings;

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kfm_lineage::Domain;
use kfm_retry::Clock;
use kfm_wal::slots::address::shown;

pub use credentials::Credentials;
pub(crate) use sample::NewTable;
pub use sample::Sample;
pub use settings::{Patience, StoreSettings, local_path};

use crate::error::{Error, Result};
use crate::op::{DomainOp, Role};

/// A kind of store that a table of `kfm.toml` can name.
///
/// # Laws
/// - **Named**: [`kind`](StoreKind::kind) is always the same, and not blank.
/// - **Quiet**: [`open`](StoreKind::open) makes no request and writes nothing, so a platform opens while a server is
///   away. Whether the store answers is found out by its first call, and shown by
///   [`Platform::doctor`](crate::Platform::doctor).
/// - **Explained**: a [`sample`](StoreKind::sample) has no credential, and the settings take each of its examples.
/// - **As asked**: the opened store has the name and the domain of the settings. The platform refuses every other.
///
/// # Implementing
/// Read nothing from the environment: what authenticates the process is in [`Surroundings::credentials`]. Refuse a
/// value of an own key that cannot be used in `open`, by [`Error::Invalid`]. Keys that are not in
/// [`keys`](StoreKind::keys) never arrive.
///
/// ```
/// use std::sync::Arc;
///
/// use kfm_lineage::Domain;
/// use kfm_rollback::kind::{Key, StoreKind, Surroundings};
/// use kfm_rollback::memory::MemoryOp;
/// use kfm_rollback::{DomainOp, OpenOptions, Result};
///
/// /// Stores in memory, which die with the process.
/// #[derive(Debug)]
/// struct InMemory;
///
/// impl StoreKind for InMemory {
///     fn kind(&self) -> &'static str {
///         "memory"
///     }
///     fn domains(&self) -> &'static [Domain] {
///         &[Domain::Graph, Domain::Search, Domain::Cache]
///     }
///     fn keys(&self) -> &'static [Key] {
///         &[]
///     }
///     fn credentials(&self) -> &'static [&'static str] {
///         &[]
///     }
///     fn open(&self, at: &Surroundings<'_>) -> Result<Arc<dyn DomainOp>> {
///         Ok(Arc::new(MemoryOp::new(at.name, at.settings.domain)))
///     }
/// }
///
/// let options = OpenOptions::new("ops").with_kind(Arc::new(InMemory));
/// assert!(options.kinds.find("memory").is_some() && options.kinds.find("static").is_some());
/// ```
pub trait StoreKind: Debug + Send + Sync {
    /// Returns the word that `kind` of a store's table has.
    fn kind(&self) -> &'static str;

    /// Lists the domains in which a store of this kind can stand.
    fn domains(&self) -> &'static [Domain];

    /// Lists the keys that a table may have beside `domain`, `kind`, `url`, `role`, `projected` and `patience`.
    fn keys(&self) -> &'static [Key];

    /// Lists the beginnings of the names of those pairs of the environment that authenticate the process to the
    /// product, such as `NEO4J_`.
    fn credentials(&self) -> &'static [&'static str];

    /// Returns what the table of a new store in `domain`, one of [`domains`](StoreKind::domains), says, for a `url` if one
    /// is given; by default nothing: then the table has a `url` that has to be given.
    fn sample(&self, domain: Domain, url: Option<&str>) -> Option<Sample> {
        let _ = (domain, url);
        None
    }

    /// Opens the store that a table describes.
    ///
    /// # Errors
    /// [`Error::Invalid`]: a value cannot be used; the message names its key, the hint says what to write.
    fn open(&self, at: &Surroundings<'_>) -> Result<Arc<dyn DomainOp>>;
}

const _OBJECT_SAFE: Option<&dyn StoreKind> = None;

/// A key that only tables of one kind have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The key's name.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub about: &'static str,
    /// The texts that it may have; empty if its kind judges the value itself.
    pub values: &'static [&'static str],
}

/// What a store is opened from: its name and table, and the components of the platform.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The store's name in the settings.
    pub name: &'a str,
    /// The store's table.
    pub settings: &'a StoreSettings,
    /// The store's role: the table's, or what follows from the other tables.
    pub role: Role,
    /// The folder of `kfm.toml`, from which paths start.
    pub root: &'a Path,
    /// The clock for every time stamp and wait.
    pub clock: Arc<dyn Clock>,
    /// Whether hosts share the platform's log, so that another host may take over from this process.
    pub shared_by_hosts: bool,
    /// What authenticates the process to this store, under the product's own names.
    pub credentials: Credentials,
}

impl Surroundings<'_> {
    /// Returns the folder of a store whose `url` is a `file:` URL or a path.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the URL has another scheme.
    pub fn folder(&self) -> Result<PathBuf> {
        let (name, url) = (self.name, &self.settings.url);
        local_path(url).map(|path| self.root.join(path)).ok_or_else(|| {
            let (kind, url) = (&self.settings.kind, shown(url));
            Error::invalid(
                format!(
                    "a store of this kind is in a folder, use a file: URL: store={name} kind={kind} url={url}"
                ),
                "repair kfm.toml",
            )
        })
    }
}

/// The kinds that an opener registered, by name.
#[derive(Debug, Clone, Default)]
pub struct Kinds(Vec<Arc<dyn StoreKind>>);

impl Kinds {
    /// Registers a kind, or replaces the one of this name.
    #[must_use]
    pub fn with(mut self, kind: Arc<dyn StoreKind>) -> Self {
        self.0.retain(|other| other.kind() != kind.kind());
        self.0.push(kind);
        self
    }

    /// Returns the kind of a name.
    pub fn find(&self, name: &str) -> Option<&dyn StoreKind> {
        self.iter().find(|kind| kind.kind() == name)
    }

    /// Lists the kinds, in the order in which they were registered.
    pub fn iter(&self) -> impl Iterator<Item = &dyn StoreKind> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Opens the store that a table describes.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the kind is not registered, it refused the table, or what it opened is not what was asked
    /// for.
    pub(crate) fn open(&self, at: &Surroundings<'_>) -> Result<Arc<dyn DomainOp>> {
        let (name, kind) = (at.name, at.settings.kind.as_str());
        let Some(found) = self.find(kind) else {
            let message = format!("no kind of this name is registered: store={name} kind={kind}");
            return Err(Error::invalid(message, "use the program that has it, or repair kfm.toml"));
        };
        let store = found.open(at)?;
        if store.name() != name || store.domain() != at.settings.domain {
            let (other, domain) = (store.name(), store.domain());
            let message = format!(
                "the kind opened another store than was asked for: store={name} kind={kind} opened={other} domain={domain}"
            );
            return Err(Error::invalid(
                message,
                "repair the kind: an opened store has the table's name and domain",
            ));
        }
        Ok(store)
    }
}
