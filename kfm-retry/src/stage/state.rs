//! What is kept of a stage between processes: checkpoints and an outbox, as data.

use super::digest::{Digest, IdempotencyKey};

/// The version of the form below.
pub const FORMAT: u8 = 1;

/// The durable state of one work item's stage.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StageState {
    /// The version of this form: 1.
    pub format: u8,
    /// How often it has been saved; a save of any other than the next is refused.
    pub revision: u64,
    /// The steps that are done, in their order.
    pub checkpoints: Vec<Checkpoint>,
    /// How many of the checkpoints a rollback has left valid; the ones after it describe data that is gone.
    pub boundary: Option<u32>,
    /// What is to be told to others, or has been.
    pub outbox: Vec<Outgoing>,
}

/// A step that is done.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The name of the step.
    pub step: String,
    /// The digest of what it worked on.
    pub input: Digest,
    /// The digest of what it made.
    pub output: Digest,
}

/// An event for others, written together with the checkpoint of the step that made it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Outgoing {
    /// Its name for ever: the same for the same event of the same step on the same input.
    pub id: Digest,
    /// The step that made it.
    pub step: String,
    /// What it says.
    pub body: serde_json::Value,
    /// Whether a receiver has taken it.
    pub delivered: bool,
}

impl Default for StageState {
    fn default() -> Self {
        Self { format: FORMAT, revision: 0, checkpoints: Vec::new(), boundary: None, outbox: Vec::new() }
    }
}

impl StageState {
    /// Forgets the checkpoints from `first` on, and what they had to tell and have not told.
    pub(super) fn truncate(&mut self, first: usize) {
        let gone = self.checkpoints.split_off(first.min(self.checkpoints.len()));
        self.outbox
            .retain(|event| event.delivered || gone.iter().all(|checkpoint| checkpoint.step != event.step));
    }

    /// Adds a step that is done, and its events; an event that is there already is not added again.
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
