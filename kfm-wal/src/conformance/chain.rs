//! Times that never go back, and the chain over records.

use kfm_lineage::Lsn;

use super::{Fixture, all, append, record, time};
use crate::store::{NewRecord, StoredRecord};

laws! {
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
}
