//! What a policy will do, before it does it: the delays as a value to read and to compare.

use std::fmt;
use std::time::Duration;

use crate::classify::ErrorClass;
use crate::failed::Reason;
use crate::machine::{Machine, Step};
use crate::policy::Policy;
use crate::witness::Key;

/// The delays of a call that fails every time; made by [`Policy::plan`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Plan {
    /// The wait after each failure, in milliseconds.
    pub delays_ms: Vec<u64>,
    /// Why no attempt follows the last one.
    #[cfg_attr(feature = "serde", serde(serialize_with = "reason_name"))]
    pub ends: Reason,
}

#[cfg(feature = "serde")]
fn reason_name<S: serde::Serializer>(reason: &Reason, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reason.as_str())
}

impl Policy {
    /// Returns what happens to a call whose attempts all fail at once with `class`; the jitter is that of
    /// `key`.
    ///
    /// ```
    /// use kfm_retry::{ErrorClass, Policy};
    ///
    /// let plan = Policy::kfm().plan("ks-naip-2023|7|38099", ErrorClass::Server);
    /// assert_eq!(
    ///     plan.to_string(),
    ///     "1: at once\n2: +268 ms\n3: +343 ms\n4: +1781 ms\n5: +966 ms\ngive up: attempts_exhausted\n"
    /// );
    /// ```
    pub fn plan<'a>(&self, key: impl Into<Key<'a>>, class: ErrorClass) -> Plan {
        let seed = key.into().seed();
        let mut machine = Machine::default();
        let mut delays_ms = Vec::new();
        loop {
            let remaining = self.total_of().map(|total| total.saturating_sub(machine.waited()));
            match machine.on_failure(self, class.into(), remaining, seed) {
                Step::Wait(delay) => delays_ms.push(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
                Step::GiveUp(ends) => return Plan { delays_ms, ends },
            }
        }
    }

    /// Returns the longest time that a call can take: all attempts are cut off by their time-outs, with the
    /// longest delays in between; or the policy's total, if that is less. Waits that the service asks for
    /// come on top.
    pub fn longest(&self) -> Duration {
        let attempts = u32::from(self.attempts.get());
        let waits: Duration = (0..attempts - 1).map(|n| self.backoff.ceiling(n)).sum();
        let longest = self.attempt_timeout_of() * attempts + waits;
        self.total_of().map_or(longest, |total| longest.min(total))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "1: at once")?;
        for (n, delay_ms) in self.delays_ms.iter().enumerate() {
            writeln!(f, "{}: +{delay_ms} ms", n + 2)?;
        }
        writeln!(f, "give up: {}", self.ends.as_str())
    }
}
