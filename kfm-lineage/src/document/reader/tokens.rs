//! The statements of a text that is not valid JSON: every name with a value after it.
//!
//! Real catalogs have documents in which a comma is missing, two documents in one file, or half a document. A
//! person can read them, and so can a program that searches for a name. Brackets are followed as far as they
//! fit. A doubtful statement is kept, not left out: one statement too many can only add protection.

use std::borrow::Cow;

use super::DEPTH_MAX;
use super::quoted::{closing, unescape};
use super::tree::{Builder, Scalar, Tree};

/// Reads the statements of a text that begins like JSON; `None` for another text.
pub(super) fn read(text: &str) -> Option<Tree<'_>> {
    if !matches!(beginning(text), Some('{' | '[')) {
        return None;
    }
    let mut reader = Reader { text, at: 0, tree: Builder::default(), open: [0, 0], too_deep: 0, name: None };
    reader.tree.open(None, Scalar::Object);
    while let Some(byte) = text.as_bytes().get(reader.at).copied() {
        match byte {
            b'"' | b'\'' => reader.quoted(byte),
            b'{' | b'[' => reader.opening(byte),
            b'}' | b']' => reader.closing(byte),
            b'\\' => {
                reader.at += 1 + usize::from(text.as_bytes().get(reader.at + 1).is_some_and(u8::is_ascii))
            }
            byte if is_of_a_word(byte) => reader.word(),
            byte => {
                if byte == b',' {
                    reader.name = None;
                }
                reader.at += 1;
            }
        }
    }
    reader.tree.finish()
}

/// Returns the first character that is not a blank, not a control character and not in a comment.
fn beginning(text: &str) -> Option<char> {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}');
        if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, behind)| behind);
        } else if rest.starts_with("//") || rest.starts_with('#') {
            rest = rest.split_once('\n').map_or("", |(_, behind)| behind);
        } else {
            return rest.chars().next();
        }
    }
}

fn is_of_a_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.' | b'+' | b'-') || !byte.is_ascii()
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    tree: Builder<'t>,
    /// How many arrays and how many objects are open, so that a bracket that closes nothing is passed over at
    /// once.
    open: [usize; 2],
    /// How many were opened below the last level that is followed.
    too_deep: usize,
    /// The last text, if it may be the name of the next value.
    name: Option<Cow<'t, str>>,
}

impl<'t> Reader<'t> {
    fn opening(&mut self, byte: u8) {
        self.at += 1;
        let name = self.name.take();
        if self.tree.depth() > DEPTH_MAX {
            self.too_deep += 1;
            return;
        }
        self.open[usize::from(byte == b'{')] += 1;
        self.tree.open(name, if byte == b'{' { Scalar::Object } else { Scalar::Array });
    }

    /// Closes the innermost value of its kind, and all that was left open inside it.
    fn closing(&mut self, byte: u8) {
        self.at += 1;
        self.name = None;
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        let is_object = byte == b'}';
        if self.open[usize::from(is_object)] == 0 {
            return;
        }
        while let Some(inside) = self.tree.innermost() {
            self.open[usize::from(inside.is_object)] -= 1;
            self.tree.close();
            if inside.is_object == is_object {
                break;
            }
        }
    }

    /// Reads a text between quotes.
    ///
    /// A sign or a blank follows a closing quote directly. A letter there means that a quote was missing
    /// earlier, and that this quote opens the next text. The text before it is then stated twice: with and
    /// without the signs at its end.
    fn quoted(&mut self, quote: u8) {
        let from = self.at + 1;
        let end = closing(self.text, from, quote);
        if quote == b'\'' && end.is_none_or(|end| self.text[from..end].contains(['"', '\n'])) {
            self.at = from;
            return;
        }
        let Some(end) = end else {
            // It is half a document, and the text ends with it.
            self.at = self.text.len();
            return self.found(unescape(&self.text[from..]).text, Scalar::Text);
        };
        let opens_the_next = self.text.as_bytes().get(end + 1).is_some_and(|&byte| is_of_a_word(byte));
        let raw = &self.text[from..end];
        if opens_the_next && quote == b'"' {
            let trimmed = raw.trim_end_matches(|c: char| c.is_whitespace() || ",:{}[]".contains(c));
            let name = self.name.clone();
            self.found(unescape(trimmed).text, Scalar::Text);
            self.name = name;
            self.at = end;
        } else {
            self.at = end + 1;
        }
        self.found(unescape(raw).text, Scalar::Text);
    }

    /// Reads a number, a word such as `null`, or a name without quotes.
    fn word(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.iter().position(|&byte| !is_of_a_word(byte)).unwrap_or(rest.len());
        let word = &self.text[self.at..self.at + length];
        self.at += length;
        self.found(Cow::Borrowed(word), |word| match word.as_ref() {
            "null" => Scalar::Null,
            "true" => Scalar::Bool(true),
            "false" => Scalar::Bool(false),
            _ => Scalar::Number(word),
        });
    }

    /// States a value for the name before it, and keeps the value, which may be the name of the next one.
    fn found(&mut self, token: Cow<'t, str>, scalar: impl FnOnce(Cow<'t, str>) -> Scalar<'t>) {
        let name = self.name.replace(token.clone());
        let is_item = self.tree.innermost().is_some_and(|inside| !inside.is_object);
        if name.is_some() || is_item {
            self.tree.add(name, scalar(token));
        }
    }
}
