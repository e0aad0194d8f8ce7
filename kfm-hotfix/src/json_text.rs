//! [`JsonText`]: a JSON value exactly as it is written.
//!
//! A correction replaces bytes by bytes, so the wrong value and the right value are kept as texts: a typed value
//! would make 30 of 30.0, and lose the last digits of long numbers. What a text says is read as well, to compare
//! values by.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::decimal::Decimal;
use crate::field::DEPTH_MAX;
use crate::span::depth_of;

/// The most levels of a value in an answer, since the answer itself is nested.
const ANSWER_LEVELS_MAX: usize = 64;

/// A JSON value with its exact text.
///
/// ```
/// use kfm_hotfix::JsonText;
/// let spelt: JsonText = "30.0".parse()?;
/// assert_eq!(spelt.text(), "30.0");
/// assert!(spelt.is_same(&"3e1".parse()?) && spelt != "3e1".parse()?);
/// assert_eq!(JsonText::from("UNKNOWN").text(), "\"UNKNOWN\"");
/// # Ok::<(), kfm_hotfix::JsonTextError>(())
/// ```
#[derive(Debug, Clone)]
pub struct JsonText {
    text: String,
    said: Said,
    /// Why some readers of JSON would refuse the text, or read it as something else; `None` if all agree.
    doubt: Option<&'static str>,
}

/// Why a text is not a JSON value that a hotfix can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonTextError {
    /// The text is not JSON: repair it, or put it in double quotes if it is meant as a text.
    #[error("this is not JSON: at={at}")]
    NotJson {
        /// The byte, from 0, at which the reader stopped.
        at: usize,
    },
    /// The text is JSON, nested deeper than readers of documents go: publish corrected documents instead.
    #[error("this is nested too deep: levels_max={DEPTH_MAX}")]
    TooDeep,
}

/// What a JSON text says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Null,
    Bool(bool),
    Number(Decimal),
    /// Code units of UTF-16, since a JSON text may hold half a surrogate pair.
    Text(Vec<u16>),
    Array(Vec<Said>),
    Object(BTreeMap<Vec<u16>, Said>),
}

impl JsonText {
    /// Returns the text, without white space around it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Says whether two values mean the same: numbers by their amount, exactly (`1` and `1.0`), texts by their
    /// characters, objects in any order; of a name that stands twice, the last one counts.
    pub fn is_same(&self, other: &Self) -> bool {
        self.said == other.said
    }

    /// Says why some readers of JSON would refuse the value, or read it as something else; `None` if all agree.
    pub fn doubt(&self) -> Option<&'static str> {
        self.doubt
    }

    /// Returns the value as common readers of JSON have it, for answers. It is a text if it has no such form, or is
    /// nested so deep that an answer with it could not be read.
    pub fn value(&self) -> Value {
        let text = || Value::String(self.text.clone());
        match depth_of(self.text.as_bytes()) <= ANSWER_LEVELS_MAX {
            true => serde_json::from_str(&self.text).unwrap_or_else(|_| text()),
            false => text(),
        }
    }

    /// Returns the text without white space, for screens.
    pub(crate) fn compact(&self) -> String {
        let (mut is_quoted, mut is_escaped) = (false, false);
        let keep = |c: &char| {
            let is_kept = is_quoted || !matches!(c, ' ' | '\t' | '\n' | '\r');
            match c {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = is_quoted,
                '"' => is_quoted = !is_quoted,
                _ => {}
            }
            is_kept
        };
        self.text.chars().filter(keep).collect()
    }
}

/// Two values are equal if their texts are equal, byte for byte.
impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for JsonText {}

impl fmt::Display for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for JsonText {
    type Err = JsonTextError;

    fn from_str(text: &str) -> Result<Self, JsonTextError> {
        let text = text.trim_matches([' ', '\t', '\n', '\r']);
        let mut reader = Reader { text: text.as_bytes(), at: 0, depth: 0, doubt: None };
        let said = reader.value()?;
        if reader.at != text.len() {
            return Err(reader.refused());
        }
        Ok(Self { said, doubt: reader.doubt, text: text.to_owned() })
    }
}

impl TryFrom<&Value> for JsonText {
    type Error = JsonTextError;

    fn try_from(value: &Value) -> Result<Self, JsonTextError> {
        value.to_string().parse()
    }
}

/// A text's characters, which become a JSON text in double quotes.
impl From<&str> for JsonText {
    fn from(text: &str) -> Self {
        Self {
            text: Value::from(text).to_string(),
            said: Said::Text(text.encode_utf16().collect()),
            doubt: None,
        }
    }
}

/// A reader for the grammar of RFC 8259, and for nothing beyond it.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    doubt: Option<&'static str>,
}

type Read<T> = Result<T, JsonTextError>;

impl Reader<'_> {
    fn refused(&self) -> JsonTextError {
        JsonTextError::NotJson { at: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, byte: u8) -> Read<()> {
        if self.take(byte) { Ok(()) } else { Err(self.refused()) }
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Read<Said> {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => Ok(Said::Text(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Read<Said>) -> Read<Said> {
        if self.depth == DEPTH_MAX {
            return Err(JsonTextError::TooDeep);
        }
        self.depth += 1;
        self.at += 1;
        self.skip_space();
        let said = read(self);
        self.depth -= 1;
        said
    }

    fn object(&mut self) -> Read<Said> {
        let mut members = BTreeMap::new();
        if self.take(b'}') {
            return Ok(Said::Object(members));
        }
        loop {
            let name = self.string()?;
            self.skip_space();
            self.expect(b':')?;
            self.skip_space();
            let member = self.value()?;
            if members.insert(name, member).is_some() {
                self.doubt = Some("a name stands twice in one object");
            }
            self.skip_space();
            if self.take(b'}') {
                return Ok(Said::Object(members));
            }
            self.expect(b',')?;
            self.skip_space();
        }
    }

    fn array(&mut self) -> Read<Said> {
        let mut elements = Vec::new();
        if self.take(b']') {
            return Ok(Said::Array(elements));
        }
        loop {
            elements.push(self.value()?);
            self.skip_space();
            if self.take(b']') {
                return Ok(Said::Array(elements));
            }
            self.expect(b',')?;
            self.skip_space();
        }
    }

    fn word(&mut self) -> Read<Said> {
        for (word, said) in [("null", Said::Null), ("true", Said::Bool(true)), ("false", Said::Bool(false))] {
            if self.text[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(said);
            }
        }
        Err(self.refused())
    }

    fn number(&mut self) -> Read<Said> {
        let start = self.at;
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
        // Only ASCII was passed over, so nothing is lost here.
        let number = String::from_utf8_lossy(&self.text[start..self.at]);
        if number.parse::<f64>().is_ok_and(f64::is_infinite) {
            self.doubt = Some("a number is too large for a double");
        }
        Ok(Said::Number(Decimal::of(&number)))
    }

    fn digits(&mut self) -> Read<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.refused()) } else { Ok(()) }
    }

    fn string(&mut self) -> Read<Vec<u16>> {
        self.expect(b'"')?;
        let mut units = Vec::new();
        loop {
            let start = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
            }
            // The text is UTF-8, and reading stops at ASCII only, so the part that was passed over ends at a
            // character.
            units.extend(String::from_utf8_lossy(&self.text[start..self.at]).encode_utf16());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    if char::decode_utf16(units.iter().copied()).any(|unit| unit.is_err()) {
                        self.doubt = Some("a text holds half of a surrogate pair");
                    }
                    return Ok(units);
                }
                Some(b'\\') => {
                    self.at += 1;
                    units.push(self.escape()?);
                }
                _ => return Err(self.refused()),
            }
        }
    }

    fn escape(&mut self) -> Read<u16> {
        let letter = self.peek().ok_or_else(|| self.refused())?;
        let unit = match letter {
            b'"' | b'\\' | b'/' => letter,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.hex(),
            _ => return Err(self.refused()),
        };
        self.at += 1;
        Ok(unit.into())
    }

    /// Reads the `u` of an escape and the four digits behind it.
    fn hex(&mut self) -> Read<u16> {
        let digits =
            self.text.get(self.at + 1..self.at + 5).filter(|four| four.iter().all(u8::is_ascii_hexdigit));
        let unit = digits
            .and_then(|four| std::str::from_utf8(four).ok())
            .and_then(|four| u16::from_str_radix(four, 16).ok())
            .ok_or_else(|| self.refused())?;
        self.at += 5;
        Ok(unit)
    }
}

#[cfg(test)]
#[path = "json_text_tests.rs"]
mod tests;
