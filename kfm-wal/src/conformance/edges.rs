//! Laws at the edges: what a refusal leaves, ids and times at their limits, repeats across epochs and restarts.

use super::{Fixture, all, append, record, time};
use crate::error::WalError;
use crate::store::{Appended, NewRecord, StoredRecord, WalStore};
use kfm_lineage::{Lsn, Timestamp};

async fn refuse_in_every_way(log: &dyn WalStore) {
    let bytes = usize::try_from(log.capabilities().record_bytes_max).unwrap() + 1;
    let large = NewRecord { payload: vec![0; bytes], ..record(9) };
    let other = NewRecord { payload: b"other".to_vec(), ..record(1) };
    assert_err!(log.append(&[large], None).await, WalError::TooLarge { .. });
    assert_err!(log.append(&[other], None).await, WalError::Conflict { .. });
    assert_err!(log.append(&[record(9)], Some(Lsn::ZERO)).await, WalError::Moved { .. });
    assert_err!(log.append(&[record(9), record(9)], None).await, WalError::Conflict { .. });
    assert_err!(log.append(&[], None).await, WalError::Empty);
}

laws! {
    /// Every refusal: nothing was appended, and the head did not move.
    fn a_refusal_moves_nothing(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1).await;
        let (head, records) = (log.head().await.unwrap(), all(log.as_ref()).await);
        refuse_in_every_way(log.as_ref()).await;
        assert_eq!((log.head().await.unwrap(), all(log.as_ref()).await), (head, records));
    }

    /// Law *At most once*: the id of a refused record is still free.
    fn a_refused_record_can_be_appended_later(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1).await;
        refuse_in_every_way(log.as_ref()).await;
        assert_eq!(append(log.as_ref(), 9).await, Appended { first: Lsn(2), last: Lsn(2), already: false });
    }

    /// Law *Atomic*: the new ids of a refused batch are still free.
    fn a_refused_batch_leaves_its_new_ids_free(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1).await;
        assert_err!(log.append(&[record(2), record(1), record(3)], None).await, WalError::Conflict { .. });
        let appended = log.append(&[record(3), record(2)], None).await.unwrap();
        assert_eq!(appended, Appended { first: Lsn(2), last: Lsn(3), already: false });
    }

    /// Law *No overwrite*: a batch that repeats the log's end and goes on after it is not a repeat.
    fn a_batch_that_goes_on_after_a_repeat_is_a_conflict(fixture) {
        let log = fixture.open().await;
        log.append(&[record(1), record(2)], None).await.unwrap();
        assert_err!(log.append(&[record(1), record(2), record(3)], None).await, WalError::Conflict { .. });
        assert_eq!(log.head().await.unwrap().lsn, Lsn(2));
    }

    /// Law *At most once*: a conflict in the last record of a batch is a conflict of the batch.
    fn a_repeat_with_one_other_payload_is_a_conflict(fixture) {
        let log = fixture.open().await;
        log.append(&[record(1), record(2)], None).await.unwrap();
        let other = NewRecord { payload: b"other".to_vec(), ..record(2) };
        assert_err!(log.append(&[record(1), other], None).await, WalError::Conflict { lsn: Lsn(2), .. });
    }

    /// Law *At most once*: a claim of an epoch does not change it.
    fn a_repeat_after_a_fence_keeps_its_position(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1).await;
        log.fence().await.unwrap();
        assert_eq!(append(log.as_ref(), 1).await, Appended { first: Lsn(1), last: Lsn(1), already: true });
    }

    /// Law *Expected position*: a position beyond the head is wrong too.
    fn a_position_beyond_the_head_is_not_expected(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1).await;
        for beyond in [Lsn(2), Lsn(u64::MAX - 1), Lsn(u64::MAX)] {
            assert_err!(log.append(&[record(2)], Some(beyond)).await, WalError::Moved { head: Lsn(1) });
        }
        append(log.as_ref(), 2).await;
    }

    /// Law *Expected position*: a batch is compared as a whole.
    fn a_batch_is_expected_behind_the_last_record_of_another(fixture) {
        let log = fixture.open().await;
        log.append(&[record(1), record(2), record(3)], Some(Lsn::ZERO)).await.unwrap();
        assert_err!(log.append(&[record(4)], Some(Lsn(1))).await, WalError::Moved { head: Lsn(3) });
        assert_eq!(log.append(&[record(4), record(5)], Some(Lsn(3))).await.unwrap().last, Lsn(5));
    }

    /// Law *At most once*: no id has a special meaning.
    fn ids_of_zeros_and_of_ones_are_ids(fixture) {
        let log = fixture.open().await;
        for (n, byte) in [0, 0xff].into_iter().enumerate() {
            let new = NewRecord { op_id: [byte; 16], ..record(n as u64) };
            let lsn = Lsn(n as u64 + 1);
            let first = log.append(std::slice::from_ref(&new), None).await.unwrap();
            assert_eq!(first, Appended { first: lsn, last: lsn, already: false });
            assert!(log.append(&[new], None).await.unwrap().already);
        }
    }

    /// Law *At most once*: ids that share a half are different ids.
    fn ids_that_differ_in_one_byte_are_two(fixture) {
        let log = fixture.open().await;
        for at in 0..16 {
            let mut op_id = [7; 16];
            op_id[at] = 8;
            let appended = log.append(&[NewRecord { op_id, ..record(1) }], None).await.unwrap();
            assert_eq!((appended.first, appended.already), (Lsn(at as u64 + 1), false));
        }
    }

    /// Law *Faithful*: also for the first and the last moment that a time can be.
    fn the_earliest_and_the_latest_time_come_back(fixture) {
        let log = fixture.open().await;
        for (n, at) in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX].into_iter().enumerate() {
            log.append(&[NewRecord { at, ..record(n as u64) }], None).await.unwrap();
        }
        let times: Vec<_> = all(log.as_ref()).await.iter().map(|stored| stored.record.at).collect();
        assert_eq!(times, [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX]);
    }

    /// Law *Time never goes back* (R20): however far a clock jumps back, and however long it stays there.
    fn a_clock_that_jumps_back_for_long_never_shows(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1000).await;
        for n in 1..=5 {
            append(log.as_ref(), n).await;
        }
        let stored = all(log.as_ref()).await;
        assert!(stored.iter().all(|stored| stored.record.at == time(1000)), "{stored:?}");
        let skews: Vec<u32> = stored.iter().map(|stored| stored.skew_ms).collect();
        assert_eq!(skews, [0, 999_000, 998_000, 997_000, 996_000, 995_000]);
        append(log.as_ref(), 1001).await;
        assert_eq!(all(log.as_ref()).await[6].skew_ms, 0);
    }

    /// `scan`: the content of a page depends on where it begins, not on how the pages before were cut.
    fn scans_of_any_length_agree(fixture) {
        let log = fixture.open().await;
        log.append(&[record(1), record(2), record(3)], None).await.unwrap();
        append(log.as_ref(), 4).await;
        log.append(&[record(5), record(6)], None).await.unwrap();
        let whole = all(log.as_ref()).await;
        for from in 0..6 {
            for limit in 1..=6 {
                let page: Vec<StoredRecord> = log.scan(Lsn(from as u64 + 1), limit).await.unwrap();
                assert_eq!(page, whole[from..6.min(from + limit)], "from={from} limit={limit}");
            }
        }
    }

    /// Law *Chained*: a record does not change when the log is opened again.
    fn a_reopened_log_gives_the_same_leaves_and_epochs(fixture) {
        let log = fixture.open().await;
        append(log.as_ref(), 1).await;
        log.fence().await.unwrap();
        log.append(&[record(2), record(3)], None).await.unwrap();
        let before = all(log.as_ref()).await;
        drop(log);
        let log = fixture.open().await;
        append(log.as_ref(), 4).await;
        assert_eq!(all(log.as_ref()).await[..3], before);
    }
}
