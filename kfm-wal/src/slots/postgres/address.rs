//! The address of a database, without secrets, and the pairs of the environment: host, database, user.

use std::path::PathBuf;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// The log of an address that names none.
const LOG: &str = "kfm";

/// The longest name of a log.
const LOG_BYTES_MAX: usize = 128;

/// The schema of an address that names none: the same one for every user.
pub(super) const SCHEMA: &str = "public";

/// The longest name that the product keeps, in bytes; it cuts longer ones without a message.
const SCHEMA_BYTES_MAX: usize = 63;

/// What is wrong with an address of a database.
#[derive(Debug, thiserror::Error)]
pub(super) enum Flaw {
    /// The address cannot be read: repair it.
    #[error("address of the database does not read, it is postgres://[user@]host[:port]/database")]
    Unreadable {
        /// What is wrong with it.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The address has no host: name one.
    #[error("address of the database has no host, put one behind postgres://")]
    NoHost,
    /// The address has no database: name one.
    #[error("address of the database has no database, put one behind the host")]
    NoDatabase,
    /// There is no user: put one into the address, or set `PGUSER`.
    #[error("address of the database has no user, set PGUSER")]
    NoUser,
    /// The address has a password, which would be shown and kept: take it out, and set `PGPASSWORD`.
    #[error("address of the database has a password, set PGPASSWORD instead")]
    Password,
    /// The name of the log is not valid: take another.
    #[error("name of a log is too long, or not of letters, digits, '-', '_', '.' and '/' only: log={log}")]
    Log {
        /// The name.
        log: String,
    },
    /// The name of the schema is not valid: take another.
    #[error(
        "name of a schema is empty, too long, or not of letters, digits, '-' and '_' only: schema={schema}"
    )]
    Schema {
        /// The name.
        schema: String,
    },
    /// `sslmode` is not one of its values: take one.
    #[error("sslmode is not disable, prefer, require, verify-ca or verify-full: sslmode={mode}")]
    SslMode {
        /// What was given.
        mode: String,
    },
}

/// The parts of an address.
pub(super) struct Address {
    pub(super) log: String,
    /// The schema of the table; `None` where the address names none, then [`SCHEMA`] is meant.
    pub(super) schema: Option<String>,
    /// The address for messages: without user and secrets.
    pub(super) place: String,
    pub(super) config: Config,
    /// A file of certificates to trust beside the system's.
    pub(super) roots: Option<PathBuf>,
}

pub(super) fn parse(url: &str, environment: &[(String, String)]) -> Result<Address, Flaw> {
    let given = |name: &str| environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut log, mut roots, mut mode) = (LOG, given("PGSSLROOTCERT"), given("PGSSLMODE"));
    let (mut schema, mut rest) = (None, Vec::new());
    // The driver does not know these parameters, or reads them in another way; it gets the rest.
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("log", value)) => log = value,
            Some(("schema", value)) => schema = Some(value),
            Some(("sslrootcert", value)) => roots = Some(value),
            Some(("sslmode", value)) => mode = Some(value),
            _ => rest.push(pair),
        }
    }
    let is_plain = |name: &str, bytes_max, more: &[u8]| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || more.contains(&byte);
        !name.is_empty() && name.len() <= bytes_max && name.bytes().all(is_plain)
    };
    if !is_plain(log, LOG_BYTES_MAX, b"-_./") {
        return Err(Flaw::Log { log: log.to_owned() });
    }
    if let Some(schema) = schema.filter(|schema| !is_plain(schema, SCHEMA_BYTES_MAX, b"-_")) {
        return Err(Flaw::Schema { schema: schema.to_owned() });
    }
    let mut config: Config =
        format!("{base}?{}", rest.join("&")).parse().map_err(|source| Flaw::Unreadable { source })?;
    if config.get_password().is_some() {
        return Err(Flaw::Password);
    }
    if let Some(password) = given("PGPASSWORD") {
        config.password(password);
    }
    if config.get_user().is_none() {
        config.user(given("PGUSER").ok_or(Flaw::NoUser)?);
    }
    // A certificate is checked in every mode, so the modes that verify it need no more than `require`.
    config.ssl_mode(match mode {
        None | Some("prefer" | "allow") => SslMode::Prefer,
        Some("disable") => SslMode::Disable,
        Some("require" | "verify-ca" | "verify-full") => SslMode::Require,
        Some(mode) => return Err(Flaw::SslMode { mode: mode.to_owned() }),
    });
    let mut place = place(&config, log)?;
    if let Some(schema) = schema {
        place += &format!("&schema={schema}");
    }
    let schema = schema.map(str::to_owned);
    Ok(Address { log: log.to_owned(), schema, place, config, roots: roots.map(PathBuf::from) })
}

fn place(config: &Config, log: &str) -> Result<String, Flaw> {
    let port = |at: usize| config.get_ports().get(at).or(config.get_ports().first()).copied().unwrap_or(5432);
    let hosts = config.get_hosts().iter().enumerate().map(|(at, host)| match host {
        Host::Tcp(name) => format!("{name}:{}", port(at)),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    let hosts: Vec<String> = hosts.collect();
    if hosts.is_empty() {
        return Err(Flaw::NoHost);
    }
    // By default the product would take a database of the user's name: another log for every user.
    let database = config.get_dbname().ok_or(Flaw::NoDatabase)?;
    Ok(format!("postgres://{}/{database}?log={log}", hosts.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Vec<(String, String)> {
        [("PGUSER", "kfm"), ("PGPASSWORD", "secret"), ("PGSSLMODE", "require")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    }

    #[test]
    fn the_environment_says_who_and_the_address_says_where() {
        let address =
            parse("postgres://db.example:5433/ops?log=kansas&connect_timeout=3", &environment()).unwrap();
        assert_eq!(address.place, "postgres://db.example:5433/ops?log=kansas");
        assert_eq!(address.config.get_user(), Some("kfm"));
        assert_eq!(address.config.get_password(), Some(&b"secret"[..]));
        assert_eq!(address.config.get_ssl_mode(), SslMode::Require);
        let address =
            parse("postgres://me@db.example/ops?sslmode=disable&sslrootcert=ca.pem", &environment());
        let address = address.unwrap();
        assert_eq!(address.config.get_user(), Some("me"));
        assert_eq!((address.log.as_str(), address.roots), ("kfm", Some(PathBuf::from("ca.pem"))));
        assert_eq!(address.config.get_ssl_mode(), SslMode::Disable);
        assert_eq!(address.schema, None);
        let address = parse("postgres://db/ops?schema=kfm_ops", &environment()).unwrap();
        assert_eq!(address.place, "postgres://db:5432/ops?log=kfm&schema=kfm_ops");
        assert_eq!(address.schema.as_deref(), Some("kfm_ops"));
    }

    #[test]
    fn an_address_with_a_password_is_refused_without_repeating_it() {
        let refused = parse("postgres://kfm:hush@db.example/ops", &environment()).err().unwrap();
        assert!(matches!(refused, Flaw::Password) && !refused.to_string().contains("hush"));
    }

    #[test]
    fn an_address_that_says_too_little_or_too_much_is_refused() {
        for (url, expected) in [
            ("postgres:///ops", "has no host"),
            ("postgres://db", "has no database"),
            ("postgres://db/ops?schema=", "name of a schema"),
            ("postgres://db/ops?schema=a\"b", "name of a schema"),
            ("postgres://db/ops?log=", "name of a log"),
            ("postgres://db/ops?log=a%20b", "name of a log"),
            ("postgres://db/ops?sslmode=maybe", "sslmode=maybe"),
            ("postgres://db/ops?colour=red", "does not read"),
        ] {
            let said = parse(url, &environment()).err().unwrap().to_string();
            assert!(said.contains(expected), "{url}: {said}");
        }
        assert!(matches!(parse("postgres://db/ops", &[]), Err(Flaw::NoUser)));
    }
}
