//! `kfm man`: the manual, rendered from the command's own definition.

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};

use crate::cli::Cli;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::{Answer, Screen, Tone, words};

/// Arguments of `kfm man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The words of a command, such as rollback plan [default: kfm itself]
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    words: Vec<String>,
    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let mut root = Cli::command();
        root.build();
        match self.out {
            Some(dir) => write_all(cx, &root, &dir),
            None => one(&root, &self.words),
        }
    }
}

fn one(root: &clap::Command, words: &[String]) -> Result<Answer> {
    let mut command = root;
    for word in words {
        command = command
            .find_subcommand(word)
            .ok_or_else(|| Failure::usage(format!("no such command: words={}", words.join(" "))))?;
    }
    let page = page(command)?;
    Answer::new(&serde_json::json!({ "page": page }), Screen::raw(page))
}

fn write_all(cx: &Context<'_>, root: &clap::Command, dir: &Path) -> Result<Answer> {
    let mut pages = Vec::new();
    collect(root, &mut pages)?;
    if !cx.is_rehearsal() {
        std::fs::create_dir_all(dir).map_err(|error| Failure::file(dir, &error))?;
        for (name, page) in &pages {
            let path = dir.join(name);
            std::fs::write(&path, page).map_err(|error| Failure::file(&path, &error))?;
        }
    }
    let names: Vec<_> = pages.iter().map(|(name, _)| name).collect();
    let what = words::count(names.len() as u64, "page");
    let screen = Screen::new(Tone::Good, format!("{what} of the manual in {}", dir.display()));
    Answer::new(&serde_json::json!({ "dir": dir, "pages": names }), screen)
}

/// Collects the pages of a command and of all below it, each with its file name.
fn collect(command: &clap::Command, pages: &mut Vec<(String, String)>) -> Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    pages.push((format!("{name}.1"), page(command)?));
    command.get_subcommands().try_for_each(|below| collect(below, pages))
}

fn page(command: &clap::Command) -> Result<String> {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command.clone());
    man.render(&mut page).map_err(|error| Failure::internal("the page cannot be rendered", &error))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
