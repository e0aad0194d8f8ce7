//! Lists without a bound, and counts of what is in them.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use kfm_lineage::OperationId;
use kfm_policy::Remedy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most entries of a long list that a report has in itself.
pub const FIRST_MAX: usize = 1_000;

/// The most groups of a list that a report has; the entries of other groups are in the totals alone.
pub const GROUPS_MAX: usize = 1_000;

/// The most entries of a group that a report shows as its samples.
pub const SAMPLES_MAX: usize = 3;

/// The most kinds of a group that a report has; the entries of other kinds are in the group's total alone.
pub const KINDS_MAX: usize = 20;

/// A list of any length: how many entries, how many of each kind, and the first of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub struct Listing<T> {
    /// How many entries there are.
    pub total: u64,
    /// How many there are in each domain, if entries are cells.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_domain: BTreeMap<String, u64>,
    /// How many there are in each store, if entries are cells.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_store: BTreeMap<String, u64>,
    /// How many there are of each action, if entries are steps.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_action: BTreeMap<String, u64>,
    /// How many there are of each rule, if entries are findings.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_rule: BTreeMap<String, u64>,
    /// Entries that belong together, counted over all entries. What denies or is gravest comes first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group<T>>,
    /// The first entries, at most 1,000 unless the caller asked for more.
    pub first: Vec<T>,
    /// What writes every entry; left out if nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<Remedy>,
}

/// Entries of a list that belong together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub struct Group<T> {
    /// What they have in common.
    #[serde(flatten)]
    pub of: GroupKey,
    /// How many entries the group has.
    pub total: u64,
    /// The first three of them.
    pub first: Vec<T>,
    /// Entries of the group that say the same, in the order in which they were met, at most 20 kinds; empty if
    /// nothing tells the entries apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Alike<T>>,
}

/// Entries of a group that say the same of different subjects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alike<T> {
    /// How many entries there are.
    pub total: u64,
    /// How many subjects they are about.
    pub subjects: u64,
    /// The first entries of three subjects.
    pub first: Vec<T>,
}

/// What entries of a list have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct GroupKey {
    /// The place of the group among the others: the smallest comes first.
    #[serde(skip)]
    pub rank: u8,
    /// The domain of the cells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The store of the cells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// What is done to the cells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Why the cells are left alone: superseded, unchanged, asked or another reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The operation that owns the cells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<OperationId>,
    /// The rule that found the entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The short code for the rule, such as C-F01.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whether the findings deny the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denies: Option<bool>,
}

/// An entry of a list. One that names no group is only counted.
pub trait Grouped: Clone {
    /// Returns what the entry has in common with others; the default names no group.
    fn group(&self) -> GroupKey {
        GroupKey::default()
    }

    /// Returns what the entry says and about which subject, if entries of its group can say different things. What it
    /// says does not name the subject.
    fn says(&self) -> Option<(String, &str)> {
        None
    }
}

/// A group while its entries are counted.
struct Counting<T> {
    group: Group<T>,
    kinds: BTreeMap<String, usize>,
    /// Hashes of kind and subject, instead of the texts of what may be a million subjects.
    seen: HashSet<u64>,
    hasher: BuildHasherDefault<DefaultHasher>,
}

impl<T: Grouped> Counting<T> {
    fn new(of: GroupKey) -> Self {
        let group = Group { of, total: 0, first: Vec::new(), kinds: Vec::new() };
        Self { group, kinds: BTreeMap::new(), seen: HashSet::new(), hasher: BuildHasherDefault::default() }
    }

    fn count(&mut self, entry: &T) {
        self.group.total += 1;
        if self.group.first.len() < SAMPLES_MAX {
            self.group.first.push(entry.clone());
        }
        let Some((says, subject)) = entry.says() else { return };
        let at = match self.kinds.get(&says) {
            Some(at) => *at,
            None if self.group.kinds.len() == KINDS_MAX => return,
            None => {
                let at = self.group.kinds.len();
                self.kinds.insert(says, at);
                self.group.kinds.push(Alike { total: 0, subjects: 0, first: Vec::new() });
                at
            }
        };
        let kind = &mut self.group.kinds[at];
        kind.total += 1;
        if self.seen.insert(self.hasher.hash_one((at, subject))) {
            kind.subjects += 1;
            if kind.first.len() < SAMPLES_MAX {
                kind.first.push(entry.clone());
            }
        }
    }
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self {
            total: 0,
            by_domain: BTreeMap::new(),
            by_store: BTreeMap::new(),
            by_action: BTreeMap::new(),
            by_rule: BTreeMap::new(),
            groups: Vec::new(),
            first: Vec::new(),
            all: None,
        }
    }
}

impl<T: Grouped> Listing<T> {
    /// Makes a listing of entries that are all at hand; every entry is counted.
    pub fn of(entries: impl IntoIterator<Item = T>) -> Self {
        Self::of_first(entries, FIRST_MAX)
    }

    /// The same, and keeps the first `first_max` entries.
    pub fn of_first(entries: impl IntoIterator<Item = T>, first_max: usize) -> Self {
        let mut listing = Self::default();
        let mut groups: BTreeMap<GroupKey, Counting<T>> = BTreeMap::new();
        for entry in entries {
            listing.count(&mut groups, &entry);
            if listing.first.len() < first_max {
                listing.first.push(entry);
            }
        }
        listing.groups = groups.into_values().take(GROUPS_MAX).map(|counting| counting.group).collect();
        listing
    }

    fn count(&mut self, groups: &mut BTreeMap<GroupKey, Counting<T>>, entry: &T) {
        self.total += 1;
        let of = entry.group();
        let totals = [
            (&mut self.by_domain, &of.domain),
            (&mut self.by_store, &of.store),
            (&mut self.by_action, &of.action),
            (&mut self.by_rule, &of.rule),
        ];
        for (totals, name) in totals {
            if let Some(name) = name {
                *totals.entry(name.clone()).or_default() += 1;
            }
        }
        if of == GroupKey::default() {
            return;
        }
        groups.entry(of).or_insert_with_key(|of| Counting::new(of.clone())).count(entry);
    }
}

impl<T> Listing<T> {
    /// Counts an entry of a list without groups, and keeps it if it is among the first.
    pub fn push(&mut self, entry: T) {
        self.total += 1;
        if self.first.len() < FIRST_MAX {
            self.first.push(entry);
        }
    }

    /// Sets what writes every entry.
    #[must_use]
    pub fn with_all(mut self, remedy: Remedy) -> Self {
        self.all = Some(remedy);
        self
    }
}

/// How many cells, in all and by domain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CellCount {
    /// Cells of all stores.
    pub total: u64,
    /// Cells of each domain that has any.
    pub by_domain: BTreeMap<String, u64>,
}

impl CellCount {
    /// Counts the domains of cells.
    pub fn of(domains: impl IntoIterator<Item = kfm_lineage::Domain>) -> Self {
        let mut count = Self::default();
        for domain in domains {
            count.add(domain, 1);
        }
        count
    }

    /// Counts so many more cells of a domain.
    pub(crate) fn add(&mut self, domain: kfm_lineage::Domain, cells: u64) {
        if cells > 0 {
            self.total = self.total.saturating_add(cells);
            let of_domain = self.by_domain.entry(domain.to_string()).or_default();
            *of_domain = of_domain.saturating_add(cells);
        }
    }

    /// Takes other cells out of the count.
    #[must_use]
    pub(crate) fn without(mut self, others: &Self) -> Self {
        for (domain, of_domain) in &mut self.by_domain {
            *of_domain = of_domain.saturating_sub(others.by_domain.get(domain).copied().unwrap_or(0));
        }
        self.by_domain.retain(|_, cells| *cells > 0);
        self.total = self.by_domain.values().sum();
        self
    }
}
