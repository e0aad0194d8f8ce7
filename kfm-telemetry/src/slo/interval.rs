//! The interval of a ratio that was observed only a few times.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The 97.5 % quantile of the normal distribution, so that 5 % are left for both tails together.
const Z: f64 = 1.959_963_984_540_054;

/// An interval that contains the true value with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// The lower end, 0 to 1.
    pub low: f64,
    /// The upper end, 0 to 1.
    pub high: f64,
}

/// Computes the Wilson score interval of `k` in `n` at 95 %; `None` if `n` is 0.
///
/// Unlike the interval of the textbooks it does not shrink to nothing when `k` is 0, which is the usual case
/// here. Formula: E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209-212.
///
/// ```
/// let interval = kfm_telemetry::slo::wilson(0, 20).unwrap();
/// assert_eq!(interval.low, 0.0);
/// assert!((interval.high - 0.1611).abs() < 0.0001);
/// ```
pub fn wilson(k: u64, n: u64) -> Option<Interval> {
    if n == 0 || k > n {
        return None;
    }
    let (count, ratio) = (n as f64, k as f64 / n as f64);
    let scale = 1.0 + Z * Z / count;
    let centre = (ratio + Z * Z / (2.0 * count)) / scale;
    let half = Z * (ratio * (1.0 - ratio) / count + Z * Z / (4.0 * count * count)).sqrt() / scale;
    // The ends are exact where nothing or everything was observed; rounding must not change that.
    let low = if k == 0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if k == n { 1.0 } else { (centre + half).min(1.0) };
    Some(Interval { low, high })
}
