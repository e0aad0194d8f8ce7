//! What the command takes from its environment; no other file reads it.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::Command;

use kfm_rollback::kind::{Credentials, Kinds};

/// What the command takes from its environment.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    /// `KFM_ROOT`.
    pub(crate) root: Option<PathBuf>,
    /// `KFM_ACTOR`.
    pub(crate) actor: Option<String>,
    /// The name of the system's user, as the environment tells it.
    pub(crate) user: Option<String>,
    /// Whether `NO_COLOR` is set to a text that is not empty.
    pub(crate) no_color: bool,
    /// Whether standard input is a terminal.
    pub(crate) stdin_is_terminal: bool,
    /// Whether standard output is a terminal.
    pub(crate) stdout_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub(crate) stderr_is_terminal: bool,
}

impl Environment {
    /// Reads the environment, once, at the start; only credentials are read later, when the kinds are known.
    #[allow(clippy::disallowed_methods, reason = "the command's one place that reads the environment")]
    pub(crate) fn read() -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let dumb = text("TERM").is_some_and(|term| term == "dumb");
        Self {
            root: std::env::var_os("KFM_ROOT").filter(|value| !value.is_empty()).map(PathBuf::from),
            actor: text("KFM_ACTOR"),
            user: text("USER").or_else(|| text("LOGNAME")).or_else(|| text("USERNAME")),
            no_color: dumb || text("NO_COLOR").is_some(),
            stdin_is_terminal: std::io::stdin().is_terminal(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
        }
    }

    /// Reads what authenticates this process to the log's server and to stores of these kinds.
    #[allow(clippy::disallowed_methods, reason = "the command's one place that reads the environment")]
    pub(crate) fn credentials(kinds: &Kinds) -> Credentials {
        let pairs = std::env::vars_os();
        let texts =
            pairs.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Credentials::from_pairs(texts, kinds)
    }

    /// Returns the name of the system's user: from the environment, else from the system itself.
    pub(crate) fn user_name(&self) -> Option<String> {
        self.user.clone().or_else(|| first_line_of(Command::new("id").arg("-un")))
    }

    /// Says whether a question can be asked: a person can read it and answer.
    pub(crate) fn can_ask(&self) -> bool {
        self.stdin_is_terminal && self.stderr_is_terminal
    }
}

/// Returns the name of this machine, for the text in the lock's file.
pub(crate) fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .and_then(|text| named(&text))
        .or_else(|| first_line_of(&mut Command::new("hostname")))
        .unwrap_or_else(|| "localhost".to_owned())
}

fn first_line_of(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    named(&String::from_utf8_lossy(&output.stdout))
}

fn named(text: &str) -> Option<String> {
    text.lines().next().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned)
}
