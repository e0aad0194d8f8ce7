//! A check of one's own: whoever publishes names a ticket.

use kfm_policy::{JudgedKind, Objection, OperationFacts, PolicyCheck, Verdict};

/// Denies a publish whose reason names no ticket such as `#42`.
///
/// It asks nothing of other operations: a rollback at night must not wait for a ticket, and an abort never.
#[derive(Debug)]
pub struct Ticket;

impl PolicyCheck for Ticket {
    fn id(&self) -> &str {
        "X-ticket"
    }

    fn version(&self) -> &str {
        "1"
    }

    fn check(&self, facts: &OperationFacts<'_>) -> Verdict {
        if facts.steps.is_empty() {
            return Verdict::Unknown { why: "there are no steps to look at".into() };
        }
        if facts.kind != JudgedKind::Publish || facts.reason.is_some_and(names_a_ticket) {
            return Verdict::Pass { entities: facts.steps.len() as u64 };
        }
        Verdict::Fail(vec![Objection {
            subject: "operation".into(),
            message: "the reason names no ticket".into(),
            remedy: "give a reason with the number of its ticket, such as #42".into(),
        }])
    }
}

fn names_a_ticket(reason: &str) -> bool {
    reason.split('#').skip(1).any(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}
