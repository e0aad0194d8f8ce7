//! A folder with a platform in it, and the command run against it as a script would.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(dead_code, unreachable_pub, reason = "a module of every test file, and each uses its part")]

pub mod schema;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The result of a run of the command.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// Parses standard output as exactly one JSON object that keeps the envelope's promises.
    pub fn json(&self) -> Value {
        let value: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not one JSON object: {error}\n{}\n{}", self.stdout, self.stderr));
        let schema = value["schema"].as_str().unwrap();
        assert!(schema.starts_with("kfm.") && schema.ends_with("/v1"), "{schema}");
        judge(schema, &value);
        assert_eq!(value["exit_code"], self.code, "{value:#}");
        assert_eq!(value["ok"], self.code == 0, "{value:#}");
        assert_eq!(value.get("error").is_some(), self.code != 0, "{value:#}");
        if let Some(error) = value.get("error") {
            assert!(!error["kind"].as_str().unwrap().is_empty());
            assert!(!error["message"].as_str().unwrap().is_empty());
            assert!(error["causes"].is_array() && error["hint"].is_string() && error["next"].is_array());
        }
        value
    }

    /// Asserts the exit code, showing what was said if it is another.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// Asserts that an answer is what its committed schema says, where its command promises more than the envelope.
#[track_caller]
fn judge(schema: &str, answer: &Value) {
    let file = schema.trim_start_matches("kfm.").replace("/v1", "-v1.json");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/cli").join(&file);
    match std::fs::read(&path) {
        Ok(bytes) => {
            let faults = schema::faults(&serde_json::from_slice(&bytes).unwrap(), answer);
            assert!(faults.is_empty(), "{schema}: {faults:#?}\n{answer:#}");
        }
        Err(_) => assert!(answer["ok"] == false || ENVELOPE_ONLY.contains(&schema), "{schema} has no schema"),
    }
}

/// Answers of one text.
const ENVELOPE_ONLY: [&str; 4] = ["kfm.completions/v1", "kfm.man/v1", "kfm.usage/v1", "kfm.wal.export/v1"];

/// A folder of its own, with a platform in it if one was made.
#[derive(Debug)]
pub struct Sandbox {
    dir: tempfile::TempDir,
}

impl Sandbox {
    /// Makes an empty folder.
    pub fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// Makes a platform in which everything is labelled public.
    pub fn platform() -> Self {
        let sandbox = Self::empty();
        sandbox.kfm(&["init"]).exits(0);
        sandbox.label();
        sandbox
    }

    /// Labels everything public.
    pub fn label(&self) {
        let words = ["labels", "assign", "--under", "", "--care", "public", "--authority", "Council"];
        let reason = ["--reason", "open data", "--review-by", "2099-12-31"];
        self.kfm(&[&words[..], &reason].concat()).exits(0);
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Makes the command with an empty environment, except for the actor.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kfm"));
        command.args(words).current_dir(self.path()).stdin(Stdio::null());
        for name in ["KFM_ROOT", "NO_COLOR", "USER", "LOGNAME"] {
            command.env_remove(name);
        }
        command.env("KFM_ACTOR", "tester");
        command
    }

    /// Runs the command in the folder, without a terminal.
    pub fn kfm(&self, words: &[&str]) -> Run {
        let output = self.command(words).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs the command with `--json` and returns its object; the exit code must be `code`.
    #[track_caller]
    pub fn json(&self, code: i32, words: &[&str]) -> Value {
        self.kfm(&[words, &["--json"]].concat()).exits(code).json()
    }

    /// Writes a document below a folder of the sandbox.
    pub fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Reads a file of the sandbox; `None` if it is not there.
    pub fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.path().join(path)).ok()
    }

    /// Publishes documents and returns the publish's id.
    pub fn publish(&self, from: &str, documents: &[(&str, String)]) -> String {
        for (path, content) in documents {
            self.write(&format!("{from}/{path}"), content);
        }
        let report = self.json(0, &["publish", "--from", from, "--pipeline", "test"]);
        report["publish_id"].as_str().expect("something differs").to_owned()
    }

    /// Returns every file, link and folder with its bytes, except those that every writing command touches: the
    /// locks' files, and the writer's turns in the log, whose records are compared instead.
    pub fn state(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut state = self.bytes();
        state.retain(|path, _| {
            let name = path.file_name().unwrap();
            name != "LOCK" && name != "lock" && !path.starts_with("wal")
        });
        let records = self.kfm(&["wal", "export"]);
        state.insert("records of the log".into(), records.stdout.into_bytes());
        state
    }

    /// Returns the same without what a refusal writes by right (R6): log, ledger, telemetry, a plan.
    pub fn state_but_records(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut state = self.bytes();
        state.retain(|path, _| {
            let records = ["wal", ".kfm/ledger", ".kfm/lock", ".kfm/plans", ".kfm/versions", "data"];
            !records.iter().any(|record| path.starts_with(record))
        });
        state
    }

    /// Returns every file, link and folder below the sandbox with its bytes.
    pub fn bytes(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut bytes = BTreeMap::new();
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let kind = std::fs::symlink_metadata(&path).unwrap().file_type();
                let content = if kind.is_symlink() {
                    std::fs::read_link(&path).unwrap().as_os_str().as_encoded_bytes().to_vec()
                } else if kind.is_dir() {
                    folders.push(path.clone());
                    Vec::new()
                } else {
                    std::fs::read(&path).unwrap()
                };
                bytes.insert(path.strip_prefix(self.path()).unwrap().to_owned(), content);
            }
        }
        bytes
    }

    /// Runs a command that must be refused with `code`, and checks that its error is complete and that it changes
    /// nothing.
    ///
    /// A refusal by policy or for a conflict is itself recorded (R6), and so is one of an approval, a principal or a
    /// label.
    /// An execution that lacks approvals stores the plan that is to be approved. Everything else stays as it is.
    #[track_caller]
    pub fn refuses(&self, code: i32, words: &[&str]) -> Value {
        let recorded = ["execute", "approve", "principals", "labels"];
        let records = code != 2 || recorded.iter().any(|word| words.contains(word));
        let look = || if records { self.state_but_records() } else { self.state() };
        let before = look();
        let answer = self.json(code, words);
        assert!(look() == before, "{words:?} changed something: {answer:#}");
        let error = &answer["error"];
        let says =
            !error["hint"].as_str().unwrap().is_empty() || !error["next"].as_array().unwrap().is_empty();
        assert!(says, "it does not say what to do: {answer:#}");
        let screen = self.kfm(words).exits(code).stderr;
        assert!(screen.starts_with("error: ") && !screen.contains("RUST_BACKTRACE"), "{screen}");
        answer
    }

    /// Runs a command that is to be refused as wrong (2) in a folder that need not be a platform.
    #[track_caller]
    pub fn refuses_outside(&self, words: &[&str]) -> Value {
        let before = self.bytes();
        let answer = self.json(2, words);
        assert!(self.bytes() == before, "{words:?} changed something: {answer:#}");
        answer
    }

    /// Returns path, size and time of every file, to show that nothing was written.
    pub fn files(&self) -> Vec<(PathBuf, u64, std::time::SystemTime)> {
        let mut files = Vec::new();
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                let about = entry.metadata().unwrap();
                if about.is_dir() {
                    folders.push(entry.path());
                }
                files.push((entry.path(), about.len(), about.modified().unwrap()));
            }
        }
        files.sort();
        files
    }
}

/// A catalog that lists the collection `things`, and the collection.
pub fn base(items: &[&str]) -> Vec<(&'static str, String)> {
    let catalog = r#"{"type":"Catalog","stac_version":"1.1.0","id":"root","description":"all","links":[{"rel":"root","href":"./catalog.json"},{"rel":"child","href":"./things/collection.json"}]}"#;
    let listed: String =
        items.iter().map(|id| format!(r#",{{"rel":"item","href":"./{id}.json"}}"#)).collect();
    let collection = format!(
        r#"{{"type":"Collection","stac_version":"1.1.0","id":"things","description":"things","license":"CC0-1.0","extent":{{"spatial":{{"bbox":[[-102,37,-94,40]]}},"temporal":{{"interval":[["2024-01-01T00:00:00Z",null]]}}}},"links":[{{"rel":"root","href":"../catalog.json"}},{{"rel":"parent","href":"../catalog.json"}}{listed}]}}"#
    );
    vec![("catalog.json", catalog.to_owned()), ("things/collection.json", collection)]
}

/// An item of the collection `things`.
pub fn item(id: &str, title: &str) -> String {
    item_with_licence(id, title, "CC0-1.0")
}

/// An item with a licence.
pub fn item_with_licence(id: &str, title: &str, licence: &str) -> String {
    format!(
        r#"{{"type":"Feature","stac_version":"1.1.0","id":"{id}","collection":"things","geometry":{{"type":"Point","coordinates":[-98.0,38.5]}},"bbox":[-98.0,38.5,-98.0,38.5],"properties":{{"datetime":"2024-01-01T00:00:00Z","title":"{title}","license":"{licence}"}},"links":[{{"rel":"root","href":"../catalog.json"}},{{"rel":"parent","href":"./collection.json"}},{{"rel":"collection","href":"./collection.json"}}],"assets":{{}}}}"#
    )
}

/// The first version of two items, with their collection and catalog.
pub fn first_version() -> Vec<(&'static str, String)> {
    let mut documents = base(&["a", "b"]);
    documents.push(("things/a.json", item("a", "first")));
    documents.push(("things/b.json", item("b", "first")));
    documents
}

/// A sandbox with two publishes: the second changed item `a`.
pub fn two_publishes() -> (Sandbox, String, String) {
    let sandbox = Sandbox::platform();
    let first = sandbox.publish("one", &first_version());
    let second = sandbox.publish("two", &[("things/a.json", item("a", "second"))]);
    (sandbox, first, second)
}
