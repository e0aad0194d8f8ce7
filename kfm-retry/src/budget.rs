//! A budget: how many retries a process may spend while a dependency fails for everybody.
//!
//! Attempts of one call are bounded by its policy; a thousand calls that fail together still multiply the
//! load by five. A budget bounds the whole: retries take tokens out, successes put some back. With nothing
//! but failures it is soon empty, and every call has its one attempt. The shape is that of gRPC's retry
//! throttling (gRFC A6) and of the AWS SDKs' standard retry mode.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Bounds the retries of all calls that share it.
///
/// Tokens are counted in whole numbers and taken by one compare-and-swap: nothing is rounded, and two threads
/// cannot spend the same token. While it is full, a success writes nothing.
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
    /// 100 tokens, 10 for a retry, 1 back for a success.
    fn default() -> Self {
        Self::new(100, 10, 1)
    }
}

impl Budget {
    /// Makes a full budget of `tokens_max`; each retry takes `cost`, each success puts `refund` back.
    pub const fn new(tokens_max: u32, cost: u32, refund: u32) -> Self {
        Self { tokens: AtomicU32::new(tokens_max), tokens_max, cost, refund }
    }

    /// Takes the tokens for one retry; `false` if there are not enough.
    pub fn withdraw(&self) -> bool {
        self.tokens.fetch_update(Relaxed, Relaxed, |tokens| tokens.checked_sub(self.cost)).is_ok()
    }

    /// Puts back what a success is worth.
    #[inline]
    pub fn deposit(&self) {
        if self.tokens.load(Relaxed) < self.tokens_max {
            self.put(self.refund);
        }
    }

    /// Puts back the tokens of a retry that was never made.
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
