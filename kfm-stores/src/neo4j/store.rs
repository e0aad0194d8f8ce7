//! The store: what the engine asks, as statements.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::document_path;
use kfm_lineage::{Digest, Domain, Value};
use kfm_rollback::context::WriteContext;
use kfm_rollback::op::{
    Capabilities, CompareAndSet, Depth, DomainOp, Fence, Generation, Listed, Misconfigured, OpError,
    Outcomes, Probe, Seen, Stray, Swap, Swapped, ValueIs,
};
use serde_json::json;

use super::client::{Asked, Client};
use super::content::{Content, NotHeld};

/// Cells in one call: a thousand with relationships take a second or more, and hold the fence as long.
const CELLS_MAX: u32 = 500;

/// Cells whose contents are asked for together.
const READ_CELLS_MAX: usize = 64;

/// Bytes of contents in one statement, and with them the memory of its transaction.
const STATEMENT_BYTES_MAX: usize = 8 << 20;

/// Cells on a page of a listing.
const PAGE_CELLS_MAX: usize = 10_000;

/// What the store needs, by name; `SHOW CONSTRAINTS` has the names.
const CONSTRAINTS: [(&str, &str); 4] = [
    ("kfm_node", "FOR (n:KfmNode) REQUIRE (n.kfm_graph, n.kfm_id) IS UNIQUE"),
    ("kfm_version", "FOR (n:KfmVersion) REQUIRE (n.kfm_graph, n.kfm_of, n.v) IS UNIQUE"),
    ("kfm_bare", "FOR (n:KfmBare) REQUIRE (n.kfm_graph, n.kfm_label, n.id) IS UNIQUE"),
    ("kfm_fence", "FOR (n:KfmFence) REQUIRE n.kfm_graph IS UNIQUE"),
];

/// The first version whose Cypher sets labels and types from parameters.
const VERSION_MIN: (u32, u32) = (5, 26);

/// A graph in a database of Neo4j.
#[derive(Debug)]
pub(super) struct Neo4jStore {
    graph: String,
    client: Client,
    /// Whether the constraints were there when this process looked. Without one, the fence's lock still lets in one
    /// writer at a time; lookups are slow.
    is_ready: AtomicBool,
}

/// A swap with the content that it brings, as a statement takes it.
struct Row {
    /// Its place in the batch.
    place: usize,
    content: Option<Content>,
    /// Whether the current version is written anew, since another hand changed it.
    again: bool,
}

impl Neo4jStore {
    pub(super) fn new(graph: &str, client: Client) -> Self {
        Self { graph: graph.to_owned(), client, is_ready: AtomicBool::new(false) }
    }

    async fn look(
        &self,
        statement: &str,
        parameters: serde_json::Value,
    ) -> Result<Vec<serde_json::Value>, OpError> {
        self.client.run(Asked::ToLook, statement, parameters).await
    }

    /// Names the constraints that the database has, of those that the store needs.
    async fn constraints(&self) -> Result<BTreeSet<String>, OpError> {
        let rows = self.look("SHOW CONSTRAINTS YIELD name RETURN name", json!({})).await?;
        Ok(rows.iter().filter_map(|row| row[0].as_str().map(str::to_owned)).collect())
    }

    /// Makes the constraints that are missing: by the first call of a process that changes something.
    async fn make_ready(&self) -> Result<(), OpError> {
        if self.is_ready.load(Ordering::Relaxed) {
            return Ok(());
        }
        let standing = self.constraints().await?;
        for (name, what) in CONSTRAINTS.iter().filter(|(name, _)| !standing.contains(*name)) {
            let statement = format!("CREATE CONSTRAINT {name} IF NOT EXISTS {what}");
            self.client.run(Asked::ToChange, &statement, json!({})).await?;
        }
        self.is_ready.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn check_keys<'k>(&self, keys: impl IntoIterator<Item = &'k str>) -> Result<(), OpError> {
        let refused = |key: &str| {
            let why = document_path::fault_of(key)?;
            Some(OpError::InvalidKey { store: self.name().to_owned(), key: document_path::shown(key), why })
        };
        keys.into_iter().find_map(refused).map_or(Ok(()), Err)
    }

    fn permanent(&self, key: &str, source: impl std::error::Error + Send + Sync + 'static) -> OpError {
        OpError::permanent(self.name(), key, Box::new(source) as Box<dyn std::error::Error + Send + Sync>)
    }

    /// Reads a mark.
    fn seen(
        &self,
        key: &str,
        value: &serde_json::Value,
        generation: &serde_json::Value,
    ) -> Result<Seen, OpError> {
        let digest = |text: &str| text.parse().map_err(|error| self.permanent(key, NoMark { source: error }));
        let value: Value = value.as_str().map(digest).transpose()?;
        Ok(Seen { value, generation: Some(Generation::new(generation.to_string())) })
    }

    async fn marks(&self, keys: &[String]) -> Result<Vec<Seen>, OpError> {
        let rows = self
            .look(include_str!("cypher/marks.cypher"), json!({ "graph": self.graph, "keys": keys }))
            .await?;
        let seen = rows.iter().zip(keys).map(|(row, key)| self.seen(key, &row[1], &row[2])).collect();
        self.one_for_each(keys, seen)
    }

    /// Looks at what readers see.
    async fn contents(&self, keys: &[String]) -> Result<Vec<(Option<Bytes>, Generation)>, OpError> {
        let mut contents = Vec::with_capacity(keys.len());
        for keys in keys.chunks(READ_CELLS_MAX) {
            let parameters = json!({ "graph": self.graph, "keys": keys });
            let rows = self.look(include_str!("cypher/contents.cypher"), parameters).await?;
            let rows = self.one_for_each(keys, Ok(rows))?;
            contents.extend(rows.iter().map(|row| {
                let versions: Vec<Bytes> = row[2]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|version| Content::of_version(&version[0], &version[1], &version[2]))
                    .collect();
                let content = match &versions[..] {
                    [] => None,
                    [content] => Some(content.clone()),
                    several => Some(Content::of_several(several)),
                };
                (content, Generation::new(row[1].to_string()))
            }));
        }
        Ok(contents)
    }

    fn one_for_each<T>(&self, keys: &[String], answers: Result<Vec<T>, OpError>) -> Result<Vec<T>, OpError> {
        let answers = answers?;
        if answers.len() == keys.len() { Ok(answers) } else { Err(self.permanent("-", NotWhole)) }
    }

    /// Swaps rows in one transaction; the answers are put into their places.
    async fn make(
        &self,
        cx: &WriteContext,
        batch: &[Swap],
        mut rows: Vec<Row>,
        answers: &mut [Option<Result<Swapped, OpError>>],
    ) -> Result<(), OpError> {
        rows.sort_by(|a, b| batch[a.place].key.cmp(&batch[b.place].key));
        let given: Vec<serde_json::Value> = rows.iter().map(|row| given(&batch[row.place], row)).collect();
        let parameters = json!({
            "graph": self.graph,
            "token": cx.token(),
            "now": cx.now().to_string(),
            "operation": cx.operation().as_str(),
            "rows": given,
        });
        let answer = self.client.run(Asked::ToChange, include_str!("cypher/swap.cypher"), parameters).await?;
        self.refuse_fenced(&answer, cx.token())?;
        let outcomes = answer.first().and_then(|row| row[1].as_array()).map_or(&[][..], Vec::as_slice);
        let outcomes: BTreeMap<&str, &serde_json::Value> =
            outcomes.iter().filter_map(|outcome| Some((outcome[0].as_str()?, outcome))).collect();
        for row in rows {
            let swap = &batch[row.place];
            let outcome =
                outcomes.get(swap.key.as_str()).ok_or_else(|| self.permanent(&swap.key, NotWhole))?;
            let observed = self.seen(&swap.key, &outcome[2], &outcome[3])?;
            let swapped = match outcome[1].as_str() {
                Some("applied") => {
                    let generation = outcome[3].as_u64().unwrap_or_default() + 1;
                    Swapped::Applied { generation: Some(Generation::new(generation.to_string())) }
                }
                Some("already") => Swapped::Already { generation: observed.generation },
                _ => Swapped::Conflict { observed },
            };
            answers[row.place] = Some(Ok(swapped));
        }
        Ok(())
    }

    fn refuse_fenced(&self, answer: &[serde_json::Value], token: u64) -> Result<(), OpError> {
        let fence =
            answer.first().and_then(|row| row[0].as_u64()).ok_or_else(|| self.permanent("-", NotWhole))?;
        if fence > token { Err(OpError::Fenced { store: self.name().to_owned(), token }) } else { Ok(()) }
    }

    /// Looks at the contents of cells whose mark says that they are swapped already. What another hand made of one is
    /// mended if the swap is from just that, and is in the way otherwise.
    async fn settle_already(
        &self,
        cx: &WriteContext,
        batch: &[Swap],
        answers: &mut [Option<Result<Swapped, OpError>>],
    ) -> Result<(), OpError> {
        let is_already = |place: &usize| {
            matches!(answers[*place], Some(Ok(Swapped::Already { .. }))) && batch[*place].to.is_some()
        };
        let places: Vec<usize> = (0..batch.len()).filter(is_already).collect();
        let keys: Vec<String> = places.iter().map(|&place| batch[place].key.clone()).collect();
        for (place, (content, generation)) in places.into_iter().zip(self.contents(&keys).await?) {
            let swap = &batch[place];
            let value = content.as_deref().map(Digest::of_canonical_bytes);
            if value == swap.to {
                continue;
            }
            let observed = Seen { value, generation: Some(generation) };
            if swap.from == observed {
                let content = cx.contents(self.name(), std::slice::from_ref(swap)).await.pop();
                let content = content.ok_or_else(|| self.permanent(&swap.key, NotWhole))?;
                match content.and_then(|content| self.held(&swap.key, content)) {
                    Ok(content) => {
                        self.make(cx, batch, vec![Row { place, content, again: true }], answers).await?;
                    }
                    Err(in_the_way) => answers[place] = Some(Err(in_the_way)),
                }
            } else {
                answers[place] = Some(Ok(Swapped::Conflict { observed }));
            }
        }
        Ok(())
    }

    fn held(&self, key: &str, content: Option<Bytes>) -> Result<Option<Content>, OpError> {
        let parse =
            |content: Bytes| Content::parse(&content).map_err(|error: NotHeld| self.permanent(key, error));
        content.map(parse).transpose()
    }
}

/// Writes a swap as a row of the statement.
fn given(swap: &Swap, row: &Row) -> serde_json::Value {
    let text = |value: &Value| value.map(|digest| digest.to_string());
    let generation =
        swap.from.generation.as_ref().and_then(|generation| generation.as_str().parse::<u64>().ok());
    let content = row.content.as_ref();
    json!({
        "key": swap.key,
        "from": text(&swap.from.value),
        "generation": generation,
        "to": text(&swap.to),
        "again": row.again,
        "labels": content.map(|content| &content.labels),
        "properties": content.map(|content| &content.properties),
        "relationships": content.map(|content| &content.relationships),
    })
}

#[async_trait]
impl DomainOp for Neo4jStore {
    fn name(&self) -> &str {
        self.client.store()
    }

    fn domain(&self) -> Domain {
        Domain::Graph
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            put: CompareAndSet::Generation,
            retire: CompareAndSet::Generation,
            fence: Fence::Token,
            durable_ack: true,
            value_is: ValueIs::Mark,
            cells_max: CELLS_MAX,
            ..Capabilities::default()
        }
    }

    fn form(&self, key: &str, content: Bytes) -> Result<(Digest, Bytes), OpError> {
        self.held(key, Some(content.clone()))?;
        Ok((Digest::of_canonical_bytes(&content), content))
    }

    async fn probe(&self) -> Result<Probe, OpError> {
        let components = "CALL dbms.components() YIELD name, versions, edition RETURN versions[0], edition";
        let components = self.look(components, json!({})).await?;
        let text =
            |n: usize| components.first().and_then(|row| row[n].as_str()).unwrap_or("unknown").to_owned();
        let mut probe = Probe::healthy(format!("Neo4j {}", text(1)), text(0));
        let mut find = |what: String, remedy: &str, breaks_promise| {
            probe.findings.push(Misconfigured { what, remedy: remedy.to_owned(), breaks_promise });
        };
        if is_before(&text(0), VERSION_MIN) {
            find("its Cypher is older than the store's".into(), "use Neo4j 5.26 or later", true);
        }
        let standing = self.constraints().await?;
        let missing: Vec<&str> =
            CONSTRAINTS.iter().map(|(name, _)| *name).filter(|name| !standing.contains(*name)).collect();
        if !missing.is_empty() {
            find(
                format!("constraints are missing: {}", missing.join(" ")),
                "the next operation makes them, if the user may; docs/guides/neo4j.md has them",
                false,
            );
        }
        // Only an administrator may ask, on some servers.
        let limit = "SHOW SETTINGS 'db.transaction.timeout' YIELD value RETURN value";
        if let Ok(rows) = self.look(limit, json!({})).await
            && rows.first().and_then(|row| row[0].as_str()).is_some_and(|limit| limit.starts_with("0"))
        {
            find(
                "a transaction has no time-out: one that hangs keeps the fence's lock".into(),
                "set db.transaction.timeout to 60s, below the store's timeout",
                false,
            );
        }
        Ok(probe)
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, OpError> {
        let parameters = json!({
            "graph": self.graph,
            // No key is empty.
            "after": after.unwrap_or(""),
            "limit": limit.min(PAGE_CELLS_MAX),
        });
        let rows = self.look(include_str!("cypher/scan.cypher"), parameters).await?;
        let listed = |row: &serde_json::Value| {
            let key = row[0].as_str().unwrap_or_default();
            Ok((key.to_owned(), Some(self.seen(key, &row[1], &row[2])?)))
        };
        rows.iter().map(listed).collect()
    }

    async fn observe(&self, keys: &[String], depth: Depth) -> Result<Vec<Seen>, OpError> {
        self.check_keys(keys.iter().map(String::as_str))?;
        match depth {
            _ if keys.is_empty() => Ok(Vec::new()),
            Depth::Mark => self.marks(keys).await,
            Depth::Content => {
                let seen = |(content, generation): (Option<Bytes>, Generation)| Seen {
                    value: content.as_deref().map(Digest::of_canonical_bytes),
                    generation: Some(generation),
                };
                Ok(self.contents(keys).await?.into_iter().map(seen).collect())
            }
        }
    }

    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError> {
        self.check_keys(keys.iter().map(String::as_str))?;
        Ok(self.contents(keys).await?.into_iter().map(|(content, _)| content).collect())
    }

    async fn strays(&self) -> Result<Vec<Stray>, OpError> {
        let rows = self.look(include_str!("cypher/strays.cypher"), json!({ "graph": self.graph })).await?;
        let stray = |row: &serde_json::Value| Stray {
            path: row[0].as_str().unwrap_or_default().to_owned(),
            why: "a version whose time has no end, and that is not the current one of a node",
        };
        Ok(rows.iter().map(stray).collect())
    }

    async fn fence(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.make_ready().await?;
        let parameters = json!({ "graph": self.graph, "token": cx.token() });
        let answer =
            self.client.run(Asked::ToChange, include_str!("cypher/fence.cypher"), parameters).await?;
        self.refuse_fenced(&answer, cx.token())
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        self.check_keys(batch.iter().map(|swap| swap.key.as_str()))?;
        let keys: BTreeSet<&str> = batch.iter().map(|swap| swap.key.as_str()).collect();
        if keys.len() < batch.len() {
            return Err(self.permanent("-", Repeated));
        }
        self.make_ready().await?;
        let mut answers: Vec<_> = batch.iter().map(|_| None).collect();
        let (mut rows, mut bytes) = (Vec::new(), 0);
        for (swaps, first) in batch.chunks(READ_CELLS_MAX).zip((0..).step_by(READ_CELLS_MAX)) {
            let contents = cx.contents(self.name(), swaps).await;
            for ((swap, content), place) in swaps.iter().zip(contents).zip(first..) {
                let size = content.as_ref().ok().and_then(Option::as_ref).map_or(0, Bytes::len);
                if bytes + size > STATEMENT_BYTES_MAX && !rows.is_empty() {
                    self.make(cx, batch, std::mem::take(&mut rows), &mut answers).await?;
                    bytes = 0;
                }
                match content.and_then(|content| self.held(&swap.key, content)) {
                    Ok(content) => {
                        rows.push(Row { place, content, again: false });
                        bytes += size;
                    }
                    Err(in_the_way) => answers[place] = Some(Err(in_the_way)),
                }
            }
        }
        if !rows.is_empty() {
            self.make(cx, batch, rows, &mut answers).await?;
        }
        self.settle_already(cx, batch, &mut answers).await?;
        answers.into_iter().map(|answer| answer.ok_or_else(|| self.permanent("-", NotWhole))).collect()
    }

    /// A transaction is whole or not there: a crash leaves nothing.
    async fn recover(&self, _: &WriteContext) -> Result<(), OpError> {
        Ok(())
    }
}

/// Says whether a version such as `5.26.30`, `5.27-aura` or `2025.10.1` comes before another.
fn is_before(version: &str, least: (u32, u32)) -> bool {
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    version < least
}

/// Another hand wrote the property.
#[derive(Debug, thiserror::Error)]
#[error("the property v of a KfmNode is not a digest, another hand wrote it")]
struct NoMark {
    source: kfm_lineage::DigestError,
}

/// A server that answers so is not one that the store knows.
#[derive(Debug, thiserror::Error)]
#[error("Neo4j's answer is not one for each cell")]
struct NotWhole;

/// The keys of a batch are distinct by contract.
#[derive(Debug, thiserror::Error)]
#[error("a batch names a cell twice")]
struct Repeated;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (version, expected) in [("5.9.0", true), ("5.25.1", true), ("4.4.40", true), ("5.26.30", false)] {
            assert_eq!(is_before(version, VERSION_MIN), expected, "{version}");
        }
        for version in ["5.27-aura", "2025.10.1", "2026.08.1"] {
            assert!(!is_before(version, VERSION_MIN), "{version}");
        }
    }
}
