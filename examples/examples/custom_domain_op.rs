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
    Capabilities, CompareAndSet, DomainOp, ErrorClass, Fence, OpError, Role, Swap, SwapOutcome,
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
    OpError::Permanent { store: TileServer::NAME.to_owned(), key: "-".to_owned(), source: error.into() }
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
        Capabilities {
            product: "tile server".to_owned(),
            version: "1".to_owned(),
            compare_and_set: CompareAndSet::Value,
            fence: Fence::Lock,
            atomic_batch_max: u32::MAX,
            durable_ack: true,
            role: Role::Derived,
        }
    }

    async fn keys(&self) -> Result<Vec<String>, OpError> {
        Ok(self.layers()?.into_keys().collect())
    }

    async fn observe(&self, keys: &[String]) -> Result<Vec<Value>, OpError> {
        keys.iter().try_for_each(|key| Self::check_key(key))?;
        let layers = self.layers()?;
        Ok(keys.iter().map(|key| value(&layers, key)).collect())
    }

    async fn read(&self, key: &str) -> Result<Option<Bytes>, OpError> {
        Self::check_key(key)?;
        Ok(self.layers()?.remove(key).map(Bytes::from))
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Vec<SwapOutcome>, OpError> {
        let (mut layers, mut outcomes) = (self.layers()?, Vec::new());
        for swap in batch {
            Self::check_key(&swap.key)?;
            let observed = value(&layers, &swap.key);
            outcomes.push(if observed == swap.to {
                SwapOutcome::Already
            } else if observed != swap.from {
                SwapOutcome::Conflict { observed }
            } else {
                layers.remove(&swap.key);
                if let Some(to) = swap.to {
                    let content = cx.content(&to).await;
                    let content = content.map_err(|error| OpError::of_content(Self::NAME, &to, error))?;
                    layers.insert(swap.key.clone(), String::from_utf8_lossy(&content).into_owned());
                }
                if value(&layers, &swap.key) != swap.to {
                    return Err(refused(io::Error::new(ErrorKind::InvalidData, "no canonical JSON")));
                }
                SwapOutcome::Applied
            });
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
