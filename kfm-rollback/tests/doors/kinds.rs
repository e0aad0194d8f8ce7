//! Kinds that an opener registered: `kfm.toml` names them, each with its own keys (ADR 0021).

use std::path::Path;
use std::sync::{Arc, Mutex};

use kfm_lineage::Domain;
use kfm_rollback::kind::{Key, StoreKind, Surroundings};
use kfm_rollback::memory::MemoryOp;
use kfm_rollback::op::DomainOpExt;
use kfm_rollback::op::Role;
use kfm_rollback::{Credentials, DomainOp, OpenOptions, Platform, Result};

use crate::support::World;

/// Opens stores in memory, and notes what it was given.
#[derive(Debug, Default)]
struct Tiles {
    opens_as: Option<&'static str>,
    given: Mutex<Vec<String>>,
    store: Mutex<Option<MemoryOp>>,
}

impl StoreKind for Tiles {
    fn kind(&self) -> &'static str {
        "tiles"
    }

    fn domains(&self) -> &'static [Domain] {
        &[Domain::Cache]
    }

    fn keys(&self) -> &'static [Key] {
        &[
            Key { name: "layers", about: "How layers are named.", values: &[] },
            Key { name: "format", about: "The form of a tile.", values: &["png", "webp"] },
        ]
    }

    fn credentials(&self) -> &'static [&'static str] {
        &["TILES_"]
    }

    fn open(&self, at: &Surroundings<'_>) -> Result<Arc<dyn DomainOp>> {
        let (url, layers, token) =
            (&at.settings.url, at.settings.text("layers"), at.credentials.get("TILES_TOKEN"));
        self.given.lock().unwrap().push(format!("{} {url} {layers:?} {token:?} {:?}", at.name, at.role));
        let store = MemoryOp::new(self.opens_as.unwrap_or(at.name), at.settings.domain);
        Ok(Arc::new(self.store.lock().unwrap().get_or_insert(store).clone()))
    }
}

fn add(root: &Path, table: &str) {
    let file = root.join("kfm.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, format!("{text}\n[stores.tiles]\n{table}\n")).unwrap();
}

const TABLE: &str =
    "domain = \"cache\"\nkind = \"tiles\"\nurl = \"https://tiles.example\"\nlayers = \"by-day\"";

async fn open(world: &World, kind: &Arc<Tiles>) -> Result<Platform> {
    let mut options = OpenOptions::new("ops").with_kind(kind.clone());
    let pairs = [("TILES_TOKEN", "shared"), ("KFM_TILES_TILES_TOKEN", "its own"), ("HOME", "/")];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    options.credentials = Credentials::from_pairs(pairs, &options.kinds);
    Platform::open(world.root(), options).await
}

#[tokio::test]
async fn a_kind_opens_its_stores_from_their_tables_with_their_own_credentials() {
    let world = World::new().await;
    add(world.root(), TABLE);
    let kind = Arc::new(Tiles::default());
    let platform = open(&world, &kind).await.unwrap();
    let given = "tiles https://tiles.example Some(\"by-day\") Some(\"its own\") Derived";
    assert_eq!(*kind.given.lock().unwrap(), [given]);
    assert_eq!((platform.role("catalog"), platform.role("tiles")), (Role::Target, Role::Derived));
    let doctor = platform.doctor(false).await.unwrap();
    assert!(doctor.stores.iter().any(|store| store.name == "tiles" && store.kind == "tiles" && store.ok));
}

#[tokio::test]
async fn a_publish_and_a_rollback_move_a_store_of_an_own_kind_too() {
    let world = World::new().await;
    add(world.root(), TABLE);
    let kind = Arc::new(Tiles::default());
    let platform = open(&world, &kind).await.unwrap();
    let put = async |title: &str| {
        let items = [("a", Some(crate::small::item("a", title)))];
        crate::small::try_put(&platform, &items).await.unwrap().publish_id.unwrap()
    };
    put("first").await;
    let store = kind.store.lock().unwrap().clone().unwrap();
    let first = store.value("kfm-c").await.unwrap();
    let second = put("second").await;
    assert_ne!(store.value("kfm-c").await.unwrap(), first);
    let target = kfm_rollback::PlanTarget::Publish(second.to_string());
    platform.execute(kfm_rollback::ExecuteRequest::new(target, "it was wrong")).await.unwrap();
    assert_eq!(store.value("kfm-c").await.unwrap(), first);
}

#[tokio::test]
async fn a_key_or_value_that_the_kind_does_not_have_is_refused_with_its_line_and_the_nearest() {
    let kind = Arc::new(Tiles::default());
    for (wrong, expected) in [
        ("layer = \"by-day\"", "unknown key, the nearest known one is layers: key=stores.tiles.layer line="),
        ("mode = \"alias\"", "unknown key, the nearest known one is role: key=stores.tiles.mode line="),
        (
            "format = \"wepb\"",
            "value is not known, the nearest known one is webp: key=stores.tiles.format value=wepb line=",
        ),
        ("layers = 1\nprojected = 1", "invalid type: integer `1`, expected a boolean"),
    ] {
        let world = World::new().await;
        add(world.root(), &TABLE.replace("layers = \"by-day\"", wrong));
        let error = open(&world, &kind).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn whoever_lacks_the_kind_is_told_which_one_it_is() {
    let world = World::new().await;
    add(world.root(), TABLE);
    let error = Platform::open(world.root(), OpenOptions::new("ops")).await.unwrap_err().to_string();
    assert!(error.starts_with("unknown kind, the nearest known one is"), "{error}");
    assert!(error.contains("store=tiles kind=tiles line="), "{error}");
}

#[tokio::test]
async fn a_kind_that_opens_another_store_than_was_asked_for_is_refused() {
    let world = World::new().await;
    add(world.root(), TABLE);
    let kind = Arc::new(Tiles { opens_as: Some("catalog"), ..Tiles::default() });
    let error = open(&world, &kind).await.unwrap_err().to_string();
    assert!(error.starts_with("the kind opened another store than was asked for"), "{error}");
}
