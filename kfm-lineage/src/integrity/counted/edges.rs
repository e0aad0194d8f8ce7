//! Where the links of a document lead, and which links lead elsewhere once a document comes or goes.

use super::{Backs, CountedCatalog, Number, Place, Touched, is_version};
use crate::document::{DocumentFacts, LinkFact};
use crate::integrity::around::followed;
use crate::integrity::census::Break;
use crate::integrity::href;
use crate::integrity::view::Lead;

/// A link: the place of its document, and which of that document's links it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct EdgeId {
    pub(super) from: Number,
    pub(super) link: u32,
}

/// Where a link leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leads {
    /// To no document of the store, nor to a place where one should be.
    Elsewhere,
    /// Out of the store, where nothing can be looked up.
    Outside,
    /// To a place where a document should be and is not.
    Missing(Number),
    /// To the document at a place.
    To(Number),
}

#[derive(Debug, Clone)]
pub(super) struct Edge {
    pub(super) leads: Leads,
    /// How it was found to be broken.
    pub(super) found: Option<Box<Break>>,
}

impl Edge {
    /// Returns the place of the document to which the link leads.
    pub(super) fn document(&self) -> Option<Number> {
        match self.leads {
            Leads::To(to) => Some(to),
            Leads::Elsewhere | Leads::Outside | Leads::Missing(_) => None,
        }
    }
}

impl Backs {
    /// Counts one more link, or one less, that leads to a place in the store.
    fn note(&mut self, leads: Leads, more: bool) {
        let to = match leads {
            Leads::Elsewhere | Leads::Outside => return,
            Leads::Missing(_) => None,
            Leads::To(to) => Some(to),
        };
        self.in_store = if more { self.in_store + 1 } else { self.in_store - 1 };
        let Some(to) = to else { return };
        let links = self.to.entry(to).or_default();
        *links = if more { *links + 1 } else { *links - 1 };
        if *links == 0 {
            self.to.remove(&to);
        }
    }
}

impl CountedCatalog {
    /// Returns the back links to which a link of a document is counted; `None` if it is not one.
    fn backs(&mut self, from: Number, link: &LinkFact) -> Option<&mut Backs> {
        let place = &mut self.places[from as usize];
        match link.rel.as_str() {
            "parent" if link.leads_to_json() => Some(&mut place.parents),
            "collection" if link.leads_to_json() => Some(&mut place.collections),
            _ => None,
        }
    }

    /// Returns a link with its place; `None` if its document does not stand any more.
    pub(super) fn edge(&self, id: EdgeId) -> Option<(&Place, &LinkFact, &Edge)> {
        let place = self.place(id.from);
        let link = place.document.as_ref()?.links.get(id.link as usize)?;
        Some((place, link, place.edges.get(id.link as usize)?))
    }

    /// Adds the links of the document at a place; where they lead is found out later.
    pub(super) fn add_edges(&mut self, from: Number, touched: &mut Touched) {
        let Some(document) = self.place(from).document.clone() else { return };
        let edge = || Edge { leads: Leads::Elsewhere, found: None };
        self.place_mut(from).edges = document.links.iter().map(|_| edge()).collect();
        for (id, link) in links(from, &document) {
            for path in followed(&self.place(from).path.clone(), &link.href) {
                let watched = self.number(&path);
                self.place_mut(watched).watched_by.insert(id);
            }
            if href::is_absolute(&link.href) {
                self.by_address.entry(link.href.clone()).or_default().insert(id);
            }
            if link.rel == "self" {
                self.note_wrong_self(from, true);
            }
            if let Some(backs) = self.backs(from, link) {
                backs.all += 1;
            }
            touched.leads.insert(id);
        }
    }

    /// Takes the links of the document at a place out of everything that is counted.
    pub(super) fn drop_edges(&mut self, from: Number, touched: &mut Touched) {
        let Some(document) = self.place(from).document.clone() else { return };
        for (id, link) in links(from, &document) {
            self.lead(id, link, Leads::Elsewhere, touched);
            let edge = &mut self.place_mut(from).edges[id.link as usize];
            if let Some(broken) = edge.found.take() {
                self.forget_break(*broken);
            }
            if link.rel == "self" {
                self.note_wrong_self(from, false);
            }
            for path in followed(&self.place(from).path.clone(), &link.href) {
                let watched = self.number(&path);
                self.place_mut(watched).watched_by.remove(&id);
            }
            if let Some(links) = self.by_address.get_mut(&link.href) {
                links.remove(&id);
                if links.is_empty() {
                    self.by_address.remove(&link.href);
                }
            }
            if let Some(backs) = self.backs(from, link) {
                backs.all -= 1;
            }
        }
        self.place_mut(from).edges = Vec::new();
    }

    /// Finds out where a link leads now.
    pub(super) fn follow(&mut self, id: EdgeId, touched: &mut Touched) {
        let Some((place, link, _)) = self.edge(id) else { return };
        let (path, link) = (place.path.clone(), link.clone());
        let leads = match self.view.lead(&path, &link.href) {
            Lead::External | Lead::Asset => Leads::Elsewhere,
            Lead::Outside => Leads::Outside,
            Lead::Missing(path) => Leads::Missing(self.number(&path)),
            Lead::Document(path) => {
                let path = path.to_owned();
                Leads::To(self.number(&path))
            }
        };
        self.lead(id, &link, leads, touched);
        touched.judged.insert(id);
    }

    /// Makes a link lead to another place, in everything that is counted.
    fn lead(&mut self, id: EdgeId, link: &LinkFact, leads: Leads, touched: &mut Touched) {
        let edge = &mut self.place_mut(id.from).edges[id.link as usize];
        let before = std::mem::replace(&mut edge.leads, leads);
        if before == leads {
            return;
        }
        if link.rel == "self" {
            let is_wrong = |leads| leads != Leads::To(id.from);
            if is_wrong(before) != is_wrong(leads) {
                self.note_wrong_self(id.from, is_wrong(leads));
            }
            return;
        }
        let is_counted = |leads| u64::from(leads != Leads::Elsewhere);
        self.census.links = self.census.links - is_counted(before) + is_counted(leads);
        if let (Leads::To(to), true) = (before, link.lists()) {
            let listed = self.place_mut(to);
            listed.listed_by.remove(&id);
            listed.child_of -= u32::from(link.rel == "child");
            touched.places.insert(to);
        }
        if let (Leads::To(to), true) = (leads, link.lists()) {
            let listed = self.place_mut(to);
            listed.listed_by.insert(id);
            listed.child_of += u32::from(link.rel == "child");
            touched.places.insert(to);
        }
        if is_version(link) {
            touched.versions = true;
            match leads {
                Leads::To(_) => self.version_links.insert(id),
                Leads::Elsewhere | Leads::Outside | Leads::Missing(_) => self.version_links.remove(&id),
            };
        }
        if let Some(backs) = self.backs(id.from, link) {
            backs.note(before, false);
            backs.note(leads, true);
            touched.listed.insert(id.from);
        }
    }

    /// Counts one more link `self` that leads to another place, or one less.
    fn note_wrong_self(&mut self, number: Number, more: bool) {
        let place = self.place_mut(number);
        place.wrong_selves = if more { place.wrong_selves + 1 } else { place.wrong_selves - 1 };
        let (path, is_wrong) = (place.path.to_string(), place.wrong_selves > 0);
        match is_wrong {
            true => self.census.wrong_self_links.insert(path),
            false => self.census.wrong_self_links.remove(&path),
        };
    }
}

fn links(from: Number, document: &DocumentFacts) -> impl Iterator<Item = (EdgeId, &LinkFact)> {
    (0..).zip(&document.links).map(move |(link, fact)| (EdgeId { from, link }, fact))
}
