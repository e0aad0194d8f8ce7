//! One epoch of a catalog: every document of a store, by its path.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::href::{self, Reference};
use crate::document::DocumentFacts;

/// The documents of a store at one moment.
///
/// Before and after are two views, each taken whole: counts of a store that is being written mean nothing.
/// Facts are shared, so a view of the state after an operation is a clone and a few changes.
#[derive(Debug, Clone, Default)]
pub struct CatalogView {
    documents: BTreeMap<String, Arc<DocumentFacts>>,
}

/// Where a link of a document leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lead<'a> {
    /// To a document of the store.
    Document(&'a str),
    /// To a place in the store where a document should be and is not.
    Missing,
    /// Out of the store by climbing: a relative href without an absolute base.
    Outside,
    /// Elsewhere: the href has a scheme and is no document's `self`.
    External,
    /// To something in the store that is no document by its name.
    Asset,
}

impl CatalogView {
    /// Makes a view of documents by path.
    pub fn new(documents: impl IntoIterator<Item = (String, Arc<DocumentFacts>)>) -> Self {
        Self { documents: documents.into_iter().collect() }
    }

    /// Puts a document at a path and returns the one that was there.
    pub fn insert(
        &mut self,
        path: impl Into<String>,
        document: Arc<DocumentFacts>,
    ) -> Option<Arc<DocumentFacts>> {
        self.documents.insert(path.into(), document)
    }

    /// Takes the document at a path away and returns it.
    pub fn remove(&mut self, path: &str) -> Option<Arc<DocumentFacts>> {
        self.documents.remove(path)
    }

    /// Returns the document at a path.
    pub fn get(&self, path: &str) -> Option<&Arc<DocumentFacts>> {
        self.documents.get(path)
    }

    /// Returns the documents in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<DocumentFacts>)> {
        self.documents.iter().map(|(path, document)| (path.as_str(), document))
    }

    /// Returns the number of documents.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Says whether the store has no document.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// Indexes the view, for many questions about where links lead.
    pub fn resolver(&self) -> Resolver<'_> {
        let mut by_self: HashMap<&str, &str> = HashMap::new();
        for (path, document) in self.iter() {
            for link in document.links_of("self").filter(|link| href::is_absolute(&link.href)) {
                by_self
                    .entry(&link.href)
                    .and_modify(|owner| {
                        if shared_tail(&link.href, path) > shared_tail(&link.href, owner) {
                            *owner = path;
                        }
                    })
                    .or_insert(path);
            }
        }
        Resolver { view: self, by_self }
    }
}

impl FromIterator<(String, Arc<DocumentFacts>)> for CatalogView {
    fn from_iter<I: IntoIterator<Item = (String, Arc<DocumentFacts>)>>(documents: I) -> Self {
        Self::new(documents)
    }
}

/// Says where links of a view's documents lead.
///
/// An absolute `self` that several documents claim belongs to the one whose path has most in common with its
/// end, then to the first path: a document overwritten with another's bytes does not take its links along.
#[derive(Debug)]
pub struct Resolver<'a> {
    view: &'a CatalogView,
    by_self: HashMap<&'a str, &'a str>,
}

impl<'a> Resolver<'a> {
    /// Says where an href of the document at a path leads.
    pub fn lead(&self, document: &str, href: &str) -> Lead<'a> {
        if let Some(path) = self.by_self.get(href) {
            return Lead::Document(path);
        }
        self.lead_by_path(document, href).0
    }

    /// As [`Resolver::lead`], with the place that a missing document should have.
    pub(super) fn lead_with_target(&self, document: &str, href: &str) -> (Lead<'a>, Option<String>) {
        match self.by_self.get(href) {
            Some(path) => (Lead::Document(path), None),
            None => self.lead_by_path(document, href),
        }
    }

    fn lead_by_path(&self, document: &str, href: &str) -> (Lead<'a>, Option<String>) {
        if href.contains(['#', '?', '%'])
            && let Reference::Path(path) = href::read_literally(document, href)
            && let Some((path, _)) = self.view.documents.get_key_value(&path)
        {
            return (Lead::Document(path), None);
        }
        match href::read(document, href) {
            Reference::Absolute => (Lead::External, None),
            Reference::Outside => {
                let path = href.split(['?', '#']).next().unwrap_or_default();
                (if href::is_document(path) { Lead::Outside } else { Lead::Asset }, None)
            }
            Reference::Path(path) => match self.view.documents.get_key_value(&path) {
                Some((path, _)) => (Lead::Document(path), None),
                None if href::is_document(&path) => (Lead::Missing, Some(path)),
                None => (Lead::Asset, None),
            },
        }
    }
}

/// Counts the path segments, from the end, that a URL and a path have in common.
fn shared_tail(url: &str, path: &str) -> usize {
    url.rsplit('/').zip(path.rsplit('/')).take_while(|(a, b)| a == b).count()
}
