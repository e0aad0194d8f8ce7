//! From an address to slots: which kind of store it names, and whether this build has a client for it.

use std::path::Path;
use std::sync::Arc;

use kfm_retry::Clock;

use super::Slots;
use crate::error::Source;

/// What the addresses of slots begin with, for callers that tell them from other addresses.
pub const SCHEMES: &[&str] = &["s3", "az", "postgres", "postgresql", "object+file"];

/// Why an address of slots cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// The address cannot be read: use `s3://bucket/prefix`, `az://container/prefix`,
    /// `postgres://host/database` or `object+file:folder`.
    #[error("address is not understood: url={url}")]
    Unreadable {
        /// The address, without what may be a secret in it.
        url: String,
    },
    /// This build has no client for such an address: build with the feature.
    #[error("this build has no client for such an address: url={url} feature={feature}")]
    NotBuilt {
        /// The address, or only its scheme where the rest may hold a secret.
        url: String,
        /// The feature of this crate that has the client.
        feature: &'static str,
    },
    /// The client cannot be made, because of a part of the address, of a pair of the environment or because a
    /// pair is missing: repair that.
    #[error("client for the address cannot be made")]
    Client {
        /// Why the client cannot be made.
        #[source]
        source: Source,
    },
}

/// Returns an address as it may be shown: `…` stands for a user, a password and parameters.
pub fn shown(url: &str) -> String {
    let (plain, parameters) = match url.split_once('?') {
        Some((plain, _)) => (plain, "?…"),
        None => (url, ""),
    };
    let (scheme, rest) = plain.split_once("://").map_or(("", plain), |(scheme, rest)| (scheme, rest));
    match rest.rsplit_once('@') {
        Some((_, rest)) if !scheme.is_empty() => format!("{scheme}://…@{rest}{parameters}"),
        _ => format!("{plain}{parameters}"),
    }
}

/// Makes the slots at an address; nothing is connected yet.
///
/// A relative folder in `object+file:` is relative to `root`. `environment` holds the user and the
/// credentials, as pairs under the names that the products use: `AWS_…`, `AZURE_…`, `PGUSER`, `PGPASSWORD`,
/// …; an address with secrets is refused.
///
/// # Errors
/// [`AddressError`]: the address or the environment is not valid; repair it.
pub fn slots_at(
    url: &str,
    root: &Path,
    environment: &[(String, String)],
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn Slots>, AddressError> {
    match url.split_once(':') {
        Some(("s3" | "az", _)) => cloud(url, environment),
        Some(("postgres" | "postgresql", _)) => postgres(url, environment, clock),
        Some(("object+file", path)) => folder(url, &root.join(path.strip_prefix("//").unwrap_or(path))),
        _ => Err(AddressError::Unreadable { url: shown(url) }),
    }
}

#[cfg(any(feature = "s3", feature = "azure"))]
fn cloud(url: &str, environment: &[(String, String)]) -> Result<Arc<dyn Slots>, AddressError> {
    Ok(Arc::new(super::cloud::slots(url, environment)?))
}

#[cfg(not(any(feature = "s3", feature = "azure")))]
fn cloud(url: &str, _: &[(String, String)]) -> Result<Arc<dyn Slots>, AddressError> {
    Err(AddressError::NotBuilt { url: url.to_owned(), feature: "s3 or azure" })
}

#[cfg(feature = "postgres")]
fn postgres(
    url: &str,
    environment: &[(String, String)],
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn Slots>, AddressError> {
    Ok(Arc::new(super::PostgresSlots::new(url, environment, clock)?))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_: &str, _: &[(String, String)], _: Arc<dyn Clock>) -> Result<Arc<dyn Slots>, AddressError> {
    // The address is not repeated in the message: it may hold a secret.
    Err(AddressError::NotBuilt { url: "postgres:".to_owned(), feature: "postgres" })
}

#[cfg(feature = "object-store")]
fn folder(_: &str, folder: &Path) -> Result<Arc<dyn Slots>, AddressError> {
    let slots = super::FolderSlots::new(folder);
    Ok(Arc::new(slots.map_err(|source| AddressError::Client { source: Box::new(source) })?))
}

#[cfg(not(feature = "object-store"))]
fn folder(url: &str, _: &Path) -> Result<Arc<dyn Slots>, AddressError> {
    Err(AddressError::NotBuilt { url: url.to_owned(), feature: "object-store" })
}
