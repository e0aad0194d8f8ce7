//! The four operations, each in a process of its own, as a command is: its memory begins with nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use kfm_rollback::{ExecuteRequest, OpenOptions, PlanTarget, Platform, PublishFolder};
use serde::{Deserialize, Serialize};

use super::items::{Item, lay};
use super::support::World;
use super::usage::{COUNTERS, Phase, Phases, io};

/// The variable that tells a process which operation it makes: its name, the platform, the folder to publish.
const ORDER: &str = "KFM_SCALE_ORDER";

/// How the line begins in which the process says what it used.
const TAKEN: &str = "taken: ";

/// What one operation used, or several together.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Taken {
    /// CPU time and memory, by phase.
    pub phases: BTreeMap<String, Phase>,
    pub wall_ms: BTreeMap<String, u64>,
    /// Bytes and calls of reading and writing, records of the log, and how often the graph's log was opened.
    pub work: BTreeMap<String, u64>,
}

impl Taken {
    /// Returns what all phases used.
    pub fn whole(&self) -> Phase {
        let mut whole = Phase::default();
        self.phases.values().for_each(|phase| whole.add(phase));
        whole
    }

    /// Adds what another operation used.
    pub fn add(&mut self, other: &Self) {
        for (name, used) in &other.phases {
            self.phases.entry(name.clone()).or_default().add(used);
        }
        for (sum, other) in [(&mut self.wall_ms, &other.wall_ms), (&mut self.work, &other.work)] {
            for (name, taken) in other {
                *sum.entry(name.clone()).or_default() += taken;
            }
        }
    }
}

/// Publishes items, publishes them again with the defect, rolls back and reverts, in a platform of its own.
pub async fn story(items: &[Item]) -> Vec<(&'static str, Taken)> {
    let world = World::new().await;
    let source = tempfile::tempdir().unwrap();
    lay(source.path(), items, false);
    let first = start("publish", &world, source.path()).await;
    let good = world.documents();
    lay(source.path(), items, true);
    let again = start("publish", &world, source.path()).await;
    assert_ne!(world.documents(), good);
    let rollback = start("rollback", &world, source.path()).await;
    assert!(world.documents() == good, "the first publish's bytes are back");
    let revert = start("revert", &world, source.path()).await;
    vec![("publish", first), ("publish again", again), ("rollback", rollback), ("revert", revert)]
}

/// Starts a process that makes one operation, and reads what it used.
async fn start(operation: &str, world: &World, source: &Path) -> Taken {
    let records = async || world.open().await.wal_verify().await.unwrap().records;
    // SQLite counts the transactions of a database in its header (https://sqlite.org/fileformat.html, section 1.3.7).
    let changes = || {
        let header = std::fs::read(world.root().join("graph/cells.sqlite3")).unwrap_or_default();
        header.get(24..28).map_or(0, |bytes| u64::from(u32::from_be_bytes(bytes.try_into().unwrap())))
    };
    let before = (records().await, changes());
    let order = format!("{operation}\n{}\n{}", world.root().display(), source.display());
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_process_that_is_measured", "--ignored", "--nocapture"])
        .env(ORDER, order)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{operation}: {text}{}", String::from_utf8_lossy(&done.stderr));
    let line = text.lines().find_map(|line| line.strip_prefix(TAKEN)).unwrap();
    let mut taken: Taken = serde_json::from_str(line).unwrap();
    taken.work.insert("records".to_owned(), records().await - before.0);
    taken.work.insert("changes".to_owned(), changes() - before.1);
    taken
}

/// Makes the operation that this process was started for, if there is one, and prints what it used.
pub async fn obey() {
    #[allow(clippy::disallowed_methods, reason = "it was started by this very program")]
    let Ok(order) = std::env::var(ORDER) else { return };
    let parts: Vec<&str> = order.split('\n').collect();
    let [operation, root, source] = parts[..] else { panic!("{order}") };
    let phases = Arc::new(Phases::begin());
    let io_before = io();
    let mut options = OpenOptions::new("operator");
    options.progress = phases.clone();
    let platform = Platform::open(root, options).await.unwrap();
    let wall_ms = match operation {
        "publish" => {
            let request =
                PublishFolder { mirror: true, ..PublishFolder::new(source, "ingest".parse().unwrap()) };
            platform.publish_folder(request).await.unwrap().phases_ms
        }
        "rollback" => {
            let request =
                ExecuteRequest::new(PlanTarget::Publish("latest".into()), "the assets lead elsewhere");
            let report = platform.execute(request).await.unwrap();
            assert_eq!(report.skipped.total, 0);
            report.phases_ms
        }
        "revert" => platform.revert("latest", "it was right").await.unwrap().phases_ms,
        _ => panic!("{operation}"),
    };
    let phases = phases.end();
    let read_and_written = COUNTERS.iter().zip(io_before.iter().zip(io()));
    let work = read_and_written.map(|(name, (before, after))| ((*name).to_owned(), after - before));
    let taken = Taken { phases, wall_ms, work: work.collect() };
    println!("\n{TAKEN}{}", serde_json::to_string(&taken).unwrap());
}
