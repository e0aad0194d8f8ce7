//! What a store promises, as data, and what a look at its product finds. Each promise decides something in the engine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a store promises. An adapter knows it by itself, or by the store's settings; [`probe`] finds where the product
/// does not keep it.
///
/// [`probe`]: crate::op::DomainOp::probe
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Capabilities {
    /// What is compared, in one step with the change, when a cell gets a value. Where nothing is, the engine looks
    /// again before it repeats a swap.
    pub put: CompareAndSet,
    /// What is compared, in one step with the change, when a cell becomes absent.
    pub retire: CompareAndSet,
    /// What shuts out a paused executor that wakes up late. Where only the platform's lock does, the engine makes sure
    /// before each swap that it still holds it.
    pub fence: Fence,
    /// Whether an outcome is durable when it is answered. Where it is not, a resume makes steps again whose outcome is
    /// in the journal.
    pub durable_ack: bool,
    /// What a value is read from. Where it is a mark, the engine looks at the contents when it verifies.
    pub value_is: ValueIs,
    /// When readers see a swap. Where that is after `settle`, no phase begins before the one before it is settled.
    pub visible: Visible,
    /// The most keys or swaps in one call, from 1; the engine cuts its calls.
    pub cells_max: u32,
}

/// What a store promises that promises little: it compares nothing, and answers before a change is durable. An adapter
/// names what it does better.
impl Default for Capabilities {
    fn default() -> Self {
        Self {
            put: CompareAndSet::None,
            retire: CompareAndSet::None,
            fence: Fence::Lock,
            durable_ack: false,
            value_is: ValueIs::Content,
            visible: Visible::AtOnce,
            cells_max: 1_000,
        }
    }
}

/// What is compared in one step with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CompareAndSet {
    /// The product's own generation of the reference: a value that went and came back is noticed.
    Generation,
    /// The cell's value.
    Value,
    /// Nothing: the adapter looks, then changes, and what another hand writes in between is lost.
    None,
}

/// What shuts out a paused executor that wakes up late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fence {
    /// A token that the store itself checks with each change.
    Token,
    /// The platform's lock, which dies with its holder.
    Lock,
}

/// What a cell's value is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValueIs {
    /// The content that readers see.
    Content,
    /// A mark that the store keeps beside the content: a foreign edit of the content may leave it as it was.
    Mark,
}

/// When readers see what was swapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visible {
    /// When the swap is answered.
    AtOnce,
    /// When `settle` has returned; before that, perhaps.
    AfterSettle,
}

/// What a store found when it looked at its product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The product's name, as it says itself.
    pub product: String,
    /// The product's version, or the version of the embedded format.
    pub version: String,
    /// What is misconfigured.
    pub findings: Vec<Misconfigured>,
}

impl Probe {
    /// A product in which nothing is misconfigured.
    pub fn healthy(product: impl Into<String>, version: impl Into<String>) -> Self {
        Self { product: product.into(), version: version.into(), findings: Vec::new() }
    }
}

/// What is misconfigured in a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misconfigured {
    /// What the product says or does, for people.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
    /// Whether the store cannot keep a promise because of it: then no operation begins.
    pub breaks_promise: bool,
}
