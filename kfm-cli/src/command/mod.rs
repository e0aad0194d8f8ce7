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
mod principals;
mod project;
mod publish;
mod reconcile;
mod rollback;
mod schemas;
mod status;
mod telemetry;
mod verify;
mod wal;

use clap::Subcommand;

use crate::cli::Cli;
use crate::config::Environment;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::{Answer, Output};

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
    /// Correct one thing across a known scope, reversibly
    #[command(subcommand)]
    Hotfix(hotfix::Hotfix),
    /// Show every open operation, what it waits for, what to do, and what is owed
    Status(status::Status),
    /// List who can approve, or add somebody
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
    /// Check that manifest, log, ledger and stores agree about a rollback
    Verify(verify::Verify),
    /// Print the completions of a shell
    Completions(completions::Completions),
    /// Print the manual page, or write all of them
    Man(man::Man),
    /// List the JSON Schemas of records and answers, or write them
    Schemas(schemas::Schemas),
}

/// Runs a command.
pub(crate) async fn run(cli: Cli, environment: Environment, out: &Output) -> Result<Answer> {
    let cx = Context::new(cli.global, environment, out);
    let result = match cli.command {
        Command::Demo(command) => command.run(&cx).await,
        Command::Init(command) => command.run(&cx).await,
        Command::Adopt(command) => command.run(&cx).await,
        Command::Reconcile(command) => command.run(&cx).await,
        Command::Project(command) => command.run(&cx).await,
        Command::Publish(command) => command.run(&cx).await,
        Command::Rollback(command) => command.run(&cx).await,
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
        Command::Verify(command) => command.run(&cx).await,
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(&cx),
        Command::Schemas(command) => command.run(&cx),
    };
    cx.leave().await;
    match result {
        Ok(Answer { keys, screen, complaint }) => {
            Ok(Answer { keys, screen, complaint: complaint.map(|failure| runnable(&cx, failure)) })
        }
        Err(failure) => Err(Box::new(runnable(&cx, *failure))),
    }
}

/// Makes the commands of a failure run as they stand.
fn runnable(cx: &Context<'_>, mut failure: Failure) -> Failure {
    failure.next = cx.runnable(&failure.next);
    failure
}
