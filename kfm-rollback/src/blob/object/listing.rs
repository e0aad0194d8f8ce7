//! Names of a bucket, page by page.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use futures::TryStreamExt;

use super::{BlobError, ObjectBlobs, failed};

impl ObjectBlobs {
    /// Lists all names, those that no key can have among them.
    #[cfg(test)]
    pub(super) async fn names_of_all(&self) -> Vec<String> {
        self.names(None, usize::MAX, &|_| true).await.unwrap()
    }

    /// Lists the names below the prefix that are above `after` and wanted: the first `limit` of them in the order of their
    /// bytes.
    ///
    /// S3 lists in this order, and begins after a name. A gateway of folders lists a folder's names before those of a file
    /// that sorts ahead, so a page of its listing would leave some out for good. So the first page reads the whole
    /// listing, and holds `limit` names of it; only where all of it came in order, a later page asks for what follows and
    /// ends early.
    pub(super) async fn names(
        &self,
        after: Option<&str>,
        limit: usize,
        is_wanted: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Vec<String>, BlobError> {
        let prefix = Some(&self.prefix).filter(|prefix| !prefix.as_ref().is_empty());
        let skipped = prefix.map_or(0, |prefix| prefix.as_ref().len() + 1);
        loop {
            let is_ordered = self.is_ordered.load(Ordering::Relaxed);
            let mut objects = match after {
                Some(after) if is_ordered => self.store.list_with_offset(prefix, &self.path(after)?),
                _ => self.store.list(prefix),
            };
            let (mut names, mut last, mut is_ascending) = (BTreeSet::new(), String::new(), true);
            while let Some(object) = objects.try_next().await.map_err(|error| failed("-", error))? {
                let Some(name) = object.location.as_ref().get(skipped..) else { continue };
                is_ascending &= name > last.as_str();
                name.clone_into(&mut last);
                if after.is_some_and(|after| name <= after) || !is_wanted(name) {
                    continue;
                }
                names.insert(name.to_owned());
                if names.len() > limit {
                    names.pop_last();
                    if is_ordered && is_ascending {
                        break;
                    }
                }
            }
            if after.is_none() || !is_ascending {
                self.is_ordered.store(is_ascending, Ordering::Relaxed);
            }
            // What another hand has put there since shows that the listing is not in order: a part of it is not enough.
            if is_ascending || !is_ordered {
                return Ok(names.into_iter().collect());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use object_store::memory::InMemory;
    use object_store::path::Path;
    use object_store::{ObjectStore, ObjectStoreExt};

    use crate::blob::{BlobStore, ObjectBlobs};

    #[tokio::test]
    async fn pages_are_below_the_prefix_and_leave_nothing_out() {
        let store = Arc::new(InMemory::new());
        for name in [
            "log/FORMAT",
            "stac/a.json",
            "stac/a/b.json",
            "stac/a-b.json",
            "stac/.kfm/x.json",
            "stacked.json",
        ] {
            store.put(&Path::from(name), Bytes::from_static(b"{}").into()).await.unwrap();
        }
        let blobs = ObjectBlobs::new(Arc::clone(&store) as Arc<dyn ObjectStore>).below(Path::from("stac"));
        for limit in 1..5 {
            let mut listed: Vec<String> = Vec::new();
            loop {
                let page = blobs.page(&[".json"], listed.last().map(String::as_str), limit).await.unwrap();
                assert!(page.len() <= limit);
                if page.is_empty() {
                    break;
                }
                listed.extend(page);
            }
            assert_eq!(listed, ["a-b.json", "a.json", "a/b.json"], "{limit}");
        }
    }
}
