//! Texts between quotes.

use std::borrow::Cow;

/// Finds the quote that ends a text; `from` is the place after its opening quote.
pub(super) fn closing(text: &str, from: usize, quote: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(length) = bytes.get(at..)?.iter().position(|&byte| byte == quote || byte == b'\\') {
        at += length;
        if bytes[at] == quote {
            return Some(at);
        }
        at += 2;
    }
    None
}

/// The text between two quotes, with its escapes read.
#[derive(Debug)]
pub(super) struct Unescaped<'t> {
    pub(super) text: Cow<'t, str>,
    /// Whether every escape is one of JSON's.
    pub(super) is_valid: bool,
}

/// Reads the escapes of a text.
///
/// A surrogate without its other half becomes U+FFFD. An escape that JSON does not have stands for its own
/// letters without the backslash, except `\xHH`, which some languages write.
pub(super) fn unescape(raw: &str) -> Unescaped<'_> {
    if !raw.contains('\\') {
        return Unescaped { text: Cow::Borrowed(raw), is_valid: true };
    }
    let mut read = Unescaped { text: Cow::Borrowed(""), is_valid: true };
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut chars = escape.chars();
        let kind = chars.next();
        rest = chars.as_str();
        match kind {
            Some(c @ ('"' | '\\' | '/')) => text.push(c),
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('t') => text.push('\t'),
            Some('u') if hex(rest, 4).is_some() => rest = unicode(rest, &mut text),
            // A line that goes on in the next one (JSON5).
            Some('\r' | '\n' | '\u{2028}' | '\u{2029}') => {
                read.is_valid = false;
                rest = if kind == Some('\r') { rest.strip_prefix('\n').unwrap_or(rest) } else { rest };
            }
            other => {
                read.is_valid = false;
                match (other, hex(rest, 2)) {
                    (Some('x'), Some(code)) => {
                        text.extend(char::from_u32(code));
                        rest = &rest[2..];
                    }
                    (other, _) => text.extend(other),
                }
            }
        }
    }
    text.push_str(rest);
    read.text = Cow::Owned(text);
    read
}

/// Reads the code after `\u`, and the other half of a surrogate pair; returns the rest of the text.
fn unicode<'t>(rest: &'t str, text: &mut String) -> &'t str {
    let (code, behind) = (hex(rest, 4).unwrap_or_default(), &rest[4..]);
    let low = behind.strip_prefix("\\u").and_then(|low| hex(low, 4));
    match (code, low) {
        (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
            text.extend(char::from_u32(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)));
            &behind[6..]
        }
        _ => {
            text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            behind
        }
    }
}

/// Reads this many hex digits at the beginning of a text.
fn hex(text: &str, digits: usize) -> Option<u32> {
    let digits = text.get(..digits)?;
    let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    all.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}
