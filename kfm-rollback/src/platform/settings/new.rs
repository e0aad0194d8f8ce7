//! The text of a new `kfm.toml`: the embedded settings, with the stores that were asked for.

use std::collections::BTreeSet;

use kfm_lineage::Domain;

use super::{Settings, check_name};
use crate::error::{Error, Result};
use crate::kind::{Kinds, NewTable, Sample, StoreKind};

/// A store that a new platform has, in the place of the embedded one of its domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStore {
    /// The kind's word.
    pub kind: String,
    /// The store's name; `None`: that of the embedded store of its domain, or the kind's word where another store has it.
    pub name: Option<String>,
    /// Where the store lies; `None`: where the kind's sample says.
    pub url: Option<String>,
}

/// A store whose kind, name and domain are known.
struct Named<'a> {
    asked: &'a NewStore,
    kind: &'a dyn StoreKind,
    name: String,
    domain: Domain,
    sample: Sample,
    is_target: bool,
}

/// Returns the embedded settings with these stores. A domain has the stores that were asked for in it; one without has
/// its embedded store, and so has the domain of documents if none of its stores can be the target.
///
/// # Errors
/// [`Error::Invalid`]: a kind is not registered, a name is given twice or missing, or a `url` is missing.
pub(crate) fn compose(stores: &[NewStore], kinds: &Kinds) -> Result<String> {
    let named = name_all(stores, kinds)?;
    let mut parts = Settings::EMBEDDED.split("\n[stores.");
    let mut text = parts.next().expect("a text has a beginning").to_owned();
    let mut after = "";
    for part in parts {
        // Behind the last store the other tables follow.
        let (table, rest) = part.split_once("\n[").map_or((part, ""), |(table, rest)| (table, rest));
        after = rest;
        let (name, _) = table.split_once(']').expect("a table's name ends with a bracket");
        let domain = EMBEDDED_NAMES.iter().find(|(_, embedded)| *embedded == name).map(|(domain, _)| *domain);
        if domain.is_none_or(|domain| stays_embedded(domain, &named)) {
            text.push_str("\n[stores.");
            text.push_str(table.trim_end());
            text.push('\n');
        }
        for store in named.iter().filter(|store| Some(store.domain) == domain) {
            text.push('\n');
            text.push_str(&table_of(store, &named)?);
        }
    }
    Ok(format!("{text}\n[{after}"))
}

/// The domains, and the name of each one's embedded store.
const EMBEDDED_NAMES: [(Domain, &str); 4] = [
    (Domain::Stac, "catalog"),
    (Domain::Graph, "graph"),
    (Domain::Search, "search"),
    (Domain::Cache, "cache"),
];

fn name_all<'a>(stores: &'a [NewStore], kinds: &'a Kinds) -> Result<Vec<Named<'a>>> {
    let mut named: Vec<Named<'_>> = Vec::with_capacity(stores.len());
    for asked in stores {
        let kind = kinds.find(&asked.kind).ok_or_else(|| {
            let known: Vec<_> = kinds.iter().map(StoreKind::kind).collect();
            Error::invalid(
                format!("unknown kind of store: kind={} known={}", asked.kind, known.join(", ")),
                "name one of the known kinds",
            )
        })?;
        if let Some(name) = &asked.name {
            check_name(name).map_err(|why| Error::invalid(why, "give the store another name"))?;
        }
        let domain = domain_of(asked, kind)?;
        let sample = kind.sample(domain, asked.url.as_deref()).unwrap_or(Sample::NONE);
        let is_target = domain == Domain::Stac
            && sample.can_be_target
            && !named.iter().any(|store: &Named<'_>| store.is_target);
        named.push(Named { asked, kind, name: String::new(), domain, sample, is_target });
    }
    let stays = EMBEDDED_NAMES.iter().filter(|(domain, _)| stays_embedded(*domain, &named));
    let embedded: BTreeSet<String> = stays.map(|(_, name)| (*name).to_owned()).collect();
    let mut taken = embedded.clone();
    taken.extend(stores.iter().filter_map(|store| store.name.clone()));
    for store in &mut named {
        if let Some(name) = &store.asked.name {
            store.name.clone_from(name);
            continue;
        }
        // A catalog that follows the target does not take the name that the target would have.
        let usual =
            Some(embedded_name(store.domain)).filter(|_| store.domain != Domain::Stac || store.is_target);
        let mut free = usual.into_iter().chain([store.kind.kind()]).filter(|name| !taken.contains(*name));
        store.name = free.next().ok_or_else(|| twice(store.kind.kind()))?.to_owned();
        taken.insert(store.name.clone());
    }
    let mut names = embedded;
    match named.iter().find(|store| !names.insert(store.name.clone())) {
        Some(store) => Err(twice(&store.name)),
        None => Ok(named),
    }
}

/// Says whether a domain has its embedded store: none of its stores was asked for, or none that can be the target.
fn stays_embedded(domain: Domain, named: &[Named<'_>]) -> bool {
    let mut asked = named.iter().filter(|store| store.domain == domain);
    match domain {
        Domain::Stac => !asked.any(|store| store.is_target),
        _ => asked.next().is_none(),
    }
}

fn twice(name: &str) -> Error {
    Error::invalid(format!("two stores would have one name: name={name}"), "give each a name of its own")
}

fn embedded_name(domain: Domain) -> &'static str {
    EMBEDDED_NAMES.iter().find(|(other, _)| *other == domain).map_or("", |(_, name)| *name)
}

/// Returns the domain of a store: the only one of its kind, or the one whose embedded store has its name.
fn domain_of(asked: &NewStore, kind: &dyn StoreKind) -> Result<Domain> {
    if let [domain] = kind.domains() {
        return Ok(*domain);
    }
    let named = kind.domains().iter().find(|domain| asked.name.as_deref() == Some(embedded_name(**domain)));
    named.copied().ok_or_else(|| {
        let names: Vec<_> = kind.domains().iter().map(|domain| embedded_name(*domain)).collect();
        let message = format!(
            "stores of this kind can have several purposes: kind={} names={}",
            kind.kind(),
            names.join(", ")
        );
        Error::invalid(message, "give the store one of these names")
    })
}

fn table_of(store: &Named<'_>, all: &[Named<'_>]) -> Result<String> {
    let url = match (&store.asked.url, store.sample.url) {
        (Some(url), _) => url.clone(),
        (None, "") => {
            let message =
                format!("a store of this kind needs a url: kind={} name={}", store.kind.kind(), store.name);
            return Err(Error::invalid(message, "say where the store lies"));
        }
        (None, sample) => sample.replace("{name}", &store.name),
    };
    let catalogs = all.iter().filter(|store| store.domain == Domain::Stac).count();
    let role = match store.domain {
        Domain::Stac if !store.is_target => Some("derived"),
        Domain::Stac if catalogs > 1 => Some("target"),
        _ => None,
    };
    let table = NewTable { name: &store.name, domain: store.domain, kind: store.kind, url: &url, role };
    Ok(table.text(&store.sample))
}
