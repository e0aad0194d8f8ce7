//! The keys that `kfm.toml` may have: a setting that is silently ignored is missed only when it is needed.

use kfm_lineage::Domain;
use kfm_policy::strict_toml::{Lines, nearest};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::kind::{Kinds, StoreKind, StoreSettings};

/// Tables, and the keys that may stand in each; the keys of a store are its kind's.
const KNOWN: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "version",
            "stores",
            "wal",
            "policy",
            "versions",
            "telemetry",
            "ledger",
            "release",
            "notify",
            "limits",
            "retired",
        ],
    ),
    ("wal", &["url", "lease_ms"]),
    ("policy", &["labels", "suppressions", "principals", "publish", "licences"]),
    ("versions", &["url"]),
    ("telemetry", &["dir"]),
    ("ledger", &["path"]),
    ("release", &["sbom_ref", "manifest_ref"]),
    ("notify", &["command"]),
    ("limits", &["document_bytes_max", "grace_ms"]),
    ("retired", &["stores", "checks"]),
];

/// Refuses settings of another version than 1 before anything else in them is judged.
pub(super) fn check_version(table: &DeTable<'_>, lines: &Lines) -> Result<(), String> {
    let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == "version") else {
        return Err("version is missing, this kfm knows 1:".to_owned());
    };
    match value.get_ref() {
        // A version that is not an integer is refused later, as a value of the wrong type.
        DeValue::Integer(number) if number.as_str() != "1" => Err(format!(
            "version is not known to this kfm, which knows 1: version={} line={}",
            number.as_str(),
            lines.at(key.span().start)
        )),
        _ => Ok(()),
    }
}

/// Refuses a key that is not known in its table, and a kind that is not registered; names the nearest one that is.
pub(super) fn check_keys(table: &DeTable<'_>, lines: &Lines, kinds: &Kinds) -> Result<(), String> {
    check_table("", known_in(""), table, lines)?;
    for (name, value) in table {
        let (name, DeValue::Table(inner)) = (name.get_ref().as_ref(), value.get_ref()) else { continue };
        if name != "stores" {
            check_table(name, known_in(name), inner, lines)?;
            continue;
        }
        for (store, value) in inner {
            if let DeValue::Table(settings) = value.get_ref() {
                check_store(store.get_ref(), settings, lines, kinds)?;
            }
        }
    }
    Ok(())
}

fn known_in(table: &str) -> &'static [&'static str] {
    KNOWN.iter().find(|(name, _)| *name == table).map_or(&[], |(_, keys)| keys)
}

/// A store without a kind has the keys of every store; that its kind is missing is said later.
fn check_store(name: &str, table: &DeTable<'_>, lines: &Lines, kinds: &Kinds) -> Result<(), String> {
    let kind = match text_of(table, "kind") {
        None => None,
        Some((kind, line)) => Some(find(name, kind, lines.at(line), kinds)?),
    };
    let own = kind.map_or(&[][..], StoreKind::keys);
    let known: Vec<_> = StoreSettings::KEYS.into_iter().chain(own.iter().map(|key| key.name)).collect();
    let shown = format!("stores.{name}");
    check_table(&shown, &known, table, lines)?;
    for key in own.iter().filter(|key| !key.values.is_empty()) {
        let Some((value, line)) = text_of(table, key.name) else { continue };
        if !key.values.contains(&value) {
            let (nearest, key, line) = (nearest(value, key.values), key.name, lines.at(line));
            return Err(format!(
                "value is not known, the nearest known one is {nearest}: key={shown}.{key} value={value} line={line}"
            ));
        }
    }
    match (kind, text_of(table, "domain")) {
        (Some(kind), Some((domain, line))) => check_domain(name, kind, domain, lines.at(line)),
        _ => Ok(()),
    }
}

fn find<'k>(store: &str, kind: &str, line: usize, kinds: &'k Kinds) -> Result<&'k dyn StoreKind, String> {
    kinds.find(kind).ok_or_else(|| {
        let names: Vec<_> = kinds.iter().map(StoreKind::kind).collect();
        let nearest = nearest(kind, &names);
        format!("unknown kind, the nearest known one is {nearest}: store={store} kind={kind} line={line}")
    })
}

/// What is not a domain at all is said later.
fn check_domain(store: &str, kind: &dyn StoreKind, domain: &str, line: usize) -> Result<(), String> {
    let served = kind.domains();
    if domain.parse::<Domain>().map_or(true, |domain| served.contains(&domain)) {
        return Ok(());
    }
    let (kind, served) =
        (kind.kind(), served.iter().map(|domain| domain.as_str()).collect::<Vec<_>>().join(", "));
    Err(format!(
        "kind {kind} has no store of this domain, it has {served}: store={store} domain={domain} line={line}"
    ))
}

/// Returns a text and its place in the file; `None` if the key is missing, or not a text.
fn text_of<'t>(table: &'t DeTable<'_>, key: &str) -> Option<(&'t str, usize)> {
    let value: &Spanned<DeValue<'_>> =
        table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)?;
    Some((value.get_ref().as_str()?, value.span().start))
}

fn check_table(
    shown: &str,
    known: &[&'static str],
    table: &DeTable<'_>,
    lines: &Lines,
) -> Result<(), String> {
    for key in table.keys() {
        let name = key.get_ref().as_ref();
        if known.contains(&name) {
            continue;
        }
        let nearest = nearest(name, known);
        let shown = if shown.is_empty() { name.to_owned() } else { format!("{shown}.{name}") };
        let line = lines.at(key.span().start);
        return Err(format!("unknown key, the nearest known one is {nearest}: key={shown} line={line}"));
    }
    Ok(())
}
