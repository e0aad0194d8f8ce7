//! An integrator's own store: a tile server that looks up its layers in one JSON file.
//!
//! `cargo run -p kfm-examples --example custom_domain_op` runs the laws of `DomainOp` against it;
//! `Platform::with_store` puts it beside the others, and publishes and rollbacks move its layers too.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::{Digest, Domain, Value};
use kfm_rollback::conformance::{self, Fixture};
use kfm_rollback::context::WriteContext;
use kfm_rollback::op::{
    Capabilities, CompareAndSet, Depth, DomainOp, ErrorClass, Listed, OpError, Outcomes, Probe, Seen, Swap,
    Swapped,
};

type Layers = BTreeMap<String, String>;

/// The layers of a tile server; the cell is a layer, its value the digest of its description.
#[derive(Debug, Clone)]
struct TileServer {
    folder: PathBuf,
}

impl TileServer {
    const NAME: &'static str = "tiles";

    fn layers(&self) -> Result<Layers, OpError> {
        match fs::read(self.folder.join("layers.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| refused(error.into())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Layers::new()),
            Err(error) => Err(refused(error)),
        }
    }

    /// Whole and durable: write beside, sync, rename, sync the folder.
    fn write(&self, layers: &Layers) -> io::Result<()> {
        let temporary = self.folder.join(".layers.json.tmp");
        let mut file = File::create(&temporary)?;
        file.write_all(&serde_json::to_vec(layers)?)?;
        file.sync_all()?;
        fs::rename(&temporary, self.folder.join("layers.json"))?;
        File::open(&self.folder)?.sync_all()
    }

    fn check_key(key: &str) -> Result<(), OpError> {
        let (store, why) = (Self::NAME.to_owned(), "a layer's name has no control characters");
        let is_bad = key.is_empty() || key.chars().any(char::is_control);
        if is_bad { Err(OpError::InvalidKey { store, key: key.into(), why }) } else { Ok(()) }
    }
}

/// Nothing was changed, and trying again does not help.
fn refused(error: io::Error) -> OpError {
    OpError::permanent(TileServer::NAME, "-", error)
}

fn value(layers: &Layers, key: &str) -> Value {
    layers.get(key).map(|layer| Digest::of_canonical_bytes(layer.as_bytes()))
}

#[async_trait]
impl DomainOp for TileServer {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn domain(&self) -> Domain {
        Domain::Cache
    }

    fn capabilities(&self) -> Capabilities {
        let value = CompareAndSet::Value;
        Capabilities { put: value, retire: value, durable_ack: true, ..Capabilities::default() }
    }

    async fn probe(&self) -> Result<Probe, OpError> {
        self.layers().map(|_| Probe::healthy("tile server", "1"))
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, OpError> {
        let keys = self.layers()?.into_keys().filter(|key| after.is_none_or(|after| key.as_str() > after));
        Ok(keys.take(limit).map(|key| (key, None)).collect())
    }

    async fn observe(&self, keys: &[String], _: Depth) -> Result<Vec<Seen>, OpError> {
        keys.iter().try_for_each(|key| Self::check_key(key))?;
        let layers = self.layers()?;
        Ok(keys.iter().map(|key| Seen::value(value(&layers, key))).collect())
    }

    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError> {
        keys.iter().try_for_each(|key| Self::check_key(key))?;
        let layers = self.layers()?;
        Ok(keys.iter().map(|key| layers.get(key).cloned().map(Bytes::from)).collect())
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        batch.iter().try_for_each(|swap| Self::check_key(&swap.key))?;
        let contents = cx.contents(Self::NAME, batch).await;
        // One writer at a time, in this process and in others.
        let lock = File::create(self.folder.join(".lock")).and_then(|file| file.lock().map(|()| file));
        let _lock = lock.map_err(refused)?;
        let (mut layers, mut outcomes) = (self.layers()?, Vec::new());
        for (swap, content) in batch.iter().zip(contents) {
            let observed = Seen::value(value(&layers, &swap.key));
            outcomes.push(content.map(|content| {
                swap.without_change(&observed).unwrap_or_else(|| {
                    layers.remove(&swap.key);
                    let text = |content: Bytes| String::from_utf8_lossy(&content).into_owned();
                    layers.extend(content.map(|content| (swap.key.clone(), text(content))));
                    Swapped::Applied { generation: None }
                })
            }));
        }
        // Also when nothing changed: what a killed process left to sync is durable once we say 'already'.
        self.write(&layers).map_err(|error| OpError::unknown(Self::NAME, ErrorClass::Io, error))?;
        Ok(outcomes)
    }

    async fn recover(&self, _: &WriteContext) -> Result<(), OpError> {
        match fs::remove_file(self.folder.join(".layers.json.tmp")) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(refused(error)),
            _ => Ok(()),
        }
    }
}

async fn an_empty_tile_server() -> Fixture {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (root, litter) = (folder.path().to_owned(), folder.path().join(".layers.json.tmp"));
    Fixture::new(move || Arc::new(TileServer { folder: root.clone() }))
        .in_folder(folder.path())
        .leaving_unfinished(move || fs::write(&litter, "{\"half").expect("the folder takes a file"))
        .keeping(folder)
}

kfm_rollback::op_conformance!(tile_server, an_empty_tile_server);

fn main() {
    conformance::run(conformance::all(an_empty_tile_server));
}
