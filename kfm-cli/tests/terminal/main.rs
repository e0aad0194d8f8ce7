//! Questions, asked of a person: the real command on a pseudo-terminal. A yes does what the screen said; a no, Ctrl-C
//! and the end of the input leave nothing behind.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::{Sandbox, base, item, item_with_licence, two_publishes};

const YES: &str = "y\n";
/// What the terminal turns into an interrupt.
const CTRL_C: &str = "\u{3}";
/// What the terminal turns into the end of the input.
const END: &str = "\u{4}";

/// Every way not to agree, with the exit code: a no is as good as an empty line or another word; a request to stop
/// before anything has begun is a cancelled command (states.md section 3).
const REFUSALS: [(&str, i32); 6] = [("n\n", 2), ("\n", 2), ("no\n", 2), ("yess\n", 2), (END, 2), (CTRL_C, 1)];

/// Runs the command on a terminal, and types one answer after the question.
fn ask(sandbox: &Sandbox, words: &[&str], answer: &str) -> (String, i32) {
    on_a_terminal(sandbox, words, json!([["[y/N] ", answer]]))
}

/// Runs the command on a terminal; `dialogue` is what is awaited there, each with what is typed then.
fn on_a_terminal(sandbox: &Sandbox, words: &[&str], dialogue: Value) -> (String, i32) {
    let mut all = vec![env!("CARGO_BIN_EXE_kfm")];
    all.extend(words);
    let asked = json!({
        "words": all,
        "folder": sandbox.path(),
        "environment": {"KFM_ACTOR": "tester", "NO_COLOR": "1", "PATH": "/usr/bin:/bin", "TERM": "xterm"},
        "dialogue": dialogue,
    });
    let mut python = Command::new("python3")
        .args(["-c", include_str!("pty.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is there");
    python.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let screen = told["screen"].as_str().unwrap().to_owned();
    assert_eq!(told["unsaid"], json!([]), "{words:?} did not ask:\n{screen}");
    (screen, i32::try_from(told["code"].as_i64().unwrap()).unwrap())
}

/// Asks a question that no answer but yes may pass: nothing is left behind, and the screen says what to do.
fn refuses(sandbox: &Sandbox, words: &[&str], shown: &[&str]) {
    let before = sandbox.state();
    for (answer, code) in REFUSALS {
        let (screen, exit) = ask(sandbox, words, answer);
        assert_eq!(exit, code, "{answer:?}:\n{screen}");
        for text in shown {
            assert!(screen.contains(text), "{answer:?}, {text}:\n{screen}");
        }
        let said = if code == 1 { "stopped on request" } else { "not confirmed: nothing was changed" };
        assert!(screen.contains(said), "{answer:?}:\n{screen}");
        assert!(sandbox.state() == before, "{answer:?} left something behind:\n{screen}");
    }
    let status = sandbox.json(0, &["status"]);
    assert_eq!(status["open"], json!([]), "{status:#}");
}

#[test]
fn an_execution_shows_the_plan_and_asks() {
    let (sandbox, _, second) = two_publishes();
    let words = ["rollback", "execute", &second, "--reason", "it is wrong"];
    let shown = [
        &format!("Rollback of {second}: will move"),
        "replace 1 cell in catalog (stac)",
        "things/a.json",
        "Move ",
        " now? [y/N]",
    ];
    refuses(&sandbox, &words, &shown);
    assert_eq!(sandbox.json(0, &["plan", "list"])["plans"], json!([]));
    let (screen, code) = ask(&sandbox, &words, YES);
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("Done and verified"), "{screen}");
    assert!(sandbox.read("catalog/things/a.json").unwrap().contains("first"));

    let rollback = sandbox.json(0, &["rollback", "list"])["rollbacks"][0]["id"].as_str().unwrap().to_owned();
    let words = ["rollback", "revert", &rollback, "--reason", "it was right"];
    refuses(&sandbox, &words, &[&format!("Revert of {rollback}: will move"), " now? [y/N]"]);
    let (screen, code) = ask(&sandbox, &words, "YES\n");
    assert_eq!(code, 0, "{screen}");
    assert!(sandbox.read("catalog/things/a.json").unwrap().contains("second"));
}

#[test]
fn an_approval_shows_the_plan_and_asks_before_it_signs() {
    let (sandbox, ..) = two_publishes();
    let tighter = item_with_licence("a", "third", "CC-BY-NC-4.0");
    let publish = sandbox.publish("three", &[("things/a.json", tighter)]);
    sandbox.json(0, &["principals", "add", "ada", "--role", "reviewer", "--key-out", "ada.key"]);
    let planned = sandbox.json(0, &["rollback", "plan", &publish, "--reason", "the licence is wrong"]);
    let plan = planned["plan_id"].as_str().unwrap();
    let words = ["approve", plan, "--as", "ada", "--role", "reviewer", "--key", "ada.key"];
    let shown = [
        "Approval of a plan. Rollback of",
        plan,
        "things/a.json",
        "the licence is wrong",
        "risk",
        "Sign as ada (reviewer):",
    ];
    refuses(&sandbox, &words, &shown);
    assert_eq!(sandbox.json(0, &["approvals", plan])["approvals"], json!([]));
    let (screen, code) = ask(&sandbox, &words, YES);
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("Signed."), "{screen}");
    assert_eq!(sandbox.json(0, &["approvals", plan])["needed"], json!([]));
}

#[test]
fn a_label_that_covers_much_says_how_much_and_asks() {
    let (sandbox, ..) = two_publishes();
    let words = [
        "labels",
        "assign",
        "--under",
        "",
        "--care",
        "restricted",
        "--authority",
        "Council",
        "--reason",
        "a slip",
        "--review-by",
        "2099-01-01",
    ];
    let shown = [
        "Label everything as restricted",
        "4 of 4 documents",
        "documents that readers see and should not",
        "it cannot be lowered afterwards",
        "Label 4 documents as restricted, for good? [y/N]",
    ];
    refuses(&sandbox, &words, &shown);
    let (screen, code) = ask(&sandbox, &words, YES);
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("The label is in force"), "{screen}");
    assert_eq!(sandbox.json(1, &["catalog", "check"])["stands_against"], 3);
}

#[test]
fn a_mirror_that_retires_much_says_how_much_and_asks() {
    let (sandbox, ..) = two_publishes();
    for (path, content) in base(&[]) {
        sandbox.write(&format!("less/{path}"), &content);
    }
    let words = ["publish", "--from", "less", "--pipeline", "test", "--mirror"];
    refuses(&sandbox, &words, &["Mirror of less: will publish", "2 retired", "publish it? [y/N]"]);
    let (screen, code) = ask(&sandbox, &words, "yes\n");
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("2 retired"), "{screen}");
    assert_eq!(sandbox.read("catalog/things/b.json"), None);
}

#[test]
fn long_work_shows_how_much_is_done_how_fast_and_how_long_the_rest_takes() {
    let sandbox = Sandbox::platform();
    for n in 0..1_200 {
        sandbox.write(&format!("from/i{n}.json"), &item(&format!("i{n}"), "a"));
    }
    let words = ["publish", "--from", "from", "--pipeline", "ingest"];
    let (screen, exit) = on_a_terminal(&sandbox, &words, json!([]));
    assert_eq!(exit, 0, "{screen}");
    let drawn: Vec<&str> = screen.split('\r').filter(|line| line.contains("compare")).collect();
    let counts = |line: &&str| line.contains("/1,200 ") && line.contains("/s, ") && line.contains(" left");
    assert!(drawn.iter().any(counts), "{drawn:?}");
    // The answer stands alone: what moved before it was wiped.
    let answer = screen.rsplit('\r').next().unwrap();
    assert!(answer.contains("Published") && !answer.contains(" left"), "{answer:?}");
}
