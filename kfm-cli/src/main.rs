//! `kfm`: publish, roll back and repair what a governed geospatial platform serves.
//!
//! A thin layer: everything it does can be done with the libraries. It holds what a library must not do: read the
//! environment ([`config`]), ask ([`prompt`]), listen to Ctrl-C ([`interrupt`]), print ([`output`]) and turn errors
//! into exit codes ([`error`]). Each file of [`command`] is one subcommand.

mod cli;
mod command;
mod config;
mod context;
mod error;
mod ids;
mod interrupt;
mod key_file;
mod output;
mod progress;
mod prompt;
mod shell;

use std::process::ExitCode;

/// Threads for calls of files, which are read eight at a time; each further thread costs memory of the allocator.
const BLOCKING_THREADS_MAX: usize = 8;

/// How long a call whose answer is no longer needed may delay the end of the process: the look-up of a name can
/// take a minute.
const LEAVE_MAX: std::time::Duration = std::time::Duration::from_secs(1);

fn main() -> ExitCode {
    let environment = config::Environment::read();
    let arguments: Vec<_> = std::env::args_os().collect();
    match cli::parse(&arguments) {
        Ok((cli, name)) => {
            let out = output::Output::new(cli.global.json, &name, &environment);
            let run = async { command::run(cli, environment, &out).await };
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            runtime.worker_threads(2).max_blocking_threads(BLOCKING_THREADS_MAX).enable_all();
            match runtime.build() {
                Ok(runtime) => {
                    let code = out.finish(runtime.block_on(run));
                    runtime.shutdown_timeout(LEAVE_MAX);
                    code
                }
                Err(error) => out.finish(Err(error::Failure::internal("cannot start", &error).into())),
            }
        }
        Err(usage) => output::Output::new(usage.json, &usage.name, &environment).finish_usage(&usage),
    }
}
