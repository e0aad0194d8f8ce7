//! [`Moments`]: the catalog at the moments that one command looks at, each made from another by what differs.

use std::sync::{Mutex, PoisonError};

use kfm_lineage::integrity::{CatalogView, Census, CountedCatalog};
use kfm_lineage::{Lsn, Value};

use crate::error::Result;
use crate::facts::Facts;
use crate::history::History;

/// The catalog by the log, at any position, and what is counted in it.
#[derive(Debug, Default)]
pub(crate) struct Moments {
    /// The newest catalog that was asked for; the next one is made from it.
    newest: Mutex<Option<CatalogView>>,
    /// The catalog that was counted last; the next one is counted from it.
    counted: Mutex<Option<CountedCatalog>>,
}

impl Moments {
    /// Returns the documents of a store as they stood after the record at `lsn`, with their facts. All calls are about
    /// one store.
    ///
    /// # Errors
    /// As [`Facts::read_ahead`].
    pub(crate) async fn at(
        &self,
        history: &History,
        facts: &Facts,
        store: &str,
        lsn: Lsn,
    ) -> Result<CatalogView> {
        let base = self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_first = base.is_none();
        let mut view = base.unwrap_or_default();
        let differs =
            |(path, value): &(String, Value)| view.get(path).map(|standing| standing.digest) != *value;
        let changed: Vec<(String, Value)> = history
            .documents_at(store, lsn)
            .filter(|next| next.as_ref().map_or(true, differs))
            .collect::<Result<_>>()?;
        facts.read_ahead(changed.iter().filter_map(|(_, value)| *value)).await?;
        for (path, value) in changed {
            match facts.of_value(value).await? {
                Some(document) => view.insert(path, document),
                None => view.remove(&path),
            };
        }
        if is_first || lsn >= history.position() {
            *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(view.clone());
        }
        Ok(view)
    }

    /// Takes the census of a catalog, which is cheap if it differs little from the one that was counted before.
    pub(crate) fn census(&self, view: &CatalogView) -> Census {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *counted {
            Some(counted) => {
                counted.change_to(view);
                counted.census().clone()
            }
            None => counted.insert(CountedCatalog::new(view)).census().clone(),
        }
    }
}
