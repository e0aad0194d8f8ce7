//! A platform whose log is on a server that is not there, refuses the credentials, or has no such place.
#![cfg(unix)]
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use kfm_retry::{Clock as _, SystemClock};
use kfm_wal::entropy::{Entropy as _, SystemEntropy};
use serde_json::Value;
use support::{Run, Sandbox};

/// What the guide promises is half a minute; the rest is for a machine that is busy.
const ANSWER_MAX: Duration = Duration::from_secs(45);

/// What a password looks like here: never in an answer.
const PASSWORD: &str = "hush-hush-9731";

type Pairs = Vec<(String, String)>;

fn pairs(pairs: &[(&str, &str)]) -> Pairs {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A platform whose log is at an address, with a document to publish.
fn platform(url: &str) -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.kfm(&["init"]).exits(0);
    let settings = sandbox.read("kfm.toml").unwrap().replace("\"file:wal\"", &format!("\"{url}\""));
    sandbox.write("kfm.toml", &settings);
    std::fs::remove_dir_all(sandbox.path().join("wal")).unwrap();
    sandbox.write("first/a.json", r#"{"id": "a"}"#);
    sandbox
}

fn run(sandbox: &Sandbox, environment: &Pairs, words: &[&str]) -> Run {
    let mut command = sandbox.command(&[words, &["--json"]].concat());
    for name in ["AWS_", "AZURE_", "PG"] {
        #[allow(clippy::disallowed_methods, reason = "what the surroundings say is taken away")]
        for (other, _) in std::env::vars_os().filter(|(other, _)| other.to_string_lossy().starts_with(name)) {
            command.env_remove(other);
        }
    }
    let output = command.envs(environment.iter().cloned()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Holds commands that read, write and verify to what they have to say of a log that cannot be used, each in time.
#[track_caller]
fn says_so(url: &str, environment: &Pairs, expected: &str) {
    let sandbox = platform(url);
    let before = sandbox.bytes();
    let begun = SystemClock.monotonic();
    let commands: [&[&str]; 4] =
        [&["status"], &["publish", "--from", "first", "--pipeline", "test"], &["wal", "verify"], &["doctor"]];
    let answers: Vec<(Value, i32)> = std::thread::scope(|scope| {
        let running = commands.map(|words| {
            let sandbox = &sandbox;
            scope.spawn(move || run(sandbox, environment, words))
        });
        running.map(|run| run.join().unwrap()).into_iter().map(|run| (run.json(), run.code)).collect()
    });
    let took = SystemClock.monotonic() - begun;
    assert!(took < ANSWER_MAX, "{url}: {took:?}");
    for (words, (answer, code)) in commands.into_iter().zip(answers) {
        let shown = format!("{words:?}: {answer:#}");
        assert!(!shown.contains(PASSWORD), "{shown}");
        let place = url.split('?').next().unwrap();
        assert!(answer.to_string().contains(place) && answer.to_string().contains(expected), "{shown}");
        if words == ["doctor"] {
            assert_eq!((code, &answer["own"][0]["ok"]), (1, &false.into()), "{shown}");
            continue;
        }
        let error = &answer["error"];
        assert_eq!((code, &error["kind"]), (4, &"log".into()), "{shown}");
        assert_eq!(error["next"], serde_json::json!(["kfm doctor"]), "{shown}");
        assert!(error["hint"].as_str().unwrap().contains("kfm.toml"), "{shown}");
    }
    let mut after = sandbox.bytes();
    after.retain(|path, _| !path.ends_with(".kfm/lock"));
    assert!(before == after, "{url}: something was written");
}

#[test]
fn a_server_that_is_not_there_is_named_in_time() {
    // No process may listen on the smallest port of all.
    let postgres = pairs(&[("PGUSER", "kfm"), ("PGPASSWORD", PASSWORD)]);
    let s3 = pairs(&[
        ("AWS_ENDPOINT", "http://127.0.0.1:1"),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "kfm"),
        ("AWS_SECRET_ACCESS_KEY", PASSWORD),
    ]);
    let azure = pairs(&[
        ("AZURE_ENDPOINT", "http://127.0.0.1:1/account"),
        ("AZURE_ALLOW_HTTP", "true"),
        ("AZURE_STORAGE_ACCOUNT_NAME", "account"),
        // In base 64, as keys are.
        ("AZURE_STORAGE_ACCOUNT_KEY", "aHVzaC1odXNoLTk3MzE="),
    ]);
    std::thread::scope(|scope| {
        scope.spawn(|| says_so("postgres://127.0.0.1:1/kfm", &postgres, "Connection refused"));
        scope.spawn(|| says_so("s3://kfm/log", &s3, "Connection refused"));
        scope.spawn(|| says_so("az://kfm/log", &azure, "Connection refused"));
    });
}

/// The address of a server and its credentials, as `testing/servers/up` has noted them.
fn server(name: &str) -> (String, Pairs) {
    #[allow(clippy::disallowed_methods, reason = "a test is told where the servers are")]
    let run = std::env::var("KFM_SERVERS_RUN").expect("the folder that testing/servers/up was given");
    let text = std::fs::read_to_string(format!("{run}/{name}.env")).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let mut all: Pairs = pairs(&lines.collect::<Vec<_>>());
    let at = all.iter().position(|(name, _)| name == "KFM_WAL_URL").unwrap();
    (all.remove(at).1, all)
}

fn with(mut environment: Pairs, name: &str, value: &str) -> Pairs {
    environment.iter_mut().find(|(other, _)| other == name).expect("it is there").1 = value.to_owned();
    environment
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_name_that_leads_nowhere_is_named_in_time() {
    let (_, postgres) = server("postgresql");
    let s3 = with(server("seaweedfs").1, "AWS_ENDPOINT", "http://no-such-host.invalid:1");
    std::thread::scope(|scope| {
        scope.spawn(|| says_so("postgres://no-such-host.invalid:5432/kfm", &postgres, "lookup address"));
        scope.spawn(|| says_so("s3://kfm/log", &s3, "no-such-host.invalid"));
    });
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_wrong_password_or_key_is_told() {
    let (url, environment) = server("postgresql");
    says_so(&url, &with(environment, "PGPASSWORD", PASSWORD), "password authentication failed");
    let (url, environment) = server("seaweedfs");
    says_so(&url, &with(environment, "AWS_SECRET_ACCESS_KEY", PASSWORD), "SignatureDoesNotMatch");
    let (url, environment) = server("azurite");
    says_so(&url, &with(environment, "AZURE_STORAGE_ACCOUNT_KEY", "aHVzaA=="), "AuthorizationFailure");
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_bucket_container_or_database_that_is_not_there_is_told() {
    for (name, expected) in [("ministack", "NoSuchBucket"), ("seaweedfs", "NoSuchBucket")] {
        says_so("s3://nowhere/log", &server(name).1, expected);
    }
    says_so("az://nowhere/log", &server("azurite").1, "ContainerNotFound");
    let (url, environment) = server("postgresql");
    says_so(&url.replace("/kfm", "/nowhere"), &environment, "does not exist");
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_server_that_does_not_flush_is_refused() {
    let (url, environment) = server("postgresql-forgetful");
    says_so(&url, &environment, "fsync=off");
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_table_that_is_not_there_is_an_empty_log_unless_something_was_done() {
    let (url, environment) = server("postgresql");
    let name: String = SystemEntropy.bytes16().iter().map(|byte| format!("{byte:02x}")).collect();
    let sandbox = platform(&format!("{url}?log={name}"));
    let status = run(&sandbox, &environment, &["status"]).exits(0).json();
    assert_eq!(status["open"], serde_json::json!([]));

    let why = ["--care", "public", "--authority", "Council", "--reason", "open", "--review-by", "2099-12-31"];
    run(&sandbox, &environment, &[&["labels", "assign", "--under", ""][..], &why].concat()).exits(0);
    run(&sandbox, &environment, &["publish", "--from", "first", "--pipeline", "test"]).exits(0);
    let settings = sandbox.read("kfm.toml").unwrap();
    sandbox.write("kfm.toml", &settings.replace(&name, &format!("{name}-lost")));
    for words in [&["status"][..], &["publish", "--from", "first", "--pipeline", "test"]] {
        let refused = run(&sandbox, &environment, words).exits(4).json();
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("the log is missing") && message.contains("-lost"), "{refused:#}");
    }
}
