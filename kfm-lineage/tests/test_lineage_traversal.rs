//! The lineage graph as the engine and an operator use it (R30 to R32, R110).
#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kfm_lineage::graph::{
    Content, Dependent, DerivativeKind, EntityKind, EntityVersion, LineageClass, LineageFinding, Source,
    VersionRef,
};
use kfm_lineage::{
    CatalogView, CellId, Digest, DocumentFacts, Domain, EntityId, LineageError, LineageGraph, LineageReader,
    LineageReaderExt, MemoryLineage, OperationId, PublishId, Scope, Step, Value,
};
use proptest::prelude::*;

fn publish(n: usize) -> PublishId {
    format!("pub_2025_11_14T03_{:02}_{:02}Z_daily", n / 60, n % 60).parse().unwrap()
}

fn hotfix(n: usize) -> OperationId {
    format!("hf_2025_11_14T03_15_{n:02}Z_stac_licence").parse().unwrap()
}

fn entity(name: &str) -> EntityId {
    name.parse().unwrap()
}

fn set(names: &[&str]) -> BTreeSet<EntityId> {
    names.iter().map(|name| entity(name)).collect()
}

/// A version made by the `n`th publish, from the versions that the given operations have made.
fn version(name: &str, kind: EntityKind, n: usize, sources: &[(&str, OperationId)]) -> EntityVersion {
    EntityVersion {
        entity: entity(name),
        kind,
        operation: publish(n).into(),
        content: Content::Digest(Digest::of_bytes(format!("{name} {n}").as_bytes())),
        before: None,
        predecessor: None,
        sources: sources
            .iter()
            .map(|(name, operation)| Source { entity: entity(name), operation: Some(operation.clone()) })
            .collect(),
    }
}

const TILES: EntityKind = EntityKind::Derivative(DerivativeKind::Tiles);

/// The publish of a day: an asset, its scene in a collection, tiles made from the scene, and the projections.
///
/// Then a second publish makes a mosaic from the scene and a table from the mosaic, a third supersedes the
/// scene, and a fourth has nothing to do with it.
fn platform() -> Vec<EntityVersion> {
    let (first, second) = (OperationId::from(publish(1)), OperationId::from(publish(2)));
    let mut scene_again = version("scene", EntityKind::StacItem, 3, &[]);
    scene_again.predecessor = Some(first.clone());
    scene_again.before = Some(Digest::of_bytes(b"scene 1"));
    vec![
        version("asset", EntityKind::SourceAsset, 1, &[]),
        version("scene", EntityKind::StacItem, 1, &[("asset", first.clone())]),
        version("landsat", EntityKind::StacCollection, 1, &[]),
        version("tiles", TILES, 1, &[("scene", first.clone())]),
        version("alias", EntityKind::ReadModel, 1, &[]),
        version("mosaic", EntityKind::StacItem, 2, &[("scene", first.clone()), ("tiles", first)]),
        version("table", EntityKind::Derivative(DerivativeKind::Table), 2, &[("mosaic", second)]),
        scene_again,
        version("elsewhere", EntityKind::StacItem, 4, &[]),
    ]
}

async fn fed(versions: &[EntityVersion]) -> MemoryLineage {
    let lineage = MemoryLineage::new();
    lineage.append(versions).await.unwrap();
    lineage
}

#[tokio::test]
async fn the_scope_of_a_publish_is_what_it_made_and_what_was_made_from_that() {
    let lineage = fed(&platform()).await;
    let expected = Scope {
        stac_items: set(&["mosaic", "scene"]),
        collections: set(&["landsat"]),
        derivatives: set(&["table", "tiles"]),
        read_models: set(&["alias"]),
        dependents: vec![Dependent { operation: publish(2).into(), entities: set(&["mosaic", "table"]) }],
    };
    assert_eq!(lineage.scope_for_publish(&publish(1)).await, Ok(expected));
}

#[tokio::test]
async fn what_supersedes_a_version_does_not_depend_on_it_nor_inherit_its_dependants() {
    let lineage = fed(&platform()).await;
    let scope = lineage.scope_for_publish(&publish(3)).await.unwrap();
    assert_eq!(scope, Scope { stac_items: set(&["scene"]), ..Scope::default() });
}

#[tokio::test]
async fn dependents_are_named_in_the_order_of_the_log() {
    let lineage = fed(&platform()).await;
    let first = OperationId::from(publish(1));
    let later: Vec<EntityVersion> = [9, 8, 7]
        .map(|n| version(&format!("late-{n}"), EntityKind::StacItem, n, &[("scene", first.clone())]))
        .into();
    lineage.append(&later).await.unwrap();
    let scope = lineage.scope_for_publish(&publish(1)).await.unwrap();
    let operations: Vec<OperationId> =
        scope.dependents.into_iter().map(|dependent| dependent.operation).collect();
    assert_eq!(operations, [2, 9, 8, 7].map(|n| OperationId::from(publish(n))));
}

#[tokio::test]
async fn a_hotfix_depends_on_the_version_that_it_patched_and_has_a_scope_itself() {
    let lineage = fed(&platform()).await;
    let mut patched = version("scene", EntityKind::StacItem, 3, &[("scene", publish(3).into())]);
    patched.operation = hotfix(1);
    patched.content = Content::Digest(Digest::of_bytes(b"patched"));
    lineage.append(&[patched]).await.unwrap();

    let of_patched = lineage.scope_for_publish(&publish(3)).await.unwrap();
    assert_eq!(of_patched.dependents, [Dependent { operation: hotfix(1), entities: set(&["scene"]) }]);
    let of_older = lineage.scope_for_publish(&publish(1)).await.unwrap();
    assert!(of_older.dependents.iter().all(|dependent| dependent.operation != hotfix(1)));
    let of_hotfix = lineage.scope_for(&hotfix(1)).await.unwrap();
    assert_eq!(of_hotfix, Scope { stac_items: set(&["scene"]), ..Scope::default() });
}

#[tokio::test]
async fn a_repair_has_the_scope_of_the_versions_that_it_changes() {
    let lineage = fed(&platform()).await;
    let tiles = VersionRef { entity: entity("tiles"), operation: publish(1).into() };
    let scope = lineage.scope_for_versions(&[tiles]).await.unwrap();
    assert_eq!(scope.stac_items, set(&["mosaic"]));
    assert_eq!(scope.derivatives, set(&["table", "tiles"]));
    assert_eq!(scope.dependents.len(), 1);
}

#[tokio::test]
async fn a_publish_that_lineage_does_not_know_has_no_scope() {
    let lineage = fed(&platform()).await;
    let refused = LineageError::Unknown { id: publish(5).to_string() };
    assert_eq!(lineage.scope_for_publish(&publish(5)).await, Err(refused));
}

#[tokio::test]
async fn a_document_that_names_a_source_of_its_own_publish_is_no_later_dependent() {
    let own = OperationId::from(publish(1));
    let cycle = [
        version("a", EntityKind::StacItem, 1, &[("b", own.clone())]),
        version("b", EntityKind::StacItem, 1, &[("a", own)]),
    ];
    let scope = fed(&cycle).await.scope_for_publish(&publish(1)).await.unwrap();
    assert_eq!(scope, Scope { stac_items: set(&["a", "b"]), ..Scope::default() });
}

#[tokio::test]
async fn a_step_of_a_derived_cell_makes_a_read_model() {
    let step = |derived| Step {
        cell: CellId::new(Domain::Search, "search", "kfm-landsat"),
        unit: "landsat".to_owned(),
        entity: entity("kfm-search://search/kfm-landsat"),
        from_version: None,
        to_version: None,
        before: Some(Digest::of_bytes(b"old")),
        after: None,
        derived,
        stac_id: None,
        collection: None,
        other_names: kfm_lineage::OtherNames::default(),
    };
    let made = |derived| EntityVersion::of_step(&step(derived), EntityKind::StacItem, publish(1).into());
    assert_eq!((made(true).kind, made(false).kind), (EntityKind::ReadModel, EntityKind::StacItem));
    assert_eq!((made(true).content, made(true).before), (Content::Retired, Some(Digest::of_bytes(b"old"))));
}

/// The history of the real catalog as lineage, with the owner of each document before each publish.
async fn real_history() -> (MemoryLineage, BTreeSet<EntityId>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testing/data/kfm-stac-history");
    let blob = |sha256: &str| {
        let path: PathBuf = folder.join("blobs").join(sha256);
        Arc::new(DocumentFacts::project(&std::fs::read(path).unwrap()))
    };
    let lineage = MemoryLineage::new();
    let mut view = CatalogView::default();
    let mut owners: BTreeMap<String, OperationId> = BTreeMap::new();
    for line in std::fs::read_to_string(folder.join("publishes.ndjson")).unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let operation = OperationId::from(publish(line["seq"].as_u64().unwrap().try_into().unwrap()));
        let mut versions = Vec::new();
        for change in line["changes"].as_array().unwrap() {
            let path = change["path"].as_str().unwrap();
            let facts = blob(change["sha256"].as_str().unwrap());
            let before: Value = view.insert(path, Arc::clone(&facts)).map(|before| before.digest);
            versions.push(EntityVersion {
                entity: entity(path),
                kind: facts.kind.into(),
                operation: operation.clone(),
                content: Content::Digest(facts.digest),
                before,
                predecessor: owners.insert(path.to_owned(), operation.clone()),
                sources: Vec::new(),
            });
        }
        for made in &mut versions {
            let sources = view.sources(made.entity.as_str());
            made.sources.extend(
                sources
                    .iter()
                    .map(|path| Source { entity: entity(path), operation: owners.get(*path).cloned() }),
            );
        }
        lineage.append(&versions).await.unwrap();
    }
    (lineage, owners.keys().map(|path| entity(path)).collect())
}

#[tokio::test]
async fn in_the_real_history_the_predecessor_of_an_entity_belongs_to_any_earlier_publish() {
    let (lineage, _) = real_history().await;
    let elevation = lineage.history(&entity("stac/collections/elevation.json")).await.unwrap();
    let chain: Vec<_> =
        elevation.iter().map(|version| (version.operation.clone(), version.predecessor.clone())).collect();
    let made_by = |n| OperationId::from(publish(n));
    assert_eq!(
        chain,
        [
            (made_by(2), None),
            (made_by(35), Some(made_by(2))),
            (made_by(40), Some(made_by(35))),
            (made_by(58), Some(made_by(40))),
        ]
    );
}

#[tokio::test]
async fn the_real_history_is_whole_and_no_publish_of_it_depends_on_another() {
    let (lineage, present) = real_history().await;
    assert_eq!(lineage.check(&present).await, Ok(vec![]));
    for n in 1..=58 {
        let scope = lineage.scope_for_publish(&publish(n)).await.unwrap();
        assert_eq!(
            scope.dependents,
            [],
            "its derived_from links lead to files and to a document that is not there"
        );
        assert_eq!(scope.stac_items.len() + scope.collections.len(), 1);
    }
}

#[tokio::test]
async fn a_document_that_lineage_was_not_told_of_is_found() {
    let (lineage, mut present) = real_history().await;
    present.insert(entity("stac/items/by_hand.json"));
    let finding = LineageFinding {
        class: LineageClass::ItemWithoutLineage,
        entity: entity("stac/items/by_hand.json"),
        operation: None,
    };
    assert_eq!(lineage.check(&present).await, Ok(vec![finding]));
}

/// Random histories: up to 12 publishes of up to 8 entities, made from each other at random.
fn histories() -> impl Strategy<Value = Vec<EntityVersion>> {
    let made = (0usize..12, 0usize..8, prop::collection::vec((0usize..8, 0usize..12), 0..4));
    prop::collection::vec(made, 1..40).prop_map(|made| {
        let mut versions = BTreeMap::new();
        for (n, name, sources) in made {
            let sources: Vec<(String, OperationId)> =
                sources.into_iter().map(|(name, m)| (format!("e{name}"), publish(m.min(n)).into())).collect();
            let sources: Vec<(&str, OperationId)> =
                sources.iter().map(|(name, operation)| (name.as_str(), operation.clone())).collect();
            versions.insert((n, name), version(&format!("e{name}"), EntityKind::StacItem, n, &sources));
        }
        versions.into_values().collect()
    })
}

/// The dependants of a publish by definition, over the sources that name an existing version.
fn dependants_by_definition(
    versions: &[EntityVersion],
    of: &OperationId,
) -> BTreeSet<(EntityId, OperationId)> {
    let mut reached: BTreeSet<(EntityId, OperationId)> = versions
        .iter()
        .filter(|version| version.operation == *of)
        .map(|version| (version.entity.clone(), version.operation.clone()))
        .collect();
    loop {
        let before = reached.len();
        for version in versions {
            let from_reached = |source: &Source| {
                source
                    .operation
                    .as_ref()
                    .is_some_and(|operation| reached.contains(&(source.entity.clone(), operation.clone())))
            };
            if version.sources.iter().any(from_reached) {
                reached.insert((version.entity.clone(), version.operation.clone()));
            }
        }
        if reached.len() == before {
            return reached;
        }
    }
}

proptest! {
    #[test]
    fn the_scope_of_any_publish_of_any_history_is_the_one_by_definition(
        versions in histories(),
        batch in 1usize..10,
    ) {
        // A source that names no existing version is taken for another one; such sources are left out here.
        let names: BTreeSet<(EntityId, OperationId)> =
            versions.iter().map(|version| (version.entity.clone(), version.operation.clone())).collect();
        let known = |source: &Source| {
            source.operation.as_ref().is_some_and(|made_by| names.contains(&(source.entity.clone(), made_by.clone())))
        };
        let versions: Vec<EntityVersion> = versions
            .into_iter()
            .map(|mut version| {
                version.sources.retain(known);
                version
            })
            .collect();

        // An operation is appended as a whole; whether several are appended at once makes no difference.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let lineage = MemoryLineage::new();
            let operations: BTreeSet<&OperationId> = versions.iter().map(|version| &version.operation).collect();
            for some in operations.iter().copied().collect::<Vec<_>>().chunks(batch) {
                let call: Vec<EntityVersion> =
                    versions.iter().filter(|version| some.contains(&&version.operation)).cloned().collect();
                lineage.append(&call).await.unwrap();
            }
            for operation in operations {
                let expected = dependants_by_definition(&versions, operation);
                let scope = lineage.scope_for(operation).await.unwrap();
                let entities: BTreeSet<EntityId> = expected.iter().map(|(entity, _)| entity.clone()).collect();
                assert_eq!(scope.stac_items, entities);
                let dependents: BTreeSet<(EntityId, OperationId)> = scope
                    .dependents
                    .into_iter()
                    .flat_map(|later| {
                        let operation = later.operation;
                        later.entities.into_iter().map(move |entity| (entity, operation.clone()))
                    })
                    .collect();
                let later: BTreeSet<_> = expected.into_iter().filter(|(_, made_by)| made_by != operation).collect();
                assert_eq!(dependents, later);
            }
        });
    }
}
