//! A kind of store of one's own, and the store: a tile server that looks up its layers in one JSON file.
//!
//! It is the store of `examples/examples/custom_domain_op.rs`, which also proves that it keeps every law of `DomainOp`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::{Digest, Domain, Value};
use kfm_rollback::context::WriteContext;
use kfm_rollback::kind::{Key, Sample, StoreKind, Surroundings};
use kfm_rollback::op::{
    Capabilities, CompareAndSet, Depth, DomainOp, ErrorClass, Listed, OpError, Outcomes, Probe, Seen, Swap,
    Swapped,
};

/// `kind = "tiles"` in `kfm.toml`: opens tile servers.
#[derive(Debug)]
pub struct Tiles;

impl StoreKind for Tiles {
    fn kind(&self) -> &'static str {
        "tiles"
    }

    fn domains(&self) -> &'static [Domain] {
        &[Domain::Cache]
    }

    fn keys(&self) -> &'static [Key] {
        &[Key { name: "file", about: "The file of the layers; default `layers.json`.", values: &[] }]
    }

    fn credentials(&self) -> &'static [&'static str] {
        &[]
    }

    fn sample(&self, _: Domain, _: Option<&str>) -> Option<Sample> {
        Some(Sample {
            about: "The layers of a tile server.",
            url: "file:{name}",
            url_about: "The folder of their file.",
            environment: &[],
            examples: &[("file", "\"layers.json\"")],
            can_be_target: false,
        })
    }

    fn open(&self, at: &Surroundings<'_>) -> kfm_rollback::Result<Arc<dyn DomainOp>> {
        let file = at.settings.text("file").unwrap_or("layers.json").to_owned();
        Ok(Arc::new(TileServer { name: at.name.to_owned(), folder: at.folder()?, file }))
    }
}

type Layers = BTreeMap<String, String>;

/// The layers of a tile server; the cell is a layer, its value the digest of its description.
#[derive(Debug, Clone)]
struct TileServer {
    name: String,
    folder: PathBuf,
    file: String,
}

impl TileServer {
    fn layers(&self) -> Result<Layers, OpError> {
        match fs::read(self.folder.join(&self.file)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| self.refused(error.into())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Layers::new()),
            Err(error) => Err(self.refused(error)),
        }
    }

    /// Whole and durable: write beside, sync, rename, sync the folder.
    fn write(&self, layers: &Layers) -> io::Result<()> {
        let mut file = File::create(self.temporary())?;
        file.write_all(&serde_json::to_vec(layers)?)?;
        file.sync_all()?;
        fs::rename(self.temporary(), self.folder.join(&self.file))?;
        File::open(&self.folder)?.sync_all()
    }

    fn temporary(&self) -> PathBuf {
        self.folder.join(".layers.tmp")
    }

    fn check_key(&self, key: &str) -> Result<(), OpError> {
        let (store, why) = (self.name.clone(), "a layer's name has no control characters");
        let is_bad = key.is_empty() || key.chars().any(char::is_control);
        if is_bad { Err(OpError::InvalidKey { store, key: key.into(), why }) } else { Ok(()) }
    }

    /// Nothing was changed, and trying again does not help.
    fn refused(&self, error: io::Error) -> OpError {
        OpError::permanent(&self.name, "-", error)
    }
}

fn value(layers: &Layers, key: &str) -> Value {
    layers.get(key).map(|layer| Digest::of_canonical_bytes(layer.as_bytes()))
}

#[async_trait]
impl DomainOp for TileServer {
    fn name(&self) -> &str {
        &self.name
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
        keys.iter().try_for_each(|key| self.check_key(key))?;
        let layers = self.layers()?;
        Ok(keys.iter().map(|key| Seen::value(value(&layers, key))).collect())
    }

    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError> {
        keys.iter().try_for_each(|key| self.check_key(key))?;
        let layers = self.layers()?;
        Ok(keys.iter().map(|key| layers.get(key).cloned().map(Bytes::from)).collect())
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        batch.iter().try_for_each(|swap| self.check_key(&swap.key))?;
        let contents = cx.contents(&self.name, batch).await;
        // One writer at a time, in this process and in others.
        let lock = File::create(self.folder.join(".lock")).and_then(|file| file.lock().map(|()| file));
        let _lock = lock.map_err(|error| self.refused(error))?;
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
        self.write(&layers).map_err(|error| OpError::unknown(&self.name, ErrorClass::Io, error))?;
        Ok(outcomes)
    }

    async fn recover(&self, _: &WriteContext) -> Result<(), OpError> {
        match fs::remove_file(self.temporary()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.refused(error)),
            _ => Ok(()),
        }
    }
}
