//! Counting approvals: the principals that count, their roles, and the approvals that do not count.

use std::collections::BTreeMap;

use kfm_lineage::{Digest, Timestamp};

use super::{Approval, ApprovalError};
use crate::principals::{Principals, Role};

/// The operation for which approvals are counted.
#[derive(Debug, Clone, Copy)]
pub struct ApprovalContext<'a> {
    /// The digest of the plan.
    pub plan_id: &'a Digest,
    /// The principal that planned the operation.
    pub requested_by: &'a str,
    /// The principal that executes the operation.
    pub executed_by: &'a str,
    /// The present, from the caller's clock.
    pub now: Timestamp,
}

/// The approvals that count, and those that do not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// The strongest role in which each principal approved.
    counted: BTreeMap<String, Role>,
    refused: Vec<RefusedApproval>,
}

/// An approval that does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedApproval {
    /// The principal that it names.
    pub principal: String,
    /// Why the approval does not count.
    pub why: ApprovalError,
}

impl Tally {
    /// Counts approvals: each principal once, however often it signed, in the strongest role that counts.
    pub fn of(approvals: &[Approval], context: &ApprovalContext<'_>, principals: &Principals) -> Self {
        let mut tally = Self::default();
        for approval in approvals {
            let refused = match approval.verify(context, principals) {
                Err(why) => why,
                Ok((principal, role)) => match tally.counted.get_mut(&principal.name) {
                    None => {
                        tally.counted.insert(principal.name.clone(), role);
                        continue;
                    }
                    Some(counted) => {
                        *counted = role.max(*counted);
                        ApprovalError::Counted
                    }
                },
            };
            tally.refused.push(RefusedApproval { principal: approval.principal.clone(), why: refused });
        }
        tally
    }

    /// Counts the distinct principals that approve.
    pub fn total(&self) -> usize {
        self.counted.len()
    }

    /// Counts those of them that signed as council.
    pub fn council(&self) -> usize {
        self.counted.values().filter(|role| **role == Role::Council).count()
    }

    /// Lists the principals whose approvals count, sorted by name.
    pub fn reviewers(&self) -> impl Iterator<Item = (&str, Role)> {
        self.counted.iter().map(|(name, role)| (name.as_str(), *role))
    }

    /// Lists the approvals that do not count, in the given order.
    pub fn refused(&self) -> &[RefusedApproval] {
        &self.refused
    }
}
