//! The stores and checks of a platform, as its log knows them.

use std::collections::BTreeSet;

use kfm_lineage::Domain;
use kfm_wal::record::PartsRecord;

/// The stores and checks that the platform has, and the names of those that are gone for good.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Parts {
    /// The stores that operations moved cells of, derived ones too, and those that a record names.
    pub stores: BTreeSet<(Domain, String)>,
    /// The ids of the checks.
    pub checks: BTreeSet<String>,
    /// The names of the stores that were retired and did not come again.
    pub stores_retired: BTreeSet<String>,
    /// The ids of the checks that were retired and did not come again.
    pub checks_retired: BTreeSet<String>,
}

impl Parts {
    /// Notes what a record says.
    pub(super) fn take(&mut self, record: &PartsRecord) {
        for store in &record.stores {
            self.has_store(store.domain, &store.name);
        }
        for check in &record.checks {
            self.checks_retired.remove(check);
            self.checks.insert(check.clone());
        }
        for name in &record.stores_retired {
            self.stores.retain(|(_, store)| store != name);
            self.stores_retired.insert(name.clone());
        }
        for check in &record.checks_retired {
            self.checks.remove(check);
            self.checks_retired.insert(check.clone());
        }
    }

    /// Notes a store that has cells.
    pub(super) fn has_store(&mut self, domain: Domain, name: &str) {
        self.stores_retired.remove(name);
        if !self.stores.contains(&(domain, name.to_owned())) {
            self.stores.insert((domain, name.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(json: serde_json::Value) -> PartsRecord {
        let mut record = serde_json::json!({ "by": "ops", "at": "2025-11-14T00:00:00Z" });
        record.as_object_mut().expect("an object").extend(json.as_object().expect("an object").clone());
        serde_json::from_value(record).expect("a record")
    }

    #[test]
    fn a_part_that_was_retired_may_come_again() {
        let mut parts = Parts::default();
        let tiles = serde_json::json!([{ "domain": "cache", "name": "tiles" }]);
        parts.take(&record(serde_json::json!({ "stores": tiles, "checks": ["X-freeze"] })));
        let had = parts.clone();
        assert_eq!((had.stores.len(), had.checks.len()), (1, 1));
        parts.take(&record(
            serde_json::json!({ "stores_retired": ["tiles"], "checks_retired": ["X-freeze"] }),
        ));
        assert_eq!((parts.stores.len(), parts.checks.len()), (0, 0));
        assert_eq!((parts.stores_retired.len(), parts.checks_retired.len()), (1, 1));
        parts.take(&record(serde_json::json!({ "stores": tiles, "checks": ["X-freeze"] })));
        assert_eq!(parts, had);
    }
}
