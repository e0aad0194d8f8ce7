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

/// What a step has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    digest: Digest,
    events: Vec<serde_json::Value>,
}

impl Output {
    /// Has the digest of what the step made, and nothing to tell.
    pub fn new(digest: Digest) -> Self {
        Self { digest, events: Vec::new() }
    }

    /// Adds an event for others.
    #[must_use]
    pub fn event(mut self, body: serde_json::Value) -> Self {
        self.events.push(body);
        self
    }
}

/// Why a step is not done.
#[derive(Debug, thiserror::Error)]
pub enum StepFailed<E: std::fmt::Debug + std::error::Error + 'static> {
    /// The step itself was given up.
    #[error("the step failed: step=`{step}`")]
    Step {
        /// The name of the step.
        step: String,
        /// How its attempts ended.
        source: Failed<E>,
    },
    /// It was done, and could not be kept: it will be repeated.
    #[error("the step could not be kept: step=`{step}`")]
    Store {
        /// The name of the step.
        step: String,
        /// What the store says.
        source: StageError,
    },
}

/// Why an outbox is not empty.
#[derive(Debug, thiserror::Error)]
pub enum Untold<E: std::fmt::Debug + std::error::Error + 'static> {
    /// The receiver did not take an event: relay again later.
    #[error("the receiver did not take the event: id=`{id}`")]
    Receiver {
        /// The event.
        id: Digest,
        /// What the receiver says.
        source: E,
    },
    /// The receiver took an event and that could not be kept: it will be told again, under the same id.
    #[error("the delivery could not be kept: id=`{id}`")]
    Store {
        /// The event.
        id: Digest,
        /// What the store says.
        source: StageError,
    },
}

impl<'s> Stage<'s> {
    /// Takes the stage up after its last clean checkpoint.
    ///
    /// `is_clean` says whether what a step made is still there with the digest of its checkpoint; the first
    /// that is not, and all after it, are forgotten and will be done again.
    ///
    /// # Errors
    /// [`StageError::PastBoundary`]: a rollback took back what later steps had made; nothing is resumed. Else
    /// what the store says.
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

    /// Begins again at the boundary that a rollback has drawn: steps before it stay done.
    ///
    /// # Errors
    /// What the store says.
    pub async fn restart(store: &'s dyn StageStore, key: IdempotencyKey) -> Result<Self, StageError> {
        let mut state = store.load(&key).await?.unwrap_or_default();
        if let Some(valid) = state.boundary.take() {
            state.truncate(usize::try_from(valid).unwrap_or(usize::MAX));
        }
        let mut stage = Self { store, key, state, passed: 0 };
        stage.save().await?;
        Ok(stage)
    }

    /// Draws the boundary of a rollback: only the first `valid` steps describe data that is still there.
    ///
    /// # Errors
    /// What the store says.
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

    /// Returns the witness that steps of this stage may be repeated: their effects go through the outbox.
    pub fn witness(&self) -> Guarded {
        Guarded::new(self.key.seed())
    }

    /// Returns the steps that are done.
    pub fn checkpoints(&self) -> &[Checkpoint] {
        &self.state.checkpoints
    }

    /// Does a step, unless a checkpoint says that it was done on the same input.
    ///
    /// Steps are asked for in the same order in every run. A step with another name or input than the
    /// checkpoint in its place is done, and what came after it is forgotten.
    ///
    /// # Errors
    /// [`StepFailed::Step`]: mend the cause and resume. [`StepFailed::Store`]: resume; the step is repeated.
    ///
    /// # Cancel safety
    /// A step whose future is dropped is done again by the next run.
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

    /// Tells a receiver what the stage has to tell, in order; says how many events it took.
    ///
    /// Each event is told under the same id until that it was taken is kept: a receiver that remembers ids
    /// hears everything once, also across a crash between the two.
    ///
    /// # Errors
    /// [`Untold`]: relay again later; events before it are told.
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
