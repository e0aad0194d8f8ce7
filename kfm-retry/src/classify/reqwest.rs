//! The class of an error of the `reqwest` client.
//!
//! Its errors do not carry headers. To honour `Retry-After`, ask [`http_failure`](super::http_failure) about
//! the response before calling `error_for_status`.

use super::{Classify, ErrorClass, Verdict, http_status, io_cause};

impl Classify for reqwest::Error {
    fn classify(&self) -> Verdict {
        let class = if let Some(status) = self.status() {
            http_status(status.as_u16())
        } else if self.is_timeout() {
            ErrorClass::Timeout
        } else if self.is_connect() {
            ErrorClass::Network
        } else if self.is_decode() {
            // A body that broke off is a failure of the network; one that cannot be parsed is a failure of
            // the service.
            io_cause(self).unwrap_or(ErrorClass::Schema)
        } else if self.is_builder() || self.is_redirect() {
            ErrorClass::Rejected
        } else if self.is_request() || self.is_body() {
            ErrorClass::Network
        } else {
            ErrorClass::Unknown
        };
        class.into()
    }
}
