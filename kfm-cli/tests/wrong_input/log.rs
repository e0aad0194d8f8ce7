//! A log that is damaged, cut off or gone.

use std::path::PathBuf;

use super::says;
use super::support::{Sandbox, first_version, item, two_publishes};

fn segment(sandbox: &Sandbox) -> PathBuf {
    let segments = std::fs::read_dir(sandbox.path().join("wal")).unwrap();
    segments
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|e| e == "kfw"))
        .unwrap()
}

/// Header of the segment, then of a frame its length, its checksum, its payload, and a frame in the middle.
const REGIONS: [usize; 7] = [0, 9, 40, 249, 256, 300, 900];

#[test]
fn a_flipped_byte_anywhere_stops_every_command_that_needs_the_log_and_none_repairs_it() {
    let (sandbox, _, second) = two_publishes();
    sandbox.write("three/things/a.json", &item("a", "third"));
    let segment = segment(&sandbox);
    let whole = std::fs::read(&segment).unwrap();
    for position in REGIONS {
        let mut bytes = whole.clone();
        bytes[position] ^= 1;
        std::fs::write(&segment, bytes).unwrap();
        for words in [
            &["status"][..],
            &["rollback", "plan", "--publish-id", &second],
            &["publish", "--from", "three", "--pipeline", "test"],
        ] {
            let before = sandbox.state_but_records();
            let damaged = std::fs::read(&segment).unwrap();
            let answer = sandbox.json(4, words);
            assert_eq!(answer["error"]["next"][0], "kfm wal verify", "position {position}");
            says(&answer, &["seg-"]);
            assert!(sandbox.state_but_records() == before && std::fs::read(&segment).unwrap() == damaged);
        }
        let verified = sandbox.json(1, &["wal", "verify"]);
        assert!(verified["first_bad"]["segment"].is_string(), "position {position}: {verified:#}");
        let doctor = sandbox.json(1, &["doctor"]);
        let own = doctor["own"].as_array().unwrap();
        assert!(own.iter().any(|part| part["name"] == "log" && part["ok"] == false), "{doctor:#}");
    }
    std::fs::write(&segment, whole).unwrap();
    sandbox.json(0, &["publish", "--from", "three", "--pipeline", "test"]);
}

#[test]
fn a_torn_tail_stops_nobody_and_the_next_writer_sets_it_aside() {
    let (sandbox, _, second) = two_publishes();
    let segment = segment(&sandbox);
    let mut bytes = std::fs::read(&segment).unwrap();
    let end = bytes.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    let half = b"half of a frame";
    bytes[end + 64..end + 64 + half.len()].copy_from_slice(half);
    std::fs::write(&segment, &bytes).unwrap();
    sandbox.json(0, &["status"]);
    let verified = sandbox.json(1, &["wal", "verify"]);
    assert!(verified["torn_bytes"].as_u64().unwrap() > 0 && verified["first_bad"].is_null(), "{verified:#}");
    assert_eq!(std::fs::read(&segment).unwrap(), bytes, "commands that read repair nothing");
    sandbox.json(0, &["rollback", "execute", "--publish-id", &second, "--reason", "r", "--yes"]);
    assert_eq!(sandbox.json(0, &["wal", "verify"])["quarantined"], 1);
}

#[test]
fn a_log_that_is_gone_does_not_pass_for_a_new_one() {
    let sandbox = Sandbox::platform();
    sandbox.publish("one", &first_version());
    for keep_folder in [false, true] {
        let away = sandbox.path().join(format!("away{keep_folder}"));
        std::fs::rename(sandbox.path().join("wal"), &away).unwrap();
        if keep_folder {
            std::fs::create_dir(sandbox.path().join("wal")).unwrap();
        }
        for words in [
            &["status"][..],
            &["adopt"],
            &["publish", "--from", "one", "--pipeline", "test"],
            &["publish", "list"],
        ] {
            let before = sandbox.bytes();
            let answer = sandbox.json(4, words);
            says(&answer, &["the log is missing", "restore the log from a backup"]);
            let mut after = sandbox.bytes();
            after.insert(".kfm/lock".into(), before[&PathBuf::from(".kfm/lock")].clone());
            assert!(after == before, "{words:?} made a new log");
        }
        if keep_folder {
            std::fs::remove_dir(sandbox.path().join("wal")).unwrap();
        }
        std::fs::rename(away, sandbox.path().join("wal")).unwrap();
        sandbox.json(0, &["status"]);
    }
}
