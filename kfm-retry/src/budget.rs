//! A budget: how many retries a process may spend while a dependency fails for all its callers.
//!
//! The policy of one call bounds its attempts, but a thousand calls that fail together still multiply the
//! load by five. A budget bounds all of them: a retry takes tokens out, a success puts some back. While every
//! call fails the budget is soon empty, and each call has only its first attempt. The shape is that of gRPC's
//! retry throttling (gRFC A6) and of the AWS SDKs' standard retry mode.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Bounds the retries of all calls that share it.
///
/// Tokens are whole numbers and are taken by one compare-and-swap: nothing is rounded, and two threads cannot
/// spend the same token. While the budget is full, a success writes nothing.
///
/// ```
/// use kfm_retry::Budget;
///
/// // 100 tokens; a retry costs 10, a success gives 1 back: in the long run one retry in ten successes.
/// let budget = Budget::new(100, 10, 1);
/// assert_eq!((0..50).filter(|_| budget.withdraw()).count(), 10);
/// (0..10).for_each(|_| budget.deposit());
/// assert!(budget.withdraw());
/// assert!(!budget.withdraw());
/// ```
#[derive(Debug)]
pub struct Budget {
    tokens: AtomicU32,
    tokens_max: u32,
    cost: u32,
    refund: u32,
}

impl Default for Budget {
    /// 100 tokens; a retry takes 10, a success puts 1 back.
    fn default() -> Self {
        Self::new(100, 10, 1)
    }
}

impl Budget {
    /// Makes a full budget of `tokens_max`; each retry takes `cost`, each success puts `refund` back.
    pub const fn new(tokens_max: u32, cost: u32, refund: u32) -> Self {
        Self { tokens: AtomicU32::new(tokens_max), tokens_max, cost, refund }
    }

    /// Takes the tokens of one retry; false if there are not enough, then do not retry.
    pub fn withdraw(&self) -> bool {
        self.tokens.fetch_update(Relaxed, Relaxed, |tokens| tokens.checked_sub(self.cost)).is_ok()
    }

    /// Puts the refund of one success back.
    #[inline]
    pub fn deposit(&self) {
        if self.tokens.load(Relaxed) < self.tokens_max {
            self.put(self.refund);
        }
    }

    /// Puts the tokens of a retry back that was not made.
    pub fn give_back(&self) {
        self.put(self.cost);
    }

    /// Returns how many tokens are left.
    pub fn tokens(&self) -> u32 {
        self.tokens.load(Relaxed)
    }

    #[cold]
    fn put(&self, tokens: u32) {
        let add = |left: u32| Some(left.saturating_add(tokens).min(self.tokens_max));
        self.tokens.fetch_update(Relaxed, Relaxed, add).ok();
    }
}
