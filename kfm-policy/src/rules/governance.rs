//! Governance: the actor, the reason, and the kind of change.

use kfm_lineage::document::has_place;

use super::{Observation, Rule, RuleMeta, View};
use crate::facts::JudgedKind;
use crate::finding::{OPERATION, Severity};
use crate::table::RuleClass;
use crate::text;

const fn rule(id: &'static str, basis: &'static str, look: fn(&View<'_>) -> Vec<Observation>) -> Rule {
    let meta = RuleMeta {
        id,
        version: 1,
        severity: Severity::Block,
        class: RuleClass::Protection,
        code: None,
        basis,
    };
    Rule { meta, look }
}

/// An actor is named, and the given reason tells nothing about protected places and persons.
///
/// A plan may have no reason yet; the engine's types demand one for an execution.
pub(crate) const REASON: Rule = rule("GOV-reason", "R66, R68", |view| {
    let mut seen = Vec::new();
    let mut object = |message: &str, remedy: &str| {
        seen.push(Observation::new(crate::table::Aspect::Stands, OPERATION, message, remedy));
    };
    if view.facts.actor.trim().is_empty() {
        object("no actor is named", "give an actor");
    }
    if let Some(reason) = view.facts.reason {
        let protected = view.facts.steps.iter().any(|step| !step.protection.is_plain());
        if reason.trim().is_empty() {
            object("the reason is blank", "say why");
        } else if protected && (has_place(reason) || text::has_person(reason)) {
            object(
                "the reason reads like a place or a person, and what it is about is protected",
                "say why without naming either",
            );
        }
    }
    seen
});

/// A tier is 0 to 4, and a hotfix may not have tier 4 (R64).
pub(crate) const TIER: Rule = rule("GOV-tier", "R64, R73", |view| {
    let message = match (view.facts.tier, view.facts.kind) {
        (5.., _) => "there is no such tier",
        (4, JudgedKind::Hotfix) => "a hotfix may not change what is of tier 4",
        _ => return Vec::new(),
    };
    let remedy = "make it a publish or a rollback";
    vec![Observation::new(crate::table::Aspect::Stands, OPERATION, message, remedy)]
});

#[cfg(test)]
mod tests;
