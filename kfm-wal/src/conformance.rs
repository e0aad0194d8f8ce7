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

use crate::error::{Outlook, WalError};
use crate::store::{Appended, Depth, NewRecord, StoredRecord, WalStore};

/// One log, new for each law, and handles on it.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Opens a handle on the log. Several at a time only where
    /// [`many_writers`](crate::Capabilities::many_writers) says so; else the one before was dropped.
    async fn open(&self) -> Arc<dyn WalStore>;
}

/// The future of a law, for a runner.
pub type Law<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Runs every law on a store, each as a test of its own on a new [`Fixture`].
#[macro_export]
macro_rules! wal_store_laws {
    ($fixture:expr) => { $crate::wal_store_laws!($fixture, $crate::conformance::run); };
    ($fixture:expr, $runner:expr) => {
        $crate::wal_store_laws!(@each $fixture, $runner;
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
            the_chain_depends_on_content
            the_chain_depends_on_order
            leaves_depend_on_content_and_are_stable
            a_fence_claims_a_higher_epoch_each_time
            a_fence_takes_no_position
            a_record_says_in_which_epoch_it_was_appended
            a_writer_of_an_earlier_epoch_is_fenced
            the_largest_record_is_taken
            a_record_above_the_limit_is_refused_by_name
            a_batch_above_the_limit_is_refused
            an_append_of_nothing_is_refused
            an_empty_payload_is_a_record
            record_types_mean_nothing_to_the_store
            a_dropped_append_is_whole_or_absent
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
        );
    };
    (@each $fixture:expr, $runner:expr; $($law:ident)*) => {
        $(
            #[test]
            fn $law() {
                let fixture = $fixture;
                let runner = $runner;
                let law: $crate::conformance::Law<'_> = Box::pin($crate::conformance::$law(&fixture));
                runner(law);
            }
        )*
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

/// Runs futures side by side on this thread until all have ended.
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

/// Makes a record named `n`.
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

macro_rules! laws {
    ($($(#[$doc:meta])* fn $name:ident($fixture:ident) $body:block)*) => {
        $(
            $(#[$doc])*
            pub async fn $name($fixture: &dyn Fixture) $body
        )*
    };
}

mod edges;
pub use edges::*;

laws! {
    /// Law *Gapless*.
    fn an_empty_log_has_no_records(fixture) {
        let log = fixture.open().await;
        assert_eq!(log.head().await.unwrap().lsn, Lsn::ZERO);
        assert_eq!(all(log.as_ref()).await, []);
    }

    /// Law *Gapless*.
    fn positions_count_from_one_without_gaps(fixture) {
        let log = fixture.open().await;
        for n in 1..=5 {
            let appended = append(log.as_ref(), n).await;
            assert_eq!(appended, Appended { first: Lsn(n), last: Lsn(n), already: false });
        }
        let lsns: Vec<u64> = all(log.as_ref()).await.iter().map(|stored| stored.lsn.0).collect();
        assert_eq!(lsns, [1, 2, 3, 4, 5]);
    }

    /// Law *Faithful*.
    fn what_was_appended_comes_back_byte_for_byte(fixture) {
        let log = fixture.open().await;
        let new = NewRecord { payload: (0..=255).collect(), rtype: 0x1234, schema: 0x5678, ..record(1) };
        log.append(std::slice::from_ref(&new), None).await.unwrap();
        assert_eq!(all(log.as_ref()).await[0].record, new);
    }

    /// Law *Faithful*.
    fn times_come_back_to_the_nanosecond(fixture) {
        let log = fixture.open().await;
        let at = Timestamp::new(1_763_090_142, 123_456_789).unwrap();
        log.append(&[NewRecord { at, ..record(1) }], None).await.unwrap();
        assert_eq!(all(log.as_ref()).await[0].record.at, at);
    }

    /// `scan`: from a position, up to a limit.
    fn a_scan_starts_where_it_is_told_and_keeps_its_limit(fixture) {
        let log = fixture.open().await;
        log.append(&[record(1), record(2), record(3)], None).await.unwrap();
        append(log.as_ref(), 4).await;
        let lsns = |records: Vec<StoredRecord>| records.iter().map(|stored| stored.lsn.0).collect::<Vec<_>>();
        assert_eq!(lsns(log.scan(Lsn(2), 2).await.unwrap()), [2, 3]);
        assert_eq!(lsns(log.scan(Lsn(3), 9).await.unwrap()), [3, 4]);
        assert_eq!(lsns(log.scan(Lsn::ZERO, 1).await.unwrap()), [1]);
        assert_eq!(lsns(log.scan(Lsn(5), 9).await.unwrap()), [] as [u64; 0]);
        assert_eq!(lsns(log.scan(Lsn(u64::MAX), 9).await.unwrap()), [] as [u64; 0]);
        assert_eq!(lsns(log.scan(Lsn(1), 0).await.unwrap()), [] as [u64; 0]);
    }

    /// `scan`: a reader that goes on finds everything once.
    fn a_scan_goes_on_where_the_last_one_ended(fixture) {
        let log = fixture.open().await;
        for n in (1..=20).step_by(2) {
            log.append(&[record(n), record(n + 1)], None).await.unwrap();
        }
        let (mut next, mut seen) = (Lsn(1), Vec::new());
        loop {
            let records = log.scan(next, 3).await.unwrap();
            let Some(last) = records.last() else { break };
            next = last.lsn.next();
            seen.extend(records.into_iter().map(|stored| stored.record));
        }
        assert_eq!(seen, (1..=20).map(record).collect::<Vec<_>>());
    }

    /// Law *Atomic*.
    fn a_batch_lies_together_and_in_order(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1).await;
        let appended = log.append(&[record(2), record(3)], None).await.unwrap();
        assert_eq!(appended, Appended { first: Lsn(2), last: Lsn(3), already: false });
        let records: Vec<NewRecord> = all(log.as_ref()).await.into_iter().map(|stored| stored.record).collect();
        assert_eq!(records, [record(1), record(2), record(3)]);
    }

    /// Law *Atomic*.
    fn a_batch_is_appended_whole_or_not_at_all(fixture) {
        let log = fixture.open().await;
        let bytes = usize::try_from(log.capabilities().record_bytes_max).unwrap() + 1;
        let large = NewRecord { payload: vec![0; bytes], ..record(2) };
        assert_err!(log.append(&[record(1), large], None).await, WalError::TooLarge { .. });
        assert_eq!(all(log.as_ref()).await, []);
    }

    /// Law *At most once*.
    fn a_repeated_record_keeps_its_position(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1).await;
        append(log.as_ref(), 2).await;
        assert_eq!(append(log.as_ref(), 1).await, Appended { first: Lsn(1), last: Lsn(1), already: true });
        assert_eq!(log.head().await.unwrap().lsn, Lsn(2));
    }

    /// Law *At most once*: the time is no part of the content.
    fn a_repeated_record_may_bring_another_time(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1).await;
        let later = NewRecord { at: time(1000), ..record(1) };
        assert!(log.append(&[later], None).await.unwrap().already);
        assert_eq!(all(log.as_ref()).await[0].record.at, time(1));
    }

    /// Law *At most once*.
    fn a_repeated_batch_keeps_its_positions(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 9).await;
        let batch = [record(1), record(2)];
        log.append(&batch, None).await.unwrap();
        let again = log.append(&batch, None).await.unwrap();
        assert_eq!(again, Appended { first: Lsn(2), last: Lsn(3), already: true });
        let part = log.append(&batch[1..], None).await.unwrap();
        assert_eq!(part, Appended { first: Lsn(3), last: Lsn(3), already: true });
        assert_eq!(log.head().await.unwrap().lsn, Lsn(3));
    }

    /// Law *Expected position*: a repeat comes first, since its first try moved the head.
    fn a_repeat_is_recognised_before_the_expected_position(fixture) {
        let log = fixture.open().await;
        log.append(&[record(1)], Some(Lsn::ZERO)).await.unwrap();
        assert!(log.append(&[record(1)], Some(Lsn::ZERO)).await.unwrap().already);
    }

    /// Law *No overwrite*.
    fn another_payload_under_an_id_is_a_conflict(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1).await;
        let other = NewRecord { payload: b"other".to_vec(), ..record(1) };
        assert_err!(log.append(&[other], None).await, WalError::Conflict { lsn: Lsn(1), .. });
        let records: Vec<NewRecord> = all(log.as_ref()).await.into_iter().map(|stored| stored.record).collect();
        assert_eq!(records, [record(1)]);
    }

    /// Law *No overwrite*.
    fn another_type_under_an_id_is_a_conflict(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1).await;
        let other = NewRecord { rtype: 2, ..record(1) };
        assert_err!(log.append(&[other], None).await, WalError::Conflict { .. });
    }

    /// Law *No overwrite*.
    fn another_schema_under_an_id_is_a_conflict(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1).await;
        let other = NewRecord { schema: 2, ..record(1) };
        assert_err!(log.append(&[other], None).await, WalError::Conflict { .. });
    }

    /// Law *No overwrite*.
    fn a_batch_of_which_a_part_is_there_is_a_conflict(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1).await;
        assert_err!(log.append(&[record(1), record(2)], None).await, WalError::Conflict { .. });
        assert_err!(log.append(&[record(2), record(1)], None).await, WalError::Conflict { .. });
        assert_eq!(log.head().await.unwrap().lsn, Lsn(1));
    }

    /// Law *No overwrite*.
    fn a_batch_in_another_order_is_a_conflict(fixture) {
        let log = fixture.open().await;
        log.append(&[record(1), record(2)], None).await.unwrap();
        assert_err!(log.append(&[record(2), record(1)], None).await, WalError::Conflict { .. });
    }

    /// Law *No overwrite*.
    fn a_batch_across_a_gap_is_a_conflict(fixture) {
        let log = fixture.open().await;
        log.append(&[record(1), record(2), record(3)], None).await.unwrap();
        assert_err!(log.append(&[record(1), record(3)], None).await, WalError::Conflict { .. });
    }

    /// Law *No overwrite*.
    fn an_id_twice_in_a_batch_is_a_conflict(fixture) {
        let log = fixture.open().await;
        assert_err!(log.append(&[record(1), record(1)], None).await, WalError::Conflict { .. });
        assert_eq!(log.head().await.unwrap().lsn, Lsn::ZERO);
    }

    /// Law *Expected position*.
    fn an_append_at_the_expected_position_succeeds(fixture) {
        let log = fixture.open().await;
        let first = append(log.as_ref(), 1).await.last;
        log.append(&[record(2)], Some(first)).await.unwrap();
    }

    /// Law *Expected position*.
    fn an_append_at_another_position_is_refused(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1).await;
        append(log.as_ref(), 2).await;
        assert_err!(log.append(&[record(3)], Some(Lsn(1))).await, WalError::Moved { head: Lsn(2) });
        assert_err!(log.append(&[record(3)], Some(Lsn(3))).await, WalError::Moved { head: Lsn(2) });
        assert_eq!(log.head().await.unwrap().lsn, Lsn(2));
    }

    /// Law *Expected position*.
    fn the_first_record_can_expect_an_empty_log(fixture) {
        let log = fixture.open().await;
        log.append(&[record(1)], Some(Lsn::ZERO)).await.unwrap();
        assert_err!(log.append(&[record(2)], Some(Lsn::ZERO)).await, WalError::Moved { .. });
    }

    /// Law *Time never goes back* (R20).
    fn a_clock_that_goes_back_is_clamped(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 100).await;
        append(log.as_ref(), 40).await;
        append(log.as_ref(), 101).await;
        let records = all(log.as_ref()).await;
        let seen: Vec<_> = records.iter().map(|stored| (stored.record.at, stored.skew_ms)).collect();
        assert_eq!(seen, [(time(100), 0), (time(100), 60_000), (time(101), 0)]);
    }

    /// Law *Time never goes back* (R20).
    fn a_clock_that_goes_back_within_a_batch_is_clamped(fixture) {
        let log = fixture.open().await;
        log.append(&[record(5), record(3)], None).await.unwrap();
        let records = all(log.as_ref()).await;
        assert_eq!((records[1].record.at, records[1].skew_ms), (time(5), 2_000));
    }

    /// Law *Chained*.
    fn the_head_moves_with_every_append(fixture) {
        let log = fixture.open().await;
        let mut chains = std::collections::BTreeSet::from([log.head().await.unwrap().chain]);
        for n in 1..=3 {
            append(log.as_ref(), n).await;
            let head = log.head().await.unwrap();
            assert_eq!(head.lsn, Lsn(n));
            assert!(chains.insert(head.chain));
        }
        append(log.as_ref(), 3).await;
        assert!(!chains.insert(log.head().await.unwrap().chain), "a repeat moves nothing");
    }

    /// Law *Chained*: leaves differ, so chains over them do.
    fn the_chain_depends_on_content(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1).await;
        let other = NewRecord { op_id: [9; 16], ..record(1) };
        log.append(&[other], None).await.unwrap();
        let records = all(log.as_ref()).await;
        assert_ne!(records[0].leaf, records[1].leaf);
    }

    /// Law *Chained*: the same record at another place gives another head.
    fn the_chain_depends_on_order(fixture) {
        let log = fixture.open().await;
        let start = log.head().await.unwrap().chain;
        append(log.as_ref(), 1).await;
        let one = log.head().await.unwrap().chain;
        append(log.as_ref(), 2).await;
        let two = log.head().await.unwrap().chain;
        assert!(start != one && one != two && start != two);
    }

    /// A leaf is the record's own, whoever asks and whenever.
    fn leaves_depend_on_content_and_are_stable(fixture) {
        let log = fixture.open().await;
        log.append(&[record(1), record(2)], None).await.unwrap();
        let leaves = |records: Vec<StoredRecord>| records.iter().map(|stored| stored.leaf).collect::<Vec<_>>();
        let once = leaves(all(log.as_ref()).await);
        assert_eq!(once, leaves(all(log.as_ref()).await));
        assert_ne!(once[0], once[1]);
    }

    /// Law *Fenced*.
    fn a_fence_claims_a_higher_epoch_each_time(fixture) {
        let log = fixture.open().await;
        let before = log.head().await.unwrap().epoch;
        let first = log.fence().await.unwrap();
        let second = log.fence().await.unwrap();
        assert!(before < first && first < second);
        assert_eq!(log.head().await.unwrap().epoch, second);
    }

    /// Law *Gapless*: an epoch is no record.
    fn a_fence_takes_no_position(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1).await;
        log.fence().await.unwrap();
        assert_eq!(append(log.as_ref(), 2).await.first, Lsn(2));
        assert_eq!(all(log.as_ref()).await.len(), 2);
    }

    /// Law *Fenced*.
    fn a_record_says_in_which_epoch_it_was_appended(fixture) {
        let log = fixture.open().await;
        let first = log.fence().await.unwrap();
        append(log.as_ref(), 1).await;
        let second = log.fence().await.unwrap();
        append(log.as_ref(), 2).await;
        let epochs: Vec<u64> = all(log.as_ref()).await.iter().map(|stored| stored.epoch).collect();
        assert_eq!(epochs, [first, second]);
    }

    /// Law *Fenced*; of a store with one writer at a time, that a second one is refused is its own test.
    fn a_writer_of_an_earlier_epoch_is_fenced(fixture) {
        let paused = fixture.open().await;
        append(paused.as_ref(), 1).await;
        if !paused.capabilities().many_writers {
            return;
        }
        let active = fixture.open().await;
        let epoch = active.fence().await.unwrap();
        match paused.append(&[record(2)], None).await {
            Err(WalError::Fenced { epoch: by }) => assert_eq!(by, epoch),
            other => panic!("expected Fenced, got {other:?}"),
        }
        append(active.as_ref(), 3).await;
        let records: Vec<NewRecord> = all(active.as_ref()).await.into_iter().map(|stored| stored.record).collect();
        assert_eq!(records, [record(1), record(3)]);
    }

    /// Law *Limits*.
    fn the_largest_record_is_taken(fixture) {
        let log = fixture.open().await;
        let bytes = usize::try_from(log.capabilities().record_bytes_max).unwrap();
        let large = NewRecord { payload: vec![0xa5; bytes], ..record(1) };
        log.append(std::slice::from_ref(&large), None).await.unwrap();
        append(log.as_ref(), 2).await;
        let records: Vec<NewRecord> = all(log.as_ref()).await.into_iter().map(|stored| stored.record).collect();
        assert_eq!(records, [large, record(2)]);
    }

    /// Law *Limits*.
    fn a_record_above_the_limit_is_refused_by_name(fixture) {
        let log = fixture.open().await;
        let bytes_max = log.capabilities().record_bytes_max;
        let payload = vec![0; usize::try_from(bytes_max).unwrap() + 1];
        let refused = log.append(&[NewRecord { payload, ..record(1) }], None).await;
        match refused {
            Err(WalError::TooLarge { id, bytes, bytes_max: limit }) => {
                assert_eq!(id, format!("{:032x}", u128::from_be_bytes(record(1).op_id)));
                assert_eq!((bytes, limit), (bytes_max + 1, bytes_max));
            }
            other => panic!("expected TooLarge, got {other:?}"),
        }
        assert_eq!(append(log.as_ref(), 1).await.first, Lsn(1));
    }

    /// Law *Limits*.
    fn a_batch_above_the_limit_is_refused(fixture) {
        let log = fixture.open().await;
        let limits = log.capabilities();
        let bytes = usize::try_from(limits.record_bytes_max).unwrap();
        let count = limits.batch_bytes_max / limits.record_bytes_max + 1;
        let batch: Vec<NewRecord> =
            (1..=count).map(|n| NewRecord { payload: vec![0; bytes], ..record(n) }).collect();
        assert_err!(log.append(&batch, None).await, WalError::TooLarge { .. });
        assert_eq!(log.head().await.unwrap().lsn, Lsn::ZERO);
    }

    /// `append`: there must be something to append.
    fn an_append_of_nothing_is_refused(fixture) {
        let log = fixture.open().await;
        assert_err!(log.append(&[], None).await, WalError::Empty);
    }

    /// Law *Faithful*.
    fn an_empty_payload_is_a_record(fixture) {
        let log = fixture.open().await;
        let empty = NewRecord { payload: Vec::new(), ..record(1) };
        log.append(std::slice::from_ref(&empty), None).await.unwrap();
        assert_eq!(all(log.as_ref()).await[0].record, empty);
    }

    /// Law *Faithful*: types and versions belong to whoever writes the log.
    fn record_types_mean_nothing_to_the_store(fixture) {
        let log = fixture.open().await;
        for (n, rtype) in [0, 1, crate::store::OPTIONAL, u16::MAX].into_iter().enumerate() {
            let new = NewRecord { rtype, schema: u16::MAX, ..record(n as u64) };
            log.append(std::slice::from_ref(&new), None).await.unwrap();
            assert_eq!(all(log.as_ref()).await[n].record, new);
        }
    }

    /// Cancel safety.
    fn a_dropped_append_is_whole_or_absent(fixture) {
        let log = fixture.open().await;
        for n in (1..=21).step_by(2) {
            let batch = [record(n), record(n + 1)];
            let mut polls = n % 4;
            let mut dropped = log.append(&batch, None);
            std::future::poll_fn(|context| {
                if polls == 0 {
                    return Poll::Ready(());
                }
                polls -= 1;
                match dropped.as_mut().poll(context) {
                    Poll::Ready(_) => Poll::Ready(()),
                    Poll::Pending => {
                        context.waker().wake_by_ref();
                        Poll::Pending
                    }
                }
            })
            .await;
            drop(dropped);
            log.append(&batch, None).await.expect("repeating a dropped append");
        }
        let records: Vec<NewRecord> = all(log.as_ref()).await.into_iter().map(|stored| stored.record).collect();
        assert_eq!(records, (1..=22).map(record).collect::<Vec<_>>());
    }

    /// Laws *Gapless* and *Faithful*, with 64 appenders.
    fn concurrent_appends_lose_nothing(fixture) {
        let log = fixture.open().await;
        let appends = (1..=64).map(|n| {
            let log = Arc::clone(&log);
            Box::pin(async move {
                let first = append(log.as_ref(), n).await.first;
                let second = append(log.as_ref(), n + 64).await.first;
                assert!(first < second);
                [(first, n), (second, n + 64)]
            }) as Pin<Box<dyn Future<Output = _> + Send>>
        });
        let placed: std::collections::BTreeMap<Lsn, u64> =
            join_all(appends.collect()).await.into_iter().flatten().collect();
        assert_eq!(placed.len(), 128);
        for stored in all(log.as_ref()).await {
            assert_eq!(stored.record.op_id, record(placed[&stored.lsn]).op_id);
        }
        assert_eq!(log.head().await.unwrap().lsn, Lsn(128));
    }

    /// Law *At most once*, with 16 appenders of the same record.
    fn concurrent_repeats_are_appended_once(fixture) {
        let log = fixture.open().await;
        let appends = (0..16).map(|_| {
            let log = Arc::clone(&log);
            Box::pin(async move { append(log.as_ref(), 1).await })
                as Pin<Box<dyn Future<Output = Appended> + Send>>
        });
        let answers = join_all(appends.collect()).await;
        assert_eq!(answers.iter().filter(|appended| !appended.already).count(), 1);
        assert!(answers.iter().all(|appended| appended.first == Lsn(1)));
        assert_eq!(log.head().await.unwrap().lsn, Lsn(1));
    }

    /// Law *Expected position*, with 16 appenders.
    fn concurrent_appends_at_one_position_have_one_winner(fixture) {
        let log = fixture.open().await;
        let appends = (1..=16).map(|n| {
            let log = Arc::clone(&log);
            Box::pin(async move { log.append(&[record(n)], Some(Lsn::ZERO)).await })
                as Pin<Box<dyn Future<Output = Result<Appended, WalError>> + Send>>
        });
        let answers = join_all(appends.collect()).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        assert_eq!(log.head().await.unwrap().lsn, Lsn(1));
        for answer in answers.into_iter().filter(Result::is_err) {
            assert_err!(answer, WalError::Moved { .. });
        }
    }

    /// `verify`.
    fn verify_finds_nothing_wrong(fixture) {
        let log = fixture.open().await;
        for depth in [Depth::Crc, Depth::Chain] {
            let report = log.verify(depth).await.unwrap();
            assert!(report.ok && report.first_bad.is_none() && report.torn_bytes == 0, "{report:?}");
        }
    }

    /// `verify`.
    fn verify_counts_what_was_appended(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1).await;
        log.append(&[record(2), record(3)], None).await.unwrap();
        for depth in [Depth::Crc, Depth::Chain] {
            let report = log.verify(depth).await.unwrap();
            assert!(report.ok, "{report:?}");
            assert_eq!((report.records, report.head), (3, log.head().await.unwrap()));
        }
    }

    /// Law *Durable*, as far as closing and opening shows it.
    fn a_log_reopens_with_everything(fixture) {
        let log = fixture.open().await;
        log.append(&[record(1), record(2)], None).await.unwrap();
        let (records, head) = (all(log.as_ref()).await, log.head().await.unwrap());
        drop(log);
        let log = fixture.open().await;
        assert_eq!(all(log.as_ref()).await, records);
        assert_eq!(log.head().await.unwrap().lsn, head.lsn);
    }

    /// Law *At most once*: the cure for a lost answer outlives the process.
    fn a_reopened_log_recognises_repeats(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1).await;
        drop(log);
        let log = fixture.open().await;
        assert_eq!(append(log.as_ref(), 1).await, Appended { first: Lsn(1), last: Lsn(1), already: true });
    }

    /// Law *Gapless*.
    fn a_reopened_log_goes_on_where_it_ended(fixture) {
        for n in 1..=5 {
            let log = fixture.open().await;
            assert_eq!(append(log.as_ref(), n).await.first, Lsn(n));
        }
    }

    /// Law *Time never goes back*.
    fn a_reopened_log_keeps_its_clock(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 100).await;
        drop(log);
        let log = fixture.open().await;
        append(log.as_ref(), 99).await;
        assert_eq!(all(log.as_ref()).await[1].skew_ms, 1000);
    }

    /// Errors say what trying again would bring.
    fn refusals_say_that_repeating_does_not_help(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1).await;
        let conflict = NewRecord { payload: Vec::new(), ..record(1) };
        let error = log.append(&[conflict], None).await.unwrap_err();
        assert_eq!(error.outlook(), Outlook::Permanent);
        let moved = log.append(&[record(2)], Some(Lsn::ZERO)).await.unwrap_err();
        assert_eq!(moved.outlook(), Outlook::Transient);
    }

    /// Law *Faithful*, over several segments or objects.
    fn many_records_of_many_sizes_come_back(fixture) {
        let log = fixture.open().await;
        let bytes_max = usize::try_from(log.capabilities().record_bytes_max).unwrap().min(5000);
        let new = |n: u64| NewRecord { payload: vec![n as u8; (n as usize * 37) % bytes_max], ..record(n) };
        for n in (1..=120).step_by(3) {
            log.append(&[new(n), new(n + 1), new(n + 2)], None).await.unwrap();
        }
        let records: Vec<NewRecord> = all(log.as_ref()).await.into_iter().map(|stored| stored.record).collect();
        assert_eq!(records, (1..=120).map(new).collect::<Vec<_>>());
        assert!(log.verify(Depth::Chain).await.unwrap().ok);
    }
}
