//! Two catalogs side by side: the second one shows the documents of the target at the same paths (`docs/states.md`
//! section 1, *Stores and roles*).

use std::collections::BTreeMap;

use kfm_lineage::Digest;
use kfm_policy::{Advice, Remedy};
use kfm_rollback::report::Status;
use kfm_rollback::{Error, Project};

use crate::acts::{approve, execute_plan, roll_back, seen, signer};
use crate::small::{item, item_at_a_place, path, put, said, titles};
use crate::support::{World, documents_below};

/// A platform with a second catalog, in the folder `mirror`.
async fn with_mirror() -> World {
    let world = World::new().await;
    add_mirror(&world, "");
    world
}

fn add_mirror(world: &World, more: &str) {
    let file = world.root().join("kfm.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let role = "url = \"file:catalog\"\nrole = \"target\"";
    let text = text.replace("url = \"file:catalog\"", role);
    let mirror =
        format!("\n[stores.a-mirror]\ndomain = \"stac\"\nkind = \"static\"\nurl = \"file:mirror\"\n{more}\n");
    std::fs::write(file, text + &mirror).unwrap();
    std::fs::create_dir_all(world.root().join("mirror")).unwrap();
}

fn mirror(world: &World) -> BTreeMap<String, Vec<u8>> {
    documents_below(&world.root().join("mirror"))
}

/// Asserts that both catalogs show the same bytes, and that nothing is foreign, skewed or open.
async fn assert_alike(world: &World) {
    assert_eq!(mirror(world), world.documents());
    let platform = world.open().await;
    assert_eq!(platform.reconcile(false).await.unwrap().foreign.total, 0);
    assert_eq!(platform.catalog_check().await.unwrap().store_skew, 0);
    assert!(platform.status().await.unwrap().open.is_empty());
}

#[tokio::test]
async fn a_second_catalog_goes_along_with_publish_rollback_and_revert() {
    let world = with_mirror().await;
    put(&world, &[("a", Some(item("a", "first"))), ("b", Some(item("b", "first")))]).await;
    assert_eq!(mirror(&world).len(), 2);
    assert_alike(&world).await;
    let prior = seen(&world.open().await).await;
    let second =
        put(&world, &[("a", Some(item("a", "second"))), ("b", None), ("c", Some(item("c", "new")))]).await;
    assert_alike(&world).await;
    let planned = seen(&world.open().await).await;

    let rollback = roll_back(&world, &second).await;
    let rollback_id = rollback.rollback_id.unwrap().to_string();
    assert_eq!(rollback.status, Status::Completed);
    // Three documents, in two catalogs and as nodes; alias and namespace.
    assert_eq!(
        rollback.applied.by_domain,
        BTreeMap::from([
            ("cache".to_owned(), 1),
            ("graph".to_owned(), 3),
            ("search".to_owned(), 1),
            ("stac".to_owned(), 6),
        ])
    );
    assert_alike(&world).await;
    assert_eq!(seen(&world.open().await).await, prior);
    let verified = world.open().await.verify(&rollback_id).await.unwrap();
    assert!(verified.ok, "{verified:#?}");

    let maria = signer(&world, "maria", "reviewer").await;
    crate::acts::revert(&world, &rollback_id, &maria).await;
    assert_alike(&world).await;
    assert_eq!(seen(&world.open().await).await, planned);
}

#[tokio::test]
async fn a_publish_counts_its_documents_once_and_names_them_once() {
    let world = with_mirror().await;
    let report =
        crate::small::try_put(&world.open().await, &[("a", Some(item("a", "first")))]).await.unwrap();
    assert_eq!((report.added, report.changed, report.retired), (1, 0, 0));
    let records = world.open().await.publishes().await.unwrap();
    assert_eq!(records.publishes.len(), 1);
    let history = world.open().await.catalog_check().await.unwrap();
    assert_eq!((history.documents, history.orphan_count), (1, 1), "the copy is no document of the target");
}

#[tokio::test]
async fn an_interrupted_publish_takes_both_catalogs_back() {
    let world = with_mirror().await;
    put(&world, &[("a", Some(item("a", "first")))]).await;
    let prior = seen(&world.open().await).await;
    let second = [("a", Some(item("a", "second"))), ("b", Some(item("b", "new")))];
    let stopped = crate::small::try_put(&world.open_stopping().await, &second).await.unwrap_err();
    let Error::Unfinished { operation, .. } = stopped else { panic!("{stopped}") };
    assert_eq!(titles(&world), said(&[("a", "second"), ("b", "new")]), "the first batch is the target's");
    world.open().await.publish_resume(operation.as_str(), true).await.unwrap();
    assert_alike(&world).await;
    assert_eq!(seen(&world.open().await).await, prior);
}

#[tokio::test]
async fn a_catalog_that_comes_later_is_filled_by_project_and_another_hand_in_it_is_seen() {
    let world = World::new().await;
    put(&world, &[("a", Some(item("a", "first"))), ("b", Some(item("b", "first")))]).await;
    add_mirror(&world, "");
    let platform = world.open().await;
    assert_eq!(platform.catalog_check().await.unwrap().store_skew, 2);
    let report = platform.project(Project::default()).await.unwrap();
    assert_eq!((report.status, report.steps.total), (Status::Completed, 2));
    assert_alike(&world).await;

    std::fs::write(world.root().join("mirror").join(path("a")), "{\"by\": \"hand\"}").unwrap();
    let check = world.open().await.catalog_check().await.unwrap();
    let found: Vec<_> = check.findings.first.iter().filter(|line| line.rule == "ORP-3").collect();
    assert_eq!(found.len(), 1);
    assert!(found[0].subject.contains("a-mirror"), "{found:?}");
    world.open().await.project(Project::default()).await.unwrap();
    assert_alike(&world).await;

    std::fs::remove_dir_all(world.root().join("mirror")).unwrap();
    let owed = world.open().await.status().await.unwrap().owed;
    let projects = |line: &&Advice| line.remedies().any(|remedy| *remedy == Remedy::Project);
    assert!(owed.iter().filter(projects).any(|line| line.to_string().contains("a-mirror")), "{owed:?}");
    world.open().await.project(Project::default()).await.unwrap();
    assert_alike(&world).await;
}

#[tokio::test]
async fn what_the_target_must_not_show_any_more_a_projection_takes_out_of_the_second_catalog() {
    let world = with_mirror().await;
    put(&world, &[("a", Some(item_at_a_place("a", "first"))), ("b", Some(item("b", "first")))]).await;
    world.label_document(&path("a"), "restricted").await;
    world.open().await.project(Project::default()).await.unwrap();
    assert_eq!(mirror(&world).into_keys().collect::<Vec<_>>(), [path("b")]);
    assert_eq!(world.documents().len(), 2, "a projection moves no document of the target");
}

#[tokio::test]
async fn nothing_is_projected_into_a_store_that_says_so() {
    let world = World::new().await;
    add_mirror(&world, "projected = false");
    put(&world, &[("a", Some(item("a", "first")))]).await;
    assert!(mirror(&world).is_empty());
    let platform = world.open().await;
    assert_eq!(platform.catalog_check().await.unwrap().store_skew, 0);
    assert!(matches!(
        platform.project(Project { store: Some("a-mirror".into()), ..Project::default() }).await,
        Err(Error::NotFound { .. })
    ));
}

#[tokio::test]
async fn adoption_records_both_catalogs_and_the_second_one_follows_from_then_on() {
    let world = with_mirror().await;
    for folder in ["catalog", "mirror"] {
        let file = world.root().join(folder).join(path("a"));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, item("a", "before the log").to_string()).unwrap();
    }
    let adopted = world.open().await.adopt(None, None).await.unwrap();
    assert_eq!((adopted.documents, adopted.cells.total), (1, 2));
    assert_alike(&world).await;
    let second = put(&world, &[("a", Some(item("a", "second")))]).await;
    assert_alike(&world).await;
    roll_back(&world, &second).await;
    assert_alike(&world).await;
    assert_eq!(titles(&world), said(&[("a", "before the log")]));
}

/// Takes a rollback back, approved where that is needed; a denial is an answer too.
async fn try_revert(world: &World, rollback: &str) -> Result<Status, Error> {
    let reverted = match world.open().await.revert(rollback, "it was right after all").await {
        Err(Error::ApprovalRequired { plan_id, .. }) => {
            let maria = signer(world, "maria", "reviewer").await;
            approve(world, &plan_id.to_string(), &maria).await;
            execute_plan(world, &plan_id.to_string()).await
        }
        reverted => reverted,
    };
    reverted.map(|report| report.status)
}

/// R61, R64: an entry about an id or a digest protects in every catalog, not only in the target.
#[tokio::test]
async fn what_another_hand_put_into_a_second_catalog_is_protected_by_id_and_digest_too() {
    let document = item_at_a_place("a", "first").to_string();
    let digest = Digest::of_bytes(document.as_bytes());
    let withdrawn = |entry: String| {
        format!("[[suppression]]\n{entry}\nauthority = \"C\"\nreason = \"it was asked for\"\n")
    };
    for (protects, entry) in [
        (false, withdrawn("entity = \"b\"".to_owned())),
        (true, withdrawn("entity = \"a\"".to_owned())),
        (true, withdrawn(format!("digest = \"{digest}\""))),
    ] {
        let world = with_mirror().await;
        put(&world, &[("z", Some(item("z", "first")))]).await;
        let place = world.root().join("mirror/other/a.json");
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(&place, &document).unwrap();
        let adopted = world.open().await.reconcile(true).await.unwrap().publish_id.unwrap().to_string();
        let path = world.root().join("policy/suppressions.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}\n{entry}")).unwrap();

        let rollback = roll_back(&world, &adopted).await.rollback_id.unwrap().to_string();
        assert!(!place.exists(), "{entry}");
        let reverted = try_revert(&world, &rollback).await;
        assert_eq!(place.exists(), !protects, "{entry}: {reverted:?}");
    }
}
