//! The class of an error of the `neo4rs` driver.

use super::{Classify, ErrorClass, Verdict};

impl Classify for neo4rs::Error {
    fn classify(&self) -> Verdict {
        use neo4rs::{Error, Neo4jClientErrorKind, Neo4jErrorKind};
        let class = match self {
            Error::IOError { detail } => return detail.classify(),
            Error::ConnectionError => ErrorClass::Network,
            Error::AuthenticationError(_) => ErrorClass::Denied,
            Error::Neo4j(error) => match error.kind() {
                Neo4jErrorKind::Transient => ErrorClass::Neo4jTransient,
                Neo4jErrorKind::Client(Neo4jClientErrorKind::Security(_)) => ErrorClass::Denied,
                // The one client error in the driver's list that a new session can repair.
                Neo4jErrorKind::Client(Neo4jClientErrorKind::SessionExpired) => ErrorClass::Network,
                Neo4jErrorKind::Client(_) => ErrorClass::Rejected,
                _ => ErrorClass::Unknown,
            },
            Error::UrlParseError(_)
            | Error::UnsupportedScheme(_)
            | Error::InvalidDnsName(_)
            | Error::InvalidConfig
            | Error::UnsupportedVersion(_)
            | Error::StringTooLong
            | Error::MapTooBig
            | Error::BytesTooBig
            | Error::ListTooLong => ErrorClass::Rejected,
            Error::ConversionError | Error::DeserializationError(_) => ErrorClass::Schema,
            _ => ErrorClass::Unknown,
        };
        class.into()
    }
}
