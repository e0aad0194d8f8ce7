//! What a failure of Redis means to the engine.

use std::io;

use kfm_retry::{Classify, ErrorClass};
use kfm_rollback::op::OpError;
use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::tls;

/// How a request failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// No connection was made, so nothing was asked.
    NotConnected(Source),
    /// Redis answered with an error.
    Refused(RedisError),
    /// No answer came; Redis may have done what it was asked.
    Unanswered(RedisError),
}

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Whether a request changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    ToLook,
    ToChange,
}

impl Failed {
    /// Tells an error of the client from an answer of the server.
    pub(super) fn of(error: RedisError) -> Self {
        match error.kind() {
            ErrorKind::Io | ErrorKind::Parse | ErrorKind::Client => Self::Unanswered(error),
            _ => Self::Refused(error),
        }
    }

    /// Says whether a node of a cluster names another one that has the keys for good.
    pub(super) fn names_another_node(&self) -> bool {
        matches!(self, Self::Refused(error) if error.kind() == ErrorKind::Server(ServerErrorKind::Moved))
    }

    /// Says whether the connection cannot be used any more, or leads to a server that is no longer the right one.
    pub(super) fn ends_connection(&self) -> bool {
        match self {
            Self::NotConnected(_) | Self::Unanswered(_) => true,
            Self::Refused(error) => matches!(
                error.kind(),
                ErrorKind::AuthenticationFailed
                    | ErrorKind::Server(
                        ServerErrorKind::ReadOnly
                            | ServerErrorKind::Moved
                            | ServerErrorKind::MasterDown
                            | ServerErrorKind::ClusterDown
                            | ServerErrorKind::BusyLoading
                    )
            ),
        }
    }

    /// Returns the store's error; `key` is what the request was about, or `-`.
    pub(super) fn told(self, store: &str, key: &str, asked: Asked) -> OpError {
        match self {
            Self::NotConnected(source) => not_connected(store, source),
            Self::Refused(error) => refused(store, key, error),
            Self::Unanswered(error) => {
                // A class that is not retried would end an operation because a connection broke.
                let class = Some(error.classify().class).filter(|class| class.is_retryable());
                let class = class.unwrap_or(ErrorClass::Network);
                match asked {
                    Asked::ToLook => OpError::transient(store, class, error),
                    Asked::ToChange => OpError::unknown(store, class, error),
                }
            }
        }
    }
}

fn not_connected(store: &str, source: Source) -> OpError {
    if let Some(why) = tls::refusal(&*source) {
        let what = format!("the encrypted connection does not come about: {why}");
        let remedy = "check the host in url, rediss: or redis:, and the key authorities in kfm.toml".into();
        return OpError::Misconfigured { store: store.to_owned(), what, remedy };
    }
    // Half an answer to the greeting is a connection that broke, as it is later.
    if let Some(error) = source.downcast_ref::<RedisError>()
        && let Failed::Refused(error) = Failed::of(error.clone())
    {
        return refused(store, "-", error);
    }
    let is_late =
        source.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut);
    OpError::transient(store, if is_late { ErrorClass::Timeout } else { ErrorClass::Network }, source)
}

/// Redis has read the request and says no.
fn refused(store: &str, key: &str, error: RedisError) -> OpError {
    let misconfigured = |what: String, remedy: &str| OpError::Misconfigured {
        store: store.to_owned(),
        what,
        remedy: remedy.to_owned(),
    };
    let said = || error.detail().unwrap_or_default().to_owned();
    match (error.kind(), error.code().unwrap_or_default()) {
        (ErrorKind::AuthenticationFailed, _) | (_, "NOAUTH" | "WRONGPASS") => misconfigured(
            "Redis does not let this process in".into(),
            "set REDIS_PASSWORD, and REDIS_USERNAME for a user of its ACL",
        ),
        (_, code) if code == "NOPERM" || is_denied_in_script(&said()) => misconfigured(
            format!("Redis does not permit what the store needs: {}", said()),
            "grant the permissions in docs/guides/redis.md",
        ),
        // What passes by itself, or by an operator's hand: memory, a disk, a fail-over, a resharding, a start.
        (
            _,
            "LOADING" | "OOM" | "MISCONF" | "READONLY" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "MOVED"
            | "ASK" | "BUSY" | "NOREPLICAS" | "NOSCRIPT" | "UNBLOCKED",
        ) => OpError::transient(store, ErrorClass::Server, error),
        _ => OpError::permanent(store, key, error),
    }
}

/// Says whether Redis denies a command of the script, for which it has no code of its own.
fn is_denied_in_script(said: &str) -> bool {
    said.contains("executing the script can't") || said.contains("ACL failure in script")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Failed {
        let value = redis::parse_redis_value(format!("-{text}\r\n").as_bytes()).unwrap();
        Failed::of(value.extract_error().unwrap_err())
    }

    #[test]
    fn what_passes_by_itself_is_waited_for() {
        for text in [
            "LOADING Redis is loading the dataset in memory",
            "OOM command not allowed when used memory > 'maxmemory'.",
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
            "READONLY You can't write against a read only replica.",
            "MASTERDOWN Link with MASTER is down",
            "CLUSTERDOWN The cluster is down",
            "TRYAGAIN Multiple keys request during rehashing of slot",
            "MOVED 3999 127.0.0.1:6381",
            "BUSY Redis is busy running a script.",
        ] {
            let error = answer(text).told("cache", "-", Asked::ToChange);
            assert!(
                matches!(error, OpError::Transient { class: ErrorClass::Server, .. }),
                "{text}: {error:?}"
            );
        }
    }

    #[test]
    fn who_is_not_let_in_is_told_what_to_set() {
        for text in [
            "NOAUTH Authentication required.",
            "WRONGPASS invalid username-password pair or user is disabled.",
            "ERR The user executing the script can't run this command or subcommand script: 2c85, on @user_script:6.",
            "NOPERM User kfm has no permissions to run the 'eval' command",
        ] {
            let error = answer(text).told("cache", "-", Asked::ToLook);
            assert!(matches!(error, OpError::Misconfigured { .. }), "{text}: {error:?}");
        }
    }

    #[test]
    fn what_a_server_refuses_for_good_is_not_tried_again() {
        let error = answer("WRONGTYPE Operation against a key holding the wrong kind of value");
        assert!(matches!(error.told("cache", "x", Asked::ToChange), OpError::Permanent { .. }));
    }

    #[test]
    fn half_an_answer_to_the_greeting_is_waited_for() {
        let half = redis::parse_redis_value(b"+O").unwrap_err();
        let error = Failed::NotConnected(Box::new(half)).told("cache", "-", Asked::ToChange);
        assert!(matches!(error, OpError::Transient { .. }), "{error:?}");
        let refusal = redis::parse_redis_value(b"-WRONGPASS invalid username-password pair\r\n").unwrap();
        let refusal = Box::new(refusal.extract_error().unwrap_err());
        let error = Failed::NotConnected(refusal).told("cache", "-", Asked::ToChange);
        assert!(matches!(error, OpError::Misconfigured { .. }), "{error:?}");
    }

    #[test]
    fn a_change_without_an_answer_may_have_been_made() {
        let lost = || Failed::of(io::Error::from(io::ErrorKind::BrokenPipe).into());
        assert!(matches!(lost().told("cache", "-", Asked::ToChange), OpError::Unknown { .. }));
        assert!(matches!(lost().told("cache", "-", Asked::ToLook), OpError::Transient { .. }));
    }
}
