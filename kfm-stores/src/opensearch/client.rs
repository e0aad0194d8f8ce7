//! The client: a request, its JSON answer, and what a failure means to the engine.

use std::fmt;

use kfm_retry::{ErrorClass, RetryAfter};
use kfm_rollback::op::OpError;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response};
use serde_json::Value;

use crate::tls;

/// How many characters of what the server says are kept.
const SAID_CHARS_MAX: usize = 300;

/// Whether a request changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    ToLook,
    ToChange,
}

/// What authenticates the process.
pub(super) enum Login {
    Password {
        user: String,
        password: String,
    },
    /// The header of an API key.
    ApiKey(HeaderValue),
    None,
}

/// Asks one server.
pub(super) struct Client {
    store: String,
    http: reqwest::Client,
    address: String,
    login: Login,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("address", &self.address).finish_non_exhaustive()
    }
}

/// What the server answered, if it is an answer to what was asked: done, or refused.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the word for why it was refused, such as `index_not_found_exception`.
    pub(super) fn refusal(&self) -> &str {
        self.body["error"]["type"].as_str().unwrap_or_default()
    }
}

/// A body to send.
pub(super) enum Body {
    None,
    Json(Value),
    /// Lines of JSON, each with its end.
    Lines(String),
}

impl Client {
    pub(super) fn new(store: &str, http: reqwest::Client, address: &str, login: Login) -> Self {
        Self { store: store.to_owned(), http, address: address.to_owned(), login }
    }

    /// Returns the store's name.
    pub(super) fn store(&self) -> &str {
        &self.store
    }

    /// Returns the server's address.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Asks, and returns what was answered to it, also if it was refused.
    pub(super) async fn ask(
        &self,
        asked: Asked,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<Answer, OpError> {
        let answered = self.answer(method, path, body).await;
        answered.map_err(|failed| failed.told(&self.store, &self.address, asked))
    }

    /// Looks, and takes no refusal.
    pub(super) async fn look(&self, method: Method, path: &str, body: Body) -> Result<Value, OpError> {
        let answer = self.ask(Asked::ToLook, method, path, body).await?;
        if answer.is_ok() { Ok(answer.body) } else { Err(self.refused("-", &answer)) }
    }

    /// Changes something, and takes no refusal.
    pub(super) async fn change(&self, method: Method, path: &str, body: Body) -> Result<Value, OpError> {
        let answer = self.ask(Asked::ToChange, method, path, body).await?;
        if answer.is_ok() { Ok(answer.body) } else { Err(self.refused("-", &answer)) }
    }

    /// Returns the error of a refusal that trying again does not help.
    pub(super) fn refused(&self, key: &str, answer: &Answer) -> OpError {
        OpError::permanent(&self.store, key, said(answer.status, &answer.body["error"]))
    }

    async fn answer(&self, method: Method, path: &str, body: Body) -> Result<Answer, Failed> {
        let mut request = self.http.request(method, format!("{}/{path}", self.address));
        request = match &self.login {
            Login::Password { user, password } => request.basic_auth(user, Some(password)),
            Login::ApiKey(key) => request.header(AUTHORIZATION, key.clone()),
            Login::None => request,
        };
        request = match body {
            Body::None => request,
            Body::Json(json) => request.header(CONTENT_TYPE, "application/json").body(json.to_string()),
            Body::Lines(lines) => request.header(CONTENT_TYPE, "application/x-ndjson").body(lines),
        };
        let response = request.send().await.map_err(Failed::of)?;
        let (status, retry_after) = (response.status().as_u16(), retry_after(&response));
        let body =
            response.bytes().await.map_err(|error| Failed::Unanswered(Box::new(error.without_url())))?;
        let Ok(body) = serde_json::from_slice::<Value>(&body) else {
            return Err(Failed::Other { status, retry_after });
        };
        match status {
            200..=299 => Ok(Answer { status, body }),
            401 => Err(Failed::NotLetIn),
            // An index that the server has made read-only is one that it makes writable again.
            403 if body["error"]["type"] == "cluster_block_exception" => {
                Err(Failed::Busy { said: said(status, &body["error"]), status, retry_after })
            }
            403 => Err(Failed::NotPermitted(said(status, &body["error"]))),
            408 | 429 | 500..=599 => {
                Err(Failed::Busy { said: said(status, &body["error"]), status, retry_after })
            }
            400..=499 => Ok(Answer { status, body }),
            _ => Err(Failed::Other { status, retry_after }),
        }
    }
}

fn retry_after(response: &Response) -> Option<RetryAfter> {
    RetryAfter::parse(response.headers().get(RETRY_AFTER)?.to_str().ok()?)
}

/// Says what the server said of an error.
pub(super) fn said(status: u16, error: &Value) -> String {
    let text = |name: &str| error[name].as_str().unwrap_or_default();
    let said = match error.as_str() {
        Some(error) => error.to_owned(),
        None => format!("{}: {}", text("type"), text("reason")),
    };
    let said: String = said.chars().take(SAID_CHARS_MAX).collect();
    format!("{said}: status={status}")
}

type Source = Box<dyn std::error::Error + Send + Sync>;

/// How a request failed.
#[derive(Debug)]
enum Failed {
    /// No connection was made, so nothing was asked.
    NotConnected(Source),
    /// No answer came; the server may have done what it was asked.
    Unanswered(Source),
    /// The server does not know the process.
    NotLetIn,
    /// The server knows the process and does not permit it.
    NotPermitted(String),
    /// The server cannot do it now.
    Busy { said: String, status: u16, retry_after: Option<RetryAfter> },
    /// Something else answered: a proxy, or another server.
    Other { status: u16, retry_after: Option<RetryAfter> },
}

impl Failed {
    fn of(error: reqwest::Error) -> Self {
        let is_connect = error.is_connect();
        let error = Box::new(error.without_url());
        if is_connect { Self::NotConnected(error) } else { Self::Unanswered(error) }
    }

    /// Returns the store's error.
    fn told(self, store: &str, address: &str, asked: Asked) -> OpError {
        let misconfigured = |what: String, remedy: &str| OpError::Misconfigured {
            store: store.to_owned(),
            what,
            remedy: remedy.to_owned(),
        };
        let (status, source, retry_after) = match self {
            Self::NotConnected(source) => match tls::refusal(&*source) {
                Some(why) => {
                    return misconfigured(
                        format!("the encrypted connection does not come about: {why}"),
                        "check the host in url, https: or http:, and the key authorities in kfm.toml",
                    );
                }
                None => return OpError::transient(store, ErrorClass::Network, source),
            },
            Self::Unanswered(source) => return not_known(store, ErrorClass::Network, source, asked),
            Self::NotLetIn => {
                return misconfigured(
                    "the search server does not let this process in".into(),
                    "set OPENSEARCH_USERNAME and OPENSEARCH_PASSWORD, or ELASTICSEARCH_API_KEY and its kin",
                );
            }
            Self::NotPermitted(said) => {
                return misconfigured(
                    format!("the search server does not permit what the store needs: {said}"),
                    "grant the permissions in docs/guides/opensearch.md",
                );
            }
            Self::Busy { said, status, retry_after } => (status, said, retry_after),
            Self::Other { status, retry_after } => {
                let source =
                    format!("an answer that is not a search server's: status={status} address={address}");
                (status, source, retry_after)
            }
        };
        match status {
            429 => OpError::transient(store, ErrorClass::RateLimited, source).after(retry_after),
            403 | 503 => OpError::transient(store, ErrorClass::Server, source).after(retry_after),
            408 | 500..=599 => not_known(store, ErrorClass::Server, source.into(), asked),
            _ => misconfigured(source, "write the address of the search server into url"),
        }
    }
}

fn not_known(store: &str, class: ErrorClass, source: Source, asked: Asked) -> OpError {
    match asked {
        Asked::ToLook => OpError::transient(store, class, source),
        Asked::ToChange => OpError::unknown(store, class, source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, asked: Asked) -> OpError {
        let asked_again = RetryAfter::parse("3");
        let failed = Failed::Busy { said: "it said".to_owned(), status, retry_after: asked_again };
        failed.told("search", "http://localhost:9200", asked)
    }

    #[test]
    fn what_passes_by_itself_is_waited_for_as_long_as_the_server_asks() {
        for (status, expected) in [(429, ErrorClass::RateLimited), (503, ErrorClass::Server)] {
            let error = told(status, Asked::ToChange);
            assert!(
                matches!(&error, OpError::Transient { class, retry_after: Some(_), .. } if *class == expected),
                "{status}: {error:?}"
            );
        }
        assert!(told(403, Asked::ToChange).may_pass(), "an index that is read-only for a while");
    }

    #[test]
    fn a_change_that_failed_within_the_server_may_have_been_made() {
        for status in [500, 502, 504, 408] {
            assert!(matches!(told(status, Asked::ToChange), OpError::Unknown { .. }), "{status}");
            assert!(matches!(told(status, Asked::ToLook), OpError::Transient { .. }), "{status}");
        }
    }

    #[test]
    fn another_server_is_told_from_a_gateway() {
        let other =
            |status| Failed::Other { status, retry_after: None }.told("search", "http://x", Asked::ToLook);
        assert!(matches!(other(404), OpError::Misconfigured { .. }));
        assert!(matches!(other(200), OpError::Misconfigured { .. }));
        assert!(other(502).may_pass());
    }
}
