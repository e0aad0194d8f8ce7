//! A policy: everything about a retried call that is data.

use std::num::NonZeroU8;
use std::time::Duration;

use crate::backoff::{Backoff, millis};
use crate::classify::ErrorClass;

/// Says how often a call is tried, how long it waits in between, and how long it may take.
///
/// A policy is plain data: it can be a constant or a line of a configuration file (feature `serde`), and it
/// has a JSON Schema (feature `schemars`). The number of attempts is a byte that is not zero, and there is
/// always a backoff, so that no policy tries for ever or without a pause.
///
/// | field | `Policy::kfm()` and default |
/// |---|---|
/// | `attempts` | 5, the first included |
/// | `backoff` | exponential from 500 ms to 30 s, full jitter |
/// | `attempt_timeout_ms` | 10 000 |
/// | `total_ms` | 60 000 |
/// | `retry_after` | honoured up to 120 s, given up beyond |
/// | `timeouts_are` | `timeout` |
/// | `limits` | `stac_timeout` 3, `neo4j_transient` 5, `io` 2 |
///
/// ```
/// use kfm_retry::{ErrorClass, Policy};
/// use std::time::Duration;
///
/// const STAC: Policy = Policy::kfm().attempt_timeout(Duration::from_secs(5)).limit(ErrorClass::Server, 2);
/// assert_eq!(STAC.attempts.get(), 5);
/// assert_eq!(STAC.limits.of(ErrorClass::Server), Some(2));
/// ```
///
/// An unbounded number of attempts cannot be written:
///
/// ```compile_fail
/// # use kfm_retry::Policy;
/// const FOR_EVER: Policy = Policy::kfm().attempts(u32::MAX);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, default))]
pub struct Policy {
    /// How many attempts a call has at most, the first included.
    pub attempts: NonZeroU8,
    /// How long a call waits between two attempts.
    pub backoff: Backoff,
    /// How long one attempt may take, in milliseconds: every retried call has a hard time-out (R83).
    #[cfg_attr(feature = "schemars", schemars(range(min = 1)))]
    #[cfg_attr(feature = "serde", serde(deserialize_with = "crate::backoff::positive"))]
    pub attempt_timeout_ms: u32,
    /// How long the whole call may take, attempts and waits included, in milliseconds; `None` if only its
    /// attempts bound it.
    #[cfg_attr(feature = "schemars", schemars(range(min = 1)))]
    pub total_ms: Option<u32>,
    /// How far a service may delay the next attempt.
    pub retry_after: HintRule,
    /// The class of an attempt that was cut off by its time-out.
    pub timeouts_are: ErrorClass,
    /// How many attempts of one call may end in each class of failure.
    pub limits: ClassLimits,
}

/// How far a service may delay the next attempt by its `Retry-After`.
///
/// The wait is never shorter than the service asks for, nor shorter than the planned delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, default))]
pub struct HintRule {
    /// The longest wait that a service can ask for, in milliseconds.
    pub max_ms: u32,
    /// What happens if the service asks for a longer wait.
    pub beyond: Beyond,
}

/// What happens with a `Retry-After` that is longer than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Beyond {
    /// The call is given up and says so: coming back earlier than asked would ignore the service.
    #[default]
    GiveUp,
    /// The call waits for the longest allowed time: for services whose hints are known to be wrong.
    Clamp,
}

impl Default for HintRule {
    fn default() -> Self {
        Self { max_ms: 120_000, beyond: Beyond::GiveUp }
    }
}

/// How many attempts of one call may end in each class of failure; a class without a limit has the policy's.
///
/// In JSON this is a map from the class's name to the number of attempts that may end in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClassLimits([u8; ErrorClass::ALL.len()]);

impl ClassLimits {
    /// No class has a limit of its own.
    pub const NONE: Self = Self([0; ErrorClass::ALL.len()]);

    /// Returns the limit of `class`, if it has one of its own.
    pub const fn of(&self, class: ErrorClass) -> Option<u8> {
        match self.0[class.index()] {
            0 => None,
            limit => Some(limit),
        }
    }

    /// Sets the limit of `class`, in attempts; 0 removes it.
    #[must_use]
    pub const fn with(mut self, class: ErrorClass, attempts: u8) -> Self {
        self.0[class.index()] = attempts;
        self
    }

    /// Returns the classes with a limit of their own, in the order of their declaration.
    pub fn iter(&self) -> impl Iterator<Item = (ErrorClass, u8)> + '_ {
        ErrorClass::ALL.into_iter().filter_map(|class| Some((class, self.of(class)?)))
    }
}

impl Default for ClassLimits {
    fn default() -> Self {
        Policy::kfm().limits
    }
}

impl std::fmt::Debug for ClassLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::kfm()
    }
}

impl Policy {
    /// The policy of the toolkit (R80, R82, R83); see the table above.
    pub const fn kfm() -> Self {
        Self {
            attempts: NonZeroU8::new(5).expect("5 is not 0"),
            backoff: Backoff::exponential(Duration::from_millis(500)),
            attempt_timeout_ms: 10_000,
            total_ms: Some(60_000),
            retry_after: HintRule { max_ms: 120_000, beyond: Beyond::GiveUp },
            timeouts_are: ErrorClass::Timeout,
            limits: ClassLimits::NONE
                .with(ErrorClass::StacTimeout, 3)
                .with(ErrorClass::Neo4jTransient, 5)
                .with(ErrorClass::Io, 2),
        }
    }

    /// One attempt, within `timeout`.
    pub const fn once(timeout: Duration) -> Self {
        Self { total_ms: None, ..Self::kfm() }.attempts(1).attempt_timeout(timeout)
    }

    /// Sets how many attempts a call has at most, the first included. A call always has one attempt, so 0
    /// means 1.
    #[must_use]
    pub const fn attempts(self, attempts: u8) -> Self {
        let attempts = match NonZeroU8::new(attempts) {
            Some(attempts) => attempts,
            None => NonZeroU8::MIN,
        };
        Self { attempts, ..self }
    }

    /// Sets how long a call waits between two attempts.
    #[must_use]
    pub const fn backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }

    /// Sets how long one attempt may take.
    #[must_use]
    pub const fn attempt_timeout(self, timeout: Duration) -> Self {
        Self { attempt_timeout_ms: millis(timeout), ..self }
    }

    /// Sets how long the whole call may take.
    #[must_use]
    pub const fn total(self, total: Duration) -> Self {
        Self { total_ms: Some(millis(total)), ..self }
    }

    /// Sets how far a service may delay the next attempt.
    #[must_use]
    pub const fn retry_after(self, rule: HintRule) -> Self {
        Self { retry_after: rule, ..self }
    }

    /// Sets the class of an attempt that was cut off by its time-out.
    #[must_use]
    pub const fn timeouts_are(self, class: ErrorClass) -> Self {
        Self { timeouts_are: class, ..self }
    }

    /// Sets how many attempts of one call may end in `class`.
    #[must_use]
    pub const fn limit(self, class: ErrorClass, attempts: u8) -> Self {
        Self { limits: self.limits.with(class, attempts), ..self }
    }

    /// Returns how long one attempt may take.
    pub const fn attempt_timeout_of(&self) -> Duration {
        Duration::from_millis(if self.attempt_timeout_ms == 0 { 1 } else { self.attempt_timeout_ms as u64 })
    }

    /// Returns how long the whole call may take; `None` if only its attempts bound it.
    pub const fn total_of(&self) -> Option<Duration> {
        match self.total_ms {
            Some(ms) => Some(Duration::from_millis(ms as u64)),
            None => None,
        }
    }
}

#[cfg(feature = "serde")]
mod as_map {
    //! Class limits are a map in JSON, and an array of bytes in memory.
    use std::collections::BTreeMap;
    use std::num::NonZeroU8;

    use super::{ClassLimits, ErrorClass};

    impl serde::Serialize for ClassLimits {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self.iter())
        }
    }

    impl<'de> serde::Deserialize<'de> for ClassLimits {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let map = BTreeMap::<ErrorClass, NonZeroU8>::deserialize(deserializer)?;
            Ok(map
                .into_iter()
                .fold(Self::NONE, |limits, (class, attempts)| limits.with(class, attempts.get())))
        }
    }
}

#[cfg(feature = "schemars")]
impl schemars::JsonSchema for ClassLimits {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ClassLimits".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<std::collections::BTreeMap<ErrorClass, NonZeroU8>>()
    }
}
