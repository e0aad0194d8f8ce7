//! A `kfm.toml` that is not valid.

use super::says;
use super::support::Sandbox;

#[test]
fn settings_that_are_not_right_stop_every_command_with_line_key_and_nearest() {
    let sandbox = Sandbox::platform();
    let whole = sandbox.read("kfm.toml").unwrap();
    for (passage, by, words) in [
        ("[wal]", "[wall]", &["wall", "nearest known one is wal", "line=25"][..]),
        ("kind = \"static\"", "knid = \"static\"", &["stores.catalog.knid", "kind", "line=6"]),
        ("version = 1", "version = 2", &["version=2", "knows 1", "line=2"]),
        ("version = 1", "version = 2\nnew_key = 1", &["version=2", "knows 1"]),
        ("version = 1", "version = \"1\"", &["invalid type", "line=2"]),
        ("version = 1", "", &["version"]),
        ("url = \"file:wal\"", "url = 3", &["invalid type: integer `3`", "line=26"]),
        ("domain = \"graph\"", "domain = \"grph\"", &["grph", "`graph`", "line=10"]),
        ("kind = \"static\"", "kind = \"ftp\"", &["kind=ftp", "store=catalog", "static"]),
        ("mode = \"alias\"", "mode = \"fast\"", &["alias", "stores.search.mode"]),
        ("publish = \"findings\"", "publish = \"lax\"", &["lax", "strict", "line=31"]),
        ("file:catalog", "file:graph", &["apart", "stores.catalog", "stores.graph"]),
        ("file:.kfm/versions", "file:catalog/.v", &["apart", "versions"]),
        ("file:catalog", "ftp://host/catalog", &["store=catalog", "file: URL", "ftp://host/catalog"]),
        ("file:catalog", "s3://", &["store=catalog", "stores.catalog.url", "s3://bucket/prefix"]),
        ("file:graph", "s3://bucket/graph", &["store=graph", "file: URL"]),
        ("[policy]", "[policy", &["line=28"]),
        ("[stores.catalog]", "[stores.\"a b\"]", &["store=a b"]),
    ] {
        assert!(whole.contains(passage), "{passage}");
        sandbox.write("kfm.toml", &whole.replacen(passage, by, 1));
        let before = sandbox.bytes();
        let answer = sandbox.json(2, &["status"]);
        says(&answer, words);
        says(&answer, &["kfm.toml"]);
        let run = sandbox.kfm(&["rollback", "plan", "--publish-id", "latest"]).exits(2);
        assert!(run.stderr.lines().next().unwrap().contains(words[0]), "{}", run.stderr);
        assert!(sandbox.bytes() == before);
    }
}

#[test]
fn settings_that_are_no_text_are_refused() {
    let sandbox = Sandbox::platform();
    for bytes in [&b"\xff\xfev\0e\0r\0"[..], b"version = 1\n\xff", b""] {
        std::fs::write(sandbox.path().join("kfm.toml"), bytes).unwrap();
        says(&sandbox.json(2, &["status"]), &["kfm.toml"]);
    }
}

#[test]
fn a_platform_is_not_made_twice() {
    let sandbox = Sandbox::platform();
    says(&sandbox.refuses(2, &["init"]), &["a platform already"]);
    says(&sandbox.refuses(2, &["init", "--ci"]), &["a platform already"]);
}
