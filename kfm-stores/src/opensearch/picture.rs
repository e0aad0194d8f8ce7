//! What a cluster says of a store's aliases and indexes, all of it at one moment.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use kfm_lineage::{Digest, canonical_json};
use kfm_retry::ErrorClass;
use kfm_rollback::op::{Generation, OpError, Seen};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::{Asked, Body, Client};
use super::names::{Fence, Names, Noted};

/// The most bytes of names in one request: servers take a first line of 4,096 bytes.
const NAMES_BYTES_MAX: usize = 3_000;

/// How often names that do not fit into one request are looked up, until nothing changes in between.
const LOOKS_MAX: usize = 16;

/// What of an index is asked for.
const ASKED: &str = "ignore_unavailable=true&allow_no_indices=true&expand_wildcards=all&\
                     filter_path=*.aliases,*.data_stream,*.mappings._meta,*.settings.index.uuid";

/// What the store notes in the `_meta` of an index's mapping, as its member `kfm`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// The alias's key, as it is written in names.
    pub(super) key: String,
    /// The digest of the content.
    pub(super) value: Digest,
    /// The operation that built it.
    pub(super) built_by: String,
    /// What is in it, once it is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) complete: Option<Complete>,
}

/// What is in an index that is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Complete {
    /// How many documents.
    pub(super) documents: u64,
    /// The digest of their paths, digests and sums, in order.
    pub(super) sum: Digest,
    /// Whether it shows the documents of a listing; otherwise its one document has the content.
    pub(super) is_listing: bool,
    /// How many documents could not be indexed, and are there by path and digest alone.
    pub(super) unindexed: u64,
}

/// An index, as the cluster has it.
#[derive(Debug, Clone)]
pub(super) struct Index {
    aliases: BTreeMap<String, Value>,
    data_stream: Option<String>,
    pub(super) note: Option<Note>,
    uuid: String,
}

impl Index {
    fn of(index: &Value) -> Self {
        let aliases = index["aliases"].as_object().into_iter().flatten();
        Self {
            aliases: aliases.map(|(name, alias)| (name.clone(), alias.clone())).collect(),
            data_stream: index["data_stream"].as_str().map(str::to_owned),
            note: serde_json::from_value(index["mappings"]["_meta"]["kfm"].clone()).ok(),
            uuid: index["settings"]["index"]["uuid"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// Returns what tells it from another index of its name.
    pub(super) fn uuid(&self) -> &str {
        &self.uuid
    }

    /// Says whether readers of some alias see it.
    pub(super) fn is_seen(&self) -> bool {
        !self.aliases.is_empty()
    }
}

/// The store's aliases and indexes at one moment.
#[derive(Debug, Default)]
pub(super) struct Picture {
    /// `None` if there is no control index.
    pub(super) fence: Option<Fence>,
    /// The last change of each cell, by its escaped key.
    changes: BTreeMap<String, u64>,
    /// Every alias that the control index has.
    noted: BTreeSet<String>,
    pub(super) indexes: BTreeMap<String, Index>,
}

/// What a cell's alias leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Led {
    Nowhere,
    /// To an index that the store has built of a content.
    To {
        index: String,
        value: Digest,
    },
    /// To something that is not the store's, or in a way that is not: as an object that people can read.
    Elsewhere {
        indexes: Vec<String>,
        is_own: bool,
        said: Bytes,
    },
}

impl Led {
    pub(super) fn value(&self) -> Option<Digest> {
        match self {
            Self::Nowhere => None,
            Self::To { value, .. } => Some(*value),
            Self::Elsewhere { said, .. } => Some(Digest::of_canonical_bytes(said)),
        }
    }
}

impl Picture {
    /// Looks at the cells of these escaped keys.
    pub(super) async fn of(client: &Client, names: &Names, escaped: &[String]) -> Result<Self, OpError> {
        let mut chunks: Vec<String> = Vec::new();
        for alias in escaped.iter().map(|escaped| names.alias(escaped)) {
            match chunks.last_mut() {
                Some(chunk) if chunk.len() + alias.len() < NAMES_BYTES_MAX => {
                    chunk.push(',');
                    chunk.push_str(&alias);
                }
                _ => chunks.push(alias),
            }
        }
        for _ in 0..LOOKS_MAX {
            let mut pictures = Vec::new();
            for chunk in &chunks {
                let asked = format!("{},{chunk}", names.control());
                pictures.push(Self::asked(client, names, &asked).await?);
            }
            let is_one = pictures.windows(2).all(|pair| pair[0].fence == pair[1].fence);
            if is_one {
                return Ok(pictures.into_iter().reduce(Self::and).unwrap_or_default());
            }
        }
        Err(OpError::transient(client.store(), ErrorClass::Transient, Restless))
    }

    /// Looks at everything of the store.
    pub(super) async fn of_all(client: &Client, names: &Names) -> Result<Self, OpError> {
        Self::asked(client, names, &names.all()).await
    }

    /// Looks at one index.
    pub(super) async fn of_index(client: &Client, index: &str) -> Result<Option<Index>, OpError> {
        let answer = client.look(Method::GET, &format!("{index}?{ASKED}"), Body::None).await?;
        Ok(answer.get(index).map(Index::of))
    }

    async fn asked(client: &Client, names: &Names, asked: &str) -> Result<Self, OpError> {
        let answer = client.ask(Asked::ToLook, Method::GET, &format!("{asked}?{ASKED}"), Body::None).await?;
        if answer.status == 404 && answer.refusal() == "index_not_found_exception" {
            return Ok(Self::default());
        }
        if !answer.is_ok() {
            return Err(client.refused("-", &answer));
        }
        let mut picture = Self::default();
        let control = names.control();
        for (name, index) in answer.body.as_object().into_iter().flatten() {
            let index = Index::of(index);
            if *name != control {
                picture.indexes.insert(name.clone(), index);
                continue;
            }
            for alias in index.aliases.into_keys() {
                match names.noted(&alias) {
                    Some(Noted::Fence(fence)) => picture.fence = picture.fence.max(Some(fence)),
                    Some(Noted::Changed { escaped, change }) => {
                        let latest = picture.changes.entry(escaped.to_owned()).or_default();
                        *latest = change.max(*latest);
                    }
                    None => {}
                }
                picture.noted.insert(alias);
            }
            if picture.fence.is_none() {
                return Err(OpError::Misconfigured {
                    store: client.store().to_owned(),
                    what: format!("the control index has no fence, another hand changed it: index={control}"),
                    remedy: "remove that index, then project into the store".into(),
                });
            }
        }
        Ok(picture)
    }

    fn and(mut self, other: Self) -> Self {
        self.indexes.extend(other.indexes);
        self
    }

    /// Returns where a cell's alias leads.
    pub(super) fn led(&self, names: &Names, escaped: &str) -> Led {
        let alias = names.alias(escaped);
        let leads = |(name, index): &(&String, &Index)| {
            **name == alias
                || index.aliases.contains_key(&alias)
                || index.data_stream.as_ref() == Some(&alias)
        };
        let found: Vec<(&String, &Index)> = self.indexes.iter().filter(leads).collect();
        if let [(name, index)] = found[..]
            && names.is_own(name)
            && let Some(note) = index.note.as_ref().filter(|note| note.key == escaped)
            // A filter or a routing would hide documents, a write index let others write.
            && index.aliases.get(&alias).is_some_and(|alias| alias.as_object().is_some_and(|a| a.is_empty()))
            && note.complete.is_some()
        {
            return Led::To { index: (*name).clone(), value: note.value };
        }
        if found.is_empty() {
            return Led::Nowhere;
        }
        let is_own =
            found.iter().all(|(name, index)| names.is_own(name) && index.aliases.contains_key(&alias));
        let said: Vec<Value> = found
            .iter()
            .map(|(name, index)| json!({ "index": name, "alias": index.aliases.get(&alias) }))
            .collect();
        let said = canonical_json(&json!({ "another hand's": said })).unwrap_or_default();
        Led::Elsewhere {
            indexes: found.into_iter().map(|(name, _)| name.clone()).collect(),
            is_own,
            said: said.into(),
        }
    }

    /// Returns what a cell is by its alias.
    pub(super) fn seen(&self, names: &Names, escaped: &str) -> Seen {
        let led = self.led(names, escaped);
        Seen { value: led.value(), generation: self.generation(escaped, &led) }
    }

    /// Returns the generation of a cell: its last change, and the index to which its alias leads.
    pub(super) fn generation(&self, escaped: &str, led: &Led) -> Option<Generation> {
        let change = self.changes.get(escaped).copied();
        match led {
            Led::Nowhere => change.map(|change| generation(change, "-")),
            Led::To { index, .. } => Some(generation(change.unwrap_or(0), &self.indexes[index].uuid)),
            Led::Elsewhere { .. } => Some(generation(change.unwrap_or(0), "another")),
        }
    }

    /// Returns the name of the control index's alias that says when a cell changed last; `None` if it never did.
    pub(super) fn noted_change(&self, names: &Names, escaped: &str) -> Option<String> {
        let noted = self.changes.get(escaped).map(|change| names.changed(escaped, *change));
        noted.filter(|alias| self.noted.contains(alias))
    }

    /// Lists the escaped keys of the aliases that lead into the store's indexes.
    pub(super) fn keys(&self, names: &Names) -> BTreeMap<String, String> {
        let aliases = self.indexes.values().flat_map(|index| index.aliases.keys());
        let keys = aliases.filter_map(|alias| Some((names.key_of(alias)?, alias)));
        keys.filter_map(|(key, _)| Some((key.clone(), names.escaped(&key).ok()?))).collect()
    }

    /// Lists the store's indexes that no alias leads to and that are not complete: a build that was not finished.
    pub(super) fn unfinished<'a>(&'a self, names: &'a Names) -> impl Iterator<Item = &'a String> {
        let is_unfinished = |(name, index): &(&String, &Index)| {
            names.is_own(name) && index.note.as_ref().is_some_and(|note| note.complete.is_none())
        };
        self.indexes.iter().filter(is_unfinished).map(|(name, _)| name)
    }
}

pub(super) fn generation(change: u64, uuid: &str) -> Generation {
    Generation::new(format!("{change}.{uuid}"))
}

/// Others change the store all the time.
#[derive(Debug, thiserror::Error)]
#[error("the aliases change while they are looked at")]
struct Restless;
