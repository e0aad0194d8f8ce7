//! What only looks writes nothing: every file's bytes and times, and the set of files, are the same after it.
#![cfg(unix)]
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "kills/stage.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod stage;
#[path = "../../kfm-rollback/tests/support/tree.rs"]
mod tree;
#[path = "kills/work.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod work;

use std::path::Path;

use stage::{SECOND, publish, run, run_to};
use tree::everything;
use work::waiting;

/// Runs commands, each of which must exit with its code and change nothing below the folder.
fn assert_only_looks(root: &Path, commands: &[(i32, &str)]) {
    let before = everything(root);
    for (code, words) in commands {
        let words: Vec<&str> = words.split(' ').collect();
        for json in [&[][..], &["--json"]] {
            let output = run(root, &[&words, json].concat());
            assert_eq!(output.status.code(), Some(*code), "{words:?}: {output:#?}");
            let after = everything(root);
            let changed: Vec<_> = before
                .keys()
                .chain(after.keys())
                .filter(|path| before.get(*path) != after.get(*path))
                .collect();
            assert!(changed.is_empty(), "{words:?} changed {changed:?}");
        }
    }
}

/// A platform on which a publish was made, rolled back, reverted, and planned to be rolled back again.
fn platform() -> tempfile::TempDir {
    let root = stage::platform();
    run_to(root.path(), &publish("second", SECOND), 0);
    let reason = ["--reason", "a test", "--yes"];
    let execute = ["rollback", "execute", "--publish-id", SECOND];
    run_to(root.path(), &[&execute[..], &reason].concat(), 0);
    run_to(root.path(), &[&["rollback", "revert", "--rollback-id", "latest"][..], &reason].concat(), 0);
    run_to(root.path(), &["rollback", "plan", "--publish-id", SECOND, "--out", "plan.json"], 0);
    root
}

#[test]
fn commands_that_read_write_nothing() {
    let root = platform();
    assert_only_looks(
        root.path(),
        &[
            (0, "status"),
            (0, "publish list"),
            (0, "publish show latest"),
            (0, "rollback list"),
            (0, "rollback show latest"),
            (0, "rollback status"),
            (0, "rollback status --rollback-id latest"),
            (0, "reconcile"),
            (0, "principals list"),
            (0, "labels list"),
            (0, "catalog check"),
            (0, "doctor"),
            (0, "doctor --digests"),
            (0, "wal verify"),
            (0, "wal inspect"),
            (0, "ledger verify"),
            (0, "ledger list"),
            (0, "telemetry validate"),
            (0, "slo"),
            (0, "verify --rollback-id latest"),
        ],
    );
    assert_only_looks(root.path(), &[(0, "wal export")]);
}

#[test]
fn a_dry_run_writes_nothing_whether_it_is_allowed_denied_or_not_ready() {
    let root = platform();
    let root = root.path();
    let rehearsals = |code| {
        [
            (code, "rollback dry-run --publish-id pub_2026_01_02T00_00_00Z_second"),
            (code, "rollback dry-run --plan plan.json"),
            (code, "rollback execute --publish-id latest --reason r --yes --ci"),
        ]
    };
    assert_only_looks(root, &rehearsals(0));
    assert_only_looks(
        root,
        &[
            (0, "publish --from first --pipeline test --mirror --dry-run"),
            (0, "publish --from first --pipeline test --mirror --ci"),
            (0, "publish --from second --pipeline test --dry-run"),
        ],
    );

    let edited = root.join("catalog/landsat-c2-l2/collection.json");
    let bytes = std::fs::read(&edited).unwrap();
    std::fs::write(&edited, "{}").unwrap();
    assert_only_looks(root, &rehearsals(6));
    assert_only_looks(root, &[(6, "publish --from first --pipeline test --dry-run")]);
    std::fs::write(&edited, bytes).unwrap();

    let words =
        ["labels", "assign", "--under", "landsat-c2-l2/", "--care", "restricted", "--authority", "Council"];
    run_to(root, &[&words[..], &["--reason", "r", "--review-by", "2099-12-31", "--yes"]].concat(), 0);
    assert_only_looks(root, &rehearsals(3));
    assert_only_looks(root, &[(3, "publish --from first --pipeline test --dry-run")]);
}

/// The words that correct a text of every item, from and to; no word has a space.
fn correct(from: &str, to: &str) -> String {
    format!(
        "hotfix stac --collection landsat-c2-l2 --field properties.platform --from {from} --to {to} --reason r"
    )
}

#[test]
fn a_dry_run_of_a_hotfix_or_of_its_revert_writes_nothing_whether_it_is_allowed_denied_or_not_ready() {
    let root = stage::platform();
    let root = root.path();
    let once = correct("landsat-8", "landsat-08");
    run_to(root, &once.split(' ').collect::<Vec<_>>(), 0);
    let again = correct("landsat-08", "landsat-8");
    let (none, missing) = (correct("landsat-8", "landsat-08"), correct("landsat-5", "landsat-05"));
    let rehearsals = [&again, "hotfix revert --hotfix-id latest --reason r"]
        .map(|words| ["--dry-run", "--ci"].map(|flag| format!("{words} {flag}")))
        .concat();
    let look = |code| {
        let commands: Vec<_> = rehearsals.iter().map(|words| (code, words.as_str())).collect();
        assert_only_looks(root, &commands);
    };
    look(0);
    assert_only_looks(
        root,
        &[
            (0, &format!("{none} --dry-run")),
            (2, &format!("{missing} --dry-run")),
            (6, "hotfix resume --hotfix-id latest --ci"),
            (6, "rollback dry-run --publish-id pub_2026_01_01T00_00_00Z_first"),
        ],
    );

    let items = stage::files_below(&root.join("catalog/landsat-c2-l2/items"));
    let is_corrected = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("landsat-08");
    let (edited, bytes) = items.into_iter().find(|(_, bytes)| is_corrected(bytes)).unwrap();
    let edited = root.join("catalog/landsat-c2-l2/items").join(edited);
    std::fs::write(&edited, "{}").unwrap();
    look(6);
    std::fs::write(&edited, bytes).unwrap();

    let words =
        ["labels", "assign", "--under", "landsat-c2-l2/", "--care", "restricted", "--authority", "Council"];
    run_to(root, &[&words[..], &["--reason", "r", "--review-by", "2099-12-31", "--yes"]].concat(), 0);
    look(3);
}

#[test]
fn what_reads_beside_a_process_at_work_or_after_its_death_writes_nothing() {
    let root = stage::platform();
    let root = root.path();
    let worker = waiting(root, &publish("second", SECOND), "anna");
    let looks = [
        (7, "status"),
        (0, "publish list"),
        (0, "doctor --digests"),
        (0, "wal verify"),
        (0, "wal inspect"),
        (0, "ledger verify"),
    ];
    let again = format!("{} --dry-run", publish("second", SECOND).join(" "));
    let other = format!("{} --dry-run", publish("first", SECOND).join(" "));
    let looks = [&looks[..], &[(0, again.as_str()), (6, other.as_str())]].concat();
    assert_only_looks(root, &looks);
    worker.kill();
    assert_only_looks(root, &looks);
}

#[test]
fn a_rehearsal_by_an_actor_whose_name_is_not_valid_is_refused_as_the_command_is() {
    let root = stage::platform();
    let root = root.path();
    let rollback = format!("rollback execute --publish-id {} --reason r --yes", stage::FIRST);
    for words in [
        "publish --from second --pipeline test",
        &rollback,
        "adopt",
        "reconcile --adopt",
        "project",
        "labels assign --under items/ --care restricted --authority C --reason r --review-by 2099-12-31 --yes",
        &correct("landsat-8", "landsat-08"),
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        for actor in ["ol\u{ad}ga", " "] {
            for rehearsal in [&[][..], &["--ci"]] {
                run_to(root, &[&words[..], &["--actor", actor], rehearsal].concat(), 2);
            }
        }
    }
}
