//! What must not stand in texts about protected things: places and people (R66, CARE-E1-text).
//!
//! Patterns, so they err both ways; they err towards finding something. They are a second line: the first is
//! that messages about protected entities carry no text of theirs at all.

use std::borrow::Cow;

use kfm_lineage::document::DocumentFacts;

/// What stands in a message where a text was left out.
pub(crate) const WITHHELD: &str = "(withheld)";

/// Digits after the point from which a number is as precise as a place: 0.01 degree is about a kilometre.
const FRACTION_DIGITS_MIN: usize = 2;

/// Says whether a text holds something that reads like a latitude and a longitude in one breath.
///
/// Two decimal numbers of at most 180 with two or more digits after the point, and nothing between them but
/// spaces, signs, commas, semicolons, degree signs, quotes, slashes, underscores, brackets and the letters of
/// the compass.
pub(crate) fn has_coordinates(text: &str) -> bool {
    let mut before: Option<usize> = None;
    let mut rest = 0;
    while let Some((start, end)) = next_number(text, rest) {
        let precise = is_precise_degree(&text[start..end]);
        let adjoining = before.is_some_and(|last| text[last..start].chars().all(is_between));
        if precise && adjoining {
            return true;
        }
        before = precise.then_some(end);
        rest = end;
    }
    false
}

/// Says whether a text holds an address of electronic mail.
pub(crate) fn has_person(text: &str) -> bool {
    text.match_indices('@').any(|(at, _)| {
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
        let host: String = text[at + 1..].chars().take_while(|c| is_name(*c)).collect();
        text[..at].chars().next_back().is_some_and(is_name) && host.trim_end_matches('.').contains('.')
    })
}

/// Says whether any text by which a document is shown reads like coordinates.
pub(crate) fn any_coordinates(document: &DocumentFacts) -> bool {
    let texts = [&document.id, &document.title, &document.description].into_iter().flatten();
    let links = document.links.iter().map(|link| &link.href);
    let assets = document.assets.iter().flat_map(|asset| [&asset.key, &asset.href]);
    texts.chain(links).chain(assets).any(|text| has_coordinates(text))
}

/// Returns a name for a message: a path or a relation, which entities and links are called by.
///
/// Withheld where it reads like a place or a person: names of files have been both.
pub(crate) fn name(text: &str) -> Cow<'_, str> {
    if has_coordinates(text) || has_person(text) {
        Cow::Borrowed(WITHHELD)
    } else if text.chars().any(char::is_control) {
        Cow::Owned(text.escape_debug().to_string())
    } else {
        Cow::Borrowed(text)
    }
}

fn is_between(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '-' | '+' | ',' | ';' | '°' | '\'' | '"' | '/' | '_' | '(' | ')' | '[' | ']' | '|' | ':'
        )
        || matches!(c, 'N' | 'S' | 'E' | 'W' | 'O' | 'n' | 's' | 'e' | 'w')
}

/// Finds the next run of digits and points; its sign is left outside.
fn next_number(text: &str, from: usize) -> Option<(usize, usize)> {
    let start = from + text[from..].find(|c: char| c.is_ascii_digit())?;
    let length =
        text[start..].find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len() - start);
    Some((start, start + length))
}

fn is_precise_degree(number: &str) -> bool {
    let number = number.trim_end_matches('.');
    let Some((_, fraction)) = number.split_once('.') else { return false };
    // A second point makes it a version or a date, and no number.
    fraction.len() >= FRACTION_DIGITS_MIN && number.parse().is_ok_and(|degree: f64| degree <= 180.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_as_people_write_them() {
        for text in [
            "38.1234, -97.5678",
            "moved from 38.12 -97.57",
            "site_38.1234_-97.5678.json",
            "38.1234°N 97.5678°W",
            "POINT(-97.5678 38.1234)",
            "[-97.56,38.12]",
            "at 38.12/97.57.",
        ] {
            assert!(has_coordinates(text), "{text}");
        }
    }

    #[test]
    fn versions_dates_and_single_numbers_are_no_places() {
        for text in [
            "",
            "v10.3.1 after v10.3.0",
            "14.11.2025",
            "38.1234",
            "from 38.1234 to somewhere 97.5678",
            "0.5 and 1.5",
            "LC09_L2SP_029030_20251113",
            "2025-11-14T03:15:42.123456Z",
            "1234.56, 987.65",
        ] {
            assert!(!has_coordinates(text), "{text}");
        }
    }

    #[test]
    fn people_are_found_by_their_address() {
        assert!(has_person("asked by ada@example.org"));
        assert!(!has_person("ops @ noon") && !has_person("@kfm") && !has_person("a@b"));
    }

    #[test]
    fn a_name_that_is_a_place_is_withheld() {
        assert_eq!(name("items/site_38.1234_-97.5678.json"), WITHHELD);
        assert_eq!(name("items/hydrography.json"), "items/hydrography.json");
        assert_eq!(name("a\nb"), "a\\nb");
    }
}
