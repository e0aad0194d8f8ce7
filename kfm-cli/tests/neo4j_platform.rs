//! The command on a platform whose graph is in Neo4j, on a real server: judged by plain Cypher, apart from the adapter.
#![cfg(all(unix, feature = "neo4j"))]
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use support::{Run, Sandbox};

/// A platform whose graph is in Neo4j.
struct Platform {
    sandbox: Sandbox,
    pairs: Vec<(String, String)>,
    graph: String,
}

impl Platform {
    fn new() -> Self {
        #[allow(clippy::disallowed_methods, reason = "a test is told where the servers are")]
        let run = std::env::var("KFM_SERVERS_RUN").expect("the folder that testing/servers/up was given");
        let file = std::fs::read_to_string(PathBuf::from(run).join("neo4j.env")).unwrap();
        let pairs: Vec<_> = file.lines().filter_map(|line| line.split_once('=')).collect();
        let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let graph = format!("platform-{}", std::process::id());
        let platform = Self { sandbox: Sandbox::empty(), pairs, graph };
        platform.sandbox.kfm(&["init"]).exits(0);
        platform.settings(platform.value("NEO4J_URL"), "");
        platform.cypher("MATCH (n {kfm_graph: $graph}) DETACH DELETE n");
        platform.sandbox.label();
        platform
    }

    fn settings(&self, url: &str, more: &str) {
        let text = self.sandbox.read("kfm.toml").unwrap();
        let (before, after) = text.split_once("[stores.graph]").unwrap();
        let after = after.split_once("\n\n").unwrap().1;
        let table =
            format!("domain = \"graph\"\nkind = \"neo4j\"\nurl = \"{url}\"\ngraph = \"{}\"", self.graph);
        self.sandbox.write("kfm.toml", &format!("{before}[stores.graph]\n{table}\n{more}\n\n{after}"));
    }

    fn value(&self, name: &str) -> &str {
        &self.pairs.iter().find(|(other, _)| other == name).unwrap().1
    }

    /// Runs the command with the credentials in its environment, where they are never in an answer.
    fn kfm(&self, code: i32, words: &[&str]) -> Value {
        let mut command = self.sandbox.command(&[words, &["--json"]].concat());
        let output = command.envs(self.pairs.iter().cloned()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let run = Run {
            code: output.status.code().unwrap(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(!format!("{run:?}").contains(self.value("NEO4J_PASSWORD")), "{run:?}");
        run.exits(code).json()
    }

    fn publish(&self, title: &str, with_b: bool) -> String {
        let item = |id: &str, title: &str| {
            json!({ "type": "Feature", "stac_version": "1.0.0", "id": id, "collection": "c", "geometry": null, "links": [],
                "properties": { "datetime": "2025-11-14T00:00:00Z", "title": title },
                "assets": { "data": { "href": format!("./{id}.tif") } } })
            .to_string()
        };
        self.sandbox.write("new/a.json", &item("a", title));
        if with_b {
            self.sandbox.write("new/b.json", &item("b", "b"));
        }
        let report = self.kfm(0, &["publish", "--from", "new", "--pipeline", "test"]);
        report["publish_id"].as_str().unwrap().to_owned()
    }

    /// Asks the database by another program.
    fn cypher(&self, statement: &str) -> Value {
        let body = json!({ "statement": statement, "parameters": { "graph": self.graph } }).to_string();
        let output = Command::new("curl")
            .args([
                "-sS",
                "-u",
                &format!("{}:{}", self.value("NEO4J_USERNAME"), self.value("NEO4J_PASSWORD")),
            ])
            .args(["-H", "Content-Type: application/json", "-d", &body])
            .arg(format!("{}/db/neo4j/query/v2", self.value("NEO4J_URL")))
            .output()
            .unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(answer["errors"].is_null(), "{answer}");
        answer["data"]["values"].clone()
    }

    /// What a reader of the graph sees: the current items with titles, and what they are related to.
    fn items(&self) -> Value {
        self.cypher(
            "MATCH (n:KfmNode {kfm_graph: $graph})-[:CURRENT]->(item:StacItem) \
             RETURN item.kfm_id, item.title, COLLECT { MATCH (item)-[r]->(to) RETURN type(r) + ' ' + to.id ORDER BY r.kfm_n } \
             ORDER BY item.kfm_id",
        )
    }

    fn finish(self) {
        self.cypher("MATCH (n {kfm_graph: $graph}) DETACH DELETE n");
    }
}

fn item(id: &str, title: &str) -> Value {
    json!([format!("{id}.json"), title, ["IN_COLLECTION c", format!("HAS_ASSET ./{id}.tif")]])
}

#[test]
#[ignore = "needs a server: .ci/servers"]
fn what_was_published_is_rolled_back_in_neo4j_too() {
    let platform = Platform::new();
    platform.publish("right", false);
    let before = platform.items();
    assert_eq!(before, json!([item("a", "right")]));
    let defect = platform.publish("wrong", true);
    assert_eq!(platform.items(), json!([item("a", "wrong"), item("b", "b")]));
    let done = platform
        .kfm(0, &["rollback", "execute", "--publish-id", &defect, "--reason", "a wrong title", "--yes"]);
    let id = done["rollback_id"].as_str().unwrap();
    assert_eq!(platform.items(), before);
    assert_eq!(platform.kfm(0, &["verify", "--rollback-id", id])["ok"], true);
    let retired = platform.cypher(
        "MATCH (n:KfmNode {kfm_graph: $graph, kfm_id: 'b.json'})-[:VERSION]->(v) \
         RETURN n.deleted, n.deleted_by, v.title, v.v_to IS NOT NULL",
    );
    assert_eq!(retired, json!([[true, id, "b", true]]));

    let doctor = platform.kfm(0, &["doctor"]);
    let stores = doctor["stores"].as_array().unwrap();
    let graph = stores.iter().find(|store| store["name"] == "graph").unwrap();
    assert_eq!((&graph["kind"], &graph["ok"]), (&"neo4j".into(), &true.into()), "{doctor:#}");
    assert!(graph["product"].as_str().unwrap().starts_with("Neo4j "), "{doctor:#}");

    // Another hand edits the graph, and every mark stays as it was.
    platform.cypher(
        "MATCH (:KfmNode {kfm_graph: $graph, kfm_id: 'a.json'})-[:CURRENT]->(item) SET item.title = 'by hand'",
    );
    let doctor = platform.kfm(0, &["doctor", "--digests"]);
    assert!(doctor["findings"].to_string().contains("a.json"), "{doctor:#}");
    // As the guide says: a node without its mark is written again.
    platform.cypher("MATCH (n:KfmNode {kfm_graph: $graph, kfm_id: 'a.json'}) REMOVE n.v");
    platform.kfm(0, &["project"]);
    assert_eq!(platform.items(), before);
    let doctor = platform.kfm(0, &["doctor", "--digests"]);
    assert!(!doctor["findings"].to_string().contains("a.json"), "{doctor:#}");

    // The credentials are in no file of the platform.
    for (path, bytes) in platform.sandbox.bytes() {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(platform.value("NEO4J_PASSWORD")), "{}", path.display());
    }
    platform.finish();
}

#[test]
#[ignore = "needs a server: .ci/servers"]
fn a_password_in_the_settings_is_refused_without_repeating_it() {
    let platform = Platform::new();
    for (url, more) in [
        ("http://neo4j:hunter2-hunter2@127.0.0.1:7474", ""),
        ("http://127.0.0.1:7474", "password = \"hunter2-hunter2\""),
    ] {
        platform.settings(url, more);
        let run = platform.sandbox.kfm(&["status"]);
        assert_ne!(run.code, 0, "{run:?}");
        assert!(run.stderr.contains("NEO4J_PASSWORD") && !format!("{run:?}").contains("hunter2"), "{run:?}");
    }
    platform.finish();
}
