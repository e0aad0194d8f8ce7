//! `kfm completions`: what a shell needs to complete our command lines.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::error::Result;
use crate::output::{Answer, Screen};

/// Arguments of `kfm completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Result<Answer> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "kfm", &mut script);
        let script = String::from_utf8_lossy(&script).into_owned();
        let keys = serde_json::json!({ "shell": self.shell.to_string(), "script": script });
        Answer::new(&keys, Screen::raw(script))
    }
}
