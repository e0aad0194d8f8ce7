//! Epochs: the writer that claims the log later fences the writers that claimed it before.

use kfm_lineage::Lsn;

use super::{Fixture, all, append, record};
use crate::error::WalError;
use crate::store::NewRecord;

laws! {
    /// Law *Fenced*.
    fn a_fence_claims_a_higher_epoch_each_time(fixture) {
        let log = fixture.open().await;
        let before = log.head().await.unwrap().epoch;
        let first = log.fence().await.unwrap();
        let second = log.fence().await.unwrap();
        assert!(before < first && first < second);
        assert_eq!(log.head().await.unwrap().epoch, second);
    }

    /// Law *Gapless*: a claim of an epoch takes no position.
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

    /// Law *Fenced*. A store of one writer at a time refuses the second writer, and the first goes on.
    fn a_writer_of_an_earlier_epoch_is_fenced(fixture) {
        let paused = fixture.open().await;
        append(paused.as_ref(), 1).await;
        if !paused.capabilities().many_writers {
            assert_err!(fixture.open_beside().await, WalError::Locked { .. });
            append(paused.as_ref(), 2).await;
            return;
        }
        let active = fixture.open_beside().await.unwrap();
        let epoch = active.fence().await.unwrap();
        match paused.append(&[record(2)], None).await {
            Err(WalError::Fenced { epoch: by }) => assert_eq!(by, epoch),
            other => panic!("expected Fenced, got {other:?}"),
        }
        append(active.as_ref(), 3).await;
        let records: Vec<NewRecord> = all(active.as_ref()).await.into_iter().map(|stored| stored.record).collect();
        assert_eq!(records, [record(1), record(3)]);
    }
}
