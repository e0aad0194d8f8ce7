//! [`Credentials`]: the pairs of an environment that authenticate a process to servers.

use std::fmt::Debug;

use super::{Kinds, StoreKind};

/// Pairs that authenticate this process to a server, or name its proxy, under the products' own names:
/// `AWS_ACCESS_KEY_ID`, `PGPASSWORD`, `HTTPS_PROXY`, ….
///
/// For one store alone a name has `KFM_` and the store's name before it, in capitals and with `_` for `-`:
/// `KFM_CATALOG_AWS_ACCESS_KEY_ID`. The command takes them from its environment; a library never reads that. They
/// are never shown.
#[derive(Clone, Default)]
pub struct Credentials(Vec<(String, String)>);

impl Credentials {
    /// Beginnings of the names that a log on a server asks for.
    const LOG: [&str; 3] = ["AWS_", "AZURE_", "PG"];

    /// Names of proxies, in upper or lower case.
    const PROXIES: [&str; 4] = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"];

    /// The beginning of the names that are for one store.
    const OWN: &str = "KFM_";

    /// Takes those pairs of an environment that authenticate a process to the log's server or to a store of one of
    /// the kinds, or name its proxy.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>, kinds: &Kinds) -> Self {
        let prefixes: Vec<&str> =
            Self::LOG.into_iter().chain(kinds.iter().flat_map(|kind| kind.credentials()).copied()).collect();
        let is_known = |name: &str| match name.strip_prefix(Self::OWN) {
            Some(own) => prefixes.iter().any(|prefix| own.contains(&format!("_{prefix}"))),
            None => begins_with(name, &prefixes) || is_proxy(name),
        };
        Self(pairs.into_iter().filter(|(name, _)| is_known(name)).collect())
    }

    /// Returns the value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Returns all pairs; those for one store alone have their whole names.
    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// Returns what a store of a kind is given: its own pairs under the product's names, and for what is not among
    /// them those that every store of the kind shares.
    pub(crate) fn of_store(&self, store: &str, kind: &dyn StoreKind) -> Self {
        let own = format!("{}{}_", Self::OWN, store.to_uppercase().replace('-', "_"));
        let is_the_kinds = |name: &str| begins_with(name, kind.credentials());
        let own = self.0.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix(&own).filter(|name| is_the_kinds(name))?;
            Some((name.to_owned(), value.clone()))
        });
        let mut pairs: Vec<(String, String)> = own.collect();
        for (name, value) in &self.0 {
            let is_own = pairs.iter().any(|(other, _)| other == name);
            if !is_own && (is_proxy(name) || is_the_kinds(name)) {
                pairs.push((name.clone(), value.clone()));
            }
        }
        Self(pairs)
    }
}

fn begins_with(name: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

fn is_proxy(name: &str) -> bool {
    Credentials::PROXIES.iter().any(|proxy| name.eq_ignore_ascii_case(proxy))
}

impl Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kfm_lineage::Domain;

    use super::*;
    use crate::kind::{Key, Surroundings};
    use crate::op::DomainOp;

    #[derive(Debug)]
    struct Tiles;

    impl StoreKind for Tiles {
        fn kind(&self) -> &'static str {
            "tiles"
        }
        fn domains(&self) -> &'static [Domain] {
            &[Domain::Cache]
        }
        fn keys(&self) -> &'static [Key] {
            &[]
        }
        fn credentials(&self) -> &'static [&'static str] {
            &["TILES_"]
        }
        fn open(&self, at: &Surroundings<'_>) -> crate::Result<Arc<dyn DomainOp>> {
            Ok(Arc::new(crate::memory::MemoryOp::new(at.name, at.settings.domain)))
        }
    }

    fn of(names: &[&str]) -> Credentials {
        let pairs = names.iter().map(|name| ((*name).to_owned(), format!("the value of {name}")));
        Credentials::from_pairs(pairs, &Kinds::default().with(Arc::new(Tiles)))
    }

    #[test]
    fn of_an_environment_those_pairs_are_taken_that_authenticate_or_name_a_proxy() {
        let names = ["AWS_REGION", "PATH", "PGUSER", "https_proxy", "NO_PROXY", "MY_HTTPS_PROXY", "KFM_ROOT"];
        assert_eq!(format!("{:?}", of(&names)), r#"["AWS_REGION", "PGUSER", "https_proxy", "NO_PROXY"]"#);
        let names = ["TILES_TOKEN", "MY_TILES_TOKEN", "KFM_A_TILES_TOKEN", "KFM_ACTOR"];
        assert_eq!(format!("{:?}", of(&names)), r#"["TILES_TOKEN", "KFM_A_TILES_TOKEN"]"#);
    }

    #[test]
    fn a_store_s_own_pair_goes_before_the_one_of_its_kind() {
        let all = of(&["TILES_TOKEN", "KFM_A_B_TILES_TOKEN", "KFM_A_TILES_USER", "AWS_REGION", "NO_PROXY"]);
        let given = |store: &str| {
            let given = all.of_store(store, &Tiles);
            let value = |name: &str| given.get(name).map(str::to_owned);
            (value("TILES_TOKEN"), value("TILES_USER"), value("AWS_REGION"), value("NO_PROXY"))
        };
        let the = |name: &str| Some(format!("the value of {name}"));
        assert_eq!(given("a-b"), (the("KFM_A_B_TILES_TOKEN"), None, None, the("NO_PROXY")));
        assert_eq!(given("a"), (the("TILES_TOKEN"), the("KFM_A_TILES_USER"), None, the("NO_PROXY")));
    }
}
