//! [`Remedy`]: one thing that the caller of the engine can do, as data.

use std::fmt;

use kfm_lineage::{Digest, OperationId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing that the caller of the engine can do next.
///
/// It is data, so that every program can say it in its own words: a command turns it into a command line, a page into a
/// button. [`Display`](fmt::Display) names it in the words of the libraries, as a noun: `an abort of pub_…`.
///
/// A program matches on all variants, so that it learns from the compiler when there is a new one.
///
/// ```
/// use kfm_policy::Remedy;
///
/// let operation = "pub_2025_11_14T03_15_42Z_daily".parse()?;
/// let remedy = Remedy::Resume { operation };
/// assert_eq!(remedy.to_string(), "a resume of pub_2025_11_14T03_15_42Z_daily");
/// assert_eq!(
///     serde_json::to_value(&remedy)?,
///     serde_json::json!({ "remedy": "resume", "operation": "pub_2025_11_14T03_15_42Z_daily" })
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "remedy", rename_all = "snake_case")]
pub enum Remedy {
    /// Go on with an operation that is open: to its planned values or, once an abort has begun, back.
    Resume {
        /// The operation.
        operation: OperationId,
    },
    /// Take an operation that is open back to what readers saw before.
    Abort {
        /// The operation.
        operation: OperationId,
    },
    /// Undo an operation that has ended: plan the rollback of a publish, revert a rollback or a hotfix.
    Undo {
        /// The operation.
        operation: OperationId,
        /// Keys of cells to leave alone, since another hand changed them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        skip: Vec<String>,
    },
    /// Plan and execute the rollback of a publish.
    RollBack {
        /// The publish.
        operation: OperationId,
    },
    /// Rehearse the rollback of a publish, with every step.
    RehearseRollback {
        /// The publish.
        operation: OperationId,
    },
    /// Look at an operation.
    ShowOperation {
        /// The operation.
        operation: OperationId,
        /// Whether to write each of its cells, however many they are.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        entire: bool,
    },
    /// Check that manifest, log, ledger and stores agree about an operation.
    VerifyOperation {
        /// The rollback or hotfix.
        operation: OperationId,
    },
    /// Look at a stored plan.
    ShowPlan {
        /// The plan's id.
        plan: Digest,
        /// Whether to write each of its steps and findings, however many they are.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        entire: bool,
    },
    /// Check a plan against the live stores, writing nothing.
    RehearsePlan {
        /// The plan's id.
        plan: Digest,
    },
    /// Sign a plan.
    ApprovePlan {
        /// The plan's id.
        plan: Digest,
    },
    /// Look at the approvals of a plan.
    ListApprovals {
        /// The plan's id.
        plan: Digest,
    },
    /// Execute a stored plan.
    ExecutePlan {
        /// The plan's id.
        plan: Digest,
    },
    /// Take back a plan that was not executed.
    CancelPlan {
        /// The plan's id.
        plan: Digest,
    },
    /// Look at what is open and what is owed.
    ShowStatus,
    /// Look at the publishes of the log.
    ListPublishes,
    /// Look at the rollbacks of the log.
    ListRollbacks,
    /// Look at the hotfixes of the log.
    ListHotfixes,
    /// Look at the principals that can approve.
    ListPrincipals,
    /// Look at what each entry of the label registry covers.
    ListLabels,
    /// Give an entity a label: which one, by whose decision, why, and until when, only the caller knows.
    AssignLabel {
        /// The document's path in the catalog, or its id.
        entity: String,
    },
    /// Make a principal that can approve.
    AddPrincipal {
        /// The role that it is to have: reviewer or council.
        role: String,
    },
    /// Record what stands in the stores and the log does not know.
    Adopt,
    /// Look at the values that another hand changed.
    ListForeign,
    /// Record the values that another hand changed.
    AdoptForeign,
    /// Make the derived stores what the documents say.
    Project,
    /// Publish a folder: a document that the folder lacks stays as it is.
    Publish,
    /// Publish a folder as the whole catalog: a document that the folder lacks is retired.
    PublishMirror,
    /// Check links, orphans, ids and protection of the catalog.
    CheckCatalog,
    /// Read every store and each of the platform's own parts, and say what cannot be used.
    Examine {
        /// Whether to read all that the stores hold.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        digests: bool,
    },
    /// Verify the operations log.
    VerifyLog,
    /// Verify the ledger, and compare it with the log.
    VerifyLedger,
    /// Enter into the ledger what the log has and the ledger lacks.
    RepairLedger,
    /// Make a platform in this folder.
    MakePlatform,
}

impl Remedy {
    /// The name under which the type serialises, by which a serializer can tell it from other structs.
    pub const NAME: &str = "Remedy";

    /// Makes the remedy that undoes an operation, all of it.
    pub fn undo(operation: &OperationId) -> Self {
        Self::Undo { operation: operation.clone(), skip: Vec::new() }
    }

    /// Makes the two remedies that end an open operation: the first goes on with it, the second takes it back.
    pub fn both_ways(operation: &OperationId) -> Vec<Self> {
        vec![Self::Resume { operation: operation.clone() }, Self::Abort { operation: operation.clone() }]
    }

    /// Says whether remedies are the two that end one open operation.
    pub fn are_both_ways(remedies: &[Self]) -> bool {
        matches!(remedies, [Self::Resume { operation: on }, Self::Abort { operation: back }] if on == back)
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resume { operation } => write!(f, "a resume of {operation}"),
            Self::Abort { operation } => write!(f, "an abort of {operation}"),
            Self::Undo { operation, skip } if skip.is_empty() => write!(f, "the undoing of {operation}"),
            Self::Undo { operation, skip } => {
                write!(f, "the undoing of {operation} without {}", skip.join(", "))
            }
            Self::RollBack { operation } => write!(f, "the rollback of {operation}"),
            Self::RehearseRollback { operation } => write!(f, "a rehearsal of the rollback of {operation}"),
            Self::ShowOperation { operation, entire: false } => write!(f, "the report of {operation}"),
            Self::ShowOperation { operation, entire: true } => write!(f, "every cell of {operation}"),
            Self::VerifyOperation { operation } => write!(f, "a verification of {operation}"),
            Self::ShowPlan { plan, entire: false } => write!(f, "the report of plan {plan}"),
            Self::ShowPlan { plan, entire: true } => write!(f, "every step of plan {plan}"),
            Self::RehearsePlan { plan } => write!(f, "a rehearsal of plan {plan}"),
            Self::ApprovePlan { plan } => write!(f, "an approval of plan {plan}"),
            Self::ListApprovals { plan } => write!(f, "the list of approvals of plan {plan}"),
            Self::ExecutePlan { plan } => write!(f, "the execution of plan {plan}"),
            Self::CancelPlan { plan } => write!(f, "the cancellation of plan {plan}"),
            Self::ShowStatus => f.write_str("the status"),
            Self::ListPublishes => f.write_str("the list of publishes"),
            Self::ListRollbacks => f.write_str("the list of rollbacks"),
            Self::ListHotfixes => f.write_str("the list of hotfixes"),
            Self::ListPrincipals => f.write_str("the list of principals"),
            Self::AssignLabel { entity } => write!(f, "a label for {entity}"),
            Self::AddPrincipal { role } => write!(f, "a principal with the role {role}"),
            Self::ListLabels => f.write_str("the list of labels"),
            Self::Adopt => f.write_str("an adoption"),
            Self::ListForeign => f.write_str("a reconcile"),
            Self::AdoptForeign => f.write_str("a reconcile that adopts"),
            Self::Project => f.write_str("a projection"),
            Self::Publish => f.write_str("a publish of a folder"),
            Self::PublishMirror => f.write_str("a publish that mirrors a folder"),
            Self::CheckCatalog => f.write_str("a check of the catalog"),
            Self::Examine { digests: false } => f.write_str("an examination of the platform"),
            Self::Examine { digests: true } => f.write_str("an examination of the platform with digests"),
            Self::VerifyLog => f.write_str("a verification of the log"),
            Self::VerifyLedger => f.write_str("a verification of the ledger"),
            Self::RepairLedger => f.write_str("a repair of the ledger"),
            Self::MakePlatform => f.write_str("the making of a platform"),
        }
    }
}
