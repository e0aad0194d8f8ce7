//! The command on a platform whose search is a real search server: judged by plain HTTP, apart from the adapter.
#![cfg(all(unix, feature = "opensearch"))]
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use support::Sandbox;

/// A platform whose collections are indexes of a search server.
struct Platform {
    sandbox: Sandbox,
    url: String,
    prefix: String,
}

impl Platform {
    fn new() -> Self {
        #[allow(clippy::disallowed_methods, reason = "a test is told where the servers are")]
        let run = std::env::var("KFM_SERVERS_RUN").expect("the folder that testing/servers/up was given");
        let file = std::fs::read_to_string(PathBuf::from(run).join("opensearch.env")).unwrap();
        let url = file.lines().find_map(|line| line.strip_prefix("OPENSEARCH_URL=")).unwrap().to_owned();
        let prefix = format!("p{}.", std::process::id());
        let platform = Self { sandbox: Sandbox::empty(), url, prefix };
        platform.sandbox.kfm(&["init"]).exits(0);
        platform.settings(&platform.url, "");
        platform.sandbox.label();
        platform
    }

    fn settings(&self, url: &str, more: &str) {
        let text = self.sandbox.read("kfm.toml").unwrap();
        let (before, after) = text.split_once("[stores.search]").unwrap();
        let after = after.split_once("\n\n").unwrap().1;
        let own = format!("prefix = \"{}\"\nreplicas = 0", self.prefix);
        let table = format!("domain = \"search\"\nkind = \"opensearch\"\nurl = \"{url}\"\n{own}");
        self.sandbox.write("kfm.toml", &format!("{before}[stores.search]\n{table}\n{more}\n\n{after}"));
    }

    fn kfm(&self, code: i32, words: &[&str]) -> Value {
        self.sandbox.kfm(&[words, &["--json"]].concat()).exits(code).json()
    }

    fn publish(&self, items: &[(&str, &str)]) -> String {
        for (id, title) in items {
            let item = json!({ "type": "Feature", "stac_version": "1.0.0", "id": id, "collection": "c",
                "geometry": { "type": "Point", "coordinates": [-97.5, 38.5] }, "links": [],
                "properties": { "datetime": "2025-11-14T00:00:00Z", "title": title }, "assets": {} });
            self.sandbox.write(&format!("new/{id}.json"), &item.to_string());
        }
        let report = self.kfm(0, &["publish", "--from", "new", "--pipeline", "test"]);
        report["publish_id"].as_str().unwrap().to_owned()
    }

    /// Asks the server by another program.
    fn http(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let mut command = Command::new("curl");
        command.args(["-sS", "-X", method, "-H", "Content-Type: application/json"]);
        if let Some(body) = body {
            command.args(["-d", &body.to_string()]);
        }
        let output = command.arg(format!("{}/{path}", self.url)).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// What a search for a place and a time finds: ids and titles.
    fn found(&self) -> Value {
        let query = json!({ "query": { "bool": { "filter": [
            { "range": { "properties.datetime": { "gte": "2025-01-01" } } },
            { "geo_shape": { "geometry": { "relation": "intersects",
                "shape": { "type": "envelope", "coordinates": [[-98, 39], [-97, 38]] } } } },
        ] } }, "sort": "id" });
        let answer = self.http("POST", &format!("{}kfm-c/_search", self.prefix), Some(query));
        let hits = answer["hits"]["hits"].as_array().unwrap();
        hits.iter().map(|hit| json!([hit["_source"]["id"], hit["_source"]["properties"]["title"]])).collect()
    }

    fn index(&self) -> String {
        let answer = self.http("GET", &format!("_alias/{}kfm-c", self.prefix), None);
        answer.as_object().unwrap().keys().next().unwrap().clone()
    }

    fn finish(self) {
        let rows = self.http(
            "GET",
            &format!("_cat/indices/{}*?format=json&expand_wildcards=all", self.prefix),
            None,
        );
        for row in rows.as_array().unwrap() {
            self.http("DELETE", row["index"].as_str().unwrap(), None);
        }
    }
}

/// R40, R52: publish, a defect and its rollback, each seen by searches.
#[test]
#[ignore = "needs a server: .ci/servers"]
fn what_was_published_is_rolled_back_in_the_search_server_too() {
    let platform = Platform::new();
    platform.publish(&[("a", "right")]);
    let (right, index) = (json!([["a", "right"]]), platform.index());
    assert_eq!(platform.found(), right);
    let defect = platform.publish(&[("a", "wrong"), ("b", "b")]);
    assert_eq!(platform.found(), json!([["a", "wrong"], ["b", "b"]]));
    assert_ne!(platform.index(), index);
    let done = platform
        .kfm(0, &["rollback", "execute", "--publish-id", &defect, "--reason", "a wrong title", "--yes"]);
    let id = done["rollback_id"].as_str().unwrap();
    assert_eq!(platform.found(), right);
    assert_eq!(platform.index(), index, "the alias leads to the index that was kept");
    assert_eq!(platform.kfm(0, &["verify", "--rollback-id", id])["ok"], true);

    let doctor = platform.kfm(0, &["doctor"]);
    let stores = doctor["stores"].as_array().unwrap();
    let search = stores.iter().find(|store| store["name"] == "search").unwrap();
    assert_eq!((&search["kind"], &search["ok"]), (&"opensearch".into(), &true.into()), "{doctor:#}");
    assert_eq!(search["product"], "OpenSearch", "{doctor:#}");

    // Another hand edits a document, and what the store noted stays as it was.
    let by_hand = json!({ "doc": { "properties": { "title": "by hand" } } });
    platform.http("POST", &format!("{index}/_update/a.json?refresh=true"), Some(by_hand));
    let doctor = platform.kfm(0, &["doctor", "--digests"]);
    assert!(doctor["findings"].to_string().contains("kfm-c"), "{doctor:#}");
    // As the guide says: without its alias the collection is built again, beside.
    let remove = json!({ "remove": { "index": index, "alias": format!("{}kfm-c", platform.prefix) } });
    platform.http("POST", "_aliases", Some(json!({ "actions": [remove] })));
    platform.kfm(0, &["project"]);
    assert_eq!(platform.found(), right);
    let doctor = platform.kfm(0, &["doctor", "--digests"]);
    assert!(!doctor["findings"].to_string().contains("kfm-c"), "{doctor:#}");
    platform.finish();
}

#[test]
#[ignore = "needs a server: .ci/servers"]
fn a_password_in_the_settings_is_refused_without_repeating_it() {
    let platform = Platform::new();
    for (url, more) in [
        ("http://admin:hunter2-hunter2@127.0.0.1:9200", ""),
        ("http://127.0.0.1:9200", "password = \"hunter2-hunter2\""),
    ] {
        platform.settings(url, more);
        let run = platform.sandbox.kfm(&["status"]);
        assert_ne!(run.code, 0, "{run:?}");
        assert!(!format!("{run:?}").contains("hunter2"), "{run:?}");
    }
    platform.finish();
}
