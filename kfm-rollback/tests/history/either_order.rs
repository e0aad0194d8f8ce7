//! Rollbacks of publishes that share documents: the order does not matter (`docs/states.md` section 2).

use kfm_rollback::Platform;

use crate::acts::{Seen, revert, roll_back, seen, signer};
use crate::support::{History, World};

/// A change of the whole catalog that the real history is cut into: three publishes that share documents.
struct Cut {
    world: World,
    /// Publishes of the history up to 33, in three parts.
    parts: Vec<String>,
}

impl Cut {
    /// Lays several steps at a time, so that publishes carry many documents and overlap.
    async fn new(parts: &[&[usize]]) -> Self {
        let (world, history) = (World::new().await, History::publishes());
        let mut ids = Vec::new();
        for steps in parts {
            for seq in *steps {
                history.lay(*seq, history.folder.path());
            }
            ids.push(world.publish(history.folder.path()).await.publish_id.unwrap().to_string());
        }
        Self { world, parts: ids }
    }

    async fn platform(&self) -> Platform {
        self.world.open().await
    }

    async fn after_rollbacks_of(&self, order: &[usize]) -> Seen {
        for part in order {
            let done = roll_back(&self.world, &self.parts[*part]).await;
            assert!(done.applied.by_domain["stac"] > 0, "part {part} moves documents of its own: {order:?}");
        }
        seen(&self.platform().await).await
    }
}

/// Steps of the real history that touch the same documents, each part with some of its own.
const OVERLAPPING: [[&[usize]; 3]; 3] = [
    [&[1, 2, 3], &[4, 7, 9, 10], &[7, 14, 12, 20]],
    [&[1, 7, 8, 9, 10, 12, 13, 14], &[20, 21, 22, 26], &[24, 23, 27]],
    [&[1, 2, 3, 16, 17], &[34, 36, 37, 18], &[39, 40, 38]],
];

#[tokio::test]
async fn two_rollbacks_of_publishes_that_share_documents_end_in_the_same_bytes_in_either_order() {
    for parts in OVERLAPPING {
        let (one, other) = (Cut::new(&parts).await, Cut::new(&parts).await);
        let newest_first = one.after_rollbacks_of(&[2, 1]).await;
        let oldest_first = other.after_rollbacks_of(&[1, 2]).await;
        assert_eq!(newest_first, oldest_first, "{parts:?}");
    }
}

#[tokio::test]
async fn reverts_of_both_in_either_order_bring_back_what_was_there() {
    for order in [[1, 2], [2, 1]] {
        let cut = Cut::new(&OVERLAPPING[0]).await;
        let reviewer = signer(&cut.world, "maria", "reviewer").await;
        let before = seen(&cut.platform().await).await;
        let mut rollbacks = Vec::new();
        for part in order {
            let done = roll_back(&cut.world, &cut.parts[part]).await;
            rollbacks.push(done.rollback_id.unwrap());
        }
        for rollback in rollbacks {
            revert(&cut.world, rollback.as_str(), &reviewer).await;
        }
        assert_eq!(seen(&cut.platform().await).await, before, "{order:?}");
    }
}
