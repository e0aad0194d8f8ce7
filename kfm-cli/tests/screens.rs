//! What people read: the command reference, and the screens of one story.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use support::{Sandbox, first_version, item, item_with_licence};

/// Replaces what differs from run to run: times, digests, durations, the folder.
fn filters(sandbox: &Sandbox) -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    let folder = sandbox.path().canonicalize().unwrap();
    for folder in [folder.as_path(), sandbox.path()] {
        settings.add_filter(&folder.display().to_string().replace('.', "\\."), "<folder>");
    }
    settings.add_filter(r"\d{4}_\d\d_\d\dT\d\d_\d\d_\d\dZ", "<time>");
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>");
    settings.add_filter(r"\b[0-9a-f]{64}\b", "<digest>");
    settings.add_filter(r"sha256:[0-9a-f]{12}\b", "sha256:<short>");
    settings.add_filter(r"(took +).*", "${1}<duration>");
    settings.add_filter(r"_test(_\d+)+\b", "_test");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind_to_scope()
}

/// Runs the command and shows all that a person sees.
fn screen(sandbox: &Sandbox, code: i32, words: &[&str]) -> String {
    let run = sandbox.kfm(words).exits(code);
    match (run.stdout.as_str(), run.stderr.as_str()) {
        (out, "") => out.to_owned(),
        ("", err) => format!("(on standard error)\n{err}"),
        (out, err) => format!("{out}(on standard error)\n{err}"),
    }
}

#[test]
fn the_command_reference() {
    let sandbox = Sandbox::empty();
    let _filters = filters(&sandbox);
    let mut reference = sandbox.kfm(&["--help"]).stdout;
    for command in commands(&reference) {
        let help = sandbox.kfm(&[&command, "--help"]).exits(0).stdout;
        reference += &format!("\n## kfm {command}\n\n{}", own_part(&help));
        for below in commands(&help) {
            let help = sandbox.kfm(&[&command, &below, "--help"]).exits(0).stdout;
            reference += &format!("\n## kfm {command} {below}\n\n{}", own_part(&help));
        }
    }
    insta::assert_snapshot!("reference", reference);
}

/// Returns the names of the commands that a help text lists.
fn commands(help: &str) -> Vec<String> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    // A description that goes on in the next line is indented deeper.
    list.take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// Leaves out the options of every command, which the first page has.
fn own_part(help: &str) -> &str {
    help.split("\nOptions of every command:").next().unwrap()
}

/// Two publishes with ids of their own: those of one second would differ in length from run to run.
fn two_publishes_with_ids() -> (Sandbox, &'static str, &'static str) {
    let (first, second) = ("pub_2026_01_01T00_00_00Z_test", "pub_2026_01_02T00_00_00Z_test");
    let sandbox = Sandbox::platform();
    for (path, content) in first_version() {
        sandbox.write(&format!("one/{path}"), &content);
    }
    sandbox.write("two/things/a.json", &item("a", "second"));
    for (from, id) in [("one", first), ("two", second)] {
        sandbox.kfm(&["publish", "--from", from, "--pipeline", "test", "--publish-id", id]).exits(0);
    }
    (sandbox, first, second)
}

#[test]
fn the_screens_of_a_rollback() {
    let (sandbox, first, second) = two_publishes_with_ids();
    let _filters = filters(&sandbox);
    insta::assert_snapshot!("publish_list", screen(&sandbox, 0, &["publish", "list"]));
    insta::assert_snapshot!("plan", screen(&sandbox, 0, &["rollback", "plan", "--publish-id", second]));
    insta::assert_snapshot!("dry_run", screen(&sandbox, 0, &["rollback", "dry-run", "--publish-id", second]));
    let execute = ["rollback", "execute", "--publish-id", second, "--reason", "wrong title", "--yes"];
    insta::assert_snapshot!("execute", screen(&sandbox, 0, &execute));
    insta::assert_snapshot!("execute_again", screen(&sandbox, 0, &execute));
    insta::assert_snapshot!("verify", screen(&sandbox, 0, &["verify", "--rollback-id", "latest"]));
    insta::assert_snapshot!("status", screen(&sandbox, 0, &["status"]));
    insta::assert_snapshot!("rollback_show", screen(&sandbox, 0, &["rollback", "show", "latest"]));
    insta::assert_snapshot!("ambiguous", screen(&sandbox, 2, &["publish", "show", &first[..10]]));
}

#[test]
fn the_screens_of_what_is_refused() {
    let sandbox = Sandbox::empty();
    let _filters = filters(&sandbox);
    insta::assert_snapshot!("init", screen(&sandbox, 0, &["init"]));
    for (path, content) in first_version() {
        sandbox.write(&format!("one/{path}"), &content);
    }
    let publish = ["publish", "--from", "one", "--pipeline", "test"];
    insta::assert_snapshot!("denied", screen(&sandbox, 3, &publish));
    sandbox.label();
    sandbox.kfm(&publish).exits(0);
    sandbox.publish("two", &[("things/a.json", item_with_licence("a", "second", "proprietary"))]);
    let execute = ["rollback", "execute", "--publish-id", "latest", "--reason", "r"];
    insta::assert_snapshot!("needs_yes", screen(&sandbox, 2, &execute));
    insta::assert_snapshot!("needs_approval", screen(&sandbox, 5, &[&execute[..], &["--yes"]].concat()));
    sandbox.write("catalog/things/a.json", &item("a", "by hand"));
    insta::assert_snapshot!("foreign", screen(&sandbox, 0, &["reconcile"]));
    insta::assert_snapshot!(
        "not_ready",
        screen(&sandbox, 6, &["rollback", "dry-run", "--publish-id", "latest"])
    );
}
