//! Wrong input: a clear error that names what is wrong and what to do next, the right exit code, a whole error
//! object, and nothing changed. One file for each place that the wrong thing comes from.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod contents;
mod disks;
mod documents;
mod folders;
mod ids;
mod log;
mod plan_file;
mod policy_files;
mod settings;
mod stores;
mod texts;

use serde_json::Value;

/// Returns what the error says in all: its message, its causes and its hint.
fn said(answer: &Value) -> String {
    let error = &answer["error"];
    let causes = error["causes"].as_array().unwrap().iter().map(|cause| cause.as_str().unwrap());
    let parts = [error["message"].as_str().unwrap()].into_iter().chain(causes);
    parts.chain([error["hint"].as_str().unwrap()]).collect::<Vec<_>>().join("\n")
}

/// Asserts that an answer says each of these words.
#[track_caller]
fn says(answer: &Value, words: &[&str]) {
    let said = said(answer);
    for word in words {
        assert!(said.contains(word), "{word:?} is not in:\n{said}");
    }
}
