//! A platform that real processes are let loose on: made once, copied for each of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use kfm_rollback::report::StatusReport;
use kfm_rollback::{OpenOptions, Platform};

pub const FIRST: &str = "pub_2026_01_01T00_00_00Z_first";
pub const SECOND: &str = "pub_2026_01_02T00_00_00Z_second";

const CATALOG: &str = include_str!("../../data/landsat/catalog.json");
const COLLECTION: &str = include_str!("../../data/landsat/collection.json");
const ITEMS: &str = include_str!("../../data/landsat/items.ndjson");

/// What all stores hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The catalog's documents, by path.
    pub documents: Documents,
    /// The digest of each store's content, as `doctor --digests` tells it.
    pub digests: BTreeMap<String, String>,
}

pub type Documents = BTreeMap<String, Vec<u8>>;

/// The first version: items 0 to 7.
pub fn first_version() -> Documents {
    documents(0..8, 0..0)
}

/// The second version: the first two retired, the next three changed, two added.
pub fn second_version() -> Documents {
    documents(2..10, 2..5)
}

fn documents(items: std::ops::Range<usize>, changed: std::ops::Range<usize>) -> Documents {
    let mut collection: serde_json::Value = serde_json::from_str(COLLECTION).unwrap();
    let lines: Vec<&str> = ITEMS.lines().collect();
    let mut documents = Documents::from([("catalog.json".to_owned(), CATALOG.into())]);
    let mut listed = Vec::new();
    for at in items {
        let item: serde_json::Value = serde_json::from_str(lines[at]).unwrap();
        let href = format!("./items/{}.json", item["id"].as_str().unwrap());
        let text = match changed.contains(&at) {
            true => lines[at].replacen("\"gsd\":30", "\"gsd\":15", 1),
            false => lines[at].to_owned(),
        };
        assert_eq!(text != lines[at], changed.contains(&at));
        documents.insert(format!("landsat-c2-l2/{}", &href[2..]), text.into_bytes());
        listed.push(href);
    }
    let is_listed = |link: &serde_json::Value| {
        link["rel"] != "item" || listed.iter().any(|href| link["href"] == href.as_str())
    };
    collection["links"].as_array_mut().unwrap().retain(is_listed);
    documents.insert("landsat-c2-l2/collection.json".to_owned(), collection.to_string().into_bytes());
    documents
}

/// Writes documents below a folder.
pub fn write(root: &Path, documents: &Documents) {
    for (path, content) in documents {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

/// Makes a folder, in memory where the machine has a file system there: a killed process needs no disk.
pub fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::tempdir_in(place).unwrap()
}

/// Copies a platform.
pub fn copy(from: &Path) -> tempfile::TempDir {
    let to = folder();
    for (path, bytes) in files_below(from) {
        let path = to.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    to
}

/// Reads every file below a folder, by path; files that vanish meanwhile are left out.
pub fn files_below(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                files.insert(path.strip_prefix(root).unwrap().to_owned(), bytes);
            }
        }
    }
    files
}

/// Makes the command, run in a platform as a script would.
pub fn command(root: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kfm"));
    command.args(words).current_dir(root).stdin(Stdio::null()).env_remove("KFM_ROOT");
    command.env("KFM_ACTOR", "tester").env("RUST_BACKTRACE", "0");
    command
}

/// Runs the command to its end.
pub fn run(root: &Path, words: &[&str]) -> Output {
    command(root, words).output().unwrap()
}

/// Runs the command, which must exit with `code`.
#[track_caller]
pub fn run_to(root: &Path, words: &[&str], code: i32) -> Output {
    let output = run(root, words);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {output:#?}");
    output
}

/// Makes a platform in which the first version is published and the second lies ready.
pub fn platform() -> tempfile::TempDir {
    let root = folder();
    run_to(root.path(), &["init"], 0);
    let words = ["labels", "assign", "--under", "", "--care", "public", "--authority", "Council"];
    run_to(root.path(), &[&words[..], &["--reason", "open data", "--review-by", "2099-12-31"]].concat(), 0);
    write(&root.path().join("first"), &first_version());
    write(&root.path().join("second"), &second_version());
    run_to(root.path(), &publish("first", FIRST), 0);
    root
}

/// The words that publish a folder under an id.
pub fn publish<'a>(from: &'a str, id: &'a str) -> Vec<&'a str> {
    vec!["publish", "--from", from, "--pipeline", "test", "--mirror", "--yes", "--publish-id", id]
}

/// Asks the library about a platform: quicker than a process for each question.
pub fn ask<T>(root: &Path, question: impl AsyncFnOnce(Platform) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let platform = Platform::open(root, OpenOptions::new("tester")).await.unwrap();
        question(platform).await
    })
}

/// Returns what all stores hold.
pub fn state(root: &Path) -> State {
    let doctor = ask(root, async |platform| platform.doctor(true).await.unwrap());
    let digests =
        doctor.stores.into_iter().map(|store| (store.name, store.digest.unwrap().to_string())).collect();
    let files = files_below(&root.join("catalog")).into_iter();
    let visible = files.filter(|(path, _)| !is_dot_file(path));
    State { documents: visible.map(|(path, bytes)| (path.display().to_string(), bytes)).collect(), digests }
}

pub fn is_dot_file(path: &Path) -> bool {
    path.file_name().unwrap().as_encoded_bytes().starts_with(b".")
}

pub fn status(root: &Path) -> StatusReport {
    ask(root, async |platform| platform.status().await.unwrap())
}
