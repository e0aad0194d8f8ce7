//! The class of an error of the `object_store` crate.
//!
//! Its clients retry by themselves. Let only one layer retry: give the client
//! `RetryConfig { max_retries: 0, .. }` under a policy of this crate, or put no policy above the client.

use super::{Classify, ErrorClass, Verdict, io_cause};

impl Classify for object_store::Error {
    fn classify(&self) -> Verdict {
        use object_store::Error;
        let class = match self {
            Error::NotFound { .. }
            | Error::AlreadyExists { .. }
            | Error::Precondition { .. }
            | Error::NotModified { .. }
            | Error::InvalidPath { .. }
            | Error::NotSupported { .. }
            | Error::NotImplemented { .. }
            | Error::UnknownConfigurationKey { .. } => ErrorClass::Rejected,
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => ErrorClass::Denied,
            // The only variant for everything transient, and for much that is not transient: the causes
            // decide.
            Error::Generic { source, .. } => io_cause(&**source).unwrap_or(ErrorClass::Unknown),
            _ => ErrorClass::Unknown,
        };
        class.into()
    }
}
