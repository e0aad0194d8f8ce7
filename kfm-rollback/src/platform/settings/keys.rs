//! The keys that `kfm.toml` may have: a setting that is silently ignored is missed only when it is needed.

use kfm_policy::strict_toml::{Lines, nearest};
use toml::de::{DeTable, DeValue};

/// Tables, and the keys that may stand in each; `stores.*` is any store.
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
        ],
    ),
    ("stores.*", &["domain", "kind", "url", "mode", "patience"]),
    ("wal", &["url", "lease_ms"]),
    ("policy", &["labels", "suppressions", "principals", "publish"]),
    ("versions", &["url"]),
    ("telemetry", &["dir"]),
    ("ledger", &["path"]),
    ("release", &["sbom_ref", "manifest_ref"]),
    ("notify", &["command"]),
    ("limits", &["document_bytes_max", "grace_ms"]),
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

/// Refuses a key that is not known in its table, and names the nearest one that is.
pub(super) fn check_keys(table: &DeTable<'_>, lines: &Lines) -> Result<(), String> {
    check_table("", "", table, lines)?;
    for (name, value) in table {
        let (name, DeValue::Table(inner)) = (name.get_ref().as_ref(), value.get_ref()) else { continue };
        if name != "stores" {
            check_table(name, name, inner, lines)?;
            continue;
        }
        for (store, value) in inner {
            if let DeValue::Table(settings) = value.get_ref() {
                check_table("stores.*", &format!("stores.{}", store.get_ref()), settings, lines)?;
            }
        }
    }
    Ok(())
}

fn check_table(place: &str, shown: &str, table: &DeTable<'_>, lines: &Lines) -> Result<(), String> {
    let known = KNOWN.iter().find(|(name, _)| *name == place).map_or(&[][..], |(_, keys)| keys);
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
