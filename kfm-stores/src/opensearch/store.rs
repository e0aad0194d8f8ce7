//! The store in alias mode: what the engine asks, as requests.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::Domain;
use kfm_retry::ErrorClass;
use kfm_rollback::context::WriteContext;
use kfm_rollback::op::{
    Capabilities, CompareAndSet, Depth, DomainOp, Fence as Fenced, Listed, OpError, Outcomes, Probe, Seen,
    Stray, Swap, Swapped, ValueIs,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::build::{Builder, Wanted};
use super::client::{Answer, Asked, Body, Client, said};
use super::indexed::{self, Shown};
use super::names::{Fence, Names};
use super::picture::{self, Led, Picture};
use super::probe;

/// Cells in one call, and so in one change of the cluster's state.
const CELLS_MAX: u32 = 32;

/// How often a swap is made from what stands then, since another writer was faster each time.
const ROUNDS_MAX: usize = 64;

/// Aliases in a search server, each leading to an index of its content.
#[derive(Debug)]
pub(super) struct AliasStore {
    builder: Builder,
}

/// A swap of a batch, and what became of it.
struct Asking<'a> {
    swap: &'a Swap,
    escaped: String,
    content: Option<Bytes>,
    /// The index that was built for it.
    index: Option<String>,
    answer: Option<Result<Swapped, OpError>>,
}

impl AliasStore {
    pub(super) fn new(builder: Builder) -> Self {
        Self { builder }
    }

    fn client(&self) -> &Client {
        &self.builder.client
    }

    fn names(&self) -> &Names {
        &self.builder.names
    }

    fn escaped(&self, keys: &[String]) -> Result<Vec<String>, OpError> {
        keys.iter().map(|key| self.names().escaped(key)).collect()
    }

    async fn picture(&self, escaped: &[String]) -> Result<Picture, OpError> {
        Picture::of(self.client(), self.names(), escaped).await
    }

    /// Makes the control index, if it is not there. Of several that make it, one does.
    async fn make_control(&self) -> Result<(), OpError> {
        let mut settings = self.builder.settings.clone();
        settings["index.hidden"] = true.into();
        let aliases = json!({ self.names().fence(Fence::default()): {} });
        let body = json!({ "settings": settings, "mappings": { "enabled": false }, "aliases": aliases });
        let path = self.names().control();
        let answer = self.client().ask(Asked::ToChange, Method::PUT, &path, Body::Json(body)).await?;
        match answer.refusal() {
            _ if answer.is_ok() => Ok(()),
            "resource_already_exists_exception" => Ok(()),
            _ => Err(self.client().refused("-", &answer)),
        }
    }

    /// Returns the picture of a store that has a control index.
    async fn made_picture(&self, escaped: &[String]) -> Result<(Picture, Fence), OpError> {
        loop {
            let picture = self.picture(escaped).await?;
            if let Some(fence) = picture.fence {
                return Ok((picture, fence));
            }
            self.make_control().await?;
        }
    }

    /// Changes aliases all at once, if nothing was changed since the fence was seen; `false` if something was.
    async fn change(&self, seen: Fence, next: Fence, mut actions: Vec<Value>) -> Result<bool, OpError> {
        let control = self.names().control();
        let mut all = vec![
            json!({ "remove": { "index": control, "alias": self.names().fence(seen), "must_exist": true } }),
            json!({ "add": { "index": control, "alias": self.names().fence(next) } }),
        ];
        all.append(&mut actions);
        let body = Body::Json(json!({ "actions": all }));
        let answer = self.client().ask(Asked::ToChange, Method::POST, "_aliases", body).await?;
        match answer.refusal() {
            // A cluster that has not heard of it on each node may still show the old one there.
            _ if answer.is_ok() && answer.body["acknowledged"] == true && answer.body["errors"] != true => {
                Ok(true)
            }
            _ if answer.is_ok() => {
                let source = "not every node of the cluster has confirmed the change of aliases";
                Err(OpError::unknown(self.name(), ErrorClass::Server, source))
            }
            "aliases_not_found_exception" | "resource_not_found_exception" | "index_not_found_exception" => {
                Ok(false)
            }
            _ => Err(self.not_an_alias(&answer)),
        }
    }

    fn not_an_alias(&self, answer: &Answer) -> OpError {
        if answer.refusal() == "invalid_alias_name_exception" {
            return OpError::Misconfigured {
                store: self.name().to_owned(),
                what: format!(
                    "a name is not free for an alias: {}",
                    said(answer.status, &answer.body["error"])
                ),
                remedy:
                    "remove the index or data stream of that name, or set the key prefix of the store's table"
                        .into(),
            };
        }
        self.client().refused("-", answer)
    }

    /// Returns what readers see at a cell, its content.
    async fn shown(&self, led: &Led, picture: &Picture) -> Result<Option<Bytes>, OpError> {
        let (index, value) = match led {
            Led::Nowhere => return Ok(None),
            Led::Elsewhere { said, .. } => return Ok(Some(said.clone())),
            Led::To { index, value } => (index, value),
        };
        let complete = picture.indexes[index].note.as_ref().and_then(|note| note.complete.as_ref());
        let Some(complete) = complete else { return Ok(None) };
        match Shown::of(self.client(), index, complete).await? {
            Shown::Content(content) | Shown::Something(content) => Ok(Some(content)),
            Shown::AsBuilt if complete.is_listing => {
                let root = self.builder.root(value).await?;
                Ok(Some(root.unwrap_or_else(|| Bytes::from_static(b"\"the root of the listing is lost\""))))
            }
            Shown::AsBuilt => indexed::content(self.client(), index).await,
        }
    }

    /// Reads contents for as long as no index vanishes or changes under it.
    async fn contents(&self, keys: &[String]) -> Result<Vec<(Option<Bytes>, Seen)>, OpError> {
        let escaped = self.escaped(keys)?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let picture = self.picture(&escaped).await?;
        let mut contents = Vec::with_capacity(keys.len());
        for escaped in &escaped {
            let led = picture.led(self.names(), escaped);
            let content = self.shown(&led, &picture).await?;
            let value = content.as_deref().map(kfm_lineage::Digest::of_canonical_bytes);
            contents.push((content, Seen { value, generation: picture.generation(escaped, &led) }));
        }
        Ok(contents)
    }

    /// Builds the index of a swap, if it brings a content.
    async fn build(
        &self,
        cx: &WriteContext,
        asking: &mut Asking<'_>,
        like: &Led,
        but: Option<&str>,
    ) -> Result<(), OpError> {
        let (Some(value), Some(content)) = (asking.swap.to, &asking.content) else { return Ok(()) };
        let like = if let Led::To { index, .. } = like { Some(index.as_str()) } else { None };
        let wanted = Wanted {
            escaped: &asking.escaped,
            value,
            content,
            but,
            like,
            is_checked: but.is_some(),
            may_stop: false,
        };
        asking.index = self.builder.index(cx, wanted).await?;
        Ok(())
    }

    /// Says what becomes of a swap as things stand: an answer, or the actions that make it.
    async fn decide(
        &self,
        cx: &WriteContext,
        asking: &mut Asking<'_>,
        picture: &Picture,
    ) -> Result<Vec<Value>, OpError> {
        let names = self.names();
        let led = picture.led(names, &asking.escaped);
        let mut seen = picture.seen(names, &asking.escaped);
        let is_same =
            |before: &Seen, now: &Seen| before.generation.is_none() || before.generation == now.generation;
        // Only a look at the content tells whether another hand has changed it since.
        let may_be_changed = seen.value.is_some()
            && (seen.value == asking.swap.to
                || seen.value != asking.swap.from.value && is_same(&asking.swap.from, &seen));
        let mut but = None;
        if may_be_changed && let Led::To { index, .. } = &led {
            let content = self.shown(&led, picture).await?;
            let value = content.as_deref().map(kfm_lineage::Digest::of_canonical_bytes);
            if value != seen.value {
                seen.value = value;
                but = Some(index.clone());
            }
        }
        if let Some(swapped) = asking.swap.without_change(&seen) {
            asking.answer = Some(Ok(swapped));
            return Ok(Vec::new());
        }
        if asking.swap.to.is_some() && (asking.index.is_none() || but.is_some() && asking.index == but) {
            self.build(cx, asking, &led, but.as_deref()).await?;
        }
        let alias = names.alias(&asking.escaped);
        let remove =
            |index: &String| json!({ "remove": { "index": index, "alias": alias, "must_exist": true } });
        let mut actions = match &led {
            Led::Nowhere => Vec::new(),
            Led::To { index, .. } => vec![remove(index)],
            Led::Elsewhere { indexes, is_own: true, .. } => indexes.iter().map(remove).collect(),
            Led::Elsewhere { indexes, .. } => {
                asking.answer = Some(Err(OpError::Misconfigured {
                    store: self.name().to_owned(),
                    what: format!(
                        "what readers search under this name is not the store's: name={alias} index={}",
                        indexes.join(",")
                    ),
                    remedy:
                        "remove that alias, index or data stream, or set the key prefix of the store's table"
                            .into(),
                }));
                return Ok(Vec::new());
            }
        };
        if let Some(index) = &asking.index {
            actions.push(json!({ "add": { "index": index, "alias": alias } }));
        }
        Ok(actions)
    }
}

#[async_trait]
impl DomainOp for AliasStore {
    fn name(&self) -> &str {
        self.client().store()
    }

    fn domain(&self) -> Domain {
        Domain::Search
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            put: CompareAndSet::Generation,
            retire: CompareAndSet::Generation,
            fence: Fenced::Token,
            durable_ack: true,
            value_is: ValueIs::Mark,
            cells_max: CELLS_MAX,
            ..Capabilities::default()
        }
    }

    async fn probe(&self) -> Result<Probe, OpError> {
        probe::probe(self.client(), self.names()).await
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, OpError> {
        let picture = Picture::of_all(self.client(), self.names()).await?;
        let keys = picture.keys(self.names()).into_iter();
        let above = keys.filter(|(key, _)| after.is_none_or(|after| key.as_str() > after));
        let listed = |(key, escaped): (String, String)| {
            let seen = picture.seen(self.names(), &escaped);
            (key, Some(seen))
        };
        Ok(above.map(listed).take(limit).collect())
    }

    async fn observe(&self, keys: &[String], depth: Depth) -> Result<Vec<Seen>, OpError> {
        let escaped = self.escaped(keys)?;
        match depth {
            _ if keys.is_empty() => Ok(Vec::new()),
            Depth::Mark => {
                let picture = self.picture(&escaped).await?;
                Ok(escaped.iter().map(|escaped| picture.seen(self.names(), escaped)).collect())
            }
            Depth::Content => Ok(self.contents(keys).await?.into_iter().map(|(_, seen)| seen).collect()),
        }
    }

    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError> {
        Ok(self.contents(keys).await?.into_iter().map(|(content, _)| content).collect())
    }

    async fn strays(&self) -> Result<Vec<Stray>, OpError> {
        let picture = Picture::of_all(self.client(), self.names()).await?;
        let stray = |index: &String| Stray {
            path: index.clone(),
            why: "an index whose building was not finished: the next operation that needs it goes on",
        };
        Ok(picture.unfinished(self.names()).map(stray).collect())
    }

    async fn fence(&self, cx: &WriteContext) -> Result<(), OpError> {
        for _ in 0..ROUNDS_MAX {
            let (_, fence) = self.made_picture(&[self.names().control()]).await?;
            if fence.token > cx.token() {
                return Err(OpError::Fenced { store: self.name().to_owned(), token: cx.token() });
            }
            let next = Fence { token: cx.token(), changes: fence.changes + 1 };
            if fence.token == cx.token() || self.change(fence, next, Vec::new()).await? {
                return Ok(());
            }
        }
        Err(OpError::transient(self.name(), ErrorClass::Transient, Outrun))
    }

    async fn stage(&self, cx: &WriteContext, batch: &[Swap]) -> Result<(), OpError> {
        let keys: Vec<String> = batch.iter().map(|swap| swap.key.clone()).collect();
        let escaped = self.escaped(&keys)?;
        let (picture, _) = self.made_picture(&escaped).await?;
        for (swap, escaped) in batch.iter().zip(&escaped) {
            let (Some(value), false) = (swap.to, cx.interrupted()) else { continue };
            let led = picture.led(self.names(), escaped);
            if led.value() == Some(value) {
                continue;
            }
            let Some(content) = cx.contents(self.name(), std::slice::from_ref(swap)).await.pop() else {
                continue;
            };
            let Some(content) = content? else { continue };
            let wanted = Wanted {
                escaped,
                value,
                content: &content,
                but: None,
                like: if let Led::To { index, .. } = &led { Some(index) } else { None },
                is_checked: true,
                may_stop: true,
            };
            self.builder.index(cx, wanted).await?;
        }
        Ok(())
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        let keys: Vec<String> = batch.iter().map(|swap| swap.key.clone()).collect();
        let escaped = self.escaped(&keys)?;
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        if keys.iter().collect::<BTreeSet<_>>().len() < batch.len() {
            return Err(OpError::permanent(self.name(), "-", Repeated));
        }
        let contents = cx.contents(self.name(), batch).await;
        let mut askings: Vec<Asking<'_>> = Vec::with_capacity(batch.len());
        for ((swap, escaped), content) in batch.iter().zip(escaped.iter().cloned()).zip(contents) {
            let (content, answer) = match content {
                Ok(content) => (content, None),
                Err(in_the_way) => (None, Some(Err(in_the_way))),
            };
            askings.push(Asking { swap, escaped, content, index: None, answer });
        }
        for _ in 0..ROUNDS_MAX {
            let (picture, fence) = self.made_picture(&escaped).await?;
            if fence.token > cx.token() {
                return Err(OpError::Fenced { store: self.name().to_owned(), token: cx.token() });
            }
            let next = Fence { token: cx.token(), changes: fence.changes + 1 };
            let (mut actions, mut made) = (Vec::new(), BTreeMap::new());
            for (place, asking) in
                askings.iter_mut().enumerate().filter(|(_, asking)| asking.answer.is_none())
            {
                match self.decide(cx, asking, &picture).await {
                    Ok(mut own) if asking.answer.is_none() => {
                        if let Some(noted) = picture.noted_change(self.names(), &asking.escaped) {
                            own.push(
                                json!({ "remove": { "index": self.names().control(), "alias": noted } }),
                            );
                        }
                        let changed = self.names().changed(&asking.escaped, next.changes);
                        own.push(json!({ "add": { "index": self.names().control(), "alias": changed } }));
                        actions.append(&mut own);
                        made.insert(place, asking.index.clone());
                    }
                    Ok(_) => {}
                    Err(error) if error.may_pass() => return Err(error),
                    Err(in_the_way) => asking.answer = Some(Err(in_the_way)),
                }
            }
            if made.is_empty() || self.change(fence, next, actions).await? {
                self.tell(&mut askings, next.changes, made).await?;
                return Ok(askings.into_iter().filter_map(|asking| asking.answer).collect());
            }
            // What was decided is as old as the picture.
            for asking in &mut askings {
                if matches!(asking.answer, Some(Ok(_))) {
                    asking.answer = None;
                }
            }
        }
        Err(OpError::transient(self.name(), ErrorClass::Transient, Outrun))
    }

    /// An index that was not finished is gone on with by the next operation that needs it, and no reader sees it.
    async fn recover(&self, _: &WriteContext) -> Result<(), OpError> {
        Ok(())
    }
}

impl AliasStore {
    /// Notes the generations of what was swapped.
    async fn tell(
        &self,
        askings: &mut [Asking<'_>],
        change: u64,
        made: BTreeMap<usize, Option<String>>,
    ) -> Result<(), OpError> {
        for (place, index) in made {
            let uuid = match index {
                Some(index) => {
                    let found = Picture::of_index(self.client(), &index).await?;
                    found.map(|index| index.uuid().to_owned()).unwrap_or_default()
                }
                None => "-".to_owned(),
            };
            let generation = Some(picture::generation(change, &uuid));
            askings[place].answer = Some(Ok(Swapped::Applied { generation }));
        }
        Ok(())
    }
}

/// Other writers were faster each time.
#[derive(Debug, thiserror::Error)]
#[error("other writers change the store all the time")]
struct Outrun;

/// The keys of a batch are distinct by contract.
#[derive(Debug, thiserror::Error)]
#[error("a batch names a cell twice")]
struct Repeated;
