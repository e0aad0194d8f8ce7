//! [`Neighbourhood`]: the part of a catalog that tells what a change of some documents does to the whole.
//!
//! Several *moments* of a catalog differ in some documents, the changed ones. What can differ between the moments in the
//! census of the whole catalog hangs on these documents, on those that lead to them, and on what is reached through them.
//! A neighbourhood names these, by [`Term`]s that its caller looks up in an index, until the census of the part differs
//! between two moments by exactly what the census of the whole differs. What the part finds broken since its other end is
//! outside is the same at every moment.
//!
//! The rules are those of [`CountedCatalog`](super::CountedCatalog), which follows the same dependencies in memory.

mod term;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::census::Census;
use super::href::is_absolute;
use super::version_links::is_version_link;
use super::view::{CatalogView, Lead};
use crate::document::{DocumentFacts, LinkFact};
pub(super) use term::FOLDER_DOCUMENTS;
pub use term::Term;
pub(super) use term::followed;
use term::{addresses, claimed, may_be};

/// A document at each moment; `None` where none stands.
type Versions = Vec<Option<Arc<DocumentFacts>>>;

/// The part of a catalog that tells what a change does to the whole.
///
/// The caller asks [`wanted`](Self::wanted) what to look up, gives the answers, and goes on until nothing is wanted.
#[derive(Debug, Clone)]
pub struct Neighbourhood {
    moments: usize,
    documents: BTreeMap<String, Versions>,
    roles: BTreeMap<String, BTreeSet<Role>>,
    holders: BTreeMap<Term, BTreeSet<String>>,
    /// The roles that the holders of a term have.
    of_holders: BTreeMap<Term, BTreeSet<Role>>,
    /// Roles of documents that were given, and what follows from them is not found yet.
    queue: Vec<(String, Role)>,
    /// Roles of documents that are not given yet.
    waiting: BTreeMap<String, BTreeSet<Role>>,
    wanted_terms: BTreeSet<Term>,
    /// Documents whose names lead to others that protect them.
    wanted_names: BTreeSet<String>,
    /// The paths of each link that can be read in two ways: which one it leads to depends on what stands there.
    ambiguous: BTreeSet<Vec<String>>,
}

/// What the caller is to look up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The paths whose documents, at every moment, are to be given.
    pub paths: Vec<String>,
    /// The terms whose holders are to be given: every document that has the term at some moment.
    pub terms: Vec<Term>,
    /// The paths of the documents that are given and get protection by names too, which only the caller can read: of what
    /// these names stand for, the paths go to [`Neighbourhood::protect`].
    pub names_of: Vec<String>,
}

/// Why a document belongs to the neighbourhood.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// Whether it stands, and as what, decides something about another one.
    Near,
    /// It differs between the moments.
    Changed,
    /// A link of it may lead to another place at another moment: by what stands at this path.
    FollowsPath(String),
    /// The same, by what claims this address.
    FollowsAddress(String),
    /// Its back links are judged: it is listed by a document whose links are.
    Listed,
    /// Whether a root reaches it is to be right at every moment, so all that list it belong here.
    Reached,
    /// Its links of the version extension are judged, with those of all that they lead to and that lead to it.
    Versioned,
    /// Its parents and sources give it their protection, so they belong here with theirs.
    Protected,
}

impl Neighbourhood {
    /// Begins with documents of which any may differ between the moments; every other document is the same at all of
    /// them. There is at least one moment.
    pub fn new(moments: usize, changed: impl IntoIterator<Item = String>) -> Self {
        let mut around = Self {
            moments,
            documents: BTreeMap::new(),
            roles: BTreeMap::new(),
            holders: BTreeMap::new(),
            of_holders: BTreeMap::new(),
            queue: Vec::new(),
            waiting: BTreeMap::new(),
            wanted_terms: BTreeSet::new(),
            wanted_names: BTreeSet::new(),
            ambiguous: BTreeSet::new(),
        };
        changed.into_iter().for_each(|path| around.give_role(path, Role::Changed));
        around
    }

    /// Takes in what gives documents their protection: their collections, parents and sources, those that list them, and
    /// what gives these theirs.
    pub fn protect(&mut self, paths: impl IntoIterator<Item = String>) {
        paths.into_iter().for_each(|path| self.give_role(path, Role::Protected));
    }

    /// Returns what to look up next; `None` once the part tells of the whole.
    pub fn wanted(&mut self) -> Option<Wanted> {
        loop {
            while let Some((path, role)) = self.queue.pop() {
                self.act(&path, &role);
            }
            self.tell_apart();
            let wanted = Wanted {
                paths: self.waiting.keys().cloned().collect(),
                terms: std::mem::take(&mut self.wanted_terms).into_iter().collect(),
                names_of: std::mem::take(&mut self.wanted_names).into_iter().collect(),
            };
            if wanted != Wanted::default() {
                return Some(wanted);
            }
            self.follow_reach();
            if self.queue.is_empty() && self.waiting.is_empty() && self.wanted_terms.is_empty() {
                return None;
            }
        }
    }

    /// Gives the document at a path that was wanted, as it is at each moment, in their order.
    pub fn give(&mut self, path: &str, versions: impl IntoIterator<Item = Option<Arc<DocumentFacts>>>) {
        let versions: Versions = versions.into_iter().take(self.moments).collect();
        for link in versions.iter().flatten().flat_map(|document| &document.links) {
            if link.href.contains(['#', '?', '%']) {
                self.ambiguous.insert(followed(path, &link.href));
            }
        }
        self.documents.insert(path.to_owned(), versions);
        for role in self.waiting.remove(path).unwrap_or_default() {
            self.queue.push((path.to_owned(), role));
        }
    }

    /// Gives the paths of the documents that have a term that was wanted, at some moment; others do no harm.
    pub fn give_holders(&mut self, term: Term, holders: BTreeSet<String>) {
        for role in self.of_holders.get(&term).cloned().unwrap_or_default() {
            for holder in &holders {
                self.give_role(holder.clone(), role.clone());
            }
        }
        self.holders.insert(term, holders);
    }

    /// Returns the different documents that stand at a path that was given, at some moment.
    pub fn standing(&self, path: &str) -> Vec<Arc<DocumentFacts>> {
        let mut standing: Vec<Arc<DocumentFacts>> = Vec::new();
        for document in self.documents.get(path).into_iter().flatten().flatten() {
            if !standing.iter().any(|other| other.digest == document.digest) {
                standing.push(Arc::clone(document));
            }
        }
        standing
    }

    /// Returns the part of the catalog at each moment.
    pub fn views(&self) -> Vec<CatalogView> {
        let at = |moment: usize| {
            let standing = |(path, versions): (&String, &Versions)| {
                Some((path.clone(), versions.get(moment).cloned().flatten()?))
            };
            self.documents.iter().filter_map(standing).collect()
        };
        (0..self.moments).map(at).collect()
    }

    /// Wants every document to which a link may lead that can be read in two ways, if one of them is here: else the link
    /// would seem to lead to that one.
    fn tell_apart(&mut self) {
        let (documents, roles) = (&self.documents, &self.roles);
        let is_here = |path: &String| documents.contains_key(path);
        let apart = self.ambiguous.iter().filter(|paths| paths.iter().any(is_here)).flatten();
        let unknown: Vec<String> = apart.filter(|path| !roles.contains_key(*path)).cloned().collect();
        unknown.into_iter().for_each(|path| self.give_role(path, Role::Near));
    }

    fn give_role(&mut self, path: String, role: Role) {
        if !self.roles.entry(path.clone()).or_default().insert(role.clone()) {
            return;
        }
        if self.documents.contains_key(&path) {
            self.queue.push((path, role));
        } else {
            self.waiting.entry(path).or_default().insert(role);
        }
    }

    fn give_role_to(&mut self, term: Term, role: Role) {
        if !self.of_holders.entry(term.clone()).or_default().insert(role.clone()) {
            return;
        }
        match self.holders.get(&term).cloned() {
            Some(holders) => holders.into_iter().for_each(|holder| self.give_role(holder, role.clone())),
            None => drop(self.wanted_terms.insert(term)),
        }
    }

    fn act(&mut self, path: &str, role: &Role) {
        let standing = self.standing(path);
        match role {
            Role::Near => {}
            Role::Changed => self.act_changed(path, &standing),
            Role::FollowsPath(cause) => {
                let follows = |link: &LinkFact| followed(path, &link.href).contains(cause);
                self.act_follower(path, &standing, follows);
            }
            Role::FollowsAddress(cause) => {
                let follows = |link: &LinkFact| addresses(path, &link.href).contains(cause);
                self.act_follower(path, &standing, follows);
            }
            Role::Listed => {
                for link in standing.iter().flat_map(|document| &document.links) {
                    if is_back(link) {
                        self.want_target(path, link, &[Role::Near]);
                    }
                }
            }
            Role::Reached => self.act_reached(path, &standing),
            Role::Versioned => {
                for link in standing.iter().flat_map(|document| &document.links) {
                    if is_version_link(&link.rel) {
                        self.want_target(path, link, &[Role::Versioned]);
                    }
                }
                self.give_role_to(Term::Versions(path.to_owned()), Role::Versioned);
                for address in standing.iter().flat_map(|document| claimed(document)) {
                    self.give_role_to(Term::VersionsAddress(address.clone()), Role::Versioned);
                    self.give_role_to(Term::Claims(address), Role::Near);
                }
            }
            Role::Protected => self.act_protected(path, &standing),
        }
    }

    /// A changed document: its own links, the ids that it shares, what lists it; and, where it comes, goes, or claims
    /// another address, every link that may lead to it.
    fn act_changed(&mut self, path: &str, standing: &[Arc<DocumentFacts>]) {
        for link in standing.iter().flat_map(|document| &document.links) {
            if link.lists() {
                self.want_target(path, link, &[Role::Near, Role::Listed]);
            } else {
                self.want_target(path, link, &[Role::Near]);
            }
        }
        // With what lists it.
        self.give_role(path.to_owned(), Role::Reached);
        self.give_role(path.to_owned(), Role::Versioned);
        for id in standing.iter().filter_map(|document| document.id.clone()) {
            self.give_role_to(Term::Id(id), Role::Near);
        }
        if self.comes_or_goes(path) {
            self.give_role_to(Term::Follows(path.to_owned()), Role::FollowsPath(path.to_owned()));
        }
        let claims_at = |document: &Option<Arc<DocumentFacts>>| -> BTreeSet<String> {
            document
                .iter()
                .flat_map(|document| document.links_of("self"))
                .map(|link| link.href.clone())
                .collect()
        };
        let claims: BTreeSet<BTreeSet<String>> =
            self.documents.get(path).into_iter().flatten().map(claims_at).collect();
        for address in standing.iter().flat_map(|document| claimed(document)).collect::<BTreeSet<_>>() {
            self.give_role_to(Term::Claims(address.clone()), Role::Near);
            if claims.len() > 1 {
                // Another document may have its links now.
                self.give_role_to(Term::Claims(address.clone()), Role::Reached);
                let follows = Role::FollowsAddress(address.clone());
                self.give_role_to(Term::FollowsAddress(address), follows);
            }
        }
    }

    /// A document one of whose links may lead elsewhere at another moment. If it is a back link, what lists the document
    /// is judged; if it lists, what it may list.
    fn act_follower(
        &mut self,
        path: &str,
        standing: &[Arc<DocumentFacts>],
        follows: impl Fn(&LinkFact) -> bool,
    ) {
        for link in standing.iter().flat_map(|document| &document.links).filter(|link| follows(link)) {
            if link.lists() {
                self.want_target(path, link, &[Role::Near, Role::Listed, Role::Reached]);
            } else {
                self.want_target(path, link, &[Role::Near]);
            }
            if is_back(link) {
                self.give_role(path.to_owned(), Role::Listed);
                self.give_role_to(Term::Lists(path.to_owned()), Role::Near);
                for address in standing.iter().flat_map(|document| claimed(document)) {
                    self.give_role_to(Term::ListsAddress(address.clone()), Role::Near);
                    self.give_role_to(Term::Claims(address), Role::Near);
                }
            }
            if is_version_link(&link.rel) {
                self.give_role(path.to_owned(), Role::Versioned);
            }
        }
    }

    fn act_reached(&mut self, path: &str, standing: &[Arc<DocumentFacts>]) {
        self.give_role_to(Term::Lists(path.to_owned()), Role::Reached);
        for address in standing.iter().flat_map(|document| claimed(document)) {
            self.give_role_to(Term::ListsAddress(address.clone()), Role::Reached);
            self.give_role_to(Term::Claims(address), Role::Near);
        }
    }

    fn act_protected(&mut self, path: &str, standing: &[Arc<DocumentFacts>]) {
        for document in standing {
            for (_, target) in document.related().filter(|(relation, _)| !relation.lists()) {
                for place in may_be(path, target) {
                    let folder = if place.is_empty() { String::new() } else { format!("{place}/") };
                    for name in FOLDER_DOCUMENTS {
                        self.give_role(format!("{folder}{name}"), Role::Protected);
                    }
                    self.give_role(place, Role::Protected);
                }
                for address in addresses(path, target) {
                    self.give_role_to(Term::Claims(address), Role::Protected);
                }
            }
            for address in claimed(document) {
                self.give_role_to(Term::Claims(address), Role::Near);
            }
        }
        self.wanted_names.insert(path.to_owned());
        for term in Term::of_listers(path, standing.iter().map(AsRef::as_ref)) {
            self.give_role_to(term, Role::Protected);
        }
    }

    /// Gives roles to every document that may be the one to which a link leads.
    fn want_target(&mut self, path: &str, link: &LinkFact, roles: &[Role]) {
        for role in roles {
            for target in followed(path, &link.href) {
                self.give_role(target, role.clone());
            }
            if is_absolute(&link.href) {
                for address in addresses(path, &link.href) {
                    self.give_role_to(Term::Claims(address), role.clone());
                }
            }
        }
    }

    fn comes_or_goes(&self, path: &str) -> bool {
        let versions = || self.documents.get(path).into_iter().flatten();
        versions().any(Option::is_some) && versions().any(Option::is_none)
    }

    /// Compares which documents a root reaches at the moments. Where that seems to differ, all that list the document are
    /// wanted; where they are there, so that it is right, what the document lists is.
    fn follow_reach(&mut self) {
        if !self.roles.values().any(|roles| roles.contains(&Role::Changed)) {
            return;
        }
        let views = self.views();
        let censuses: Vec<Census> = views.iter().map(CatalogView::census).collect();
        let reached_at = |path: &String, moment: usize| {
            views[moment].get(path).is_some() && !censuses[moment].orphans.contains(path)
        };
        let differs = |path: &String| {
            (1..self.moments).any(|moment| reached_at(path, moment) != reached_at(path, 0))
                || (0..self.moments).any(|moment| {
                    censuses[moment].unlisted.contains(path) != censuses[0].unlisted.contains(path)
                        && views[moment].get(path).is_some()
                        && views[0].get(path).is_some()
                })
        };
        let (mut reached, mut through) = (Vec::new(), Vec::new());
        for (path, roles) in &self.roles {
            let differs = differs(path);
            if differs && !roles.contains(&Role::Reached) {
                reached.push(path.clone());
            } else if differs {
                through.push(path.clone());
            } else if roles.contains(&Role::Changed) {
                reached.extend(self.listed_at_some(path, &views));
            }
        }
        for path in reached {
            self.give_role(path, Role::Reached);
        }
        for path in through {
            for link in self.standing(&path).iter().flat_map(|document| &document.links) {
                if link.lists() {
                    self.want_target(&path, link, &[Role::Near, Role::Reached]);
                }
            }
        }
    }

    /// Lists what a changed document lists at some moments and not at all of them. All that it may list is here.
    fn listed_at_some(&self, path: &str, views: &[CatalogView]) -> Vec<String> {
        let mut listed: BTreeMap<String, usize> = BTreeMap::new();
        for view in views {
            let links = view.get(path).into_iter().flat_map(|document| &document.links);
            let led =
                links.filter(|link| link.lists()).filter_map(|link| match view.lead(path, &link.href) {
                    Lead::Document(target) => Some(target.to_owned()),
                    _ => None,
                });
            for target in led.collect::<BTreeSet<String>>() {
                *listed.entry(target).or_default() += 1;
            }
        }
        listed.into_iter().filter(|(_, times)| *times < views.len()).map(|(target, _)| target).collect()
    }
}

fn is_back(link: &LinkFact) -> bool {
    matches!(link.rel.as_str(), "parent" | "collection") && link.leads_to_json()
}
