//! Which rules deny, by kind of operation: the table of `docs/states.md` section 5, as data.

use serde::Serialize;

use crate::facts::JudgedKind;

/// A group of rules that the table treats alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleClass {
    /// CARE of severity critical or block but the licence, protection, suppression, holds, GOV.
    Protection,
    /// LNK and ORP.
    Integrity,
    /// FAIR, VER-schema, licence, asset checksums, ids, self links.
    Fair,
    /// CARE-C-licence: a licence looser than now raises the risk and denies nothing.
    Loosening,
    /// What is only recorded.
    Notice,
}

/// In which respect a rule saw something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// It is so, and was before.
    Stands,
    /// It is so, and was not before.
    Worse,
    /// The rule cannot tell.
    Unknown,
    /// A break or orphan that the operation makes.
    Introduced,
    /// A break or orphan that the undone operation made, in what this one moves, and that stays.
    Left,
    /// A break or orphan that comes back with the old state.
    Returned,
}

/// What becomes of an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It is a finding, and denies.
    Deny,
    /// It is a finding.
    Find,
    /// It is counted and no finding.
    Count,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The rules.
    pub class: RuleClass,
    /// The respects in which they saw something.
    pub aspects: &'static [Aspect],
    /// For what is recorded and does not move.
    pub adopt: Effect,
    /// For a publish.
    pub publish: Effect,
    /// For a publish that is judged strictly.
    pub publish_strict: Effect,
    /// For a hotfix that goes forward.
    pub hotfix: Effect,
    /// For a rollback, a revert, an abort.
    pub back: Effect,
}

use Aspect::{Introduced, Left, Returned, Stands, Unknown, Worse};
use Effect::{Count, Deny, Find};

/// The table; what it does not name denies.
pub const DENIALS: [Row; 9] = [
    row(RuleClass::Protection, &[Stands, Worse, Unknown], [Find, Deny, Deny, Deny, Deny]),
    row(RuleClass::Integrity, &[Introduced], [Find, Find, Deny, Deny, Deny]),
    row(RuleClass::Integrity, &[Left], [Count, Count, Count, Count, Deny]),
    row(RuleClass::Integrity, &[Returned], [Count, Count, Count, Count, Find]),
    row(RuleClass::Fair, &[Stands], [Find, Find, Find, Find, Find]),
    row(RuleClass::Fair, &[Worse], [Find, Find, Deny, Deny, Find]),
    row(RuleClass::Fair, &[Unknown], [Find, Find, Deny, Deny, Find]),
    row(RuleClass::Loosening, &[Stands, Worse, Unknown], [Find, Find, Find, Find, Find]),
    row(RuleClass::Notice, &[Stands, Worse, Unknown], [Find, Find, Find, Find, Find]),
];

const fn row(class: RuleClass, aspects: &'static [Aspect], effects: [Effect; 5]) -> Row {
    let [adopt, publish, publish_strict, hotfix, back] = effects;
    Row { class, aspects, adopt, publish, publish_strict, hotfix, back }
}

/// Looks the table up.
pub(crate) fn effect(class: RuleClass, aspect: Aspect, kind: JudgedKind, strict: bool) -> Effect {
    let Some(row) = DENIALS.iter().find(|row| row.class == class && row.aspects.contains(&aspect)) else {
        return Deny;
    };
    match kind {
        JudgedKind::Adopt => row.adopt,
        JudgedKind::Publish if strict => row.publish_strict,
        JudgedKind::Publish => row.publish,
        JudgedKind::Hotfix => row.hotfix,
        JudgedKind::Rollback | JudgedKind::Revert | JudgedKind::Abort => row.back,
    }
}

#[cfg(test)]
mod tests;
