//! One epoch of a catalog: every document of a store, by its path.

use std::borrow::Borrow;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::around::FOLDER_DOCUMENTS;
use super::href::{self, Reference};
use super::layered::Layered;
use super::place::{self, Place};
use crate::document::{DocumentFacts, LinkFact, Relation};

/// The documents of a store at one moment.
///
/// The states before and after an operation are two views, each taken as a whole: counts of a store that is
/// being written mean nothing. The view of the state after an operation is a clone with a few changes, and costs these
/// alone.
#[derive(Debug, Clone, Default)]
pub struct CatalogView {
    documents: Layered<String, Arc<DocumentFacts>>,
    /// The documents that claim each absolute `self`, the best claim first.
    selves: Layered<String, BTreeSet<Claim>>,
    /// The documents with a `self` on a server, by the one way to write that address.
    addresses: Layered<String, BTreeSet<String>>,
}

/// A document's claim on an absolute `self`.
///
/// The best claim is that of the path with most segments in common with the end of the URL, then that of the
/// first path: so a document that was overwritten with another's bytes does not get the other's links.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    shared_tail: Reverse<usize>,
    path: String,
}

impl Claim {
    fn new(url: &str, path: &str) -> Self {
        let shared = url.rsplit('/').zip(path.rsplit('/')).take_while(|(a, b)| a == b);
        Self { shared_tail: Reverse(shared.count()), path: path.to_owned() }
    }
}

/// Where a link of a document leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lead<'a> {
    /// To the document of the store at this path.
    Document(&'a str),
    /// To this path in the store, where a document should be and is not.
    Missing(String),
    /// Out of the store: a relative href that climbs too far.
    Outside,
    /// Elsewhere: the href has a scheme and is not the `self` of a document.
    External,
    /// To something in the store that by its name is not a document.
    Asset,
}

impl CatalogView {
    /// Makes a view of these documents, given with their paths.
    pub fn new(documents: impl IntoIterator<Item = (String, Arc<DocumentFacts>)>) -> Self {
        let mut view = Self::default();
        for (path, document) in documents {
            view.insert(path, document);
        }
        view
    }

    /// Puts a document at a path and returns the one that was there.
    pub fn insert(
        &mut self,
        path: impl Into<String>,
        document: Arc<DocumentFacts>,
    ) -> Option<Arc<DocumentFacts>> {
        let path = path.into();
        let replaced = self.remove(&path);
        for link in absolute_selves(&document) {
            note(&mut self.selves, link.href.clone(), Claim::new(&link.href, &path));
            if let Some(address) = Place::of("", &link.href).address() {
                note(&mut self.addresses, address, path.clone());
            }
        }
        self.documents.insert(path, document);
        replaced
    }

    /// Removes the document at a path and returns it.
    pub fn remove(&mut self, path: &str) -> Option<Arc<DocumentFacts>> {
        let document = self.documents.remove(path)?;
        for link in absolute_selves(&document) {
            forget(&mut self.selves, &link.href, &Claim::new(&link.href, path));
            let address = Place::of("", &link.href).address().unwrap_or_default();
            forget(&mut self.addresses, &address, path);
        }
        Some(document)
    }

    /// Returns the document at a path.
    pub fn get(&self, path: &str) -> Option<&Arc<DocumentFacts>> {
        self.documents.get(path)
    }

    /// Returns the documents in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<DocumentFacts>)> {
        self.documents.iter().map(|(path, document)| (path.as_str(), document))
    }

    /// Lists the documents that stand in another view and not here, and the paths at which another one stands, or none
    /// (`None`), there. Between clones of one view it takes the time of what was changed in them.
    pub fn differences(&self, other: &Self) -> Vec<(String, Option<Arc<DocumentFacts>>)> {
        self.documents.differences(&other.documents, |mine, others| mine.digest == others.digest)
    }

    /// Returns the number of documents.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Says whether the store has no document.
    pub fn is_empty(&self) -> bool {
        self.documents.len() == 0
    }

    /// Says where an href of the document at a path leads, whether that document is in the view or not.
    ///
    /// An href that is equal to the absolute `self` of a document leads to that document. Another href with a
    /// scheme leads elsewhere. A relative href is resolved from the path of its document, not from that
    /// document's `self`.
    pub fn lead(&self, document: &str, href: &str) -> Lead<'_> {
        if let Some(claim) = self.selves.get(href).and_then(BTreeSet::first) {
            return Lead::Document(&claim.path);
        }
        // Real catalogs have documents named `a#1.json`, and link to them in this spelling.
        if href.contains(['#', '?', '%'])
            && let Reference::Path(path) = href::read_literally(document, href)
            && let Some((path, _)) = self.documents.get_key_value(path.as_str())
        {
            return Lead::Document(path);
        }
        match href::read(document, href) {
            Reference::Absolute => Lead::External,
            Reference::Outside { is_document: true } => Lead::Outside,
            Reference::Outside { is_document: false } => Lead::Asset,
            Reference::Path(path) => match self.documents.get_key_value(path.as_str()) {
                Some((path, _)) => Lead::Document(path),
                None if href::is_document(&path) => Lead::Missing(path),
                None => Lead::Asset,
            },
        }
    }

    /// Lists every path to which some reader may be led by an href of the document at a path, whether or not a
    /// document stands there.
    ///
    /// [`lead`](Self::lead) gives the one answer of RFC 3986, for counts. Protection follows these instead: one
    /// path too many can only protect more. An address is compared with the `self` of documents in one spelling
    /// (RFC 3986, section 6) and without query and fragment; a relative one stays in the store; a folder stands
    /// for the collection, the catalog or the index in it.
    pub fn may_lead(&self, document: &str, href: &str) -> BTreeSet<String> {
        let mut paths = BTreeSet::new();
        match self.lead(document, href) {
            Lead::Document(path) => paths.extend([path.to_owned()]),
            Lead::Missing(path) => paths.extend([path]),
            Lead::Outside | Lead::External | Lead::Asset => {}
        }
        for place in place::readings(document, href) {
            let address = place.address();
            paths.extend(
                address
                    .and_then(|address| self.addresses.get(address.as_str()))
                    .into_iter()
                    .flatten()
                    .cloned(),
            );
            let Some(path) = place.path() else { continue };
            let folder = if path.is_empty() { String::new() } else { format!("{path}/") };
            let listing = FOLDER_DOCUMENTS.map(|name| format!("{folder}{name}"));
            paths.extend(listing.into_iter().filter(|path| self.get(path).is_some()));
            if href::is_document(&path) || self.get(&path).is_some() {
                paths.insert(path);
            }
        }
        paths
    }

    /// Returns the documents of the store from which the document at a path says it was derived.
    ///
    /// Only these are its dependences (`derived_from`); membership in a collection and version links do not
    /// count.
    pub fn sources(&self, document: &str) -> BTreeSet<&str> {
        let related = self.get(document).into_iter().flat_map(|facts| facts.related());
        let sources = related.filter(|(relation, _)| *relation == Relation::DerivedFrom);
        let paths = sources.flat_map(|(_, target)| self.may_lead(document, target));
        let standing = paths.filter_map(|path| Some(self.documents.get_key_value(path.as_str())?.0.as_str()));
        standing.filter(|source| *source != document).collect()
    }
}

impl FromIterator<(String, Arc<DocumentFacts>)> for CatalogView {
    fn from_iter<I: IntoIterator<Item = (String, Arc<DocumentFacts>)>>(documents: I) -> Self {
        Self::new(documents)
    }
}

fn note<T: Ord + Clone>(sets: &mut Layered<String, BTreeSet<T>>, key: String, entry: T) {
    let mut set = sets.remove(key.as_str()).unwrap_or_default();
    set.insert(entry);
    sets.insert(key, set);
}

fn forget<T: Ord + Clone + Borrow<Q>, Q: Ord + ?Sized>(
    sets: &mut Layered<String, BTreeSet<T>>,
    key: &str,
    entry: &Q,
) {
    let Some(mut set) = sets.remove(key) else { return };
    set.remove(entry);
    if !set.is_empty() {
        sets.insert(key.to_owned(), set);
    }
}

/// Returns the links of a document that say where it is on a server.
pub(super) fn absolute_selves(document: &DocumentFacts) -> impl Iterator<Item = &LinkFact> {
    document.links_of("self").filter(|link| href::is_absolute(&link.href))
}
