//! [`CountedCatalog`]: a catalog whose census is kept while its documents change.
//!
//! A change follows the links of its documents anew, and those links of others whose lead depends on it: on whether a
//! document stands at a path, or on which document claims an absolute `self`. So it costs what it touches, and the
//! census is always that of [`CatalogView::census`], which counts from the start.

mod edges;
mod reach;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::census::{Break, Census, LinkClass};
use super::links::{Links, Listed, Resolved};
use super::version_links::{self, is_version_link};
use super::view::{CatalogView, absolute_selves};
use crate::document::{DocumentFacts, DocumentKind, LinkFact};
use edges::{Edge, EdgeId, Leads};
use reach::Via;

/// The number of a path to which a link leads, or at which a document stands.
type Number = u32;

/// A catalog with its census, which every change keeps up.
#[derive(Debug, Clone, Default)]
pub struct CountedCatalog {
    view: CatalogView,
    census: Census,
    places: Vec<Place>,
    numbers: HashMap<Arc<str>, Number>,
    /// The links that are written like the absolute `self` of a document, whether or not one has it.
    by_address: HashMap<String, BTreeSet<EdgeId>>,
    /// How often each break of a link was found: equal ones count once.
    found: HashMap<Break, u32>,
    /// The links of the version extension that lead to documents, which are judged together.
    version_links: BTreeSet<EdgeId>,
    deprecated: BTreeSet<Number>,
    version_breaks: BTreeSet<Break>,
    /// The paths of the documents that carry an id.
    carriers: HashMap<String, BTreeSet<String>>,
}

/// A path: the document that stands there, with its links, and the links that lead there.
#[derive(Debug, Clone)]
struct Place {
    path: Arc<str>,
    document: Option<Arc<DocumentFacts>>,
    /// One for each link of the document.
    edges: Vec<Edge>,
    /// The links whose lead depends on whether a document stands here.
    watched_by: BTreeSet<EdgeId>,
    /// The links that lead here and list this document.
    listed_by: BTreeSet<EdgeId>,
    /// How many of these have the relation `child`.
    child_of: u32,
    wrong_selves: u32,
    reached: Option<Via>,
    parents: Backs,
    collections: Backs,
}

/// The back links of one relation, which say where a document belongs.
#[derive(Debug, Clone, Default)]
struct Backs {
    /// How many there are, wherever they lead.
    all: u32,
    /// How many lead to a place in the store, with a document or without.
    in_store: u32,
    /// How many lead to each document.
    to: BTreeMap<Number, u32>,
}

impl Backs {
    /// Says whether all that can be judged lead elsewhere.
    fn deny(&self, lister: Number) -> bool {
        self.in_store > 0 && !self.to.contains_key(&lister)
    }
}

/// What one change has touched, and is looked at again before it ends.
#[derive(Debug, Default)]
struct Touched {
    /// Links whose lead may have changed.
    leads: BTreeSet<EdgeId>,
    /// Links that may be broken in another way now.
    judged: BTreeSet<EdgeId>,
    /// Places whose listers are to be judged again.
    listed: BTreeSet<Number>,
    /// Places whose document, or whose listers, changed.
    places: BTreeSet<Number>,
    /// Ids that a document has begun, or ceased, to carry.
    ids: BTreeSet<String>,
    versions: bool,
}

impl CountedCatalog {
    /// Counts the documents of a view, in time linear in documents and links.
    pub fn new(view: &CatalogView) -> Self {
        let mut counted = Self { view: view.clone(), ..Self::default() };
        let mut touched = Touched::default();
        for (path, document) in view.iter() {
            counted.put(path, Some(Arc::clone(document)), &mut touched);
        }
        counted.count(touched);
        counted
    }

    /// Returns the documents.
    pub fn view(&self) -> &CatalogView {
        &self.view
    }

    /// Returns the census of the documents as they are.
    pub fn census(&self) -> &Census {
        &self.census
    }

    /// Puts documents at their paths, or removes them (`None`), and returns what stood there: changing that back
    /// undoes the change. Of a path that is given twice, the last document counts.
    pub fn change(
        &mut self,
        changes: impl IntoIterator<Item = (String, Option<Arc<DocumentFacts>>)>,
    ) -> BTreeMap<String, Option<Arc<DocumentFacts>>> {
        let mut before = BTreeMap::new();
        let mut touched = Touched::default();
        for (path, document) in changes {
            let stood = match document.clone() {
                Some(document) => self.view.insert(path.as_str(), document),
                None => self.view.remove(&path),
            };
            self.put(&path, document, &mut touched);
            before.entry(path).or_insert(stood);
        }
        self.count(touched);
        before
    }

    /// Makes the documents those of another view.
    pub fn change_to(&mut self, view: &CatalogView) {
        let differences = self.view.differences(view);
        self.change(differences);
    }

    /// Counts what a change has touched.
    fn count(&mut self, mut touched: Touched) {
        for edge in std::mem::take(&mut touched.leads) {
            self.follow(edge, &mut touched);
        }
        for listed in std::mem::take(&mut touched.listed) {
            touched.judged.extend(&self.place(listed).listed_by);
        }
        for edge in std::mem::take(&mut touched.judged) {
            self.judge(edge);
        }
        if touched.versions {
            self.judge_versions();
        }
        self.count_carriers(touched.ids);
        self.settle(&touched.places);
        self.census.documents = self.view.len() as u64;
    }

    fn put(&mut self, path: &str, document: Option<Arc<DocumentFacts>>, touched: &mut Touched) {
        let number = self.number(path);
        let stood = self.place(number).document.clone();
        self.drop_edges(number, touched);
        self.note_document(path, stood.as_deref(), document.as_deref(), touched);
        let is_deprecated = document.as_ref().is_some_and(|document| document.deprecated);
        let changed = match is_deprecated {
            true => self.deprecated.insert(number),
            false => self.deprecated.remove(&number),
        };
        touched.versions |= changed || is_deprecated;
        touched.places.insert(number);
        touched.listed.insert(number);
        if stood.is_some() != document.is_some() {
            touched.leads.extend(&self.place(number).watched_by);
        }
        for link in stood.iter().chain(&document).flat_map(|document| absolute_selves(document)) {
            touched.leads.extend(self.by_address.get(&link.href).into_iter().flatten());
        }
        self.place_mut(number).document = document;
        self.add_edges(number, touched);
    }

    /// Keeps what is counted of documents alone: those that are no JSON object, and ids.
    fn note_document(
        &mut self,
        path: &str,
        stood: Option<&DocumentFacts>,
        document: Option<&DocumentFacts>,
        touched: &mut Touched,
    ) {
        match document.is_some_and(|document| document.kind == DocumentKind::NotJson) {
            true => self.census.not_json.insert(path.to_owned()),
            false => self.census.not_json.remove(path),
        };
        let [before, after] =
            [stood, document].map(|document| document.and_then(|facts| facts.id.as_deref()));
        if before == after {
            return;
        }
        if let Some(id) = before {
            let carriers = self.carriers.entry(id.to_owned()).or_default();
            carriers.remove(path);
            if carriers.is_empty() {
                self.carriers.remove(id);
            }
        }
        if let Some(id) = after {
            self.carriers.entry(id.to_owned()).or_default().insert(path.to_owned());
        }
        touched.ids.extend([before, after].into_iter().flatten().map(str::to_owned));
    }

    /// Keeps the ids that more than one document has.
    fn count_carriers(&mut self, ids: BTreeSet<String>) {
        for id in ids {
            match self.carriers.get(&id).filter(|paths| paths.len() > 1) {
                Some(paths) => self.census.duplicate_ids.insert(id, paths.iter().cloned().collect()),
                None => self.census.duplicate_ids.remove(&id),
            };
        }
    }

    /// Finds out whether a link is broken, and keeps the breaks.
    fn judge(&mut self, id: EdgeId) {
        let Some((place, link, edge)) = self.edge(id) else { return };
        let found = self.break_of(id.from, place, link, edge).map(Box::new);
        let edge = &mut self.place_mut(id.from).edges[id.link as usize];
        let before = std::mem::replace(&mut edge.found, found.clone());
        if before != found {
            before.into_iter().for_each(|broken| self.forget_break(*broken));
            found.into_iter().for_each(|broken| self.note_break(*broken));
        }
    }

    /// Judges a link by what it says and where it leads: the classes LNK-1 to LNK-4.
    fn break_of(&self, from: Number, place: &Place, link: &LinkFact, edge: &Edge) -> Option<Break> {
        let broken = |class, target: &str| {
            let (document, rel) = (place.path.to_string(), link.rel.clone());
            Some(Break { class, document, rel, target: target.to_owned() })
        };
        let to = match edge.leads {
            _ if link.rel == "self" => return None,
            Leads::Elsewhere => return None,
            Leads::Outside => return broken(LinkClass::Unresolvable, &link.href),
            Leads::Missing(to) => return broken(LinkClass::Dangling, &self.place(to).path),
            Leads::To(to) => self.place(to),
        };
        let lister = place.document.as_ref()?;
        let listed = to.document.as_ref().filter(|_| link.lists())?;
        let fits = match listed.kind {
            DocumentKind::Item => link.rel == "item",
            DocumentKind::Collection | DocumentKind::Catalog => link.rel == "child",
            DocumentKind::Other | DocumentKind::NotJson => false,
        };
        if !fits {
            broken(LinkClass::KindMismatch, &to.path)
        } else if !agrees(from, lister, listed, to) {
            broken(LinkClass::BackLinkMismatch, &to.path)
        } else {
            None
        }
    }

    fn note_break(&mut self, broken: Break) {
        *self.found.entry(broken.clone()).or_default() += 1;
        self.census.breaks.insert(broken);
    }

    fn forget_break(&mut self, broken: Break) {
        if let Some(times) = self.found.get_mut(&broken) {
            *times -= 1;
            if *times == 0 {
                self.found.remove(&broken);
                self.census.breaks.remove(&broken);
            }
        }
    }

    /// Judges all links of the version extension anew: their rules hold between several of them.
    fn judge_versions(&mut self) {
        for broken in std::mem::take(&mut self.version_breaks) {
            self.census.breaks.remove(&broken);
        }
        let mut numbers: BTreeMap<Number, usize> =
            self.deprecated.iter().map(|number| (*number, 0)).collect();
        let ends = |id: &EdgeId| [Some(id.from), self.edge(*id).and_then(|(_, _, edge)| edge.document())];
        numbers.extend(self.version_links.iter().flat_map(ends).flatten().map(|number| (number, 0)));
        numbers.values_mut().enumerate().for_each(|(nth, number)| *number = nth);
        let standing = |number: &Number| {
            let place = self.place(*number);
            Some(Listed { path: &place.path, facts: place.document.as_deref()? })
        };
        let documents: Vec<Listed<'_>> = numbers.keys().filter_map(standing).collect();
        let resolved = self.version_links.iter().filter_map(|id| {
            let (_, link, edge) = self.edge(*id)?;
            Some(Resolved { from: numbers[&id.from], link, to: numbers[&edge.document()?] })
        });
        let links = Links { resolved: resolved.collect(), ..Links::default() };
        let breaks: BTreeSet<Break> = version_links::breaks(&documents, &links).into_iter().collect();
        self.census.breaks.extend(breaks.iter().cloned());
        self.version_breaks = breaks;
    }

    fn number(&mut self, path: &str) -> Number {
        if let Some(number) = self.numbers.get(path) {
            return *number;
        }
        let number = Number::try_from(self.places.len()).expect("fewer than four thousand million paths");
        let path: Arc<str> = path.into();
        self.numbers.insert(Arc::clone(&path), number);
        self.places.push(Place {
            path,
            document: None,
            edges: Vec::new(),
            watched_by: BTreeSet::new(),
            listed_by: BTreeSet::new(),
            child_of: 0,
            wrong_selves: 0,
            reached: None,
            parents: Backs::default(),
            collections: Backs::default(),
        });
        number
    }

    fn place(&self, number: Number) -> &Place {
        &self.places[number as usize]
    }

    fn place_mut(&mut self, number: Number) -> &mut Place {
        &mut self.places[number as usize]
    }
}

/// Says whether a listed document names the document that lists it, as far as its back links can be judged.
///
/// Only a collection must be named by the `collection` link and field, since a catalog may list items too.
fn agrees(from: Number, lister: &DocumentFacts, listed: &DocumentFacts, at: &Place) -> bool {
    if at.parents.deny(from) {
        return false;
    }
    let is_of_collection = lister.kind == DocumentKind::Collection && listed.kind == DocumentKind::Item;
    let field_agrees = || listed.collection.is_some() && listed.collection == lister.id;
    !is_of_collection || (at.collections.all > 0 && !at.collections.deny(from) && field_agrees())
}

/// Says whether a link is judged with the other links of the version extension.
fn is_version(link: &LinkFact) -> bool {
    is_version_link(&link.rel) && link.leads_to_json()
}
