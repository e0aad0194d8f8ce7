//! A pipeline in stages (R84): it goes on behind the last step that is done, and tells others of each step once.
//!
//! `cargo run -p kfm-examples --example stages_and_outbox`

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;

use kfm_retry::stage::{
    Checkpoint, Digest, FileStageStore, IdempotencyKey, Output, Stage, StageStore, WorkItem,
};
use kfm_retry::{Policy, Retry};
use serde_json::json;

/// A service that hears of tiles. It remembers ids, since an event may come twice: once more after a crash.
#[derive(Default)]
struct Listeners {
    known: BTreeSet<Digest>,
}

/// Makes tiles and an index of a raster; says which steps were made in this run, and not in one before.
async fn tile(
    states: &dyn StageStore,
    folder: &Path,
    disk_is_full: bool,
    listeners: &mut Listeners,
) -> Result<Vec<&'static str>, Box<dyn Error>> {
    let item = WorkItem { dataset_id: "ks-naip-2023", version: "7", source_uri: "s3://naip/38099.tif" };
    let retry = Retry::new(Policy::kfm());
    let raster = Digest::of("the raster");
    let made = RefCell::new(Vec::new());

    // A step counts as done as long as its output is there, unchanged.
    let is_clean = async |done: &Checkpoint| {
        fs::read(folder.join(&done.step)).is_ok_and(|bytes| Digest::of(bytes) == done.output)
    };
    let mut stage = Stage::resume(states, IdempotencyKey::of(item)?, is_clean).await?;
    let write = |step: &'static str, contents: &str| -> io::Result<Digest> {
        fs::write(folder.join(step), contents)?;
        made.borrow_mut().push(step);
        Ok(Digest::of(contents))
    };
    let tiles = stage
        .step(&retry, "tiles", raster, async || {
            Ok::<_, io::Error>(Output::new(write("tiles", "the tiles")?).event(json!({"tiled": "38099"})))
        })
        .await?;
    stage
        .step(&retry, "index", tiles.output, async || {
            if disk_is_full {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            Ok(Output::new(write("index", "the index")?).event(json!({"indexed": "38099"})))
        })
        .await?;
    stage
        .relay(async |event| {
            listeners.known.insert(event.id);
            Ok::<_, io::Error>(())
        })
        .await?;
    Ok(made.into_inner())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let states = FileStageStore::open(folder.path().join("states"))?;
    let mut listeners = Listeners::default();

    let failed = tile(&states, folder.path(), true, &mut listeners).await;
    assert!(failed.is_err() && listeners.known.is_empty(), "the index is not there yet");

    // The next run, perhaps another process, does not tile again, and tells what the first one could not.
    assert_eq!(tile(&states, folder.path(), false, &mut listeners).await?, ["index"]);
    assert_eq!(listeners.known.len(), 2);

    // The index is lost: the next run makes it again, and the listeners get no new event.
    fs::remove_file(folder.path().join("index"))?;
    assert_eq!(tile(&states, folder.path(), false, &mut listeners).await?, ["index"]);
    assert_eq!(listeners.known.len(), 2);
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_runs() {
        super::main().expect("it runs");
    }
}
