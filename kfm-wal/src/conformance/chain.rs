//! Times that never go back, and the chain over records.

use kfm_lineage::{Digest, Lsn};

use super::{Fixture, all, append, record, time};
use crate::store::{NewRecord, StoredRecord, WalStore};

async fn chain(log: &dyn WalStore) -> Digest {
    log.head().await.unwrap().chain
}

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

    /// Law *Chained*, for logs whose ids come from a seed: nothing but the history moves the chain.
    fn equal_histories_have_equal_chains(one, other) {
        let (one, other) = (one.open().await, other.open().await);
        for n in 0..=3 {
            if n > 0 {
                append(one.as_ref(), n).await;
                append(other.as_ref(), n).await;
            }
            assert_eq!(chain(one.as_ref()).await, chain(other.as_ref()).await, "the logs are not seeded alike: n={n}");
        }
    }

    /// Law *Chained*: the chain depends on each byte of every record before.
    fn the_chain_depends_on_content(one, other) {
        let (one, other) = (one.open().await, other.open().await);
        append(one.as_ref(), 1).await;
        append(other.as_ref(), 1).await;
        let mut changed = record(2);
        changed.payload[3] ^= 1;
        append(one.as_ref(), 2).await;
        other.append(&[changed], None).await.unwrap();
        for n in 3..=4 {
            let chains = (chain(one.as_ref()).await, chain(other.as_ref()).await);
            assert_ne!(chains.0, chains.1, "the same chain over other bytes");
            append(one.as_ref(), n).await;
            append(other.as_ref(), n).await;
        }
    }

    /// Law *Chained*: the same records in another order give another head.
    fn the_chain_depends_on_order(one, other) {
        let (one, other) = (one.open().await, other.open().await);
        let new = |n| NewRecord { at: time(0), ..record(n) };
        for n in [1, 2, 3] {
            one.append(&[new(n)], None).await.unwrap();
        }
        for n in [2, 1, 3] {
            other.append(&[new(n)], None).await.unwrap();
        }
        let chains = (chain(one.as_ref()).await, chain(other.as_ref()).await);
        assert_ne!(chains.0, chains.1, "the same chain over another order");
    }

    /// `StoredRecord::leaf`: it is the hash of the whole record.
    fn leaves_depend_on_every_field(one, other) {
        let (one, other) = (one.open().await, other.open().await);
        let of = |n: u64| NewRecord { at: time(0), ..record(n) };
        let mut other_id = of(1);
        other_id.op_id[15] ^= 1;
        let changed = [
            other_id,
            NewRecord { rtype: 2, ..of(2) },
            NewRecord { schema: 2, ..of(3) },
            NewRecord { payload: b"record five".to_vec(), ..of(4) },
            NewRecord { at: time(1), ..of(5) },
        ];
        one.append(&[of(1), of(2), of(3), of(4), of(5)], None).await.unwrap();
        other.append(&changed, None).await.unwrap();
        for (one, other) in all(one.as_ref()).await.iter().zip(all(other.as_ref()).await) {
            assert_ne!(one.leaf, other.leaf, "{other:?}");
        }
    }

    /// A leaf belongs to its record: it is the same for every reader, at every time.
    fn leaves_are_stable(fixture) {
        let log = fixture.open().await;
        log.append(&[record(1), record(2)], None).await.unwrap();
        let leaves = |records: Vec<StoredRecord>| records.iter().map(|stored| stored.leaf).collect::<Vec<_>>();
        let once = leaves(all(log.as_ref()).await);
        assert_eq!(once, leaves(all(log.as_ref()).await));
        assert_ne!(once[0], once[1]);
    }
}
