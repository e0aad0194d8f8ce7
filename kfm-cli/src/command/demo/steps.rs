//! The commands that the demonstration runs, each as a person would type it.

use std::path::Path;
use std::process::Command;

use crate::error::{Failure, Result};
use crate::output::Output;
use crate::shell;

/// The file, in the demonstration's folder, that the plan is written to.
pub(crate) const PLAN_FILE: &str = "rollback.kfmplan.json";

/// One command, and the sentence that says what it is for.
#[derive(Debug)]
pub(crate) struct Step {
    why: &'static str,
    words: Vec<String>,
}

/// All commands, in four parts between which the demonstration looks at the stores.
#[derive(Debug)]
pub(crate) struct Steps {
    /// A platform and a label.
    pub(crate) setup: Vec<Step>,
    /// The first version.
    pub(crate) good_publish: Vec<Step>,
    /// The second version, with the defect.
    pub(crate) bad_publish: Vec<Step>,
    /// Plan, dry-run, execute, verify.
    pub(crate) rollback: Vec<Step>,
}

impl Steps {
    /// Makes the commands for a folder.
    pub(crate) fn new(dir: &Path, actor: Option<&str>, review_by: &str) -> Self {
        let root = dir.display().to_string();
        let at = |name: &str| dir.join(name).display().to_string();
        let (first, second, plan) = (at("incoming/first"), at("incoming/second"), at(PLAN_FILE));
        let in_platform = |why, words: &[&str]| {
            let actor = actor.iter().flat_map(|actor| ["--actor", *actor]);
            let all = ["--root", &root].into_iter().chain(actor).chain(words.iter().copied());
            Step { why, words: all.map(str::to_owned).collect() }
        };
        Self {
            setup: vec![
                Step {
                    why: "A platform: a folder with a catalog, a graph, a search index and a cache",
                    words: vec!["init".to_owned(), root.clone()],
                },
                in_platform(
                    "A label: without one, nothing may be shown",
                    &[
                        "labels",
                        "assign",
                        "--under",
                        "",
                        "--care",
                        "public",
                        "--authority",
                        "FAIR+CARE Council",
                        "--reason",
                        "federal open data",
                        "--review-by",
                        review_by,
                    ],
                ),
            ],
            good_publish: vec![
                in_platform(
                    "The first version: 100 Landsat scenes, their collection and a catalog",
                    &["publish", "--from", &first, "--pipeline", "kfm_demo"],
                ),
                in_platform("What every store holds now", &["doctor", "--digests"]),
            ],
            bad_publish: vec![in_platform(
                "The second version: the asset links of 40 scenes lead to another scene's files, and no rule sees it",
                &["publish", "--from", &second, "--pipeline", "kfm_demo"],
            )],
            rollback: vec![
                in_platform(
                    "An operator sees it. What would a rollback do?",
                    &["rollback", "plan", "--publish-id", "latest", "--out", &plan],
                ),
                in_platform(
                    "Would it go through now? Nothing is written",
                    &["rollback", "dry-run", "--plan", &plan],
                ),
                in_platform(
                    "Do it",
                    &[
                        "rollback",
                        "execute",
                        "--plan",
                        &plan,
                        "--reason",
                        "asset links lead to other scenes' files",
                        "--yes",
                    ],
                ),
                in_platform(
                    "Do manifest, log, ledger and stores agree?",
                    &["verify", "--rollback-id", "latest"],
                ),
                in_platform("What every store holds now", &["doctor", "--digests"]),
                in_platform("The governance ledger, as a file for auditors", &["ledger", "render"]),
                in_platform("Is anything left to do?", &["status"]),
            ],
        }
    }

    /// Iterates over all commands in their order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Step> {
        [&self.setup, &self.good_publish, &self.bad_publish, &self.rollback].into_iter().flatten()
    }
}

impl Step {
    /// Returns the command as a line for a shell.
    pub(crate) fn command_line(&self) -> String {
        shell::line(["kfm"].into_iter().chain(self.words.iter().map(String::as_str)))
    }

    /// Prints the command, runs it, and prints its answer; fails if the command fails.
    pub(crate) fn run(&self, kfm: &mut Command, out: &Output) -> Result<()> {
        out.part(&format!("\n# {}\n$ {}\n", self.why, self.command_line()));
        let output = kfm.args(&self.words).output();
        let output = output.map_err(|error| Failure::internal("a step cannot be started", &error))?;
        out.part(&String::from_utf8_lossy(&output.stdout));
        if output.status.success() {
            return Ok(());
        }
        out.note(&String::from_utf8_lossy(&output.stderr));
        let message = format!("a step of the demonstration failed: {}", output.status);
        let mut failure = Failure::findings(message).with_next([self.command_line()]);
        failure.kind = "failed".to_owned();
        Err(failure.into())
    }
}
