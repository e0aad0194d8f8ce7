//! Running a stage: resume, step, relay.

use crate::classify::Classify;
use crate::failed::Failed;
use crate::operation::Operation;
use crate::retry::Retry;
use crate::stage::StageError;
use crate::stage::digest::{Digest, IdempotencyKey};
use crate::stage::state::{Checkpoint, Outgoing, StageState};
use crate::stage::store::StageStore;
use crate::witness::Guarded;

/// A stage that this process works on.
#[derive(Debug)]
pub struct Stage<'s> {
    store: &'s dyn StageStore,
    key: IdempotencyKey,
    state: StageState,
    /// How many of the checkpoints this run has passed.
    passed: usize,
}

/// The result of a step: a digest, and events for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    digest: Digest,
    events: Vec<serde_json::Value>,
}

impl Output {
    /// Makes the result of a step whose output has this digest, without events.
    pub fn new(digest: Digest) -> Self {
        Self { digest, events: Vec::new() }
    }

    /// Adds an event for others; `body` is its content.
    #[must_use]
    pub fn event(mut self, body: serde_json::Value) -> Self {
        self.events.push(body);
        self
    }
}

/// Why a step is not done.
#[derive(Debug, thiserror::Error)]
pub enum StepFailed<E: std::fmt::Debug + std::error::Error + 'static> {
    /// The attempts of the step were given up.
    #[error("the step failed: step=`{step}`")]
    Step {
        /// The name of the step.
        step: String,
        /// How the attempts of the step ended.
        source: Failed<E>,
    },
    /// The step was done, but its checkpoint could not be saved: the next run repeats the step.
    #[error("the step could not be kept: step=`{step}`")]
    Store {
        /// The name of the step.
        step: String,
        /// The error of the store.
        source: StageError,
    },
}

/// Why an outbox is not empty.
#[derive(Debug, thiserror::Error)]
pub enum Untold<E: std::fmt::Debug + std::error::Error + 'static> {
    /// The receiver did not take an event: call `relay` again later.
    #[error("the receiver did not take the event: id=`{id}`")]
    Receiver {
        /// The id of the event.
        id: Digest,
        /// The error of the receiver.
        source: E,
    },
    /// The receiver took an event, and that could not be saved: the event will be sent again, under the same
    /// id.
    #[error("the delivery could not be kept: id=`{id}`")]
    Store {
        /// The id of the event.
        id: Digest,
        /// The error of the store.
        source: StageError,
    },
}

impl<'s> Stage<'s> {
    /// Resumes the stage after its last clean checkpoint.
    ///
    /// `is_clean` says whether the output of a step is still there with the digest of its checkpoint. The
    /// first step whose output is not, and all steps after it, are forgotten and will be done again.
    ///
    /// # Errors
    /// [`StageError::PastBoundary`]: a rollback has taken back what later steps had made; nothing is resumed.
    /// Others as the store returns them.
    pub async fn resume(
        store: &'s dyn StageStore,
        key: IdempotencyKey,
        mut is_clean: impl AsyncFnMut(&Checkpoint) -> bool,
    ) -> Result<Self, StageError> {
        let mut state = store.load(&key).await?.unwrap_or_default();
        if let Some(valid) = state.boundary {
            return Err(StageError::PastBoundary { key, valid, steps: state.checkpoints.len() });
        }
        let mut clean = 0;
        while let Some(checkpoint) = state.checkpoints.get(clean)
            && is_clean(checkpoint).await
        {
            clean += 1;
        }
        state.truncate(clean);
        Ok(Self { store, key, state, passed: 0 })
    }

    /// Begins again at the boundary that a rollback has set: the steps before it stay done.
    ///
    /// # Errors
    /// As the store returns them.
    pub async fn restart(store: &'s dyn StageStore, key: IdempotencyKey) -> Result<Self, StageError> {
        let mut state = store.load(&key).await?.unwrap_or_default();
        if let Some(valid) = state.boundary.take() {
            state.truncate(usize::try_from(valid).unwrap_or(usize::MAX));
        }
        let mut stage = Self { store, key, state, passed: 0 };
        stage.save().await?;
        Ok(stage)
    }

    /// Sets the boundary of a rollback: only the first `valid` steps describe data that is still there.
    ///
    /// # Errors
    /// As the store returns them.
    pub async fn roll_back_to(
        store: &dyn StageStore,
        key: IdempotencyKey,
        valid: u32,
    ) -> Result<(), StageError> {
        let state = store.load(&key).await?.unwrap_or_default();
        let mut stage = Stage { store, key, state, passed: 0 };
        stage.state.boundary = Some(stage.state.boundary.map_or(valid, |boundary| boundary.min(valid)));
        stage.save().await
    }

    /// Returns the promise that steps of this stage may be repeated: their effects go through the outbox.
    pub fn witness(&self) -> Guarded {
        Guarded::new(self.key.seed())
    }

    /// Returns the steps that are done.
    pub fn checkpoints(&self) -> &[Checkpoint] {
        &self.state.checkpoints
    }

    /// Does a step, unless its checkpoint says that it was done on the same input.
    ///
    /// Ask for the steps in the same order in every run. A step with another name or input than the
    /// checkpoint in its place is done, and the checkpoints after that are forgotten.
    ///
    /// # Errors
    /// [`StepFailed::Step`]: repair the cause and resume. [`StepFailed::Store`]: resume; the step is
    /// repeated.
    ///
    /// # Cancel safety
    /// When the caller drops the future, the next run does the step again.
    pub async fn step<F, Args>(
        &mut self,
        retry: &Retry<'_>,
        step: &str,
        input: Digest,
        operation: F,
    ) -> Result<Checkpoint, StepFailed<F::Error>>
    where
        F: Operation<Args, Output = Output>,
        F::Error: Classify + std::error::Error + 'static,
    {
        if let Some(done) = self.state.checkpoints.get(self.passed) {
            if done.step == step && done.input == input {
                self.passed += 1;
                return Ok(done.clone());
            }
            self.state.truncate(self.passed);
        }
        let output = retry
            .run(self.witness(), operation)
            .await
            .map_err(|source| StepFailed::Step { step: step.to_owned(), source })?;
        let checkpoint = Checkpoint { step: step.to_owned(), input, output: output.digest };
        self.state.push(&self.key, checkpoint.clone(), output.events);
        self.save().await.map_err(|source| StepFailed::Store { step: step.to_owned(), source })?;
        self.passed += 1;
        Ok(checkpoint)
    }

    /// Sends the events of the stage to a receiver, in order, and returns how many the receiver took.
    ///
    /// An event is sent under the same id until its delivery is saved. So a receiver that remembers ids gets
    /// everything once, also after a crash between delivery and save.
    ///
    /// # Errors
    /// [`Untold`]: call `relay` again later; the events before it are delivered.
    pub async fn relay<E: std::error::Error + 'static>(
        &mut self,
        mut receiver: impl AsyncFnMut(&Outgoing) -> Result<(), E>,
    ) -> Result<usize, Untold<E>> {
        let mut told = 0;
        for n in 0..self.state.outbox.len() {
            if self.state.outbox[n].delivered {
                continue;
            }
            let id = self.state.outbox[n].id;
            receiver(&self.state.outbox[n]).await.map_err(|source| Untold::Receiver { id, source })?;
            self.state.outbox[n].delivered = true;
            self.save().await.map_err(|source| Untold::Store { id, source })?;
            told += 1;
        }
        Ok(told)
    }

    async fn save(&mut self) -> Result<(), StageError> {
        self.state.revision += 1;
        let saved = self.store.save(&self.key, &self.state).await;
        if saved.is_err() {
            self.state.revision -= 1;
        }
        saved
    }
}
