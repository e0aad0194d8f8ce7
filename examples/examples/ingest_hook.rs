//! An ingest job that embeds the publish hook (R49): about ten lines, and what it publishes can be rolled back.
//!
//! `cargo run -p kfm-examples --example ingest_hook`

use kfm_rollback::report::PublishReport;
use kfm_rollback::{OpenOptions, Platform, Result};

/// The job's last stage. If anything fails, the publish rolls itself back; dropped before, it never was.
async fn ingest(root: &std::path::Path, items: &[(&str, String)]) -> Result<PublishReport> {
    let platform = Platform::open(root, OpenOptions::new("daily-ingest")).await?;
    let mut publish = platform.begin_publish("kfm_daily_stac".parse().expect("a slug")).await?;
    publish.set_reason("the scenes of the day");
    for (path, document) in items {
        publish.put(path, document.clone())?;
    }
    publish.complete().await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    prepare(folder.path()).await?;
    let report = ingest(folder.path(), &scenes("first")).await?;
    assert!(
        report.publish_id.is_some() && report.steps.total > 0,
        "it is published, graph, search and cache too"
    );
    Ok(())
}

/// Makes a platform whose documents are labelled public, which an operator does once.
async fn prepare(root: &std::path::Path) -> Result<()> {
    Platform::init(root).await?;
    let label = kfm_rollback::LabelAssign {
        entity: None,
        under: Some(String::new()),
        care: "public".into(),
        authority: "FAIR+CARE Council".into(),
        reason: "open data".into(),
        review_by: "2099-12-31".into(),
        heritage: false,
        even_if_nothing: false,
    };
    Platform::open(root, OpenOptions::new("operator")).await?.label_assign(label).await.map(drop)
}

fn scenes(title: &str) -> [(&'static str, String); 1] {
    let scene = format!(
        r#"{{"type": "Feature", "stac_version": "1.1.0", "id": "scene", "geometry": null,
            "properties": {{"datetime": "2025-11-14T03:15:42Z", "title": "{title}", "license": "CC0-1.0"}},
            "links": [], "assets": {{}}}}"#
    );
    [("landsat/scene.json", scene)]
}

#[cfg(test)]
mod tests {
    use kfm_rollback::{ExecuteRequest, PlanTarget};

    use super::*;

    #[tokio::test]
    async fn what_the_job_published_is_rolled_back_to_the_byte() -> Result<()> {
        let folder = tempfile::tempdir().expect("a folder");
        let (root, scene) = (folder.path(), folder.path().join("catalog/landsat/scene.json"));
        prepare(root).await?;
        ingest(root, &scenes("first")).await?;
        let first = std::fs::read(&scene).expect("published");
        let second = ingest(root, &scenes("second")).await?;
        assert_ne!(std::fs::read(&scene).expect("published"), first);

        let platform = Platform::open(root, OpenOptions::new("operator")).await?;
        let target = PlanTarget::Publish(second.publish_id.expect("something differed").to_string());
        platform.execute(ExecuteRequest::new(target, "a bad run")).await?;
        assert_eq!(std::fs::read(&scene).expect("restored"), first);
        Ok(())
    }
}
