//! Which documents a root reaches: each one that is reached knows the document, or that it is a root itself, by which it
//! is. Where that does not hold any more, what hangs on it is reached anew or is an orphan.

use std::collections::BTreeSet;

use super::edges::EdgeId;
use super::{CountedCatalog, Number};
use crate::document::DocumentKind;

/// By what a document is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Via {
    /// It is a root: a catalog to which no `child` link leads.
    Root,
    /// A document that is reached lists it.
    Lister(Number),
}

impl CountedCatalog {
    /// Finds out which documents are reached, once the documents or the listers of these places have changed.
    pub(super) fn settle(&mut self, touched: &BTreeSet<Number>) {
        let cut = self.cut(touched);
        let mut next = Vec::new();
        for &number in touched.iter().chain(&cut) {
            if self.place(number).reached.is_none()
                && let Some(via) = self.way_to(number)
            {
                self.place_mut(number).reached = Some(via);
                next.push(number);
            }
        }
        let mut found = Vec::new();
        while let Some(number) = next.pop() {
            for listed in self.lists(number) {
                if self.place(listed).reached.is_none() {
                    self.place_mut(listed).reached = Some(Via::Lister(number));
                    next.push(listed);
                }
            }
            found.push(number);
        }
        for number in touched.iter().copied().chain(cut).chain(found) {
            self.note_orphan(number);
        }
    }

    /// Takes from these places, and from what hangs on them, that they are reached, where it does not hold any more.
    fn cut(&mut self, touched: &BTreeSet<Number>) -> Vec<Number> {
        let mut lost: Vec<Number> = touched.iter().copied().filter(|&number| !self.is_held(number)).collect();
        let mut cut = Vec::new();
        while let Some(number) = lost.pop() {
            if self.place_mut(number).reached.take().is_none() {
                continue;
            }
            let hangs = |listed: &Number| self.place(*listed).reached == Some(Via::Lister(number));
            lost.extend(self.lists(number).into_iter().filter(hangs));
            cut.push(number);
        }
        cut
    }

    /// Says whether that by which a document is reached still holds.
    fn is_held(&self, number: Number) -> bool {
        let place = self.place(number);
        let by = |lister| {
            let of_lister = EdgeId { from: lister, link: 0 }..=EdgeId { from: lister, link: u32::MAX };
            place.listed_by.range(of_lister).next().is_some()
        };
        place.document.is_some()
            && match place.reached {
                None => true,
                Some(Via::Root) => self.is_root(number),
                Some(Via::Lister(lister)) => by(lister),
            }
    }

    fn is_root(&self, number: Number) -> bool {
        let place = self.place(number);
        let is_catalog = place.document.as_ref().is_some_and(|facts| facts.kind == DocumentKind::Catalog);
        is_catalog && place.child_of == 0
    }

    /// Finds by what a document that is not reached could be.
    fn way_to(&self, number: Number) -> Option<Via> {
        let place = self.place(number);
        place.document.as_ref()?;
        if self.is_root(number) {
            return Some(Via::Root);
        }
        let lister = place.listed_by.iter().find(|edge| self.place(edge.from).reached.is_some())?;
        Some(Via::Lister(lister.from))
    }

    /// Returns the places of the documents that the one at a place lists.
    fn lists(&self, number: Number) -> Vec<Number> {
        let place = self.place(number);
        let links = place.document.iter().flat_map(|document| &document.links);
        let listed = links.zip(&place.edges).filter(|(link, _)| link.lists());
        listed.filter_map(|(_, edge)| edge.document()).collect()
    }

    fn note_orphan(&mut self, number: Number) {
        let place = self.place(number);
        let is_orphan = place.document.is_some() && place.reached.is_none();
        let (path, is_listed) = (place.path.to_string(), !place.listed_by.is_empty());
        match is_orphan && !is_listed {
            true => self.census.unlisted.insert(path.clone()),
            false => self.census.unlisted.remove(&path),
        };
        match is_orphan {
            true => self.census.orphans.insert(path),
            false => self.census.orphans.remove(&path),
        };
    }
}
