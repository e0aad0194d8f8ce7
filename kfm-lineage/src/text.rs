//! Texts as people see them: which characters cannot be seen, and how they are shown.
//!
//! Other people write paths, ids, titles and reasons. A character that reverses the direction of reading, or
//! that has no width, makes a person approve something else than what is there. So screens, and texts that
//! are shown to be signed, go through [`shown`]; answers for programs do not.

use std::borrow::Cow;

/// Says whether a character cannot be seen, or moves the characters around it.
///
/// These are controls (C0 and C1), separators of lines and paragraphs, marks and overrides of the direction,
/// characters without width, the soft hyphen, the byte order mark, tags, fillers that look like nothing,
/// selectors of variants, and annotations. Combining marks are not among them, nor are letters of any script.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{17b4}'
                | '\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Returns a text in which each character that [is hidden](is_hidden) is written as an escape, and nothing
/// else is changed.
///
/// A joiner or a selector directly after an emoji or another symbol stays, since it belongs to the picture.
/// Between letters it is escaped, although Persian and Indic scripts use it: two names that differ only in
/// such a character must not look alike.
///
/// ```
/// assert_eq!(kfm_lineage::text::shown("a\u{202e}b\n"), "a\\u{202e}b\\n");
/// assert_eq!(kfm_lineage::text::shown("Zażółć, سلام, שלום"), "Zażółć, سلام, שלום");
/// ```
pub fn shown(text: &str) -> Cow<'_, str> {
    shown_but(text, |_| false)
}

/// Does the same as [`shown`] with a text of several lines: its line feeds stay.
pub fn shown_lines(text: &str) -> Cow<'_, str> {
    shown_but(text, |c| c == '\n')
}

fn shown_but(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut before = ' ';
    for c in text.chars() {
        match is_hidden(c) && !stays(c) && !belongs_to_picture(before, c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
        before = c;
    }
    Cow::Owned(shown)
}

/// Says whether a joiner or a selector of emoji continues the symbol before it.
fn belongs_to_picture(before: char, c: char) -> bool {
    let is_symbol = before >= '\u{2190}' && !before.is_alphanumeric() && !is_hidden(before);
    match c {
        '\u{fe0e}' | '\u{fe0f}' => is_symbol,
        '\u{200d}' => is_symbol || before == '\u{fe0f}',
        _ => false,
    }
}

/// Returns a text in the letters that it looks like: full-width and styled letters in their plain form (NFKC), then
/// each character beyond ASCII as the prototype that it is confusable with (Unicode Technical Standard 39, 4), without
/// what cannot be seen. Characters of ASCII stay as they are.
///
/// Without the feature `lookalikes` only what cannot be seen is left out.
///
/// ```
/// # #[cfg(feature = "lookalikes")]
/// assert_eq!(kfm_lineage::text::lookalike("d\u{430}ta\u{2215}ｒａｗ"), "data/raw");
/// ```
pub fn lookalike(text: &str) -> String {
    #[cfg(feature = "lookalikes")]
    let text = plain_letters(text);
    text.chars().filter(|c| !is_hidden(*c)).collect()
}

#[cfg(feature = "lookalikes")]
fn plain_letters(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    use unicode_security::confusable_detection::skeleton;

    let mut plain = String::with_capacity(text.len());
    for c in text.nfkc() {
        match c.is_ascii() {
            true => plain.push(c),
            false => plain.extend(skeleton(c.encode_utf8(&mut [0; 4]))),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_shown_as_an_escape() {
        for (text, expected) in [
            ("a\u{1b}[31m", "a\\u{1b}[31m"),
            ("a\r\n\tb", "a\\r\\n\\tb"),
            ("\u{9b}", "\\u{9b}"),
            ("\u{202e}gpj.exe", "\\u{202e}gpj.exe"),
            ("\u{2066}a\u{2069}", "\\u{2066}a\\u{2069}"),
            ("a\u{200b}b\u{200d}c\u{2060}d", "a\\u{200b}b\\u{200d}c\\u{2060}d"),
            ("\u{feff}a\u{ad}b", "\\u{feff}a\\u{ad}b"),
            ("a\u{2028}b\u{2029}c", "a\\u{2028}b\\u{2029}c"),
            ("a\u{e0041}\u{e007f}", "a\\u{e0041}\\u{e007f}"),
            ("می\u{200c}خواهم", "می\\u{200c}خواهم"),
            ("a\u{fe0f}\u{3164}", "a\\u{fe0f}\\u{3164}"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        for text in [
            "a b",
            "Zażółć gęślą",
            "e\u{301}",
            "سلام",
            "שלום",
            "नमस्ते",
            "東京",
            "🗺\u{fe0f}",
            "👩\u{200d}🚀",
            "a\u{a0}b",
            "\\n",
            "°′″",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn lines_stay_lines_where_a_text_has_several() {
        assert_eq!(shown_lines("a\nb\r\n\u{202e}c\n"), "a\nb\\r\n\\u{202e}c\n");
    }
}
