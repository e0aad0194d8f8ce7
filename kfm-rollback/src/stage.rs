//! The stages of pipelines, kept in the log (R84): what [`kfm_retry::stage`] keeps in files elsewhere.
//!
//! A pipeline that publishes has its checkpoints in the log of its publishes, so a rollback draws the boundary by
//! itself. A step that made a publish counts as done for as long as that publish stands. Once the publish is rolled
//! back, the stage is not resumed past that step until the pipeline's owner decides to restart it. Once the
//! rollback is reverted, the stage resumes as if there had been none.
//!
//! ```no_run
//! # async fn ingest(platform: kfm_rollback::Platform) -> Result<(), Box<dyn std::error::Error>> {
//! use kfm_retry::stage::{Digest, IdempotencyKey, Stage, WorkItem};
//! use kfm_retry::{ErrorClass, Retry, preset};
//! use kfm_rollback::stage::published;
//!
//! let item = WorkItem { dataset_id: "ks-naip-2023", version: "7", source_uri: "s3://naip/38099.tif" };
//! let (stages, retry) = (platform.stages(), Retry::new(preset::STAC));
//! let mut stage = Stage::resume(&stages, IdempotencyKey::of(item)?, async |_checkpoint| true).await?;
//! let document = Digest::of("the document");
//! stage
//!     .step(&retry, "publish", document, || async {
//!         let mut publish = platform.begin_publish("ks_naip".parse().expect("a slug")).await?;
//!         publish.put("stac/items/38099.json", &b"{}"[..])?;
//!         let report = publish.complete().await?;
//!         Ok::<_, kfm_rollback::Error>(published(&report.publish_id.expect("it completed")))
//!     })
//!     .await?;
//! # Ok(())
//! # }
//! ```

use bytes::Bytes;
use kfm_lineage::{Digest, PublishId};
use kfm_retry::stage::{self, FORMAT, IdempotencyKey, Output, StageError, StageState, StageStore};
use kfm_wal::record::{Record, StageCheckpoint, StageRecord};

use crate::history::History;
use crate::platform::Platform;
use crate::session::Session;
use crate::versions::VersionError;

/// Keeps the states of stages in a platform's log, their content in its version store.
///
/// Each save is a command of its own: it takes the platform's lock, as a publish does, and folds the log. That
/// suits steps that take seconds or hours, not steps for single rows. A step that publishes must complete its
/// publish before it ends, since a publish holds the lock too.
#[derive(Debug, Clone)]
pub struct LogStages {
    platform: Platform,
}

impl Platform {
    /// Returns the store for the stages of pipelines.
    pub fn stages(&self) -> LogStages {
        LogStages { platform: self.clone() }
    }
}

/// Makes the output of a step that made a publish; while that publish is rolled back, the step is not done.
pub fn published(publish_id: &PublishId) -> Output {
    Output::new(stage::Digest::of(publish_id.as_str()))
}

#[async_trait::async_trait]
impl StageStore for LogStages {
    async fn load(&self, key: &IdempotencyKey) -> Result<Option<StageState>, StageError> {
        let session = Session::read(&self.platform).await.map_err(StageError::unavailable)?;
        let Some(record) = session.history.stage(&name(key)) else { return Ok(None) };
        let bytes = session.versions().get(&record.state).await.map_err(|error| damaged(key, error))?;
        let corrupt = |source| StageError::Corrupt { key: *key, source };
        let mut state: StageState =
            serde_json::from_slice(&bytes).map_err(|error| corrupt(Box::new(error)))?;
        if state.format != FORMAT || state.revision != record.revision {
            return Err(corrupt("the format or the revision is not what the log says".into()));
        }
        let undone = first_undone(&session.history, &state);
        state.boundary = [state.boundary, undone].into_iter().flatten().min();
        Ok(Some(state))
    }

    async fn save(&self, key: &IdempotencyKey, state: &StageState) -> Result<(), StageError> {
        let mut session =
            Session::write(&self.platform, &format!("stage {key}")).await.map_err(StageError::unavailable)?;
        let name = name(key);
        let there = session.history.stage(&name).map_or(0, |record| record.revision);
        if there.checked_add(1) != Some(state.revision) {
            return Err(StageError::Conflict { key: *key, revision: state.revision });
        }
        let mut line = serde_json::to_vec(state).map_err(StageError::unavailable)?;
        line.push(b'\n');
        let content = Digest::of_bytes(&line);
        session.versions().put(vec![(content, Bytes::from(line))]).await.map_err(StageError::unavailable)?;
        session.log(Record::Stage(record(name, state, content))).await.map_err(StageError::unavailable)?;
        Ok(())
    }
}

/// Bytes that the version store does not have, or has damaged, are for a person to restore; after every other
/// error, try again.
fn damaged(key: &IdempotencyKey, error: VersionError) -> StageError {
    match error {
        VersionError::Store(_) => StageError::unavailable(error),
        _ => StageError::Corrupt { key: *key, source: Box::new(error) },
    }
}

fn record(idempotency_key: Digest, state: &StageState, content: Digest) -> StageRecord {
    let checkpoint = state.checkpoints.last().map(|last| StageCheckpoint {
        step: last.step.clone(),
        input: digest(&last.input),
        output: digest(&last.output),
    });
    StageRecord {
        idempotency_key,
        revision: state.revision,
        steps: state.checkpoints.len() as u64,
        checkpoint,
        boundary: state.boundary,
        state: content,
    }
}

/// Returns the number of the first step whose publish is rolled back; the steps before it are valid.
fn first_undone(history: &History, state: &StageState) -> Option<u32> {
    let undone: Vec<stage::Digest> =
        history.undone().map(|(operation, _)| stage::Digest::of(operation.as_str())).collect();
    let first = state.checkpoints.iter().position(|checkpoint| undone.contains(&checkpoint.output))?;
    u32::try_from(first).ok()
}

fn name(key: &IdempotencyKey) -> Digest {
    of_hex(&key.to_string())
}

fn digest(digest: &stage::Digest) -> Digest {
    of_hex(&digest.to_string())
}

/// Two crates have a digest type each, since `kfm-retry` knows no types of the catalog.
fn of_hex(hex: &str) -> Digest {
    format!("sha256:{hex}").parse().expect("64 lower-case hexadecimal digits after the kind")
}
