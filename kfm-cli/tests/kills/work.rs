//! An operation that is at work for as long as a test wants: it waits out the grace before documents disappear.

use std::io::{BufRead, BufReader, Lines, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Stdio};
use std::time::Duration;

use kfm_retry::SystemClock;
use kfm_retry::clock::Pause;
use serde_json::Value;

use crate::stage::command;

/// How often something is looked for that another process is about to do.
const LOOKS_MAX: u32 = 60_000;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Sets how long readers get before documents disappear.
pub fn set_grace(root: &Path, grace_ms: u64) {
    let file = root.join("kfm.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let own = text.split("\n[limits]").next().unwrap();
    std::fs::write(file, format!("{own}\n[limits]\ngrace_ms = {grace_ms}\n")).unwrap();
}

/// Longer than a test waits.
const LONG_MS: u64 = 600_000;

/// Begins a command as `actor`, and returns once it waits out a grace that does not end.
pub fn waiting(root: &Path, words: &[&str], actor: &str) -> Worker {
    set_grace(root, LONG_MS);
    let mut worker = Worker::begin(root, words, actor);
    worker.until_it_says("contract");
    worker
}

/// Interrupts a command where it waits out the grace, and returns its answer; the next one waits for no grace.
pub fn interrupted(root: &Path, words: &[&str]) -> Value {
    let worker = waiting(root, words, "anna");
    worker.interrupt();
    let (code, answer) = worker.ended();
    assert_eq!(code, Some(7), "{answer:#}");
    set_grace(root, 0);
    answer
}

/// A process that is at work.
pub struct Worker {
    child: Child,
    said: Lines<BufReader<ChildStderr>>,
}

impl Worker {
    /// Begins a command as `actor`.
    pub fn begin(root: &Path, words: &[&str], actor: &str) -> Self {
        let mut command = command(root, &[words, &["--json", "--progress", "plain"]].concat());
        command.env("KFM_ACTOR", actor).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, said }
    }

    /// Waits until it says something that begins so.
    pub fn until_it_says(&mut self, text: &str) {
        let said = self.said.by_ref().map(Result::unwrap).find(|line| line.starts_with(text));
        assert!(said.is_some(), "it ended without having said: {text}");
    }

    /// Waits until it takes an interrupt for a request.
    #[cfg(target_os = "linux")]
    pub fn until_it_listens(&self) {
        const INTERRUPT: u64 = 1 << 1;
        until(|| {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
            u64::from_str_radix(caught.trim(), 16).unwrap() & INTERRUPT != 0
        });
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends what Ctrl-C sends.
    pub fn interrupt(&self) {
        let sent = std::process::Command::new("kill").args(["-INT", &self.pid().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it ends; returns its exit code and its answer.
    pub fn ended(mut self) -> (Option<i32>, Value) {
        let mut answer = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut answer).unwrap();
        let code = self.child.wait().unwrap().code();
        (code, serde_json::from_str(&answer).unwrap_or(Value::Null))
    }
}

/// Waits until something is so.
pub fn until(is_so: impl Fn() -> bool) {
    for _ in 0..LOOKS_MAX {
        if is_so() {
            return;
        }
        SystemClock.pause(BETWEEN_LOOKS);
    }
    panic!("waited for in vain")
}
