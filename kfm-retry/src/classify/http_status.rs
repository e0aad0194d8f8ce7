//! The class of an HTTP status (R82).

use super::ErrorClass;

/// Returns the class of an HTTP status code that is an error.
///
/// 408, 429 and 500 to 504 may be tried again. 401, 403 and every other 4xx may not, since the service
/// understood the request. A status that is not an error is [`ErrorClass::Unknown`].
///
/// ```
/// use kfm_retry::{ErrorClass, classify::http_status};
///
/// assert_eq!(http_status(503), ErrorClass::Server);
/// assert_eq!(http_status(501).is_retryable(), true);
/// assert_eq!(http_status(403), ErrorClass::Denied);
/// assert_eq!(http_status(505), ErrorClass::Unknown);
/// ```
pub const fn http_status(code: u16) -> ErrorClass {
    match code {
        408 => ErrorClass::Timeout,
        429 => ErrorClass::RateLimited,
        401 | 403 => ErrorClass::Denied,
        451 => ErrorClass::Governance,
        400..=499 => ErrorClass::Rejected,
        500..=504 => ErrorClass::Server,
        _ => ErrorClass::Unknown,
    }
}
