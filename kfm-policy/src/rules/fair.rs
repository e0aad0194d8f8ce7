//! FAIR: ids, assets, licences.
//!
//! A rule of this family lists what a document lacks, before and after a step. A new lack makes the document
//! worse; the others stood before, and real catalogs have many.

use std::collections::BTreeSet;

use kfm_lineage::document::AssetFact;
use kfm_lineage::{DocumentFacts, DocumentKind, Field};

use super::{Observation, Rule, RuleMeta, View};
use crate::facts::StepFacts;
use crate::finding::Severity;
use crate::table::{Aspect, RuleClass};

pub(super) const fn rule(
    id: &'static str,
    severity: Severity,
    class: RuleClass,
    basis: &'static str,
    look: fn(&View<'_>) -> Vec<Observation>,
) -> Rule {
    Rule { meta: RuleMeta { id, version: 1, severity, class, code: None, basis }, look }
}

/// Compares what each visible document lacks with what it lacked before, and reports each document that lacks
/// something. `lacks` names the lacks in words that contain no text of the document.
pub(super) fn compare(
    view: &View<'_>,
    remedy: &str,
    lacks: impl Fn(&DocumentFacts) -> BTreeSet<String>,
) -> Vec<Observation> {
    let look = |step: &StepFacts| {
        let after = lacks(step.visible()?);
        if after.is_empty() {
            return None;
        }
        let before = step.before.as_deref().map(&lacks).unwrap_or_default();
        let aspect = if after.is_subset(&before) { Aspect::Stands } else { Aspect::Worse };
        let message = after.into_iter().collect::<Vec<_>>().join("; ");
        Some(Observation::new(aspect, &step.path, message, remedy))
    };
    view.facts.steps.iter().filter_map(look).collect()
}

fn lack(is_so: bool, words: &str) -> Option<String> {
    is_so.then(|| words.to_owned())
}

/// Ids stay, are there, and belong to one document each; a `self` link leads to its document.
pub(crate) const ID: Rule =
    rule("FAIR-F1-id", Severity::Block, RuleClass::Fair, "RDA-F1-01M, RDA-F1-02M", |view| {
        let remedy = "give the document the id that it had, and no other document's";
        let mut seen = compare(view, remedy, |document| {
            let is_object = document.kind != DocumentKind::NotJson;
            lack(is_object && document.id.is_none(), "it has no id").into_iter().collect()
        });
        for step in view.facts.steps {
            seen.extend(changed_ids(step));
            seen.extend(odd_name(step));
        }
        seen.extend(shared_ids(view));
        let (before, after) = (&view.facts.integrity.before, &view.facts.integrity.after);
        seen.extend(after.wrong_self_links.difference(&before.wrong_self_links).map(|path| {
            let remedy = "let the self link lead to the document itself";
            Observation::new(Aspect::Worse, path, "its self link leads to another place", remedy)
        }));
        seen
    });

/// Reports an id or a collection that changes; getting one where there was none is not a change.
fn changed_ids(step: &StepFacts) -> Option<Observation> {
    let (before, after) = (step.before.as_deref()?, step.visible()?);
    let changed = |a: &Option<String>, b: &Option<String>| a.is_some() && a != b;
    let what = match (changed(&before.id, &after.id), changed(&before.collection, &after.collection)) {
        (true, true) => "its id and its collection would be others than now",
        (true, false) => "its id would be another than now",
        (false, true) => "its collection would be another than now",
        (false, false) => return None,
    };
    Some(Observation::new(Aspect::Worse, &step.path, what, "publish it as a document of its own"))
}

/// Reports a name that a URL cannot carry as it is (RFC 3986): other programs may not be able to follow links
/// to it.
fn odd_name(step: &StepFacts) -> Option<Observation> {
    step.visible()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/".contains(c);
    if step.path.chars().all(plain) {
        return None;
    }
    let aspect = if step.before.is_some() { Aspect::Stands } else { Aspect::Worse };
    let message = "its name has characters that a URL cannot carry as they are";
    Some(Observation::new(aspect, &step.path, message, "rename it, when it is next published"))
}

/// Reports ids that more documents share than before.
fn shared_ids(view: &View<'_>) -> impl Iterator<Item = Observation> {
    let (before, after) = (&view.facts.integrity.before, &view.facts.integrity.after);
    after.duplicate_ids.iter().flat_map(|(id, paths)| {
        let earlier: BTreeSet<&String> = before.duplicate_ids.get(id).into_iter().flatten().collect();
        paths.iter().filter(move |path| !earlier.contains(path)).map(|path| {
            let message = format!("its id would be that of {} documents", paths.len());
            Observation::new(Aspect::Worse, path, message, "give each document an id of its own")
        })
    })
}

/// Data assets state what their bytes are.
pub(crate) const ASSET: Rule =
    rule("FAIR-F3-asset", Severity::Block, RuleClass::Fair, "RDA-F3-01M, STAC file extension v2.1", |view| {
        compare(view, "state file:checksum as a multihash", |document| {
            let data: Vec<_> = document.assets.iter().filter(|asset| is_data(asset)).collect();
            let without = data.iter().filter(|asset| asset.checksum.is_none()).count();
            let checksums = data.iter().filter_map(|asset| asset.checksum.as_deref());
            let unreadable = checksums.filter(|checksum| !is_multihash(checksum)).count();
            let mut lacks = BTreeSet::new();
            lacks.extend(lack(without > 0, &format!("data assets without a checksum: {without}")));
            lacks.extend(lack(unreadable > 0, &format!("checksums that are no multihash: {unreadable}")));
            lacks
        })
    });

fn is_data(asset: &AssetFact) -> bool {
    let beside = |role: &String| matches!(role.as_str(), "thumbnail" | "overview" | "metadata" | "visual");
    asset.roles.is_empty() || !asset.roles.iter().all(beside)
}

/// The prefixes of multihashes that are in use, with the number of bytes of their digests.
const MULTIHASHES: [(&str, usize); 8] = [
    ("1114", 20),     // sha1
    ("1220", 32),     // sha2-256
    ("1340", 64),     // sha2-512
    ("1440", 64),     // sha3-512
    ("1620", 32),     // sha3-256
    ("1e20", 32),     // blake3
    ("a0e40220", 32), // blake2b-256
    ("d50110", 16),   // md5
];

fn is_multihash(checksum: &str) -> bool {
    let is_hex = |hex: &str| hex.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    MULTIHASHES.iter().any(|(prefix, bytes)| {
        checksum.strip_prefix(prefix).is_some_and(|hex| hex.len() == 2 * bytes && is_hex(hex))
    })
}

/// Assets lie where people can get them.
pub(crate) const PROTOCOL: Rule =
    rule("FAIR-A1-proto", Severity::Warn, RuleClass::Notice, "FsF-A1.1-01MD", |view| {
        compare(view, "serve assets over https, s3 or gs, or beside the catalog", |document| {
            let odd = |asset: &&AssetFact| {
                scheme_of(&asset.href.to_ascii_lowercase())
                    .is_some_and(|scheme| !matches!(scheme, "https" | "s3" | "gs" | "az" | "abfs"))
            };
            let odd = document.assets.iter().filter(odd).count();
            lack(odd > 0, &format!("assets behind a scheme that is not allowed: {odd}")).into_iter().collect()
        })
    });

/// Returns the scheme of an absolute reference (RFC 3986); a relative one has none.
pub(super) fn scheme_of(href: &str) -> Option<&str> {
    let (scheme, _) = href.split_once(':')?;
    let rest = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    (scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(rest)).then_some(scheme)
}

/// Items and collections state a licence that is allowed.
pub(crate) const LICENCE: Rule = rule(
    "FAIR-R1.1-licence",
    Severity::Block,
    RuleClass::Fair,
    "RDA-R1.1-01M, RDA-R1.1-02M, RDA-R1.1-03M, R63",
    |view| {
        let remedy = "state an SPDX licence that the platform allows";
        let mut seen = compare(view, remedy, |document| {
            if !matches!(document.kind, DocumentKind::Item | DocumentKind::Collection) {
                return BTreeSet::new();
            }
            let words = match &document.licence {
                Field::Present(licence) if view.licences.allows(licence) => return BTreeSet::new(),
                Field::Present(licence) if licence == "other" && document.links_of("license").count() > 0 => {
                    return BTreeSet::new();
                }
                Field::Present(_) => "its licence is not one that the platform allows",
                Field::Absent => "it states no licence",
                // Reported below, under an aspect of its own.
                Field::Malformed => return BTreeSet::new(),
            };
            BTreeSet::from([words.to_owned()])
        });
        let unreadable = |step: &StepFacts| {
            let after = step.visible().filter(|document| document.licence == Field::Malformed)?;
            let is_as_before = step.before.as_deref().is_some_and(|before| {
                before.licence == Field::Malformed && before.licences == after.licences
            });
            let aspect = if is_as_before { Aspect::Stands } else { Aspect::Unknown };
            Some(Observation::new(aspect, &step.path, "its licence cannot be read", remedy))
        };
        seen.extend(view.facts.steps.iter().filter_map(unreadable));
        seen
    },
);

#[cfg(test)]
mod tests;
