//! Two hosts, each with a platform of its own, on one log and the same stores.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::stage::{self, Documents, FIRST, files_below, first_version, publish, run_to, second_version};

/// The lease in these tests.
pub const LEASE_MS: u64 = 3_000;

/// Two platforms: what they share, and what each has for itself.
pub struct Hosts {
    pub folder: tempfile::TempDir,
}

impl Hosts {
    /// Makes both; the first version is published, and both have the second at hand.
    pub fn new(log: impl Fn(&Path) -> String) -> Self {
        let folder = stage::folder();
        let hosts = Self { folder };
        let log = log(&hosts.shared());
        for root in [hosts.a(), hosts.b()] {
            std::fs::create_dir(&root).unwrap();
            run_to(&root, &["init"], 0);
            hosts.share(&root, &log);
            stage::write(&root.join("first"), &first_version());
            stage::write(&root.join("second"), &second_version());
        }
        let words = ["labels", "assign", "--under", "", "--care", "public", "--authority", "Council"];
        let why = ["--reason", "open data", "--review-by", "2099-12-31"];
        run_to(&hosts.a(), &[&words[..], &why].concat(), 0);
        run_to(&hosts.a(), &publish("first", FIRST), 0);
        hosts
    }

    fn share(&self, root: &Path, log: &str) {
        let shared = self.shared();
        std::fs::remove_dir_all(root.join("wal")).unwrap();
        let file = root.join("kfm.toml");
        let mut text = std::fs::read_to_string(&file).unwrap();
        for name in ["catalog", "graph", "search", "cache", "versions"] {
            let place = shared.join(name);
            std::fs::create_dir_all(&place).unwrap();
            text = text.replace(&format!("\"file:{name}\""), &format!("\"file:{}\"", place.display()));
        }
        let versions = shared.join("versions");
        text = text.replace("file:.kfm/versions", &format!("file:{}", versions.display()));
        if !shared.join("labels.toml").exists() {
            std::fs::copy(root.join("policy/labels.toml"), shared.join("labels.toml")).unwrap();
        }
        text = text.replace("policy/labels.toml", &shared.join("labels.toml").display().to_string());
        text = text.replace("\"file:wal\"", &format!("\"{log}\"\nlease_ms = {LEASE_MS}"));
        std::fs::write(file, text).unwrap();
    }

    pub fn shared(&self) -> PathBuf {
        self.folder.path().join("shared")
    }

    pub fn a(&self) -> PathBuf {
        self.folder.path().join("a")
    }

    pub fn b(&self) -> PathBuf {
        self.folder.path().join("b")
    }

    /// What readers see of the catalog.
    pub fn documents(&self) -> Documents {
        let files = files_below(&self.shared().join("catalog")).into_iter();
        let visible = files.filter(|(path, _)| !stage::is_dot_file(path));
        visible.map(|(path, bytes)| (path.display().to_string(), bytes)).collect()
    }

    /// Everything that both hosts write to, byte for byte.
    pub fn everything(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        files_below(&self.shared())
    }
}

pub fn in_a_folder(shared: &Path) -> String {
    format!("object+file:{}", shared.join("log").display())
}

pub fn json(root: &Path, words: &[&str], code: i32) -> Value {
    serde_json::from_slice(&run_to(root, &[words, &["--json"]].concat(), code).stdout).unwrap()
}

/// The log on a server: its address and credentials are in the environment, as `testing/servers/up` writes them
/// (`KFM_WAL_URL`, …).
pub fn on_a_server(_: &Path) -> String {
    #[allow(clippy::disallowed_methods, reason = "a test is told which server to use")]
    let url = std::env::var("KFM_WAL_URL").unwrap();
    let name = kfm_wal::entropy::SystemEntropy;
    let name: String =
        kfm_wal::entropy::Entropy::bytes16(&name).iter().map(|byte| format!("{byte:02x}")).collect();
    if url.starts_with("postgres") { format!("{url}?log={name}") } else { format!("{url}/{name}") }
}
