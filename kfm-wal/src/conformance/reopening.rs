//! What verifying and reopening find, and what errors say about trying again.

use kfm_lineage::Lsn;

use super::{Fixture, all, append, record};
use crate::error::Outlook;
use crate::store::{Appended, Depth, NewRecord};

laws! {
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

    /// Law *Durable*, as far as closing and opening again can show it.
    fn a_log_reopens_with_everything(fixture) {
        let log = fixture.open().await;
        log.append(&[record(1), record(2)], None).await.unwrap();
        let (records, head) = (all(log.as_ref()).await, log.head().await.unwrap());
        drop(log);
        let log = fixture.open().await;
        assert_eq!(all(log.as_ref()).await, records);
        assert_eq!(log.head().await.unwrap().lsn, head.lsn);
    }

    /// Law *At most once*: the remedy for a lost answer also works in another process.
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
}
