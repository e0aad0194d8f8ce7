//! The client of Neo4j's Query API: a statement, its rows, and what a failure means to the engine.

use std::fmt;
use std::time::Duration;

use kfm_retry::classify::neo4j_status;
use kfm_retry::{ErrorClass, RetryAfter};
use kfm_rollback::op::OpError;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::http::Address;
use crate::tls;

/// How many characters of what the server says are kept.
const SAID_CHARS_MAX: usize = 300;

/// Whether a request changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    ToLook,
    ToChange,
}

/// Asks one database of one server.
pub(super) struct Client {
    store: String,
    http: reqwest::Client,
    endpoint: String,
    login: Option<(String, String)>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Client {
    pub(super) fn new(
        store: &str,
        http: reqwest::Client,
        address: &Address,
        database: &str,
        login: Option<(String, String)>,
    ) -> Self {
        let endpoint = format!("{}/db/{database}/query/v2", address.text);
        Self { store: store.to_owned(), http, endpoint, login }
    }

    /// Returns the store's name.
    pub(super) fn store(&self) -> &str {
        &self.store
    }

    /// Runs a statement in a transaction of its own, and returns its rows.
    ///
    /// A look asks for the leader too: what a cluster's other members answer may be older than what was committed.
    pub(super) async fn run(
        &self,
        asked: Asked,
        statement: &str,
        parameters: Value,
    ) -> Result<Vec<Value>, OpError> {
        self.answer(statement, parameters)
            .await
            .map_err(|failed| failed.told(&self.store, &self.endpoint, asked))
    }

    async fn answer(&self, statement: &str, parameters: Value) -> Result<Vec<Value>, Failed> {
        let body = json!({ "statement": statement, "parameters": parameters }).to_string();
        let mut request = self.http.post(&self.endpoint).header(CONTENT_TYPE, "application/json").body(body);
        if let Some((user, password)) = &self.login {
            request = request.basic_auth(user, Some(password));
        }
        let response = request.send().await.map_err(Failed::of)?;
        let (status, retry_after) = (response.status(), retry_after(&response));
        let body =
            response.bytes().await.map_err(|error| Failed::Unanswered(Box::new(error.without_url())))?;
        let answer: Option<Value> = serde_json::from_slice(&body).ok();
        if let Some(error) = answer.as_ref().and_then(|answer| answer["errors"].get(0)) {
            let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
            return Err(Failed::Refused { code: text("code"), said: short(&text("message")), retry_after });
        }
        match answer {
            // The bookmark comes last, after the commit.
            Some(mut answer) if status.is_success() && answer["bookmarks"].is_array() => {
                match answer["data"]["values"].take() {
                    Value::Array(rows) => Ok(rows),
                    _ => Ok(Vec::new()),
                }
            }
            _ if status.is_success() => Err(Failed::Unanswered("the answer has no end".into())),
            _ => Err(Failed::NotNeo4j { status, retry_after }),
        }
    }
}

fn retry_after(response: &Response) -> Option<RetryAfter> {
    RetryAfter::parse(response.headers().get(RETRY_AFTER)?.to_str().ok()?)
}

fn short(text: &str) -> String {
    text.chars().take(SAID_CHARS_MAX).collect()
}

type Source = Box<dyn std::error::Error + Send + Sync>;

/// How a request failed.
#[derive(Debug)]
enum Failed {
    /// No connection was made, so nothing was asked.
    NotConnected(Source),
    /// No answer came; Neo4j may have done what it was asked.
    Unanswered(Source),
    /// Neo4j took the transaction back, and says why.
    Refused { code: String, said: String, retry_after: Option<RetryAfter> },
    /// Something else answered: a proxy, or another server.
    NotNeo4j { status: StatusCode, retry_after: Option<RetryAfter> },
}

/// What Neo4j said.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {said}")]
struct Said {
    code: String,
    said: String,
}

impl Failed {
    fn of(error: reqwest::Error) -> Self {
        let is_connect = error.is_connect();
        let error = Box::new(error.without_url());
        if is_connect { Self::NotConnected(error) } else { Self::Unanswered(error) }
    }

    /// Returns the store's error.
    fn told(self, store: &str, endpoint: &str, asked: Asked) -> OpError {
        let misconfigured = |what: String, remedy: &str| OpError::Misconfigured {
            store: store.to_owned(),
            what,
            remedy: remedy.to_owned(),
        };
        match self {
            Self::NotConnected(source) => match tls::refusal(&*source) {
                Some(why) => misconfigured(
                    format!("the encrypted connection does not come about: {why}"),
                    "check the host in url, https: or http:, and the key authorities in kfm.toml",
                ),
                None => OpError::transient(store, ErrorClass::Network, source),
            },
            Self::Unanswered(source) => not_known(store, ErrorClass::Network, source, asked),
            Self::NotNeo4j { status, retry_after } => {
                let source =
                    format!("an answer that is not Neo4j's: status={} endpoint={endpoint}", status.as_u16());
                match status.as_u16() {
                    429 => OpError::transient(store, ErrorClass::RateLimited, source).after(retry_after),
                    503 => OpError::transient(store, ErrorClass::Server, source).after(retry_after),
                    408 | 500..=599 => not_known(store, ErrorClass::Server, source.into(), asked),
                    _ => misconfigured(
                        source,
                        "write the address of Neo4j's Query API into url, of Neo4j 5.26 or later",
                    ),
                }
            }
            Self::Refused { code, said, retry_after } => {
                let class = neo4j_status(&code);
                let parts: Vec<&str> = code.split('.').collect();
                let said = Said { code: code.clone(), said };
                match parts[..] {
                    _ if class.is_retryable() => OpError::transient(store, class, said).after(retry_after),
                    [_, _, "Security", "AuthenticationRateLimit"] => {
                        OpError::transient(store, ErrorClass::RateLimited, said)
                            .after(Some(retry_after.unwrap_or(RetryAfter::Delay(LOCKED_OUT))))
                    }
                    [_, _, "Security", "CredentialsExpired"] => misconfigured(
                        "Neo4j wants another password before it does anything".into(),
                        "change it there (ALTER CURRENT USER SET PASSWORD), then set NEO4J_PASSWORD",
                    ),
                    [_, _, "Security", "Unauthorized"] => misconfigured(
                        "Neo4j does not let this process in".into(),
                        "set NEO4J_PASSWORD, and NEO4J_USERNAME if it is not neo4j",
                    ),
                    [_, _, "Security", _] => misconfigured(
                        format!("Neo4j does not permit what the store needs: {said}"),
                        "grant the permissions in docs/guides/neo4j.md",
                    ),
                    [_, _, "Database", "DatabaseNotFound"] => OpError::Missing {
                        store: store.to_owned(),
                        place: endpoint.to_owned(),
                        derived: false,
                    },
                    // The server's limits took it back; and another hand made the same node at the same moment.
                    [_, "ClientError", "Transaction", _]
                    | [_, "ClientError", "Schema", "ConstraintValidationFailed"] => {
                        OpError::transient(store, ErrorClass::Neo4jTransient, said)
                    }
                    // A commit that failed may be half of one that succeeded on another member.
                    [_, "DatabaseError", ..] => not_known(store, ErrorClass::Server, said.into(), asked),
                    _ => OpError::permanent(store, "-", said),
                }
            }
        }
    }
}

/// How long a user is locked out after too many wrong passwords, unless the server is told otherwise.
const LOCKED_OUT: Duration = Duration::from_secs(5);

fn not_known(store: &str, class: ErrorClass, source: Source, asked: Asked) -> OpError {
    match asked {
        Asked::ToLook => OpError::transient(store, class, source),
        Asked::ToChange => OpError::unknown(store, class, source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str, asked: Asked) -> OpError {
        let failed = Failed::Refused { code: code.to_owned(), said: "it said".to_owned(), retry_after: None };
        failed.told("graph", "http://localhost/db/neo4j/query/v2", asked)
    }

    #[test]
    fn what_passes_by_itself_is_waited_for() {
        for (code, expected) in [
            ("Neo.TransientError.Transaction.DeadlockDetected", ErrorClass::Neo4jTransient),
            ("Neo.TransientError.Transaction.LockAcquisitionTimeout", ErrorClass::Neo4jTransient),
            ("Neo.TransientError.General.MemoryPoolOutOfMemoryError", ErrorClass::Neo4jTransient),
            (
                "Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration",
                ErrorClass::Neo4jTransient,
            ),
            ("Neo.ClientError.Cluster.NotALeader", ErrorClass::Network),
            ("Neo.ClientError.Security.AuthenticationRateLimit", ErrorClass::RateLimited),
        ] {
            let error = refused(code, Asked::ToChange);
            assert!(
                matches!(&error, OpError::Transient { class, .. } if *class == expected),
                "{code}: {error:?}"
            );
        }
    }

    #[test]
    fn a_process_that_is_not_let_in_is_told_what_to_set() {
        for code in ["Unauthorized", "CredentialsExpired", "Forbidden"] {
            let error = refused(&format!("Neo.ClientError.Security.{code}"), Asked::ToLook);
            assert!(matches!(error, OpError::Misconfigured { .. }), "{code}: {error:?}");
        }
        let error = refused("Neo.ClientError.Database.DatabaseNotFound", Asked::ToLook);
        assert!(matches!(error, OpError::Missing { derived: false, .. }), "{error:?}");
    }

    #[test]
    fn a_change_whose_commit_is_not_told_may_have_been_made() {
        let code = "Neo.DatabaseError.Transaction.TransactionCommitFailed";
        assert!(matches!(refused(code, Asked::ToChange), OpError::Unknown { .. }));
        assert!(matches!(refused(code, Asked::ToLook), OpError::Transient { .. }));
    }

    #[test]
    fn a_statement_that_is_refused_is_not_tried_again() {
        let error = refused("Neo.ClientError.Statement.SyntaxError", Asked::ToChange);
        assert!(matches!(error, OpError::Permanent { .. }), "{error:?}");
    }

    #[test]
    fn a_gateway_is_told_from_another_server() {
        let of = |status| {
            let status = StatusCode::from_u16(status).unwrap();
            Failed::NotNeo4j { status, retry_after: None }.told("graph", "http://x", Asked::ToChange)
        };
        assert!(matches!(of(503), OpError::Transient { class: ErrorClass::Server, .. }));
        assert!(matches!(of(502), OpError::Unknown { class: ErrorClass::Server, .. }));
        assert!(matches!(of(404), OpError::Misconfigured { .. }));
    }
}
