//! Geometries that are written into a text: well-known text, boxes, GeoJSON and GML.

use super::scan::{Number, Token};
use super::written::{is_sign, is_word, number};

const KINDS: [&str; 15] = [
    "point",
    "linestring",
    "polygon",
    "multipoint",
    "multilinestring",
    "multipolygon",
    "geometrycollection",
    "circularstring",
    "compoundcurve",
    "curvepolygon",
    "multicurve",
    "multisurface",
    "polyhedralsurface",
    "triangle",
    "tin",
];

/// Words before four numbers that are the sides of a box.
const BOXES: [&str; 3] = ["envelope", "bbox", "boundingbox"];

/// Words before the numbers of a position.
const POSITIONS: [&str; 5] = ["coordinates", "pos", "poslist", "lowercorner", "uppercorner"];

/// A geometry in well-known text.
pub(super) fn well_known(tokens: &[Token<'_>], at: usize) -> bool {
    let Token::Word(word) = &tokens[at] else { return false };
    let word = word.to_lowercase();
    let kind = ["zm", "z", "m"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(&word);
    if !KINDS.contains(&word.as_str()) && !KINDS.contains(&kind) {
        return false;
    }
    let mut next = at + 1;
    next += usize::from(tokens.get(next).is_some_and(|token| is_word(token, &["z", "m", "zm"])));
    let opened = tokens[next..].iter().take_while(|token| is_sign(token, '(')).count();
    opened > 0 && two(tokens, next + opened).is_some()
}

/// A geometry in well-known binary, as hex digits: the order of its bytes, then its type.
pub(super) fn is_well_known_binary(text: &str) -> bool {
    /// A point in two dimensions.
    const DIGITS_MIN: usize = 42;
    let byte = |at: usize| text.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    if text.len() < DIGITS_MIN || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return false;
    }
    let parts = [byte(2), byte(4), byte(6), byte(8)].map(Option::unwrap_or_default);
    let kind = match byte(0) {
        Some(0) => u32::from_be_bytes(parts),
        Some(1) => u32::from_le_bytes(parts),
        _ => return false,
    };
    // Dimensions are bits, or thousands.
    let kind = kind & 0x1fff_ffff;
    (1..=17).contains(&(kind % 1000)) && kind < 4000
}

/// A box: `BOX(-95 38,-94 39)`, `ENVELOPE(-95,-94,39,38)`, `bbox=-95,38,-94,39`.
pub(super) fn boxed(tokens: &[Token<'_>], at: usize) -> bool {
    if is_word(&tokens[at], &["box"]) {
        // `BOX3D(` is a word, a number and a word.
        let of_dimension = number(tokens, at + 1).is_some()
            && tokens.get(at + 2).is_some_and(|token| is_word(token, &["d"]));
        let opening = at + 1 + if of_dimension { 2 } else { 0 };
        let corner = tokens.get(opening).is_some_and(|token| is_sign(token, '('));
        let Some(end) = two(tokens, opening + 1).filter(|_| corner) else { return false };
        let end = signed(tokens, end).map_or(end, |(_, end)| end);
        return tokens.get(end).is_some_and(|token| is_sign(token, ',')) && two(tokens, end + 1).is_some();
    }
    if !is_word(&tokens[at], &BOXES) {
        return false;
    }
    let mut next = behind_signs(tokens, at + 1, "=:([{\"'");
    if next == at + 1 {
        return false;
    }
    let (mut sides, mut widest) = (0, 0.0_f64);
    while let Some((side, end)) = signed(tokens, next).filter(|_| sides < 4) {
        // What reads like a number with a comma is two whole numbers here.
        sides += if side.comma { 2 } else { 1 };
        widest = widest.max(side.value);
        next = behind_signs(tokens, end, ",;");
    }
    sides >= 4 && (1.0..=180.0).contains(&widest)
}

/// A position behind its name: `"coordinates": [-95, 38]`, `<gml:pos>38 -95</gml:pos>`.
pub(super) fn positioned(tokens: &[Token<'_>], at: usize) -> bool {
    if !is_word(&tokens[at], &POSITIONS) {
        return false;
    }
    let next = behind_signs(tokens, at + 1, "\"'>:=[");
    let opened =
        next > at + 1 && tokens.get(next - 1).is_some_and(|token| is_sign(token, '[') || is_sign(token, '>'));
    let pair = || {
        let (first, end) = signed(tokens, next)?;
        let (second, _) = signed(tokens, behind_signs(tokens, end, ","))?;
        (first.value <= 180.0 && second.value <= 180.0).then_some(())
    };
    opened && pair().is_some()
}

/// Reads two numbers with their signs and nothing between them; returns the place behind them.
fn two(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    signed(tokens, at).and_then(|(_, end)| signed(tokens, end)).map(|(_, end)| end)
}

fn signed(tokens: &[Token<'_>], at: usize) -> Option<(Number, usize)> {
    let sign = tokens.get(at).is_some_and(|token| is_sign(token, '-') || is_sign(token, '+'));
    let at = at + usize::from(sign);
    number(tokens, at).map(|number| (number, at + 1))
}

fn behind_signs(tokens: &[Token<'_>], at: usize, signs: &str) -> usize {
    let is = |token: &&Token<'_>| matches!(token, Token::Sign(sign) if signs.contains(*sign));
    at + tokens.get(at..).unwrap_or_default().iter().take(4).take_while(is).count()
}
