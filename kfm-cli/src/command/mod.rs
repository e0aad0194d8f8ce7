//! The subcommands: one file each, and the list of them here.

mod adopt;
mod approvals;
mod approve;
mod catalog;
mod completions;
mod demo;
mod doctor;
mod hotfix;
mod init;
mod labels;
mod ledger;
mod man;
mod plan;
mod principals;
mod project;
mod publish;
mod reconcile;
mod rollback;
mod schemas;
mod slo;
mod status;
mod telemetry;
mod verify;
mod wal;

use clap::Subcommand;

use crate::cli::Cli;
use crate::config::Environment;
use crate::context::{Context, OpenLine};
use crate::error::{Failure, Result};
use crate::ids::Resolved;
use crate::output::{Answer, Output};
use crate::own::Own;

/// The subcommands, in the order of the help.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a bad publish and its rollback, end to end, in a new folder
    Demo(demo::Demo),
    /// Make a platform: kfm.toml and the embedded stores
    Init(init::Init),
    /// Record what already stands in the stores; moves no document
    Adopt(adopt::Adopt),
    /// List values that changed behind the log's back, or record them
    Reconcile(reconcile::Reconcile),
    /// Make graph, search and cache what the documents say
    Project(project::Project),
    /// Publish the documents of a folder that differ from the catalog
    Publish(publish::Publish),
    /// Plan, rehearse, execute and undo the rollback of a publish
    #[command(subcommand)]
    Rollback(rollback::Rollback),
    /// Show, list and cancel stored plans
    #[command(subcommand)]
    Plan(plan::Plan),
    /// Correct one thing across a known scope, reversibly
    #[command(subcommand)]
    Hotfix(hotfix::Hotfix),
    /// Show every open operation, what it waits for, what to do, and what is owed
    Status(status::Status),
    /// List the principals that can approve, or add one
    #[command(subcommand)]
    Principals(principals::Principals),
    /// Approve a plan with a signature
    Approve(approve::Approve),
    /// Show the approvals of a plan, and what is missing
    Approvals(approvals::Approvals),
    /// List or assign CARE labels
    #[command(subcommand)]
    Labels(labels::Labels),
    /// Check the catalog: links, orphans, ids
    #[command(subcommand)]
    Catalog(catalog::Catalog),
    /// Read every store and say what it can do, and what is misconfigured
    Doctor(doctor::Doctor),
    /// Verify or read the write-ahead log
    #[command(subcommand)]
    Wal(wal::Wal),
    /// Verify, list or render the governance ledger
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    /// Validate or aggregate the operation records
    #[command(subcommand)]
    Telemetry(telemetry::Telemetry),
    /// Show how the objectives stand, from the operation records; exits 1 if one is missed
    Slo(slo::Slo),
    /// Check that manifest, log, ledger and stores agree about a rollback or a hotfix
    Verify(verify::Verify),
    /// Print the completions of a shell
    Completions(completions::Completions),
    /// Print the manual page, or write all of them
    Man(man::Man),
    /// List the JSON Schemas of records and answers, or write them
    Schemas(schemas::Schemas),
}

/// Runs a command.
pub(crate) async fn run(cli: Cli, environment: Environment, own: Own, out: &Output) -> Result<Answer> {
    let cx = Context::new(cli.global, environment, own, out);
    let result = match cli.command {
        Command::Demo(command) => command.run(&cx).await,
        Command::Init(command) => command.run(&cx).await,
        Command::Adopt(command) => command.run(&cx).await,
        Command::Reconcile(command) => command.run(&cx).await,
        Command::Project(command) => command.run(&cx).await,
        Command::Publish(command) => command.run(&cx).await,
        Command::Rollback(command) => command.run(&cx).await,
        Command::Plan(command) => command.run(&cx).await,
        Command::Hotfix(command) => command.run(&cx).await,
        Command::Status(command) => command.run(&cx).await,
        Command::Principals(command) => command.run(&cx).await,
        Command::Approve(command) => command.run(&cx).await,
        Command::Approvals(command) => command.run(&cx).await,
        Command::Labels(command) => command.run(&cx).await,
        Command::Catalog(command) => command.run(&cx).await,
        Command::Doctor(command) => command.run(&cx).await,
        Command::Wal(command) => command.run(&cx).await,
        Command::Ledger(command) => command.run(&cx).await,
        Command::Telemetry(command) => command.run(&cx).await,
        Command::Slo(command) => command.run(&cx).await,
        Command::Verify(command) => command.run(&cx).await,
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(&cx),
        Command::Schemas(command) => command.run(&cx),
    };
    let open = cx.open_line(result.is_ok()).await;
    cx.leave().await;
    if let Some(open) = open.filter(|open| !says_so(&result, open)) {
        out.remark(open.line);
    }
    match result {
        Ok(Answer { mut keys, mut screen, complaint }) => {
            if let Some(resolved) = cx.resolved() {
                screen.insert_below_headline(resolved.to_string());
                name_resolved(&mut keys, &resolved);
            }
            Ok(Answer { keys, screen, complaint: complaint.map(|failure| runnable(&cx, failure)) })
        }
        Err(failure) => {
            let mut failure = runnable(&cx, *failure);
            if let Some(resolved) = cx.resolved() {
                failure.details.insert_below_headline(resolved.to_string());
                name_resolved(&mut failure.keys, &resolved);
            }
            Err(Box::new(failure))
        }
    }
}

/// Says whether an answer is about the open operation itself, and so names the command that ends it.
fn says_so(result: &Result<Answer>, open: &OpenLine) -> bool {
    let named = |command: &str| command.contains(&open.id) && command.contains(" resume ");
    match result {
        Ok(answer) => answer.screen.commands().any(named),
        Err(failure) => failure.next.iter().any(|command| named(command)),
    }
}

/// Says in the JSON object what `latest` was resolved to.
fn name_resolved(keys: &mut serde_json::Map<String, serde_json::Value>, resolved: &Resolved) {
    if let Ok(resolved) = serde_json::to_value(resolved) {
        keys.insert("resolved".to_owned(), resolved);
    }
}

/// Makes the commands of a failure run as they stand.
fn runnable(cx: &Context<'_>, mut failure: Failure) -> Failure {
    failure.next = cx.runnable(&failure.next);
    failure
}
