//! Slots in a table of PostgreSQL, for teams whose only shared store is a database.
//!
//! ```sql
//! CREATE TABLE public.kfm_wal (log text, n bigint, frame bytea, PRIMARY KEY (log, n))
//! ```
//! The primary key is the compare-and-set, and so the fence: of all inserts of one slot the database accepts
//! one. A table can lose its key, by a restore or by hand. So a session refuses a table without the key when
//! it first meets it, and every insert names the key, so that the database itself refuses the insert without
//! it (`tables`). The epochs are in the frames, as on every other store. A frame is one row and one
//! transaction. The writer of the first frame makes the table, so that a reader needs no right to make it.
//! The schema of the table comes from the address, never from the user's `search_path`: one address is one
//! log, for every user.
//!
//! The server decides what a commit means, so each session asks: a server that does not flush (`fsync = off`)
//! and a table that is not logged are refused, and `synchronous_commit` is `on` in every session, whatever
//! the default of the server, the database or the user is: with `off` and `local` a commit that was answered
//! can be lost.

mod address;
mod session;
mod tables;
mod tls;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use kfm_retry::Clock;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use super::address::AddressError;
use super::{Created, SlotError, Slots};
use address::Address;
use session::Sessions;
use tables::Table;

use crate::error::Source;

const VERSION: &str = "SELECT current_setting('server_version')";

/// Slots in a table of PostgreSQL.
///
/// It connects when it is first used, and again after the connection was lost; one connection serves all
/// calls. Its methods have to be called on a tokio runtime, on which the connection's task runs.
#[derive(Debug)]
pub struct PostgresSlots {
    log: String,
    place: String,
    sessions: Sessions,
}

impl PostgresSlots {
    /// Makes slots at `postgres://[user@]host[:port]/database[?log=NAME&schema=NAME&sslmode=MODE&sslrootcert=FILE]`.
    ///
    /// Nothing is connected yet. `log` (default `kfm`) names one of many logs in the table, `schema` (default
    /// `public`) the schema of the table. Of the pairs in `environment`, `PGUSER`, `PGPASSWORD`, `PGSSLMODE`
    /// and `PGSSLROOTCERT` are used, as the product's own tools do; a password in the address is refused.
    /// With `sslmode` `prefer`, the default, the client uses TLS if the server offers it; with `require`,
    /// `verify-ca` and `verify-full` the server must offer it. A certificate is checked in all of these
    /// modes.
    ///
    /// # Errors
    /// [`AddressError::Client`]: the address or one of the pairs is not valid, or the user is missing; repair
    /// it.
    pub fn new(
        url: &str,
        environment: &[(String, String)],
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AddressError> {
        let Address { log, schema, place, config, roots } = address::parse(url, environment)
            .map_err(|flaw| AddressError::Client { source: Box::new(flaw) })?;
        Ok(Self { log, place, sessions: Sessions::new(config, roots, Table::new(schema), clock) })
    }

    async fn insert(&self, n: i64, frame: &[u8]) -> Result<Created, Failed> {
        let rows = self
            .sessions
            .execute(
                &self.sessions.table.insert,
                &[(&self.log, Type::TEXT), (&n, Type::INT8), (&frame, Type::BYTEA)],
            )
            .await?;
        Ok(if rows == 1 { Created::Made } else { Created::Taken })
    }
}

#[async_trait]
impl Slots for PostgresSlots {
    async fn create(&self, n: u64, frame: Bytes) -> Result<Created, SlotError> {
        let n = number(n)?;
        match self.insert(n, &frame).await {
            Err(failed) if failed.is_missing_table() => {
                self.sessions.make().await?;
                Ok(self.insert(n, &frame).await?)
            }
            other => Ok(other?),
        }
    }

    async fn read(&self, n: u64) -> Result<Option<Bytes>, SlotError> {
        let n = number(n)?;
        let row =
            self.sessions.row(&self.sessions.table.read, &[(&self.log, Type::TEXT), (&n, Type::INT8)]).await;
        match row {
            Err(failed) if failed.is_missing_table() => Ok(None),
            Err(failed) => Err(failed.into()),
            Ok(None) => Ok(None),
            Ok(Some(row)) => {
                Ok(Some(Bytes::from(row.try_get::<_, Vec<u8>>(0).map_err(Failed::of_statement)?)))
            }
        }
    }

    async fn last(&self, from: u64) -> Result<Option<u64>, SlotError> {
        let from = number(from)?;
        let row = self
            .sessions
            .row(&self.sessions.table.last, &[(&self.log, Type::TEXT), (&from, Type::INT8)])
            .await;
        let newest = match row {
            Err(failed) if failed.is_missing_table() => None,
            Err(failed) => return Err(failed.into()),
            Ok(row) => match row {
                Some(row) => row.try_get::<_, Option<i64>>(0).map_err(Failed::of_statement)?,
                None => None,
            },
        };
        Ok(newest.and_then(|n| u64::try_from(n).ok()))
    }

    async fn server(&self) -> Result<Option<String>, SlotError> {
        let row = self.sessions.row(VERSION, &[]).await?;
        let version = row.map(|row| row.try_get::<_, String>(0)).transpose().map_err(Failed::of_statement)?;
        Ok(version.map(|version| format!("PostgreSQL {version}, table {}", self.sessions.table.name)))
    }

    fn name(&self, n: u64) -> String {
        format!("n={n}")
    }

    fn place(&self) -> String {
        self.place.clone()
    }

    fn is_durable(&self) -> bool {
        true
    }

    /// None: a unique key needs no trial, and each session checks that the key is there.
    fn proving_ground(&self, _: &str) -> Option<Box<dyn Slots>> {
        None
    }
}

/// A slot's number, as the column `n` has it.
fn number(n: u64) -> Result<i64, SlotError> {
    i64::try_from(n).map_err(|source| SlotError::Refused { source: Box::new(source) })
}

/// Why a statement brought no result.
#[derive(Debug)]
enum Failed {
    /// There is no connection, because of an error that the server or the driver reported: nothing was sent.
    Connecting(tokio_postgres::Error),
    /// There is no connection, because the server did not answer in time: nothing was sent.
    Unreachable,
    /// The connection is there, and the server or its table cannot hold a log.
    Unfit(Source),
    /// The statement was sent, and an error came back.
    Sent(tokio_postgres::Error),
    /// The statement was sent, and no answer came in time.
    TimedOut,
}

impl Failed {
    fn of_statement(error: tokio_postgres::Error) -> Self {
        Self::Sent(error)
    }

    fn is_missing_table(&self) -> bool {
        matches!(self, Self::Sent(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE))
    }
}

/// Says what is known of a statement's effect from what the server answered, or did not.
///
/// The classes of states are those of the product's manual, appendix A. A server that answers a statement
/// with an error has undone it, unless the server is going down at that moment.
impl From<Failed> for SlotError {
    fn from(failed: Failed) -> Self {
        let (error, was_sent) = match failed {
            Failed::TimedOut => return Self::Unknown { source: "server did not answer in time".into() },
            Failed::Unreachable => return Self::Busy { source: "server did not answer in time".into() },
            Failed::Unfit(source) => return Self::Refused { source },
            Failed::Connecting(error) => (error, false),
            Failed::Sent(error) => (error, true),
        };
        let class = error.code().map_or("", |state| &state.code()[..2]);
        match (error.code(), class) {
            // The only state of its class that leaves open whether a commit was made.
            (Some(&SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN), _) if was_sent => {
                Self::Unknown { source: Box::new(error) }
            }
            // Try again in a moment: the server starts up, or is a standby that is being promoted; it is out
            // of room or of connections; a limit of time cut the statement off; there was a deadlock, or the
            // transaction has to be repeated.
            (Some(state), _)
                if [&SqlState::CANNOT_CONNECT_NOW, &SqlState::READ_ONLY_SQL_TRANSACTION].contains(&state) =>
            {
                Self::Busy { source: Box::new(error) }
            }
            // The table is not the one that this crate makes: it is a view, or its key is checked only at the
            // end of a transaction.
            (Some(&SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE), _) => {
                Self::Refused { source: Box::new(error) }
            }
            (_, "53" | "55" | "40") => Self::Busy { source: Box::new(error) },
            (Some(&SqlState::QUERY_CANCELED), _) => Self::Busy { source: Box::new(error) },
            // The user has no right to this, or what the statement names is not there.
            (_, "28" | "3D" | "3F" | "42" | "22" | "23" | "0A" | "54") => {
                Self::Refused { source: Box::new(error) }
            }
            _ if !was_sent && tls::is_refusal(&error) => Self::Refused { source: Box::new(error) },
            _ if !was_sent => Self::Busy { source: Box::new(error) },
            _ => Self::Unknown { source: Box::new(error) },
        }
    }
}
