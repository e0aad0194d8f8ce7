//! The TLS of every client: rustls with ring; certificates are checked against the system's roots.
//!
//! A certificate is always checked, also where a product's own tools would not check it. A root of the user's
//! own is added to the system's roots and does not replace them.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use crate::error::Source;

/// Returns the configuration of a client that trusts the system's roots and those in the file `more`.
///
/// A system without any root is not an error here: such a client trusts no server, and the first handshake
/// says so.
///
/// # Errors
/// `more` cannot be read, or holds no certificate.
pub(super) fn client_config(more: Option<&Path>) -> Result<ClientConfig, Source> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let mut roots = Vec::new();
    if let Some(path) = more {
        for certificate in CertificateDer::pem_file_iter(path)? {
            roots.push(certificate?);
        }
        if roots.is_empty() {
            return Err(format!("file holds no certificate: path={}", path.display()).into());
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

/// Says whether an error, or one of its sources, means that a certificate is not trusted or does not fit the
/// host's name.
pub(super) fn is_untrusted(error: &(dyn std::error::Error + 'static)) -> bool {
    // The error inside an I/O error is not among its sources.
    let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    matches!(error.downcast_ref::<rustls::Error>(), Some(rustls::Error::InvalidCertificate(_)))
        || within.is_some_and(|within| is_untrusted(within))
        || error.source().is_some_and(is_untrusted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_is_not_trusted_is_found_wherever_it_lies() {
        let certificate = || rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        assert!(is_untrusted(&io::Error::other(io::Error::other(certificate()))));
        assert!(!is_untrusted(&io::Error::other(rustls::Error::DecryptError)));
        assert!(!is_untrusted(&io::Error::from(io::ErrorKind::ConnectionReset)));
    }
}
