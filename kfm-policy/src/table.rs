//! Which rules deny, by kind of operation: the table of `docs/states.md` section 5, as data.

use serde::Serialize;

use crate::facts::JudgedKind;

/// A group of rules that the table treats alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleClass {
    /// CARE rules of severity critical or block except the licence, protection, suppression, holds, GOV.
    Protection,
    /// LNK and ORP.
    Integrity,
    /// FAIR, VER-schema, licence, asset checksums, ids, self links.
    Fair,
    /// CARE-C-licence: a looser licence than now raises the risk and denies nothing.
    Loosening,
    /// Rules whose observations are only recorded.
    Notice,
}

/// How an observation relates to the state before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// It is so now, and was so before.
    Stands,
    /// It is so now, and was not so before.
    Worse,
    /// The rule cannot tell.
    Unknown,
    /// A break or orphan that the operation makes.
    Introduced,
    /// A break or orphan that the undone operation made in what this one moves, and that stays.
    Left,
    /// A break or orphan that comes back with the old state.
    Returned,
}

/// What follows from an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It becomes a finding, and denies the operation.
    Deny,
    /// It becomes a finding.
    Find,
    /// It is counted, and is not a finding.
    Count,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The group of rules.
    pub class: RuleClass,
    /// The aspects for which this row holds.
    pub aspects: &'static [Aspect],
    /// The effect on recording what stands, where nothing moves.
    pub adopt: Effect,
    /// The effect on a publish.
    pub publish: Effect,
    /// The effect on a publish that is judged strictly.
    pub publish_strict: Effect,
    /// The effect on a hotfix that goes forward.
    pub hotfix: Effect,
    /// The effect on a rollback, a revert or an abort.
    pub back: Effect,
}

use Aspect::{Introduced, Left, Returned, Stands, Unknown, Worse};
use Effect::{Count, Deny, Find};

/// The table; a combination that it does not name denies.
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

/// Returns the effect of an observation from the table; denies what the table does not name.
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
