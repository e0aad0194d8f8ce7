//! A process beside the pipelines that knows at any time what depends on a publish (R31): a lineage graph that follows
//! the log.
//!
//! `cargo run -p kfm-examples --example follow_lineage`

use std::error::Error;
use std::sync::Arc;

use kfm_lineage::OperationId;
use kfm_rollback::{ExecuteRequest, LabelAssign, LineageFeed, OpenOptions, PlanTarget, Platform};
use kfm_wal::Follower;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    Platform::init(folder.path()).await?;
    let platform = Platform::open(folder.path(), OpenOptions::new("lineage")).await?;
    platform.label_assign(all_public()).await?;

    let clock = Arc::clone(&platform.options().clock);
    let mut feed = LineageFeed::of(&platform);
    let mut follower = Follower::new(platform.wal_reader().await?, clock, feed.position().next());

    let elevation = publish(&platform, "elevation", None).await?;
    follow(&mut follower, &mut feed).await?;
    assert!(dependents(&mut feed, &elevation).await?.is_empty());

    // Made from the elevation, as its link says.
    let slope = publish(&platform, "slope", Some("elevation.json")).await?;
    follow(&mut follower, &mut feed).await?;
    assert_eq!(dependents(&mut feed, &elevation).await?, std::slice::from_ref(&slope));

    // What was taken back depends on nothing any more.
    platform.execute(ExecuteRequest::new(PlanTarget::Publish(slope.to_string()), "made of noise")).await?;
    follow(&mut follower, &mut feed).await?;
    assert!(dependents(&mut feed, &elevation).await?.is_empty());
    Ok(())
}

/// Takes in what the log has that is new. A process that has nothing else to do waits for it with `Follower::next`.
async fn follow(follower: &mut Follower, feed: &mut LineageFeed) -> Result<(), Box<dyn Error>> {
    for stored in follower.look(1_000).await? {
        feed.take(&stored).await?;
    }
    Ok(())
}

async fn dependents(feed: &mut LineageFeed, of: &OperationId) -> Result<Vec<OperationId>, Box<dyn Error>> {
    let scope = feed.scope_for(of).await?;
    Ok(scope.dependents.into_iter().map(|dependent| dependent.operation).collect())
}

/// Publishes one item, derived from another one or from none.
async fn publish(platform: &Platform, id: &str, source: Option<&str>) -> Result<OperationId, Box<dyn Error>> {
    let link =
        source.map(|href| format!(r#"{{"rel": "derived_from", "href": "{href}"}}"#)).unwrap_or_default();
    let item = format!(
        r#"{{"type": "Feature", "stac_version": "1.1.0", "id": "{id}", "geometry": null,
            "properties": {{"datetime": "2025-11-14T03:15:42Z", "license": "CC0-1.0"}},
            "links": [{link}], "assets": {{}}}}"#
    );
    let mut publish = platform.begin_publish("terrain".parse()?).await?;
    publish.put(&format!("{id}.json"), item)?;
    let published = publish.complete().await?.publish_id.ok_or("something differed")?;
    Ok(published.to_string().parse()?)
}

/// The label that an operator gives once.
fn all_public() -> LabelAssign {
    LabelAssign {
        entity: None,
        under: Some(String::new()),
        care: "public".into(),
        authority: "FAIR+CARE Council".into(),
        reason: "open data".into(),
        review_by: "2099-12-31".into(),
        heritage: false,
        even_if_nothing: true,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_runs() {
        super::main().expect("it runs");
    }
}
