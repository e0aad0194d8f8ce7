//! The documents of an index, as they are written and as they are found.

use bytes::Bytes;
use kfm_lineage::{Digest, canonical_json};
use kfm_rollback::op::OpError;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::client::{Asked, Body, Client};
use super::picture::Complete;

/// Documents on a page of an index that is read through.
const PAGE_DOCUMENTS: usize = 500;

/// The longest id that a server takes, in bytes.
const ID_BYTES_MAX: usize = 512;

/// What an index has at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) digest: String,
    /// The sum of what the document has now.
    pub(super) sum: Digest,
    /// Whether that is what the document says of itself.
    pub(super) is_whole: bool,
    pub(super) is_unindexed: bool,
    /// The content, of an index that has one document with it.
    content: Option<Value>,
}

/// Returns a document as it is put into an index; `None` of its members if they are no JSON that a server takes.
pub(super) fn source(path: &str, digest: &Digest, bytes: &[u8]) -> Value {
    match serde_json::from_slice::<Map<String, Value>>(bytes) {
        Ok(members) => with_marks(path, digest, members, None),
        Err(_) => unindexed(path, digest, "it is no JSON that the server takes"),
    }
}

/// Returns a document that is there by path and digest alone, and why.
pub(super) fn unindexed(path: &str, digest: &Digest, why: &str) -> Value {
    with_marks(path, digest, Map::new(), Some(why))
}

/// Returns the one document of an index whose content is no listing.
pub(super) fn itself(digest: &Digest, content: &[u8]) -> Option<Value> {
    let content: Value = serde_json::from_slice(content).ok()?;
    let members = Map::from_iter([("content".to_owned(), content)]);
    Some(with_marks("", digest, members, None))
}

fn with_marks(path: &str, digest: &Digest, mut members: Map<String, Value>, why: Option<&str>) -> Value {
    members.remove("kfm");
    let mut marks = json!({ "path": path, "digest": digest.to_string(), "sum": sum(&members).to_string() });
    if let Some(why) = why {
        marks["unindexed"] = why.into();
    }
    members.insert("kfm".to_owned(), marks);
    Value::Object(members)
}

/// Digests the members that are not the store's.
fn sum(members: &Map<String, Value>) -> Digest {
    let text = serde_json::to_vec(members).unwrap_or_default();
    Digest::of_bytes(&text)
}

/// Returns the id of the document at a path.
pub(super) fn id_of(path: &str) -> String {
    match path {
        "" => "content".to_owned(),
        _ if path.len() <= ID_BYTES_MAX => path.to_owned(),
        _ => Digest::of_bytes(path.as_bytes()).to_string(),
    }
}

impl Found {
    fn of(hit: &Value) -> Self {
        let mut members = hit["_source"].as_object().cloned().unwrap_or_default();
        let marks = members.remove("kfm").unwrap_or_default();
        let text = |name: &str| marks[name].as_str().unwrap_or_default().to_owned();
        let sum = sum(&members);
        Self {
            id: hit["_id"].as_str().unwrap_or_default().to_owned(),
            path: text("path"),
            digest: text("digest"),
            is_whole: text("sum") == sum.to_string(),
            sum,
            is_unindexed: marks["unindexed"].is_string(),
            content: members.remove("content"),
        }
    }
}

/// Reads through the documents of an index, in the order of their paths.
#[derive(Debug)]
pub(super) struct Pages<'c> {
    client: &'c Client,
    index: &'c str,
    after: Option<String>,
    is_read: bool,
}

impl<'c> Pages<'c> {
    pub(super) fn of(client: &'c Client, index: &'c str) -> Self {
        Self { client, index, after: None, is_read: false }
    }

    /// Returns the next page; an empty one is the last.
    pub(super) async fn next(&mut self) -> Result<Vec<Found>, OpError> {
        if self.is_read {
            return Ok(Vec::new());
        }
        let mut asked = json!({
            "size": PAGE_DOCUMENTS,
            "track_total_hits": false,
            "query": { "exists": { "field": "kfm.path" } },
            "sort": [{ "kfm.path": "asc" }],
        });
        if let Some(after) = &self.after {
            asked["search_after"] = json!([after]);
        }
        let path = format!("{}/_search?allow_partial_search_results=false", self.index);
        let answer = self.client.look(Method::POST, &path, Body::Json(asked)).await?;
        let hits = answer["hits"]["hits"].as_array().map(Vec::as_slice).unwrap_or_default();
        let page: Vec<Found> = hits.iter().map(Found::of).collect();
        self.is_read = page.len() < PAGE_DOCUMENTS;
        self.after = page.last().map(|last| last.path.clone());
        Ok(page)
    }
}

/// Counts what readers find in an index, documents of others among it.
pub(super) async fn count(client: &Client, index: &str) -> Result<u64, OpError> {
    let answer = client.look(Method::GET, &format!("{index}/_count"), Body::None).await?;
    Ok(answer["count"].as_u64().unwrap_or_default())
}

/// Makes what was written into an index visible.
pub(super) async fn refresh(client: &Client, index: &str) -> Result<(), OpError> {
    client.change(Method::POST, &format!("{index}/_refresh"), Body::None).await.map(drop)
}

/// What the documents of an index add up to.
#[derive(Debug, Default)]
pub(super) struct Sum {
    documents: u64,
    unindexed: u64,
    lines: Vec<u8>,
    chain: Vec<u8>,
}

/// Bytes of lines that are digested together.
const LINES_BYTES: usize = 1 << 20;

impl Sum {
    pub(super) fn add(&mut self, found: &Found) {
        self.documents += 1;
        self.unindexed += u64::from(found.is_unindexed);
        self.lines.extend(format!("{}\0{}\0{}\n", found.path, found.digest, found.sum).bytes());
        if self.lines.len() > LINES_BYTES {
            self.fold();
        }
    }

    fn fold(&mut self) {
        let folded = Digest::of_bytes(&[&self.chain[..], &self.lines[..]].concat());
        self.chain = folded.bytes().to_vec();
        self.lines.clear();
    }

    pub(super) fn complete(mut self, is_listing: bool) -> Complete {
        self.fold();
        let sum = Digest::of_bytes(&self.chain);
        Complete { documents: self.documents, sum, is_listing, unindexed: self.unindexed }
    }
}

/// What readers find in an index that the store has built.
#[derive(Debug)]
pub(super) enum Shown {
    /// What was built.
    AsBuilt,
    /// Another content, of an index whose one document has it.
    Content(Bytes),
    /// Something else: as an object that people can read.
    Something(Bytes),
}

impl Shown {
    /// Reads all of an index.
    pub(super) async fn of(client: &Client, index: &str, built: &Complete) -> Result<Self, OpError> {
        let (mut pages, mut sum, mut content) = (Pages::of(client, index), Sum::default(), None);
        loop {
            let page = pages.next().await?;
            if page.is_empty() {
                break;
            }
            for found in page {
                sum.add(&found);
                content = found.content;
            }
        }
        let all = count(client, index).await?;
        let now = sum.complete(built.is_listing);
        if now == *built && all == built.documents {
            return Ok(Self::AsBuilt);
        }
        if !built.is_listing
            && (now.documents, all) == (1, 1)
            && let Some(content) = content.and_then(|content| canonical_json(&content).ok())
        {
            return Ok(Self::Content(content.into()));
        }
        let said = json!({ "changed by another hand": { "documents": all, "sum": now.sum.to_string() } });
        Ok(Self::Something(canonical_json(&said).unwrap_or_default().into()))
    }
}

/// Returns the content that one document of an index has.
pub(super) async fn content(client: &Client, index: &str) -> Result<Option<Bytes>, OpError> {
    let path = format!("{index}/_doc/content");
    let answer = client.ask(Asked::ToLook, Method::GET, &path, Body::None).await?;
    let content = answer.body["_source"].get("content").and_then(|content| canonical_json(content).ok());
    Ok(content.map(Bytes::from))
}
