//! [`Term`]: what a document says that another document can be found by.
//!
//! Terms follow from a document's path and facts alone, never from what stands beside it. So an index of terms is kept by
//! what changes, and finds every document that may matter: one too many costs time and changes no answer.

use std::collections::BTreeSet;

use super::super::href::{self, Reference};
use super::super::place::{self, Place};
use super::super::version_links::is_version_link;
use super::super::view::absolute_selves;
use crate::document::DocumentFacts;

/// The documents that a folder's name may stand for.
pub(in crate::integrity) const FOLDER_DOCUMENTS: [&str; 3] =
    ["collection.json", "catalog.json", "index.json"];

/// What a document says that another document can be found by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    /// A link of it may lead to this path of the store.
    Follows(String),
    /// A link of it that lists a document may lead to this path, or to what the folder at this path stands for.
    Lists(String),
    /// A link of it may lead to this address on a server.
    FollowsAddress(String),
    /// A link of it that lists a document may lead to this address.
    ListsAddress(String),
    /// It says that it is at this address.
    Claims(String),
    /// This is its id.
    Id(String),
    /// A link of the version extension may lead to this path.
    Versions(String),
    /// A link of the version extension may lead to this address.
    VersionsAddress(String),
}

impl Term {
    /// Returns a name that no other term has, as a key of an index: a letter for the kind, and the text.
    pub fn key(&self) -> String {
        let (kind, text) = match self {
            Self::Follows(text) => ('f', text),
            Self::Lists(text) => ('l', text),
            Self::FollowsAddress(text) => ('F', text),
            Self::ListsAddress(text) => ('L', text),
            Self::Claims(text) => ('c', text),
            Self::Id(text) => ('i', text),
            Self::Versions(text) => ('v', text),
            Self::VersionsAddress(text) => ('V', text),
        };
        format!("{kind}{text}")
    }

    /// Lists the terms of the documents that may list what is at a path, where these documents stand or stood.
    pub fn of_listers<'d>(
        path: &str,
        standing: impl IntoIterator<Item = &'d DocumentFacts>,
    ) -> BTreeSet<Self> {
        let addresses = standing.into_iter().flat_map(claimed).map(Self::ListsAddress);
        let folder = folder_meant(path).map(str::to_owned);
        addresses.chain([path.to_owned()].into_iter().chain(folder).map(Self::Lists)).collect()
    }

    /// Lists the terms by which the document at a path can be found.
    pub fn of(path: &str, document: &DocumentFacts) -> BTreeSet<Self> {
        let mut terms: BTreeSet<Self> = document.id.iter().cloned().map(Self::Id).collect();
        for link in &document.links {
            if link.rel == "self" {
                // It leads to the document itself, unless its text can be read as another path too.
                let others = followed(path, &link.href).into_iter().filter(|other| other != path);
                terms.extend(others.map(Self::Follows));
                continue;
            }
            terms.extend(followed(path, &link.href).into_iter().map(Self::Follows));
            terms.extend(addresses(path, &link.href).into_iter().map(Self::FollowsAddress));
            if link.lists() {
                terms.extend(followed(path, &link.href).into_iter().map(Self::Lists));
                terms.extend(addresses(path, &link.href).into_iter().map(Self::ListsAddress));
            }
            if is_version_link(&link.rel) {
                terms.extend(followed(path, &link.href).into_iter().map(Self::Versions));
                terms.extend(addresses(path, &link.href).into_iter().map(Self::VersionsAddress));
            }
        }
        for (relation, target) in document.related() {
            if relation.lists() {
                terms.extend(may_be(path, target).into_iter().map(Self::Lists));
                terms.extend(addresses(path, target).into_iter().map(Self::ListsAddress));
            }
        }
        terms.extend(claimed(document).map(Self::Claims));
        terms
    }
}

/// Lists the paths at which a document, if one stands there, decides where an href leads.
pub(in crate::integrity) fn followed(document: &str, href: &str) -> Vec<String> {
    let path = |reference| match reference {
        Reference::Path(path) => Some(path),
        Reference::Absolute | Reference::Outside { .. } => None,
    };
    let literal =
        href.contains(['#', '?', '%']).then(|| path(href::read_literally(document, href))).flatten();
    literal.into_iter().chain(path(href::read(document, href))).collect()
}

/// Lists the paths to which some reader may follow an href, without what a folder there stands for.
pub(super) fn may_be(document: &str, href: &str) -> BTreeSet<String> {
    let read = place::readings(document, href).into_iter().filter_map(|place| place.path());
    followed(document, href).into_iter().chain(read).collect()
}

/// Lists the addresses at which some reader may look for what an href leads to, each in one spelling.
pub(super) fn addresses(document: &str, href: &str) -> BTreeSet<String> {
    let read = place::readings(document, href).into_iter().filter_map(|place| place.address());
    let literal = href::is_absolute(href).then(|| address(href));
    literal.into_iter().chain(read).collect()
}

/// Lists the addresses at which a document says that it is.
pub(super) fn claimed(document: &DocumentFacts) -> impl Iterator<Item = String> {
    absolute_selves(document).map(|link| address(&link.href))
}

/// Returns the folder that stands for the document at a path, if one does.
fn folder_meant(path: &str) -> Option<&str> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    FOLDER_DOCUMENTS.contains(&name).then_some(folder)
}

/// Returns an address in one spelling; the text itself if it names no server.
fn address(href: &str) -> String {
    Place::of("", href).address().unwrap_or_else(|| href.to_owned())
}
