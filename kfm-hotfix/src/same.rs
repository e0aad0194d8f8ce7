//! When two JSON values are the same.

use serde_json::{Number, Value};

/// Says whether two values say the same: numbers by their amount (`1` and `1.0`), texts by their characters,
/// objects without regard to order.
///
/// JSON knows one kind of number, so whoever asks for `1` means `1.0` too; amounts are compared exactly, never
/// rounded to each other.
pub fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => is_same_amount(a, b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| is_same(a, b)))
        }
        (a, b) => a == b,
    }
}

fn is_same_amount(a: &Number, b: &Number) -> bool {
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.as_f64() == b.as_f64(),
        _ => false,
    }
}

/// Returns a number as a whole one, if it is whole and small enough that nothing is rounded.
fn whole(number: &Number) -> Option<i128> {
    /// Above this a float has no part after the point, and below it fits an `i128`.
    const EXACT_MAX: f64 = 1e37;
    if let Some(whole) = number.as_i64() {
        return Some(whole.into());
    }
    if let Some(whole) = number.as_u64() {
        return Some(whole.into());
    }
    let float = number.as_f64()?;
    (float.fract() == 0.0 && float.abs() < EXACT_MAX).then_some(float as i128)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_the_same_by_their_amount_and_never_by_rounding() {
        let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        for (a, b) in [("1", "1.0"), ("-0", "0"), ("10", "1e1"), ("0.10", "1e-1"), ("[1, 2.0]", "[1.0, 2]")] {
            assert!(is_same(&read(a), &read(b)), "{a} {b}");
        }
        for (a, b) in
            [("9007199254740993", "9007199254740992.0"), ("1", "1.5"), ("1", "\"1\""), ("0", "false")]
        {
            assert!(!is_same(&read(a), &read(b)), "{a} {b}");
        }
    }

    #[test]
    fn objects_are_the_same_in_any_order_and_arrays_in_theirs() {
        assert!(is_same(&json!({"a": 1, "b": [2]}), &json!({"b": [2.0], "a": 1})));
        assert!(!is_same(&json!({"a": 1}), &json!({"a": 1, "b": 2})));
        assert!(!is_same(&json!([1, 2]), &json!([2, 1])));
    }
}
