//! The witness, without which nothing is retried: the promise that doing the operation twice does no harm.

use crate::seed::Seed;

/// A promise that an operation may be done more than once.
/// There are two: [`idempotent`], which is the caller's word; and an outbox, which makes the effects of a
/// repeated step count once (feature `stage`). The trait is sealed: a third kind would allow retries without
/// a promise.
pub trait Witness<'a>: sealed::Sealed {
    /// Returns the key of the work item; the jitter is computed from it.
    fn key(self) -> Key<'a>;
}

/// The caller's word that an operation may be done more than once; made by [`idempotent`].
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Idempotent<'a>(Key<'a>);

/// Promises that an operation may be done more than once, with the same effect as once.
///
/// The key names the work item, such as `dataset|version|source`; a call with the same key waits the same
/// delays again. Clients that use the same key at the same moment should each [mix](Seed::mix) a number of
/// their own into a [`Seed`].
pub fn idempotent<'a>(key: impl Into<Key<'a>>) -> Idempotent<'a> {
    Idempotent(key.into())
}

/// The key of a work item: its bytes, or the seed that was made from them.
///
/// Bytes are hashed only if an attempt fails.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a>(Kind<'a>);

#[derive(Debug, Clone, Copy)]
enum Kind<'a> {
    Bytes(&'a [u8]),
    Seed(Seed),
}

impl Key<'_> {
    /// Returns the seed that belongs to the key.
    pub fn seed(&self) -> Seed {
        match self.0 {
            Kind::Bytes(bytes) => Seed::of(bytes),
            Kind::Seed(seed) => seed,
        }
    }
}

impl<'a> From<&'a str> for Key<'a> {
    fn from(key: &'a str) -> Self {
        Self(Kind::Bytes(key.as_bytes()))
    }
}

impl<'a> From<&'a String> for Key<'a> {
    fn from(key: &'a String) -> Self {
        Self(Kind::Bytes(key.as_bytes()))
    }
}

impl<'a> From<&'a [u8]> for Key<'a> {
    fn from(key: &'a [u8]) -> Self {
        Self(Kind::Bytes(key))
    }
}

impl From<Seed> for Key<'_> {
    fn from(seed: Seed) -> Self {
        Self(Kind::Seed(seed))
    }
}

impl<'a> Witness<'a> for Idempotent<'a> {
    fn key(self) -> Key<'a> {
        self.0
    }
}

/// The promise of an outbox that the effects of a repeated step count once; made by a stage.
#[cfg(feature = "stage")]
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Guarded(Seed);

#[cfg(feature = "stage")]
impl Guarded {
    pub(crate) fn new(seed: Seed) -> Self {
        Self(seed)
    }
}

#[cfg(feature = "stage")]
impl<'a> Witness<'a> for Guarded {
    fn key(self) -> Key<'a> {
        self.0.into()
    }
}

mod sealed {
    pub trait Sealed {}
    #[cfg(feature = "stage")]
    impl Sealed for super::Guarded {}
    impl Sealed for super::Idempotent<'_> {}
}
