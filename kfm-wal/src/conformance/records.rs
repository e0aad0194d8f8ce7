//! What a record is: gapless, faithful, whole batches, within the limits.

use kfm_lineage::{Lsn, Timestamp, hex};

use super::{Fixture, all, append, record, time};
use crate::error::WalError;
use crate::store::{Appended, Depth, NewRecord, RECORD_OVERHEAD_BYTES, StoredRecord};

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

    /// `scan`: a reader that goes on where it stopped finds every record once.
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
                assert_eq!(id, hex::encode(record(1).op_id));
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

    /// Law *Limits*: a batch is measured with what each record takes beside its payload.
    fn the_largest_batch_is_taken_and_one_byte_more_is_refused(fixture) {
        let log = fixture.open().await;
        let limits = log.capabilities();
        let of_record = usize::try_from(limits.record_bytes_max).unwrap();
        let of_batch = usize::try_from(limits.batch_bytes_max).unwrap();
        let mut sizes = vec![of_record; of_batch / of_record];
        match of_batch % of_record {
            // Too little for another record; the first one has room for as much.
            rest if rest < RECORD_OVERHEAD_BYTES => sizes[0] += rest,
            rest => sizes.push(rest),
        }
        let new = |(n, size)| NewRecord { payload: vec![0xa5; size - RECORD_OVERHEAD_BYTES], ..record(n) };
        let mut batch: Vec<NewRecord> = (1..).zip(sizes).map(new).collect();
        batch[0].payload.push(0);
        assert_err!(log.append(&batch, None).await, WalError::TooLarge { .. });
        batch[0].payload.pop();
        assert_eq!(log.append(&batch, None).await.unwrap().last, Lsn(batch.len() as u64));
        drop(log);
        let log = fixture.open().await;
        let records: Vec<NewRecord> = all(log.as_ref()).await.into_iter().map(|stored| stored.record).collect();
        assert!(records == batch, "the largest batch came back as something else");
    }

    /// Laws *Limits* and *Durable*: the room that records take beside their payloads has a bound too, or the
    /// log reads back.
    fn a_batch_of_very_many_empty_records_is_refused_or_reads_back(fixture) {
        let log = fixture.open().await;
        // More than readers of our frames accept, for a store that counts only the payloads.
        let count = log.capabilities().batch_bytes_max / (RECORD_OVERHEAD_BYTES as u64 / 2) + 1000;
        let batch: Vec<NewRecord> =
            (1..=count).map(|n| NewRecord { payload: Vec::new(), at: time(0), ..record(n) }).collect();
        let taken = match log.append(&batch, None).await {
            Ok(appended) => appended.last.0,
            Err(WalError::TooLarge { .. }) => 0,
            other => panic!("expected an answer or TooLarge, got {other:?}"),
        };
        drop(log);
        let log = fixture.open().await;
        assert_eq!(log.head().await.unwrap().lsn, Lsn(taken));
        assert_eq!(log.scan(Lsn(1), usize::MAX).await.unwrap().len() as u64, taken);
        assert_eq!(log.append(&[record(0)], None).await.unwrap().first, Lsn(taken + 1));
    }

    /// `append`: there must be at least one record.
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

    /// Law *Faithful*: types and versions belong to the application.
    fn record_types_mean_nothing_to_the_store(fixture) {
        let log = fixture.open().await;
        for (n, rtype) in [0, 1, crate::store::OPTIONAL, u16::MAX].into_iter().enumerate() {
            let new = NewRecord { rtype, schema: u16::MAX, ..record(n as u64) };
            log.append(std::slice::from_ref(&new), None).await.unwrap();
            assert_eq!(all(log.as_ref()).await[n].record, new);
        }
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
