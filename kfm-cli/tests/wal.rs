//! `kfm wal`: what an interrupted append left is told from damage; the first is repaired, the second refused.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::path::PathBuf;

use serde_json::Value;
use support::{Sandbox, two_publishes};

fn segment(sandbox: &Sandbox) -> PathBuf {
    sandbox.path().join("wal/seg-00000000000000000001-0000000000000000.kfw")
}

/// Writes bytes of no frame where the log ends, as an append that a power cut stopped; returns where.
fn tear(sandbox: &Sandbox, bytes: &[u8]) -> usize {
    let frames = sandbox.json(0, &["wal", "inspect"])["segments"][0]["frames"].clone();
    let frames = frames.as_array().unwrap();
    let last = frames.iter().rfind(|frame| frame["kind"] != "mark").unwrap();
    let end = usize::try_from(last["offset"].as_u64().unwrap() + last["bytes"].as_u64().unwrap()).unwrap();
    let mut content = std::fs::read(segment(sandbox)).unwrap();
    content[end..end + bytes.len()].copy_from_slice(bytes);
    std::fs::write(segment(sandbox), content).unwrap();
    end
}

#[test]
fn a_torn_tail_is_planned_repaired_and_kept() {
    let (sandbox, ..) = two_publishes();
    let records = sandbox.json(0, &["wal", "verify"])["records"].clone();
    assert_eq!(sandbox.json(0, &["wal", "repair", "--plan"])["plan"], serde_json::json!({}));
    let end = tear(&sandbox, &[0x5a; 77]);
    let verified = sandbox.json(1, &["wal", "verify"]);
    assert_eq!(
        (&verified["torn_bytes"], &verified["error"]["next"][0]),
        (&77.into(), &"kfm wal repair --plan".into())
    );

    let before = std::fs::read(segment(&sandbox)).unwrap();
    let planned = sandbox.json(0, &["wal", "repair", "--plan"]);
    let torn = &planned["plan"]["torn"];
    assert_eq!(
        (&torn["bytes"], &torn["offset"], &planned["applied"]),
        (&77.into(), &end.into(), &false.into())
    );
    sandbox.json(0, &["--ci", "wal", "repair", "--apply"]);
    assert_eq!(std::fs::read(segment(&sandbox)).unwrap(), before, "neither changes anything");

    let applied = sandbox.json(0, &["wal", "repair", "--apply"]);
    assert_eq!((&applied["applied"], &applied["quarantined"]), (&true.into(), &torn["quarantine"]));
    let aside = sandbox.path().join("wal").join(applied["quarantined"].as_str().unwrap());
    assert_eq!(std::fs::read(aside).unwrap(), [0x5a; 77]);
    let verified = sandbox.json(0, &["wal", "verify"]);
    assert_eq!((&verified["records"], &verified["quarantined"]), (&records, &1.into()));
    let frames = sandbox.json(0, &["wal", "inspect"])["segments"][0]["frames"].clone();
    assert!(frames.as_array().unwrap().iter().any(|frame| frame["kind"] == "repair"), "{frames:#}");
}

#[test]
fn damage_is_named_and_not_repaired() {
    let (sandbox, ..) = two_publishes();
    let mut bytes = std::fs::read(segment(&sandbox)).unwrap();
    bytes[600] ^= 1;
    std::fs::write(segment(&sandbox), &bytes).unwrap();
    for flag in ["--plan", "--apply"] {
        let refused = sandbox.json(1, &["wal", "repair", flag]);
        let bad = &refused["plan"]["first_bad"];
        assert_eq!((&bad["class"], &refused["applied"]), (&"bit_rot".into(), &false.into()), "{refused:#}");
        assert!(bad["offset"].is_u64() && refused["error"]["message"].to_string().contains("class=bit_rot"));
    }
    assert_eq!(std::fs::read(segment(&sandbox)).unwrap(), bytes);
}

#[test]
fn of_a_damaged_log_all_before_the_damage_is_exported_and_the_place_is_named() {
    let (sandbox, ..) = two_publishes();
    let whole = sandbox.kfm(&["wal", "export"]).exits(0).stdout;
    let frames = sandbox.json(0, &["wal", "inspect"])["segments"][0]["frames"].clone();
    let frames = frames.as_array().unwrap();
    let hit = frames.iter().filter(|frame| frame["kind"] == "data").nth(3).unwrap();
    let mut bytes = std::fs::read(segment(&sandbox)).unwrap();
    bytes[usize::try_from(hit["offset"].as_u64().unwrap()).unwrap() + 120] ^= 1;
    std::fs::write(segment(&sandbox), &bytes).unwrap();

    let before = usize::try_from(hit["first"].as_u64().unwrap()).unwrap() - 1;
    let expected: String = whole.lines().take(before).map(|line| line.to_owned() + "\n").collect();
    assert!(before > 2 && before < whole.lines().count());
    let run = sandbox.kfm(&["wal", "export"]).exits(1);
    assert_eq!(run.stdout, expected);
    assert!(run.stderr.contains("offset=") && run.stderr.contains("class=bit_rot"), "{}", run.stderr);
    sandbox.write("old.ndjson", "of yesterday");
    for file in ["new.ndjson", "old.ndjson"] {
        let answer = sandbox.json(1, &["wal", "export", "--out", file]);
        assert_eq!(answer["records"]["total"], before, "{answer:#}");
        assert_eq!(sandbox.read(file).as_deref(), Some(expected.as_str()));
    }
    let answer = sandbox.json(1, &["wal", "export"]);
    assert_eq!((&answer["records"]["total"], &answer["error"]["kind"]), (&before.into(), &"findings".into()));
}

#[test]
fn an_export_that_fails_leaves_the_file_that_was_there() {
    let (sandbox, ..) = two_publishes();
    sandbox.write("log.ndjson", "of yesterday");
    sandbox.write("folder/log.ndjson", "of yesterday");
    assert_eq!(sandbox.json(2, &["wal", "export", "--out", "nowhere/log.ndjson"])["error"]["kind"], "file");
    sandbox.json(2, &["wal", "export", "--out", "folder"]);
    std::fs::rename(sandbox.path().join("wal"), sandbox.path().join("away")).unwrap();
    sandbox.json(4, &["wal", "export", "--out", "log.ndjson"]);
    assert_eq!(sandbox.read("log.ndjson").as_deref(), Some("of yesterday"));
    let names = std::fs::read_dir(sandbox.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = names.filter(|name| name.to_string_lossy().ends_with(".tmp")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[cfg(unix)]
#[test]
fn an_export_goes_where_a_link_leads_and_into_a_pipe_as_it_is() {
    use std::os::unix::fs::FileTypeExt;

    let (sandbox, ..) = two_publishes();
    let lines = sandbox.kfm(&["wal", "export"]).exits(0).stdout;
    sandbox.write("real.ndjson", "of yesterday");
    let link = sandbox.path().join("link.ndjson");
    std::os::unix::fs::symlink("real.ndjson", &link).unwrap();
    sandbox.json(0, &["wal", "export", "--out", "link.ndjson"]);
    assert!(link.is_symlink());
    assert_eq!(sandbox.read("real.ndjson").as_deref(), Some(lines.as_str()));

    let pipe = sandbox.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = pipe.clone();
    let read = std::thread::spawn(move || std::fs::read_to_string(reader).unwrap());
    sandbox.json(0, &["wal", "export", "--out", "pipe"]);
    assert!(pipe.metadata().unwrap().file_type().is_fifo());
    assert_eq!(read.join().unwrap(), lines);
}

#[test]
fn a_checkpoint_tells_a_log_that_was_cut_from_a_sound_one() {
    let (sandbox, _, second) = two_publishes();
    let old = std::fs::read(segment(&sandbox)).unwrap();
    sandbox.kfm(&["rollback", "execute", "--publish-id", &second, "--reason", "r", "--yes"]).exits(0);
    let checkpoint = sandbox.kfm(&["--json", "wal", "verify"]).exits(0).stdout;
    sandbox.write("checkpoint.json", &checkpoint);
    let against = ["wal", "verify", "--against", "checkpoint.json"];
    sandbox.json(0, &against);
    let closely = |depth| [&against[..], &["--depth", depth]].concat();
    let whole = sandbox.kfm(&closely("chain")).exits(0).stdout;
    assert!(whole.contains("checkpoint  agrees, at record"), "{whole}");
    let head: Value = serde_json::from_str(&checkpoint).unwrap();
    sandbox.write("head.json", &head["head"].to_string());
    sandbox.json(0, &["wal", "verify", "--against", "head.json"]);

    std::fs::write(segment(&sandbox), old).unwrap();
    sandbox.json(0, &["wal", "verify"]);
    sandbox.json(0, &["wal", "verify", "--depth", "crc"]);
    // A checkpoint is a place in the chain: with one, the chain is checked in any case.
    for words in [against.to_vec(), closely("chain"), closely("crc")] {
        let cut = sandbox.json(1, &words);
        assert_eq!(cut["first_bad"]["class"], "lost_tail", "{cut:#}");
        assert_eq!(cut["error"]["next"][0], "kfm reconcile", "{cut:#}");
    }
    let screen = sandbox.kfm(&against).exits(1);
    let said = format!("{}{}", screen.stdout, screen.stderr);
    let (ends, at) = (sandbox.json(0, &["wal", "verify"])["records"].clone(), &head["head"]["lsn"]);
    let older = format!("older than the checkpoint: it ends at record {ends}, the checkpoint is at {at}");
    assert!(said.contains(&older) && said.contains("restored on purpose"), "{said}");
    assert!(!said.contains("is damaged"), "{said}");
    sandbox.write("checkpoint.json", "no checkpoint");
    assert_eq!(sandbox.json(2, &against)["error"]["kind"], "usage");
}

#[test]
fn a_probe_says_how_long_syncs_take_and_leaves_nothing_behind() {
    let (sandbox, ..) = two_publishes();
    let names = || {
        let names = std::fs::read_dir(sandbox.path().join("wal")).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    // In a folder in memory the answer is 1, and right.
    let run = sandbox.kfm(&["--json", "wal", "probe-durability"]);
    let probe = run.json();
    assert_eq!(run.code == 0, probe["verdict"] == "reaches_a_device", "{probe:#}");
    assert!(probe["rounds"] == 64 && probe["sync_ns_p50"].as_u64() <= probe["sync_ns_max"].as_u64());
    assert_eq!(names(), before);
}
