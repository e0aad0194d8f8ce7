//! The classes of statuses, of the standard library's errors, and of the products' own (R82).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what failed by panicking")]

use std::io::{Error, ErrorKind};

use kfm_retry::classify::{http_status, neo4j_status};
use kfm_retry::{Classify, ErrorClass};

#[test]
fn the_statuses_of_r82_may_be_tried_again_and_no_other() {
    let retryable: Vec<u16> = (100..600).filter(|status| http_status(*status).is_retryable()).collect();
    assert_eq!(retryable, [408, 429, 500, 501, 502, 503, 504]);
    assert_eq!((http_status(401), http_status(403)), (ErrorClass::Denied, ErrorClass::Denied));
}

#[test]
fn resets_broken_pipes_and_time_outs_may_be_tried_again() {
    for (kind, class) in [
        (ErrorKind::ConnectionReset, ErrorClass::Network),
        (ErrorKind::BrokenPipe, ErrorClass::Network),
        (ErrorKind::TimedOut, ErrorClass::Timeout),
        (ErrorKind::Interrupted, ErrorClass::Io),
        (ErrorKind::NotFound, ErrorClass::Rejected),
        (ErrorKind::PermissionDenied, ErrorClass::Denied),
        (ErrorKind::InvalidData, ErrorClass::Schema),
        (ErrorKind::Other, ErrorClass::Unknown),
    ] {
        assert_eq!(Error::from(kind).classify().class, class, "{kind:?}");
    }
}

#[cfg(feature = "object_store")]
#[test]
fn a_generic_error_of_object_store_is_what_its_cause_is() {
    use object_store::Error as StoreError;
    let generic = |source: Error| StoreError::Generic { store: "s3", source: Box::new(source) };
    let reset = generic(Error::other(Error::from(ErrorKind::ConnectionReset)));
    assert_eq!(reset.classify().class, ErrorClass::Unknown, "an error that wraps without a cause is unknown");
    assert_eq!(generic(ErrorKind::ConnectionReset.into()).classify().class, ErrorClass::Network);
    let missing = StoreError::NotFound { path: "x".into(), source: "404".into() };
    assert_eq!(missing.classify().class, ErrorClass::Rejected);
}

#[test]
fn what_neo4j_calls_transient_may_be_tried_again_and_no_mistake_of_the_caller() {
    let retryable = |code: &str| neo4j_status(code).is_retryable();
    assert!(retryable("Neo.TransientError.General.DatabaseUnavailable"));
    assert!(retryable("Neo.TransientError.Transaction.LockAcquisitionTimeout"));
    assert!(!retryable("Neo.ClientError.Schema.ConstraintValidationFailed"));
    assert!(!retryable("Neo.ClientError.Statement.SyntaxError"));
    assert!(!retryable("Neo.DatabaseError.Statement.ExecutionFailed"), "the server's own failure is unknown");
}

#[test]
fn another_connection_mends_three_codes_of_neo4j_that_blame_the_client() {
    for code in ["Cluster.NotALeader", "General.ForbiddenOnReadOnlyDatabase", "Security.AuthorizationExpired"]
    {
        assert_eq!(neo4j_status(&format!("Neo.ClientError.{code}")), ErrorClass::Network, "{code}");
    }
    assert_eq!(neo4j_status("Neo.ClientError.Security.Unauthorized"), ErrorClass::Denied);
}

#[test]
fn a_transaction_that_its_caller_ended_is_not_tried_again_though_old_servers_call_it_transient() {
    for code in ["Terminated", "LockClientStopped"] {
        assert_eq!(
            neo4j_status(&format!("Neo.TransientError.Transaction.{code}")),
            ErrorClass::Rejected,
            "{code}"
        );
    }
}

#[test]
fn text_that_only_looks_like_a_code_of_neo4j_is_unknown() {
    for text in
        ["", "Neo", "Neo.TransientError", "Neo.TransientError.", "neo.TransientError.A.B", "Neo.New.A.B"]
    {
        assert_eq!(neo4j_status(text), ErrorClass::Unknown, "{text:?}");
    }
}

#[cfg(feature = "redis")]
#[test]
fn a_redis_that_loads_its_dump_may_be_tried_again_and_a_wrong_type_not() {
    use redis::{ErrorKind as Kind, RedisError, ServerErrorKind};
    let error = |kind: Kind| RedisError::from((kind, "text")).classify().class;
    assert_eq!(error(Kind::Server(ServerErrorKind::BusyLoading)), ErrorClass::Server);
    assert_eq!(error(Kind::Server(ServerErrorKind::ResponseError)), ErrorClass::Unknown);
    assert_eq!(error(Kind::UnexpectedReturnType), ErrorClass::Schema);
    assert_eq!(RedisError::from(Error::from(ErrorKind::BrokenPipe)).classify().class, ErrorClass::Network);
}

#[cfg(all(feature = "reqwest", feature = "tokio"))]
#[tokio::test]
async fn a_refused_connection_of_reqwest_is_the_networks_failure() {
    // Other crates of the workspace build the client with rustls, and give it no provider of cryptography.
    rustls::crypto::ring::default_provider().install_default().expect("this test alone makes a client");
    let address = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = reqwest::get(format!("http://{address}/")).await.unwrap_err();
    assert_eq!(error.classify().class, ErrorClass::Network);
    let error = reqwest::get("no address").await.unwrap_err();
    assert_eq!(error.classify().class, ErrorClass::Rejected);
}
