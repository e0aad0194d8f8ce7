//! A log in PostgreSQL that an earlier version wrote, read for ever: a dump, restored into a real server.
//!
//! The dump is the output of `pg_dump --inserts` for the log that `kept_log` writes, without settings and
//! comments.
#![cfg(all(feature = "s3", feature = "azure", feature = "postgres"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]
#![allow(clippy::disallowed_methods, reason = "a test that needs servers is told where they are")]

#[path = "common/kept_log.rs"]
mod kept_log;
#[path = "common/server.rs"]
mod server;
#[path = "common/typed.rs"]
mod typed;

use server::*;

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_dump_of_a_log_of_format_1_reads_as_it_was_written() {
    runtime().block_on(async {
        let (url, pairs) = new_database("postgresql").await;
        let dump = std::fs::read_to_string(kept_log::golden("postgres-v1.sql")).unwrap();
        execute(&url, &pairs, &dump).await;
        kept_log::assert_reads(slots(&(format!("{url}?log=golden"), pairs))).await;
    });
}
