//! A store that looks and then writes, with no script around both: what the adapter must not be.

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::Domain;
use kfm_rollback::DomainOp;
use kfm_rollback::context::WriteContext;
use kfm_rollback::op::{
    Capabilities, Depth, Generation, Listed, OpError, Outcomes, Probe, Seen, Swap, Swapped,
};
use std::sync::Arc;

use super::server::Server;

#[derive(Debug)]
pub struct ReadThenWrite {
    pub store: Arc<dyn DomainOp>,
    pub server: Server,
    pub prefix: String,
}

#[async_trait]
impl DomainOp for ReadThenWrite {
    fn name(&self) -> &str {
        self.store.name()
    }

    fn domain(&self) -> Domain {
        self.store.domain()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn probe(&self) -> Result<Probe, OpError> {
        self.store.probe().await
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, OpError> {
        self.store.scan(after, limit).await
    }

    async fn observe(&self, keys: &[String], depth: Depth) -> Result<Vec<Seen>, OpError> {
        self.store.observe(keys, depth).await
    }

    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError> {
        self.store.read(keys).await
    }

    async fn fence(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.store.fence(cx).await
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        self.store.fence(cx).await?;
        let keys: Vec<String> = batch.iter().map(|swap| swap.key.clone()).collect();
        let seen = self.store.observe(&keys, Depth::Mark).await?;
        let contents = cx.contents(self.name(), batch).await;
        let mut client = self.server.client().await;
        let mut answers = Outcomes::new();
        for ((swap, seen), content) in batch.iter().zip(seen).zip(contents) {
            let content = match content {
                Ok(content) => content,
                Err(error) => {
                    answers.push(Err(error));
                    continue;
                }
            };
            if let Some(swapped) = swap.without_change(&seen) {
                answers.push(Ok(swapped));
                continue;
            }
            let (tag, key) = (format!("{{{}}}", self.prefix), &swap.key);
            let mut commands = redis::pipe();
            commands.atomic();
            commands.cmd("INCR").arg(format!("{tag}:generation"));
            let cell = format!("{tag}:cell:{key}");
            match (swap.to, content) {
                (Some(value), Some(content)) => {
                    commands.cmd("ZADD").arg(format!("{tag}:cells")).arg(0).arg(key);
                    commands
                        .cmd("HSET")
                        .arg(&cell)
                        .arg("value")
                        .arg(value.to_string())
                        .arg("content")
                        .arg(&content[..]);
                }
                _ => {
                    commands.cmd("ZREM").arg(format!("{tag}:cells")).arg(key);
                    commands.cmd("HDEL").arg(&cell).arg("value").arg("content");
                }
            }
            let counts: Vec<u64> = commands.query_async(&mut client).await.unwrap();
            let generation = counts[0].to_string();
            let set: u64 = redis::cmd("HSET")
                .arg(&cell)
                .arg("generation")
                .arg(&generation)
                .query_async(&mut client)
                .await
                .unwrap();
            assert!(set <= 1);
            answers.push(Ok(Swapped::Applied { generation: Some(Generation::new(generation)) }));
        }
        Ok(answers)
    }

    async fn recover(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.store.recover(cx).await
    }
}
