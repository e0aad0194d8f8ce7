//! `kfm init --store`: what it writes for each kind is read by the command, explains itself, and has no credential.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![cfg(all(feature = "azure", feature = "neo4j", feature = "opensearch", feature = "redis", feature = "s3"))]

mod support;

use std::process::Command;

use kfm_rollback::kind::{Kinds, StoreKind};
use kfm_rollback::platform::built_in_kinds;
use support::{Run, Sandbox};

/// The kinds that the command knows.
fn kinds() -> Kinds {
    kfm_stores::kinds().into_iter().fold(built_in_kinds(), Kinds::with)
}

/// What is given to `--store` for each kind, with an address where nothing listens, and what has to be in the environment.
fn unreachable() -> Vec<(&'static str, String)> {
    let mut given: Vec<(&str, String)> = kinds()
        .iter()
        .filter_map(|kind| {
            let url = kind.sample(kind.domains()[0], None)?.url;
            let (scheme_and_host, _) = url.rsplit_once(':')?;
            url.contains("127.0.0.1").then(|| (kind.kind(), format!("{}={scheme_and_host}:1", kind.kind())))
        })
        .collect();
    given.push(("static", "static=s3://bucket/stac".to_owned()));
    given.push(("static", "static=az://container/stac".to_owned()));
    given
}

/// Where nothing listens; the secrets are in no file.
const ENVIRONMENT: [(&str, &str); 12] = [
    ("AWS_ACCESS_KEY_ID", "key"),
    ("AWS_SECRET_ACCESS_KEY", "hunter2-hunter2"),
    ("AWS_ENDPOINT", "http://127.0.0.1:1"),
    ("AWS_ALLOW_HTTP", "true"),
    ("AZURE_STORAGE_ACCOUNT_NAME", "account"),
    ("AZURE_STORAGE_ACCOUNT_KEY", "aHVudGVyMi1odW50ZXIy"),
    ("AZURE_ENDPOINT", "http://127.0.0.1:1/account"),
    ("AZURE_ALLOW_HTTP", "true"),
    ("NEO4J_PASSWORD", "hunter2-hunter2"),
    ("OPENSEARCH_USERNAME", "ops"),
    ("OPENSEARCH_PASSWORD", "hunter2-hunter2"),
    ("REDIS_PASSWORD", "hunter2-hunter2"),
];

fn run(mut command: Command) -> Run {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn has_no_secret(sandbox: &Sandbox, run: &Run, secrets: &[&str]) {
    for secret in secrets {
        assert!(!format!("{run:?}").contains(secret), "{run:?}");
        for (path, bytes) in sandbox.bytes() {
            assert!(!String::from_utf8_lossy(&bytes).contains(secret), "{}", path.display());
        }
    }
}

#[test]
fn each_kind_gets_a_table_that_is_read_and_whose_server_is_only_away() {
    let given = unreachable();
    assert!(given.len() >= 6, "{given:?}");
    for (kind, store) in given {
        let sandbox = Sandbox::empty();
        let kfm = |words: &[&str]| {
            let mut command = sandbox.command(&[words, &["--json"]].concat());
            command.envs(ENVIRONMENT);
            let run = run(command);
            has_no_secret(&sandbox, &run, &["hunter2", "aHVudGVyMi1odW50ZXIy"]);
            run
        };
        let rehearsed = kfm(&["init", "--store", &store, "--ci"]).exits(0).json();
        assert!(sandbox.bytes().is_empty(), "a rehearsal wrote something");
        let made = kfm(&["init", "--store", &store]).exits(0).json();
        assert_eq!(rehearsed["stores"], made["stores"], "{store}");
        let stores = made["stores"].as_array().unwrap();
        assert_eq!(stores.len(), 4, "{made:#}");
        let one = stores.iter().find(|one| one["kind"] == kind).unwrap();
        assert!(!one["environment"].as_array().unwrap().is_empty(), "{one:#}");
        kfm(&["status"]).exits(0);
        let doctor = kfm(&["doctor"]).exits(1).json();
        let stores = doctor["stores"].as_array().unwrap();
        for found in stores {
            assert_eq!(found["ok"] == true, found["name"] != one["name"], "{store}: {doctor:#}");
        }
        let error =
            stores.iter().find(|found| found["name"] == one["name"]).unwrap()["error"].as_str().unwrap();
        assert!(error.contains("does not answer"), "{store}: {error}");
    }
}

#[test]
fn the_file_that_several_stores_get_is_plain() {
    let sandbox = Sandbox::empty();
    let stores =
        ["static=s3://bucket/stac", "neo4j=https://graph.example.org:7473", "opensearch", "cdn:redis"];
    let words: Vec<&str> =
        ["init"].into_iter().chain(stores.iter().flat_map(|store| ["--store", store])).collect();
    insta::assert_snapshot!(
        "init_stores_screen",
        sandbox
            .kfm(&words)
            .exits(0)
            .stdout
            .replace(&sandbox.path().canonicalize().unwrap().display().to_string(), "DIR")
    );
    insta::assert_snapshot!("init_stores", sandbox.read("kfm.toml").unwrap());
}

#[test]
fn each_example_of_a_key_is_a_value_that_it_can_have() {
    for kind in kinds().iter() {
        for domain in kind.domains() {
            for url in ["file:x", "s3://b/x", "az://c/x"] {
                let Some(sample) = kind.sample(*domain, Some(url)) else { continue };
                let names: Vec<&str> = kind.keys().iter().map(|key| key.name).collect();
                for (name, value) in sample.examples {
                    assert!(names.contains(name), "{}: {name}", kind.kind());
                    let url = if sample.url.contains("127.0.0.1") { sample.url } else { url };
                    let catalog = "[stores.target]\ndomain = \"stac\"\nkind = \"static\"\nurl = \"file:target\"\nrole = \"target\"\n";
                    let role = if *domain == kfm_lineage::Domain::Stac { "role = \"derived\"\n" } else { "" };
                    let text = format!(
                        "version = 1\n{catalog}[stores.one]\ndomain = \"{domain}\"\nkind = \"{}\"\nurl = \"{url}\"\n{role}{name} = {value}\n",
                        kind.kind()
                    );
                    let sandbox = Sandbox::empty();
                    sandbox.write("kfm.toml", &text);
                    sandbox.write("mapping.json", "{}");
                    let parsed =
                        kfm_rollback::Settings::parse(&text, std::path::Path::new("kfm.toml"), &kinds());
                    parsed.unwrap_or_else(|error| panic!("{text}\n{error}"));
                }
            }
        }
    }
    let named: Vec<&str> = ["static", "embedded", "neo4j", "opensearch", "elasticsearch", "redis"].into();
    for name in named {
        let kinds = kinds();
        let kind: &dyn StoreKind = kinds.find(name).unwrap();
        assert!(kind.sample(kind.domains()[0], None).is_some(), "{name} has no sample");
    }
}

/// Refuses with exit code 2, says these words, and writes nothing.
#[track_caller]
fn refuses(stores: &[&str], says: &[&str]) {
    let sandbox = Sandbox::empty();
    let words: Vec<&str> =
        ["init"].into_iter().chain(stores.iter().flat_map(|store| ["--store", store])).collect();
    let answer = sandbox.refuses_outside(&words);
    let said = answer["error"].to_string();
    assert!(!said.contains("in kfm.toml"), "there is no such file: {said}");
    for word in says {
        assert!(said.contains(word), "{said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn what_cannot_be_a_store_is_refused_and_nothing_is_written() {
    refuses(&["neo5j"], &["unknown kind of store: kind=neo5j", "static, embedded", "neo4j", "redis"]);
    refuses(&["embedded"], &["graph, search, cache"]);
    refuses(&["a:redis", "a:neo4j"], &["two stores would have one name: name=a"]);
    refuses(&["a.b:redis"], &["a store's name has letters"]);
    refuses(&["redis="], &["[NAME:]KIND[=URL]"]);
    refuses(&["redis=redis://ops:hunter2@127.0.0.1"], &["REDIS_PASSWORD", "nothing was written"]);
    refuses(&["neo4j=http://ops:hunter2@127.0.0.1:7474"], &["NEO4J_PASSWORD"]);
    refuses(&["opensearch=http://ops:hunter2@127.0.0.1:9200"], &["belong into the environment"]);
    let address = "s3://…@bucket/stac";
    refuses(&["static=s3://ops:hunter2@bucket/stac"], &["address is not understood", address]);
    let twice = ["a:static=s3://ops:hunter2@bucket/stac", "b:static=s3://ops:hunter2@bucket/stac"];
    refuses(&twice, &["a prefix of its own", address]);
    refuses(&["graph:embedded=https://ops:hunter2@host/?key=hunter2"], &["https://…@host/?…"]);
    refuses(&["static=file:graph"], &["a store's folder is kept apart"]);
}

/// The address of a server of `testing/servers` under a name, and its pairs.
fn server(name: &str) -> Vec<(String, String)> {
    #[allow(clippy::disallowed_methods, reason = "a test that needs servers is told where they are")]
    let run = std::env::var("KFM_SERVERS_RUN").expect("the folder that testing/servers/up was given");
    let text = std::fs::read_to_string(format!("{run}/{name}.env")).unwrap();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn on_a_real_server_the_doctor_finds_nothing_wrong() {
    let own = Sandbox::empty();
    let prefix = own.path().file_name().unwrap().to_str().unwrap().to_owned();
    for (name, kind, key, below) in [
        ("ministack", "static", "KFM_WAL_URL", format!("/{prefix}/stac")),
        ("azurite", "static", "KFM_WAL_URL", format!("/{prefix}/stac")),
        ("neo4j", "neo4j", "NEO4J_URL", String::new()),
        ("opensearch", "opensearch", "OPENSEARCH_URL", String::new()),
        ("redis", "redis", "REDIS_URL", String::new()),
    ] {
        let pairs = server(name);
        let value =
            |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        let store = format!("{kind}={}{below}", value(key).unwrap());
        let sandbox = Sandbox::empty();
        let kfm = |words: &[&str]| {
            let mut command = sandbox.command(&[words, &["--json"]].concat());
            command.envs(pairs.iter().filter(|(name, _)| !name.starts_with("KFM_")).cloned());
            run(command)
        };
        kfm(&["init", "--store", &store]).exits(0);
        let doctor = kfm(&["doctor"]).exits(0).json();
        let found = doctor["stores"].as_array().unwrap().iter().find(|found| found["kind"] == kind).unwrap();
        assert_eq!(found["ok"], true, "{doctor:#}");
        let secrets = pairs.iter().filter(|(name, _)| name.contains("PASSWORD") || name.contains("SECRET"));
        for (_, secret) in secrets {
            assert!(!sandbox.read("kfm.toml").unwrap().contains(secret.as_str()), "{name}");
        }
    }
}
