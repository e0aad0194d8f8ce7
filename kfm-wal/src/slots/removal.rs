//! Removing an object with a condition: the products can, `object_store` 0.14 has no call for it.
//!
//! The request is made by hand: a DELETE with `If-Match`, to the address and with the signature that the client itself would
//! use. Its addresses for others (`Signer`) give the address of S3 and nothing else: MiniStack does not take them by a key
//! of one's own, and of Azure's those with a space or an umlaut are signed wrongly.

use std::sync::Arc;

use object_store::client::{HttpRequest, HttpRequestBody};
use object_store::path::Path;
use object_store::signer::{Method, Url};
use object_store::{Error, Result};

use super::object::STATUS;

/// Removes objects of a bucket, each only if it is still the one that was seen.
#[derive(Debug, Clone)]
pub struct Remover {
    product: Product,
    client: reqwest::Client,
}

/// How a product's addresses are made and its requests signed.
#[derive(Debug, Clone)]
pub(super) enum Product {
    #[cfg(feature = "s3")]
    S3 { store: Arc<object_store::aws::AmazonS3>, region: String },
    #[cfg(feature = "azure")]
    Azure {
        store: Arc<object_store::azure::MicrosoftAzure>,
        account: String,
        /// The address of the container.
        container: Url,
    },
}

impl Remover {
    pub(super) fn new(product: Product, client: reqwest::Client) -> Self {
        Self { product, client }
    }

    /// Removes the object at a path if it has this ETag. The path is the whole one in the bucket.
    ///
    /// # Errors
    /// [`Error::Precondition`], [`Error::NotFound`]: the object is another one now, or gone, and was left alone.
    /// [`Error::PermissionDenied`], [`Error::Unauthenticated`], [`Error::NotSupported`]: nothing was removed.
    /// [`Error::Generic`]: the object may be removed or not.
    ///
    /// # Cancel safety
    /// The object may be removed or not.
    pub async fn remove(&self, path: &Path, e_tag: &str) -> Result<()> {
        let request = self.signed(path, e_tag).await?;
        let request = self.client.delete(request.uri().to_string()).headers(request.headers().clone());
        // The address of a shared access signature is a secret.
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

    /// Makes the request, and signs it with the client's own credentials.
    async fn signed(&self, path: &Path, e_tag: &str) -> Result<HttpRequest> {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = Method::DELETE;
        let condition = e_tag.parse().map_err(|_| not_supported("the ETag cannot be a header"))?;
        request.headers_mut().insert("if-match", condition);
        match &self.product {
            #[cfg(feature = "s3")]
            Product::S3 { store, region } => {
                use object_store::aws::AwsAuthorizer;
                use object_store::signer::Signer as _;

                let mut url = store.signed_url(Method::DELETE, path, SIGNED_FOR).await?;
                url.set_query(None);
                *request.uri_mut() = uri(&url)?;
                let credential = store.credentials().get_credential().await?;
                AwsAuthorizer::new(&credential, "s3", region).try_authorize(&mut request, None)?;
            }
            #[cfg(feature = "azure")]
            Product::Azure { store, account, container } => {
                use object_store::azure::AzureAuthorizer;

                *request.uri_mut() = uri(&below(container, path)?)?;
                let credential = store.credentials().get_credential().await?;
                AzureAuthorizer::new(&credential, account).try_authorize(&mut request)?;
            }
        }
        Ok(request)
    }
}

/// The address alone is of use, and nobody sees its signature.
#[cfg(feature = "s3")]
const SIGNED_FOR: std::time::Duration = std::time::Duration::from_secs(60);

/// Makes the address of an object as the client does: segment by segment.
#[cfg(feature = "azure")]
pub(super) fn below(container: &Url, path: &Path) -> Result<Url> {
    let mut url = container.clone();
    url.path_segments_mut()
        .map_err(|()| not_supported("the endpoint cannot have a path"))?
        .pop_if_empty()
        .extend(path.parts());
    Ok(url)
}

fn uri<U: std::str::FromStr>(url: &Url) -> Result<U> {
    url.as_str().parse().map_err(|_| not_supported("the address cannot be requested"))
}

fn not_supported(why: &'static str) -> Error {
    Error::NotSupported { source: why.into() }
}

fn generic(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: "HTTP", source: source.into() }
}
