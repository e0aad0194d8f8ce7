//! Where a catalog of documents lies: in a folder, or in a bucket.

use std::path::Path;
use std::sync::Arc;

use super::StaticCatalog;
use crate::blob::ObjectBlobs;
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
            None => {
                let blobs = ObjectBlobs::in_bucket(place, credentials.pairs()).map_err(invalid)?;
                Ok(Self::new(name, Arc::new(blobs)))
            }
        }
    }
}

fn invalid(source: kfm_wal::slots::AddressError) -> Error {
    Error::Invalid {
        message: "the catalog's address cannot be used".into(),
        hint: "use a folder, s3://bucket/prefix or az://container/prefix, and set what the cause names in the environment"
            .into(),
        source: Some(Box::new(source)),
    }
}
