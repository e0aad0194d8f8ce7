//! Many appenders at once, and futures that are dropped.

use std::pin::Pin;
use std::sync::Arc;

use kfm_lineage::Lsn;

use super::{Fixture, all, append, join_all, poll_times, record};
use crate::error::WalError;
use crate::store::{Appended, NewRecord};

laws! {
    /// Cancel safety.
    fn a_dropped_append_is_whole_or_absent(fixture) {
        let log = fixture.open().await;
        for n in (1..=21).step_by(2) {
            let batch = [record(n), record(n + 1)];
            let mut dropped = log.append(&batch, None);
            poll_times(&mut dropped, n % 4).await;
            drop(dropped);
            log.append(&batch, None).await.expect("repeating a dropped append");
        }
        let records: Vec<NewRecord> = all(log.as_ref()).await.into_iter().map(|stored| stored.record).collect();
        assert_eq!(records, (1..=22).map(record).collect::<Vec<_>>());
    }

    /// Law *Settled reads*, as far as a writer that ends in the middle of an append shows it.
    fn what_was_shown_beside_an_append_stays(fixture) {
        for n in (1..=13).step_by(2) {
            let log = fixture.open().await;
            let batch = [record(n), record(n + 1)];
            let mut under_way = log.append(&batch, None);
            poll_times(&mut under_way, n / 2).await;
            let (shown, head) = (all(log.as_ref()).await, log.head().await.unwrap().lsn);
            drop(under_way);
            drop(log);
            let log = fixture.open().await;
            let there = all(log.as_ref()).await;
            assert!(there.starts_with(&shown), "what was shown is gone: shown={shown:?} there={there:?}");
            assert!(shown.len() as u64 <= head.0 && head <= log.head().await.unwrap().lsn, "head={head}");
        }
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
}
