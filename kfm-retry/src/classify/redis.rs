//! The class of an error of the `redis` client.

use super::{Classify, ErrorClass, Verdict, io_cause};

impl Classify for redis::RedisError {
    fn classify(&self) -> Verdict {
        use redis::{ErrorKind, ServerErrorKind};
        let class = match self.kind() {
            ErrorKind::Io if self.is_timeout() => ErrorClass::Timeout,
            ErrorKind::Io if self.is_connection_dropped() || self.is_connection_refusal() => {
                ErrorClass::Network
            }
            ErrorKind::Io => io_cause(self).unwrap_or(ErrorClass::Unknown),
            ErrorKind::AuthenticationFailed => ErrorClass::Denied,
            ErrorKind::ClusterConnectionNotFound
            | ErrorKind::MasterNameNotFoundBySentinel
            | ErrorKind::NoValidReplicasFoundBySentinel => ErrorClass::Network,
            ErrorKind::UnexpectedReturnType => ErrorClass::Schema,
            ErrorKind::InvalidClientConfig | ErrorKind::EmptySentinelList => ErrorClass::Rejected,
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown,
            ) => ErrorClass::Server,
            ErrorKind::Server(ServerErrorKind::NoPerm) => ErrorClass::Denied,
            ErrorKind::Server(ServerErrorKind::CrossSlot | ServerErrorKind::NoScript) => ErrorClass::Rejected,
            _ => ErrorClass::Unknown,
        };
        class.into()
    }
}
