//! When a breaker opens, for how long, and how it counts calls that were dropped: plain data.

use std::time::Duration;

use super::word::{HISTORY_MAX, Rules};
use crate::backoff::millis;

/// Says when a breaker opens and when it tries again.
///
/// | field | `BreakerPolicy::kfm()` and default |
/// |---|---|
/// | `opens` | after 3 consecutive failures |
/// | `cooldown_ms` | 300 000 |
/// | `cooldown_max_ms` | 300 000 |
/// | `growth` | 1: every cool-down is as long as the first |
/// | `probe_lease_ms` | 60 000 |
/// | `cancelled_after_ms` | 1 000 |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, default))]
pub struct BreakerPolicy {
    /// When the breaker opens.
    pub opens: Opens,
    /// How long the breaker stays open the first time, in milliseconds.
    pub cooldown_ms: u32,
    /// How long the breaker stays open at most, however often its trial calls fail, in milliseconds.
    pub cooldown_max_ms: u32,
    /// By how much the cool-down is multiplied after each trial call that failed.
    pub growth: u8,
    /// How long a trial call may take before another caller may make one, in milliseconds.
    pub probe_lease_ms: u32,
    /// A call that is dropped after it ran at least this long counts as failed, in milliseconds: an outer
    /// time-out that drops calls must not hide an outage.
    pub cancelled_after_ms: u32,
}

/// When a breaker opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case", deny_unknown_fields))]
#[non_exhaustive]
pub enum Opens {
    /// After this many failures in a row, at most 48. A healthy call writes nothing.
    Consecutive {
        /// How many failures in a row, 1 to 48.
        #[cfg_attr(feature = "schemars", schemars(range(min = 1, max = 48)))]
        failures: u8,
    },
    /// When the share of failed or slow calls among the last ones is too high. A healthy call writes nothing
    /// once the window is full of healthy calls; otherwise it takes a short lock.
    CountWindow {
        /// How many of the last calls count.
        calls: u16,
        /// Which share of them is too high.
        rate: Rate,
    },
    /// When the share of failed or slow calls in the last span of time is too high. The window moves on in
    /// tenths. Every call reads the clock and takes a short lock: with two threads it costs 4.6 times as much
    /// as with one (`kfm-bench -- retry`), so use it for calls that take milliseconds.
    TimeWindow {
        /// The length of the span of time, in milliseconds.
        window_ms: u32,
        /// Which share of the calls is too high.
        rate: Rate,
    },
}

impl Opens {
    /// Returns from how many milliseconds on a call is slow, if the policy counts slow calls.
    pub(super) const fn slower_than_ms(&self) -> Option<u32> {
        match self {
            Self::CountWindow { rate: Rate { slow: Some(slow), .. }, .. }
            | Self::TimeWindow { rate: Rate { slow: Some(slow), .. }, .. } => Some(slow.slower_than_ms),
            _ => None,
        }
    }
}

/// A share of calls that is too high.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, default))]
pub struct Rate {
    /// How many calls must have ended before a share counts.
    pub calls_min: u16,
    /// From which share of failed calls on the breaker opens, in percent.
    pub failed_percent: u8,
    /// From when on a call is slow, and from which share of slow calls on the breaker opens; `None` if slow
    /// calls do not count.
    pub slow: Option<SlowCalls>,
}

/// When a call is slow, and how many slow calls are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct SlowCalls {
    /// From how many milliseconds on a call is slow.
    pub slower_than_ms: u32,
    /// From which share of slow calls on the breaker opens, in percent.
    pub slow_percent: u8,
}

impl Default for Rate {
    fn default() -> Self {
        Self { calls_min: 10, failed_percent: 50, slow: None }
    }
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self::kfm()
    }
}

impl BreakerPolicy {
    /// The toolkit's breaker (R81): opens after 3 consecutive failures, for 300 s, then one trial call.
    pub const fn kfm() -> Self {
        Self {
            opens: Opens::Consecutive { failures: 3 },
            cooldown_ms: 300_000,
            cooldown_max_ms: 300_000,
            growth: 1,
            probe_lease_ms: 60_000,
            cancelled_after_ms: 1_000,
        }
    }

    /// Sets when the breaker opens.
    #[must_use]
    pub const fn opens(self, opens: Opens) -> Self {
        Self { opens, ..self }
    }

    /// Sets how long the breaker stays open.
    #[must_use]
    pub const fn cooldown(self, cooldown: Duration) -> Self {
        Self { cooldown_ms: millis(cooldown), cooldown_max_ms: millis(cooldown), ..self }
    }

    /// Multiplies the cool-down by `factor` after each trial call that failed, up to `max`.
    #[must_use]
    pub const fn growing(self, factor: u8, max: Duration) -> Self {
        Self { growth: factor, cooldown_max_ms: millis(max), ..self }
    }

    /// Sets how long a trial call may take before another caller may make one.
    #[must_use]
    pub const fn probe_lease(self, lease: Duration) -> Self {
        Self { probe_lease_ms: millis(lease), ..self }
    }

    /// Sets how long a call must have run for its cancellation to count as a failure.
    #[must_use]
    pub const fn cancelled_after(self, ran: Duration) -> Self {
        Self { cancelled_after_ms: millis(ran), ..self }
    }

    #[inline]
    pub(super) fn rules(&self) -> Rules {
        let failures = match self.opens {
            Opens::Consecutive { failures } => failures.clamp(1, HISTORY_MAX),
            // The window decides; the history in the word is not used.
            Opens::CountWindow { .. } | Opens::TimeWindow { .. } => HISTORY_MAX,
        };
        Rules {
            history: failures,
            failures,
            cooldown_ms: u64::from(self.cooldown_ms),
            cooldown_max_ms: u64::from(self.cooldown_max_ms),
            growth: self.growth,
            lease_ms: u64::from(self.probe_lease_ms),
        }
    }
}
