//! Where a catalog of documents lies: in a folder, or in a bucket.

use std::path::Path;
use std::sync::Arc;

use super::StaticCatalog;
use crate::error::{Error, Result};
use crate::kind::{Credentials, local_path};

impl StaticCatalog {
    /// Takes a folder, given by its path or as a `file:` URL, or a bucket with a prefix as a catalog: `s3://bucket/prefix`
    /// (feature `s3`) or `az://container/prefix` (feature `azure`). A relative path is relative to `root`.
    ///
    /// No request is made. A call that fails is not made again by itself.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the address cannot be used, or a pair of `credentials` that it needs is missing or not valid.
    pub fn at(name: impl Into<String>, place: &str, root: &Path, credentials: &Credentials) -> Result<Self> {
        match local_path(place) {
            Some(folder) => Ok(Self::local(name, root.join(folder))),
            None => in_bucket(name.into(), place, credentials),
        }
    }
}

#[cfg(any(feature = "s3", feature = "azure"))]
fn in_bucket(name: String, url: &str, credentials: &Credentials) -> Result<StaticCatalog> {
    use object_store::prefix::PrefixStore;

    use crate::blob::ObjectBlobs;

    let (store, prefix) = kfm_wal::slots::cloud::object_store(url, credentials.pairs()).map_err(invalid)?;
    let blobs = ObjectBlobs::new(Arc::new(PrefixStore::new(store, prefix)));
    Ok(StaticCatalog::new(name, Arc::new(blobs)))
}

#[cfg(not(any(feature = "s3", feature = "azure")))]
fn in_bucket(_: String, url: &str, _: &Credentials) -> Result<StaticCatalog> {
    Err(invalid(kfm_wal::slots::AddressError::NotBuilt { url: url.to_owned(), feature: "s3 or azure" }))
}

fn invalid(source: kfm_wal::slots::AddressError) -> Error {
    Error::Invalid {
        message: "the catalog's address cannot be used".into(),
        hint: "use a folder, s3://bucket/prefix or az://container/prefix, and set what the cause names in the environment"
            .into(),
        source: Some(Box::new(source)),
    }
}
