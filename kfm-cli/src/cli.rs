//! The command line: what can be said, and what was said.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, ValueEnum};

use crate::command::Command;

/// Publish, roll back and repair what a governed geospatial platform serves
///
/// A platform is the folder that holds kfm.toml: --root, else KFM_ROOT, else the nearest parent of the working
/// directory. Every change is logged before it happens, judged by policy, and can be undone.
#[derive(Debug, Parser)]
#[command(name = "kfm", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "\
Exit codes: 0 done or nothing to do; 1 failed, or a check has findings; 2 usage; 3 denied by policy;
4 the log is incomplete; 5 approval required; 6 conflict, stale or locked; 7 unfinished: resume or abort.

Words on the screens:
  cell     one reference that can move: a document, a node, an alias, a cache namespace
  owner    the last operation that wrote a cell and still stands
  foreign  a value that the log does not know: another hand or tool wrote it
  owed     what still waits for people or records: approvals, reviews, ledger entries
  tier     the kind of change, 0 to 4; with the risk it decides how many must approve

Start with: kfm demo")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The platform's folder [default: KFM_ROOT, else the nearest parent with a kfm.toml]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Answer with exactly one JSON object on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The actor, recorded as requested_by [default: KFM_ACTOR, else the system's user name]
    #[arg(long, global = true, value_name = "NAME", value_parser = not_empty)]
    pub(crate) actor: Option<String>,
    /// Wait so long for another operation to end, instead of refusing at once
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 0, hide_default_value = true)]
    pub(crate) wait: u64,
    /// How to show progress on standard error: auto, plain (a line for each phase) or none
    #[arg(long, global = true, value_name = "HOW", value_enum, default_value_t = ProgressKind::Auto)]
    #[arg(hide_possible_values = true)]
    pub(crate) progress: ProgressKind,
    /// Never change anything: rehearse instead, and exit with the code it would have had
    #[arg(long, global = true)]
    pub(crate) ci: bool,
}

/// How progress is shown: as a moving line on a terminal and not at all elsewhere, as lines, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressKind {
    Auto,
    Plain,
    None,
}

/// A command line that asks for help, or that the parser does not understand.
#[derive(Debug)]
pub(crate) struct Usage {
    /// What the parser says about it.
    pub(crate) error: clap::Error,
    /// The words of the command that it names, as far as they were understood.
    pub(crate) name: String,
    /// Whether `--json` is among its words.
    pub(crate) json: bool,
}

/// Parses the command line. The text of the answer is the command's words, joined by dots.
pub(crate) fn parse(arguments: &[OsString]) -> Result<(Cli, String), Box<Usage>> {
    let usage = |error: clap::Error| {
        let texts = || arguments.iter().skip(1).map(|text| text.to_string_lossy());
        let json = texts().take_while(|text| text != "--").any(|text| text == "--json");
        Box::new(Usage { error, name: name_from_words(texts()), json })
    };
    let matches = Cli::command().try_get_matches_from(arguments).map_err(usage)?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| usage(error.format(&mut Cli::command())))?;
    let mut name = Vec::new();
    let mut at = &matches;
    while let Some((word, below)) = at.subcommand() {
        name.push(word);
        at = below;
    }
    Ok((cli, name.join(".")))
}

/// Follows the words of a command line that did not parse, as far as they name commands.
fn name_from_words<'a>(words: impl Iterator<Item = std::borrow::Cow<'a, str>>) -> String {
    let mut at = Cli::command();
    let mut name = Vec::new();
    for word in words {
        if let Some(below) = at.find_subcommand(word.as_ref()) {
            name.push(word.into_owned());
            at = below.clone();
        }
    }
    if name.is_empty() { "usage".to_owned() } else { name.join(".") }
}

/// Accepts a text that is not empty and is one line: it is recorded for ever and shown on screens.
pub(crate) fn not_empty(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("it must not be empty".to_owned()),
        text if text.chars().any(char::is_control) => {
            Err("it must be one line without control characters".to_owned())
        }
        text => Ok(text.to_owned()),
    }
}

/// Accepts a text that may begin with a dash, but not one that is an option of ours: then the value was forgotten.
pub(crate) fn free_text(text: &str) -> Result<String, String> {
    not_an_option(text).and_then(not_empty)
}

/// Refuses a text that is the name of an option, in an argument whose texts may begin with a dash.
pub(crate) fn not_an_option(text: &str) -> Result<&str, String> {
    fn has(command: &clap::Command, name: &str) -> bool {
        command.get_arguments().any(|argument| argument.get_long() == Some(name))
            || command.get_subcommands().any(|below| has(below, name))
    }
    match text.strip_prefix("--") {
        Some(name) if has(&Cli::command(), name) => {
            Err("it is the name of an option; the value is missing".into())
        }
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_may_begin_with_a_dash_and_is_no_option() {
        for text in ["-", "-- as the source says", "--frob", "-9", "fine"] {
            assert_eq!(free_text(text), Ok(text.to_owned()));
        }
        for text in ["--yes", "--reason", "--json", " ", "--publish-id"] {
            assert!(free_text(text).is_err(), "{text}");
        }
    }

    fn name_of(line: &str) -> String {
        let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        match parse(&arguments) {
            Ok((_, name)) => name,
            Err(usage) => format!("usage:{}:{}", usage.name, usage.json),
        }
    }

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_command_is_named_by_its_words() {
        assert_eq!(name_of("kfm status"), "status");
        assert_eq!(name_of("kfm --json rollback plan --publish-id latest"), "rollback.plan");
        assert_eq!(name_of("kfm publish --from a --pipeline b"), "publish");
        assert_eq!(name_of("kfm publish list"), "publish.list");
    }

    #[test]
    fn a_command_line_that_does_not_parse_is_named_as_far_as_it_goes() {
        assert_eq!(name_of("kfm rollback plan --json"), "usage:rollback.plan:true");
        assert_eq!(name_of("kfm frobnicate"), "usage:usage:false");
        assert_eq!(name_of("kfm status -- --json"), "usage:status:false");
    }
}
