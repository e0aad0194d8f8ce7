//! `kfm`: publish, roll back and repair what a governed geospatial platform serves; and a `kfm` of one's own.
//!
//! [`main()`] is the whole command. [`main_with`] is the same command with stores, kinds of stores and checks that only
//! its author has:
//!
//! ```no_run
//! use std::process::ExitCode;
//! use std::sync::Arc;
//!
//! use kfm_lineage::Domain;
//! use kfm_rollback::memory::MemoryOp;
//!
//! fn main() -> ExitCode {
//!     let tiles = Arc::new(MemoryOp::new("tiles", Domain::Cache)); // your adapter stands here
//!     kfm_cli::main_with(|options| options, move |platform| platform.with_store(tiles.clone()))
//! }
//! ```
//!
//! `docs/guides/own-kfm.md` goes from there to a kind that `kfm.toml` names, and a check.
//!
//! The command is a thin layer: everything it does can be done with the libraries. It holds what a library must not do:
//! read the environment ([`config`]), ask ([`prompt`]), listen to Ctrl-C ([`interrupt`]), print ([`output`]), turn
//! errors into exit codes ([`error`]) and name what to type ([`say`]). Each file of [`command`] is one subcommand.
//!
//! The engine answers with remedies as data (`kfm_policy::Remedy`). A program beside a `kfm` shows its operators what
//! to type by [`command_line`] and [`sentence`]; one with verbs of its own matches on the data. Nothing else here is
//! public: a program that needs more of an operation calls `kfm-rollback`.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![allow(
    rustdoc::private_intra_doc_links,
    reason = "the names of the parts are for those who read the source"
)]

mod cli;
mod command;
mod config;
mod context;
mod error;
mod ids;
mod interrupt;
mod key_file;
mod output;
mod own;
mod progress;
mod prompt;
mod say;
mod shell;

use std::process::ExitCode;

pub use say::{command_line, sentence};

use kfm_rollback::{OpenOptions, Platform};

/// Threads for calls of files, which are read eight at a time; each further thread costs memory of the allocator.
const BLOCKING_THREADS_MAX: usize = 8;

/// How long a call whose answer is no longer needed may delay the end of the process: the look-up of a name can
/// take a minute.
const LEAVE_MAX: std::time::Duration = std::time::Duration::from_secs(1);

/// Runs the command that the process was called with, and returns its exit code.
pub fn main() -> ExitCode {
    main_with(|options| options, |platform| platform)
}

/// Runs the same command with kinds, stores and checks of one's own.
///
/// `options` is called each time before a command opens a platform; it registers kinds by
/// [`OpenOptions::with_kind`]. `platform` is called with each platform that was opened; it adds stores and checks by
/// [`Platform::with_store`] and [`Platform::with_check`]. A store of an own kind is there where `kfm.toml` names it. What
/// `platform` adds is there in every platform, also in the practice one of `kfm demo`, unless it asks [`Platform::root`]
/// which one it is. Both must do the same at every call.
///
/// Call it once, as the last thing that `main` does: it starts a runtime of its own, listens to Ctrl-C, reads the process's
/// arguments and environment, and prints.
pub fn main_with(
    options: impl Fn(OpenOptions) -> OpenOptions + Send + Sync + 'static,
    platform: impl Fn(Platform) -> Platform + Send + Sync + 'static,
) -> ExitCode {
    let own = own::Own::new(options, platform);
    let environment = config::Environment::read();
    let arguments: Vec<_> = std::env::args_os().collect();
    match cli::parse(&arguments) {
        Ok((cli, name)) => {
            let out = output::Output::new(cli.global.json, &name, &environment);
            let run = async { command::run(cli, environment, own, &out).await };
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
