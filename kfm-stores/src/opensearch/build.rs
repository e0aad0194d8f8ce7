//! Builds an index beside: what readers do not see yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kfm_lineage::Digest;
use kfm_retry::{Clock, ErrorClass};
use kfm_rollback::context::WriteContext;
use kfm_rollback::op::OpError;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Asked, Body, Client, said};
use super::entries::{self, Asks};
use super::indexed::{self, Found, Pages, Shown, Sum};
use super::names::Names;
use super::picture::{Complete, Note, Picture};

/// Bytes of documents in one request.
const BULK_BYTES_MAX: usize = 5 << 20;

/// Documents whose contents are read from the version store together.
const READ_DOCUMENTS_MAX: usize = 64;

/// Documents from which on an index is copied within the server, where another one has them.
const COPY_DOCUMENTS_MIN: usize = 200;

/// Documents that a copy leaves out by name, at most: a server takes 65,536.
const LEFT_OUT_MAX: usize = 10_000;

/// Names for indexes of one content: another is taken where the first one was changed by another hand.
const NAMES_MAX: usize = 32;

/// How often a task is asked for.
const TASK_POLL: Duration = Duration::from_millis(100);

/// Builds indexes of one store.
#[derive(Debug)]
pub(super) struct Builder {
    pub(super) client: Client,
    pub(super) names: Names,
    pub(super) mapping: Value,
    /// Whether the mapping has a file of the user's: then indexes that are used again get what it adds.
    pub(super) is_mapping_own: bool,
    pub(super) settings: Value,
    pub(super) clock: Arc<dyn Clock>,
}

/// A content to build an index of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) escaped: &'a str,
    pub(super) value: Digest,
    pub(super) content: &'a Bytes,
    /// An index that is not to be used, since another hand has changed it.
    pub(super) but: Option<&'a str>,
    /// An index that has many of the same documents: the one that the alias leads to.
    pub(super) like: Option<&'a str>,
    /// Whether an index that is complete is read through before it is used again.
    pub(super) is_checked: bool,
    /// Whether to stop where the operation is to stop.
    pub(super) may_stop: bool,
}

impl Builder {
    /// Returns a complete index of a content that no other hand has changed, and builds it if there is none; `None` if it
    /// was stopped before it was complete.
    pub(super) async fn index(
        &self,
        cx: &WriteContext,
        wanted: Wanted<'_>,
    ) -> Result<Option<String>, OpError> {
        for n in 0..NAMES_MAX {
            let index = self.names.index(wanted.escaped, &wanted.value, n);
            if wanted.but == Some(&index) {
                continue;
            }
            let note = Note {
                key: wanted.escaped.to_owned(),
                value: wanted.value,
                built_by: cx.operation().to_string(),
                complete: None,
            };
            let Some(found) = self.found_or_created(&index, &note).await? else { continue };
            match found.note {
                Some(other) if (&other.key, other.value) != (&note.key, note.value) => continue,
                None => continue,
                Some(Note { complete: Some(complete), .. }) => {
                    let is_as_built = !wanted.is_checked
                        || matches!(Shown::of(&self.client, &index, &complete).await?, Shown::AsBuilt);
                    if is_as_built {
                        self.add_to_mapping(&index).await?;
                        return Ok(Some(index));
                    }
                    // What readers see stays as it is until the alias leads elsewhere.
                    if found.is_seen {
                        continue;
                    }
                }
                Some(_) => {}
            }
            let filled = self.fill(cx, &index, wanted).await?;
            let Some(complete) = filled else { return Ok(None) };
            self.note(&index, &Note { complete: Some(complete), ..note }).await?;
            return Ok(Some(index));
        }
        Err(self.permanent(wanted.escaped, "too many indexes of one content were changed by another hand"))
    }

    async fn found_or_created(&self, index: &str, note: &Note) -> Result<Option<Standing>, OpError> {
        if let Some(found) = Picture::of_index(&self.client, index).await? {
            return Ok(Some(Standing { is_seen: found.is_seen(), note: found.note }));
        }
        let mut mapping = self.mapping.clone();
        mapping["_meta"] = json!({ "kfm": note });
        let body = json!({ "settings": self.settings, "mappings": mapping });
        let answer = self.client.ask(Asked::ToChange, Method::PUT, index, Body::Json(body)).await?;
        match answer.refusal() {
            _ if answer.is_ok() => Ok(Some(Standing { is_seen: false, note: Some(note.clone()) })),
            "resource_already_exists_exception" => {
                let found = Picture::of_index(&self.client, index).await?;
                Ok(found.map(|found| Standing { is_seen: found.is_seen(), note: found.note }))
            }
            "mapper_parsing_exception" | "illegal_argument_exception" | "settings_exception" => Err(self
                .misconfigured(
                    format!("an index cannot be made: {}", said(answer.status, &answer.body["error"])),
                    "repair the keys mapping, shards and replicas of the store's table",
                )),
            _ => Err(self.client.refused(&note.key, &answer)),
        }
    }

    /// Adds fields of the user's mapping to an index that is used again. A change that is no addition is refused by the
    /// server.
    async fn add_to_mapping(&self, index: &str) -> Result<(), OpError> {
        if !self.is_mapping_own {
            return Ok(());
        }
        let body = json!({ "properties": self.mapping["properties"] });
        let path = format!("{index}/_mapping");
        let answer = self.client.ask(Asked::ToChange, Method::PUT, &path, Body::Json(body)).await?;
        if answer.is_ok() {
            return Ok(());
        }
        Err(self.misconfigured(
            format!("the mapping is no addition to that of {index}: {}", said(answer.status, &answer.body["error"])),
            "add fields to the file of the key mapping, and change none: a field of another type needs another name",
        ))
    }

    async fn note(&self, index: &str, note: &Note) -> Result<(), OpError> {
        let body = json!({ "_meta": { "kfm": note } });
        self.client.change(Method::PUT, &format!("{index}/_mapping"), Body::Json(body)).await.map(drop)
    }

    /// Fills an index that no reader sees, and returns what is in it then; `None` if it was stopped.
    async fn fill(
        &self,
        cx: &WriteContext,
        index: &str,
        wanted: Wanted<'_>,
    ) -> Result<Option<Complete>, OpError> {
        let store = self.client.store();
        let documents = match entries::of(cx, store, wanted.content).await? {
            Asks::Itself => {
                let source = indexed::itself(&wanted.value, wanted.content);
                let source =
                    source.ok_or_else(|| self.permanent(wanted.escaped, "the content is no JSON"))?;
                let mut bulk = Bulk::default();
                bulk.put("", &source);
                self.send(index, bulk).await?;
                vec![(String::new(), wanted.value)]
            }
            Asks::Documents(documents) => {
                self.keep_root(&wanted).await?;
                if !self.copy(cx, index, wanted, &documents).await? {
                    return Ok(None);
                }
                if !self.mend(cx, index, &documents, wanted.may_stop).await? {
                    return Ok(None);
                }
                documents
            }
        };
        let is_listing = documents[..] != [(String::new(), wanted.value)];
        let (sum, differs) = self.compare(index, &documents).await?;
        let complete = sum.complete(is_listing);
        let all = indexed::count(&self.client, index).await?;
        if !differs.is_nothing() || all != documents.len() as u64 {
            // Another hand, or another build, writes into it.
            let said = format!("an index is not what was put into it: index={index} documents={all}");
            return Err(OpError::transient(store, ErrorClass::Transient, said));
        }
        Ok(Some(complete))
    }

    /// Keeps the root of a listing in the control index, where no search for documents finds it.
    async fn keep_root(&self, wanted: &Wanted<'_>) -> Result<(), OpError> {
        let text = String::from_utf8_lossy(wanted.content);
        let path = format!("{}/_doc/{}", self.names.control(), wanted.value);
        self.client.change(Method::PUT, &path, Body::Json(json!({ "content": text }))).await.map(drop)
    }

    /// Returns the root of a listing that was kept.
    pub(super) async fn root(&self, value: &Digest) -> Result<Option<Bytes>, OpError> {
        let path = format!("{}/_doc/{value}", self.names.control());
        let answer = self.client.ask(Asked::ToLook, Method::GET, &path, Body::None).await?;
        let content = answer.body["_source"]["content"].as_str().map(|text| Bytes::from(text.to_owned()));
        Ok(content.filter(|content| value.matches(content)))
    }

    /// Copies what another index has of the same documents, within the server; `false` if it was stopped.
    async fn copy(
        &self,
        cx: &WriteContext,
        index: &str,
        wanted: Wanted<'_>,
        documents: &[(String, Digest)],
    ) -> Result<bool, OpError> {
        let Some(like) = wanted.like.filter(|like| *like != index) else { return Ok(true) };
        if documents.len() < COPY_DOCUMENTS_MIN || indexed::count(&self.client, index).await? > 0 {
            return Ok(true);
        }
        let Some(Note { value, .. }) =
            Picture::of_index(&self.client, like).await?.and_then(|index| index.note)
        else {
            return Ok(true);
        };
        let Some(root) = self.root(&value).await? else { return Ok(true) };
        // Nodes that are lost are no reason to fail: the documents are read one by one then.
        let Ok(Asks::Documents(there)) = entries::of(cx, self.client.store(), &root).await else {
            return Ok(true);
        };
        let planned: BTreeSet<&(String, Digest)> = documents.iter().collect();
        let left_out: Vec<&str> =
            there.iter().filter(|entry| !planned.contains(entry)).map(|(path, _)| path.as_str()).collect();
        if left_out.len() > LEFT_OUT_MAX || left_out.len() * 2 > there.len() {
            return Ok(true);
        }
        let body = json!({
            "conflicts": "proceed",
            "source": { "index": like, "query": { "bool": { "must_not": { "terms": { "kfm.path": left_out } } } } },
            "dest": { "index": index, "op_type": "create" },
        });
        let path = "_reindex?wait_for_completion=false";
        let answer = self.client.ask(Asked::ToChange, Method::POST, path, Body::Json(body)).await?;
        match answer.body["task"].as_str() {
            Some(task) => self.wait(cx, task, wanted.may_stop).await,
            // A server without the module.
            None if matches!(answer.status, 400 | 404 | 405) => Ok(true),
            None => Err(self.client.refused(wanted.escaped, &answer)),
        }
    }

    /// Waits for a task, tells of its progress, and cancels it where the operation is to stop: `false`.
    async fn wait(&self, cx: &WriteContext, task: &str, may_stop: bool) -> Result<bool, OpError> {
        let path = format!("_tasks/{task}");
        loop {
            let answer = self.client.ask(Asked::ToLook, Method::GET, &path, Body::None).await?;
            if answer.status == 404 {
                // The node that ran it has gone: what is missing is put in one by one.
                return Ok(true);
            }
            if !answer.is_ok() {
                return Err(self.client.refused("-", &answer));
            }
            cx.progress(answer.body["task"]["status"]["created"].as_u64().unwrap_or_default());
            if answer.body["completed"] == true {
                return match Ended::of(&answer.body) {
                    Ended::Done => Ok(true),
                    Ended::Failed(said) => {
                        Err(OpError::transient(self.client.store(), ErrorClass::Server, said))
                    }
                    Ended::Refused(said) => Err(self.permanent("-", said)),
                };
            }
            if may_stop && cx.interrupted() {
                let cancel = format!("{path}/_cancel");
                self.client.ask(Asked::ToChange, Method::POST, &cancel, Body::None).await?;
                return Ok(false);
            }
            self.clock.sleep(TASK_POLL).await;
        }
    }

    /// Puts in what is missing or is not as it should be, and takes out what should not be there; `false` if it was
    /// stopped.
    async fn mend(
        &self,
        cx: &WriteContext,
        index: &str,
        documents: &[(String, Digest)],
        may_stop: bool,
    ) -> Result<bool, OpError> {
        let (_, differs) = self.compare(index, documents).await?;
        let mut bulk = Bulk::default();
        for id in &differs.extra {
            bulk.delete(id);
        }
        let mut done = documents.len() - differs.missing.len();
        for places in differs.missing.chunks(READ_DOCUMENTS_MAX) {
            let digests: Vec<Digest> = places.iter().map(|&place| documents[place].1).collect();
            let contents = entries::contents(cx, self.client.store(), &digests).await;
            for (&place, content) in places.iter().zip(contents) {
                let (path, digest) = &documents[place];
                bulk.put(path, &indexed::source(path, digest, &content?));
                if bulk.lines.len() > BULK_BYTES_MAX {
                    self.send(index, std::mem::take(&mut bulk)).await?;
                }
            }
            done += places.len();
            cx.progress(done as u64);
            if may_stop && cx.interrupted() {
                return Ok(false);
            }
        }
        self.send(index, bulk).await?;
        Ok(true)
    }

    /// Compares an index with the documents that it should have.
    async fn compare(&self, index: &str, documents: &[(String, Digest)]) -> Result<(Sum, Differs), OpError> {
        indexed::refresh(&self.client, index).await?;
        let places: BTreeMap<&str, usize> =
            documents.iter().enumerate().map(|(place, (path, _))| (path.as_str(), place)).collect();
        let (mut pages, mut sum, mut extra) = (Pages::of(&self.client, index), Sum::default(), Vec::new());
        let mut missing: BTreeSet<usize> = (0..documents.len()).collect();
        loop {
            let page = pages.next().await?;
            if page.is_empty() {
                break;
            }
            for found in page {
                sum.add(&found);
                match places.get(found.path.as_str()) {
                    Some(&place) if found.is_of(&documents[place]) => drop(missing.remove(&place)),
                    Some(_) if found.id == indexed::id_of(&found.path) => {}
                    _ => extra.push(found.id),
                }
            }
        }
        Ok((sum, Differs { missing: missing.into_iter().collect(), extra }))
    }

    /// Sends changes. A document that the server refuses for what it holds is put in by its path and digest alone.
    async fn send(&self, index: &str, bulk: Bulk) -> Result<(), OpError> {
        let mut bulk = bulk;
        while !bulk.lines.is_empty() {
            let path = format!("{index}/_bulk");
            let body = Body::Lines(std::mem::take(&mut bulk.lines));
            let answer = self.client.change(Method::POST, &path, body).await?;
            let mut again = Bulk::default();
            let items = answer["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            if items.len() != bulk.put.len() {
                return Err(OpError::transient(
                    self.client.store(),
                    ErrorClass::Server,
                    "an answer without an end",
                ));
            }
            for (item, put) in items.iter().zip(bulk.put) {
                let result = item.as_object().and_then(|item| item.values().next()).unwrap_or(&Value::Null);
                let status =
                    result["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(0);
                match (status, put) {
                    (200..=299, _) | (404, None) => {}
                    (400, Some((path, digest))) if !again.put.iter().flatten().any(|(p, _)| *p == path) => {
                        let kind = result["error"]["type"].as_str().unwrap_or("it is refused").to_owned();
                        let Ok(digest) = digest.parse() else { continue };
                        again.put(&path, &indexed::unindexed(&path, &digest, &kind));
                    }
                    (429, _) => {
                        let said = said(status, &result["error"]);
                        return Err(OpError::transient(self.client.store(), ErrorClass::RateLimited, said));
                    }
                    (500..=599, _) | (409, _) => {
                        let said = said(status, &result["error"]);
                        return Err(OpError::transient(self.client.store(), ErrorClass::Server, said));
                    }
                    (_, put) => {
                        let key = put.map_or_else(|| "-".to_owned(), |(path, _)| path);
                        return Err(self.permanent(&key, said(status, &result["error"])));
                    }
                }
            }
            bulk = again;
        }
        Ok(())
    }

    fn permanent(&self, key: &str, why: impl Into<String>) -> OpError {
        OpError::permanent(self.client.store(), key, why.into())
    }

    fn misconfigured(&self, what: String, remedy: &str) -> OpError {
        OpError::Misconfigured { store: self.client.store().to_owned(), what, remedy: remedy.to_owned() }
    }
}

/// An index as it stands.
struct Standing {
    is_seen: bool,
    note: Option<Note>,
}

/// Where an index is not what it should be.
#[derive(Debug, Default)]
struct Differs {
    /// Places of documents that are missing, or are not as they should be.
    missing: Vec<usize>,
    /// Ids of documents that should not be there.
    extra: Vec<String>,
}

impl Differs {
    fn is_nothing(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty()
    }
}

impl Found {
    /// Says whether it is what the store puts into an index for this document.
    fn is_of(&self, (path, digest): &(String, Digest)) -> bool {
        self.is_whole && self.id == indexed::id_of(path) && self.digest == digest.to_string()
    }
}

/// Changes of documents, to be sent together.
#[derive(Debug, Default)]
struct Bulk {
    lines: String,
    /// For each change the path and digest that it puts in; `None` where it takes out.
    put: Vec<Option<(String, String)>>,
}

impl Bulk {
    fn put(&mut self, path: &str, source: &Value) {
        let action = json!({ "index": { "_id": indexed::id_of(path) } });
        self.lines.push_str(&format!("{action}\n{source}\n"));
        let digest = source["kfm"]["digest"].as_str().unwrap_or_default().to_owned();
        self.put.push(Some((path.to_owned(), digest)));
    }

    fn delete(&mut self, id: &str) {
        self.lines.push_str(&format!("{}\n", json!({ "delete": { "_id": id } })));
        self.put.push(None);
    }
}

/// How a task ended. A server says `completed` of all of them.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Done,
    /// It may pass.
    Failed(String),
    /// Trying again brings the same.
    Refused(String),
}

impl Ended {
    fn of(answer: &Value) -> Self {
        if answer["error"].is_object() {
            // The task itself: its source is missing, or the cluster could not go on.
            return match answer["error"]["type"].as_str() {
                Some("index_not_found_exception") => Self::Done,
                _ => Self::Failed(said(0, &answer["error"])),
            };
        }
        // Documents, inside what looks like a success.
        let failures = answer["response"]["failures"].as_array().map(Vec::as_slice).unwrap_or_default();
        match failures.first() {
            None => Self::Done,
            Some(first) => {
                let cause = if first["cause"].is_object() { &first["cause"] } else { &first["reason"] };
                let status =
                    first["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(0);
                let said = format!(
                    "{} documents were not copied, the first one: {}",
                    failures.len(),
                    said(status, cause)
                );
                // Those that may pass are refused for the moment; the others would be refused again.
                if matches!(status, 429 | 500..=599) { Self::Failed(said) } else { Self::Refused(said) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_failed_is_seen_also_inside_a_success() {
        let done = json!({ "completed": true, "response": { "created": 3, "failures": [] } });
        assert_eq!(Ended::of(&done), Ended::Done);
        let failure = |status| {
            json!({ "completed": true, "response": { "created": 0, "failures": [
                { "id": "a", "status": status, "cause": { "type": "mapper_parsing_exception", "reason": "x" } },
            ] } })
        };
        assert!(matches!(Ended::of(&failure(400)), Ended::Refused(said) if said.contains("1 documents")));
        assert!(matches!(Ended::of(&failure(429)), Ended::Failed(_)));
        let error = json!({ "completed": true, "error": { "type": "search_phase_execution_exception", "reason": "x" } });
        assert!(matches!(Ended::of(&error), Ended::Failed(said) if said.contains("search_phase")));
        // What is not there cannot be copied: its documents are put in one by one.
        let missing =
            json!({ "completed": true, "error": { "type": "index_not_found_exception", "reason": "x" } });
        assert_eq!(Ended::of(&missing), Ended::Done);
    }
}
