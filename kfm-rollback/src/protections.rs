//! The protection in force for documents, with what they inherit (`docs/states.md` section 4).
//!
//! The parents of a document are the collection that it names, the collection, parent and source that it links to,
//! and the documents that list it. All of it is read as leniently as policy reads documents: one parent too many
//! can only protect more.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use kfm_lineage::document::{DocumentFacts, DocumentKind, Field, Relation};
use kfm_lineage::integrity::{CatalogView, Term};
use kfm_policy::{Protection, Subject};

use crate::error::Result;
use crate::history::Naming;
use crate::session::Session;
use crate::terms::KeptTerms;

/// Computes the protection in force for documents that go from one view to another.
pub(crate) struct Protections<'a> {
    session: &'a Session,
    views: [&'a CatalogView; 2],
    /// The documents that stand and carry an id.
    carriers: HashMap<&'a str, BTreeSet<&'a str>>,
    /// The documents that stand and may be a collection, by id: a collection can have ten thousand items that carry
    /// its id.
    containers: HashMap<&'a str, BTreeSet<&'a str>>,
    /// The documents that list a path: all that stand, or, where there is an index of the others, those that it does not
    /// know as they are.
    listers: HashMap<String, BTreeSet<&'a str>>,
    index: Option<Arc<KeptTerms>>,
    /// What documents list that the index named.
    listed_by: Mutex<HashMap<String, Arc<BTreeSet<String>>>>,
    /// What was found already: ten thousand items share one collection, whose links are followed once.
    known: Mutex<HashMap<String, Arc<Own>>>,
}

/// Which documents of an id to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Documents that may hold others: all but items.
    Containers,
    /// All.
    Any,
}

/// The protection of a path by itself, and the paths that it inherits from: its parents and its sources.
#[derive(Debug)]
struct Own {
    protection: Protection,
    parents: BTreeSet<String>,
}

impl<'a> Protections<'a> {
    /// Prepares for documents that go from one view to another.
    pub(crate) fn new(session: &'a Session, now: &'a CatalogView, after: &'a CatalogView) -> Self {
        let mut protections = Self {
            session,
            views: [now, after],
            carriers: HashMap::new(),
            containers: HashMap::new(),
            listers: HashMap::new(),
            index: session.terms_if_open(),
            listed_by: Mutex::default(),
            known: Mutex::default(),
        };
        // Most documents are in both views.
        let is_new = |(path, document): &(&str, &Arc<DocumentFacts>)| {
            now.get(path).is_none_or(|standing| !Arc::ptr_eq(standing, document))
        };
        let since = session.history.cells_since_kept().filter(|cell| session.is_document(cell));
        let since: HashSet<&str> = since.map(|cell| cell.key.as_str()).collect();
        for (path, document) in now.iter() {
            let is_known = protections.index.is_some() && !since.contains(path);
            protections.note(path, document, !is_known);
        }
        for (path, document) in after.iter().filter(is_new) {
            protections.note(path, document, true);
        }
        protections
    }

    fn note(&mut self, path: &'a str, document: &'a DocumentFacts, with_listed: bool) {
        for id in document.ids() {
            self.carriers.entry(id).or_default().insert(path);
            if document.kind != DocumentKind::Item {
                self.containers.entry(id).or_default().insert(path);
            }
        }
        if with_listed {
            for listed in listed_in(self.views, path, document) {
                self.listers.entry(listed).or_default().insert(path);
            }
        }
    }

    /// Returns the documents that stand and list a path.
    fn listers(&self, path: &str, documents: &[&DocumentFacts]) -> Result<BTreeSet<String>> {
        let mut listers: BTreeSet<String> =
            self.listers.get(path).into_iter().flatten().map(|lister| (*lister).to_owned()).collect();
        let Some(index) = &self.index else { return Ok(listers) };
        for term in Term::of_listers(path, documents.iter().copied()) {
            for holder in index.holders(&term)? {
                if !listers.contains(&holder) && self.listed_by(&holder).contains(path) {
                    listers.insert(holder);
                }
            }
        }
        Ok(listers)
    }

    fn listed_by(&self, path: &str) -> Arc<BTreeSet<String>> {
        let mut known = self.listed_by.lock().unwrap_or_else(PoisonError::into_inner);
        let find = || {
            let standing = self.views.into_iter().filter_map(|view| view.get(path));
            Arc::new(standing.flat_map(|document| listed_in(self.views, path, document)).collect())
        };
        Arc::clone(known.entry(path.to_owned()).or_insert_with(find))
    }

    /// Returns the protection in force for the entity at a path.
    ///
    /// Joined from the labels of the document itself, the registry, its parents and the documents that it is
    /// derived from, and the parents and sources of those (R61). Of a retired document, the last version counts.
    ///
    /// # Errors
    /// [`Error::Versions`](crate::Error::Versions): a version is missing, so the protection is not known; restore
    /// it.
    pub(crate) async fn of(&self, path: &str) -> Result<Protection> {
        let own = self.own(path).await?;
        let mut pending: Vec<String> = own.parents.iter().cloned().collect();
        let mut seen: BTreeSet<String> = [path.to_owned()].into();
        let mut inherited = Vec::new();
        while let Some(parent) = pending.pop() {
            if !seen.contains(&parent) {
                let found = self.own(&parent).await?;
                pending.extend(found.parents.iter().filter(|parent| !seen.contains(*parent)).cloned());
                inherited.push(found);
                seen.insert(parent);
            }
        }
        Ok(own.protection.clone().inherit(inherited.iter().map(|own| &own.protection)))
    }

    async fn own(&self, path: &str) -> Result<Arc<Own>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let found = Arc::new(self.find(path).await?);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), Arc::clone(&found));
        Ok(found)
    }

    async fn find(&self, path: &str) -> Result<Own> {
        let history = self.session.history.cell(&self.session.document(path))?;
        let stood = self.stood_last(path).await?;
        let [now, after] = self.views.map(|view| view.get(path));
        let documents: Vec<&DocumentFacts> =
            [now, stood.as_ref(), after].into_iter().flatten().map(AsRef::as_ref).collect();
        let mut ids = history.as_ref().map(|history| history.ids.clone()).unwrap_or_default();
        let mut collections = history.map(|history| history.collections.clone()).unwrap_or_default();
        for document in &documents {
            ids.extend(document.ids().map(str::to_owned));
            collections.extend(document.stated_collections().map(str::to_owned));
            collections.extend(document.collections().map(str::to_owned));
        }
        collections.extend(self.meant_by(&collections));
        let own: Vec<Field<Vec<String>>> = documents.iter().map(|document| document.care.clone()).collect();
        let subject = Subject {
            path,
            ids: &ids,
            collections: &collections,
            own: &own,
            content: after.map(AsRef::as_ref),
        };
        let protection = self.session.registry.protection(&subject);
        // A collection does not inherit from itself, nor from another collection of the same name.
        for collection in documents.iter().filter(|document| document.kind == DocumentKind::Collection) {
            collection.ids().for_each(|id| {
                collections.remove(id);
            });
        }
        let mut parents = self.named(&collections, Wanted::Containers).await?;
        for (relation, target) in documents.iter().flat_map(|document| document.related()) {
            if !relation.lists() {
                let led = leads(self.views, path, target);
                if led.is_empty() && relation == Relation::DerivedFrom {
                    parents.extend(self.named(&[target.to_owned()].into(), Wanted::Any).await?);
                }
                parents.extend(led);
            }
        }
        parents.extend(self.listers(path, &documents)?);
        parents.remove(path);
        Ok(Own { protection, parents })
    }

    /// For names that no standing collection has, lists the collections that they may mean: those whose names
    /// differ only by case and blanks.
    fn meant_by(&self, names: &BTreeSet<String>) -> Vec<String> {
        let unknown = names.iter().filter(|name| !self.containers.contains_key(name.as_str()));
        unknown.flat_map(|name| self.session.registry.names_like(name)).map(str::to_owned).collect()
    }

    /// Returns the paths at which documents of these ids stand, or stood last.
    async fn named(&self, ids: &BTreeSet<String>, wanted: Wanted) -> Result<BTreeSet<String>> {
        let standing = match wanted {
            Wanted::Containers => &self.containers,
            Wanted::Any => &self.carriers,
        };
        let is_wanted =
            |document: Arc<DocumentFacts>| wanted == Wanted::Any || document.kind != DocumentKind::Item;
        let mut paths = BTreeSet::new();
        for id in ids {
            paths.extend(standing.get(id.as_str()).into_iter().flatten().map(|path| (*path).to_owned()));
            // A retire does not take a document's protection away.
            for cell in self.session.history.named(Naming::Id, id)? {
                if self.session.is_document(&cell) && self.stood_last(&cell.key).await?.is_some_and(is_wanted)
                {
                    paths.insert(cell.key);
                }
            }
        }
        Ok(paths)
    }

    /// Returns the last document at a path where none stands now.
    async fn stood_last(&self, path: &str) -> Result<Option<Arc<DocumentFacts>>> {
        if self.views[0].get(path).is_some() {
            return Ok(None);
        }
        let history = self.session.history.cell(&self.session.document(path))?;
        self.session.facts.of_value(history.and_then(|history| history.last_seen())).await
    }
}

/// Lists the paths of what a document lists, as [`leads`] does.
fn listed_in(views: [&CatalogView; 2], path: &str, document: &DocumentFacts) -> BTreeSet<String> {
    let targets = document.related().filter(|(relation, _)| relation.lists());
    targets.flat_map(|(_, target)| leads(views, path, target)).collect()
}

/// Lists the paths that a link's target may lead to from a document, whether or not a document stands there: a
/// retired one, and one that comes with the change, count too.
fn leads(views: [&CatalogView; 2], path: &str, target: &str) -> BTreeSet<String> {
    views.into_iter().flat_map(|view| view.may_lead(path, target)).collect()
}
