//! Disks that are full, read-only, or refuse a write halfway. Each is made by the system itself, for one process
//! and what it starts: a mount in a namespace of its own, or a limit on the size of files.
#![cfg(target_os = "linux")]

use std::process::Command;

use super::support::{Sandbox, first_version, item};

/// What runs before the commands of a script: a function that asserts an exit code and shows what was said.
const PRELUDE: &str = r#"
set -u
expect() { code=$1; shift; "$@" >out 2>&1; got=$?; [ $got = $code ] && return; echo "expected $code, got $got: $*"; cat out; exit 1; }
says() { grep -q -- "$1" out || { echo "not said: $1"; cat out; exit 1; }; }
same() { cmp -s "$1" "$2" || { echo "differs: $1 $2"; exit 1; }; }
"#;

/// A platform with one publish, and in `new` a small document and a large one that differ.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::platform();
    sandbox.publish("one", &first_version());
    sandbox.write("new/things/a.json", &item("a", "second"));
    sandbox.write("new/things/b.json", &item("b", &"x".repeat(3 << 20)));
    sandbox
}

/// Runs a script in the sandbox; with `unshare` in namespaces where it may mount.
#[track_caller]
fn run(sandbox: &Sandbox, namespaces: bool, script: &str) {
    let words: &[&str] = if namespaces { &["unshare", "-rm", "sh", "-c"] } else { &["sh", "-c"] };
    let script = format!("{PRELUDE}\nkfm={}\n{script}", env!("CARGO_BIN_EXE_kfm"));
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg(script).current_dir(sandbox.path());
    let output = command.env("KFM_ACTOR", "tester").env_remove("KFM_ROOT").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "needs to mount in a namespace of its own: unshare -rm"]
fn a_catalog_whose_disk_is_full_goes_back_to_what_it_was() {
    let sandbox = sandbox();
    run(
        &sandbox,
        true,
        r#"
        cp -r catalog before
        mount -t tmpfs -o size=1m none catalog && cp -r before/. catalog/ || exit 1
        expect 1 $kfm publish --from new --pipeline test
        says "went back to the prior state"
        says "No space left"
        for document in catalog.json things/a.json things/b.json things/collection.json; do
            same before/$document catalog/$document
        done
        [ -z "$(find catalog -name '.*' -type f)" ] || { echo "something is left behind"; exit 1; }
        expect 0 $kfm status
        expect 0 $kfm wal verify
        rm new/things/b.json
        expect 0 $kfm publish --from new --pipeline test
        "#,
    );
}

#[test]
#[ignore = "needs to mount in a namespace of its own: unshare -rm"]
fn a_version_store_whose_disk_is_full_stops_the_publish_before_it_begins() {
    let sandbox = sandbox();
    run(
        &sandbox,
        true,
        r#"
        cp -r .kfm/versions before
        mount -t tmpfs -o size=1m none .kfm/versions && cp -r before/. .kfm/versions/ || exit 1
        expect 2 $kfm publish --from new --pipeline test
        says "No space left"
        same one/things/a.json catalog/things/a.json
        expect 0 $kfm status
        "#,
    );
}

#[test]
#[ignore = "needs to mount in a namespace of its own: unshare -rm"]
fn a_platform_that_may_only_be_read_can_be_read() {
    let sandbox = sandbox();
    run(
        &sandbox,
        true,
        r#"
        mount -t tmpfs none /mnt && cd "$PWD" || exit 1
        expect() { code=$1; shift; "$@" >/mnt/out 2>&1; got=$?; [ $got = $code ] && return; echo "expected $code, got $got: $*"; cat /mnt/out; exit 1; }
        says() { grep -q -- "$1" /mnt/out || { echo "not said: $1"; cat /mnt/out; exit 1; }; }
        mount --bind . . && cd "$PWD" && mount -o remount,bind,ro . || exit 1
        for words in "status" "publish list" "rollback dry-run --publish-id latest" "catalog check" "doctor" "wal verify" "ledger verify" "publish --from new --pipeline test --dry-run"; do
            expect 0 $kfm $words
        done
        for words in "publish --from new --pipeline test" "rollback plan --publish-id latest" "adopt"; do
            expect 2 $kfm $words
            says "Read-only file system"
            says "hint"
        done
        "#,
    );
}

/// A limit on the size of files lets a write fail in its middle.
#[test]
fn a_write_that_fails_in_its_middle_changes_nothing_that_is_seen() {
    let sandbox = sandbox();
    run(
        &sandbox,
        false,
        r#"
        trap '' XFSZ
        ulimit -f 2000
        expect 2 $kfm publish --from new --pipeline test
        says "File too large"
        same one/things/a.json catalog/things/a.json
        expect 0 $kfm status
        expect 0 $kfm wal verify
        "#,
    );
}
