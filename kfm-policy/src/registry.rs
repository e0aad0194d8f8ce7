//! The label registry: what an existing catalog without labels is adopted by, and what raises protection.
//!
//! Three sources, one rule, the strictest of all that apply holds: the label file, the suppression list, and
//! what the log says was in force before. The last is what makes it a ratchet: an entry that was removed from
//! the file, or lowered there, changes nothing.

mod entry;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use kfm_lineage::Digest;
use kfm_lineage::document::{DocumentFacts, Field};
use serde_json::Value;

pub use entry::{HoldEntry, LabelEntry, RegistryEntry, SuppressionEntry};

use crate::error::PolicyError;
use crate::label::{CareLabel, UnknownLabel};
use crate::protection::Protection;
use crate::treatment::Treatment;
use entry::Reach;

/// The labels, holds and withdrawals in force.
#[derive(Debug, Clone, Default)]
pub struct LabelRegistry {
    entries: Vec<RegistryEntry>,
    /// How many of the entries came from the log; those after them are new.
    in_force: usize,
    by_entity: BTreeMap<String, Vec<usize>>,
    /// By folder, without the slash at its end.
    by_folder: BTreeMap<String, Vec<usize>>,
    by_content: BTreeMap<[u8; 32], Vec<usize>>,
}

/// The entity whose protection is asked for, with everything that it ever was.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its path in the catalog.
    pub path: &'a str,
    /// Every STAC id that its documents ever carried.
    pub ids: &'a BTreeSet<String>,
    /// Every collection that it ever belonged to, or was.
    pub collections: &'a BTreeSet<String>,
    /// The own labels of the entity's documents considered: what stands now, or stood last where nothing
    /// stands, and what would stand. Without the last one, a retire would wash a label off.
    ///
    /// Labels of its collection's document go through [`Protection::inherit`].
    pub own: &'a [Field<Vec<String>>],
    /// The document that would become visible, if one would: its bytes or its assets may be suppressed.
    pub content: Option<&'a DocumentFacts>,
}

impl LabelRegistry {
    /// Loads what the files say now and what the log says was in force before.
    ///
    /// A file that does not exist is `None`; without any entry everything is unlabelled, hence denied.
    ///
    /// # Errors
    /// [`PolicyError`]: nothing may be judged until the file, or the reader of the log, is repaired.
    pub fn load(
        labels_toml: Option<&str>,
        suppressions_toml: Option<&str>,
        in_force: &[Value],
    ) -> Result<Self, PolicyError> {
        let mut registry = Self::default();
        let mut seen = BTreeSet::new();
        for (position, value) in in_force.iter().enumerate() {
            let error = |source| PolicyError::InForce { position, source };
            let entry: RegistryEntry = serde_json::from_value(value.clone()).map_err(|e| error(e.into()))?;
            entry.reach().map_err(|e| error(e.into()))?;
            if seen.insert(entry.clone()) {
                registry.add(entry);
            }
        }
        registry.in_force = registry.entries.len();
        let labels = labels_toml.map(entry::read_labels).transpose()?.unwrap_or_default();
        let suppressions = suppressions_toml.map(entry::read_suppressions).transpose()?.unwrap_or_default();
        for entry in labels.into_iter().chain(suppressions) {
            if seen.insert(entry.clone()) {
                registry.add(entry);
            }
        }
        Ok(registry)
    }

    fn add(&mut self, entry: RegistryEntry) {
        let position = self.entries.len();
        match entry.reach().expect("entries are checked before they are added") {
            Reach::Entity(entity) => self.by_entity.entry(entity.to_owned()).or_default().push(position),
            Reach::Under(folder) => {
                let folder = folder.strip_suffix('/').unwrap_or(folder).to_owned();
                self.by_folder.entry(folder).or_default().push(position);
            }
            Reach::Content(digest) => self.by_content.entry(*digest.bytes()).or_default().push(position),
        }
        self.entries.push(entry);
    }

    /// Returns every entry: those in force by the log first, then those that only the files have.
    pub fn entries(&self) -> &[RegistryEntry] {
        &self.entries
    }

    /// Returns the entries that the files have and the log does not: append them to the log before the first
    /// operation that is judged by them.
    pub fn new_entries(&self) -> Vec<Value> {
        let to_value = |entry| serde_json::to_value(entry).expect("registry entries are plain data");
        self.entries[self.in_force..].iter().map(to_value).collect()
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
        for position in self.applying(subject) {
            joined.entry(&self.entries[position]);
        }
        joined.finish()
    }

    /// Lists the entries that apply to a subject, each once, in their order.
    fn applying(&self, subject: &Subject<'_>) -> BTreeSet<usize> {
        let names = subject.ids.iter().chain(subject.collections).map(String::as_str);
        let entities = names.chain([subject.path]).filter_map(|name| self.by_entity.get(name));
        let folders = folders_above(subject.path).filter_map(|folder| self.by_folder.get(folder));
        let contents = subject.content.into_iter().flat_map(content_digests);
        let contents = contents.filter_map(|digest| self.by_content.get(&digest));
        entities.chain(folders).chain(contents).flatten().copied().collect()
    }
}

/// Lists the folders that a path lies in, from the whole catalog down, and the path itself.
fn folders_above(path: &str) -> impl Iterator<Item = &str> {
    let slashes = path.match_indices('/').map(|(at, _)| &path[..at]);
    [""].into_iter().chain(slashes).chain([path])
}

/// Lists the SHA-256 digests of a document and of the assets that it names.
fn content_digests(document: &DocumentFacts) -> Vec<[u8; 32]> {
    let assets = document.assets.iter().filter_map(|asset| sha256_of(asset.checksum.as_deref()?));
    [*document.digest.bytes()].into_iter().chain(assets).collect()
}

/// Reads a SHA-256 from an asset's checksum: a multihash, as the file extension wants it, or what people
/// write instead. A suppression that a missing prefix could evade would be none.
fn sha256_of(checksum: &str) -> Option<[u8; 32]> {
    let checksum = checksum.to_ascii_lowercase();
    let hex = checksum.strip_prefix("sha256:").or(checksum.strip_prefix("sha256-")).unwrap_or(&checksum);
    let hex = if hex.len() == 68 { hex.strip_prefix("1220")? } else { hex };
    let digest: Digest = format!("sha256:{hex}").parse().ok()?;
    Some(*digest.bytes())
}

/// The join of everything that applies to one subject.
#[derive(Debug, Default)]
struct Joined {
    label: Option<CareLabel>,
    unreadable: Option<UnknownLabel>,
    own: Option<Treatment>,
    floor: Option<Treatment>,
    held: bool,
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
                self.held = true;
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
            held: self.held,
            suppressed: self.suppressed,
            heritage: self.heritage,
            authorities: self.authorities.into_iter().collect(),
            review_by: label.ok().and_then(|label| self.reviews.get(&label).copied()),
        }
    }
}

#[cfg(test)]
mod tests;
