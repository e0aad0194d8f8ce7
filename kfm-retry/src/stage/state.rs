//! What is kept of a stage between processes: its checkpoints and its outbox, as data.

use super::digest::{Digest, IdempotencyKey};

/// The version of the format of the state.
pub const FORMAT: u8 = 1;

/// The durable state of one work item's stage.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StageState {
    /// The version of the format: 1.
    pub format: u8,
    /// How many times the state has been saved; a save of any revision but the next one is refused.
    pub revision: u64,
    /// The steps that are done, in their order.
    pub checkpoints: Vec<Checkpoint>,
    /// How many of the checkpoints a rollback has left valid; later ones describe data that is gone. None if
    /// no rollback has set it.
    pub boundary: Option<u32>,
    /// The events for others, delivered or not, in their order.
    pub outbox: Vec<Outgoing>,
}

/// A step that is done.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The name of the step, as the pipeline calls it.
    pub step: String,
    /// Digest of the input of the step.
    pub input: Digest,
    /// Digest of the output of the step.
    pub output: Digest,
}

/// An event for others, written together with the checkpoint of the step that made it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Outgoing {
    /// The id of the event: always the same for the same event of the same step on the same input.
    pub id: Digest,
    /// The name of the step that made the event.
    pub step: String,
    /// The content of the event, as the pipeline made it.
    pub body: serde_json::Value,
    /// Whether the receiver has taken the event.
    pub delivered: bool,
}

impl Default for StageState {
    fn default() -> Self {
        Self { format: FORMAT, revision: 0, checkpoints: Vec::new(), boundary: None, outbox: Vec::new() }
    }
}

impl StageState {
    /// Forgets the checkpoints from `first` on, and their events that were not delivered.
    pub(super) fn truncate(&mut self, first: usize) {
        let gone = self.checkpoints.split_off(first.min(self.checkpoints.len()));
        self.outbox
            .retain(|event| event.delivered || gone.iter().all(|checkpoint| checkpoint.step != event.step));
    }

    /// Adds a step that is done, with its events; an event that is there already is not added again.
    pub(super) fn push(
        &mut self,
        key: &IdempotencyKey,
        checkpoint: Checkpoint,
        events: Vec<serde_json::Value>,
    ) {
        for (n, body) in events.into_iter().enumerate() {
            let id = Digest::of(format!("{key}|{}|{}|{n}", checkpoint.step, checkpoint.input));
            if self.outbox.iter().all(|event| event.id != id) {
                self.outbox.push(Outgoing { id, step: checkpoint.step.clone(), body, delivered: false });
            }
        }
        self.checkpoints.push(checkpoint);
    }
}
