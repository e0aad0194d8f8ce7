//! [`Layered`]: a map whose clones cost what was changed in them.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::sync::Arc;

/// A map that is shared with its clones, and what this one changed in it.
#[derive(Debug, Clone)]
pub(super) struct Layered<K, V> {
    shared: Arc<BTreeMap<K, V>>,
    /// What stands over the shared map; `None` hides an entry of it.
    over: BTreeMap<K, Option<V>>,
    len: usize,
}

impl<K, V> Default for Layered<K, V> {
    fn default() -> Self {
        Self { shared: Arc::default(), over: BTreeMap::new(), len: 0 }
    }
}

impl<K: Ord + Clone, V: Clone> Layered<K, V> {
    pub(super) fn get_key_value<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        match self.over.get_key_value(key) {
            Some((key, value)) => value.as_ref().map(|value| (key, value)),
            None => self.shared.get_key_value(key),
        }
    }

    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.get_key_value(key).map(|(_, value)| value)
    }

    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let before = match self.alone() {
            Some(map) => map.insert(key, value),
            None => {
                let before = self.get(&key).cloned();
                self.over.insert(key, Some(value));
                before
            }
        };
        self.len += usize::from(before.is_none());
        before
    }

    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let before = match self.alone() {
            Some(map) => map.remove(key),
            None => {
                let (key, before) =
                    self.get_key_value(key).map(|(key, value)| (key.clone(), value.clone()))?;
                match self.shared.contains_key(key.borrow()) {
                    true => self.over.insert(key, None),
                    false => self.over.remove(key.borrow()),
                };
                Some(before)
            }
        };
        self.len -= usize::from(before.is_some());
        before
    }

    /// Lists the entries in the order of their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        Merged { shared: self.shared.iter().peekable(), over: self.over.iter().peekable() }
    }

    /// Lists the entries, or their absence, that make this map equal to another: of those that may differ, each that does
    /// by `is_same`.
    pub(super) fn differences(&self, other: &Self, is_same: impl Fn(&V, &V) -> bool) -> Vec<(K, Option<V>)> {
        let is_kept = |key: &K| match (self.get(key), other.get(key)) {
            (Some(mine), Some(others)) => is_same(mine, others),
            (None, None) => true,
            _ => false,
        };
        let keys: BTreeSet<&K> = match Arc::ptr_eq(&self.shared, &other.shared) {
            true => self.over.keys().chain(other.over.keys()).collect(),
            false => self.iter().chain(other.iter()).map(|(key, _)| key).collect(),
        };
        let differing = keys.into_iter().filter(|key| !is_kept(key));
        differing.map(|key| (key.clone(), other.get(key).cloned())).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns the map itself where no clone shares it, so that it can be written to.
    fn alone(&mut self) -> Option<&mut BTreeMap<K, V>> {
        if !self.over.is_empty() {
            return None;
        }
        Arc::get_mut(&mut self.shared)
    }
}

struct Merged<S: Iterator, O: Iterator> {
    shared: Peekable<S>,
    over: Peekable<O>,
}

impl<'m, K: Ord + 'm, V: 'm, S, O> Iterator for Merged<S, O>
where
    S: Iterator<Item = (&'m K, &'m V)>,
    O: Iterator<Item = (&'m K, &'m Option<V>)>,
{
    type Item = (&'m K, &'m V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((over, _)) = self.over.peek() else { return self.shared.next() };
            if let Some(shared) = self.shared.next_if(|(shared, _)| shared < over) {
                return Some(shared);
            }
            let (key, value) = self.over.next()?;
            self.shared.next_if(|(shared, _)| *shared == key);
            if let Some(value) = value {
                return Some((key, value));
            }
        }
    }
}
