//! The table: the statements on it, and what it has to be so that one of many creators succeeds.

use tokio_postgres::Row;

use super::address::SCHEMA;
use crate::error::Source;

/// A table, and the statements on it.
#[derive(Debug)]
pub(super) struct Table {
    /// The table's name with its schema, for messages.
    pub(super) name: String,
    /// The same name, quoted for statements.
    pub(super) quoted: String,
    /// Whether the address names no schema, so that the user may have meant another one.
    is_default: bool,
    pub(super) make: String,
    pub(super) insert: String,
    pub(super) read: String,
    pub(super) last: String,
}

/// The question to each new connection: are commits flushed, what is the table `$1`, and which table would
/// the user's `search_path` have found.
///
/// A key is any index that the database would take for the conflict of an insert: on exactly these columns,
/// unique, checked at once, over all rows, and valid, which an index whose build has failed is not.
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

/// Why a server or a table cannot hold a log.
#[derive(Debug, thiserror::Error)]
pub(super) enum Flaw {
    /// A power cut would take back what the server acknowledged: set `fsync = on`, or use another server.
    #[error("server does not flush what it commits: fsync={fsync}")]
    Forgetful {
        /// The server's setting.
        fsync: String,
    },
    /// The session does not wait for its commits although it was told to: something between it and the server
    /// changes its settings.
    #[error("session does not wait for its commits: synchronous_commit={commit}")]
    Hasty {
        /// The session's setting.
        commit: String,
    },
    /// A crash empties the table: make it logged.
    #[error("table {table} is not logged, a crash of the server empties it: ALTER TABLE {table} SET LOGGED")]
    NotLogged {
        /// The table, with its schema.
        table: String,
    },
    /// The table has no key, so two creators of one slot would both succeed: restore the key.
    #[error(
        "table {table} has no unique key on (log, n), two hosts could write one slot: ALTER TABLE {table} ADD PRIMARY \
         KEY (log, n), and verify the log"
    )]
    NoKey {
        /// The table, with its schema.
        table: String,
    },
    /// The user's `search_path` finds a table that the address does not mean: name the meant schema in the
    /// address.
    #[error(
        "table {table} is not there, and kfm_wal is in another schema: put schema={found} into the address if that is it"
    )]
    Elsewhere {
        /// The table that the address means.
        table: String,
        /// The schema of the table that was found.
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
            // The insert names the key: the database inserts nothing into a table without it.
            insert: format!(
                "INSERT INTO {quoted} (log, n, frame) VALUES ($1, $2, $3) ON CONFLICT (log, n) DO NOTHING"
            ),
            read: format!("SELECT frame FROM {quoted} WHERE log = $1 AND n = $2"),
            last: format!("SELECT max(n) FROM {quoted} WHERE log = $1 AND n >= $2"),
            quoted,
        }
    }

    /// Makes the flaw of a table that has lost its key.
    pub(super) fn no_key(&self) -> Flaw {
        Flaw::NoKey { table: self.name.clone() }
    }

    /// Refuses a table whose records a crash or another host could take back. A table that is not there is
    /// right: the writer makes it as it has to be.
    ///
    /// # Errors
    /// The answer of the database cannot be read.
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
