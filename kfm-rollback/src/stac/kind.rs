//! The kind `static` of `kfm.toml`: a folder or a bucket of documents, served as it is.

use std::sync::Arc;

use kfm_lineage::Domain;

use super::StaticCatalog;
use crate::blob::ObjectBlobs;
use crate::error::{Error, Result};
use crate::kind::{Key, Sample, StoreKind, Surroundings, local_path};
use crate::op::DomainOp;

/// Opens static catalogs: in folders, at `s3://bucket/prefix` and at `az://container/prefix`.
#[derive(Debug, Clone, Copy)]
pub struct StaticKind;

const CACHE_CONTROL: Key = Key {
    name: "cache_control",
    about: "Of a bucket: the `Cache-Control` of each document that is put.",
    values: &[],
};

const CONDITIONS: Key = Key {
    name: "conditions",
    about: "Of a bucket: `proved` (default) refuses a product without conditional writes; `under_lock` writes without.",
    values: &["proved", "under_lock"],
};

const AT_ONCE: Key = Key {
    name: "at_once",
    about: "Of a bucket: how many requests are under way at the same time, 1 to 256; default 16.",
    values: &[],
};

/// What the samples of catalogs have in common.
const IN_BUCKET: Sample = Sample {
    about: "",
    url: "file:{name}",
    url_about: "A folder, `s3://bucket/prefix` or `az://container/prefix`.",
    environment: &[],
    examples: &[
        (CACHE_CONTROL.name, "\"public, max-age=60\""),
        (AT_ONCE.name, "16"),
        (CONDITIONS.name, "\"proved\""),
    ],
    can_be_target: true,
};

impl StoreKind for StaticKind {
    fn kind(&self) -> &'static str {
        "static"
    }

    fn domains(&self) -> &'static [Domain] {
        &[Domain::Stac]
    }

    fn keys(&self) -> &'static [Key] {
        &[CACHE_CONTROL, CONDITIONS, AT_ONCE]
    }

    fn credentials(&self) -> &'static [&'static str] {
        &["AWS_", "AZURE_"]
    }

    fn sample(&self, _: Domain, url: Option<&str>) -> Option<Sample> {
        Some(match url.and_then(|url| url.split_once(':')).map_or("", |(scheme, _)| scheme) {
            "s3" => Sample {
                about: "A static STAC catalog in a bucket of S3 or of a product that speaks its language; readers read \
                        it there. The versions may be in a bucket too, see [versions].",
                environment: &[
                    "AWS_ACCESS_KEY_ID",
                    "AWS_SECRET_ACCESS_KEY",
                    "AWS_SESSION_TOKEN",
                    "AWS_REGION",
                    "AWS_ENDPOINT",
                ],
                ..IN_BUCKET
            },
            "az" => Sample {
                about: "A static STAC catalog in a container of Azure Blob Storage; readers read it there. The versions \
                        may be in a container too, see [versions].",
                environment: &["AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_ENDPOINT"],
                ..IN_BUCKET
            },
            _ => Sample {
                about: "A static STAC catalog in a folder; any web server can serve it.",
                environment: &[],
                examples: &[],
                ..IN_BUCKET
            },
        })
    }

    fn open(&self, at: &Surroundings<'_>) -> Result<Arc<dyn DomainOp>> {
        let catalog = match local_path(&at.settings.url) {
            Some(_) => in_folder(at)?,
            None => in_bucket(at)?,
        };
        Ok(Arc::new(catalog.with_role(at.role)))
    }
}

fn in_folder(at: &Surroundings<'_>) -> Result<StaticCatalog> {
    let mut keys = StaticKind.keys().iter().map(|key| key.name);
    if let Some(key) = keys.find(|key| at.settings.own.contains_key(*key)) {
        let message = format!("only a catalog in a bucket has this key: store={} key={key}", at.name);
        return Err(Error::invalid(message, "remove the key from the store's table in kfm.toml"));
    }
    Ok(StaticCatalog::local(at.name, at.folder()?))
}

fn in_bucket(at: &Surroundings<'_>) -> Result<StaticCatalog> {
    let (name, own) = (at.name, &at.settings.own);
    let refused = |key: &Key, expected: &str| {
        let message = format!("value is not {expected}: key=stores.{name}.{}", key.name);
        Error::invalid(message, "repair kfm.toml")
    };
    let unusable = |source| {
        Error::Invalid {
        message: format!("the catalog's address cannot be used: store={name}"),
        hint: format!(
            "repair stores.{name}.url in kfm.toml: a folder as a file: URL, s3://bucket/prefix or az://container/prefix; and \
             set what the cause names in the environment"
        )
        .into(),
        source: Some(Box::new(source)),
    }
    };
    let mut blobs = ObjectBlobs::in_bucket(&at.settings.url, at.credentials.pairs()).map_err(unusable)?;
    let cache_control = match own.get(CACHE_CONTROL.name) {
        None => None,
        Some(value) => match value.as_str() {
            Some(text) if !text.is_empty() && text.bytes().all(|b| (b' '..=b'~').contains(&b)) => {
                Some(text.to_owned())
            }
            _ => return Err(refused(&CACHE_CONTROL, "the value of a header")),
        },
    };
    blobs = blobs.serving(cache_control);
    if let Some(value) = own.get(AT_ONCE.name) {
        let requests = value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=256).contains(n));
        blobs = blobs.at_once(requests.ok_or_else(|| refused(&AT_ONCE, "a number from 1 to 256"))?);
    }
    if at.settings.text(CONDITIONS.name) == Some("under_lock") {
        blobs = blobs.under_lock();
    }
    Ok(StaticCatalog::new(name, Arc::new(blobs)))
}
