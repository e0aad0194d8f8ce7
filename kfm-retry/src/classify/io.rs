//! The class of an error of the standard library's input and output.

use std::io::ErrorKind;

use super::{Classify, ErrorClass, Verdict};

impl Classify for std::io::Error {
    fn classify(&self) -> Verdict {
        let class = match self.kind() {
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionRefused
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            // The peer has closed the connection in the middle of an answer.
            | ErrorKind::UnexpectedEof => ErrorClass::Network,
            ErrorKind::TimedOut => ErrorClass::Timeout,
            ErrorKind::Interrupted
            | ErrorKind::WouldBlock
            | ErrorKind::ResourceBusy
            | ErrorKind::StaleNetworkFileHandle => ErrorClass::Io,
            ErrorKind::PermissionDenied => ErrorClass::Denied,
            ErrorKind::ReadOnlyFilesystem => ErrorClass::Immutable,
            ErrorKind::InvalidData => ErrorClass::Schema,
            ErrorKind::NotFound | ErrorKind::AlreadyExists | ErrorKind::InvalidInput | ErrorKind::Unsupported => {
                ErrorClass::Rejected
            }
            _ => ErrorClass::Unknown,
        };
        class.into()
    }
}
