//! The TLS of every client: rustls with ring; certificates are checked against the system's roots.
//!
//! A certificate is always checked. A root of the user's own is added to the system's roots and does not replace them.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

/// Returns the configuration of a client that trusts the system's roots and those in the file `more`.
///
/// A system without any root is not an error here: such a client trusts no server, and the first handshake says so.
///
/// # Errors
/// `more` cannot be read, or holds no certificate.
pub(crate) fn client_config(more: Option<&Path>) -> Result<ClientConfig, Box<dyn Error + Send + Sync>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let mut roots = Vec::new();
    if let Some(path) = more {
        for certificate in CertificateDer::pem_file_iter(path)? {
            roots.push(certificate?);
        }
        if roots.is_empty() {
            return Err("it holds no certificate".into());
        }
    }
    let builder = match Verifier::new_with_extra_roots(roots.iter().cloned(), provider) {
        Ok(verifier) => builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)),
        Err(_) => {
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(roots);
            builder.with_root_certificates(store)
        }
    };
    Ok(builder.with_no_client_auth())
}

/// Finds in an error, or below it, why the two ends cannot agree on TLS: trying again brings the same.
pub(crate) fn refusal<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    // The error inside an I/O error is not among its sources.
    let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error
        .downcast_ref::<rustls::Error>()
        .or_else(|| within.and_then(|within| refusal(within)))
        .or_else(|| error.source().and_then(refusal))
}
