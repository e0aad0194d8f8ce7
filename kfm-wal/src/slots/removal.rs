//! Removing an object with a condition: the products can, `object_store` 0.14 has no call for it.
//!
//! The store's client signs an address for one DELETE, which holds for a few minutes, and the request goes to it with
//! `If-Match`. Neither S3's signature nor Azure's covers that header, so that both take it.

use std::sync::Arc;
use std::time::Duration;

use object_store::path::Path;
use object_store::signer::{Method, Signer};
use object_store::{Error, Result};

use super::object::STATUS;

/// How long a signed address holds: longer than a request can take, and short, since the address is all that the
/// removal needs.
const SIGNED_FOR: Duration = Duration::from_secs(120);

/// Removes objects of a bucket, each only if it is still the one that was seen.
#[derive(Debug, Clone)]
pub struct Remover {
    signer: Arc<dyn Signer>,
    client: reqwest::Client,
}

impl Remover {
    pub(crate) fn new(signer: Arc<dyn Signer>, client: reqwest::Client) -> Self {
        Self { signer, client }
    }

    /// Removes the object at a path if it has this ETag. The path is the whole one in the bucket.
    ///
    /// # Errors
    /// [`Error::Precondition`], [`Error::NotFound`]: the object is another one now, or gone, and was left alone.
    /// [`Error::NotSupported`]: the credentials cannot sign an address, as a shared access signature cannot; nothing was
    /// sent. [`Error::PermissionDenied`], [`Error::Unauthenticated`], [`Error::NotImplemented`]: nothing was removed.
    /// [`Error::Generic`]: the object may be removed or not.
    ///
    /// # Cancel safety
    /// The object may be removed or not.
    pub async fn remove(&self, path: &Path, e_tag: &str) -> Result<()> {
        let signed = self.signer.signed_url(Method::DELETE, path, SIGNED_FOR).await;
        let url = signed.map_err(|error| Error::NotSupported { source: Box::new(error) })?;
        let request = self.client.delete(url.as_str()).header("if-match", e_tag);
        // The error would show the signed address.
        let answer = request.send().await.map_err(|error| generic(error.without_url()))?;
        let status = answer.status().as_u16();
        let said = || -> Box<dyn std::error::Error + Send + Sync> { format!("{STATUS}{status}").into() };
        let path = path.to_string();
        match status {
            200..=299 => Ok(()),
            404 => Err(Error::NotFound { path, source: said() }),
            409 | 412 => Err(Error::Precondition { path, source: said() }),
            401 => Err(Error::Unauthenticated { path, source: said() }),
            403 => Err(Error::PermissionDenied { path, source: said() }),
            405 | 501 => Err(Error::NotSupported { source: said() }),
            _ => Err(generic(said())),
        }
    }
}

fn generic(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: "HTTP", source: source.into() }
}
