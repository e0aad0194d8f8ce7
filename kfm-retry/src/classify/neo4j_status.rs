//! The class of a status code of Neo4j (R82).

use super::ErrorClass;

/// Codes that are written as the client's mistake and ask for another connection: a write that met a member which
/// may not write any more, and an authorisation that the server wants to see anew.
const MENDED_BY_ANOTHER_CONNECTION: [&str; 3] = [
    "Neo.ClientError.Cluster.NotALeader",
    "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase",
    "Neo.ClientError.Security.AuthorizationExpired",
];

/// Codes that servers before 5.0 call transient, and that say that the caller ended the transaction.
const ENDED_BY_THE_CALLER: [&str; 2] =
    ["Neo.TransientError.Transaction.Terminated", "Neo.TransientError.Transaction.LockClientStopped"];

/// Returns the class of a status code of Neo4j, `Neo.<classification>.<category>.<title>`, which every driver and
/// the HTTP API hand on.
///
/// `Neo.TransientError.*` may be tried again, and so may what another connection mends. A code of another form, and
/// the server's own failures (`Neo.DatabaseError.*`), are [`ErrorClass::Unknown`].
///
/// ```
/// use kfm_retry::{ErrorClass, classify::neo4j_status};
///
/// assert_eq!(neo4j_status("Neo.TransientError.Transaction.DeadlockDetected"), ErrorClass::Neo4jTransient);
/// assert_eq!(neo4j_status("Neo.ClientError.Cluster.NotALeader"), ErrorClass::Network);
/// assert_eq!(neo4j_status("Neo.ClientError.Security.Unauthorized"), ErrorClass::Denied);
/// assert_eq!(neo4j_status("Neo.ClientError.Statement.SyntaxError"), ErrorClass::Rejected);
/// assert_eq!(neo4j_status("Neo.DatabaseError.General.UnknownError"), ErrorClass::Unknown);
/// ```
pub fn neo4j_status(code: &str) -> ErrorClass {
    if MENDED_BY_ANOTHER_CONNECTION.contains(&code) {
        return ErrorClass::Network;
    }
    if ENDED_BY_THE_CALLER.contains(&code) {
        return ErrorClass::Rejected;
    }
    let parts: Vec<&str> = code.split('.').collect();
    match *parts.as_slice() {
        ["Neo", "TransientError", _, _] => ErrorClass::Neo4jTransient,
        ["Neo", "ClientError", "Security", _] => ErrorClass::Denied,
        ["Neo", "ClientError", _, _] => ErrorClass::Rejected,
        _ => ErrorClass::Unknown,
    }
}
