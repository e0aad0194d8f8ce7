//! The count of what is broken in one view.
//!
//! Sources: the classes LNK-1 to LNK-5, ORP-1 and ORP-2, in the operations toolkit's papers defined after
//! stac-spec (relations), its best practices (media types, versioning) and the version extension v1.2.0. Two
//! passes over the links: where each leads, then whether what it says of its target is so.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::version_links;
use super::view::{CatalogView, Lead};
use crate::document::{DocumentFacts, DocumentKind, LinkFact};

/// Why a link counts as broken; it counts once, under the first class that applies.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub enum LinkClass {
    /// LNK-1, unresolvable: a relative href that climbs out of the store.
    #[serde(rename = "LNK-1")]
    Unresolvable,
    /// LNK-2, dangling: no document at the place in the store to which it leads.
    #[serde(rename = "LNK-2")]
    Dangling,
    /// LNK-3, kind mismatch: an `item` that is no item, a `child` that is no catalog or collection.
    #[serde(rename = "LNK-3")]
    KindMismatch,
    /// LNK-4, back-link mismatch: what is listed names another as its parent or its collection.
    #[serde(rename = "LNK-4")]
    BackLinkMismatch,
    /// LNK-5, version link broken: see the rules of the version extension.
    #[serde(rename = "LNK-5")]
    VersionLink,
}

impl LinkClass {
    /// Returns the class's name in findings.
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
/// Equal breaks are one: two links of a document that say the same and are broken alike count once.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Break {
    /// Why it is broken.
    pub class: LinkClass,
    /// The path of the document that has the link.
    pub document: String,
    /// The link's relation.
    pub rel: String,
    /// The path in the store to which it leads; the href where it leads to none; empty where a link that
    /// must be there is not.
    pub target: String,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} --{}--> {}", self.class, self.document, self.rel, self.target)
    }
}

/// What a view's documents are like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Census {
    /// Documents looked at.
    pub documents: u64,
    /// Links looked at: those that lead to a document, or should.
    pub links: u64,
    /// The broken links, LNK-1 to LNK-5.
    pub breaks: BTreeSet<Break>,
    /// ORP-1: the documents that no root reaches over `child` and `item`.
    pub orphans: BTreeSet<String>,
    /// ORP-2: the orphans that nothing lists at all; the usual damage of a rollback.
    pub unlisted: BTreeSet<String>,
    /// Id values that more than one document carries, with the paths that do.
    pub duplicate_ids: BTreeMap<String, Vec<String>>,
    /// The documents whose `self` link leads to another place.
    pub wrong_self_links: BTreeSet<String>,
    /// The documents that are not a JSON object.
    pub not_json: BTreeSet<String>,
}

/// The figures of a census, as output and telemetry have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CensusCounts {
    /// Documents looked at.
    pub documents: u64,
    /// Links looked at.
    pub links: u64,
    /// Broken links, LNK-1 to LNK-5.
    pub broken_links: u64,
    /// Orphans, ORP-1.
    pub orphan_count: u64,
    /// Orphans that nothing lists, ORP-2; a part of `orphan_count`.
    pub unlisted: u64,
    /// Id values carried by more than one document.
    pub duplicate_ids: u64,
    /// Documents whose `self` link leads to another place.
    pub wrong_self_links: u64,
    /// Documents that are not a JSON object.
    pub not_json: u64,
}

impl Census {
    /// Returns the figures.
    pub fn counts(&self) -> CensusCounts {
        CensusCounts {
            documents: self.documents,
            links: self.links,
            broken_links: self.breaks.len() as u64,
            orphan_count: self.orphans.len() as u64,
            unlisted: self.unlisted.len() as u64,
            duplicate_ids: self.duplicate_ids.len() as u64,
            wrong_self_links: self.wrong_self_links.len() as u64,
            not_json: self.not_json.len() as u64,
        }
    }
}

impl CatalogView {
    /// Takes the census, in time linear in documents and links (but for the sorting of what it finds).
    pub fn census(&self) -> Census {
        let documents: Vec<Listed<'_>> =
            self.iter().map(|(path, facts)| Listed { path, facts: facts.as_ref() }).collect();
        let mut census = Census { documents: documents.len() as u64, ..Census::default() };
        census.count_documents(&documents);
        let links = self.follow(&documents, &mut census);
        let backs = BackLinks::of(&documents, &links);
        census
            .breaks
            .extend(links.resolved.iter().filter_map(|link| listing_break(link, &documents, &backs)));
        let listing_is_fine = |link: &&Resolved<'_>| listing_break(link, &documents, &backs).is_none();
        let sound: Vec<&Resolved<'_>> = links.resolved.iter().filter(listing_is_fine).collect();
        census.breaks.extend(version_links::breaks(&documents, &sound));
        census.count_orphans(&documents, &links);
        census
    }

    /// Follows every link: what leads nowhere is a break at once, what leads to a document is returned.
    fn follow<'a>(&'a self, documents: &[Listed<'a>], census: &mut Census) -> Links<'a> {
        let numbers: HashMap<&str, usize> =
            documents.iter().enumerate().map(|(number, document)| (document.path, number)).collect();
        let resolver = self.resolver();
        let mut links = Links::default();
        for (from, document) in documents.iter().enumerate() {
            for link in &document.facts.links {
                let (lead, missing) = resolver.lead_with_target(document.path, &link.href);
                if link.rel == "self" {
                    if !matches!(lead, Lead::External) && lead != Lead::Document(document.path) {
                        census.wrong_self_links.insert(document.path.to_owned());
                    }
                    continue;
                }
                let broken = |class, target: &str| Break {
                    class,
                    document: document.path.to_owned(),
                    rel: link.rel.clone(),
                    target: target.to_owned(),
                };
                match lead {
                    Lead::External | Lead::Asset => continue,
                    Lead::Outside => {
                        census.breaks.insert(broken(LinkClass::Unresolvable, &link.href));
                    }
                    Lead::Missing => {
                        let target = missing.as_deref().unwrap_or(&link.href);
                        census.breaks.insert(broken(LinkClass::Dangling, target));
                        links.dangling.push((from, link));
                    }
                    Lead::Document(path) => links.resolved.push(Resolved { from, link, to: numbers[path] }),
                }
                census.links += 1;
            }
        }
        links
    }
}

/// A document with its path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed<'a> {
    pub(super) path: &'a str,
    pub(super) facts: &'a DocumentFacts,
}

/// A link between two documents of the view, by their numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolved<'a> {
    pub(super) from: usize,
    pub(super) link: &'a LinkFact,
    pub(super) to: usize,
}

impl Resolved<'_> {
    pub(super) fn broken(&self, class: LinkClass, documents: &[Listed<'_>]) -> Break {
        Break {
            class,
            document: documents[self.from].path.to_owned(),
            rel: self.link.rel.clone(),
            target: documents[self.to].path.to_owned(),
        }
    }

    /// Says whether the link makes its target reachable.
    fn lists(&self) -> bool {
        matches!(self.link.rel.as_str(), "item" | "child") && self.link.leads_to_json()
    }
}

#[derive(Debug, Default)]
struct Links<'a> {
    resolved: Vec<Resolved<'a>>,
    dangling: Vec<(usize, &'a LinkFact)>,
}

/// What each document names as its parent and its collection.
#[derive(Debug, Default)]
struct BackLinks {
    /// Documents whose `parent` link leads into the store.
    with_parent: HashSet<usize>,
    /// Documents whose `collection` link leads into the store.
    with_collection: HashSet<usize>,
    parents: HashSet<(usize, usize)>,
    collections: HashSet<(usize, usize)>,
    /// Documents that have a `collection` link, wherever it leads.
    has_collection_link: HashSet<usize>,
}

impl BackLinks {
    fn of(documents: &[Listed<'_>], links: &Links<'_>) -> Self {
        let mut backs = Self::default();
        for (number, document) in documents.iter().enumerate() {
            if document.facts.links_of("collection").any(LinkFact::leads_to_json) {
                backs.has_collection_link.insert(number);
            }
        }
        let led = links.resolved.iter().map(|link| (link.from, link.link, Some(link.to)));
        let lost = links.dangling.iter().map(|&(from, link)| (from, link, None));
        for (from, link, to) in led.chain(lost).filter(|(_, link, _)| link.leads_to_json()) {
            let (judged, named) = match link.rel.as_str() {
                "parent" => (&mut backs.with_parent, &mut backs.parents),
                "collection" => (&mut backs.with_collection, &mut backs.collections),
                _ => continue,
            };
            judged.insert(from);
            named.extend(to.map(|to| (from, to)));
        }
        backs
    }

    /// Says whether what is listed names its lister, as far as its back links can be judged.
    ///
    /// Only a collection is owed the `collection` link and field: a catalog may list items too.
    fn agree(&self, link: &Resolved<'_>, documents: &[Listed<'_>]) -> bool {
        let (lister, listed) = (link.from, link.to);
        let parent_agrees = !self.with_parent.contains(&listed) || self.parents.contains(&(listed, lister));
        let (lister_facts, listed_facts) = (documents[lister].facts, documents[listed].facts);
        if lister_facts.kind != DocumentKind::Collection || listed_facts.kind != DocumentKind::Item {
            return parent_agrees;
        }
        let link_agrees = self.has_collection_link.contains(&listed)
            && (!self.with_collection.contains(&listed) || self.collections.contains(&(listed, lister)));
        let field_agrees = listed_facts.collection.is_some() && listed_facts.collection == lister_facts.id;
        parent_agrees && link_agrees && field_agrees
    }
}

/// Judges a link that lists: first the target's kind (LNK-3), then its back links (LNK-4).
fn listing_break(link: &Resolved<'_>, documents: &[Listed<'_>], backs: &BackLinks) -> Option<Break> {
    if !link.lists() {
        return None;
    }
    let fits = match documents[link.to].facts.kind {
        DocumentKind::Item => link.link.rel == "item",
        DocumentKind::Collection | DocumentKind::Catalog => link.link.rel == "child",
        DocumentKind::Other | DocumentKind::NotJson => false,
    };
    if !fits {
        Some(link.broken(LinkClass::KindMismatch, documents))
    } else if !backs.agree(link, documents) {
        Some(link.broken(LinkClass::BackLinkMismatch, documents))
    } else {
        None
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

    fn count_orphans(&mut self, documents: &[Listed<'_>], links: &Links<'_>) {
        let mut listed = vec![false; documents.len()];
        let mut is_child = vec![false; documents.len()];
        let mut lists: Vec<Vec<usize>> = vec![Vec::new(); documents.len()];
        for link in links.resolved.iter().filter(|link| link.lists()) {
            listed[link.to] = true;
            is_child[link.to] |= link.link.rel == "child";
            lists[link.from].push(link.to);
        }
        let is_root =
            |number: &usize| documents[*number].facts.kind == DocumentKind::Catalog && !is_child[*number];
        let mut to_visit: Vec<usize> = (0..documents.len()).filter(is_root).collect();
        let mut reached = vec![false; documents.len()];
        for &root in &to_visit {
            reached[root] = true;
        }
        while let Some(number) = to_visit.pop() {
            for &next in &lists[number] {
                if !std::mem::replace(&mut reached[next], true) {
                    to_visit.push(next);
                }
            }
        }
        for (number, document) in documents.iter().enumerate().filter(|(number, _)| !reached[*number]) {
            self.orphans.insert(document.path.to_owned());
            if !listed[number] {
                self.unlisted.insert(document.path.to_owned());
            }
        }
    }
}

#[cfg(test)]
#[path = "census_tests.rs"]
mod tests;
