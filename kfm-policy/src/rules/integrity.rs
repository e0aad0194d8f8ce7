//! Links and orphans, as far as the operation changes them (R48).

use kfm_lineage::integrity::{Break, IntegrityFinding, LinkClass};

use super::fair::rule;
use super::{Observation, Rule, View};
use crate::finding::Severity;
use crate::table::{Aspect, RuleClass};
use crate::text;

/// LNK-1 to LNK-5: links that the operation breaks or leaves broken.
pub(crate) const LINKS: Rule =
    rule("FAIR-I3-links", Severity::Block, RuleClass::Integrity, "RDA-I3, R48", |view| {
        each_change(view, |aspect, finding| match finding {
            IntegrityFinding::BrokenLink(broken) => Some(link(aspect, broken)),
            IntegrityFinding::Orphan { .. } => None,
        })
    });

/// ORP-1: orphans that the operation makes or leaves.
pub(crate) const ORPHANS: Rule =
    rule("FAIR-I3-orphans", Severity::Block, RuleClass::Integrity, "RDA-I3, R48", |view| {
        each_change(view, |aspect, finding| match finding {
            IntegrityFinding::BrokenLink(_) => None,
            IntegrityFinding::Orphan { document } => {
                let message = format!("{}: no root would reach it over child and item links", tense(aspect));
                let remedy = "move what lists it with it, or leave it out";
                Some(Observation::new(aspect, document, message, remedy).with_code("ORP-1"))
            }
        })
    });

fn each_change(
    view: &View<'_>,
    look: impl Fn(Aspect, &IntegrityFinding) -> Option<Observation>,
) -> Vec<Observation> {
    let change = view.facts.integrity;
    let lists = [
        (Aspect::Introduced, &change.introduced),
        (Aspect::Left, &change.left),
        (Aspect::Returned, &change.returned),
    ];
    let findings = lists.into_iter().flat_map(|(aspect, list)| list.iter().map(move |f| (aspect, f)));
    findings.filter_map(|(aspect, finding)| look(aspect, finding)).collect()
}

fn link(aspect: Aspect, broken: &Break) -> Observation {
    let (rel, target) = (text::name(&broken.rel), text::name(&broken.target));
    let what = match broken.class {
        LinkClass::Unresolvable => format!("its `{rel}` link climbs out of the store"),
        LinkClass::Dangling => format!("its `{rel}` link leads to {target}, which would not be there"),
        LinkClass::KindMismatch => format!("its `{rel}` link leads to {target}, which is of another kind"),
        LinkClass::BackLinkMismatch => format!("it lists {target}, which names another as its own"),
        LinkClass::VersionLink => format!("its `{rel}` link breaks the chain of versions"),
    };
    let remedy = "move what it links to with it, or leave it out";
    Observation::new(aspect, &broken.document, format!("{}: {what}", tense(aspect)), remedy)
        .with_code(broken.class.as_str())
}

fn tense(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::Left => "left by the undone operation",
        Aspect::Returned => "returns with the old state",
        Aspect::Introduced | Aspect::Stands | Aspect::Worse | Aspect::Unknown => "introduced",
    }
}

#[cfg(test)]
mod tests;
