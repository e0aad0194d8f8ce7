//! Mutations of documents: what pipelines, editors and attackers do to them.

use crate::chance::Chance;
use crate::corpus::Corpus;

/// Statements on which protection depends, to be put where they may stand.
const STATEMENTS: [&str; 20] = [
    r#""id": "site-42","#,
    r#""id": "other", "id": "site-42","#,
    r#""id": 7,"#,
    r#""collection": "burial","#,
    r#""collection": ["a", "burial"],"#,
    r#""properties": {"collection": "burial", "kfm:care_tag": "sensitive"},"#,
    r#""kfm:care_label": "restricted","#,
    r#""KFM:Care-Label ": "public","#,
    r#""kfm:careLabel": null,"#,
    r#""geometry": {"type": "Point", "coordinates": [1.5, 2.5]},"#,
    r#""geometry": null,"#,
    r#""bbox": [NaN],"#,
    r#""bbox": [1e999, -1e-999],"#,
    r#""links": [{"rel": "derived_from", "href": "a.json"}],"#,
    r#""links": [],"#,
    r#""links": [{"href": "b.json", "rel": "item", "rel": "parent"}],"#,
    r#""assets": {"a": {"href": "x.tif", "lat": 3}},"#,
    r#""title": "\ud800 \udc00\ud83c\udf3e \u0041","#,
    r#""type": "Collection","#,
    r#""summaries": {"kfm:care_label": ["public"]},"#,
];

/// Pieces that may break a text.
const PIECES: [&str; 30] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "'",
    "\\",
    "\n",
    "\t",
    "\u{1}",
    "\u{0}",
    "//",
    "/*",
    "*/",
    "NaN",
    "-Infinity",
    "1e999",
    "-0",
    "00",
    "null",
    "true",
    "\\ud83d",
    "\\q",
    "é",
    "\u{2028}",
    "\u{feff}",
    "123456789012345678901234567890",
    " ",
];

/// Makes another document out of one of the corpus.
pub fn document(chance: &mut Chance, corpus: &Corpus) -> Vec<u8> {
    let mut text = corpus.any(chance).to_owned();
    for _ in 0..1 + chance.below(3) {
        text = mutated(chance, text, corpus);
    }
    encoded(chance, text)
}

fn mutated(chance: &mut Chance, mut text: String, corpus: &Corpus) -> String {
    match chance.below(14) {
        // Usually the result is still valid: a statement at the top, or in any object.
        0..=4 => {
            let at = if chance.below(3) == 0 {
                after_any(chance, &text, '{')
            } else {
                text.find('{').map(|at| at + 1)
            };
            text.insert_str(at.unwrap_or(0), chance.pick(&STATEMENTS));
        }
        5 => {
            let at = boundary(chance, &text);
            text.insert_str(at, chance.pick(&PIECES));
        }
        6 => {
            let (from, to) = range(chance, &text, 40);
            text.replace_range(from..to, "");
        }
        7 => {
            let (from, to) = range(chance, &text, 200);
            let piece = text[from..to].to_owned();
            text.insert_str(to, &piece);
        }
        8 => text.truncate(boundary(chance, &text)),
        9 => {
            // A value is replaced by another.
            if let Some(at) = after_any(chance, &text, ':') {
                let end = text[at..].find([',', '}', '\n']).map_or(text.len(), |length| at + length);
                let value =
                    ["1e999", "NaN", "-Infinity", "\"\\ud800\"", "[[]]", "-1.5E+07", "{}", "\"\\u00e9\""];
                text.replace_range(at..end, chance.pick(&value));
            }
        }
        10 => {
            // Letters are replaced by escapes, in names and in texts.
            let (from, to) = range(chance, &text, 60);
            let escaped = |c: char| {
                if c.is_ascii_alphabetic() { format!("\\u{:04x}", c as u32) } else { c.to_string() }
            };
            let piece: String = text[from..to].chars().map(escaped).collect();
            text.replace_range(from..to, &piece);
        }
        11 => {
            let depth = 1 + chance.below(900);
            let nested = format!("\"deep\": {}{},", "[".repeat(depth), "]".repeat(depth));
            text.insert_str(text.find('{').map_or(0, |at| at + 1), &nested);
        }
        12 => text = text.split_whitespace().collect::<Vec<_>>().join(" "),
        _ => text.push_str(corpus.any(chance)),
    }
    text
}

/// Writes a text as bytes, mostly UTF-8, sometimes damaged.
fn encoded(chance: &mut Chance, text: String) -> Vec<u8> {
    let utf16 = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let utf32 = |bytes: fn(u32) -> [u8; 4]| text.chars().flat_map(|c| bytes(c as u32)).collect::<Vec<u8>>();
    match chance.below(40) {
        0 => [b"\xff\xfe".to_vec(), utf16(u16::to_le_bytes)].concat(),
        1 => [b"\xfe\xff".to_vec(), utf16(u16::to_be_bytes)].concat(),
        2 => utf16(u16::to_le_bytes),
        3 => utf16(u16::to_be_bytes),
        4 => utf32(u32::to_le_bytes),
        5 => [b"\0\0\xfe\xff".to_vec(), utf32(u32::to_be_bytes)].concat(),
        6 | 7 => [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        8 | 9 => {
            let mut bytes = text.into_bytes();
            if !bytes.is_empty() {
                let at = chance.below(bytes.len());
                bytes[at] ^= 1 << chance.below(8);
            }
            bytes
        }
        10 => {
            // One half of a surrogate pair, as some programs write it in UTF-8.
            let at = boundary(chance, &text);
            [&text.as_bytes()[..at], b"\xed\xa0\xbc", &text.as_bytes()[at..]].concat()
        }
        _ => text.into_bytes(),
    }
}

fn boundary(chance: &mut Chance, text: &str) -> usize {
    floor(text, chance.below(text.len() + 1))
}

fn range(chance: &mut Chance, text: &str, length: usize) -> (usize, usize) {
    let from = boundary(chance, text);
    (from, floor(text, (from + 1 + chance.below(length)).min(text.len())).max(from))
}

/// Returns the last place up to `at` where a character begins or the text ends.
fn floor(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn after_any(chance: &mut Chance, text: &str, sign: char) -> Option<usize> {
    let places: Vec<usize> = text.match_indices(sign).map(|(at, _)| at + 1).collect();
    (!places.is_empty()).then(|| chance.pick(&places))
}
