//! CARE: labels, authority, holds, withdrawals, places.
//!
//! A machine checks only that the recorded decisions of communities are obeyed; it decides nothing itself.

use std::collections::{BTreeMap, BTreeSet};

use kfm_lineage::DocumentFacts;
use kfm_lineage::document::{AssetReference, has_place};
use kfm_lineage::integrity::decoded;

use super::{Observation, Rule, RuleMeta, View};
use crate::advice;
use crate::advice::{Advice, Parameter};
use crate::facts::{JudgedKind, StepFacts};
use crate::finding::Severity;
use crate::label::{CareLabel, UnknownLabel};
use crate::licence::LicenceClass;
use crate::ratchet::{StepTreatment, left_by, measured, more_precise};
use crate::remedy::Remedy;
use crate::table::{Aspect, RuleClass};
use crate::treatment::Treatment;

const fn rule(
    id: &'static str,
    severity: Severity,
    code: Option<&'static str>,
    basis: &'static str,
    look: fn(&View<'_>) -> Vec<Observation>,
) -> Rule {
    Rule { meta: RuleMeta { id, version: 1, severity, class: RuleClass::Protection, code, basis }, look }
}

/// What gives the entity of a step a label.
fn label_it(step: &StepFacts) -> Advice {
    advice!["add an entry to the label registry: ", Remedy::AssignLabel { entity: step.path.clone() }]
}

/// Runs a rule over every step that the ratchet has not denied; a step that it has denied is reported by the
/// rule that the ratchet names.
fn each_step(view: &View<'_>, look: impl Fn(&StepFacts) -> Option<Observation>) -> Vec<Observation> {
    let open = |step: &&StepFacts| !matches!(step.outcome, StepTreatment::Denied { .. });
    view.facts.steps.iter().filter(open).filter_map(look).collect()
}

/// Reports the steps that the ratchet has denied by one rule.
fn denied_by<A: Into<Advice>>(
    view: &View<'_>,
    rule: &str,
    remedy: impl Fn(&StepFacts) -> A,
) -> Vec<Observation> {
    let denied = |step: &StepFacts| match &step.outcome {
        StepTreatment::Denied { rule: by, why } if by == rule => {
            Some(Observation::of_step(step, why.clone(), remedy(step)))
        }
        _ => None,
    };
    view.facts.steps.iter().filter_map(denied).collect()
}

/// Says whether a step only hides what was withdrawn; that needs no label (`docs/states.md` section 4).
fn only_hides_the_withdrawn(step: &StepFacts) -> bool {
    step.protection.is_withdrawn() && step.visible().is_none()
}

/// The label is known, and a hotfix does not state a looser one.
pub(crate) const ACCESS: Rule = rule(
    "CARE-A1-access",
    Severity::Critical,
    Some("C-F01"),
    "CARE A1, FsF-A1-01M, R60",
    |view| {
        let mut seen = denied_by(view, "CARE-A1-access", label_it);
        seen.extend(each_step(view, |step| {
            if only_hides_the_withdrawn(step) {
                return None;
            }
            let own = |document: Option<&DocumentFacts>| match document {
                Some(document) => CareLabel::of_document(&document.care),
                None => Ok(None),
            };
            let unknown = |unknown: UnknownLabel| {
                let remedy = match unknown {
                    UnknownLabel::Absent => label_it(step),
                    UnknownLabel::Malformed | UnknownLabel::Unrecognised => {
                        "repair the document's own label (public, sensitive or restricted); one that stands already is \
                         corrected in the store and adopted with reconcile"
                            .into()
                    }
                };
                let observation = Observation::of_step(step, unknown.to_string(), remedy);
                Some(Observation { aspect: Aspect::Unknown, ..observation })
            };
            let after = match (step.protection.label, own(step.visible())) {
                (Err(reason), _) | (_, Err(reason)) => return unknown(reason),
                (Ok(_), Ok(after)) => after,
            };
            let before = own(step.before.as_deref()).ok().flatten();
            let looser = view.facts.kind == JudgedKind::Hotfix && step.visible().is_some() && after < before;
            looser.then(|| {
                let remedy = "a looser label is an operation of its own, declassify";
                Observation::of_step(step, "its own label would be looser than now", remedy)
            })
        }));
        seen
    },
);

/// Only its authority lowers a protection, and a protected entity has an authority (R61, C-F02).
pub(crate) const AUTHORITY: Rule =
    rule("CARE-A2-authority", Severity::Critical, Some("C-F02"), "CARE A2, A3, R61", |view| {
        let remedy =
            "keep the label in the registry; lowering it is not built yet (docs/states.md, 'Not built yet')";
        let mut seen = denied_by(view, "CARE-A2-authority", |_| remedy);
        seen.extend(each_step(view, |step| {
            let document = step.visible()?;
            let label = step.protection.label.ok()?;
            if left_by(document, &step.protection) < step.protection.treatment {
                let message = format!("it would take away the label that asks {}", step.protection.treatment);
                return Some(Observation::of_step(step, message, remedy));
            }
            let unnamed = label > CareLabel::Public && step.protection.authorities.is_empty();
            unnamed.then(|| {
                let message = format!("it is {label} and no authority is named for it");
                Observation::of_step(step, message, "name its authority in the label registry")
            })
        }));
        seen
    });

/// Nothing under a hold changes.
pub(crate) const HOLD: Rule = rule("CARE-A2-hold", Severity::Critical, None, "CARE A, R61", |view| {
    let held = |step: &StepFacts| match &step.outcome {
        StepTreatment::Denied { rule, why } => (rule == "CARE-A2-hold").then(|| why.clone()),
        // If the ratchet hides a held document, an unfinished operation ends that way, which only raises
        // protection.
        StepTreatment::Keep if step.protection.held && !only_hides_the_withdrawn(step) => {
            Some(step.protection.under_hold())
        }
        _ => None,
    };
    let observed =
        |step: &StepFacts| Some(Observation::of_step(step, held(step)?, past_a_hold(view.facts.kind, step)));
    view.facts.steps.iter().filter_map(observed).collect()
});

/// What leads on where a step would change a document under a hold.
fn past_a_hold(kind: JudgedKind, step: &StepFacts) -> Advice {
    let way = match kind {
        JudgedKind::Rollback | JudgedKind::Revert => advice![
            "the whole operation is denied, since it goes back as one; the other documents are changed by a publish of a \
             folder that has their earlier versions and not this one, by ",
            Remedy::Publish,
            "; or its authority withdraws it, by an entry of the suppression list, and planning again then takes it out \
             of what readers see",
        ],
        JudgedKind::Hotfix => advice![
            "the whole hotfix is denied; correct the other documents by a publish of a folder that does not have this \
             one, by ",
            Remedy::Publish,
        ],
        JudgedKind::Adopt | JudgedKind::Abort => "only its authority can change that".into(),
        JudgedKind::Publish if step.after.is_none() => {
            "put it into the folder as it stands in the catalog, byte for byte: a publish that mirrors retires what the \
             folder lacks, and the hold refuses that too"
                .into()
        }
        JudgedKind::Publish => {
            "put it into the folder as it stands in the catalog, byte for byte; a publish that does not mirror may leave \
             it out instead"
                .into()
        }
    };
    way.and("; lifting a hold is not built yet (docs/states.md, 'Not built yet')")
}

/// Nothing that was withdrawn comes back, by any operation (R62).
pub(crate) const RESURRECT: Rule =
    rule("CARE-A3-resurrect", Severity::Critical, Some("C-F05"), "CARE A3, GDPR 17, R62", |view| {
        let remedy = "leave it out; lifting a withdrawal is not built yet (docs/states.md, 'Not built yet')";
        let mut seen = denied_by(view, "CARE-A3-resurrect", |_| remedy);
        seen.extend(each_step(view, |step| {
            (step.protection.is_withdrawn() && step.visible().is_some())
                .then(|| Observation::of_step(step, "it was withdrawn and would be visible", remedy))
        }));
        seen
    });

/// Content is no more precise than its protection demands (C-F04); a label that promises more is found here.
pub(crate) const GEO: Rule =
    rule("CARE-E1-geo", Severity::Critical, Some("C-F04"), "CARE E1, GBIF categories 1 to 4", |view| {
        let asked = |step: &StepFacts| step.protection.treatment;
        let remedy = |step: &StepFacts| less_precise(view.facts.kind, asked(step));
        let mut seen = denied_by(view, "CARE-E1-geo", remedy);
        seen.extend(each_step(view, |step| {
            let document = step.visible()?;
            step.protection.label.ok()?;
            let is_finer = measured(document) < asked(step) && asked(step) < Treatment::Quarantined;
            is_finer.then(|| Observation::of_step(step, more_precise(document, asked(step)), remedy(step)))
        }));
        seen
    });

/// What leads on where a document is more precise than protection asks for.
fn less_precise(kind: JudgedKind, asked: Treatment) -> Advice {
    let version = format!("publish a version with {}", asked.lets_through());
    match kind {
        JudgedKind::Rollback | JudgedKind::Revert => advice![
            version,
            "; or a folder without it and without links to it, by ",
            Remedy::PublishMirror,
            ", then plan again; if nothing links to it, plan with ",
            Parameter::HideUnmaskable,
        ],
        _ => advice![version, ", or leave it out"],
    }
}

/// Texts do not tell a place that was masked.
pub(crate) const TEXT: Rule = rule("CARE-E1-text", Severity::Block, None, "CARE E1, R61", |view| {
    each_step(view, |step| {
        let document = step.visible()?;
        let told = document.has_places_in_texts || has_place(&step.path);
        (step.protection.treatment > Treatment::Public && told).then(|| {
            let message = "its path, its texts or the names of its members read like coordinates";
            Observation::of_step(step, message, "take them out of the texts")
        })
    })
});

/// A sensitive entity has a reason, and a review day that has not passed (C-F03).
pub(crate) const REVIEW: Rule =
    rule("CARE-E1-review", Severity::Block, Some("C-F03"), "GBIF sensitive data, CARE E1", |view| {
        let today = view.facts.now.to_zoned(jiff::tz::TimeZone::UTC).date();
        each_step(view, |step| {
            step.visible()?;
            let label = step.protection.label.ok()?;
            if label == CareLabel::Public {
                return None;
            }
            let message = match step.protection.review_by {
                None => format!("it is {label} and the registry states no reason and no day of review"),
                Some(review_by) if review_by < today => {
                    format!("it is {label} and was to be looked at again by {review_by}")
                }
                Some(_) => return None,
            };
            Some(Observation::of_step(step, message, label_it(step)))
        })
    });

/// The authority of an entity is told when the entity is touched.
pub(crate) const NOTICE: Rule = Rule {
    meta: RuleMeta {
        id: "CARE-R1-notice",
        version: 1,
        severity: Severity::Warn,
        class: RuleClass::Notice,
        code: None,
        basis: "CARE R1",
    },
    look: |view| {
        each_step(view, |step| {
            let protection = &step.protection;
            let protected =
                protection.label.is_ok_and(|label| label > CareLabel::Public) || protection.heritage;
            (protected && !protection.authorities.is_empty()).then(|| {
                let remedy = format!("tell {}", protection.authorities.join(", "));
                Observation::of_step(step, "its authority wants to know that it is touched", remedy)
            })
        })
    },
};

/// A licence that becomes looser is reported; licences are compared only if both versions state one.
///
/// Of a licence that is stated several times, readers see different ones: the strictest counts before the step, the
/// loosest after it.
pub(crate) const LICENCE: Rule = Rule {
    meta: RuleMeta {
        id: "CARE-C-licence",
        version: 1,
        severity: Severity::Block,
        class: RuleClass::Loosening,
        code: None,
        basis: "CARE C, RDA-R1.1",
    },
    look: |view| {
        each_step(view, |step| {
            let (before, after) = (step.before.as_deref()?, step.visible()?);
            if before.licences == after.licences {
                return None;
            }
            let classes = |document: &'_ DocumentFacts| {
                document.licences.iter().map(|licence| LicenceClass::of(licence)).collect::<Vec<_>>()
            };
            let (before, after) = (classes(before).into_iter().max()?, classes(after).into_iter().min()?);
            (after < before).then(|| {
                let message =
                    format!("its licence would be looser than now: {} to {}", before.words(), after.words());
                Observation::of_step(step, message, "make sure that the looser licence is the right one")
            })
        })
    },
};

/// An asset that was guarded is not replaced by an open or a signed reference (R56), nor is one put beside it.
pub(crate) const ASSET: Rule =
    rule("CARE-A1-asset", Severity::Critical, None, "R56, STAC authentication extension", |view| {
        each_step(view, |step| {
            let (before, after) = (step.before.as_deref()?, step.visible()?);
            let count = opened(&before.references, &after.references).len();
            (count > 0).then(|| {
                let message = format!("guarded assets would be referred to openly: {count}");
                Observation::of_step(step, message, "keep the guarded reference")
            })
        })
    });

/// Lists the assets that were guarded and have an open reference where they had none.
///
/// A reference of which it cannot be told to which asset it belongs counts for every asset.
fn opened<'a>(before: &'a [AssetReference], after: &[AssetReference]) -> BTreeSet<&'a str> {
    let is_guarded_asset = |reference: &&AssetReference| reference.place.is_empty() && is_guarded(reference);
    let guarded = before.iter().filter(is_guarded_asset).filter_map(|reference| reference.asset.as_deref());
    let (open_before, open_after) = (open_by_asset(before), open_by_asset(after));
    let is_opened = |asset: &&str| {
        let was_open = |new: &AssetReference| {
            let is_the_same = |old: &AssetReference| {
                old.href == new.href || (&old.asset, &old.place) == (&new.asset, &new.place)
            };
            may_be_of(&open_before, asset).any(is_the_same)
        };
        may_be_of(&open_after, asset).any(|new| !was_open(new))
    };
    let guarded: BTreeSet<&str> = guarded.collect();
    guarded.into_iter().filter(is_opened).collect()
}

type ByAsset<'a> = BTreeMap<Option<&'a str>, Vec<&'a AssetReference>>;

fn open_by_asset(references: &[AssetReference]) -> ByAsset<'_> {
    let mut by_asset = ByAsset::new();
    for open in references.iter().filter(|reference| !is_guarded(reference)) {
        by_asset.entry(open.asset.as_deref()).or_default().push(open);
    }
    by_asset
}

fn may_be_of<'a>(references: &'a ByAsset<'_>, asset: &'a str) -> impl Iterator<Item = &'a AssetReference> {
    [Some(asset), None].into_iter().filter_map(|asset| references.get(&asset)).flatten().copied()
}

/// Says whether an asset's reference asks its user for authentication.
///
/// A reference with an authentication scheme is guarded, and so is one with a URI scheme that browsers cannot
/// follow. A signed URL carries its permission with it and is not guarded.
fn is_guarded(reference: &AssetReference) -> bool {
    const SIGNATURES: [&str; 4] = ["x-amz-signature=", "x-goog-signature=", "sig=", "signature="];
    let href = decoded(&reference.href).to_ascii_lowercase();
    let query = href.split_once('?').map_or("", |(_, query)| query);
    if query.split('&').any(|pair| SIGNATURES.iter().any(|name| pair.starts_with(name))) {
        return false;
    }
    let scheme = super::fair::scheme_of(&href);
    reference.has_auth || scheme.is_some_and(|scheme| !matches!(scheme, "http" | "https"))
}

#[cfg(test)]
mod tests;
