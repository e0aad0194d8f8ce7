//! References to grids in metres: UTM, MGRS, national grids, an x with its y.

use super::array::PROJECTED_MIN;
use super::scan::{Number, Token};
use super::written::{BETWEEN_MAX, is_sign, is_word, number};

const BANDS: &str = "CDEFGHJKLMNPQRSTUVWX";
const ROWS: &str = "ABCDEFGHJKLMNPQRSTUV";
/// The letters of the columns of a square, by the rest of the zone's number divided by three.
const COLUMNS: [&str; 3] = ["STUVWXYZ", "ABCDEFGH", "JKLMNPQR"];
const MONTHS: [&str; 16] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "MAI", "JUN", "JUL", "AUG", "SEP", "OCT", "OKT", "NOV", "DEC", "DEZ",
    "DIC",
];
const ZONE: [&str; 4] = ["zone", "zona", "fuseau", "huso"];

/// A reference to a grid: in a text that names the grid or the zone, or a square of MGRS with four digits or
/// more, which needs no name.
pub(super) fn on_a_grid(text: &str, tokens: &[Token<'_>]) -> bool {
    let named = |names: &[&str]| tokens.iter().any(|token| is_word(token, names));
    let any = |is: &dyn Fn(usize) -> bool| (0..tokens.len()).any(is);
    let finest = (0..tokens.len()).filter_map(|at| digits_of_square(tokens, at)).max().unwrap_or(0);
    finest == 10
        || (finest >= 2 && named(&["mgrs", "usng"]))
        || has_square(text)
        || any(&|at| lettered(tokens, at) && pair(tokens, at).is_some())
        || any(&|at| in_a_zone(tokens, at))
        || any(&|at| x_and_y(tokens, at))
        || any(&|at| national(tokens, at))
        || (named(&["utm", "easting", "northing", "eastings", "northings"])
            && any(&|at| pair(tokens, at).is_some()))
}

/// Says whether a text under the name of a grid is finer than a square of 100 km or a zone.
pub(super) fn is_fine(text: &str, tokens: &[Token<'_>]) -> bool {
    let of_square = (0..tokens.len()).find_map(|at| digits_of_square(tokens, at));
    of_square.map_or_else(|| text.chars().filter(char::is_ascii_digit).nth(3).is_some(), |digits| digits >= 2)
}

fn metres(number: Number) -> bool {
    (5..=8).contains(&number.whole_digits)
}

fn joins(token: &Token<'_>) -> bool {
    matches!(token, Token::Sign(_)) || is_word(token, &["m", "me", "mn", "e", "n", "easting", "northing"])
}

/// Two numbers of metres; returns the place behind them.
fn pair(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    number(tokens, at).filter(|number| metres(*number))?;
    let gap = tokens[at + 1..].iter().take(BETWEEN_MAX).take_while(|token| joins(token)).count();
    number(tokens, at + 1 + gap).filter(|number| metres(*number)).map(|_| at + 2 + gap)
}

/// Says whether two numbers are an easting and a northing, neither of them smaller than such a number can be.
pub(super) fn is_pair_of_metres(tokens: &[Token<'_>], at: usize) -> bool {
    let is_large = |at: usize| number(tokens, at).is_some_and(|number| number.value >= PROJECTED_MIN);
    pair(tokens, at).is_some_and(|end| is_large(at) && is_large(end - 1))
}

/// `623456E 4221234N`, `E 623456 N 4221234`.
fn lettered(tokens: &[Token<'_>], at: usize) -> bool {
    let near = &tokens[at.saturating_sub(1)..tokens.len().min(at + BETWEEN_MAX)];
    let has = |letters: [&str; 2]| near.iter().any(|token| is_word(token, &letters));
    has(["e", "me"]) && has(["n", "mn"])
}

/// An easting with its northing beside a zone: `305000 4316000 15S`, `zone 15, 305000 4316000`.
fn in_a_zone(tokens: &[Token<'_>], at: usize) -> bool {
    let Some(end) = pair(tokens, at) else { return false };
    let is_easting = |number: Number| (100_000.0..1_000_000.0).contains(&number.value);
    let has_easting = [at, end - 1].into_iter().filter_map(|at| number(tokens, at)).any(is_easting);
    let behind = || {
        let gap = tokens[end..].iter().take(BETWEEN_MAX).take_while(|token| joins(token)).count();
        (end..=end + gap).any(|at| zone(tokens, at).is_some())
    };
    let before = || {
        (at.saturating_sub(BETWEEN_MAX)..at).any(|start| {
            zone(tokens, start).is_some_and(|end| end <= at && tokens[end..at].iter().all(joins))
        })
    };
    has_easting && (behind() || before())
}

/// A zone with its band, or a zone behind its name; returns the place behind it.
fn zone(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let band = |at: usize| match tokens.get(at) {
        Some(Token::Word(word)) => word.len() == 1 && BANDS.contains(word),
        _ => false,
    };
    let is_zone = |at: usize| {
        number(tokens, at).is_some_and(|zone| {
            (1.0..=60.0).contains(&zone.value) && zone.whole_digits <= 2 && zone.fraction_digits == 0
        })
    };
    if is_word(tokens.get(at)?, &ZONE) {
        let signs =
            tokens[at + 1..].iter().take(2).take_while(|token| matches!(token, Token::Sign(_))).count();
        let zone = at + 1 + signs;
        return is_zone(zone).then(|| zone + 1 + usize::from(band(zone + 1)));
    }
    (is_zone(at) && band(at + 1)).then_some(at + 2)
}

/// Counts the digits behind a zone and the three letters of its square.
fn digits_of_square(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let zone =
        number(tokens, at).filter(|zone| (1.0..=60.0).contains(&zone.value) && zone.whole_digits <= 2)?;
    let mut next = at + 1;
    let mut letters = 0;
    while let Some(Token::Word(word)) = tokens.get(next).filter(|_| letters < 3) {
        letters += word.len();
        next += 1;
    }
    let digits = |at: usize| number(tokens, at).map_or(0, |part| part.whole_digits);
    let (first, second) = (digits(next), digits(next + 1));
    (zone.fraction_digits == 0 && letters == 3).then_some(if first == second { 2 * first } else { first })
}

/// Finds a square of MGRS with four digits or more: `15SUC0516`, `15S UC 05 16`.
fn has_square(text: &str) -> bool {
    let bytes = text.as_bytes();
    let begins =
        |at: &usize| bytes[*at].is_ascii_digit() && (*at == 0 || !bytes[at - 1].is_ascii_alphanumeric());
    (0..bytes.len()).filter(begins).any(|at| is_square(&text[at..]))
}

/// Says whether a text begins with a square and its digits. Zone and band have no blank between them.
fn is_square(text: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let letters = |text: &str| text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let zone_digits = digits(text);
    let Some(zone) = text[..zone_digits].parse::<usize>().ok().filter(|zone| (1..=60).contains(zone)) else {
        return false;
    };
    let rest = &text[zone_digits..];
    let (named, rest) = match letters(rest) {
        3 => (rest[..3].to_owned(), &rest[3..]),
        1 => match rest[1..].strip_prefix(' ').filter(|rest| letters(rest) == 2) {
            Some(square) => (format!("{}{}", &rest[..1], &square[..2]), &square[2..]),
            None => return false,
        },
        _ => return false,
    };
    let blank = rest.starts_with(' ');
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let first = digits(rest);
    let behind = &rest[first..];
    let second = behind.strip_prefix(' ').map_or(0, digits);
    let (total, end) = match second == first && first > 0 {
        true => (2 * first, &behind[1 + second..]),
        false => (first, behind),
    };
    let is_small = named.bytes().all(|byte| byte.is_ascii_lowercase());
    let named = if is_small { named.to_ascii_uppercase() } else { named };
    let has = |at: usize, letters: &str| named.get(at..=at).is_some_and(|letter| letters.contains(letter));
    // Behind a blank the digits may be a year or a day, and with a month the letters are a date.
    let is_date = blank && second != first && (rest.starts_with("19") || rest.starts_with("20"));
    has(0, BANDS)
        && has(1, COLUMNS[zone % 3])
        && has(2, ROWS)
        && total % 2 == 0
        && (4..=10).contains(&total)
        && !(is_small && (blank || total < 6))
        && !(is_date && matches!(total, 4 | 8))
        && !(total <= 4 && MONTHS.contains(&named.as_str()))
        && !end.starts_with(|c: char| c.is_alphanumeric())
}

/// An x and a y in metres, each behind its name: `X 305000 Y 4316000`.
fn x_and_y(tokens: &[Token<'_>], at: usize) -> bool {
    let value = |at: usize, name: &str| {
        tokens.get(at).filter(|token| is_word(token, &[name]))?;
        let signs =
            tokens[at + 1..].iter().take(3).take_while(|token| matches!(token, Token::Sign(_))).count();
        let value = at + 1 + signs;
        number(tokens, value)
            .filter(|number| number.value >= PROJECTED_MIN && metres(*number))
            .map(|_| value + 1)
    };
    let Some(end) = value(at, "x") else { return false };
    (end..(end + 4).min(tokens.len())).any(|at| value(at, "y").is_some())
}

/// A square of a national grid in a text that calls it a reference to a grid: `grid ref TQ 300 800`.
fn national(tokens: &[Token<'_>], at: usize) -> bool {
    let is = |at: usize, words: &[&str]| tokens.get(at).is_some_and(|token| is_word(token, words));
    let mut next = if is(at, &["ngr", "osgb", "gridref"]) {
        at + 1
    } else if is(at, &["grid"]) && is(at + 1, &["ref", "reference"]) {
        at + 2
    } else {
        return false;
    };
    while tokens
        .get(next)
        .is_some_and(|token| is_sign(token, '.') || is_sign(token, ':') || is_sign(token, '='))
    {
        next += 1;
    }
    let has_letters = matches!(tokens.get(next), Some(Token::Word(word)) if word.len() <= 2);
    let next = next + usize::from(has_letters);
    let digits = |at: usize| number(tokens, at).map_or(0, |part| part.whole_digits);
    let (first, second) = (digits(next), digits(next + 1));
    if has_letters { first + second >= 4 } else { first >= 3 && first == second }
}
