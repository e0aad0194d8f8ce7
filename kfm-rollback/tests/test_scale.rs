//! Work grows with the number of items and no faster: 100, 1,000 and 10,000 items published, published again
//! with a defect in every item, rolled back, and the rollback reverted.
//!
//! The ordinary run counts work (bytes and calls of reading and writing, records of the log) on 100 and 1,000
//! items. The long one measures 10,000 real items, its time and its memory by phase:
//!
//! ```sh
//! KFM_NAIP=naip.ndjson cargo test --release -p kfm-rollback --test test_scale -- --ignored --nocapture
//! ```
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use kfm_rollback::{ExecuteRequest, PlanTarget};
use support::World;

/// How much more work an item of the larger size may be than one of the smaller.
const GROWTH_MAX: f64 = 1.3;

/// What one operation took.
#[derive(Debug, Clone)]
struct Taken {
    phases_ms: BTreeMap<String, u64>,
    cpu_ms: u64,
    peak_kib: u64,
    /// Bytes and calls of reading and writing, and records of the log.
    work: BTreeMap<&'static str, u64>,
}

/// Reads a `name: number` of a file below `/proc/self`.
fn proc_number(file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(Path::new("/proc/self").join(file)).unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// CPU time of this process in milliseconds: `utime` and `stime` of `/proc/self/stat`, in hundredths of a second.
fn cpu_ms() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = text.rsplit_once(')').unwrap().1;
    let ticks = after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap());
    ticks.sum::<u64>() * 10
}

const COUNTERS: [&str; 4] = ["rchar", "wchar", "syscr", "syscw"];

/// Runs one operation and says what it took.
async fn measured(world: &World, operation: impl AsyncFnOnce() -> BTreeMap<String, u64>) -> Taken {
    // Resets the peak that VmHWM tells.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let records = async || world.open().await.wal_verify().await.unwrap().records;
    let records_before = records().await;
    let (cpu, before) = (cpu_ms(), COUNTERS.map(|counter| proc_number("io", counter)));
    let phases_ms = operation().await;
    let after = COUNTERS.map(|counter| proc_number("io", counter));
    let cpu_ms = cpu_ms() - cpu;
    let counted =
        COUNTERS.iter().zip(before.iter().zip(after)).map(|(&name, (before, after))| (name, after - before));
    let mut work: BTreeMap<&str, u64> = counted.collect();
    work.insert("records", records().await - records_before);
    Taken { phases_ms, cpu_ms, peak_kib: proc_number("status", "VmHWM:"), work }
}

/// Writes a catalog of items into a folder; a defect leads every asset elsewhere.
fn lay(folder: &Path, items: &[(String, String)], defect: bool) {
    std::fs::create_dir_all(folder.join("naip")).unwrap();
    let mut listed = String::new();
    for (id, item) in items {
        let item = if defect { item.replace("naipeuwest", "elsewhere") } else { item.clone() };
        std::fs::write(folder.join(format!("naip/{id}.json")), item).unwrap();
        listed.push_str(&format!(r#",{{"rel":"item","href":"./{id}.json"}}"#));
    }
    let own = "https://planetarycomputer.microsoft.com/api/stac/v1/collections/naip";
    let collection = format!(
        r#"{{"type":"Collection","stac_version":"1.1.0","id":"naip","description":"NAIP","license":"CC0-1.0","extent":{{"spatial":{{"bbox":[[-102,37,-94,40]]}},"temporal":{{"interval":[["2019-01-01T00:00:00Z",null]]}}}},"links":[{{"rel":"self","href":"{own}"}},{{"rel":"root","href":"../catalog.json"}},{{"rel":"parent","href":"../catalog.json"}}{listed}]}}"#
    );
    let catalog = r#"{"type":"Catalog","stac_version":"1.1.0","id":"root","description":"all","links":[{"rel":"root","href":"./catalog.json"},{"rel":"child","href":"./naip/collection.json"}]}"#;
    std::fs::write(folder.join("naip/collection.json"), collection).unwrap();
    std::fs::write(folder.join("catalog.json"), catalog).unwrap();
}

/// Items of the shape of NAIP's.
fn made_items(count: usize) -> Vec<(String, String)> {
    let own = "https://planetarycomputer.microsoft.com/api/stac/v1/collections/naip";
    let item = |n: usize| {
        let id = format!("ks_m_{n:07}_sw_13_060_20220827");
        let asset = |key: &str, end: &str| {
            format!(
                r#""{key}":{{"href":"https://naipeuwest.blob.core.windows.net/naip/v002/ks/2022/{id}{end}","title":"{key}","type":"image/tiff; application=geotiff; profile=cloud-optimized","roles":["data"]}}"#
            )
        };
        let item = format!(
            r#"{{"type":"Feature","stac_version":"1.1.0","id":"{id}","collection":"naip","geometry":{{"type":"Point","coordinates":[-98.0,38.5]}},"bbox":[-98.0,38.5,-98.0,38.5],"properties":{{"datetime":"2022-08-27T16:00:00Z","gsd":0.6,"naip:state":"ks","naip:year":"2022"}},"links":[{{"rel":"collection","href":"{own}"}},{{"rel":"parent","href":"{own}"}},{{"rel":"self","href":"{own}/items/{id}"}}],"assets":{{{},{}}}}}"#,
            asset("image", ".tif"),
            asset("thumbnail", ".200.jpg"),
        );
        (id, item)
    };
    (0..count).map(item).collect()
}

/// Publishes items, publishes them again with the defect, rolls back and reverts, in a platform of its own.
async fn story(items: &[(String, String)]) -> Vec<(&'static str, Taken)> {
    let world = World::new().await;
    let source = tempfile::tempdir().unwrap();
    lay(source.path(), items, false);
    let mut taken = Vec::new();
    let first = measured(&world, async || world.publish(source.path()).await.phases_ms).await;
    taken.push(("publish", first));
    let good = world.documents();
    lay(source.path(), items, true);
    let again = measured(&world, async || world.publish(source.path()).await.phases_ms).await;
    taken.push(("publish again", again));
    assert_ne!(world.documents(), good);
    let rollback = measured(&world, async || {
        let platform = world.open().await;
        let request = ExecuteRequest::new(PlanTarget::Publish("latest".into()), "the assets lead elsewhere");
        let report = platform.execute(request).await.unwrap();
        assert_eq!(report.skipped.total, 0);
        report.phases_ms
    })
    .await;
    taken.push(("rollback", rollback));
    assert!(world.documents() == good, "the first publish's bytes are back");
    let revert = measured(&world, async || {
        let platform = world.open().await;
        platform.revert("latest", "it was right").await.unwrap().phases_ms
    })
    .await;
    taken.push(("revert", revert));
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn work_grows_with_the_items_and_no_faster() {
    const SIZES: [usize; 2] = [100, 1_000];
    let (small, large) = (story(&made_items(SIZES[0])).await, story(&made_items(SIZES[1])).await);
    let total = |story: &[(&str, Taken)]| {
        let sum = |counter| story.iter().map(|(_, taken)| taken.work[counter]).sum::<u64>();
        COUNTERS.map(|counter| (counter, sum(counter)))
    };
    for ((counter, few), (_, many)) in total(&small).into_iter().zip(total(&large)) {
        let growth = (many as f64 / SIZES[1] as f64) / (few as f64 / SIZES[0] as f64);
        assert!(growth <= GROWTH_MAX, "all in all {counter} grows faster than the items: {growth:.2}");
    }
    for ((name, small), (_, large)) in small.iter().zip(&large) {
        for (counter, few) in &small.work {
            let many = large.work[counter];
            let growth = (many as f64 / SIZES[1] as f64) / (*few as f64 / SIZES[0] as f64);
            println!("{name:14} {counter:8} {few:>10} {many:>12}  {growth:.2} an item");
            // Segments of logs are filled with zeros ahead, in steps: of bytes written only the sum means much.
            let means_much = *counter != "wchar";
            assert!(
                !means_much || growth <= GROWTH_MAX,
                "{name}: {counter} grows faster than the items: {growth:.2}"
            );
        }
        // The log has records for batches, not for items (R21).
        assert!(large.work["records"] <= small.work["records"] + 8, "{name}: {:?}", large.work);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs KFM_NAIP, a file of 10,000 NAIP items as NDJSON"]
async fn ten_thousand_items_take_ten_times_what_a_thousand_take() {
    #[allow(clippy::disallowed_methods, reason = "the file is not in the repository")]
    let path = std::env::var("KFM_NAIP").expect("KFM_NAIP names the file");
    let text = std::fs::read_to_string(path).unwrap();
    let items: Vec<(String, String)> = text
        .lines()
        .map(|line| {
            let item: serde_json::Value = serde_json::from_str(line).unwrap();
            (item["id"].as_str().unwrap().to_owned(), line.to_owned())
        })
        .collect();
    assert!(items.len() >= 10_000, "{} items", items.len());
    let mut before: Option<Vec<(&str, Taken)>> = None;
    for size in [100, 1_000, 10_000] {
        let taken = story(&items[..size]).await;
        for (n, (name, taken)) in taken.iter().enumerate() {
            let phases: Vec<String> =
                taken.phases_ms.iter().map(|(phase, ms)| format!("{phase} {ms}")).collect();
            let wall: u64 = taken.phases_ms.values().sum();
            println!(
                "{size:>6} items  {name:14} {wall:>7} ms wall, {:>6} ms cpu, {:>7} KiB peak: {}",
                taken.cpu_ms,
                taken.peak_kib,
                phases.join(", ")
            );
            // Below a tenth of a second of it, CPU time says more of the clock than of the work.
            let smaller = before.as_ref().map(|before| before[n].1.cpu_ms).filter(|ms| *ms >= 100);
            if let Some(smaller) = smaller.filter(|_| size == 10_000) {
                let growth = taken.cpu_ms as f64 / smaller as f64 / 10.0;
                println!("{:>14} {name:14} {growth:.2} of CPU time an item", "");
                assert!(growth <= GROWTH_MAX, "{name}: {growth:.2}");
            }
        }
        before = Some(taken);
    }
}
