//! JSON, as the most lenient common readers accept it.
//!
//! It accepts, beyond RFC 8259: `NaN`, `Infinity` and `-Infinity`, control characters in texts, surrogates
//! without their other half. Within RFC 8259, where some readers give up, it accepts numbers of any size, a
//! member's name more than once, and a thousand levels.

use std::borrow::Cow;

use super::DEPTH_MAX;
use super::quoted::{closing, unescape};
use super::tree::{Builder, Scalar, Tree};

/// Reads a text that consists of one JSON value; `None` if it does not.
pub(super) fn read(text: &str) -> Option<Tree<'_>> {
    let mut reader = Reader { text, at: 0, tree: Builder::default() };
    reader.blanks();
    reader.value(None)?;
    while let Some(inside) = reader.tree.innermost() {
        reader.blanks();
        if reader.take(if inside.is_object { b'}' } else { b']' }) {
            reader.tree.close();
            continue;
        }
        if !inside.is_empty {
            reader.expect(b',')?;
            reader.blanks();
        }
        let name = if inside.is_object { Some(reader.name()?) } else { None };
        reader.value(name)?;
    }
    reader.blanks();
    if reader.at == text.len() { reader.tree.finish() } else { None }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    tree: Builder<'t>,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.take(byte).then_some(())
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Reads the name of a member and the colon after it.
    fn name(&mut self) -> Option<Cow<'t, str>> {
        self.expect(b'"')?;
        let name = self.quoted()?;
        self.blanks();
        self.expect(b':')?;
        self.blanks();
        Some(name)
    }

    /// Reads a value without children, or opens one with children.
    fn value(&mut self, name: Option<Cow<'t, str>>) -> Option<()> {
        match self.peek()? {
            b'"' => {
                self.at += 1;
                let text = self.quoted()?;
                self.tree.add(name, Scalar::Text(text));
            }
            opening @ (b'{' | b'[') => {
                if self.tree.depth() == DEPTH_MAX {
                    return None;
                }
                self.at += 1;
                self.tree.open(name, if opening == b'{' { Scalar::Object } else { Scalar::Array });
            }
            b'n' => self.word("null", name, Scalar::Null)?,
            b't' => self.word("true", name, Scalar::Bool(true))?,
            b'f' => self.word("false", name, Scalar::Bool(false))?,
            b'N' => self.word("NaN", name, Scalar::Number(Cow::Borrowed("NaN")))?,
            b'I' => self.word("Infinity", name, Scalar::Number(Cow::Borrowed("Infinity")))?,
            b'-' if self.text[self.at..].starts_with("-I") => {
                self.word("-Infinity", name, Scalar::Number(Cow::Borrowed("-Infinity")))?;
            }
            _ => {
                let number = self.number()?;
                self.tree.add(name, Scalar::Number(Cow::Borrowed(number)));
            }
        }
        Some(())
    }

    fn word(&mut self, word: &str, name: Option<Cow<'t, str>>, scalar: Scalar<'t>) -> Option<()> {
        self.text[self.at..].starts_with(word).then(|| {
            self.at += word.len();
            self.tree.add(name, scalar);
        })
    }

    /// Reads a text, from behind its opening quote on.
    fn quoted(&mut self) -> Option<Cow<'t, str>> {
        let end = closing(self.text, self.at, b'"')?;
        let read = unescape(&self.text[self.at..end]);
        self.at = end + 1;
        read.is_valid.then_some(read.text)
    }

    fn number(&mut self) -> Option<&'t str> {
        let from = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Some(&self.text[from..self.at])
    }

    fn digits(&mut self) -> Option<()> {
        let from = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > from).then_some(())
    }
}
