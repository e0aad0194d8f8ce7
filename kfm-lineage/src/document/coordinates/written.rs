//! Places in a text, as people write them.

use super::scan::{Number, Token, plain, tokens};

/// From this many digits after the point on a number is as precise as a place: 0.01 degree is about a
/// kilometre.
const FRACTION_DIGITS_MIN: usize = 2;

/// How many tokens may stand between a latitude and its longitude.
const BETWEEN_MAX: usize = 8;

const COMPASS: [&str; 15] =
    ["n", "s", "e", "w", "o", "north", "south", "east", "west", "nord", "sud", "süd", "ost", "est", "ouest"];
const LABELS: [&str; 8] =
    ["lat", "latitude", "latitud", "lon", "lng", "longitude", "longitud", "decimallatitude"];
const DEGREES: [&str; 4] = ["deg", "degree", "degrees", "d"];
const AND: [&str; 3] = ["and", "et", "und"];
const JOINING: [&str; 6] = ["long", "x", "y", "and", "et", "und"];
const WKT: [&str; 7] =
    ["point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection"];

/// Units after which two numbers are a range, or a list of something else: `1.57-1.65 um`.
const UNITS: [&str; 24] = [
    "um",
    "µm",
    "μm",
    "nm",
    "mm",
    "cm",
    "m",
    "km",
    "ft",
    "percent",
    "pct",
    "ha",
    "acres",
    "k",
    "c",
    "db",
    "kg",
    "kb",
    "mb",
    "gb",
    "hz",
    "ghz",
    "micrometers",
    "micrometer",
];

/// Says whether a text contains something that reads like a place.
///
/// That is: a pair of decimal degrees, with point or comma, with or without letters of the compass; one
/// decimal degree with its name (`lat 38.12`) or with its letter behind a degree sign; degrees and minutes;
/// WKT; references to the UTM and MGRS grids; geohashes and plus codes, if the text says that they are such.
pub fn has_place(text: &str) -> bool {
    if !is_worth_reading(text) {
        return false;
    }
    let text = plain(text);
    let tokens = tokens(&text);
    let at = |find: fn(&[Token<'_>], usize) -> bool| (0..tokens.len()).any(|at| find(&tokens, at));
    at(labelled)
        || at(pair)
        || at(angle_with_letter)
        || angles(&tokens)
        || at(sexagesimal)
        || at(clocklike)
        || at(wkt)
        || on_a_grid(&tokens)
        || in_code(&text)
}

/// Says whether a text has one of the marks without which it cannot contain a place. Most texts of a document
/// are ids, hrefs and titles without such a mark, and are not read any further.
fn is_worth_reading(text: &str) -> bool {
    const WORDS: [&str; 13] = [
        "lat", "lon", "lng", "deg", "utm", "mgrs", "usng", "easting", "northing", "geohash", "north",
        "south", "point",
    ];
    let bytes = text.as_bytes();
    let is = |at: usize, is: fn(&u8) -> bool| bytes.get(at).is_some_and(is);
    let is_digit = |at: usize| is(at, u8::is_ascii_digit);
    let mut digits = 0_usize;
    let mut colons = 0_usize;
    let mut telling = false;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' => digits += 1,
            // A decimal number with two digits after the point.
            b'.' | b',' => telling |= at > 0 && is_digit(at - 1) && is_digit(at + 1) && is_digit(at + 2),
            // A letter of the compass, or the sign of degrees, beside a number.
            b'N' | b'S' | b'n' | b's' | b'd' | b'D' => {
                let alone = !is(at + 1, u8::is_ascii_alphabetic);
                let number_before =
                    at > 0 && (is_digit(at - 1) || (bytes[at - 1] == b' ' && at > 1 && is_digit(at - 2)));
                let number_behind = is_digit(at + 1) && (is_digit(at + 2) || matches!(byte, b'd' | b'D'));
                telling |= number_before && alone
                    || number_behind && (at == 0 || !bytes[at - 1].is_ascii_alphabetic() || number_before);
            }
            b':' => colons += 1,
            b'(' | b'+' | b'%' | b'&' | b'\'' | b'"' => telling = true,
            // A square of the grid directly before its digits.
            b'A'..=b'Z' => telling |= (1..=10).all(|next| is_digit(at + next)),
            byte => telling |= !byte.is_ascii(),
        }
    }
    let named = |lower: String| WORDS.iter().any(|word| lower.contains(word));
    (digits >= 2 || !text.is_ascii()) && (telling || colons >= 4 || named(text.to_ascii_lowercase()))
}

/// Says whether a text under a name of places contains two numbers that can be degrees.
pub(super) fn has_two_degrees(text: &str) -> bool {
    let text = plain(text);
    let tokens = tokens(&text);
    (0..tokens.len()).any(|at| {
        let Some(first) = number(&tokens, at) else { return false };
        // What reads like a number with a comma may be two whole numbers.
        if first.comma && at > 0 && is_sign(&tokens[at - 1], '-') {
            return true;
        }
        let Some((next, second)) = following(&tokens, at) else { return false };
        let between = &tokens[at + 1..next];
        let explicit = !is_range(between, second)
            && between.iter().any(|token| is_sign(token, '-') || is_compass(token));
        let precise = first.fraction_digits + second.fraction_digits > 0;
        first.value <= 180.0 && second.value <= 180.0 && (explicit || precise)
    })
}

/// Says whether a text under the name of a grid is finer than a square of 100 km or a zone.
pub(super) fn has_grid_reference(text: &str) -> bool {
    plain(text).chars().filter(char::is_ascii_digit).nth(3).is_some()
}

/// Says whether a reference system that is written as WKT has its origin at a place.
pub(super) fn is_centred_system(text: &str) -> Option<bool> {
    const SYSTEMS: [&str; 13] = [
        "PROJCS",
        "PROJCRS",
        "GEOGCS",
        "GEOGCRS",
        "GEODCRS",
        "GEODETICCRS",
        "GEOCCS",
        "COMPD_CS",
        "COMPOUNDCRS",
        "BOUNDCRS",
        "PROJECTEDCRS",
        "VERTCRS",
        "ENGCRS",
    ];
    let upper = text.trim_start().to_ascii_uppercase();
    if !SYSTEMS.iter().any(|system| upper.starts_with(system)) {
        return None;
    }
    let precise = |names: [&str; 3]| {
        names.iter().flat_map(|name| upper.match_indices(name).map(|(at, _)| at + name.len())).any(|behind| {
            let first = tokens(&upper[behind..]).into_iter().take(10).find_map(|token| match token {
                Token::Number(number) => Some(number),
                Token::Word(_) | Token::Sign(_) | Token::Dotted => None,
            });
            first.is_some_and(is_precise_degree)
        })
    };
    Some(
        precise(["LATITUDE_OF", "LATITUDE OF", "CENTER_LAT"])
            && precise(["CENTRAL_MERIDIAN", "LONGITUDE OF", "LONGITUDE_OF"]),
    )
}

fn number(tokens: &[Token<'_>], at: usize) -> Option<Number> {
    match tokens.get(at)? {
        Token::Number(number) => Some(*number),
        Token::Word(_) | Token::Sign(_) | Token::Dotted => None,
    }
}

fn is_word(token: &Token<'_>, words: &[&str]) -> bool {
    matches!(token, Token::Word(word) if words.iter().any(|known| known.eq_ignore_ascii_case(word)))
}

fn is_sign(token: &Token<'_>, sign: char) -> bool {
    *token == Token::Sign(sign)
}

fn is_compass(token: &Token<'_>) -> bool {
    is_word(token, &COMPASS)
}

fn is_precise_degree(number: Number) -> bool {
    number.fraction_digits >= FRACTION_DIGITS_MIN && number.value <= 180.0
}

/// Signs that may stand between the two numbers of a pair; other signs only if the numbers themselves say
/// more.
const JOINING_SIGNS: &str = "-+,;°'\"/_()[]{}|:=&<>@#*";

/// Finds the next number after the one at `at`, if only signs that may join a pair are between them.
fn following(tokens: &[Token<'_>], at: usize) -> Option<(usize, Number)> {
    let joins = |token: &Token<'_>| match token {
        Token::Sign(_) => true,
        Token::Word(_) => {
            [&COMPASS[..], &LABELS, &DEGREES, &JOINING].iter().any(|words| is_word(token, words))
        }
        Token::Number(_) | Token::Dotted => false,
    };
    let between = tokens.get(at + 1..)?.iter().take(BETWEEN_MAX + 1).take_while(|token| joins(token)).count();
    let next = at + 1 + between;
    number(tokens, next).map(|number| (next, number))
}

/// Says whether only a hyphen is between two numbers, so that they are a range or a date.
fn is_range(between: &[Token<'_>], second: Number) -> bool {
    between == [Token::Sign('-')] && second.tied
}

/// Two precise degrees, one directly after the other.
fn pair(tokens: &[Token<'_>], at: usize) -> bool {
    let (Some(first), Some((next, second))) = (number(tokens, at), following(tokens, at)) else {
        return false;
    };
    if !is_precise_degree(first) || !is_precise_degree(second) || first.value.min(second.value) > 90.0 {
        return false;
    }
    // Around 0, 0 there is only sea: such numbers are fractions, colours or reflectances.
    if first.value < 1.0 && second.value < 1.0 {
        return false;
    }
    let behind = |at: usize| tokens.get(at + 1);
    let between = &tokens[at + 1..next];
    let negative = |at: usize| at > 0 && is_sign(&tokens[at - 1], '-');
    let letter = |token: Option<&Token<'_>>| {
        token.is_some_and(|token| match token {
            Token::Word(word) => {
                is_compass(token) && word.chars().all(char::is_uppercase)
                    || word.len() > 3 && is_compass(token)
            }
            Token::Sign(sign) => *sign == '°',
            Token::Number(_) | Token::Dotted => false,
        })
    };
    let explicit = (!is_range(between, second) && negative(next))
        || (negative(at) && number(tokens, at.wrapping_sub(2)).is_none())
        || letter(behind(at))
        || letter(behind(next))
        || between.iter().any(|token| is_word(token, &LABELS));
    let fine = |number: Number, digits: usize| number.fraction_digits >= digits;
    let has_unit = behind(next).is_some_and(|token| is_word(token, &UNITS) || is_sign(token, '%'));
    let is_odd = |token: &Token<'_>| matches!(token, Token::Sign(sign) if !JOINING_SIGNS.contains(*sign));
    let has_and = between.iter().any(|token| is_word(token, &AND) || is_odd(token));
    let ambiguous_comma = |number: Number| number.comma && number.fraction_digits < 4;
    explicit
        || ((!has_unit || (fine(first, 4) && fine(second, 4)))
            && !has_and
            && !(ambiguous_comma(first) || ambiguous_comma(second)))
}

/// A precise degree, or degrees and minutes, directly after its name: `lat=38.12`.
fn labelled(tokens: &[Token<'_>], at: usize) -> bool {
    if !is_word(&tokens[at], &LABELS) {
        return false;
    }
    // `lat_0`, `lat1`: the number of the parallel belongs to the name.
    let is_index = |index: Number| index.glued && index.whole_digits == 1 && index.fraction_digits == 0;
    let underscore = usize::from(tokens.get(at + 1).is_some_and(|token| is_sign(token, '_')));
    let index = at + 1 + underscore;
    let at = if number(tokens, index).is_some_and(is_index) { index } else { at };
    let signs = tokens[at + 1..].iter().take(5).take_while(|token| {
        matches!(token, Token::Sign(_))
            || is_compass(token)
            || is_word(token, &["is", "of", "deg", "degrees"])
    });
    let value = at + 1 + signs.count();
    let Some(degrees) = number(tokens, value) else { return false };
    let minutes = number(tokens, value + 1).is_some_and(|minutes| minutes.value < 60.0 && !minutes.glued);
    is_precise_degree(degrees) || (degrees.value <= 180.0 && degrees.fraction_digits == 0 && minutes)
}

/// Reads degrees, with minutes and seconds if they are there. Returns the place after them, and whether there
/// were minutes.
fn angle(tokens: &[Token<'_>], at: usize) -> Option<(usize, bool)> {
    let degrees = number(tokens, at)?;
    let marked = tokens.get(at + 1).is_some_and(|token| is_sign(token, '°') || is_word(token, &DEGREES));
    if degrees.value > 180.0 || !marked {
        return None;
    }
    let minutes = number(tokens, at + 2).filter(|minutes| minutes.value < 60.0);
    let is_mark = |at: usize, signs: &str, words: &[&str]| {
        tokens.get(at).is_some_and(|token| {
            matches!(token, Token::Sign(sign) if signs.contains(*sign)) || is_word(token, words)
        })
    };
    let Some(minutes) = minutes else {
        return Some((at + 2, degrees.fraction_digits >= FRACTION_DIGITS_MIN));
    };
    let mut end = at + 3;
    let is_minute = is_mark(end, "'`", &["m", "min", "minute", "minutes"]);
    end += usize::from(is_minute);
    if number(tokens, end).is_some_and(|seconds| seconds.value < 60.0) {
        end += 1;
        while is_mark(end, "'\"`", &["s", "sec", "second", "seconds"])
            // The letter of the south is not the sign of seconds if such a sign stands before it.
            && !(is_mark(end, "", &["s"]) && is_mark(end - 1, "'\"", &[]))
        {
            end += 1;
        }
        return Some((end, true));
    }
    Some((end, is_minute || minutes.fraction_digits > 0 || tokens.get(end).is_some_and(is_compass)))
}

/// Degrees and minutes, or precise degrees, with a letter of the compass.
fn angle_with_letter(tokens: &[Token<'_>], at: usize) -> bool {
    angle(tokens, at).is_some_and(|(end, fine)| {
        fine && (tokens.get(end).is_some_and(is_compass) || (at > 0 && is_compass(&tokens[at - 1])))
    })
}

/// Two angles with minutes, the second soon after the first.
fn angles(tokens: &[Token<'_>]) -> bool {
    let fine = |at: usize| angle(tokens, at).filter(|(_, fine)| *fine).map(|(end, _)| end);
    (0..tokens.len()).any(|at| {
        fine(at).is_some_and(|end| (end..tokens.len().min(end + 4)).any(|next| fine(next).is_some()))
    })
}

const NORTH_SOUTH: [&str; 4] = ["n", "s", "north", "south"];
const EAST_WEST: [&str; 5] = ["e", "w", "o", "east", "west"];

/// Degrees, minutes and seconds without marks: `38 07 24 N, 97 34 04 W`, `N380724 W0973404`, `380724N0973404W`.
fn sexagesimal(tokens: &[Token<'_>], at: usize) -> bool {
    let letter = |at: usize, words: &[&str]| tokens.get(at).is_some_and(|token| is_word(token, words));
    let signs = |at: usize, signs: &str| {
        let is_sign = |token: &&Token<'_>| matches!(token, Token::Sign(sign) if signs.contains(*sign));
        tokens.get(at..).unwrap_or_default().iter().take(3).take_while(is_sign).count()
    };
    // The place after the numbers of an angle that begins at `at`.
    let numbers = |at: usize| {
        let degrees = number(tokens, at)?;
        let mut end = at + 1;
        let mut count = 1;
        while count < 3 {
            let next = end + signs(end, "-:_.'\"");
            let Some(part) = number(tokens, next) else { break };
            if part.value >= 60.0 {
                break;
            }
            (end, count) = (next + 1, count + 1);
        }
        let run_together = count == 1 && (4..=7).contains(&degrees.whole_digits);
        ((count > 1 && degrees.value <= 180.0 && degrees.fraction_digits == 0) || run_together)
            .then(|| end + signs(end, "'\"_-"))
    };
    let behind = || {
        let north = numbers(at).filter(|end| letter(*end, &NORTH_SOUTH))? + 1;
        numbers(north + signs(north, ",;/_-")).filter(|end| letter(*end, &EAST_WEST))
    };
    let before = || {
        let north = letter(at, &NORTH_SOUTH).then(|| numbers(at + 1))??;
        let east = north + signs(north, ",;/_-");
        letter(east, &EAST_WEST).then(|| numbers(east + 1))?
    };
    behind().or_else(before).is_some()
}

/// Two triples with colons, of which the first is not a time of day: `38:07:24.2, -97:34:04.1`.
fn clocklike(tokens: &[Token<'_>], at: usize) -> bool {
    let triple = |at: usize| {
        let part = |at: usize| number(tokens, at).filter(|part| part.value < 60.0).is_some();
        let colon = |at: usize| tokens.get(at).is_some_and(|token| is_sign(token, ':'));
        let degrees = number(tokens, at).filter(|degrees| degrees.value > 24.0 && degrees.value <= 180.0);
        (degrees.is_some() && colon(at + 1) && part(at + 2) && colon(at + 3) && part(at + 4))
            .then_some(at + 5)
    };
    triple(at).is_some_and(|end| (end..end + 4).any(|next| triple(next).is_some()))
}

/// A geometry in well-known text.
fn wkt(tokens: &[Token<'_>], at: usize) -> bool {
    let Token::Word(word) = &tokens[at] else { return false };
    let word = word.to_lowercase();
    let kind = ["zm", "z", "m"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(&word);
    if !WKT.contains(&word.as_str()) && !WKT.contains(&kind) {
        return false;
    }
    let mut next = at + 1;
    next += usize::from(tokens.get(next).is_some_and(|token| is_word(token, &["z", "m", "zm"])));
    let opened = tokens[next..].iter().take_while(|token| is_sign(token, '(')).count();
    let signed = |at: usize| {
        let sign = tokens.get(at).is_some_and(|token| is_sign(token, '-') || is_sign(token, '+'));
        let at = at + usize::from(sign);
        number(tokens, at).map(|_| at + 1)
    };
    opened > 0 && signed(next + opened).and_then(signed).is_some()
}

/// A reference to a grid, in a text that names the grid; ten digits after a square need no name.
fn on_a_grid(tokens: &[Token<'_>]) -> bool {
    let named = |names: &[&str]| tokens.iter().any(|token| is_word(token, names));
    let metres = |number: Number| (5..=8).contains(&number.whole_digits);
    let between = |token: &Token<'_>| {
        matches!(token, Token::Sign(_)) || is_word(token, &["m", "me", "mn", "e", "n", "easting", "northing"])
    };
    let pair = |at: usize| {
        let gap = tokens[at + 1..].iter().take(BETWEEN_MAX).take_while(|token| between(token)).count();
        number(tokens, at).is_some_and(metres) && number(tokens, at + 1 + gap).is_some_and(metres)
    };
    // `623456E 4221234N`, `E 623456 N 4221234`.
    let lettered = |at: usize| {
        let near = &tokens[at.saturating_sub(1)..tokens.len().min(at + BETWEEN_MAX)];
        let has = |letters: [&str; 2]| near.iter().any(|token| is_word(token, &letters));
        has(["e", "me"]) && has(["n", "mn"])
    };
    let digits_of_square = |at: usize| {
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
    };
    let finest = (0..tokens.len()).filter_map(digits_of_square).max().unwrap_or(0);
    finest == 10
        || (finest >= 2 && named(&["mgrs", "usng"]))
        || (0..tokens.len()).any(|at| lettered(at) && pair(at))
        || (named(&["utm", "easting", "northing", "eastings", "northings"]) && (0..tokens.len()).any(pair))
}

/// A geohash that the text calls so, or a plus code.
fn in_code(text: &str) -> bool {
    let behind_name = |(at, name): (usize, &str)| {
        let rest = text[at + name.len()..].trim_start_matches(|c: char| !c.is_alphanumeric());
        rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
    };
    let lower = text.to_ascii_lowercase();
    lower.match_indices("geohash").map(behind_name).any(|word| is_geohash(&word))
        || text.split(|c: char| !(c.is_alphanumeric() || c == '+')).any(is_plus_code)
}

fn is_geohash(word: &str) -> bool {
    let valid = |c: char| "0123456789bcdefghjkmnpqrstuvwxyz".contains(c);
    (4..=12).contains(&word.len())
        && word.chars().all(valid)
        && word.contains(|c: char| c.is_ascii_digit())
        && word.contains(|c: char| c.is_ascii_alphabetic())
}

/// Says whether a word is a full plus code: eight characters, a plus, two to seven more.
fn is_plus_code(word: &str) -> bool {
    let Some((area, place)) = word.split_once('+') else { return false };
    let valid = |text: &str| text.chars().all(|c| "23456789CFGHJMPQRVWX".contains(c));
    area.len() == 8 && (2..=7).contains(&place.len()) && valid(area) && valid(place)
}

#[cfg(test)]
#[path = "written_tests.rs"]
mod tests;
