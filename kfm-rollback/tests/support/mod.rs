//! A platform in a temporary folder, and the catalog's real history.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file uses a part of it"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kfm_retry::clock::Sleep;
use kfm_retry::{Clock, ManualClock, SystemClock};
use kfm_rollback::{Interrupt, LabelAssign, OpenOptions, Platform, Progress, PublishFolder};
use serde::Deserialize;

/// Real waiting, and a civil time that a test moves: stores really take their time.
#[derive(Debug)]
pub struct TestClock(ManualClock);

impl TestClock {
    pub fn advance(&self, by: Duration) {
        self.0.advance(by);
    }

    /// Sets the civil time back, as an operator or NTP does.
    pub fn set_back(&self, by: Duration) {
        self.0.set_wall(self.0.wall() - by);
    }
}

impl Clock for TestClock {
    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }

    fn wall(&self) -> SystemTime {
        self.0.wall()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        SystemClock.sleep(duration)
    }
}

/// Asks to stop once the first batch of steps is made.
#[derive(Debug)]
struct StopAfterOneBatch(Interrupt);

impl Progress for StopAfterOneBatch {
    fn phase(&self, _: &str, _: u64) {}

    fn advance(&self, _: u64) {
        self.0.request();
    }
}

/// A platform in a temporary folder, on a clock that a test moves.
pub struct World {
    pub folder: tempfile::TempDir,
    pub clock: Arc<TestClock>,
    keeps: bool,
}

impl World {
    /// Makes the same, where every command that changes something keeps a snapshot first: so the next one looks at parts of
    /// the catalog by what is kept, as in a large one (ADR 0033).
    pub async fn keeping() -> Self {
        Self { keeps: true, ..Self::new().await }
    }

    /// Makes a platform in which everything is labelled public.
    pub async fn new() -> Self {
        let world = Self::unlabelled().await;
        world.label("", "public").await;
        world
    }

    /// Makes the same in memory, where the system has a place for that: for tests that make thousands.
    pub async fn fast() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()).unwrap();
        let world = Self::unlabelled_in(folder).await;
        world.label("", "public").await;
        world
    }

    /// Makes a platform without labels.
    pub async fn unlabelled() -> Self {
        Self::unlabelled_in(tempfile::tempdir().unwrap()).await
    }

    async fn unlabelled_in(folder: tempfile::TempDir) -> Self {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_763_089_200);
        let clock = Arc::new(TestClock(ManualClock::new(start)));
        Platform::init(folder.path()).await.unwrap();
        Self { folder, clock, keeps: false }
    }

    /// Asserts that what is kept beside the log, taken over from snapshot to snapshot, is what is made anew from the whole
    /// log. The platform is one that keeps.
    pub async fn assert_kept_as_made_anew(&self) {
        let anew = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(ManualClock::new(self.clock.wall())));
        let from = self.root().join(".");
        let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(anew.path()).status();
        assert!(copied.unwrap().success());
        let anew = Self { folder: anew, clock, keeps: true };
        std::fs::remove_dir_all(anew.root().join(".kfm/snapshots")).unwrap();
        // Any command that changes something keeps the snapshot first.
        for world in [self, &anew] {
            world.label("nothing/has/this/path", "public").await;
        }
        let (taken_over, made_anew) = (self.kept_states(), anew.kept_states());
        assert_eq!(made_anew.len(), 5, "{:?}", made_anew.keys());
        for (name, state) in made_anew {
            assert!(taken_over.get(&name) == Some(&state), "{name}");
        }
    }

    /// The bytes of what is kept by name and position, without what tells this very log from a copy of it that goes on.
    fn kept_states(&self) -> std::collections::BTreeMap<String, Vec<u8>> {
        let files = std::fs::read_dir(self.root().join(".kfm/snapshots")).unwrap();
        let state = |path: PathBuf| {
            let (name, _) = path.file_name().unwrap().to_str().unwrap().rsplit_once('-').unwrap();
            let mut bytes = std::fs::read(&path).unwrap();
            for key in [&b"\"chain\":\"sha256:"[..], b"\"table\":\"sha256:"] {
                let found: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(key)).collect();
                found.into_iter().for_each(|at| bytes[at + key.len()..][..64].fill(b'-'));
            }
            (name.to_owned(), bytes)
        };
        files.map(|file| state(file.unwrap().path())).collect()
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn catalog(&self) -> PathBuf {
        self.root().join("catalog")
    }

    /// Opens the platform as `actor`, as another process would.
    pub async fn open_as(&self, actor: &str) -> Platform {
        let clock: Arc<dyn Clock> = self.clock.clone();
        self.clock.advance(Duration::from_secs(1));
        let mut options = OpenOptions::new(actor).with_clock(clock);
        options.keeps_every_snapshot = self.keeps;
        Platform::open(self.root(), options).await.unwrap()
    }

    /// Opens the platform so that what it begins is interrupted after the first batch of steps.
    pub async fn open_stopping(&self) -> Platform {
        let clock: Arc<dyn Clock> = self.clock.clone();
        self.clock.advance(Duration::from_secs(1));
        let mut options = OpenOptions::new("operator").with_clock(clock);
        options.progress = Arc::new(StopAfterOneBatch(options.interrupt.clone()));
        options.keeps_every_snapshot = self.keeps;
        Platform::open(self.root(), options).await.unwrap()
    }

    pub async fn open(&self) -> Platform {
        self.open_as("operator").await
    }

    /// Labels everything below a path.
    pub async fn label(&self, under: &str, care: &str) {
        let (authority, reason) = ("FAIR+CARE Council", "federal open data");
        self.assign(None, Some(under), care, authority, reason).await;
    }

    /// Labels one document.
    pub async fn label_document(&self, path: &str, care: &str) {
        let (authority, reason) = ("Prairie Band Council", "a place that is not to be found");
        self.assign(Some(path), None, care, authority, reason).await;
    }

    async fn assign(
        &self,
        entity: Option<&str>,
        under: Option<&str>,
        care: &str,
        authority: &str,
        reason: &str,
    ) {
        let assign = LabelAssign {
            entity: entity.map(str::to_owned),
            under: under.map(str::to_owned),
            care: care.into(),
            authority: authority.into(),
            reason: reason.into(),
            review_by: "2030-06-30".into(),
            heritage: false,
            even_if_nothing: true,
        };
        self.open().await.label_assign(assign).await.unwrap();
    }

    /// Publishes a folder's documents, and retires the documents that the folder lacks.
    pub async fn publish(&self, from: &Path) -> kfm_rollback::report::PublishReport {
        let request = PublishFolder { mirror: true, ..PublishFolder::new(from, "ingest".parse().unwrap()) };
        self.open().await.publish_folder(request).await.unwrap()
    }

    /// The catalog's documents, by path.
    pub fn documents(&self) -> std::collections::BTreeMap<String, Vec<u8>> {
        documents_below(&self.catalog())
    }
}

/// Every file below a folder, by path.
pub fn documents_below(root: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, at: &Path, found: &mut std::collections::BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                let relative = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(relative, std::fs::read(&path).unwrap());
            }
        }
    }
    let mut found = Default::default();
    walk(root, root, &mut found);
    found
}

/// One publish of the real history.
#[derive(Debug, Clone, Deserialize)]
pub struct Step {
    pub seq: usize,
    pub changes: Vec<Change>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Change {
    pub path: String,
    pub op: String,
    pub sha256: Option<String>,
}

/// The catalog's real history, and a folder into which it is laid step by step.
pub struct History {
    pub steps: Vec<Step>,
    pub folder: tempfile::TempDir,
    blobs: PathBuf,
}

impl History {
    /// Reads the 58 publishes.
    pub fn publishes() -> Self {
        Self::read("publishes.ndjson")
    }

    /// Reads the same history with one publish a day.
    pub fn days() -> Self {
        Self::read("publishes-by-day.ndjson")
    }

    fn read(file: &str) -> Self {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testing/data/kfm-stac-history");
        let text = std::fs::read_to_string(data.join(file)).unwrap();
        let steps = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Self { steps, folder: tempfile::tempdir().unwrap(), blobs: data.join("blobs") }
    }

    /// Lays a step's documents into the history's folder, or into another one.
    pub fn lay(&self, seq: usize, into: &Path) {
        for change in &self.steps[seq - 1].changes {
            let path = into.join(&change.path);
            match &change.sha256 {
                Some(digest) if change.op != "delete" => {
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    std::fs::copy(self.blobs.join(digest), path).unwrap();
                }
                _ => std::fs::remove_file(path).unwrap(),
            }
        }
    }

    /// The bytes of a version.
    pub fn blob(&self, digest: &str) -> Vec<u8> {
        std::fs::read(self.blobs.join(digest)).unwrap()
    }
}
