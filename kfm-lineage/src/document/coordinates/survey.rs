//! Sections of the public land survey: `T12S R3E Sec 14`.

use super::scan::Token;
use super::written::{is_sign, is_word, number};

const TOWNSHIP: [&str; 6] = ["t", "tp", "twp", "twn", "tnshp", "township"];
const RANGE: [&str; 6] = ["r", "rg", "rge", "rng", "rang", "range"];
const SECTION: [&str; 4] = ["s", "sec", "sect", "section"];
const NORTH_SOUTH: [&str; 4] = ["n", "s", "north", "south"];
const EAST_WEST: [&str; 4] = ["e", "w", "east", "west"];
/// A direction that is written together with the word for the range: `T12SR3E`.
const TOGETHER: [&str; 2] = ["nr", "sr"];

/// How many signs may stand between two parts.
const SIGNS_MAX: usize = 3;

/// A township with its range, in either order, or a section with both: `Sec. 14-12S-3E`.
pub(super) fn section(tokens: &[Token<'_>], at: usize) -> bool {
    let direction = |at: usize, words: &[&str]| {
        let at = behind_signs(tokens, at);
        is_one_of(tokens, at, words).then_some(at + 1)
    };
    let township = |at: usize| count(tokens, named(tokens, at, &TOWNSHIP)?);
    let range = |at: usize| direction(count(tokens, named(tokens, at, &RANGE)?)?, &EAST_WEST);
    let ranges_behind = || {
        let end = township(at)?;
        let together = behind_signs(tokens, end);
        if is_one_of(tokens, together, &TOGETHER) {
            return direction(count(tokens, together + 1)?, &EAST_WEST);
        }
        range(behind_signs(tokens, direction(end, &NORTH_SOUTH)?))
    };
    let range_first = || direction(township(behind_signs(tokens, range(at)?))?, &NORTH_SOUTH);
    let short = || without_words(tokens, count(tokens, named(tokens, at, &SECTION)?)?);
    ranges_behind().or_else(range_first).or_else(short).is_some()
}

/// A township with its range and without the words for them, in a text whose name says so: `12S 3E`.
pub(super) fn is_township(tokens: &[Token<'_>]) -> bool {
    (0..tokens.len()).any(|at| section(tokens, at) || without_words(tokens, at).is_some())
}

fn without_words(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let part = |at: usize, words: &[&str]| {
        let end = behind_signs(tokens, count(tokens, at)?);
        is_one_of(tokens, end, words).then_some(end + 1)
    };
    part(part(at, &NORTH_SOUTH)?, &EAST_WEST)
}

fn named(tokens: &[Token<'_>], at: usize, words: &[&str]) -> Option<usize> {
    is_one_of(tokens, at, words).then_some(at + 1)
}

fn is_one_of(tokens: &[Token<'_>], at: usize, words: &[&str]) -> bool {
    tokens.get(at).is_some_and(|token| is_word(token, words))
}

/// Reads a whole number of at most three digits; returns the place behind it.
fn count(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let at = behind_signs(tokens, at);
    let number = number(tokens, at)?;
    (number.value >= 1.0 && number.whole_digits <= 3 && number.fraction_digits == 0).then_some(at + 1)
}

fn behind_signs(tokens: &[Token<'_>], at: usize) -> usize {
    let joins = |token: &&Token<'_>| ".,;:-_/#".chars().any(|sign| is_sign(token, sign));
    at + tokens.get(at..).unwrap_or_default().iter().take(SIGNS_MAX).take_while(joins).count()
}
