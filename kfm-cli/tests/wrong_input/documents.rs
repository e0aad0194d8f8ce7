//! Documents that cannot be published: by their size, their kind or their place.

use super::says;
use super::support::{Sandbox, first_version, item, two_publishes};

const PUBLISH: [&str; 5] = ["publish", "--from", "new", "--pipeline", "test"];

/// A platform with one publish, and a sound document beside the one that is wrong.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::platform();
    sandbox.publish("one", &first_version());
    sandbox.write("new/things/b.json", &item("b", "second"));
    sandbox
}

/// Refused with both the publish and its rehearsal, and the sound document beside it is not published either.
#[track_caller]
fn refused(sandbox: &Sandbox, words: &[&str]) {
    says(&sandbox.refuses(2, &PUBLISH), words);
    says(&sandbox.refuses(2, &[&PUBLISH[..], &["--dry-run"]].concat()), words);
}

#[test]
fn a_document_of_no_bytes_is_refused_where_it_would_be_published() {
    let sandbox = sandbox();
    sandbox.write("new/things/a.json", "");
    refused(&sandbox, &["0 bytes", "things/a.json"]);
}

#[test]
fn a_document_of_no_bytes_or_one_that_stands_in_the_catalog_is_adopted_with_a_finding() {
    let sandbox = Sandbox::platform();
    for (path, content) in [("void.json", ""), ("one.json", "1"), ("sound.json", "{}")] {
        sandbox.write(&format!("catalog/{path}"), content);
    }
    assert_eq!(sandbox.json(0, &["adopt"])["documents"], 3);
    let check = sandbox.json(1, &["catalog", "check"]);
    assert_eq!(check["not_json"], 2);
    let findings = check["findings"].to_string();
    assert!(findings.contains("void.json") && findings.contains("one.json"), "{check:#}");
    assert_eq!(sandbox.read("catalog/void.json").as_deref(), Some(""));
}

#[test]
fn a_document_above_the_limit_is_refused_by_its_size_and_the_limit_can_be_raised() {
    let sandbox = sandbox();
    sandbox.write("new/things/a.json", "");
    // Sparse: it takes no room.
    let file = std::fs::File::options().write(true).open(sandbox.path().join("new/things/a.json")).unwrap();
    file.set_len((64 << 20) + 1).unwrap();
    let words = ["things/a.json", "bytes=67108865", "bytes_max=67108864", "document_bytes_max"];
    says(&sandbox.json(2, &PUBLISH), &words);
    assert_eq!(sandbox.read("catalog/things/b.json"), Some(item("b", "first")));
    sandbox.write("new/things/a.json", &item("a", &"x".repeat(1_000)));
    let settings = sandbox.read("kfm.toml").unwrap();
    sandbox.write("kfm.toml", &format!("{settings}\n[limits]\ndocument_bytes_max = 1000\n"));
    refused(&sandbox, &["things/a.json", "bytes_max=1000"]);
    sandbox.write("kfm.toml", &format!("{settings}\n[limits]\ndocument_bytes_max = 2000\n"));
    sandbox.json(0, &PUBLISH);
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_is_refused_by_its_name_whatever_it_leads_to() {
    use std::os::unix::fs::symlink;
    let sandbox = sandbox();
    sandbox.write("elsewhere/a.json", &item("a", "linked"));
    let link = sandbox.path().join("new/link.json");
    for target in ["../elsewhere/a.json", "nowhere", "../elsewhere", "link.json"] {
        symlink(target, &link).unwrap();
        refused(&sandbox, &["symbolic link", "new/link.json"]);
        std::fs::remove_file(&link).unwrap();
    }
    let folder = sandbox.path().join("new/folder");
    symlink("../elsewhere", &folder).unwrap();
    refused(&sandbox, &["symbolic link", "new/folder"]);
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_inside_the_catalog_is_never_followed() {
    let sandbox = sandbox();
    let outside = sandbox.path().join("outside");
    std::fs::rename(sandbox.path().join("catalog/things"), &outside).unwrap();
    std::os::unix::fs::symlink("../outside", sandbox.path().join("catalog/things")).unwrap();
    for words in [&PUBLISH[..], &["rollback", "dry-run", "--publish-id", "latest"]] {
        says(&sandbox.refuses(2, words), &["symbolic link", "catalog/things"]);
    }
    // A command that only looks says so, and the rest of the catalog goes on.
    let check = sandbox.json(1, &["catalog", "check"]);
    assert!(check["findings"].to_string().contains("symbolic link"), "{check:#}");
    let doctor = sandbox.json(0, &["doctor"]);
    assert!(doctor["findings"].to_string().contains("symbolic link"), "{doctor:#}");
    let reconcile = sandbox.json(0, &["reconcile"]);
    assert_eq!(reconcile["foreign"]["total"], 3, "{reconcile:#}");
}

#[cfg(unix)]
#[test]
fn names_that_no_document_can_have_are_refused() {
    use std::os::unix::ffi::OsStrExt;
    let sandbox = sandbox();
    for (name, words) in [
        (&b"caf\xe9.json"[..], &["UTF-8"][..]),
        (b"a\nb.json", &["control character"]),
        (b"a\\b.json", &["backslash"]),
    ] {
        let path = sandbox.path().join("new").join(std::ffi::OsStr::from_bytes(name));
        std::fs::write(&path, "{}").unwrap();
        refused(&sandbox, words);
        std::fs::remove_file(path).unwrap();
    }
    let deep = "d/".repeat(70);
    sandbox.write(&format!("new/{deep}a.json"), "{}");
    refused(&sandbox, &["too deep", "64"]);
}

#[test]
fn what_changed_behind_the_logs_back_is_refused_with_the_key_that_leaves_it_alone() {
    let (sandbox, _, second) = two_publishes();
    sandbox.write("catalog/things/a.json", &item("a", "by hand"));
    sandbox.write("new/things/a.json", &item("a", "third"));
    says(&sandbox.refuses(6, &PUBLISH), &["another hand", "things/a.json"]);
    let execute = ["rollback", "execute", "--publish-id", &second, "--reason", "r", "--yes"];
    let refused = sandbox.refuses(6, &execute);
    says(&refused, &["leave them alone", "--skip"]);
    assert_eq!(refused["conflicts"][0]["subject"], "stac:catalog/things/a.json");
    sandbox.json(0, &[&execute[..], &["--skip", "things/a.json"]].concat());
}

#[test]
fn documents_that_a_strict_publish_denies_are_findings_of_the_check_and_leave_its_exit_code_alone() {
    let sandbox = Sandbox::platform();
    let mut documents = first_version();
    let mut broken: serde_json::Value = serde_json::from_str(&item("a", "first")).unwrap();
    broken.as_object_mut().unwrap().remove("geometry");
    broken["properties"]["datetime"] = "yesterday".into();
    documents[2].1 = broken.to_string();
    sandbox.publish("one", &documents);
    let check = sandbox.json(0, &["catalog", "check"]);
    assert_eq!((&check["not_valid"], &check["findings"]["by_rule"]["VER-schema"]), (&1.into(), &1.into()));
    let finding = &check["findings"]["first"][0];
    assert_eq!(finding["subject"], "things/a.json");
    let message = finding["message"].as_str().unwrap();
    assert!(message.starts_with("/geometry is missing; ") && message.contains("RFC 3339"), "{message}");
    let screen = sandbox.kfm(&["catalog", "check"]).exits(0).stdout;
    assert!(screen.starts_with("The catalog is whole, but for validity (1 document)"), "{screen}");
    sandbox.write("new/things/a.json", &item("a", "first"));
    sandbox.json(0, &[&PUBLISH[..], &["--strict"]].concat());
    let screen = sandbox.kfm(&["catalog", "check"]).exits(0).stdout;
    assert!(screen.starts_with("The catalog is whole: 4 documents"), "{screen}");
}
