//! Folding: the records of one publish as one record, in the words of R21.

use kfm_lineage::{Lsn, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::{Close, PublishCompletion, PublishIntent, PublishStatus};

/// A publish as the log has it: what it was about to do, and how it ended if it has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PublishRecord {
    /// What the publish was about to do.
    #[serde(flatten)]
    pub intent: PublishIntent,
    /// The position of the intent in the log.
    pub intent_lsn: Lsn,
    /// The position of the completion in the log; none while the publish is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_lsn: Option<Lsn>,
    /// When the publish ended; none while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// How the publish ended, in the words of R21; none while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<PublishStatus>,
    /// How the publish ended, as the engine counts it; none while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close: Option<Close>,
}

impl PublishRecord {
    /// Folds the frames of a publish.
    pub(crate) fn fold(
        (intent_lsn, intent): (Lsn, &PublishIntent),
        completion: Option<(Lsn, &PublishCompletion)>,
    ) -> Self {
        Self {
            intent: intent.clone(),
            intent_lsn,
            completion_lsn: completion.map(|(lsn, _)| lsn),
            completed_at: completion.map(|(_, completion)| completion.completed_at),
            status: completion.map(|(_, completion)| completion.status),
            close: completion.map(|(_, completion)| completion.close.clone()),
        }
    }

    /// Says whether the publish has ended; one that has not is incomplete, and a rollback refuses it (R23).
    pub fn is_complete(&self) -> bool {
        self.completion_lsn.is_some()
    }
}
