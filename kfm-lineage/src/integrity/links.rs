//! The first pass over the links of a view: where each one leads.

use std::collections::{BTreeSet, HashMap};

use super::census::{Break, LinkClass};
use super::view::{CatalogView, Lead};
use crate::document::{DocumentFacts, LinkFact};

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
    /// Makes the break of this link.
    pub(super) fn broken(&self, class: LinkClass, documents: &[Listed<'_>]) -> Break {
        Break {
            class,
            document: documents[self.from].path.to_owned(),
            rel: self.link.rel.clone(),
            target: documents[self.to].path.to_owned(),
        }
    }
}

/// The links of a view, sorted by where they lead; links out of the store are not counted.
#[derive(Debug, Default)]
pub(super) struct Links<'a> {
    /// The links that lead to documents.
    pub(super) resolved: Vec<Resolved<'a>>,
    /// The links that lead to places in the store without a document, each with the number of its own
    /// document.
    pub(super) dangling: Vec<(usize, &'a LinkFact)>,
    /// The breaks of the classes LNK-1 and LNK-2.
    pub(super) breaks: BTreeSet<Break>,
    /// The documents whose `self` link leads to another place.
    pub(super) wrong_self_links: BTreeSet<String>,
    /// Number of links that lead to a document, or should.
    pub(super) count: u64,
}

impl<'a> Links<'a> {
    /// Follows every link of the view.
    pub(super) fn follow(view: &'a CatalogView, documents: &[Listed<'a>]) -> Self {
        let numbers: HashMap<&str, usize> =
            documents.iter().enumerate().map(|(number, document)| (document.path, number)).collect();
        let mut links = Self::default();
        for (from, document) in documents.iter().enumerate() {
            for link in &document.facts.links {
                let lead = view.lead(document.path, &link.href);
                if link.rel == "self" {
                    // An absolute `self` leads to a document: to this one, or to another that has a better
                    // claim on it.
                    if lead != Lead::Document(document.path) {
                        links.wrong_self_links.insert(document.path.to_owned());
                    }
                    continue;
                }
                let broken = |class, target| Break {
                    class,
                    document: document.path.to_owned(),
                    rel: link.rel.clone(),
                    target,
                };
                match lead {
                    Lead::External | Lead::Asset => continue,
                    Lead::Outside => {
                        links.breaks.insert(broken(LinkClass::Unresolvable, link.href.clone()));
                    }
                    Lead::Missing(place) => {
                        links.breaks.insert(broken(LinkClass::Dangling, place));
                        links.dangling.push((from, link));
                    }
                    Lead::Document(path) => links.resolved.push(Resolved { from, link, to: numbers[path] }),
                }
                links.count += 1;
            }
        }
        links
    }
}
