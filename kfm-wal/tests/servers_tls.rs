//! TLS to a real PostgreSQL, and to a server that claims to be an object store: a certificate is always
//! checked, and a connection that has to be encrypted is never plain.
#![cfg(all(feature = "s3", feature = "azure", feature = "postgres"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]
#![allow(clippy::disallowed_methods, reason = "a test that needs servers is told where they are")]

#[path = "common/server.rs"]
mod server;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use kfm_retry::{Clock as _, SystemClock};
use kfm_wal::WalError;
use kfm_wal::slots::{Mode, SlotError, SlotLog};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use server::*;

/// How long a refusal may take: it is certain, so it is not tried again.
const REFUSAL_MAX: Duration = Duration::from_secs(10);

/// Opens a log on a server; `host` and `more` are put into its address. Returns the message if that is
/// refused.
fn opened(server: &str, host: &str, more: &str) -> Result<(), String> {
    let (url, pairs) = new_place(server);
    let url = format!("{}{more}", url.replace("127.0.0.1", host));
    let begun = SystemClock.monotonic();
    let error = match runtime().block_on(SlotLog::open(slots(&(url, pairs)), options(Mode::Exclusive))) {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    assert!(matches!(error, WalError::Io { .. }), "{error:?}");
    assert!(SystemClock.monotonic() - begun < REFUSAL_MAX, "{error:?}");
    Err(said(&error))
}

/// The certificate of the authority that signed the server's.
fn authority() -> String {
    format!("sslrootcert={}", run_dir().join("postgresql-tls.ca").display())
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_server_whose_authority_is_given_is_reached() {
    for mode in ["verify-full", "verify-ca", "require", "prefer"] {
        opened("postgresql-tls", "localhost", &format!("&sslmode={mode}&{}", authority())).unwrap();
    }
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_certificate_of_an_unknown_authority_or_for_another_name_is_refused() {
    for mode in ["verify-full", "require", "prefer"] {
        let said = opened("postgresql-tls", "localhost", &format!("&sslmode={mode}")).unwrap_err();
        assert!(said.contains("certificate") && said.contains("UnknownIssuer"), "{mode}: {said}");
        let other = format!("&sslmode={mode}&{}", authority());
        let said = opened("postgresql-tls", "127.0.0.1", &other).unwrap_err();
        assert!(said.contains("certificate") && said.contains("not valid for name"), "{mode}: {said}");
    }
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    for mode in ["verify-full", "verify-ca", "require"] {
        let said = opened("postgresql", "127.0.0.1", &format!("&sslmode={mode}")).unwrap_err();
        assert!(said.contains("server does not support TLS"), "{mode}: {said}");
    }
    opened("postgresql", "127.0.0.1", "&sslmode=prefer").unwrap();
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_server_that_takes_no_plain_connection_gets_none() {
    let said = opened("postgresql-tls", "localhost", "&sslmode=disable").unwrap_err();
    assert!(said.contains("no encryption"), "{said}");
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_file_of_authorities_that_is_none_is_refused() {
    for file in ["nowhere.pem", "postgresql.env"] {
        let path = run_dir().join(file);
        let words = format!("&sslmode=verify-full&sslrootcert={}", path.display());
        opened("postgresql-tls", "localhost", &words).unwrap_err();
    }
}

/// Starts a server that has the certificate of the encrypted PostgreSQL, takes one connection and ends with
/// its handshake; returns its port.
fn stranger() -> u16 {
    let folder = run_dir().join("postgresql-tls");
    let certificate = CertificateDer::from_pem_file(folder.join("server.crt")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut session = ServerConnection::new(Arc::new(config)).unwrap();
        // The handshake ends with the client's alert.
        while session.is_handshaking() && session.complete_io(&mut connection).is_ok() {}
    });
    port
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn an_object_store_whose_certificate_is_not_trusted_is_refused_at_the_first_call() {
    for (server, prefix) in [("ministack", "AWS"), ("azurite", "AZURE")] {
        let (url, mut pairs) = new_place(server);
        for (name, value) in &mut pairs {
            if *name == format!("{prefix}_ENDPOINT") {
                *value = format!("https://localhost:{}", stranger());
            }
        }
        let refused = runtime().block_on(slots(&(url, pairs)).read(0)).unwrap_err();
        let told = said(&refused);
        assert!(matches!(refused, SlotError::Refused { .. }), "{server}: {told}");
        assert!(told.contains("certificate") && told.contains("UnknownIssuer"), "{server}: {told}");
    }
}
