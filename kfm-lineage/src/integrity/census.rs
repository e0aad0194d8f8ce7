//! The census of one view: what is broken in it, counted.
//!
//! The classes LNK-1 to LNK-5, ORP-1 and ORP-2 are those of `docs/states.md` section 7, after stac-spec
//! (relations), its best practices (media types, versioning) and the version extension v1.2.0. There are two
//! passes over the links: first where each one leads, then whether what it says about its target is true.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::links::{Links, Listed};
use super::view::CatalogView;
use super::{listing, reach, version_links};
use crate::document::DocumentKind;

/// Why a link counts as broken. A link counts once, under the first class that applies.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub enum LinkClass {
    /// LNK-1, unresolvable: a relative href that climbs out of the store.
    #[serde(rename = "LNK-1")]
    Unresolvable,
    /// LNK-2, dangling: there is no document at the place in the store to which the link leads.
    #[serde(rename = "LNK-2")]
    Dangling,
    /// LNK-3, kind mismatch: an `item` link to something else than an item, or a `child` link to something
    /// else than a catalog or collection.
    #[serde(rename = "LNK-3")]
    KindMismatch,
    /// LNK-4, back-link mismatch: the listed document names another one as its parent or its collection.
    #[serde(rename = "LNK-4")]
    BackLinkMismatch,
    /// LNK-5, version link broken: it breaks a rule of the version extension.
    #[serde(rename = "LNK-5")]
    VersionLink,
}

impl LinkClass {
    /// Returns the name of the class in findings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unresolvable => "LNK-1",
            Self::Dangling => "LNK-2",
            Self::KindMismatch => "LNK-3",
            Self::BackLinkMismatch => "LNK-4",
            Self::VersionLink => "LNK-5",
        }
    }
}

impl fmt::Display for LinkClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A broken link.
///
/// Equal breaks count once: two links of a document that say the same and are broken in the same way are one
/// break.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Break {
    /// Why the link is broken.
    pub class: LinkClass,
    /// The path of the document that has the link.
    pub document: String,
    /// The relation of the link.
    pub rel: String,
    /// The path in the store to which the link leads; its href if it leads to no path in the store; empty if
    /// a required link is missing.
    pub target: String,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} --{}--> {}", self.class, self.document, self.rel, self.target)
    }
}

/// The state of a view's documents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Census {
    /// Number of documents in the view.
    pub documents: u64,
    /// Number of links that lead to a document, or should.
    pub links: u64,
    /// The broken links, LNK-1 to LNK-5.
    pub breaks: BTreeSet<Break>,
    /// ORP-1: the documents that no root reaches over `child` and `item`.
    pub orphans: BTreeSet<String>,
    /// ORP-2: the orphans that no document lists at all; the usual damage of a rollback.
    pub unlisted: BTreeSet<String>,
    /// The ids that more than one document has, each with the paths of those documents.
    pub duplicate_ids: BTreeMap<String, Vec<String>>,
    /// The documents whose `self` link leads to another place.
    pub wrong_self_links: BTreeSet<String>,
    /// The documents that are not a JSON object.
    pub not_json: BTreeSet<String>,
    /// What is to be added to what is counted here, since the view is a part of a catalog.
    pub beyond: Beyond,
}

/// What the whole has and its part has not; less than nothing where the part seems broken at its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Beyond {
    broken_links: i64,
    orphan_count: i64,
    unlisted: i64,
    duplicate_ids: i64,
    wrong_self_links: i64,
    not_json: i64,
}

/// The numbers of a census, for output and telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CensusCounts {
    /// Number of documents in the view.
    pub documents: u64,
    /// Number of links that lead to a document, or should.
    pub links: u64,
    /// Number of broken links, LNK-1 to LNK-5.
    pub broken_links: u64,
    /// Number of orphans, ORP-1.
    pub orphan_count: u64,
    /// Number of orphans that no document lists, ORP-2; they are part of `orphan_count`.
    pub unlisted: u64,
    /// Number of ids that more than one document has.
    pub duplicate_ids: u64,
    /// Number of documents whose `self` link leads to another place.
    pub wrong_self_links: u64,
    /// Number of documents that are not a JSON object.
    pub not_json: u64,
}

impl Census {
    /// Returns the numbers of this census.
    pub fn counts(&self) -> CensusCounts {
        CensusCounts {
            documents: self.documents,
            links: self.links,
            broken_links: plus(self.breaks.len() as u64, self.beyond.broken_links),
            orphan_count: plus(self.orphans.len() as u64, self.beyond.orphan_count),
            unlisted: plus(self.unlisted.len() as u64, self.beyond.unlisted),
            duplicate_ids: plus(self.duplicate_ids.len() as u64, self.beyond.duplicate_ids),
            wrong_self_links: plus(self.wrong_self_links.len() as u64, self.beyond.wrong_self_links),
            not_json: plus(self.not_json.len() as u64, self.beyond.not_json),
        }
    }

    /// Makes the census of a part of a catalog count as that of the whole. At another moment the whole counted `whole`, and
    /// the same part `part`: see [`Neighbourhood`](super::Neighbourhood). The sets stay those of the part.
    #[must_use]
    pub fn as_part_of(self, whole: &CensusCounts, part: &CensusCounts) -> Self {
        let beyond = |of: fn(&CensusCounts) -> u64| of(whole).cast_signed() - of(part).cast_signed();
        Self {
            documents: plus(self.documents, beyond(|counts| counts.documents)),
            links: plus(self.links, beyond(|counts| counts.links)),
            beyond: Beyond {
                broken_links: beyond(|counts| counts.broken_links),
                orphan_count: beyond(|counts| counts.orphan_count),
                unlisted: beyond(|counts| counts.unlisted),
                duplicate_ids: beyond(|counts| counts.duplicate_ids),
                wrong_self_links: beyond(|counts| counts.wrong_self_links),
                not_json: beyond(|counts| counts.not_json),
            },
            ..self
        }
    }
}

fn plus(count: u64, beyond: i64) -> u64 {
    count.saturating_add_signed(beyond)
}

impl CatalogView {
    /// Takes the census, in time linear in documents and links, apart from sorting what it finds.
    pub fn census(&self) -> Census {
        let documents: Vec<Listed<'_>> = self.iter().map(|(path, facts)| Listed { path, facts }).collect();
        let mut census = Census { documents: documents.len() as u64, ..Census::default() };
        census.count_documents(&documents);

        let mut links = Links::follow(self, &documents);
        census.links = links.count;
        census.breaks = std::mem::take(&mut links.breaks);
        census.wrong_self_links = std::mem::take(&mut links.wrong_self_links);
        census.breaks.extend(listing::breaks(&documents, &links));
        census.breaks.extend(version_links::breaks(&documents, &links));
        for orphan in reach::orphans(&documents, &links) {
            let path = documents[orphan.number].path;
            census.orphans.insert(path.to_owned());
            if !orphan.listed {
                census.unlisted.insert(path.to_owned());
            }
        }
        census
    }
}

impl Census {
    fn count_documents(&mut self, documents: &[Listed<'_>]) {
        let mut carriers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for document in documents {
            if document.facts.kind == DocumentKind::NotJson {
                self.not_json.insert(document.path.to_owned());
            }
            if let Some(id) = &document.facts.id {
                carriers.entry(id).or_default().push(document.path.to_owned());
            }
        }
        carriers.retain(|_, paths| paths.len() > 1);
        self.duplicate_ids = carriers.into_iter().map(|(id, paths)| (id.to_owned(), paths)).collect();
    }
}

#[cfg(test)]
#[path = "census_tests.rs"]
mod tests;
