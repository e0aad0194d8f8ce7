//! The log knows which stores and checks a platform has: a program that lacks one looks and is told, and changes nothing
//! (`docs/states.md` section 1).

use std::sync::Arc;

use kfm_lineage::Domain;
use kfm_policy::{Objection, OperationFacts, PolicyCheck, Verdict};
use kfm_rollback::memory::MemoryOp;
use kfm_rollback::{Error, PlanTarget, Platform};
use kfm_wal::record::{PartsRecord, Record};

use crate::small::{item, try_put};
use crate::support::World;

/// Denies what is titled `frozen`.
#[derive(Debug)]
struct Freeze;

impl PolicyCheck for Freeze {
    fn id(&self) -> &str {
        "X-freeze"
    }

    fn version(&self) -> &str {
        "1"
    }

    fn check(&self, facts: &OperationFacts<'_>) -> Verdict {
        let is_frozen = |title: Option<&str>| title == Some("frozen");
        let mut frozen = facts
            .steps
            .iter()
            .filter(|step| is_frozen(step.after.as_deref().and_then(|document| document.title.as_deref())));
        match (frozen.next(), facts.steps.len()) {
            (_, 0) => Verdict::Unknown { why: "there are no steps to look at".into() },
            (None, steps) => Verdict::Pass { entities: steps as u64 },
            (Some(step), _) => Verdict::Fail(vec![Objection {
                subject: step.path.clone(),
                message: "it is frozen".into(),
                remedy: "publish it in spring".into(),
            }]),
        }
    }
}

/// What the platform's own program has, and `kfm` does not.
async fn own(world: &World, tiles: &MemoryOp) -> Platform {
    world.open().await.with_unprojected_store(Arc::new(tiles.clone())).with_check(Arc::new(Freeze))
}

async fn put_one(platform: &Platform, title: &str) -> Result<(), Error> {
    try_put(platform, &[("a", Some(item("a", title)))]).await.map(drop)
}

async fn parts(world: &World) -> Vec<PartsRecord> {
    let log = world.open().await.wal_reader().await.unwrap();
    let wal = kfm_wal::Wal::open(log, world.clock.clone()).await.unwrap();
    let entries = wal.entries_from(kfm_lineage::Lsn::ZERO.next()).await.unwrap();
    let parts = entries.iter().filter_map(|entry| match &entry.record {
        Record::Parts(parts) => Some(parts.clone()),
        _ => None,
    });
    parts.collect()
}

fn retire(world: &World, retired: &str) {
    let file = world.root().join("kfm.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, format!("{text}\n[retired]\n{retired}\n")).unwrap();
}

/// What is missing, as each command that looks says it.
async fn told(platform: &Platform) -> [Vec<String>; 4] {
    let is_told = |text: &String| text.contains("X-freeze") || text.contains("tiles");
    let subject = |line: &kfm_rollback::report::FindingLine| line.subject.clone();
    let of = |texts: Vec<String>| texts.into_iter().filter(is_told).collect();
    [
        of(platform.status().await.unwrap().owed.iter().map(ToString::to_string).collect()),
        of(platform.doctor(false).await.unwrap().findings.iter().map(ToString::to_string).collect()),
        of(platform.catalog_check().await.unwrap().findings.first.iter().map(subject).collect()),
        of(platform.reconcile(false).await.unwrap().findings.first.iter().map(subject).collect()),
    ]
}

#[tokio::test]
async fn a_program_without_a_store_or_a_check_of_the_platform_looks_and_is_told_and_changes_nothing() {
    let world = World::new().await;
    let tiles = MemoryOp::new("tiles", Domain::Cache);
    put_one(&own(&world, &tiles).await, "first").await.unwrap();
    assert!(matches!(put_one(&own(&world, &tiles).await, "frozen").await, Err(Error::Denied { .. })));
    // The operation moved cells of the other stores, which are known by that.
    let [record] = &parts(&world).await[..] else { panic!("one record") };
    assert_eq!(record.stores.iter().map(|store| store.name.as_str()).collect::<Vec<_>>(), ["tiles"]);
    assert_eq!((record.checks.len(), record.by.as_str()), (1, "operator"));

    let last = world.open().await.wal_reader().await.unwrap().head().await.unwrap().lsn;
    let refused = put_one(&world.open().await, "frozen").await.unwrap_err();
    assert_eq!(refused.kind(), "invalid");
    for part in ["store=tiles domain=cache", "check=X-freeze"] {
        assert!(refused.to_string().contains(part), "{refused}");
    }
    let rehearsed =
        world.open().await.dry_run(PlanTarget::Publish("latest".into()), Vec::new()).await.unwrap();
    let against = format!("{:?}", rehearsed.against);
    assert!(!rehearsed.ready && against.contains("X-freeze") && against.contains("tiles"), "{against}");
    assert!(world.open().await.principal_add("maria", &["reviewer".into()], None).await.is_err());
    for told in told(&world.open().await).await {
        assert_eq!(told.len(), 2, "{told:?}");
    }
    assert_eq!(world.open().await.wal_reader().await.unwrap().head().await.unwrap().lsn, last);

    let with_both = own(&world, &tiles).await;
    assert!(told(&with_both).await.iter().all(Vec::is_empty));
    put_one(&with_both, "second").await.unwrap();
    assert_eq!(parts(&world).await.len(), 1, "nothing new is known");
}

#[tokio::test]
async fn what_is_retired_is_not_asked_for_and_the_next_operation_says_by_whom() {
    let world = World::new().await;
    let tiles = MemoryOp::new("tiles", Domain::Cache);
    put_one(&own(&world, &tiles).await, "first").await.unwrap();
    retire(&world, "stores = [\"tiles\"]\nchecks = [\"X-freeze\"]");
    assert!(told(&world.open().await).await.iter().all(Vec::is_empty));
    put_one(&world.open_as("maria").await, "frozen").await.unwrap();
    let records = parts(&world).await;
    let retired = records.last().unwrap();
    assert_eq!((records.len(), retired.by.as_str()), (2, "maria"));
    assert_eq!((retired.stores_retired.len(), retired.checks_retired.len()), (1, 1));

    // The log knows it now, also without the setting; and what comes again is asked for again.
    let file = world.root().join("kfm.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, &text[..text.find("[retired]").unwrap()]).unwrap();
    put_one(&world.open().await, "third").await.unwrap();
    put_one(&own(&world, &tiles).await, "fourth").await.unwrap();
    assert!(put_one(&world.open().await, "fifth").await.is_err());
    assert_eq!(parts(&world).await.len(), 3);
}

#[tokio::test]
async fn a_misspelt_retirement_and_one_of_a_store_that_has_a_table_retire_nothing() {
    let world = World::new().await;
    let tiles = MemoryOp::new("tiles", Domain::Cache);
    put_one(&own(&world, &tiles).await, "first").await.unwrap();
    retire(&world, "stores = [\"tile\"]");
    assert!(put_one(&world.open().await, "second").await.is_err());

    let world = World::new().await;
    retire(&world, "stores = [\"graph\"]");
    let options = kfm_rollback::OpenOptions::new("ops");
    let error = Platform::open(world.root(), options).await.unwrap_err().to_string();
    assert!(error.contains("a retired store has no table: store=graph"), "{error}");
}

#[tokio::test]
async fn parts_are_remembered_by_a_snapshot_of_the_log() {
    let world = World::new().await;
    let tiles = MemoryOp::new("tiles", Domain::Cache);
    put_one(&own(&world, &tiles).await, "first").await.unwrap();
    let log = world.open().await.wal_reader().await.unwrap();
    let wal = kfm_wal::Wal::open(log, world.clock.clone()).await.unwrap();
    let versions = world.open().await.versions();
    let whole = kfm_rollback::history::History::fold(&wal, &versions).await.unwrap();
    assert_eq!((whole.parts().stores.len(), whole.parts().checks.len()), (5, 1));
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(kfm_wal::local::disk::RealDisk);
    let snapshots = kfm_wal::snapshot::Snapshots::new(folder.path(), disk);
    whole.keep(wal.head(), &snapshots).unwrap();
    let files = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
    let texts = files.map(|file| String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned());
    assert!(texts.into_iter().any(|text| text.contains("X-freeze")));
}
