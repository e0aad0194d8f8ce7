//! Places in a text, as people write them.

use super::scan::{Number, Token, plain, tokens};
use super::{code, grid, key, numerals, shapes, survey};

/// From this many digits after the point on a number is as precise as a place: 0.01 degree is about a
/// kilometre.
const FRACTION_DIGITS_MIN: usize = 2;

/// How many tokens may stand between a latitude and its longitude.
pub(super) const BETWEEN_MAX: usize = 8;

const COMPASS: [&str; 21] = [
    "n", "s", "e", "w", "o", "north", "south", "east", "west", "nord", "sud", "süd", "ost", "est", "ouest",
    "ovest", "norte", "oeste", "noord", "zuid", "oost",
];
const LABELS: [&str; 10] = [
    "lat",
    "latitude",
    "latitud",
    "lon",
    "lng",
    "longitude",
    "longitud",
    "decimallatitude",
    "breitengrad",
    "längengrad",
];
const DEGREES: [&str; 13] = [
    "deg", "degree", "degrees", "d", "grad", "grado", "grados", "gradi", "grade", "graden", "graad", "degré",
    "degrés",
];
const MINUTES: [&str; 9] =
    ["m", "min", "minute", "minutes", "minuten", "minuto", "minutos", "minuti", "primi"];
const SECONDS: [&str; 10] =
    ["s", "sec", "second", "seconds", "sekunden", "seconden", "segundo", "segundos", "secondi", "secondes"];
const AND: [&str; 3] = ["and", "et", "und"];
const JOINING: [&str; 6] = ["long", "x", "y", "and", "et", "und"];
/// Words before numbers that are no places: `versions 18.04, 20.04`.
const COUNTED: [&str; 18] = [
    "v", "ver", "version", "versions", "release", "releases", "section", "sections", "chapter", "table",
    "tables", "figure", "figures", "fig", "page", "pages", "python", "ubuntu",
];

/// Units after which two numbers are a range, or a list of something else: `1.57-1.65 um`.
const UNITS: [&str; 40] = [
    "um",
    "µm",
    "μm",
    "nm",
    "mm",
    "cm",
    "m",
    "km",
    "in",
    "inch",
    "inches",
    "ft",
    "feet",
    "mi",
    "miles",
    "px",
    "pixels",
    "meters",
    "metres",
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
    "tb",
    "hz",
    "mhz",
    "ghz",
    "usd",
    "eur",
    "dollars",
    "euros",
    "micrometers",
    "micrometer",
];

/// Says whether a text contains something that reads like a place.
///
/// That is: a pair of decimal degrees, with point or comma, with or without letters of the compass; one
/// decimal degree with its name (`lat 38.12`) or with its letter behind a degree sign; degrees and minutes;
/// geometries and boxes; references to the UTM and MGRS grids and to sections of the public land survey; plus
/// codes; geohashes and other codes, if the text says that they are such; links of maps.
pub fn has_place(text: &str) -> bool {
    if !is_worth_reading(text) {
        return false;
    }
    let text = plain(text);
    let text = numerals::as_digits(&text);
    let tokens = tokens(&text);
    let at = |find: fn(&[Token<'_>], usize) -> bool| (0..tokens.len()).any(|at| find(&tokens, at));
    at(labelled)
        || at(labelled_behind)
        || at(pair)
        || at(angle_with_letter)
        || angles(&tokens)
        || at(sexagesimal)
        || at(clocklike)
        || at(run_together)
        || at(map_link)
        || at(shapes::well_known)
        || at(shapes::boxed)
        || at(shapes::positioned)
        || at(survey::section)
        || grid::on_a_grid(&text, &tokens)
        || code::in_code(&text)
}

/// Says whether a text has one of the marks without which it cannot contain a place. Most texts of a document
/// are ids, hrefs and titles without such a mark, and are not read any further.
fn is_worth_reading(text: &str) -> bool {
    const WORDS: [&str; 21] = [
        "lat",
        "lon",
        "lng",
        "deg",
        "grad",
        "graad",
        "utm",
        "mgrs",
        "usng",
        "easting",
        "northing",
        "zone",
        "north",
        "south",
        "point",
        "grid",
        "ngr",
        "osgb",
        "maidenhead",
        "qth",
        "box",
    ];
    const WITHOUT_DIGITS: [&str; 5] = ["hash", "w3w", "what3words", "/go/", "degree"];
    let bytes = text.as_bytes();
    let is = |at: usize, is: fn(&u8) -> bool| bytes.get(at).is_some_and(is);
    let is_digit = |at: usize| is(at, u8::is_ascii_digit);
    let mut digits = 0_usize;
    let mut colons = 0_usize;
    let mut telling = false;
    // Marks that count only in a text with two numbers of metres.
    let mut of_metres = false;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' => digits += 1,
            // A decimal number with two digits after the point.
            b'.' | b',' => telling |= at > 0 && is_digit(at - 1) && is_digit(at + 1) && is_digit(at + 2),
            // A letter of the compass, or the sign of degrees, beside a number.
            b'N' | b'S' | b'n' | b's' | b'd' | b'D' => {
                let alone = !is(at + 1, u8::is_ascii_alphabetic);
                let before_range = matches!(bytes.get(at + 1), Some(b'R' | b'r')) && is_digit(at + 2);
                let number_before =
                    at > 0 && (is_digit(at - 1) || (bytes[at - 1] == b' ' && at > 1 && is_digit(at - 2)));
                let number_behind = is_digit(at + 1) && (is_digit(at + 2) || matches!(byte, b'd' | b'D'));
                telling |= number_before && (alone || before_range)
                    || number_behind && (at == 0 || !bytes[at - 1].is_ascii_alphabetic() || number_before);
                of_metres |= number_before;
                telling |= (1..=6).all(|next| is_digit(at + next));
            }
            b':' => colons += 1,
            b'(' | b'+' | b'%' | b'&' | b'\'' | b'"' | b'!' | b'[' | b'<' => telling = true,
            // An x or a band beside a number.
            b'x' | b'X' => of_metres = true,
            b'A'..=b'Z' => {
                // A square of a grid before its digits.
                telling |= (1..=4).all(|next| is_digit(at + next));
                telling |= is(at + 1, |byte| *byte == b' ') && is_digit(at + 2) && is_digit(at + 3);
                of_metres |= at > 0 && (is_digit(at - 1) || bytes[at - 1] == b' ');
            }
            b'c'..=b'x' => telling |= (1..=6).all(|next| is_digit(at + next)),
            byte => telling |= !byte.is_ascii(),
        }
    }
    let telling = telling || colons >= 4 || (of_metres && digits >= METRES_DIGITS_MIN);
    let named = |words: &[&str]| {
        let lower = text.to_ascii_lowercase();
        words.iter().any(|word| lower.contains(word))
    };
    ((digits >= 2 || (digits == 1 && text.contains('+')) || !text.is_ascii()) && (telling || named(&WORDS)))
        || text.contains("///")
        || named(&WITHOUT_DIGITS)
}

/// How many digits an easting and a northing have together.
const METRES_DIGITS_MIN: usize = 11;

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

/// Says whether a text under a name of places contains two numbers that can be metres.
pub(super) fn has_two_metres(text: &str) -> bool {
    let text = plain(text);
    let tokens = tokens(&text);
    (0..tokens.len()).any(|at| grid::is_pair_of_metres(&tokens, at))
}

/// Says whether a text under the name of a grid is finer than a square of 100 km or a zone.
pub(super) fn has_grid_reference(text: &str) -> bool {
    let text = plain(text);
    let tokens = tokens(&text);
    grid::is_fine(&text, &tokens) || survey::is_township(&tokens) || code::is_locator(&text)
}

/// Says whether a text under the names of a township and its range gives both.
pub(super) fn has_township(text: &str) -> bool {
    survey::is_township(&tokens(&plain(text)))
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

pub(super) fn number(tokens: &[Token<'_>], at: usize) -> Option<Number> {
    match tokens.get(at)? {
        Token::Number(number) => Some(*number),
        Token::Word(_) | Token::Sign(_) | Token::Dotted => None,
    }
}

pub(super) fn is_word(token: &Token<'_>, words: &[&str]) -> bool {
    matches!(token, Token::Word(word) if words.iter().any(|known| known.eq_ignore_ascii_case(word)))
}

pub(super) fn is_sign(token: &Token<'_>, sign: char) -> bool {
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
            is_label(token) || [&COMPASS[..], &DEGREES, &JOINING].iter().any(|words| is_word(token, words))
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
        || between.iter().any(is_label);
    let fine = |number: Number, digits: usize| number.fraction_digits >= digits;
    let both_fine = fine(first, 4) && fine(second, 4);
    let of_map = name_of(tokens, at).is_some_and(|name| is_word(&Token::Word(name), &MAP_NAMES));
    if are_two_values(tokens, at, next)
        || (!explicit && !both_fine && !of_map && is_counted(tokens, at, between))
    {
        return false;
    }
    let is_temperature = || {
        let scale = tokens.get(next + 2).is_some_and(|token| matches!(token, Token::Word("C" | "F" | "K")));
        scale && behind(next).is_some_and(|token| is_sign(token, '°'))
    };
    if !negative(next) && is_temperature() {
        return false;
    }
    let has_unit = behind(next).is_some_and(|token| is_word(token, &UNITS) || is_sign(token, '%'));
    let is_odd = |token: &Token<'_>| match token {
        Token::Sign(sign) => !(JOINING_SIGNS.contains(*sign) || (of_map && *sign == '~')),
        Token::Word(_) | Token::Number(_) | Token::Dotted => false,
    };
    let has_and = between.iter().any(|token| is_word(token, &AND) || is_odd(token));
    let ambiguous_comma = |number: Number| number.comma && number.fraction_digits < 4;
    let ambiguous = has_and || ambiguous_comma(first) || ambiguous_comma(second);
    explicit || (!ambiguous && (!has_unit || both_fine))
}

/// Names before a place in the links of maps.
const MAP_NAMES: [&str; 5] = ["cp", "ll", "sll", "pt", "q"];

/// Returns the name of a number, if it has one with a sign between them: `w=0.75`, `"w": 0.75`.
fn name_of<'t>(tokens: &[Token<'t>], at: usize) -> Option<&'t str> {
    let sign_before = |at: usize, signs: &str| {
        at > 0 && matches!(tokens[at - 1], Token::Sign(sign) if signs.contains(sign))
    };
    let mut at = at;
    while sign_before(at, "-+\"'") {
        at -= 1;
    }
    if !sign_before(at, "=:") {
        return None;
    }
    at -= 1;
    while sign_before(at, "\"'") {
        at -= 1;
    }
    match tokens.get(at.checked_sub(1)?) {
        Some(Token::Word(name)) => Some(name),
        _ => None,
    }
}

/// Says whether two numbers are the values of two names, the first of which is not that of a place: the
/// letters of the compass are names of parameters too, as in `?v=1.25&w=0.75`.
fn are_two_values(tokens: &[Token<'_>], first: usize, second: usize) -> bool {
    let is_place = |name: &str| {
        let word = Token::Word(name);
        is_compass(&word) || is_word(&word, &JOINING) || key::meaning(name) >= key::Meaning::Place
    };
    let (Some(first), Some(second)) = (name_of(tokens, first), name_of(tokens, second)) else { return false };
    !is_place(first) && is_compass(&Token::Word(second))
}

/// Says whether numbers are counted or measured, as versions and sizes are: `versions 18.04, 20.04`,
/// `12.50 x 13.75`.
fn is_counted(tokens: &[Token<'_>], at: usize, between: &[Token<'_>]) -> bool {
    let before = tokens[at.saturating_sub(COUNTED_BEFORE_MAX)..at].iter().rev();
    let word = before.filter(|token| matches!(token, Token::Word(_))).take(1).next();
    let by_word = word.is_some_and(|token| is_word(token, &COUNTED));
    by_word || matches!(between, [Token::Word("x" | "X" | "×")] | [Token::Sign('×')])
}

/// How many tokens before a number are looked through for the word that says what is counted.
const COUNTED_BEFORE_MAX: usize = 12;

/// Says whether a word is the name of a latitude or a longitude: `lat`, `mlat`, `centerLat`.
fn is_label(token: &Token<'_>) -> bool {
    let Token::Word(word) = token else { return false };
    let may_be = || {
        let lower = word.to_lowercase();
        ["lat", "lon", "lng"].iter().any(|axis| lower.contains(axis))
    };
    is_word(token, &LABELS) || (word.len() > 3 && may_be() && key::is_axis(word))
}

/// A precise degree directly before its name: `38.9543 degrees latitude`, `38.95 N latitude`.
fn labelled_behind(tokens: &[Token<'_>], at: usize) -> bool {
    let is = |at: usize, is: &dyn Fn(&Token<'_>) -> bool| tokens.get(at).is_some_and(is);
    let mut next = at + 1;
    while next < at + 3
        && is(next, &|token| is_sign(token, '°') || is_word(token, &DEGREES) || is_compass(token))
    {
        next += 1;
    }
    next > at + 1
        && number(tokens, at).is_some_and(|degree| is_precise_degree(degree) && degree.value >= 1.0)
        && is(next, &|token| is_word(token, &LABELS))
}

/// The place in the link of a map: `!3d38.9543!4d-95.2558`.
fn map_link(tokens: &[Token<'_>], at: usize) -> bool {
    let value = |at: usize| {
        let is_named = is_sign(tokens.get(at)?, '!')
            && number(tokens, at + 1).is_some_and(|field| field.whole_digits == 1)
            && is_word(tokens.get(at + 2)?, &["d"]);
        let value = at + 3 + usize::from(is_sign(tokens.get(at + 3)?, '-'));
        number(tokens, value).filter(|number| is_named && is_precise_degree(*number)).map(|_| value + 1)
    };
    value(at).and_then(value).is_some()
}

/// A precise degree, or degrees and minutes, directly after its name: `lat=38.12`.
fn labelled(tokens: &[Token<'_>], at: usize) -> bool {
    if !is_label(&tokens[at]) {
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
    is_precise_degree(degrees)
        || (degrees.value <= 180.0 && degrees.fraction_digits == 0 && minutes)
        || angle(tokens, value).is_some_and(|(_, fine)| fine)
}

/// Reads degrees, with minutes and seconds if they are there. Returns the place after them, and whether there
/// were minutes.
fn angle(tokens: &[Token<'_>], at: usize) -> Option<(usize, bool)> {
    let degrees = number(tokens, at)?;
    let is_temperature = matches!(tokens.get(at + 2), Some(Token::Word("C" | "F" | "K")));
    let marked = tokens
        .get(at + 1)
        .is_some_and(|token| is_sign(token, '°') && !is_temperature || is_word(token, &DEGREES));
    // A letter that looks like the sign of degrees, if a sign of minutes follows: `38o57'`.
    let looks_marked = || {
        is_word(tokens.get(at + 1)?, &["o"]).then_some(())?;
        (is_sign(tokens.get(at + 3)?, '\'') && number(tokens, at + 2).is_some()).then_some(())
    };
    if degrees.value > 180.0 || !(marked || looks_marked().is_some()) {
        return None;
    }
    // People write `38 deg., 57 min. and 36 sec.`.
    let behind = |at: usize| {
        let joins = |token: &&Token<'_>| {
            is_sign(token, '.') || is_sign(token, ',') || is_word(token, &["and", "et", "und", "y", "e"])
        };
        at + tokens.get(at..).unwrap_or_default().iter().take(2).take_while(joins).count()
    };
    let minutes_at = behind(at + 2);
    let minutes = number(tokens, minutes_at).filter(|minutes| minutes.value < 60.0);
    let is_mark = |at: usize, signs: &str, words: &[&str]| {
        tokens.get(at).is_some_and(|token| {
            matches!(token, Token::Sign(sign) if signs.contains(*sign)) || is_word(token, words)
        })
    };
    let Some(minutes) = minutes else {
        return Some((at + 2, degrees.fraction_digits >= FRACTION_DIGITS_MIN));
    };
    let mut end = minutes_at + 1;
    let is_minute = is_mark(end, "'`", &MINUTES);
    end += usize::from(is_minute);
    let seconds = behind(end);
    if is_minute && tokens.get(end).is_some_and(|token| is_sign(token, '.')) {
        end += 1;
    }
    if number(tokens, seconds).is_some_and(|seconds| seconds.value < 60.0) && (is_minute || seconds == end) {
        end = seconds + 1;
        while is_mark(end, "'\"`", &SECONDS)
            // The letter of the south is not the sign of seconds if such a sign stands before it.
            && !(is_mark(end, "", &["s"]) && is_mark(end - 1, "'\"", &[]))
        {
            end += 1;
        }
        end += usize::from(tokens.get(end).is_some_and(|token| is_sign(token, '.')));
        return Some((end, true));
    }
    Some((end, is_minute || minutes.fraction_digits > 0 || tokens.get(end).is_some_and(is_compass)))
}

/// Degrees and minutes, or precise degrees, with a letter of the compass.
fn angle_with_letter(tokens: &[Token<'_>], at: usize) -> bool {
    angle(tokens, at).is_some_and(|(end, fine)| {
        let has_minutes = end > at + 2;
        let is_named = |token: &Token<'_>| is_compass(token) || (has_minutes && is_word(token, &LABELS));
        fine && (tokens.get(end).is_some_and(is_named) || (at > 0 && is_compass(&tokens[at - 1])))
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

/// Degrees, minutes and seconds run together behind their signs, with a fraction or the closing sign of ISO 6709:
/// `+380724.2-0973404.1/`.
fn run_together(tokens: &[Token<'_>], at: usize) -> bool {
    let part = |at: usize, degrees_digits: usize, degrees_max: f64| {
        let sign = tokens.get(at).is_some_and(|token| is_sign(token, '+') || is_sign(token, '-'));
        let number = number(tokens, at + 1).filter(|number| sign && !number.comma)?;
        let below_hundred = |number: f64| number % 100.0 < 60.0;
        let (degrees, minutes) = match number.whole_digits.checked_sub(degrees_digits)? {
            2 => (number.value / 100.0, below_hundred(number.value)),
            4 => {
                (number.value / 10_000.0, below_hundred(number.value) && below_hundred(number.value / 100.0))
            }
            _ => return None,
        };
        (minutes && degrees <= degrees_max).then_some(number.fraction_digits > 0)
    };
    let (Some(latitude), Some(longitude)) = (part(at, 2, 90.0), part(at + 2, 3, 180.0)) else { return false };
    latitude && longitude || tokens.get(at + 4).is_some_and(|token| is_sign(token, '/'))
}

#[cfg(test)]
#[path = "written_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "spellings_tests.rs"]
mod spellings_tests;
