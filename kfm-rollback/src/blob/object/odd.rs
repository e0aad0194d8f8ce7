//! A bucket in memory that keeps conditions, looks first, or ignores them; and counts what it is asked.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::conditions::Conditions;
use super::{ObjectBlobs, Remove};

/// What a product does with a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Keeps,
    /// Two writers at the same moment both find it kept.
    LooksFirst,
    Ignores,
}

#[derive(Debug, Clone)]
pub(super) struct Odd {
    inner: Arc<InMemory>,
    puts: Does,
    removals: Does,
    pub asked: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

impl Odd {
    pub(super) fn new(puts: Does, removals: Does) -> Self {
        Self { inner: Arc::default(), puts, removals, asked: Arc::default() }
    }

    /// Opens it as another process would.
    pub(super) fn blobs(&self) -> ObjectBlobs {
        let remover: Arc<dyn Remove> = Arc::new(self.clone());
        let mut blobs = ObjectBlobs::new(Arc::new(self.clone())).below(Path::from("stac"));
        blobs.remover = Some(remover);
        blobs.conditions = Conditions::to_be_proved("http://odd");
        blobs
    }

    /// Forgets what it was asked, and returns it.
    pub(super) fn taken(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn count(&self, what: &'static str) {
        *self.asked.lock().unwrap().entry(what).or_default() += 1;
    }

    async fn e_tag(&self, path: &Path) -> Option<String> {
        self.inner.head(path).await.ok().and_then(|meta| meta.e_tag)
    }

    /// Says whether a condition holds, as the product finds it.
    async fn holds(&self, does: Does, path: &Path, expected: Option<&str>) -> bool {
        let holds = does == Does::Ignores || self.e_tag(path).await.as_deref() == expected;
        tokio::task::yield_now().await;
        holds
    }
}

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("odd")
    }
}

fn refused(path: &Path) -> Error {
    Error::Precondition { path: path.to_string(), source: "status code: 412".into() }
}

#[async_trait]
impl Remove for Odd {
    async fn remove(&self, path: &Path, e_tag: &str) -> Result<()> {
        self.count("DELETE If-Match");
        if self.removals == Does::Keeps {
            // In one step: nothing is awaited between the look and the removal.
            if self.e_tag(path).await.as_deref() != Some(e_tag) {
                return Err(refused(path));
            }
        } else if !self.holds(self.removals, path, Some(e_tag)).await {
            return Err(refused(path));
        }
        self.inner.delete(path).await
    }
}

#[async_trait]
impl ObjectStore for Odd {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.count("PUT");
        if self.puts == Does::Keeps {
            return self.inner.put_opts(path, payload, options).await;
        }
        let is_kept = match &options.mode {
            PutMode::Overwrite => true,
            PutMode::Create => self.holds(self.puts, path, None).await,
            PutMode::Update(seen) => self.holds(self.puts, path, seen.e_tag.as_deref()).await,
        };
        if !is_kept {
            return Err(refused(path));
        }
        self.inner.put_opts(path, payload, PutOptions { mode: PutMode::Overwrite, ..options }).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.count("GET");
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.count("DELETE");
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.count("LIST");
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.count("LIST after");
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
