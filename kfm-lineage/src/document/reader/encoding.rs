//! From bytes to text, as JSON readers guess the encoding: by a byte order mark, otherwise by the places of
//! zero bytes (RFC 4627). A guess may be wrong, so the bytes are read as UTF-8 too.

use std::borrow::Cow;

/// Lists the texts that a document may be, the likeliest first, and says of each whether it is a guess.
pub(super) fn texts(bytes: &[u8]) -> impl Iterator<Item = (Cow<'_, str>, bool)> {
    let guess = guess(bytes).map(|text| (text, true));
    guess.into_iter().chain(std::iter::once_with(|| (utf8(bytes.strip_prefix(MARK).unwrap_or(bytes)), false)))
}

/// Decodes a document that seems to be in another encoding than UTF-8.
fn guess(bytes: &[u8]) -> Option<Cow<'_, str>> {
    Some(match bytes {
        [0xff, 0xfe, 0, 0, rest @ ..] => utf32(rest, u32::from_le_bytes),
        [0, 0, 0xfe, 0xff, rest @ ..] => utf32(rest, u32::from_be_bytes),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0, 0, ..] => utf32(bytes, u32::from_be_bytes),
        [0, _, ..] => utf16(bytes, u16::from_be_bytes),
        [_, 0, 0, 0, ..] => utf32(bytes, u32::from_le_bytes),
        [_, 0, ..] => utf16(bytes, u16::from_le_bytes),
        _ => return None,
    })
}

/// The byte order mark of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Decodes UTF-8, and the single surrogates that some programs write in it. Bytes that do not encode a character become
/// U+FFFD, so every document has a text.
fn utf8(bytes: &[u8]) -> Cow<'_, str> {
    let mut text = String::new();
    let mut rest = bytes;
    loop {
        let error = match std::str::from_utf8(rest) {
            Ok(valid) if text.is_empty() && rest.len() == bytes.len() => return Cow::Borrowed(valid),
            Ok(valid) => {
                text.push_str(valid);
                return Cow::Owned(text);
            }
            Err(error) => error,
        };
        let (valid, wrong) = rest.split_at(error.valid_up_to());
        text.push_str(&String::from_utf8_lossy(valid));
        let (char, length) = match (surrogate(wrong), wrong.get(3..).and_then(surrogate)) {
            (Some(high @ 0xd800..=0xdbff), Some(low @ 0xdc00..=0xdfff)) => {
                (char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)), 6)
            }
            (Some(_), _) => (None, 3),
            (None, _) => (None, error.error_len().unwrap_or(wrong.len())),
        };
        text.push(char.unwrap_or(char::REPLACEMENT_CHARACTER));
        rest = &wrong[length..];
    }
}

/// Reads one half of a surrogate pair that is written as if it were a character.
fn surrogate(bytes: &[u8]) -> Option<u32> {
    match bytes {
        [0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, ..] => {
            Some(0xd000 | u32::from(second & 0x3f) << 6 | u32::from(third & 0x3f))
        }
        _ => None,
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Cow<'_, str> {
    let units = bytes.chunks(2).map(|pair| unit([pair[0], *pair.get(1).unwrap_or(&0)]));
    char::decode_utf16(units).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> Cow<'_, str> {
    let (units, rest) = bytes.as_chunks();
    let decoded = units.iter().map(|&bytes| char::from_u32(unit(bytes)));
    let rest = (!rest.is_empty()).then_some(None);
    decoded.chain(rest).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}
