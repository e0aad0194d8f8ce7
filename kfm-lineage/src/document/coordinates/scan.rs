//! A text, cut into numbers, words and signs, as far as the search for places needs it.

use std::borrow::Cow;

use crate::integrity::unescape;
use crate::text::is_hidden;

/// One piece of a text. Blanks and invisible characters are left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token<'t> {
    /// A number without its sign.
    Number(Number),
    /// A run of letters, as it is written.
    Word(&'t str),
    /// Any other character.
    Sign(char),
    /// Digits with several points: a version, a date or an address.
    Dotted,
}

/// A number of a text, without its sign.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number {
    /// The value of the number.
    pub(super) value: f64,
    /// Number of digits before the point, leading zeros included.
    pub(super) whole_digits: usize,
    /// Number of digits after the point.
    pub(super) fraction_digits: usize,
    /// Whether a comma is written for the point.
    pub(super) comma: bool,
    /// Whether it follows the text before it without a blank.
    pub(super) glued: bool,
    /// Whether a hyphen joins it to the text before it: a range, a date or a name.
    pub(super) tied: bool,
}

/// How many rounds of percent encoding are undone; with more rounds it is not an address that any program
/// follows.
const ENCODINGS_MAX: usize = 3;

/// Returns one spelling for many: no percent encoding, no hidden characters, ASCII digits, points, signs and
/// quotes.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'%' | b'&')) {
        return Cow::Borrowed(text);
    }
    let mut decoded = text.to_owned();
    for _ in 0..ENCODINGS_MAX {
        let next = unescape(&decoded).into_owned();
        if next == decoded {
            break;
        }
        decoded = next;
    }
    let decoded = decoded.replace("&deg;", "°").replace("&#176;", "°").replace("&nbsp;", " ");
    decoded.chars().filter(|c| !is_hidden(*c) || c.is_whitespace()).map(plain_char).collect::<String>().into()
}

fn plain_char(c: char) -> char {
    /// The zeros of scripts that have their own decimal digits.
    const ZEROS: [u32; 14] =
        [0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xe50, 0xff10, 0x1d7ce];
    match c {
        '\u{0}'..='~' => c,
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}' => '-',
        '\u{66b}' | '\u{b7}' | '\u{ff0e}' => '.',
        '\u{ff0c}' | '\u{66c}' | '\u{3001}' => ',',
        '\u{2019}' | '\u{2018}' | '\u{2032}' | '\u{2b9}' | '\u{b4}' | '\u{ff07}' => '\'',
        '\u{201d}' | '\u{201c}' | '\u{2033}' | '\u{2ba}' | '\u{2dd}' => '"',
        '\u{ba}' | '\u{2da}' | '\u{2218}' => '°',
        c => {
            let digit =
                ZEROS.iter().find_map(|zero| (c as u32).checked_sub(*zero).filter(|digit| *digit < 10));
            digit.and_then(|digit| char::from_digit(digit, 10)).unwrap_or(c)
        }
    }
}

/// Cuts a text that [`plain`] has returned.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut glued = false;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_digit() {
            let before = text[..text.len() - rest.len()].strip_suffix('-').unwrap_or_default();
            let tied = before.ends_with(char::is_alphanumeric);
            let (token, length) = number(rest, glued, tied);
            tokens.push(token);
            length
        } else if first.is_alphabetic() {
            let length = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
            tokens.push(Token::Word(&rest[..length]));
            length
        } else {
            if !first.is_whitespace() {
                tokens.push(Token::Sign(first));
            }
            first.len_utf8()
        };
        glued = !first.is_whitespace();
        rest = &rest[length..];
    }
    tokens
}

/// Reads the number at the beginning of a text; returns its length too.
fn number(text: &str, glued: bool, tied: bool) -> (Token<'static>, usize) {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let whole = digits(text);
    let behind = &text[whole..];
    let separator = behind.chars().next();
    let fraction = match separator {
        Some('.' | ',') => digits(&behind[1..]),
        _ => 0,
    };
    let made = |fraction_digits: usize, comma: bool, length: usize| {
        let value = match fraction_digits {
            0 => text[..whole].parse(),
            digits => format!("{}.{}", &text[..whole], &text[whole + 1..=whole + digits]).parse(),
        };
        let value = value.unwrap_or(f64::INFINITY);
        (Token::Number(Number { value, whole_digits: whole, fraction_digits, comma, glued, tied }), length)
    };
    let end = whole + 1 + fraction;
    let goes_on = |with: char| {
        let rest = text.get(end..).unwrap_or_default();
        rest.strip_prefix(with).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    match separator {
        Some('.') if fraction > 0 && goes_on('.') => {
            let length = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
            (Token::Dotted, length)
        }
        Some('.') if fraction > 0 => scientific(made(fraction, false, end), &text[end..]),
        // A comma is a point where a list of whole numbers would not have one.
        Some(',') if whole <= 3 && fraction >= 2 && !goes_on('.') && (fraction >= 4 || !goes_on(',')) => {
            made(fraction, true, end)
        }
        _ => made(0, false, whole),
    }
}

/// Takes an exponent of one digit with the number: `3.81234e1`.
fn scientific<'t>((token, length): (Token<'t>, usize), behind: &str) -> (Token<'t>, usize) {
    let Token::Number(number) = token else { return (token, length) };
    let Some(rest) = behind.strip_prefix(['e', 'E']) else { return (token, length) };
    let digit_at = usize::from(rest.starts_with(['+', '-']));
    let mut rest_chars = rest[digit_at..].chars();
    let (Some(digit), behind) = (rest_chars.next().and_then(|c| c.to_digit(10)), rest_chars.next()) else {
        return (token, length);
    };
    if behind.is_some_and(|c| c.is_alphanumeric() || c == '.') {
        return (token, length);
    }
    let exponent = if rest.starts_with('-') { -(digit as i32) } else { digit as i32 };
    let fraction_digits = usize::try_from(number.fraction_digits as i32 - exponent).unwrap_or(0);
    let value = number.value * 10_f64.powi(exponent);
    (Token::Number(Number { value, fraction_digits, ..number }), length + 2 + digit_at)
}
