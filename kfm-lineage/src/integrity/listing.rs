//! LNK-3 and LNK-4: whether a listed document is what the link says, and names the document that lists it.

use std::collections::HashSet;

use super::census::{Break, LinkClass};
use super::links::{Links, Listed, Resolved};
use crate::document::{DocumentKind, LinkFact};

/// Judges every link that lists a document.
pub(super) fn breaks<'a>(
    documents: &'a [Listed<'a>],
    links: &'a Links<'a>,
) -> impl Iterator<Item = Break> + 'a {
    let backs = BackLinks::of(documents, links);
    links.resolved.iter().filter_map(move |link| judge(link, documents, &backs))
}

/// Judges a link that lists a document: first the target's kind (LNK-3), then its back links (LNK-4).
fn judge(link: &Resolved<'_>, documents: &[Listed<'_>], backs: &BackLinks) -> Option<Break> {
    if !link.link.lists() {
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

/// What each document names as its parent and as its collection.
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

    /// Says whether a listed document names the document that lists it, as far as its back links can be
    /// judged.
    ///
    /// Only a collection must be named by the `collection` link and field, since a catalog may list items
    /// too.
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
