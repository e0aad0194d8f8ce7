//! The class of an HTTP answer, with the hint in its headers.

use std::fmt;

use super::{Classify, ErrorClass, RetryAfter, Verdict, http_status};

/// An HTTP answer that is an error: its status, and when the service asks to be called again.
///
/// A client's own error type has no headers, and a policy needs one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpFailure {
    /// The status of the answer.
    pub status: http::StatusCode,
    /// The value of the `Retry-After` header; `None` if it is missing or cannot be read.
    pub retry_after: Option<RetryAfter>,
}

/// Returns the failure that an answer with this status and these headers is; `None` if the status is not an
/// error.
///
/// ```
/// use kfm_retry::{Classify, ErrorClass, RetryAfter, classify::http_failure};
/// use std::time::Duration;
///
/// let mut headers = http::HeaderMap::new();
/// headers.insert(http::header::RETRY_AFTER, http::HeaderValue::from_static("3"));
/// let failure = http_failure(http::StatusCode::TOO_MANY_REQUESTS, &headers).unwrap();
/// let verdict = failure.classify();
/// assert_eq!(verdict.class, ErrorClass::RateLimited);
/// assert_eq!(verdict.retry_after, Some(RetryAfter::Delay(Duration::from_secs(3))));
/// assert!(http_failure(http::StatusCode::OK, &headers).is_none());
/// ```
pub fn http_failure(status: http::StatusCode, headers: &http::HeaderMap) -> Option<HttpFailure> {
    if !status.is_client_error() && !status.is_server_error() {
        return None;
    }
    let value = headers.get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    Some(HttpFailure { status, retry_after: value.and_then(RetryAfter::parse) })
}

impl Classify for http::StatusCode {
    fn classify(&self) -> Verdict {
        http_status(self.as_u16()).into()
    }
}

impl Classify for HttpFailure {
    fn classify(&self) -> Verdict {
        let class: ErrorClass = http_status(self.status.as_u16());
        Verdict::from(class).after(self.retry_after)
    }
}

impl fmt::Display for HttpFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the service answered with an error: status=`{}`", self.status.as_u16())
    }
}

impl std::error::Error for HttpFailure {}
