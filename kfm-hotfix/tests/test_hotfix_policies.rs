//! Hotfixes on the project's real catalog: what is allowed, what is denied, and what stands before and after
//! (R110, R70 to R74).
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../../kfm-rollback/tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use kfm_hotfix::{FieldPath, JsonText, StacHotfix};
use kfm_lineage::Digest;
use kfm_rollback::Remedy;
use kfm_rollback::report::{HotfixReport, Status};
use kfm_rollback::{Error, ExecuteRequest, Interrupt, OpenOptions, PlanTarget, Platform, Progress, Result};
use serde_json::{Value, json};
use support::{History, World};

/// Two items of this collection state `properties.license` as public-domain, the collection itself does not.
const TERRAIN: &str = "ks_terrain";
const ITEMS: [&str; 2] = ["data/stac/items/ks_1m_dem.json", "data/stac/items/ks_1m_hillshade.json"];

/// Lays the catalog as it stood after publish 57, and documents that it does not have.
fn lay_catalog(into: &std::path::Path) {
    let history = History::publishes();
    for seq in 1..=57 {
        history.lay(seq, into);
    }
    let item = |id: &str, collection: &str, properties: Value| {
        json!({
            "type": "Feature", "stac_version": "1.0.0", "id": id, "collection": collection, "geometry": null,
            "properties": properties, "assets": {},
            "links": [{"rel": "derived_from", "href": "../a.json"}, {"rel": "root", "href": "../catalog.json"}],
        })
    };
    let dated = |key: &str, value: &str| json!({"datetime": "2024-01-01T00:00:00Z", key: value});
    for (path, document) in [
        ("data/raw/scan.json", item("scan", "raw", dated("title", "a scan"))),
        ("stac/made/versioned.json", item("versioned", "made", dated("version", "1.2.0"))),
        ("stac/kept/site.json", item("site", "kept", dated("kfm:care_label", "sensitive"))),
    ] {
        let path = into.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, document.to_string()).unwrap();
    }
}

/// A platform with the real catalog in it, and the id of the publish that brought it.
async fn published() -> (World, String) {
    let world = World::new().await;
    world.label("stac/kept/", "sensitive").await;
    let folder = tempfile::tempdir().unwrap();
    lay_catalog(folder.path());
    let report = world.publish(folder.path()).await;
    assert_eq!(report.status, Status::Completed);
    (world, report.publish_id.unwrap().to_string())
}

fn hotfix(collection: &str, field: &str, from: impl Into<JsonText>, to: impl Into<JsonText>) -> StacHotfix {
    let field = FieldPath::parse(field).unwrap();
    StacHotfix { reason: "as the source states".into(), ..StacHotfix::new(collection, field, from, to) }
}

fn number(text: &str) -> JsonText {
    text.parse().unwrap()
}

fn licence() -> StacHotfix {
    hotfix(TERRAIN, "properties.license", "public-domain", "PDM-1.0")
}

async fn ask(world: &World, request: StacHotfix) -> Result<HotfixReport> {
    kfm_hotfix::stac(&world.open().await, request).await
}

/// What each store holds, as it digests it itself.
async fn digests(world: &World) -> BTreeMap<String, Option<Digest>> {
    let doctor = world.open().await.doctor(true).await.unwrap();
    doctor.stores.into_iter().map(|store| (store.name, store.digest)).collect()
}

async fn skew(world: &World) -> u64 {
    world.open().await.catalog_check().await.unwrap().store_skew
}

#[tokio::test]
async fn a_hotfix_changes_the_value_and_no_other_byte_and_its_revert_gives_them_back() {
    let (world, _) = published().await;
    let (documents, stores) = (world.documents(), digests(&world).await);

    let rehearsed = ask(&world, StacHotfix { dry_run: true, ..licence() }).await.unwrap();
    assert_eq!((rehearsed.matches, rehearsed.others, rehearsed.ready), (2, 1, Some(true)));
    assert_eq!(rehearsed.changes.first.iter().map(|change| &change.key).collect::<Vec<_>>(), ITEMS);
    assert_eq!((world.documents(), digests(&world).await), (documents.clone(), stores.clone()));

    let request = StacHotfix { shown: rehearsed.content_id, ..licence() };
    let done = ask(&world, request).await.unwrap();
    assert_eq!((done.status, done.matches, done.content_id), (Status::Completed, 2, rehearsed.content_id));
    let mut expected = documents.clone();
    for path in ITEMS {
        let text = String::from_utf8(documents[path].clone()).unwrap();
        assert_eq!(text.matches("\"public-domain\"").count(), 1, "{path}");
        expected.insert(path.into(), text.replace("\"public-domain\"", "\"PDM-1.0\"").into_bytes());
    }
    assert_eq!(world.documents(), expected);
    let after = digests(&world).await;
    for store in ["graph", "search", "cache"] {
        assert_ne!(after[store], stores[store], "{store} follows");
    }
    assert_eq!(skew(&world).await, 0);

    let id = done.hotfix_id.unwrap();
    let manifest: Value = serde_json::from_slice(&std::fs::read(done.manifest.unwrap()).unwrap()).unwrap();
    assert_eq!((&manifest["id"], &manifest["targets"]), (&json!(id), &json!(ITEMS)));
    assert_eq!(manifest["correction"]["values"], json!({"from": "public-domain", "to": "PDM-1.0"}));
    for path in ITEMS {
        for (key, bytes) in [("checksums_before", &documents[path]), ("checksums_after", &expected[path])] {
            assert_eq!(manifest[key][path], json!(Digest::of_bytes(bytes)), "{key} {path}");
        }
    }
    let version = manifest["actions"][0]["to_version"].as_str().unwrap();
    assert!(version.ends_with("+hf.1"), "{version}");

    let again = ask(&world, licence()).await.unwrap();
    assert_eq!((again.hotfix_id, again.matches, again.skipped), (None, 0, 2));
    assert!(again.note.unwrap().contains("nothing to do"));

    let reverted = kfm_hotfix::revert(&world.open().await, id.as_str(), "it was right").await.unwrap();
    assert_eq!(
        (reverted.status, reverted.matches, reverted.hotfix_id),
        (Status::Completed, 2, Some(id.clone()))
    );
    assert_eq!(world.documents(), documents);
    assert_eq!(digests(&world).await, stores);
    let rollback = reverted.rollback_id.unwrap();
    let verified = world.open().await.verify(rollback.as_str()).await.unwrap();
    assert!(verified.ok, "{verified:#?}");

    // Made once more it is another version: a number names one content for ever.
    let third = ask(&world, licence()).await.unwrap();
    let manifest: Value = serde_json::from_slice(&std::fs::read(third.manifest.unwrap()).unwrap()).unwrap();
    assert!(manifest["actions"][0]["to_version"].as_str().unwrap().ends_with("+hf.2"), "{manifest:#}");
}

#[tokio::test]
async fn the_patched_publish_is_not_rolled_back_while_the_hotfix_stands() {
    let (world, publish) = published().await;
    let documents = world.documents();
    let first = ask(&world, licence()).await.unwrap().hotfix_id.unwrap();
    let second = hotfix(TERRAIN, "properties.license", "PDM-1.0", "PDDL-1.0");
    let second = ask(&world, second).await.unwrap().hotfix_id.unwrap();
    let execute = async |target| world.open().await.execute(ExecuteRequest::new(target, "bad run")).await;
    let refused = execute(PlanTarget::Publish(publish.clone())).await.unwrap_err();
    let Error::Conflict { next, .. } = &refused else { panic!("{refused}") };
    assert_eq!(next[0], Remedy::undo(&second.clone().into()));
    let refused = execute(PlanTarget::Hotfix(first.to_string())).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Conflict { next, .. } if next[0] == Remedy::undo(&second.clone().into())),
        "{refused}"
    );
    for id in [&second, &first] {
        execute(PlanTarget::Hotfix(id.to_string())).await.unwrap();
    }
    assert_eq!(world.documents(), documents);
    // Only the reviewer that its sensitive document asks for is missing now.
    let waiting = execute(PlanTarget::Publish(publish)).await.unwrap_err();
    assert!(matches!(waiting, Error::ApprovalRequired { .. }), "{waiting}");
}

#[tokio::test]
async fn a_publish_of_nothing_but_patched_documents_is_not_rolled_back_either() {
    let (world, _) = published().await;
    let mut publish = world.open().await.begin_publish("touch_up".parse().unwrap()).await.unwrap();
    for path in ITEMS {
        let text = String::from_utf8(world.documents()[path].clone()).unwrap();
        publish.put(path, text.replacen('{', "{ ", 1)).unwrap();
    }
    let id = publish.complete().await.unwrap().publish_id.unwrap().to_string();
    let hotfix = ask(&world, licence()).await.unwrap().hotfix_id.unwrap();
    let request = ExecuteRequest::new(PlanTarget::Publish(id), "bad run");
    let refused = world.open().await.execute(request).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Conflict { next, .. } if next[0] == Remedy::undo(&hotfix.clone().into())),
        "{refused}"
    );
}

#[tokio::test]
async fn a_looser_licence_is_executed_once_one_reviewer_approved_that_very_change() {
    let (world, _) = published().await;
    let documents = world.documents();
    let looser = || hotfix("documents", "license", "CC-BY-4.0", "CC0-1.0");
    let waiting = ask(&world, looser()).await.unwrap_err();
    let Error::ApprovalRequired { plan_id, needed, .. } = waiting else { panic!("{waiting}") };
    assert_eq!((needed.len(), world.documents()), (1, documents.clone()));
    let (_, key) = world.open().await.principal_add("maria", &["reviewer".into()], None).await.unwrap();
    let key = key.unwrap();
    let plan = plan_id.to_string();
    world.open_as("maria").await.approve(&plan, "maria", "reviewer", &key, None).await.unwrap();
    // Another change is another plan, whatever was approved.
    let other = hotfix("documents", "license", "CC-BY-4.0", "public-domain");
    assert!(
        matches!(ask(&world, other).await, Err(Error::ApprovalRequired { plan_id, .. }) if plan_id.to_string() != plan)
    );
    let done = ask(&world, looser()).await.unwrap();
    assert_eq!((done.plan_id.unwrap().to_string(), done.risk_level.unwrap()), (plan, "high".to_owned()));
    let changed: Vec<_> =
        world.documents().into_iter().filter(|(path, bytes)| documents[path] != *bytes).collect();
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0].0, "stac/collections/documents.json");
}

#[tokio::test]
async fn what_r73_forbids_is_denied_recorded_and_changes_nothing() {
    let (world, _) = published().await;
    let documents = world.documents();
    for (request, rule) in [
        (hotfix("raw", "properties.title", "a scan", "the scan"), "GOV-hotfix"),
        (hotfix(TERRAIN, "type", "Feature", "Catalog"), "GOV-hotfix"),
        (hotfix(TERRAIN, "stac_version", "1.0.0", "1.1.0"), "GOV-hotfix"),
        (hotfix("made", "links.0.rel", "derived_from", "made_from"), "GOV-hotfix"),
        (hotfix("made", "links.0.href", "../a.json", "../b.json"), "GOV-hotfix"),
        (hotfix("made", "properties.version", "1.2.0", "1.2.1"), "GOV-hotfix"),
        (hotfix("made", "id", "versioned", "another"), "FAIR-F1-id"),
        (hotfix("made", "collection", "made", "another"), "FAIR-F1-id"),
        (hotfix("made", "properties.datetime", "2024-01-01T00:00:00Z", number("2024")), "VER-schema"),
        (hotfix("documents", "license", "CC-BY-4.0", "UNKNOWN"), "FAIR-R1.1-licence"),
        (hotfix("kept", "properties.kfm:care_label", "sensitive", "public"), "CARE-A1-access"),
        (hotfix("kept", "properties.kfm:care_label", "sensitive", "nobody knows"), "CARE-A1-access"),
    ] {
        let (field, to) = (request.field.to_string(), request.to.clone());
        let denied = ask(&world, request).await.unwrap_err();
        let Error::Denied { findings, .. } = &denied else { panic!("{field} -> {to}: {denied}") };
        let rules: Vec<_> =
            findings.iter().filter(|finding| finding.denies).map(|finding| finding.rule.as_str()).collect();
        assert!(rules.contains(&rule), "{field} -> {to}: {rules:?}");
        assert_eq!(world.documents(), documents, "{field}");
    }
    let entries = world.open().await.ledger_entries().await.unwrap();
    let denied = entries.iter().filter(|stored| {
        stored.entry.ids.hotfix_id.is_some() && stored.entry.status == kfm_lineage::Status::Denied
    });
    assert_eq!(denied.count(), 12);
}

#[tokio::test]
async fn an_adopted_catalog_is_corrected_once_it_is_labelled() {
    let world = World::unlabelled().await;
    lay_catalog(&world.catalog());
    world.open().await.adopt(None, None).await.unwrap();
    let denied = ask(&world, licence()).await.unwrap_err();
    let Error::Denied { findings, .. } = &denied else { panic!("{denied}") };
    assert!(findings.iter().any(|finding| finding.denies && finding.code.as_deref() == Some("C-F01")));
    world.label("data/stac/", "public").await;
    assert_eq!(ask(&world, licence()).await.unwrap().matches, 2);
}

#[tokio::test]
async fn values_of_protected_documents_are_in_no_message_and_no_plan() {
    let (world, _) = published().await;
    let missing = ask(&world, hotfix("kept", "id", "none such", "a")).await.unwrap_err();
    assert!(
        missing.to_string().contains("not shown, protected (1)") && !missing.to_string().contains("site"),
        "{missing}"
    );
    let request = || hotfix("kept", "properties.datetime", "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z");
    let Err(Error::ApprovalRequired { plan_id, .. }) = ask(&world, request()).await else {
        panic!("what is sensitive is of high risk");
    };
    let plan = std::fs::read_to_string(world.open().await.plan_path(&plan_id)).unwrap();
    assert!(plan.contains("properties.datetime") && !plan.contains("2024-02-01"), "{plan}");
}

#[tokio::test]
async fn a_value_that_nothing_has_is_an_error_that_lists_the_values_found() {
    let (world, _) = published().await;
    let error = ask(&world, hotfix(TERRAIN, "properties.license", "UNKNOWN", "MIT")).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("\"public-domain\" (2)") && text.contains("no such field (1)"), "{text}");
    assert!(matches!(ask(&world, hotfix("nowhere", "id", "1", "2")).await, Err(Error::NotFound { .. })));
    let blank = StacHotfix { reason: " ".into(), ..licence() };
    assert!(matches!(ask(&world, blank).await, Err(Error::Invalid { .. })));
}

#[tokio::test]
async fn a_document_that_another_hand_changed_is_refused_and_nothing_moves() {
    let (world, _) = published().await;
    std::fs::write(world.catalog().join(ITEMS[1]), b"{}").unwrap();
    let documents = world.documents();
    let refused = ask(&world, licence()).await.unwrap_err();
    let Error::Conflict { conflicts, .. } = &refused else { panic!("{refused}") };
    assert!(conflicts.len() == 1 && conflicts[0].subject.ends_with(ITEMS[1]), "{conflicts:?}");
    assert_eq!(world.documents(), documents);
    let rehearsed = ask(&world, StacHotfix { dry_run: true, ..licence() }).await.unwrap();
    assert_eq!((rehearsed.ready, rehearsed.against.conflicts_total), (Some(false), 1));
}

#[tokio::test]
async fn what_was_shown_is_what_is_executed_or_nothing() {
    let (world, _) = published().await;
    let shown = ask(&world, StacHotfix { dry_run: true, ..licence() }).await.unwrap().content_id;
    let one = hotfix(TERRAIN, "id", "ks_1m_dem", "other");
    assert!(ask(&world, one).await.is_err(), "a hotfix that is denied changes no basis");
    ask(&world, hotfix(TERRAIN, "properties.license", "public-domain", "PDDL-1.0")).await.unwrap();
    ask(&world, hotfix(TERRAIN, "properties.license", "PDDL-1.0", "public-domain")).await.unwrap();
    let documents = world.documents();
    let refused = ask(&world, StacHotfix { shown, ..licence() }).await.unwrap_err();
    assert!(matches!(&refused, Error::Conflict { message, .. } if message.contains("shown")), "{refused}");
    assert_eq!(world.documents(), documents);
}

/// Asks to stop when the first documents are about to move.
#[derive(Debug)]
struct StopAtSteps(Interrupt);

impl Progress for StopAtSteps {
    fn phase(&self, phase: &str, _: u64) {
        if ["expand", "switch", "contract"].contains(&phase) {
            self.0.request();
        }
    }

    fn advance(&self, _: u64) {}
}

/// Begins the hotfix in a process that is stopped before its first step, and returns its id.
async fn interrupted(world: &World) -> String {
    let mut options = OpenOptions::new("operator").with_clock(world.clock.clone());
    options.progress = Arc::new(StopAtSteps(options.interrupt.clone()));
    let platform = Platform::open(world.root(), options).await.unwrap();
    let stopped = kfm_hotfix::stac(&platform, licence()).await.unwrap_err();
    let Error::Unfinished { operation, next, .. } = &stopped else { panic!("{stopped}") };
    assert_eq!(*next, Remedy::both_ways(operation));
    operation.to_string()
}

#[tokio::test]
async fn an_interrupted_hotfix_keeps_its_documents_until_it_is_resumed() {
    let (world, _) = published().await;
    let id = interrupted(&world).await;
    let open = world.open().await.status().await.unwrap().open;
    assert_eq!((open.len(), open[0].id.as_str(), open[0].kind.as_str()), (1, id.as_str(), "hotfix"));
    assert!(matches!(ask(&world, licence()).await, Err(Error::Conflict { .. })));
    let done = world.open().await.hotfix_resume(&id, false, Vec::new()).await.unwrap();
    assert_eq!((done.status, done.applied.by_domain["stac"]), (Status::Completed, 2));
    assert_eq!((ask(&world, licence()).await.unwrap().skipped, skew(&world).await), (2, 0));
}

#[tokio::test]
async fn an_interrupted_hotfix_is_aborted_to_the_bytes_before() {
    let (world, _) = published().await;
    let (documents, stores) = (world.documents(), digests(&world).await);
    let id = interrupted(&world).await;
    let aborted = world.open().await.rollback_resume(&id, true, Vec::new()).await.unwrap();
    assert_eq!(aborted.status, Status::Aborted);
    assert_eq!((world.documents(), digests(&world).await), (documents, stores));
    assert_eq!(ask(&world, licence()).await.unwrap().status, Status::Completed);
}
