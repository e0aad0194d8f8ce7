//! Measures the toolkit's libraries beside their peers. One file for each question, in the folder of the
//! library.
//!
//! ```sh
//! cargo run --release -- retry          # a table
//! cargo run --release -- retry --json   # an object a line
//! chrt -r 1 cargo run --release -- wal  # needs a disk of which fdatasync is honest
//! cargo run --release -- wal shared     # one question of it: appends, replay, or many hosts on one slow store
//! cargo run --release -- engine ../target/release/kfm   # one document of catalogs of 1,000 and 10,000
//! cargo run --release -- honesty        # single faults on what was acknowledged
//! cargo test                            # the peers' defects, each reproduced and shown to be absent here
//! ```

mod alloc;
#[cfg(feature = "wal")]
mod engine;
mod measure;
mod report;
mod retry;
#[cfg(feature = "shared")]
mod shared;
#[cfg(feature = "wal")]
mod wal;

#[global_allocator]
static COUNTING: alloc::Counting = alloc::Counting;

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let subjects: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|argument| *argument != "--json").collect();
    let rows = match *subjects.as_slice() {
        ["retry"] => Some(retry::answers()),
        #[cfg(feature = "shared")]
        ["wal", "shared"] => Some(shared::answers()),
        #[cfg(feature = "wal")]
        ["wal"] => wal::answers(None).map(|rows| [rows, shared::answers()].concat()),
        #[cfg(feature = "wal")]
        ["wal", question] => wal::answers(Some(question)),
        #[cfg(feature = "wal")]
        ["engine", kfm] => engine::answers(std::path::Path::new(kfm), None),
        #[cfg(feature = "wal")]
        ["engine", kfm, sizes] => engine::answers(std::path::Path::new(kfm), Some(sizes)),
        #[cfg(feature = "wal")]
        ["honesty"] => {
            wal::honesty(json);
            return std::process::ExitCode::SUCCESS;
        }
        // The part of the question above that runs in another process, because a log may end it.
        #[cfg(feature = "wal")]
        ["read-back", name, dir] => {
            wal::read_back(name, std::path::Path::new(dir));
            return std::process::ExitCode::SUCCESS;
        }
        _ => None,
    };
    let Some(rows) = rows else {
        eprintln!(
            "usage: kfm-bench retry | wal [appends|replay|shared] | engine KFM [1000,10000] | honesty [--json]"
        );
        return std::process::ExitCode::from(2);
    };
    report::print(&rows, json);
    std::process::ExitCode::SUCCESS
}
