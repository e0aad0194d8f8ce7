//! The cells of a cache in Redis.

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use kfm_lineage::{Digest, DigestKind, Domain, Value};
use kfm_rollback::context::WriteContext;
use kfm_rollback::op::{
    Capabilities, CompareAndSet, Depth, DomainOp, Fence, Generation, Listed, OpError, Outcomes, Probe, Seen,
    Swap, Swapped, ValueIs, Visible,
};
use redis::{Cmd, FromRedisValue, cmd};

use super::failed::{Asked, Failed};
use super::link::Link;
use super::names::{Names, fault_of};
use super::probe;

/// Compares, checks the fence and changes, in one step.
const SWAP: &str = include_str!("swap.lua");

/// Cells and bytes of contents in one script: Redis answers no other client while it runs.
const SCRIPT_CELLS_MAX: usize = 64;
const SCRIPT_BYTES_MAX: usize = 1 << 20;

/// Changes that the stream keeps, about.
const CHANGES_MAX: usize = 10_000;

/// Cells in a page of a listing.
const PAGE_CELLS_MAX: usize = 1_000;

/// Requests that are on their way at the same time.
pub(super) const REQUESTS_AT_ONCE: usize = 64;

/// A cache in Redis.
#[derive(Debug)]
pub(super) struct RedisStore {
    name: String,
    pub(super) names: Names,
    link: Link,
    is_durable: bool,
    /// What depends on the namespaces, as the stream of changes says.
    classes: String,
}

/// A swap, and the content that it brings.
struct Brought<'s> {
    /// Its place in the batch.
    at: usize,
    swap: &'s Swap,
    content: Bytes,
}

impl RedisStore {
    pub(super) fn new(name: &str, names: Names, link: Link, is_durable: bool, classes: String) -> Self {
        Self { name: name.to_owned(), names, link, is_durable, classes }
    }

    pub(super) async fn look<T: FromRedisValue>(&self, command: &Cmd, key: &str) -> Result<T, OpError> {
        self.ask(command, key, Asked::ToLook).await
    }

    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        command: &Cmd,
        key: &str,
        asked: Asked,
    ) -> Result<T, OpError> {
        let answer = self.link.ask(command).await.map_err(|failed| failed.told(&self.name, key, asked))?;
        // The server has answered; what it said is not what the request asks for.
        redis::from_redis_value(answer).map_err(|error| OpError::permanent(&self.name, key, error))
    }

    fn check<'k>(&self, keys: impl IntoIterator<Item = &'k String>) -> Result<(), OpError> {
        keys.into_iter().try_for_each(|key| match fault_of(key) {
            Some(why) => Err(OpError::InvalidKey {
                store: self.name.clone(),
                key: key.escape_debug().to_string(),
                why,
            }),
            None => Ok(()),
        })
    }

    /// Asks for fields of each cell, in the order of the keys.
    pub(super) async fn fields<T: FromRedisValue>(
        &self,
        keys: &[String],
        fields: &[&str],
    ) -> Result<Vec<T>, OpError> {
        let asked: Vec<_> = keys
            .iter()
            .map(|key| async move {
                let mut command = cmd("HMGET");
                command.arg(self.names.cell(key)).arg(fields);
                self.look(&command, key).await
            })
            .collect();
        futures::stream::iter(asked).buffered(REQUESTS_AT_ONCE).try_collect().await
    }

    /// Returns what the marks of cells say.
    async fn marks(&self, keys: &[String]) -> Result<Vec<Seen>, OpError> {
        let marks: Vec<(Option<String>, Option<String>)> =
            self.fields(keys, &["value", "generation"]).await?;
        let seen = keys.iter().zip(marks).map(|(key, (value, generation))| {
            Ok(seen(self.value_of(key, value.as_deref().unwrap_or_default())?, generation))
        });
        seen.collect()
    }

    /// Reads the mark of a cell; a text that is not valid was not written by a store.
    fn value_of(&self, key: &str, mark: &str) -> Result<Value, OpError> {
        if mark.is_empty() {
            return Ok(None);
        }
        mark.parse().map(Some).map_err(|error| OpError::permanent(&self.name, key, NotAMark(error)))
    }

    /// Gets the contents of some swaps; what stands in the way of one becomes its answer.
    async fn bring<'s>(
        &self,
        cx: &WriteContext,
        swaps: &'s [Swap],
        first: usize,
        answers: &mut [Option<Result<Swapped, OpError>>],
    ) -> Vec<Brought<'s>> {
        let contents = cx.contents(&self.name, swaps).await;
        let mut brought = Vec::with_capacity(swaps.len());
        for ((at, swap), content) in (first..).zip(swaps).zip(contents) {
            match content {
                Ok(_) if swap.to.is_some_and(|digest| digest.kind() != DigestKind::Canonical) => {
                    answers[at] = Some(Err(OpError::permanent(&self.name, &swap.key, NotCanonical)));
                }
                Ok(content) => brought.push(Brought { at, swap, content: content.unwrap_or_default() }),
                Err(error) => answers[at] = Some(Err(error)),
            }
        }
        brought
    }

    /// Runs the script for some cells.
    async fn run(&self, cx: &WriteContext, cells: &[Brought<'_>]) -> Result<Vec<Vec<String>>, OpError> {
        let mut command = cmd("EVAL");
        command.arg(SWAP).arg(4 + cells.len());
        command
            .arg(self.names.fence())
            .arg(self.names.generation())
            .arg(self.names.index())
            .arg(self.names.changes());
        for Brought { swap, .. } in cells {
            command.arg(self.names.cell(&swap.key));
        }
        command.arg(cx.token()).arg(cx.operation().as_str()).arg(cx.now().to_string());
        command.arg(&self.classes).arg(CHANGES_MAX);
        for Brought { swap: Swap { key, from, to }, content, .. } in cells {
            let generation = from.generation.as_ref().map_or("", Generation::as_str);
            command.arg(key).arg(mark(from.value)).arg(generation).arg(mark(*to)).arg(&content[..]);
        }
        let answers: Vec<Vec<String>> = self.ask(&command, "-", Asked::ToChange).await?;
        match answers.first() {
            Some(answer) if answer.first().is_some_and(|word| word == "fenced") => {
                Err(OpError::Fenced { store: self.name.clone(), token: cx.token() })
            }
            _ => Ok(answers),
        }
    }

    /// Reads what the script says of one cell.
    fn answered(&self, key: &str, answer: &[String]) -> Result<Swapped, OpError> {
        let seen =
            |value, generation: &String| Ok(seen(self.value_of(key, value)?, Some(generation.clone())));
        match answer.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["applied", _, generation] => {
                Ok(Swapped::Applied { generation: Some(Generation::new(generation)) })
            }
            ["already", _, generation] => {
                Ok(Swapped::Already { generation: Some(Generation::new(generation)) })
            }
            ["conflict", value, _] => Ok(Swapped::Conflict { observed: seen(value, &answer[2])? }),
            _ => Err(OpError::permanent(&self.name, key, Refused(answer.join(" ")))),
        }
    }
}

fn seen(value: Value, generation: Option<String>) -> Seen {
    let generation = generation.unwrap_or_else(|| NEVER.to_owned());
    Seen { value, generation: Some(Generation::new(generation)) }
}

/// The generation of a cell that never had a value.
const NEVER: &str = "0";

/// The text of a value in Redis.
fn mark(value: Value) -> String {
    value.map_or_else(String::new, |digest| digest.to_string())
}

/// Cuts swaps into those of one script each.
fn scripts<'b, 's>(brought: &'b [Brought<'s>]) -> Vec<&'b [Brought<'s>]> {
    let (mut scripts, mut first, mut bytes) = (Vec::new(), 0, 0);
    for (at, one) in brought.iter().enumerate() {
        let is_full = at - first == SCRIPT_CELLS_MAX || bytes + one.content.len() > SCRIPT_BYTES_MAX;
        if is_full && at > first {
            scripts.push(&brought[first..at]);
            (first, bytes) = (at, 0);
        }
        bytes += one.content.len();
    }
    scripts.extend((first < brought.len()).then(|| &brought[first..]));
    scripts
}

#[async_trait]
impl DomainOp for RedisStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn domain(&self) -> Domain {
        Domain::Cache
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            put: CompareAndSet::Generation,
            retire: CompareAndSet::Generation,
            // A fence that a restart forgets is none that the engine may rely on.
            fence: if self.is_durable { Fence::Token } else { Fence::Lock },
            durable_ack: self.is_durable,
            value_is: ValueIs::Mark,
            // The rows that services have built from an older generation go when it is settled.
            visible: Visible::AfterSettle,
            cells_max: 1_000,
        }
    }

    async fn probe(&self) -> Result<Probe, OpError> {
        // In a cluster this leads to the node that has the keys; the one that is asked first may be another one.
        let _: Option<String> = self.look(cmd("GET").arg(self.names.fence()), "-").await?;
        let info: String = self.look(&cmd("INFO"), "-").await?;
        let mut config = Vec::new();
        for name in probe::ASKED {
            let answer = self.link.ask(cmd("CONFIG").arg("GET").arg(name)).await;
            match answer {
                Ok(value) => config.extend(probe::setting(value)),
                // A service that does not show its configuration.
                Err(Failed::Refused(_)) => {}
                Err(failed) => return Err(failed.told(&self.name, "-", Asked::ToLook)),
            }
        }
        Ok(probe::judge(&info, &config, self.is_durable))
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, OpError> {
        let limit = limit.min(PAGE_CELLS_MAX);
        let mut above = after.map_or_else(|| "-".to_owned(), |after| format!("({after}"));
        loop {
            let mut command = cmd("ZRANGEBYLEX");
            command.arg(self.names.index()).arg(&above).arg("+").arg("LIMIT").arg(0).arg(limit);
            let keys: Vec<String> = self.look(&command, "-").await?;
            let Some(last) = keys.last() else { return Ok(Vec::new()) };
            above = format!("({last}");
            let seen = self.marks(&keys).await?;
            // One that was retired meanwhile, or that another hand removed, is absent.
            let page: Vec<Listed> = keys
                .into_iter()
                .zip(seen)
                .filter(|(_, seen)| seen.value.is_some())
                .map(|(key, seen)| (key, Some(seen)))
                .collect();
            if !page.is_empty() {
                return Ok(page);
            }
        }
    }

    async fn observe(&self, keys: &[String], depth: Depth) -> Result<Vec<Seen>, OpError> {
        self.check(keys)?;
        match depth {
            Depth::Mark => self.marks(keys).await,
            Depth::Content => {
                let cells: Vec<(Option<Vec<u8>>, Option<String>)> =
                    self.fields(keys, &["content", "generation"]).await?;
                let digest = |content: Vec<u8>| Digest::of_canonical_bytes(&content);
                Ok(cells
                    .into_iter()
                    .map(|(content, generation)| seen(content.map(digest), generation))
                    .collect())
            }
        }
    }

    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError> {
        self.check(keys)?;
        let contents: Vec<(Option<Vec<u8>>,)> = self.fields(keys, &["content"]).await?;
        Ok(contents.into_iter().map(|(content,)| content.map(Bytes::from)).collect())
    }

    async fn fence(&self, cx: &WriteContext) -> Result<(), OpError> {
        match self.run(cx, &[]).await {
            // The lock is the fence; a lower token is refused where it would change something.
            Err(OpError::Fenced { .. }) if !self.is_durable => Ok(()),
            raised => raised.map(drop),
        }
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        self.check(batch.iter().map(|swap| &swap.key))?;
        let mut answers: Vec<Option<Result<Swapped, OpError>>> = batch.iter().map(|_| None).collect();
        for (nth, swaps) in batch.chunks(SCRIPT_CELLS_MAX).enumerate() {
            let brought = self.bring(cx, swaps, nth * SCRIPT_CELLS_MAX, &mut answers).await;
            for cells in scripts(&brought) {
                let said = self.run(cx, cells).await?;
                for (Brought { at, swap, .. }, answer) in cells.iter().zip(said) {
                    answers[*at] = Some(self.answered(&swap.key, &answer));
                }
            }
        }
        let missing = |swap: &Swap| Err(OpError::permanent(&self.name, &swap.key, Refused(String::new())));
        Ok(answers
            .into_iter()
            .zip(batch)
            .map(|(answer, swap)| answer.unwrap_or_else(|| missing(swap)))
            .collect())
    }

    async fn settle(&self, _: &WriteContext, keys: &[String]) -> Result<(), OpError> {
        self.check(keys)?;
        self.remove_older_rows(keys).await
    }

    /// A script is done as a whole or not at all: a crash leaves nothing behind.
    async fn recover(&self, _: &WriteContext) -> Result<(), OpError> {
        Ok(())
    }
}

/// The mark of a cell is not a digest.
#[derive(Debug, thiserror::Error)]
#[error("another hand has changed the field value of the cell's hash, remove the hash: {0}")]
struct NotAMark(#[source] kfm_lineage::DigestError);

/// A value of this store is the digest of canonical JSON; the caller gave another kind of digest.
#[derive(Debug, thiserror::Error)]
#[error("value is not a digest of canonical JSON")]
struct NotCanonical;

/// The script could not look at a cell.
#[derive(Debug, thiserror::Error)]
#[error("Redis says of the cell: {0}")]
struct Refused(String);
