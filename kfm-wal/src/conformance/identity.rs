//! One id, one record, one position: repeats, conflicts, expectations.

use kfm_lineage::Lsn;

use super::{Fixture, all, append, record, time};
use crate::error::WalError;
use crate::store::{Appended, NewRecord};

laws! {
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
}
