//! The label registry: labels an existing catalog that has none, and raises protection.
//!
//! It has three sources: the label file, the suppression list, and what was in force before, according to the
//! log. One rule joins them: the strictest of all entries that apply holds. The log makes it a ratchet:
//! removing or lowering an entry in the file changes nothing.

mod entry;
mod names;
mod spelling;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::civil::Date;
use kfm_lineage::Digest;
use kfm_lineage::document::{DocumentFacts, DocumentKind, Field};
use serde::Deserialize;
use serde_json::Value;

pub use entry::{HoldEntry, LabelEntry, RegistryEntry, SuppressionEntry};

use crate::error::PolicyError;
use crate::label::{CareLabel, UnknownLabel};
use crate::protection::Protection;
use crate::treatment::Treatment;
use entry::Reach;
use names::{Names, looks};

/// The labels, holds and withdrawals in force.
#[derive(Debug, Clone, Default)]
pub struct LabelRegistry {
    entries: Vec<RegistryEntry>,
    /// How many of the entries came from the log; the entries after them are new.
    in_force: usize,
    /// The positions of entries by the look of the entity's name.
    by_entity: HashMap<String, Vec<usize>>,
    /// The positions of entries by the look of the folder, without the slash at its end.
    by_folder: HashMap<String, Vec<usize>>,
    by_content: HashMap<[u8; 32], Vec<usize>>,
    /// The names that people use for the catalog's own folder and that no folder in the catalog has.
    catalog_names: Vec<String>,
    names: Names,
}

/// The entity whose protection is asked for, with all its past ids and collections.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its path in the catalog.
    pub path: &'a str,
    /// Every STAC id that its documents ever had.
    pub ids: &'a BTreeSet<String>,
    /// Every collection that it ever belonged to, or was itself.
    pub collections: &'a BTreeSet<String>,
    /// The own labels of its documents that count: of what stands now, or stood last where nothing stands,
    /// and of what would stand. Without the one that stood last, retiring a document would remove its label.
    ///
    /// Labels of the document of its collection come through [`Protection::inherit`].
    pub own: &'a [Field<Vec<String>>],
    /// The document that would become visible; none if none would. Its bytes, or content that it refers to, may be
    /// suppressed.
    pub content: Option<&'a DocumentFacts>,
}

impl LabelRegistry {
    /// Loads what the files say now, and what was in force before according to the log.
    ///
    /// A file that does not exist is `None`. Without any entry everything is unlabelled, so everything is
    /// denied.
    ///
    /// # Errors
    /// [`PolicyError`]: judge nothing before the file, or the reader of the log, is repaired.
    pub fn load(
        labels_toml: Option<&str>,
        suppressions_toml: Option<&str>,
        in_force: &[Value],
    ) -> Result<Self, PolicyError> {
        let mut entries = read_in_force(in_force)?;
        let kept = entries.len();
        entries.extend(labels_toml.map(entry::read_labels).transpose()?.unwrap_or_default());
        entries.extend(suppressions_toml.map(entry::read_suppressions).transpose()?.unwrap_or_default());
        let mut seen = HashSet::with_capacity(entries.len());
        let is_first: Vec<bool> = entries.iter().map(|entry| seen.insert(entry)).collect();
        let mut registry = Self::default();
        for (position, (entry, is_first)) in entries.into_iter().zip(is_first).enumerate() {
            registry.in_force += usize::from(is_first && position < kept);
            if is_first {
                registry.add(entry);
            }
        }
        Ok(registry)
    }

    /// Loads what is in force according to the log, without the files: for a caller that knows that the files
    /// have nothing new.
    ///
    /// # Errors
    /// [`PolicyError::InForce`]: judge nothing before the reader of the log is repaired.
    pub fn of_log(in_force: &[Value]) -> Result<Self, PolicyError> {
        let mut registry = Self::default();
        read_in_force(in_force)?.into_iter().for_each(|entry| registry.add(entry));
        registry.in_force = registry.entries.len();
        Ok(registry)
    }

    /// Sets the names that people use for the catalog's own folder: an entry that begins with one means the
    /// path behind it.
    ///
    /// Such an entry counts only if it demands more than public. Leave out a name that a folder in the
    /// catalog has too.
    #[must_use]
    pub fn with_catalog_names(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.catalog_names = names.into_iter().filter(|name| !name.is_empty()).collect();
        self
    }

    fn add(&mut self, entry: RegistryEntry) {
        let position = self.entries.len();
        match entry.reach().expect("entries are checked before they are added") {
            Reach::Entity(entity) => {
                for name in spelling::names(entity) {
                    self.names.note(&name, &entry);
                    self.by_entity.entry(looks(&name).into_owned()).or_default().push(position);
                }
            }
            Reach::Under(folder) => {
                for name in spelling::names(folder) {
                    let folder = looks(name.strip_suffix('/').unwrap_or(&name)).into_owned();
                    self.by_folder.entry(folder).or_default().push(position);
                }
            }
            Reach::Content(digest) => self.by_content.entry(*digest.bytes()).or_default().push(position),
        }
        self.entries.push(entry);
    }

    /// Returns every entry: first those in force according to the log, then those that only the files have.
    pub fn entries(&self) -> &[RegistryEntry] {
        &self.entries
    }

    /// Adds an entry as if a file had it, to see what it would do.
    pub fn assign(&mut self, entry: RegistryEntry) {
        if entry.reach().is_ok() {
            self.add(entry);
        }
    }

    /// Takes note that the log now has the new entries too.
    pub fn settle(&mut self) {
        self.in_force = self.entries.len();
    }

    /// Returns how many of the entries, the first ones, are in force according to the log.
    pub fn in_force(&self) -> usize {
        self.in_force
    }

    /// Returns the entries that the files have and the log has not. Append them to the log before the first
    /// decision that depends on them.
    pub fn new_entries(&self) -> Vec<Value> {
        let to_value = |entry| serde_json::to_value(entry).expect("registry entries are plain data");
        self.entries[self.in_force..].iter().map(to_value).collect()
    }

    /// Says whether an entry names content by its digest.
    pub fn names_content(&self) -> bool {
        !self.by_content.is_empty()
    }

    /// Lists the names of entries that differ from `name` only by case and blanks.
    pub fn names_like(&self, name: &str) -> impl Iterator<Item = &str> {
        self.names.like(name)
    }

    /// Returns the protection in force for an entity.
    pub fn protection(&self, subject: &Subject<'_>) -> Protection {
        let mut joined = Joined::default();
        for own in subject.own {
            joined.own(own);
        }
        if let Some(content) = subject.content {
            joined.own(&content.care);
        }
        let mut labels_the_path = false;
        for position in self.applying(subject) {
            let entry = &self.entries[position];
            labels_the_path |= entry.labels_exactly(subject.path);
            joined.entry(entry);
        }
        let unidentified =
            self.names.ask_more && !labels_the_path && subject.content.is_some_and(states_no_id);
        Protection { unidentified, ..joined.finish() }
    }

    /// Returns what the entries about a path, or about a folder above it, demand, without those about its ids.
    pub fn asked_of_path(&self, path: &str) -> Treatment {
        let none = BTreeSet::new();
        let subject = Subject { path, ids: &none, collections: &none, own: &[], content: None };
        let asked = self.applying(&subject).into_iter().map(|position| self.entries[position].asks());
        asked.max().unwrap_or(Treatment::Public)
    }

    /// Lists the positions of the entries that apply to a subject, each once, in their order.
    pub fn applying(&self, subject: &Subject<'_>) -> BTreeSet<usize> {
        let names = subject.ids.iter().chain(subject.collections).map(String::as_str);
        let entities =
            names.chain([subject.path]).filter_map(|name| self.by_entity.get(looks(name).as_ref()));
        let path = looks(subject.path);
        let folders = folders_above(&path).filter_map(|folder| self.by_folder.get(folder));
        let contents = subject.content.into_iter().flat_map(content_digests);
        let contents = contents.filter_map(|digest| self.by_content.get(digest));
        let mut applying: BTreeSet<usize> =
            entities.chain(folders).chain(contents).flatten().copied().collect();
        for name in &self.catalog_names {
            let path = looks(&format!("{name}/{}", subject.path)).into_owned();
            let folders = folders_above(&path).skip(1).filter_map(|folder| self.by_folder.get(folder));
            let meant = folders.chain(self.by_entity.get(&path)).flatten().copied();
            applying.extend(meant.filter(|position| self.entries[*position].raises()));
        }
        applying
    }
}

/// Reads the entries from the log.
fn read_in_force(in_force: &[Value]) -> Result<Vec<RegistryEntry>, PolicyError> {
    let read = |(position, value)| {
        let error = |source| PolicyError::InForce { position, source };
        let entry = RegistryEntry::deserialize(value).map_err(|e: serde_json::Error| error(e.into()))?;
        entry.reach().map_err(|e| error(e.into()))?;
        Ok(entry)
    };
    in_force.iter().enumerate().map(read).collect()
}

/// Says whether a document is not JSON and does not tell which entity it is: it states no id, or it names an
/// id or a collection that cannot be read.
fn states_no_id(document: &DocumentFacts) -> bool {
    document.kind == DocumentKind::NotJson && (document.has_unread_names || document.ids().next().is_none())
}

/// Lists the folders that a path lies in, from the whole catalog down, and the path itself.
fn folders_above(path: &str) -> impl Iterator<Item = &str> {
    let slashes = path.match_indices('/').map(|(at, _)| &path[..at]);
    [""].into_iter().chain(slashes).chain([path])
}

/// Lists the digest of a document, and those of the content that it refers to.
fn content_digests(document: &DocumentFacts) -> impl Iterator<Item = &[u8; 32]> {
    std::iter::once(&document.digest).chain(&document.digests).map(Digest::bytes)
}

/// The join of all entries and labels that apply to one subject.
#[derive(Debug, Default)]
struct Joined {
    label: Option<CareLabel>,
    unreadable: Option<UnknownLabel>,
    own: Option<Treatment>,
    floor: Option<Treatment>,
    holds: BTreeSet<HoldEntry>,
    suppressed: bool,
    heritage: bool,
    authorities: BTreeSet<String>,
    reviews: BTreeMap<CareLabel, Date>,
}

impl Joined {
    fn own(&mut self, field: &Field<Vec<String>>) {
        match CareLabel::of_document(field) {
            Ok(None) => {}
            Ok(Some(label)) => {
                self.label = self.label.max(Some(label));
                self.own = self.own.max(Some(Treatment::least_for(label)));
            }
            Err(unknown) => self.unreadable = self.unreadable.max(Some(unknown)),
        }
    }

    fn entry(&mut self, entry: &RegistryEntry) {
        let (asks, authority) = match entry {
            RegistryEntry::Label(label) => {
                self.label = self.label.max(Some(label.care));
                self.heritage |= label.heritage;
                let review = self.reviews.entry(label.care).or_insert(label.review_by);
                *review = label.review_by.max(*review);
                (
                    Treatment::least_for(label.care).max(label.masking.unwrap_or(Treatment::Public)),
                    &label.authority,
                )
            }
            RegistryEntry::Hold(hold) => {
                self.holds.insert(hold.clone());
                (Treatment::Quarantined, &hold.authority)
            }
            RegistryEntry::Suppression(suppression) => {
                self.suppressed = true;
                (Treatment::Withdrawn, &suppression.authority)
            }
        };
        self.floor = self.floor.max(Some(asks));
        self.authorities.insert(authority.clone());
    }

    fn finish(self) -> Protection {
        let label = match (self.unreadable, self.label) {
            (Some(unreadable), _) => Err(unreadable),
            (None, Some(label)) => Ok(label),
            (None, None) => Err(UnknownLabel::Absent),
        };
        let floor = self.floor.unwrap_or(Treatment::Public);
        let known = floor.max(self.own.unwrap_or(Treatment::Public));
        Protection {
            label,
            treatment: if label.is_err() { known.max(Treatment::Quarantined) } else { known },
            floor,
            held: !self.holds.is_empty(),
            holds: self.holds.into_iter().collect(),
            suppressed: self.suppressed,
            heritage: self.heritage,
            unidentified: false,
            authorities: self.authorities.into_iter().collect(),
            review_by: label.ok().and_then(|label| self.reviews.get(&label).copied()),
        }
    }
}

#[cfg(test)]
mod tests;
