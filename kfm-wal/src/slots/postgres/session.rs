//! The connection: made when it is needed, made again when it was lost, and asked what a commit means.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kfm_retry::Clock;
use tokio::sync::Mutex;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, Row};

use super::Failed;
use super::tables::{MEANING, Table};
use super::tls::Tls;

/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// How long a statement may take; then the connection is given up, and it is not known what became of the
/// statement. Shorter than the log waits for a call: otherwise the log would drop the call first, and the
/// connection would not be given up.
const ANSWER_MAX: Duration = Duration::from_secs(8);

type Parameters<'a> = [(&'a (dyn ToSql + Sync), Type)];

/// One connection at a time.
#[derive(Debug)]
pub(super) struct Sessions {
    config: Config,
    roots: Option<PathBuf>,
    pub(super) table: Table,
    clock: Arc<dyn Clock>,
    /// A call that finds no connection waits here for the call that makes it.
    client: Mutex<Option<Arc<Client>>>,
}

impl Sessions {
    pub(super) fn new(
        mut config: Config,
        roots: Option<PathBuf>,
        table: Table,
        clock: Arc<dyn Clock>,
    ) -> Self {
        config
            .application_name("kfm")
            .connect_timeout(CONNECT_MAX)
            .tcp_user_timeout(ANSWER_MAX)
            .options("-c synchronous_commit=on")
            // A standby shows the past and takes no writes.
            .target_session_attrs(tokio_postgres::config::TargetSessionAttrs::ReadWrite);
        Self { config, roots, table, clock, client: Mutex::new(None) }
    }

    /// Runs a statement and returns how many rows it touched.
    pub(super) async fn execute(&self, statement: &str, parameters: &Parameters<'_>) -> Result<u64, Failed> {
        let client = self.client().await?;
        self.answered(&client, client.execute_typed(statement, parameters)).await
    }

    /// Runs a query and returns its only row.
    pub(super) async fn row(&self, query: &str, parameters: &Parameters<'_>) -> Result<Option<Row>, Failed> {
        let client = self.client().await?;
        self.answered(&client, client.query_typed_opt(query, parameters)).await
    }

    /// Makes the table; it is no error if another host makes it at the same time.
    pub(super) async fn make(&self) -> Result<(), Failed> {
        match self.execute(&self.table.make, &[]).await {
            // `IF NOT EXISTS` looks first and makes then: the loser of that race meets the table or the type
            // that the winner has made.
            Err(Failed::Sent(error))
                if [Some(&SqlState::UNIQUE_VIOLATION), Some(&SqlState::DUPLICATE_TABLE)]
                    .contains(&error.code()) =>
            {
                Ok(())
            }
            other => other.map(drop),
        }
    }

    /// Returns the connection; makes one if there is none.
    async fn client(&self) -> Result<Arc<Client>, Failed> {
        let mut kept = self.client.lock().await;
        if let Some(client) = kept.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        *kept = None;
        let tls = Tls::new(self.roots.as_deref()).map_err(Failed::Unfit)?;
        let connecting = self.config.connect(tls);
        let (client, connection) = within(&*self.clock, CONNECT_MAX, connecting)
            .await
            .ok_or(Failed::Unreachable)?
            .map_err(Failed::Connecting)?;
        // The task ends when the client is dropped.
        tokio::spawn(connection);
        let client = Arc::new(client);
        self.refuse_unfit(&client).await?;
        *kept = Some(Arc::clone(&client));
        Ok(client)
    }

    /// Refuses a server and a table that acknowledge what they do not keep.
    async fn refuse_unfit(&self, client: &Client) -> Result<(), Failed> {
        let parameters: &Parameters<'_> = &[(&self.table.quoted, Type::TEXT)];
        let asked = within(&*self.clock, ANSWER_MAX, client.query_typed_one(MEANING, parameters)).await;
        let meaning = asked.ok_or(Failed::Unreachable)?.map_err(Failed::Connecting)?;
        Ok(self.table.judge(&meaning).map_err(Failed::Connecting)??)
    }

    /// Waits for an answer; gives up the connection if none comes in time.
    async fn answered<T>(
        &self,
        client: &Arc<Client>,
        statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failed> {
        if let Some(answer) = within(&*self.clock, ANSWER_MAX, statement).await {
            return answer.map_err(|error| match error.code() {
                // The state of an insert that names a key which is not there any more.
                Some(&SqlState::INVALID_COLUMN_REFERENCE) => self.table.no_key().into(),
                _ => Failed::Sent(error),
            });
        }
        let mut kept = self.client.lock().await;
        if kept.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, client)) {
            *kept = None;
        }
        Err(Failed::TimedOut)
    }
}

/// Waits for a future until a time is over; `None` if the future took longer.
async fn within<T>(clock: &dyn Clock, most: Duration, work: impl Future<Output = T>) -> Option<T> {
    let work = std::pin::pin!(work);
    match futures::future::select(work, clock.alarm(most)).await {
        futures::future::Either::Left((done, _)) => Some(done),
        futures::future::Either::Right(_) => None,
    }
}
