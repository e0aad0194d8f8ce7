//! Folding: the frames of one publish as the one record that the owner reads (R21).

use kfm_lineage::{Lsn, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::{Close, PublishCompletion, PublishIntent, PublishStatus};

/// A publish as the log has it: what it was about to do, and how it ended if it has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PublishRecord {
    /// What it was about to do.
    #[serde(flatten)]
    pub intent: PublishIntent,
    /// Where the intent is.
    pub intent_lsn: Lsn,
    /// Where the completion is; none while the publish is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_lsn: Option<Lsn>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// The owner's word for the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<PublishStatus>,
    /// The end, as the engine has it.
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
