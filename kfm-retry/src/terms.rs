//! What a call works by: a value made beforehand, or what the caller has said after the operation.

use std::borrow::Borrow;

use crate::breaker::Breaker;
use crate::budget::Budget;
use crate::retry::Retry;
use crate::shared::Shared;

/// What a call works by: a [`Retry`] that many calls share, or a [`Sentence`](crate::Sentence).
///
/// A call that succeeds at once asks these three things and no more. Everything else asks the whole
/// [`Retry`], which is made of a sentence only then. The trait is sealed: no other type implements it.
pub trait Terms<'a>: sealed::Sealed<'a> {}

impl<'a, T: sealed::Sealed<'a>> Terms<'a> for T {}

pub(crate) mod sealed {
    use super::{Breaker, Budget, Retry, Shared};

    pub trait Sealed<'a> {
        /// Returns how long a first attempt may take that only the policy bounds, in milliseconds.
        fn first_limit_ms(&self) -> u32;
        fn breaker(&self) -> Option<&Shared<'a, Breaker>>;
        fn budget(&self) -> Option<&Shared<'a, Budget>>;
        /// Returns the value, if it was made beforehand.
        fn made(&self) -> Option<&Retry<'a>>;
        /// Makes the value if it was not made beforehand; called once.
        fn make(&mut self) -> Option<Retry<'a>>;
    }
}

impl<'a, R: Borrow<Retry<'a>>> sealed::Sealed<'a> for R {
    #[inline]
    fn first_limit_ms(&self) -> u32 {
        self.borrow().first_limit_ms
    }

    #[inline]
    fn breaker(&self) -> Option<&Shared<'a, Breaker>> {
        self.borrow().breaker.as_ref()
    }

    #[inline]
    fn budget(&self) -> Option<&Shared<'a, Budget>> {
        self.borrow().budget.as_ref()
    }

    #[inline]
    fn made(&self) -> Option<&Retry<'a>> {
        Some(self.borrow())
    }

    #[inline]
    fn make(&mut self) -> Option<Retry<'a>> {
        None
    }
}
