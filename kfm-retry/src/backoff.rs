//! How the planned delay grows from one attempt to the next, and which part of it is random.
//!
//! Everything here is a function of its arguments. The random part comes in as a number, so that the same
//! policy, key and failures give the same delays on every machine (R80).

use std::time::Duration;

/// The shape in which delays grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Curve {
    /// `base * 2^n`: the only curve that backs off as fast as an outage spreads.
    #[default]
    Exponential,
    /// `base` after every failure.
    Fixed,
    /// `base * (n + 1)`.
    Linear,
    /// `base` times 1, 1, 2, 3, 5, 8, ...: between linear and exponential.
    Fibonacci,
}

/// Which part of a planned delay is random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Jitter {
    /// Uniform in `[0, d)`: spreads a herd best for the time it costs (R80).
    #[default]
    Full,
    /// Uniform in `[d/2, d)`: never retries at once.
    Equal,
    /// Uniform in `[base, 3 * previous delay)`, cut at the cap: ignores the curve after the first delay.
    Decorrelated,
    /// Nothing is random. Clients that fail together come back together: for plans and tests.
    None,
}

/// A planned delay: a curve from a base up to a cap, and its jitter.
///
/// | field | default |
/// |---|---|
/// | `curve` | exponential |
/// | `jitter` | full |
/// | `base_ms` | 500 |
/// | `cap_ms` | 30 000 |
///
/// No delay is zero: a base or cap under one millisecond counts as one millisecond, so that a policy can
/// never be a busy loop.
///
/// ```
/// use kfm_retry::{Backoff, Jitter};
/// use std::time::Duration;
///
/// let backoff = Backoff::exponential(Duration::from_millis(500)).cap(Duration::from_secs(2));
/// let ceilings: Vec<_> = (0..4).map(|n| backoff.ceiling(n).as_millis()).collect();
/// assert_eq!(ceilings, [500, 1000, 2000, 2000]);
/// assert_eq!(backoff.jitter, Jitter::Full);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, default))]
pub struct Backoff {
    /// The shape in which delays grow.
    pub curve: Curve,
    /// Which part of each delay is random.
    pub jitter: Jitter,
    /// The first planned delay, in milliseconds.
    #[cfg_attr(feature = "schemars", schemars(range(min = 1)))]
    #[cfg_attr(feature = "serde", serde(deserialize_with = "positive"))]
    pub base_ms: u32,
    /// The longest delay, jitter included, in milliseconds.
    #[cfg_attr(feature = "schemars", schemars(range(min = 1)))]
    #[cfg_attr(feature = "serde", serde(deserialize_with = "positive"))]
    pub cap_ms: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::exponential(Duration::from_millis(500))
    }
}

impl Backoff {
    /// Doubles from `base`, with full jitter, up to 30 s.
    pub const fn exponential(base: Duration) -> Self {
        Self { curve: Curve::Exponential, jitter: Jitter::Full, base_ms: millis(base), cap_ms: 30_000 }
    }

    /// Plans `delay` each time, with full jitter, up to 30 s.
    pub const fn fixed(delay: Duration) -> Self {
        Self { curve: Curve::Fixed, ..Self::exponential(delay) }
    }

    /// Grows by `step` each time, with full jitter, up to 30 s.
    pub const fn linear(step: Duration) -> Self {
        Self { curve: Curve::Linear, ..Self::exponential(step) }
    }

    /// Grows as the Fibonacci numbers do, with full jitter, up to 30 s.
    pub const fn fibonacci(base: Duration) -> Self {
        Self { curve: Curve::Fibonacci, ..Self::exponential(base) }
    }

    /// Cuts every delay at `cap`, jitter included.
    pub const fn cap(self, cap: Duration) -> Self {
        Self { cap_ms: millis(cap), ..self }
    }

    /// Sets which part of each delay is random.
    pub const fn jitter(self, jitter: Jitter) -> Self {
        Self { jitter, ..self }
    }

    /// Returns the longest that the delay after failure `n` (from 0) can be, without decorrelation.
    pub fn ceiling(&self, n: u32) -> Duration {
        Duration::from_nanos(self.ceiling_ns(n))
    }

    /// Returns the delay after failure `n` (from 0), which came after a delay of `previous`, for a random
    /// number `unit` that is uniform over all of `u64`.
    pub fn delay(&self, n: u32, previous: Duration, unit: u64) -> Duration {
        let ceiling = self.ceiling_ns(n);
        let delay = match self.jitter {
            Jitter::None => ceiling,
            Jitter::Full => part(ceiling, unit),
            Jitter::Equal => ceiling / 2 + part(ceiling - ceiling / 2, unit),
            Jitter::Decorrelated => {
                let base = self.base_ns();
                let top = crate::nanos(previous).saturating_mul(3).clamp(base, self.cap_ns());
                base + part(top - base, unit)
            }
        };
        Duration::from_nanos(delay)
    }

    fn ceiling_ns(&self, n: u32) -> u64 {
        let factor = match self.curve {
            Curve::Exponential => 1_u64.checked_shl(n).unwrap_or(u64::MAX),
            Curve::Fixed => 1,
            Curve::Linear => u64::from(n).saturating_add(1),
            Curve::Fibonacci => fibonacci(n),
        };
        self.base_ns().saturating_mul(factor).min(self.cap_ns())
    }

    fn cap_ns(&self) -> u64 {
        u64::from(self.cap_ms.max(1)) * 1_000_000
    }

    /// Returns the base in nanoseconds: at least one millisecond, and never above the cap.
    pub(crate) fn base_ns(&self) -> u64 {
        (u64::from(self.base_ms.max(1)) * 1_000_000).min(self.cap_ns())
    }
}

/// Returns the share `unit / 2^64` of `whole`: uniform in `[0, whole)` if `unit` is uniform, without a float.
pub(crate) fn part(whole: u64, unit: u64) -> u64 {
    ((u128::from(whole) * u128::from(unit)) >> 64) as u64
}

/// Returns the milliseconds in `duration`: at least 1, and at most what a policy can hold (49 days).
pub(crate) const fn millis(duration: Duration) -> u32 {
    let ms = duration.as_millis();
    if ms == 0 {
        1
    } else if ms > u32::MAX as u128 {
        u32::MAX
    } else {
        ms as u32
    }
}

/// Returns the Fibonacci number for failure `n`: 1, 1, 2, 3, 5, ...; saturates from 94 on.
fn fibonacci(n: u32) -> u64 {
    let (mut now, mut next) = (1_u64, 1_u64);
    for _ in 0..n.min(94) {
        (now, next) = (next, now.saturating_add(next));
    }
    now
}

/// Reads a number of milliseconds that is not 0: a file that says 0 has a mistake in it.
#[cfg(feature = "serde")]
pub(crate) fn positive<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    <std::num::NonZeroU32 as serde::Deserialize>::deserialize(deserializer).map(std::num::NonZeroU32::get)
}
