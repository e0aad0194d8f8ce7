//! The engine under test: the real one, on stores in memory, so that a history costs the log and not the disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use kfm_lineage::{Digest, Domain, canonical_json};
use kfm_policy::Remedy;
use kfm_rollback::memory::MemoryOp;
use kfm_rollback::op::DomainOpExt;
use kfm_rollback::report::{ExecuteReport, SkippedLine, Status};
use kfm_rollback::{Error, ExecuteRequest, HotfixDone, HotfixRequest, PlanRequest, PlanTarget, Platform};
use kfm_telemetry::MemorySink;
use kfm_wal::record::Correction;
use serde_json::{Value, json};

use super::choose::{RollBack, Stop};
use super::oracle::{Answer, Cell, Left, Oracle, corrected};
use crate::support::World;

/// The engine on a small platform.
pub struct Engine {
    world: World,
    catalog: MemoryOp,
    graph: MemoryOp,
    search: MemoryOp,
    cache: MemoryOp,
    records: Arc<MemorySink>,
}

/// What readers see in every store.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    documents: BTreeMap<String, Vec<u8>>,
    /// Of a node its document's digest; of a pipeline's own cell all of it.
    graph: BTreeMap<String, String>,
    /// Path and digest of each document that an alias lists.
    search: BTreeMap<String, Vec<(String, String)>>,
    cache: BTreeMap<String, Vec<(String, String)>>,
}

impl Seen {
    /// What the model says that readers see.
    pub fn of(oracle: &Oracle) -> Self {
        let documents = oracle.seen.iter().filter(|(cell, _)| cell.is_document());
        let own = oracle.seen.iter().filter(|(cell, _)| !cell.is_document());
        let own = own.map(|(cell, value)| (cell.key().to_owned(), own_content(*value).to_string()));
        let nodes = oracle.nodes.iter().map(|(key, value)| ((*key).to_owned(), digest(cell_of(key), *value)));
        let listings: BTreeMap<String, Vec<(String, String)>> = oracle
            .listings
            .iter()
            .map(|(collection, members)| {
                let line = |(cell, value): (&Cell, &u64)| (cell.key().to_owned(), digest(*cell, *value));
                (format!("kfm-{collection}"), members.iter().map(line).collect())
            })
            .collect();
        Self {
            documents: documents
                .map(|(cell, value)| (cell.key().to_owned(), content(*cell, *value)))
                .collect(),
            graph: nodes.chain(own).collect(),
            search: listings.clone(),
            cache: listings,
        }
    }
}

impl Engine {
    pub async fn assert_kept_as_made_anew(&self) {
        self.world.assert_kept_as_made_anew().await;
    }
}

/// The bytes of a value of a document.
fn content(cell: Cell, value: u64) -> Vec<u8> {
    let document = match cell {
        Cell::Text(_) => return format!("not JSON {value}").into_bytes(),
        Cell::Root(key) => json!({ "type": "Catalog", "id": key, "title": value.to_string(), "links": [] }),
        _ => json!({
            "type": "Feature", "id": cell.key(), "collection": cell.collection(value),
            "properties": { "title": value.to_string() }, "links": [], "assets": {},
        }),
    };
    document.to_string().into_bytes()
}

/// The value that an item shows.
fn value_of(bytes: &[u8]) -> u64 {
    let document: Value = serde_json::from_slice(bytes).unwrap();
    document["properties"]["title"].as_str().unwrap().parse().unwrap()
}

fn digest(cell: Cell, value: u64) -> String {
    Digest::of_bytes(&content(cell, value)).to_string()
}

fn own_content(value: u64) -> Value {
    json!({ "known": value })
}

impl Engine {
    /// With `keeps`, each command looks at parts of the catalog by what the one before has kept.
    pub async fn new(keeps: bool) -> Self {
        let engine = Self {
            world: if keeps { World::keeping().await } else { World::new().await },
            catalog: MemoryOp::new("catalog", Domain::Stac),
            graph: MemoryOp::new("graph", Domain::Graph),
            search: MemoryOp::new("search", Domain::Search),
            cache: MemoryOp::new("cache", Domain::Cache),
            records: Arc::default(),
        };
        engine.open().await;
        engine
    }

    async fn open(&self) -> Platform {
        self.on_its_stores(self.world.open().await)
    }

    /// Opens it so that what it begins stops after the first batch, if `stop` says so.
    async fn open_for(&self, stop: Option<Stop>) -> Platform {
        match stop {
            None => self.open().await,
            Some(_) => self.on_its_stores(self.world.open_stopping().await),
        }
    }

    fn on_its_stores(&self, mut platform: Platform) -> Platform {
        for store in [&self.catalog, &self.graph, &self.search, &self.cache] {
            platform = platform.with_store(Arc::new(store.clone()));
        }
        platform.with_records(self.records.clone())
    }

    /// Publishes through the hook; what stops on the way is ended as `stop` says.
    pub async fn publish(&self, cells: &BTreeMap<Cell, Option<u64>>, stop: Option<Stop>) -> Answer {
        let mut publish = self.open_for(stop).await.begin_publish("model".parse().unwrap()).await.unwrap();
        for (cell, value) in cells {
            match (cell, value) {
                (Cell::Own(key), value) => {
                    let content = value.map(own_content);
                    publish.set_cell("graph", key, content.as_ref()).unwrap();
                }
                (cell, Some(value)) => publish.put(cell.key(), content(*cell, *value)).unwrap(),
                (cell, None) => publish.retire(cell.key()).unwrap(),
            }
        }
        let report = match publish.complete().await {
            Err(Error::Unfinished { operation, .. }) => {
                let abort = stop == Some(Stop::ThenAbort);
                self.open().await.publish_resume(operation.as_str(), abort).await
            }
            ended => ended,
        };
        let report = report.unwrap();
        match report.status {
            Status::Completed => Answer::Published(report.publish_id.map(|id| id.to_string())),
            status => ended_otherwise(status, stop),
        }
    }

    /// Writes another value into every document of a collection, as a hotfix; what stops on the way is ended as
    /// `stop` says.
    pub async fn correct(&self, collection: &str, stop: Option<Stop>) -> Answer {
        let correction = Correction {
            kind: "stac".into(),
            scope: collection.into(),
            field: "/properties/title".into(),
            values: None,
            texts: None,
        };
        let request = HotfixRequest::new("model".parse().unwrap(), correction, "the model wants it");
        let mut hotfix = self.open_for(stop).await.begin_hotfix(request).await.unwrap();
        for document in hotfix.documents_of(collection).await.unwrap() {
            let cell = cell_of(&document.path);
            let standing = hotfix.read(&document).await.unwrap();
            let value = value_of(&standing);
            assert_eq!(standing, content(cell, value));
            hotfix.replace(&document, content(cell, corrected(value))).unwrap();
        }
        let ended = match hotfix.finish().await {
            Ok(HotfixDone::Executed { report, .. }) => Ok(*report),
            Ok(HotfixDone::Rehearsed(_)) => panic!("it was to be done"),
            Err(Error::Unfinished { operation, .. }) => {
                let abort = stop == Some(Stop::ThenAbort);
                self.open().await.hotfix_resume(operation.as_str(), abort, Vec::new()).await
            }
            Err(error) => Err(error),
        };
        let report = ended.unwrap();
        match report.status {
            Status::Completed => Answer::Published(report.hotfix_id.map(|id| id.to_string())),
            status => ended_otherwise(status, stop),
        }
    }

    /// Changes a document past the engine, and records what stands then.
    pub async fn edit_and_reconcile(&self, cell: &Cell, value: Option<u64>) -> Answer {
        self.catalog.set_foreign(cell.key(), value.map(|value| Bytes::from(content(*cell, value))));
        let report = self.open().await.reconcile(true).await.unwrap();
        Answer::Published(report.publish_id.map(|id| id.to_string()))
    }

    pub async fn roll_back(&self, operation: &str, how: &RollBack) -> Answer {
        let is_hotfix = operation.starts_with("hf_");
        let mut target = match is_hotfix {
            true => PlanTarget::Hotfix(operation.into()),
            false => PlanTarget::Publish(operation.into()),
        };
        if how.plan_first {
            let platform = self.open().await;
            let planned = match is_hotfix {
                true => platform.plan_hotfix_revert(operation, None).await,
                false => platform.plan(PlanRequest::new(operation)).await,
            };
            match planned {
                Ok(plan) if plan.path.is_some() => target = PlanTarget::Plan(plan.plan_id.to_string()),
                Ok(plan) => assert_eq!(plan.steps.total, 0),
                Err(error) => return answer(Err(error), None),
            }
        }
        let skip = how.skip.iter().map(|cell| cell.key().to_owned()).collect();
        let request = ExecuteRequest { skip, ..ExecuteRequest::new(target, "the model wants it") };
        // Only what another hand changed may be left alone: it is put back afterwards.
        let stood = match &how.skip {
            Some(cell) => {
                let store = self.store_of(cell);
                let stood = store.content(cell.key()).await.unwrap();
                store.set_foreign(cell.key(), Some(Bytes::from_static(b"{\"by\": \"hand\"}")));
                Some((store, cell.key(), stood))
            }
            None => None,
        };
        let ended = self.open_for(how.stop).await.execute(request).await;
        if let Some((store, key, stood)) = stood {
            store.set_foreign(key, stood);
        }
        match ended {
            Err(Error::Unfinished { operation, .. }) => {
                let abort = how.stop == Some(Stop::ThenAbort);
                let platform = self.open().await;
                answer(platform.rollback_resume(operation.as_str(), abort, Vec::new()).await, how.stop)
            }
            ended => answer(ended, how.stop),
        }
    }

    fn store_of(&self, cell: &Cell) -> &MemoryOp {
        if cell.is_document() { &self.catalog } else { &self.graph }
    }

    pub async fn revert(&self, turn: &str) -> Answer {
        answer(self.open().await.revert(turn, "the model wants it").await, None)
    }

    /// The publishes that are marked as undone, in the log's order.
    pub async fn undone(&self) -> Vec<String> {
        let publishes = self.open().await.publishes().await.unwrap().publishes;
        let undone = publishes.into_iter().filter(|publish| publish.rolled_back_by.is_some());
        undone.map(|publish| publish.publish_id.to_string()).collect()
    }

    pub async fn seen(&self) -> Seen {
        let node = |key: &str, value: &Value| match key.starts_with("knowledge/") {
            true => value.to_string(),
            false => value["properties"]["digest"].as_str().unwrap().to_owned(),
        };
        Seen {
            documents: held(&self.catalog).await,
            graph: shown(&self.graph, node).await,
            search: shown(&self.search, |_, value| listing(value)).await,
            cache: shown(&self.cache, |_, value| listing(value)).await,
        }
    }
}

async fn held(store: &MemoryOp) -> BTreeMap<String, Vec<u8>> {
    let mut held = BTreeMap::new();
    for key in store.keys().await.unwrap() {
        let bytes = store.content(&key).await.unwrap().unwrap().to_vec();
        held.insert(key, bytes);
    }
    held
}

async fn shown<T>(store: &MemoryOp, show: impl Fn(&str, &Value) -> T) -> BTreeMap<String, T> {
    let mut shown = BTreeMap::new();
    for (key, bytes) in held(store).await {
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(canonical_json(&value).unwrap(), bytes, "{key}");
        shown.insert(key.clone(), show(&key, &value));
    }
    shown
}

fn listing(value: &Value) -> Vec<(String, String)> {
    serde_json::from_value(value.clone()).unwrap()
}

/// Puts what the engine answered into the model's words.
fn answer(result: Result<ExecuteReport, Error>, stop: Option<Stop>) -> Answer {
    let report = match result {
        Ok(report) => report,
        Err(Error::Denied { .. }) => return Answer::Denied,
        Err(Error::Conflict { message, next, .. })
            if message.starts_with("later work was derived from it") =>
        {
            return Answer::Patched(next.iter().map(undone_by).collect());
        }
        Err(Error::Conflict { .. }) => return Answer::Refused,
        Err(error) => panic!("{error:?}"),
    };
    if report.status != Status::Completed {
        return ended_otherwise(report.status, stop);
    }
    let left = report.skipped.first.iter().map(|line| (key_of(&line.key), left(line))).collect();
    match (&report.plan_id, &report.rollback_id) {
        (Some(_), Some(name)) => {
            let documents = report.applied.by_domain.get("stac").copied().unwrap_or(0);
            Answer::Moved { name: name.to_string(), documents, left }
        }
        _ => Answer::Nothing { left, owners: report.next.iter().map(undone_by).collect() },
    }
}

/// The operation that a remedy undoes.
fn undone_by(remedy: &Remedy) -> String {
    match remedy {
        Remedy::Undo { operation, skip } if skip.is_empty() => operation.to_string(),
        _ => panic!("it undoes nothing: {remedy}"),
    }
}

/// Only what was stopped and told to go back may end without having happened.
fn ended_otherwise(status: Status, stop: Option<Stop>) -> Answer {
    assert_eq!((status, stop), (Status::Aborted, Some(Stop::ThenAbort)));
    Answer::WentBack
}

fn key_of(key: &str) -> &'static str {
    cell_of(key).key()
}

fn cell_of(key: &str) -> Cell {
    *super::oracle::CELLS.iter().find(|cell| cell.key() == key).unwrap()
}

fn left(line: &SkippedLine) -> Left {
    match (line.why.as_str(), &line.by) {
        ("asked", None) => Left::Asked,
        ("unchanged", None) => Left::Unchanged,
        ("superseded", Some(by)) => Left::Owned(by.to_string()),
        other => panic!("{other:?}"),
    }
}
