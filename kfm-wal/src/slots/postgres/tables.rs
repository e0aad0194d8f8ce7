//! The table: what is asked of it, and what it has to be so that one of many creators succeeds.

use tokio_postgres::Row;

use super::address::SCHEMA;
use crate::error::Source;

/// A table, and the statements on it.
#[derive(Debug)]
pub(super) struct Table {
    /// With its schema, for messages.
    pub(super) name: String,
    /// The same as the database reads it.
    pub(super) quoted: String,
    /// Whether nobody named the schema, so that a user may have meant another.
    is_default: bool,
    pub(super) make: String,
    pub(super) insert: String,
    pub(super) read: String,
    pub(super) last: String,
}

/// What a connection has to say before it is used: whether commits are flushed, what the table `$1` is, and which
/// one the user's `search_path` would have brought.
///
/// The key is any index that the database would take for the conflict of an insert: on exactly these columns,
/// unique at once, whole, and without gaps of a build that failed.
pub(super) const MEANING: &str = "SELECT current_setting('fsync'), current_setting('synchronous_commit'), \
    t.relpersistence::text, \
    EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.oid AND i.indisunique AND i.indisvalid AND i.indimmediate \
        AND i.indpred IS NULL AND i.indexprs IS NULL \
        AND (SELECT array_agg(a.attname::text ORDER BY a.attname::text) \
            FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, at) \
            JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum \
            WHERE k.at <= i.indnkeyatts) = ARRAY['log', 'n']), \
    (SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.oid = to_regclass('kfm_wal')) \
    FROM (SELECT to_regclass($1) AS oid) AS meant LEFT JOIN pg_class t ON t.oid = meant.oid";

/// Why a server or a table holds no log.
#[derive(Debug, thiserror::Error)]
pub(super) enum Flaw {
    /// A power cut takes back what was acknowledged: set `fsync = on`, or use another server.
    #[error("server does not flush what it commits: fsync={fsync}")]
    Forgetful {
        /// What it says.
        fsync: String,
    },
    /// The session could not be told to wait: something between it and the server changes its settings.
    #[error("session does not wait for its commits: synchronous_commit={commit}")]
    Hasty {
        /// What it says.
        commit: String,
    },
    /// A crash empties the table: make it logged.
    #[error("table {table} is not logged, a crash of the server empties it: ALTER TABLE {table} SET LOGGED")]
    NotLogged {
        /// The table.
        table: String,
    },
    /// Two creators of one slot would both succeed: restore the key.
    #[error(
        "table {table} has no unique key on (log, n), two hosts could write one slot: ALTER TABLE {table} ADD PRIMARY \
         KEY (log, n), and verify the log"
    )]
    NoKey {
        /// The table.
        table: String,
    },
    /// The user finds a table by his `search_path` that the address does not mean: name the schema that is meant.
    #[error(
        "table {table} is not there, and kfm_wal is in another schema: put schema={found} into the address if that is it"
    )]
    Elsewhere {
        /// The table.
        table: String,
        /// The schema of the other.
        found: String,
    },
}

impl Table {
    pub(super) fn new(schema: Option<String>) -> Self {
        let is_default = schema.is_none();
        let schema = schema.unwrap_or_else(|| SCHEMA.to_owned());
        let quoted = format!("\"{schema}\".kfm_wal");
        Self {
            name: format!("{schema}.kfm_wal"),
            is_default,
            make: format!(
                "CREATE TABLE IF NOT EXISTS {quoted} (log text NOT NULL, n bigint NOT NULL CHECK (n >= 0), frame bytea \
                 NOT NULL, PRIMARY KEY (log, n))"
            ),
            // The key is named: the database inserts nothing into a table without one.
            insert: format!(
                "INSERT INTO {quoted} (log, n, frame) VALUES ($1, $2, $3) ON CONFLICT (log, n) DO NOTHING"
            ),
            read: format!("SELECT frame FROM {quoted} WHERE log = $1 AND n = $2"),
            last: format!("SELECT max(n) FROM {quoted} WHERE log = $1 AND n >= $2"),
            quoted,
        }
    }

    /// Says what a table without its key is.
    pub(super) fn no_key(&self) -> Flaw {
        Flaw::NoKey { table: self.name.clone() }
    }

    /// Refuses what would answer for records that a crash, or another host, takes back. A table that is not there is
    /// right: it is made as it has to be.
    pub(super) fn judge(&self, meaning: &Row) -> Result<Result<(), Flaw>, tokio_postgres::Error> {
        let text = |column: usize| meaning.try_get::<_, Option<String>>(column);
        let (fsync, commit) = (text(0)?.unwrap_or_default(), text(1)?.unwrap_or_default());
        let (persistence, has_key, found) = (text(2)?, meaning.try_get::<_, bool>(3)?, text(4)?);
        let table = self.name.clone();
        Ok(match (persistence.as_deref(), found) {
            _ if fsync != "on" => Err(Flaw::Forgetful { fsync }),
            _ if commit != "on" => Err(Flaw::Hasty { commit }),
            (None, Some(found)) if self.is_default => Err(Flaw::Elsewhere { table, found }),
            (None, _) => Ok(()),
            (Some("p"), _) if !has_key => Err(self.no_key()),
            (Some("p"), _) => Ok(()),
            (Some(_), _) => Err(Flaw::NotLogged { table }),
        })
    }
}

impl From<Flaw> for super::Failed {
    fn from(flaw: Flaw) -> Self {
        Self::Unfit(Source::from(flaw))
    }
}
