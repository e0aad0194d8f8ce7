//! A `kfm` of one's own: the operator's command with a kind of store and a check that only this program has, and a job
//! that publishes to such a store. `docs/guides/own-kfm.md` tells it step by step.

pub mod ticket;
pub mod tiles;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use kfm_rollback::report::PublishReport;
use kfm_rollback::{OpenOptions, Platform, Result};

/// The kinds that `kfm.toml` can name, in every program of ours.
fn options(options: OpenOptions) -> OpenOptions {
    options.with_kind(Arc::new(tiles::Tiles))
}

/// The checks that are asked, in every program of ours.
fn platform(platform: Platform) -> Platform {
    platform.with_check(Arc::new(ticket::Ticket))
}

/// The whole command.
pub fn kfm() -> ExitCode {
    kfm_cli::main_with(options, platform)
}

/// The job of the night: publishes what a layer of the tile server is made of. If anything fails, it takes itself back.
pub async fn publish_layer(root: &Path, layer: &str, source: &str, reason: &str) -> Result<PublishReport> {
    let platform = platform(Platform::open(root, options(OpenOptions::new("tile-job"))).await?);
    let mut publish = platform.begin_publish("tiles".parse().expect("a slug")).await?;
    publish.set_reason(reason);
    publish.set_cell("tiles", layer, Some(&serde_json::json!({ "source": source })))?;
    publish.complete().await
}

/// The job as a program: `tile-job LAYER SOURCE REASON`, in the platform's folder. Where it fails, it says what an
/// operator can type.
pub fn tile_job() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [layer, source, reason] = &arguments[..] else { return Err("tile-job LAYER SOURCE REASON".into()) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(publish_layer(Path::new("."), layer, source, reason));
    let report = report.inspect_err(|error| {
        for remedy in error.next() {
            eprintln!("next: {}", kfm_cli::command_line(&remedy));
        }
    })?;
    println!("{} {:?}", report.status, report.publish_id.map(|id| id.to_string()));
    Ok(())
}
