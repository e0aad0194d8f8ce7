//! The rows that services have built from a namespace, and have noted: those of an older generation are removed.

use futures::{StreamExt, TryStreamExt};
use kfm_rollback::op::OpError;
use redis::cmd;

use super::failed::Asked;
use super::store::{REQUESTS_AT_ONCE, RedisStore};

/// Forgets the notes of rows that are gone.
const FORGET: &str = include_str!("forget.lua");

/// Rows that are removed with one request: Redis answers no other client meanwhile.
const ROWS_MAX: usize = 500;

impl RedisStore {
    /// Removes the rows of older generations than those that the cells have, and their notes.
    pub(super) async fn remove_older_rows(&self, keys: &[String]) -> Result<(), OpError> {
        let generations: Vec<(Option<u64>,)> = self.fields(keys, &["generation"]).await?;
        let removals: Vec<_> = keys
            .iter()
            .zip(generations)
            .map(async |(key, (generation,))| match generation {
                Some(generation) => self.remove_below(key, generation).await,
                None => Ok(()),
            })
            .collect();
        futures::stream::iter(removals).buffer_unordered(REQUESTS_AT_ONCE).try_collect().await
    }

    /// Removes a page of rows after the other. A row that a service builds anew meanwhile may go too: it is missed once.
    async fn remove_below(&self, key: &str, generation: u64) -> Result<(), OpError> {
        let rows = self.names.rows(key);
        loop {
            let mut page = cmd("ZRANGEBYSCORE");
            page.arg(&rows).arg("-inf").arg(format!("({generation}")).arg("LIMIT").arg(0).arg(ROWS_MAX);
            let noted: Vec<Vec<u8>> = self.look(&page, key).await?;
            if noted.is_empty() {
                return Ok(());
            }
            let is_row =
                |name: &&Vec<u8>| std::str::from_utf8(name).is_ok_and(|name| self.names.is_row(name));
            let own: Vec<&Vec<u8>> = noted.iter().filter(is_row).collect();
            if !own.is_empty() {
                self.ask::<u64>(cmd("UNLINK").arg(own), key, Asked::ToChange).await?;
            }
            // Only then the notes: what is cut off in between is done again.
            let mut forget = cmd("EVAL");
            forget.arg(FORGET).arg(1).arg(&rows).arg(generation).arg(noted);
            self.ask::<u64>(&forget, key, Asked::ToChange).await?;
        }
    }
}
