//! The command with a cache in Redis: what it publishes and takes back is judged by `redis-cli`.
//!
//! Every test is ignored without a server; `.ci/servers` starts one.
#![cfg(feature = "redis")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use kfm_retry::{Pause as _, SystemClock};

use serde_json::Value;
use support::{Run, Sandbox, first_version, item};

/// A platform whose cache is in a Redis.
struct Platform {
    sandbox: Sandbox,
    url: String,
    password: String,
    prefix: String,
}

impl Platform {
    /// Makes one with its cache on a server of `testing/servers`.
    fn on(server: &str) -> Self {
        #[allow(clippy::disallowed_methods, reason = "a test that needs servers is told where they are")]
        let run = std::env::var("KFM_SERVERS_RUN").expect("the folder that testing/servers/up was given");
        let text = std::fs::read_to_string(format!("{run}/{server}.env")).unwrap();
        let value = |wanted: &str| {
            let mut pairs = text.lines().filter_map(|line| line.split_once('='));
            pairs.find(|(name, _)| *name == wanted).unwrap().1.to_owned()
        };
        let (url, password) = (value("REDIS_URL"), value("REDIS_PASSWORD"));
        let sandbox = Sandbox::platform();
        let prefix = sandbox.path().display().to_string();
        let this = Self { sandbox, url, password, prefix };
        this.set_cache(&format!(
            "kind = \"redis\"\nurl = \"{}\"\nprefix = \"{}\"\ndurability = \"fsync\"\nclasses = [\"TILES\"]\ntimeout = \"30s\"\npatience = \"5m\"",
            this.url, this.prefix
        ));
        this
    }

    /// Replaces what the table of the cache says, but its domain.
    fn set_cache(&self, lines: &str) {
        let settings = self.sandbox.read("kfm.toml").unwrap();
        let (head, rest) = settings.split_once("[stores.cache]").unwrap();
        let (_, rest) = rest.split_once("\n[").unwrap();
        self.sandbox
            .write("kfm.toml", &format!("{head}[stores.cache]\ndomain = \"cache\"\n{lines}\n\n[{rest}"));
    }

    fn run_as(&self, password: &str, words: &[&str]) -> Run {
        let mut command = self.sandbox.command(&[words, &["--json"]].concat());
        let output = command.env("REDIS_PASSWORD", password).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let run = Run {
            code: output.status.code().unwrap(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(!format!("{}{}", run.stdout, run.stderr).contains(password), "the password is in the answer");
        run
    }

    #[track_caller]
    fn json(&self, code: i32, words: &[&str]) -> Value {
        self.run_as(&self.password, words).exits(code).json()
    }

    fn publish(&self, from: &str, documents: &[(&str, String)]) {
        for (path, content) in documents {
            self.sandbox.write(&format!("{from}/{path}"), content);
        }
        self.json(0, &["publish", "--from", from, "--pipeline", "test"]);
    }

    /// What a client that knows nothing of kfm is answered.
    fn redis(&self, words: &[&str]) -> String {
        let port = self.url.rsplit_once(':').unwrap().1;
        let mut client = Command::new("redis-cli");
        let output =
            client.args(["-h", "127.0.0.1", "-p", port]).args(words).env("REDISCLI_AUTH", &self.password);
        String::from_utf8(output.output().unwrap().stdout).unwrap().trim_end().to_owned()
    }

    fn key(&self, name: &str) -> String {
        format!("{{{}}}:{name}", self.prefix)
    }

    /// Generation and content of the collection's namespace, as a service reads them.
    fn namespace(&self) -> (u64, Value) {
        let cell = self.key("cell:kfm-things");
        let generation = self.redis(&["HGET", &cell, "generation"]).parse().unwrap();
        (generation, serde_json::from_str(&self.redis(&["HGET", &cell, "content"])).unwrap())
    }
}

/// R53: a publish, a defect and its rollback each raise the generation; the content is the one that it was.
#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_defect_is_published_and_rolled_back_and_redis_says_so() {
    let platform = Platform::on("redis");
    platform.publish("one", &first_version());
    let (first, content) = platform.namespace();
    assert_eq!(content.as_array().unwrap().len(), 3, "{content:#}");

    platform.publish("two", &[("things/a.json", item("a", "defect"))]);
    let (second, defect) = platform.namespace();
    assert!(second > first && defect != content);

    let rolled_back = platform.json(0, &["rollback", "execute", "latest", "--reason", "defect", "--yes"]);
    assert_eq!(rolled_back["status"], "completed");
    let (third, restored) = platform.namespace();
    assert!(third > second, "the generation came back");
    assert_eq!(restored, content);
    let id = rolled_back["rollback_id"].as_str().unwrap();
    assert_eq!(platform.json(0, &["verify", "--rollback-id", id])["ok"], true);

    assert_eq!(platform.redis(&["XLEN", &platform.key("changes")]), "3");

    let doctor = platform.json(0, &["doctor", "--digests"]);
    let stores = doctor["stores"].as_array().unwrap();
    let cache = stores.iter().find(|store| store["name"] == "cache").unwrap();
    assert_eq!((&cache["product"], &cache["ok"]), (&"Redis".into(), &true.into()), "{doctor:#}");
    assert!(cache["version"].as_str().unwrap().starts_with("7."), "{cache:#}");

    // A foreign hand leaves the mark as it is: a look at the contents finds it, and a projection mends it.
    let cell = platform.key("cell:kfm-things");
    platform.redis(&["HSET", &cell, "content", "[]"]);
    let doctor = platform.run_as(&platform.password, &["doctor", "--digests"]).json();
    assert!(doctor.to_string().contains("not what the mark beside it says"), "{doctor:#}");
    for file in platform.sandbox.bytes() {
        let text = String::from_utf8_lossy(&file.1).into_owned();
        assert!(!text.contains(&platform.password), "the password is in {}", file.0.display());
    }
}

/// Ends, kills or starts a server.
fn script(words: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testing/servers");
    #[allow(clippy::disallowed_methods, reason = "a test that needs servers is told where they are")]
    let run = std::env::var("KFM_SERVERS_RUN").unwrap();
    let (name, how) = words.split_first().unwrap();
    let status = Command::new(folder.join(name)).args(how).args([&run, "redis-killed"]).status();
    assert!(status.unwrap().success());
}

/// A Redis that was killed is waited for; the publish comes to its end as if nothing had been.
#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_publish_waits_for_a_redis_that_was_killed() {
    let platform = Platform::on("redis-killed");
    platform.publish("one", &first_version());
    let (first, content) = platform.namespace();
    script(&["down", "-9"]);
    platform.sandbox.write("two/things/a.json", &item("a", "second"));
    std::thread::scope(|scope| {
        let publish = scope.spawn(|| platform.json(0, &["publish", "--from", "two", "--pipeline", "test"]));
        SystemClock.pause(Duration::from_secs(1));
        assert!(!publish.is_finished(), "it does not wait");
        script(&["up"]);
        assert_eq!(publish.join().unwrap()["status"], "completed");
    });
    let (second, changed) = platform.namespace();
    assert!(second > first && changed != content);
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn who_is_not_let_in_is_told_what_to_set_and_changes_nothing() {
    let platform = Platform::on("redis");
    platform.sandbox.write("one/a.json", r#"{"id": "a"}"#);
    let before = platform.sandbox.read("catalog/a.json");
    let refused = platform.run_as("hush-hush-9731", &["publish", "--from", "one", "--pipeline", "test"]);
    assert_ne!(refused.code, 0);
    assert!(refused.stdout.contains("REDIS_PASSWORD"), "{}", refused.stdout);
    assert_eq!(platform.sandbox.read("catalog/a.json"), before);

    platform.set_cache("kind = \"redis\"\nurl = \"redis://:hush-hush-9731@127.0.0.1\"");
    let refused = platform.run_as("hush-hush-9731", &["status"]).exits(2);
    assert!(refused.stdout.contains("REDIS_PASSWORD"), "{}", refused.stdout);
}
