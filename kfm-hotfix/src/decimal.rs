//! [`Decimal`]: a JSON number, compared by its amount, exactly.
//!
//! A float would round: `9007199254740993` is not `9007199254740992`, and `1e400` is not infinity.

/// The longest exponent to compute with, in digits; numbers with a longer one are compared as texts.
const EXPONENT_DIGITS_MAX: usize = 18;

/// An amount: two numbers of the same amount are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decimal {
    Zero,
    /// `digits` times ten to the `exponent`; the digits neither begin nor end with a zero.
    Amount {
        is_negative: bool,
        digits: String,
        exponent: i128,
    },
    /// A number whose exponent is too long to compute with, as it is written.
    Text(String),
}

impl Decimal {
    /// Reads a number of the JSON grammar. Of any other text the result is a value without meaning, not a panic.
    pub(crate) fn of(number: &str) -> Self {
        let is_negative = number.starts_with('-');
        let unsigned = number.trim_start_matches('-');
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        let trimmed = digits.trim_end_matches('0');
        if trimmed.is_empty() {
            return Self::Zero;
        }
        let sign = if exponent.starts_with('-') { -1 } else { 1 };
        let exponent = exponent.trim_start_matches(['+', '-']).trim_start_matches('0');
        if exponent.len() > EXPONENT_DIGITS_MAX {
            return Self::Text(number.to_ascii_lowercase());
        }
        let stated: i128 = exponent.parse().unwrap_or(0);
        let moved = (digits.len() - trimmed.len()) as i128 - fraction.len() as i128;
        Self::Amount { is_negative, digits: trimmed.to_owned(), exponent: sign * stated + moved }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_same(a: &str, b: &str) -> bool {
        Decimal::of(a) == Decimal::of(b)
    }

    #[test]
    fn spellings_of_one_amount_are_the_same() {
        for (a, b) in [
            ("1", "1.0"),
            ("-0", "0"),
            ("-0.0", "0e99999999999999999999"),
            ("10", "1e1"),
            ("0.10", "1E-1"),
            ("4326", "4326.000"),
            ("1200", "0.12e+4"),
            ("1e400", "10e399"),
            ("123456789012345678901234567890", "1.2345678901234567890123456789e29"),
            ("0.000000000000000000000000000001", "1e-030"),
            ("1e99999999999999999999", "1E99999999999999999999"),
        ] {
            assert!(is_same(a, b) && is_same(b, a), "{a} {b}");
        }
    }

    #[test]
    fn amounts_that_a_double_rounds_to_each_other_are_not_the_same() {
        for (a, b) in [
            ("9007199254740993", "9007199254740992"),
            ("9007199254740993", "9007199254740992.0"),
            ("1e400", "1e401"),
            ("1e-400", "0"),
            ("123456789012345678901234567890", "123456789012345678901234567891"),
            ("0.1", "0.1000000000000000055511151231257827"),
            ("1", "-1"),
            ("1", "10"),
        ] {
            assert!(!is_same(a, b), "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_are_the_same_only_as_themselves(a: i64, b: i64, zeros in 0_usize..5) {
            let spelt = format!("{a}.{}", "0".repeat(zeros + 1));
            prop_assert!(is_same(&a.to_string(), &spelt));
            prop_assert_eq!(is_same(&b.to_string(), &spelt), a == b);
        }

        #[test]
        fn a_point_may_move_with_the_exponent(digits in "[0-9]{1,30}", places in 0_usize..30) {
            let padded = format!("{}{digits}", "0".repeat(places));
            let (whole, fraction) = padded.split_at(padded.len() - places);
            let moved = format!("{whole}.{fraction}0e{places}");
            prop_assert!(is_same(&digits, &moved), "{} {}", digits, moved);
        }
    }
}
