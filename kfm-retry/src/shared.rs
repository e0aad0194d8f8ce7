//! A component that a call borrows or shares.

use std::ops::Deref;
use std::sync::Arc;

use crate::clock::Clock;
use crate::event::Observer;

/// A component that is borrowed, or shared through an `Arc` so that it may outlive its maker.
///
/// It is not made by hand: a `&T`, an `Arc<T>` or a `&Arc<T>` turns into it.
#[derive(Debug)]
pub enum Shared<'a, T: ?Sized> {
    /// Borrowed from its owner.
    Ref(&'a T),
    /// Shared with other owners.
    Arc(Arc<T>),
}

impl<T: ?Sized> Clone for Shared<'_, T> {
    fn clone(&self) -> Self {
        match self {
            Self::Ref(component) => Self::Ref(component),
            Self::Arc(component) => Self::Arc(Arc::clone(component)),
        }
    }
}

impl<T: ?Sized> Deref for Shared<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match self {
            Self::Ref(component) => component,
            Self::Arc(component) => component,
        }
    }
}

impl<'a, T> From<&'a T> for Shared<'a, T> {
    fn from(component: &'a T) -> Self {
        Self::Ref(component)
    }
}

impl<T> From<Arc<T>> for Shared<'_, T> {
    fn from(component: Arc<T>) -> Self {
        Self::Arc(component)
    }
}

impl<T> From<&Arc<T>> for Shared<'_, T> {
    fn from(component: &Arc<T>) -> Self {
        Self::Arc(Arc::clone(component))
    }
}

impl<'a, C: Clock + 'a> From<&'a C> for Shared<'a, dyn Clock + 'a> {
    fn from(clock: &'a C) -> Self {
        Self::Ref(clock)
    }
}

impl<'a> From<&'a dyn Clock> for Shared<'a, dyn Clock + 'a> {
    fn from(clock: &'a dyn Clock) -> Self {
        Self::Ref(clock)
    }
}

impl<'a, C: Clock + 'a> From<Arc<C>> for Shared<'a, dyn Clock + 'a> {
    fn from(clock: Arc<C>) -> Self {
        Self::Arc(clock)
    }
}

impl<'a> From<Arc<dyn Clock>> for Shared<'a, dyn Clock + 'a> {
    fn from(clock: Arc<dyn Clock>) -> Self {
        Self::Arc(clock)
    }
}

impl<'a, O: Observer + 'a> From<&'a O> for Shared<'a, dyn Observer + 'a> {
    fn from(observer: &'a O) -> Self {
        Self::Ref(observer)
    }
}

impl<'a> From<&'a dyn Observer> for Shared<'a, dyn Observer + 'a> {
    fn from(observer: &'a dyn Observer) -> Self {
        Self::Ref(observer)
    }
}

impl<'a, O: Observer + 'a> From<Arc<O>> for Shared<'a, dyn Observer + 'a> {
    fn from(observer: Arc<O>) -> Self {
        Self::Arc(observer)
    }
}

impl<'a> From<Arc<dyn Observer>> for Shared<'a, dyn Observer + 'a> {
    fn from(observer: Arc<dyn Observer>) -> Self {
        Self::Arc(observer)
    }
}
