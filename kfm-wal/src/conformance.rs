//! The laws of [`WalStore`] as tests, for every adapter and every wrapper.
//!
//! A store takes part with a [`Fixture`] and one line:
//!
//! ```
//! # use std::sync::Arc;
//! # use kfm_wal::{MemoryLog, WalStore, conformance};
//! struct Mine(MemoryLog);
//!
//! #[async_trait::async_trait]
//! impl conformance::Fixture for Mine {
//!     async fn open(&self) -> Arc<dyn WalStore> {
//!         Arc::new(self.0.handle())
//!     }
//! }
//!
//! mod laws {
//! #   use super::*;
//!     kfm_wal::wal_store_laws!(Mine(MemoryLog::new()));
//! }
//! mod laws_on_a_runtime_of_ones_own {
//! #   use super::*;
//!     kfm_wal::wal_store_laws!(Mine(MemoryLog::new()), |law| conformance::run(law));
//! }
//! # fn main() {}
//! ```

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use async_trait::async_trait;
use kfm_lineage::{Lsn, Timestamp};

use crate::error::WalError;
use crate::store::{Appended, NewRecord, StoredRecord, WalStore};

/// One log, new for each law, and handles on it.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Opens a handle on the log. The suite opens several at a time only where
    /// [`many_writers`](crate::Capabilities::many_writers) says so; otherwise it drops one before it opens
    /// the next.
    async fn open(&self) -> Arc<dyn WalStore>;

    /// Opens a handle while another one is open for writing, whatever the capabilities say.
    ///
    /// Where there may be many writers this is [`Fixture::open`]; a store of one writer at a time returns its
    /// refusal.
    async fn open_beside(&self) -> Result<Arc<dyn WalStore>, WalError> {
        Ok(self.open().await)
    }
}

/// The future of a law, for a runner.
pub type Law<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Runs every law on a store, each as a test of its own on a new [`Fixture`].
///
/// A runner may follow, for stores that need a runtime, and attributes of the tests, for those that need a server:
/// `wal_store_laws!(fixture, runner, #[ignore = "needs a server"])`.
///
/// Some laws say what the chain depends on, and need two logs that differ in nothing else.
/// `wal_store_laws!(seeded: fixture)` says that each value of the expression is such a log: its clock and its
/// randomness are given, so the ids of logs and writers come in the same order. These laws are tests only
/// there.
#[macro_export]
macro_rules! wal_store_laws {
    (seeded: $fixture:expr) => { $crate::wal_store_laws!(seeded: $fixture, $crate::conformance::run); };
    (seeded: $fixture:expr, $runner:expr) => {
        $crate::wal_store_laws!($fixture, $runner);
        $crate::wal_store_laws!(@each_of_two $fixture, $runner;
            equal_histories_have_equal_chains
            the_chain_depends_on_content
            the_chain_depends_on_order
            leaves_depend_on_every_field
        );
    };
    ($fixture:expr) => { $crate::wal_store_laws!($fixture, $crate::conformance::run); };
    ($fixture:expr, $runner:expr) => { $crate::wal_store_laws!($fixture, $runner,); };
    ($fixture:expr, $runner:expr, $(#[$attribute:meta])*) => {
        $crate::wal_store_laws!(@each $fixture, $runner, [$(#[$attribute])*];
            an_empty_log_has_no_records
            positions_count_from_one_without_gaps
            what_was_appended_comes_back_byte_for_byte
            times_come_back_to_the_nanosecond
            a_scan_starts_where_it_is_told_and_keeps_its_limit
            a_scan_goes_on_where_the_last_one_ended
            a_batch_lies_together_and_in_order
            a_batch_is_appended_whole_or_not_at_all
            a_repeated_record_keeps_its_position
            a_repeated_record_may_bring_another_time
            a_repeated_batch_keeps_its_positions
            a_repeat_is_recognised_before_the_expected_position
            another_payload_under_an_id_is_a_conflict
            another_type_under_an_id_is_a_conflict
            another_schema_under_an_id_is_a_conflict
            a_batch_of_which_a_part_is_there_is_a_conflict
            a_batch_in_another_order_is_a_conflict
            a_batch_across_a_gap_is_a_conflict
            an_id_twice_in_a_batch_is_a_conflict
            an_append_at_the_expected_position_succeeds
            an_append_at_another_position_is_refused
            the_first_record_can_expect_an_empty_log
            a_clock_that_goes_back_is_clamped
            a_clock_that_goes_back_within_a_batch_is_clamped
            the_head_moves_with_every_append
            leaves_are_stable
            a_fence_claims_a_higher_epoch_each_time
            a_fence_takes_no_position
            a_record_says_in_which_epoch_it_was_appended
            a_writer_of_an_earlier_epoch_is_fenced
            the_largest_record_is_taken
            a_record_above_the_limit_is_refused_by_name
            a_batch_above_the_limit_is_refused
            the_largest_batch_is_taken_and_one_byte_more_is_refused
            a_batch_of_very_many_empty_records_is_refused_or_reads_back
            an_append_of_nothing_is_refused
            an_empty_payload_is_a_record
            record_types_mean_nothing_to_the_store
            a_dropped_append_is_whole_or_absent
            what_was_shown_beside_an_append_stays
            concurrent_appends_lose_nothing
            concurrent_repeats_are_appended_once
            concurrent_appends_at_one_position_have_one_winner
            verify_finds_nothing_wrong
            verify_counts_what_was_appended
            a_log_reopens_with_everything
            a_reopened_log_recognises_repeats
            a_reopened_log_goes_on_where_it_ended
            a_reopened_log_keeps_its_clock
            refusals_say_that_repeating_does_not_help
            many_records_of_many_sizes_come_back
            a_refusal_moves_nothing
            a_refused_record_can_be_appended_later
            a_refused_batch_leaves_its_new_ids_free
            a_batch_that_goes_on_after_a_repeat_is_a_conflict
            a_repeat_with_one_other_payload_is_a_conflict
            a_repeat_after_a_fence_keeps_its_position
            a_position_beyond_the_head_is_not_expected
            a_batch_is_expected_behind_the_last_record_of_another
            ids_of_zeros_and_of_ones_are_ids
            ids_that_differ_in_one_byte_are_two
            the_earliest_and_the_latest_time_come_back
            a_clock_that_jumps_back_for_long_never_shows
            scans_of_any_length_agree
            a_reopened_log_gives_the_same_leaves_and_epochs
            a_store_archives_or_says_that_it_cannot
            what_is_archived_is_part_of_the_log
            a_follower_is_shown_each_record_once
            a_follower_beside_appenders_misses_nothing
            a_follower_goes_on_after_a_reopening
            an_announced_append_wakes_a_follower
            a_dropped_wait_passes_nothing_over
        );
    };
    (@each $fixture:expr, $runner:expr, $attributes:tt; $($law:ident)*) => {
        $($crate::wal_store_laws!(@one $fixture, $runner, $attributes; $law);)*
    };
    (@each_of_two $fixture:expr, $runner:expr; $($law:ident)*) => {
        $(
            #[test]
            fn $law() {
                let (one, other) = ($fixture, $fixture);
                let runner = $runner;
                let law: $crate::conformance::Law<'_> = Box::pin($crate::conformance::$law(&one, &other));
                runner(law);
            }
        )*
    };
    (@one $fixture:expr, $runner:expr, [$(#[$attribute:meta])*]; $law:ident) => {
            #[test]
            $(#[$attribute])*
            fn $law() {
                let fixture = $fixture;
                let runner = $runner;
                let law: $crate::conformance::Law<'_> = Box::pin($crate::conformance::$law(&fixture));
                runner(law);
            }
    };
}

/// Runs a future on this thread, for stores that need no runtime.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Runs futures side by side on this thread until all have ended; returns their results in the order of
/// `futures`.
pub async fn join_all<T>(futures: Vec<Pin<Box<dyn Future<Output = T> + Send + '_>>>) -> Vec<T> {
    let mut slots: Vec<_> = futures.into_iter().map(|future| (Some(future), None)).collect();
    std::future::poll_fn(move |context| {
        let mut pending = false;
        for (future, value) in &mut slots {
            if let Some(running) = future {
                match running.as_mut().poll(context) {
                    Poll::Ready(done) => {
                        *value = Some(done);
                        *future = None;
                    }
                    Poll::Pending => pending = true,
                }
            }
        }
        if pending {
            return Poll::Pending;
        }
        Poll::Ready(slots.iter_mut().filter_map(|(_, value)| value.take()).collect())
    })
    .await
}

/// Makes the `n`th record: its id, content and time follow from `n`.
pub fn record(n: u64) -> NewRecord {
    let mut op_id = [0; 16];
    op_id[..8].copy_from_slice(&n.to_le_bytes());
    NewRecord { op_id, rtype: 1, schema: 1, at: time(n), payload: format!("record {n}").into_bytes() }
}

/// Makes a time `seconds` after a fixed moment.
fn time(seconds: u64) -> Timestamp {
    let start: Timestamp = "2025-11-14T03:15:42Z".parse().expect("a time");
    start + std::time::Duration::from_secs(seconds)
}

async fn append(log: &dyn WalStore, n: u64) -> Appended {
    log.append(&[record(n)], None).await.expect("an append of a new record")
}

async fn all(log: &dyn WalStore) -> Vec<StoredRecord> {
    log.scan(Lsn(1), usize::MAX).await.expect("a scan")
}

macro_rules! assert_err {
    ($result:expr, $pattern:pat) => {
        match $result {
            Err($pattern) => {}
            other => panic!("expected {}, got {other:?}", stringify!($pattern)),
        }
    };
}

/// Polls a future that many times, or until it is ready.
async fn poll_times<F: Future + Unpin>(future: &mut F, mut polls: u64) {
    std::future::poll_fn(|context| {
        if polls == 0 || Pin::new(&mut *future).poll(context).is_ready() {
            return Poll::Ready(());
        }
        polls -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

macro_rules! laws {
    ($($(#[$doc:meta])* fn $name:ident($($fixture:ident),+) $body:block)*) => {
        $(
            $(#[$doc])*
            pub async fn $name($($fixture: &dyn Fixture),+) $body
        )*
    };
}

mod archive;
mod chain;
mod concurrency;
mod edges;
mod epochs;
mod follow;
mod identity;
mod records;
mod reopening;

pub use archive::*;
pub use chain::*;
pub use concurrency::*;
pub use edges::*;
pub use epochs::*;
pub use follow::*;
pub use identity::*;
pub use records::*;
pub use reopening::*;
