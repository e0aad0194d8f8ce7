//! Degrees and minutes in words: `thirty-eight degrees fifty-seven minutes north`.

use std::borrow::Cow;

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// Returns a text that speaks of degrees with its English numerals below 200 as digits; any other text as it is.
pub(super) fn as_digits(text: &str) -> Cow<'_, str> {
    let lower = text.to_ascii_lowercase();
    if !lower.contains("degree") || !lower.contains("t") {
        return Cow::Borrowed(text);
    }
    let mut digits = String::with_capacity(text.len());
    let mut value = None;
    for word in lower.split_inclusive(|c: char| !c.is_ascii_alphabetic()) {
        let name = word.trim_end_matches(|c: char| !c.is_ascii_alphabetic());
        match (numeral(name), value) {
            (Some(number), _) => value = Some(value.unwrap_or(0) + number),
            (None, Some(1..=9)) if name == "hundred" => value = value.map(|ones| ones * 100),
            (None, Some(hundreds)) if name == "and" && hundreds % 100 == 0 => {}
            (None, said) => {
                if let Some(number) = said {
                    digits.push_str(&format!("{number} "));
                    value = None;
                }
                digits.push_str(word);
            }
        }
    }
    match value {
        Some(number) => digits.push_str(&number.to_string()),
        None if digits == lower => return Cow::Borrowed(text),
        None => {}
    }
    Cow::Owned(digits)
}

fn numeral(word: &str) -> Option<usize> {
    let tens = || TENS.iter().position(|name| *name == word).map(|at| 10 * (at + 2));
    ONES.iter().position(|name| *name == word).or_else(tens)
}
